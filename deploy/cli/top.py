"""top: a live view of the running system."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from contracts.reference import Role
from contracts.topics import SERVICES
from deploy.cli.common import ACTOR, Found, running, told_to_program
from deploy.complaint import Complaint
from deploy.local import keys
from deploy.local.home import home
from deploy.top.asking import answers_of
from deploy.top.rows import as_found
from services.chassis.figures import Since

app = typer.Typer()


@app.command()
def top(
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 2.0,
    url: Annotated[list[str] | None, typer.Option(help="Of another system: SERVICE=URL, once for each.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="A token with the role ops, where it is another's.")] = None,
) -> Found:
    """Watch rates, lag, outboxes, parked records and terms, live. With --json: two looks, and the figures once."""
    urls = dict(map(_named, url)) if url else {n: u for n, u in running().urls.items() if n in SERVICES}
    ask = partial(answers_of, urls, partial(_token, token_file))
    if told_to_program():
        return asyncio.run(_once(urls, token_file, every))
    from deploy.top.view import Top  # not for programs: it takes the terminal

    Top(ask, every).run()
    return {}


async def _once(urls: dict[str, str], token_file: Path | None, every: float) -> Found:
    bearer = partial(_token, token_file)
    before = await answers_of(urls, bearer)
    await asyncio.sleep(every)
    now = await answers_of(urls, bearer)
    return as_found({name: Since(before[name], one) for name, one in now.items()})


def _named(text: str) -> tuple[str, str]:
    name, _, url = text.partition("=")
    if name not in SERVICES or not url.startswith(("http://", "https://")):
        raise Complaint(f"A service is named as SERVICE=URL ({', '.join(SERVICES)}), not {text!r}.")
    return name, url.rstrip("/")


def _token(file: Path | None) -> str:
    if file is None:
        return keys.token(home(), [Role.OPS], sub=ACTOR)
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Complaint(f"The token in {file} cannot be read: {error}.") from error
