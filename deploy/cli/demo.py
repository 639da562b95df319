"""demo: the whole system from nothing to the result of its main job, then away again."""

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from contracts.topics import DESK
from deploy.cli.common import (
    DEMO_BASE,
    Found,
    err,
    out,
    port_base,
    progress,
    signals_interrupt,
    stop_signals,
)
from deploy.cli.main_job import main_job
from deploy.cli.run import Base, RequireKafka, where
from deploy.local import state
from deploy.local.home import home
from deploy.local.ports import Ports
from deploy.local.stack import Stack, commands
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
    keep: Annotated[bool, typer.Option("--keep", help="Keep it running then, to look around.")] = False,
) -> Found:
    """Start a fresh system beside any other, run the main job on some sixty fictional pilots, show the result, stop."""
    began = time.monotonic()
    folder = home() / "demo"
    state.take(folder).close()  # a demo that still runs must not lose its files
    shutil.rmtree(folder, ignore_errors=True)
    ports = Ports(port_base(base, DEMO_BASE))
    with stop_signals() as stopping:
        say = progress()
        services = commands(desk=True, follower=keep)  # who looks around changes entries, and Kafka is to follow
        stack = Stack(folder, ports, say=say, require_kafka=require_kafka, services=services, stopping=stopping)
        out.print(f"pages: {stack.urls[DESK]} (while this runs; --keep leaves it running)", soft_wrap=True)
        stack.start()
        try:
            with signals_interrupt(stopping):
                found = main_job(out, stack, inventory, say)
            found |= {"seconds": round(time.monotonic() - began, 1), **stack.backends.notes()}
            _where_to_look(stack, found["trace"], keep)
            while keep and not stopping.wait(1.0):
                pass
        finally:
            with task(say, "stopping"):
                stack.stop()
    err.print(f"done in {time.monotonic() - began:.0f} s")
    return found


def _where_to_look(stack: Stack, trace: str, keep: bool) -> None:
    out.rule("Where to look")
    out.print(f"./lotsman trace --demo {trace}   shows the trace again", soft_wrap=True)
    if keep:
        for line in where(stack.urls):
            out.print(line, soft_wrap=True)
        key = f"LOTSMAN_HOME={stack.folder} ./lotsman token --role registrar"
        out.print(f"a token for it: {key}\nCtrl-C stops it.", soft_wrap=True)
        return
    out.print("./lotsman demo --keep   leaves all of this running, to be looked at over HTTP", soft_wrap=True)
    out.print("./lotsman up   starts an empty system of your own:", soft_wrap=True)
    ports = Ports(port_base(None))
    for line in where({name: f"http://127.0.0.1:{ports[name]}" for name in stack.urls}):
        out.print(f"   {line}", soft_wrap=True)
