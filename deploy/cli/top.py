"""top: a live view of the running system."""

import asyncio
from functools import partial
from typing import Annotated

import typer

from contracts.reference import Role
from contracts.topics import SERVICES
from deploy.cli.common import Found, reached, told_to_program
from deploy.cli.reach import ACTOR
from deploy.top.asking import Bearer, answers_of
from deploy.top.rows import as_found
from services.chassis.figures import Since

app = typer.Typer()


@app.command()
def top(
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 2.0,
) -> Found:
    """Watch rates, lag, outboxes, parked records and terms, live. With --json: two looks, and the figures once."""
    system = reached()
    urls = {name: url for name, url in system.urls.items() if name in SERVICES}
    bearer = partial(system.token, [Role.OPS], sub=ACTOR)
    bearer()  # what is wrong with a token is said before the view takes the terminal
    ask = partial(answers_of, urls, bearer)
    if told_to_program():
        return asyncio.run(_once(urls, bearer, every))
    from deploy.top.view import Top  # not for programs: it takes the terminal

    Top(ask, every).run()
    return {}


async def _once(urls: dict[str, str], bearer: Bearer, every: float) -> Found:
    before = await answers_of(urls, bearer)
    await asyncio.sleep(every)
    now = await answers_of(urls, bearer)
    return as_found({name: Since(before[name], one) for name, one in now.items()})
