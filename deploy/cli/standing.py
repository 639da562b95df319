"""accept-loss: lets a service go on beside a topic of its own that was lost for good."""

import asyncio
from typing import Annotated

import typer

from contracts.topics import SERVICES, fact_topic
from deploy.cli.common import Found, out, port_base, progress, stop_signals
from deploy.cli.run import Base
from deploy.complaint import Complaint
from deploy.local import databases, state
from deploy.local.backends import Backends
from deploy.local.home import home
from deploy.local.ports import Ports
from deploy.progress import task
from services.chassis import marks
from services.chassis.store import SUBJECTS, opened

app = typer.Typer()


@app.command("accept-loss")
def command(
    service: Annotated[str, typer.Argument(help="intake, expertise or registry")],
    base: Base = None,
    sure: Annotated[bool, typer.Option("--sure", help="There is no backup to bring back.")] = False,
) -> Found:
    """Let a stopped service go on beside its own topic as it is now, though facts of it are lost for good.

    From then on nobody can make its database anew from the topic.
    """
    if service not in SERVICES:
        raise Complaint(f"There is no service {service}; there are {', '.join(SERVICES)}.")
    if not sure:
        raise Complaint(
            f"What is lost of {fact_topic(service)} stays lost: the database of {service} can never be made anew from "
            "it, and other services wait for facts that they had not read. If there is a backup, bring that back "
            "instead. If there is none, say --sure."
        )
    folder = home()
    with state.take(folder), stop_signals() as stopping:
        say = progress()
        backends = Backends(folder, Ports(port_base(base)), say=say, stopping=stopping)
        with task(say, "starting MongoDB and Kafka"):
            backends.start()
        try:
            database = databases.current(folder, service)
            asyncio.run(forget(backends.mongo_url, database))
        finally:
            backends.stop()
    out.print(f"{service} takes its topic as it is, from its next start on")
    return {"service": service, "database": database}


async def forget(mongo_url: str, database: str) -> None:
    """Takes a database's marks away: its next start finds them anew, from what the topic has and groups committed. One
    without a document begins with none: it reads all inputs again."""
    async with opened(mongo_url, database) as store:
        await store.remove(marks.COLLECTION, [marks.ID])
        if not await store.count(SUBJECTS, {}, 1):
            await marks.begin(store)
