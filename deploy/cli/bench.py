"""bench: measurements as ratios inside one run, printed as JSON with the commit, the machine and its load."""

import asyncio
import json
import tempfile
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from deploy.cli.common import Found, progress, signals_interrupt, stop_signals
from deploy.local.backends import Backends
from deploy.local.stack import Stack
from deploy.progress import Say, task

app = typer.Typer()
group = typer.Typer(help="Measurements on this machine, printed as JSON.")
app.add_typer(group, name="bench")

S = TypeVar("S", Backends, Stack)


@group.callback()
def measurements() -> None:
    """Measurements on this machine, printed as JSON."""


@group.command()
def hop(
    records: Annotated[int, typer.Option(min=1000)] = 5000,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
) -> Found:
    """One hop of the engine: in batches, one at a time, and a bare loop beside it."""
    from bench.hop import run

    return _on_backends(lambda backends, say: run(backends, records, rounds, say))


@group.command()
def queue(
    opened: Annotated[int, typer.Option("--open", min=100)] = 10_000,
    closed: Annotated[int, typer.Option(min=0)] = 20_000,
    requests: Annotated[int, typer.Option(min=20)] = 60,
) -> Found:
    """How soon the queues of expertise answer: every view and filter, the counts, the board."""
    from bench.queue import run

    return _on_backends(lambda backends, say: run(backends, opened, closed, requests, say=say))


@group.command()
def pages(
    opened: Annotated[int, typer.Option("--open", min=100)] = 10_000,
    closed: Annotated[int, typer.Option(min=0)] = 2_000,
    experts: Annotated[int, typer.Option(min=20, max=1_000)] = 200,
    applications: Annotated[int, typer.Option(min=60)] = 1_000,
    requests: Annotated[int, typer.Option(min=20)] = 40,
    pilots: Annotated[int, typer.Option(min=0, help="How many the register has at least.")] = 100_000,
) -> Found:
    """How soon the desk's pages are there, and how much a first view sends."""
    from bench.pages import run

    return _on_backends(
        lambda backends, say: run(backends, opened, closed, requests, experts, applications, pilots, say)
    )


@group.command()
def register(
    pilots: Annotated[int, typer.Option(min=100)] = 1_000_000,
    requests: Annotated[int, typer.Option(min=20)] = 60,
) -> Found:
    """How soon the register answers: lists, search, facets, cards, similar pilots; and the same with 10,000."""
    from bench.register import run

    return _on_backends(lambda backends, say: run(backends, pilots, requests, say))


@group.command()
def history(
    pilots: Annotated[int, typer.Option(min=1, help="How many pilots get a fact in a round.")] = 40,
    rounds: Annotated[int, typer.Option(min=1)] = 7,
) -> Found:
    """What one fact costs by the reports of its pilot (0 to 1,000) and by the stored pilots (2,000 and 200,000)."""
    from bench.history import REPORTS, STORED, run

    return _on_backends(lambda backends, say: run(backends, REPORTS, STORED, pilots, rounds, say))


@group.command()
def door(
    seconds: Annotated[int, typer.Option(min=1, help="For how long POSTs come at each rate.")] = 10,
) -> Found:
    """What one POST costs until it is in the register, at 1, 20, 100 and 200 a second, batches, Kafka, a flood."""
    from bench.door import RATES, run
    from bench.surroundings import SAMPLED

    return _on(partial(Stack, extra_env=SAMPLED), lambda stack, say: run(stack, RATES, seconds, say=say))


@group.command()
def pipeline(
    pilots: Annotated[int, typer.Option(min=10)] = 2000,
    share: Annotated[int, typer.Option(min=2, help="Pilots for the ways that take each message by itself.")] = 20,
) -> Found:
    """The three services from an agency's topic to the register, beside a bare loop, the textbook and a rival."""
    from bench.pipeline.measure import KILLED, run
    from bench.surroundings import surroundings

    around, say = surroundings(), progress()
    with tempfile.TemporaryDirectory() as folder, stop_signals() as stopping:
        found = run(Path(folder), say, stopping, pilots=pilots, share=share, killed=min(KILLED, pilots))
    return _printed({**found, **around})


def _on_backends(measure: Callable[[Backends, Say], Coroutine[Any, Any, Found]]) -> Found:
    """Measures on a MongoDB and a Kafka of its own, and prints what was found."""
    return _on(Backends, measure)


def _on(made: Callable[..., S], measure: Callable[[S, Say], Coroutine[Any, Any, Found]]) -> Found:
    """The same on back ends alone (Backends) or on a whole system (Stack)."""
    from bench.surroundings import surroundings

    around, say = surroundings(), progress()
    with tempfile.TemporaryDirectory() as folder, stop_signals() as stopping:
        running = made(Path(folder), say=say, stopping=stopping)
        with task(say, "starting what is measured"):
            running.start()
        try:
            with signals_interrupt(stopping):
                found = asyncio.run(measure(running, say))
        finally:
            running.stop()
    return _printed({**found, **around})


def _printed(found: Found) -> Found:
    typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    return found
