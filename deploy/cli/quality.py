"""test and check."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy.cli.common import err, progress
from deploy.local.home import ROOT
from deploy.local.packages import install

app = typer.Typer()
CHECKS: Final = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy", "--strict", "contracts", "services", "deploy"),
    ("lint-imports",),
)
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
    env = dict(os.environ)
    if require_kafka:
        env["LOTSMAN_REQUIRE_KAFKA"] = "1"
        if not (shutil.which("mvn") or env.get("LOTSMAN_KAFKA_URL") or _has_jars()):
            err.print("--require-kafka: neither Maven nor LOTSMAN_KAFKA_URL nor fetched jars are here.")
            raise typer.Exit(1)
    words = context.args or ["tests"]
    if all(word.startswith("-") for word in words):
        words = ["tests", *words]
    done = subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, env=env, check=False)
    raise typer.Exit(done.returncode)


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


def _has_jars() -> bool:
    from deploy.local import jars

    return jars.kept().is_dir()


def _dev_tools() -> None:
    install("dev", progress(), "the tools for tests and checks")
