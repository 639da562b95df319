"""demo: the whole system from nothing to the result of its main job, then away again."""

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.common import (
    DEMO_BASE,
    err,
    out,
    port_base,
    progress,
    signals_interrupt,
    stop_signals,
)
from deploy.cli.main_job import main_job
from deploy.cli.run import Base, RequireKafka
from deploy.local import state
from deploy.local.home import home
from deploy.local.ports import Ports
from deploy.local.stack import Stack
from deploy.progress import task

app = typer.Typer()


@app.command()
def demo(
    base: Base = None,
    require_kafka: RequireKafka = False,
    inventory: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The US inventory of AI use cases 2025 (CSV): real input."),
    ] = None,
) -> None:
    """Start a fresh system beside any other, run the main job, show the result, stop."""
    began = time.monotonic()
    folder = home() / "demo"
    state.take(folder).close()  # a demo that still runs must not lose its files
    shutil.rmtree(folder, ignore_errors=True)
    ports = Ports(port_base(base, DEMO_BASE))
    with stop_signals() as stopping:
        say = progress()
        stack = Stack(folder, ports, say=say, require_kafka=require_kafka, stopping=stopping)
        stack.start()
        try:
            with signals_interrupt(stopping), task(say, "running the main job"):
                main_job(out, stack, inventory)
        finally:
            with task(say, "stopping"):
                stack.stop()
    err.print(f"done in {time.monotonic() - began:.0f} s; ./lotsman up keeps a system running")
