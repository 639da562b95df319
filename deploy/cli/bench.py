"""bench: measurements as ratios inside one run, printed as JSON."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.common import progress, stop_signals
from deploy.local.backends import Backends

app = typer.Typer()
group = typer.Typer(help="Measurements on this machine, printed as JSON.")
app.add_typer(group, name="bench")


@group.callback()
def measurements() -> None:
    """Measurements on this machine, printed as JSON."""


@group.command()
def hop(
    records: Annotated[int, typer.Option(min=1000)] = 5000,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    """One hop of the engine: in batches, one at a time, and a bare loop beside it."""
    from bench.hop import run

    with (
        tempfile.TemporaryDirectory() as folder,
        stop_signals() as stopping,
        Backends(Path(folder), say=progress(), stopping=stopping) as backends,
    ):
        found = asyncio.run(run(backends, records, rounds))
    typer.echo(json.dumps(found, indent=1))


@group.command()
def queue(
    opened: Annotated[int, typer.Option("--open", min=100)] = 10_000,
    closed: Annotated[int, typer.Option(min=0)] = 20_000,
    requests: Annotated[int, typer.Option(min=20)] = 60,
) -> None:
    """How soon the queues of expertise answer: every view and filter, the counts, the board."""
    from bench.queue import run

    with (
        tempfile.TemporaryDirectory() as folder,
        stop_signals() as stopping,
        Backends(Path(folder), say=progress(), stopping=stopping) as backends,
    ):
        found = asyncio.run(run(backends, opened, closed, requests))
    typer.echo(json.dumps(found, indent=1))


@group.command()
def register(
    pilots: Annotated[int, typer.Option(min=100)] = 1_000_000,
    requests: Annotated[int, typer.Option(min=20)] = 60,
) -> None:
    """How soon the register answers: lists, search, facets, cards, similar pilots; and the same with 10,000."""
    from bench.register import run

    with (
        tempfile.TemporaryDirectory() as folder,
        stop_signals() as stopping,
        Backends(Path(folder), say=progress(), stopping=stopping) as backends,
    ):
        found = asyncio.run(run(backends, pilots, requests))
    typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
