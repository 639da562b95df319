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
