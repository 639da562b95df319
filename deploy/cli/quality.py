"""test and check."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy.cli.common import err, progress
from deploy.complaint import Complaint
from deploy.local import jars
from deploy.local.home import ROOT
from deploy.local.packages import install

app = typer.Typer()
CHECKS: Final = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy", "--strict", "contracts", "services", "deploy", "bench"),
    ("lint-imports",),
)
PYTEST: Final = """
import signal, sys, pytest
signal.signal(signal.SIGTERM, signal.default_int_handler)
sys.exit(pytest.main(sys.argv[1:]))
"""
"""SIGTERM is to pytest what Ctrl-C is: so it stops the back ends that its tests started."""
PASS_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=PASS_ON)
def test(
    context: typer.Context,
    require_kafka: Annotated[
        bool, typer.Option("--require-kafka", help="Fail rather than skip what needs Apache Kafka.")
    ] = False,
) -> None:
    """Run every test; what follows is handed to pytest."""
    _dev_tools()
    words = context.args
    if require_kafka:
        if not (shutil.which("mvn") or os.environ.get("LOTSMAN_KAFKA_URL") or jars.kept().is_dir()):
            raise Complaint("--require-kafka: neither Maven nor LOTSMAN_KAFKA_URL nor fetched jars are here.")
        words = ["--require-kafka", *words]
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-c", PYTEST, *words])


@app.command()
def check() -> None:
    """Run the style, type and import checks."""
    _dev_tools()
    failed = []
    for tool, *words in CHECKS:
        done = subprocess.run([str(Path(sys.prefix) / "bin" / tool), *words], cwd=ROOT, check=False)
        if done.returncode:
            failed.append(" ".join((tool, *words)))
    if failed:
        err.print(f"[red]failed:[/red] {'; '.join(failed)}")
        raise typer.Exit(1)


def _dev_tools() -> None:
    install("dev", progress(), "the tools for tests and checks")
