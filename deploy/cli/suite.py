"""test and coverage: the whole suite or its fast part, side by side where that is worth it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from deploy.cli.common import progress
from deploy.complaint import Complaint
from deploy.local import jars
from deploy.local.home import ROOT
from deploy.local.packages import install

app = typer.Typer()
FAST: Final = ("tests/unit", "tests/contract")
QUICK: Final = ("-m", "not slow and not mongo and not kafka")
WORKERS: Final = 4
"""At most so many at once, however many cores there are: an end-to-end test runs a system of its own in each."""
ALONE: Final = {"--pdb", "--trace", "-s", "--capture=no", "--co", "--collect-only", "--fixtures", "--markers"}
"""Words for pytest that make no sense, or no difference, in several processes."""
CHOSEN: Final = ("-n", "--numprocesses", "--dist", "-pno:xdist")
"""Words that say how many processes there shall be."""
MEASURED: Final = ("--cov=contracts", "--cov=services", "--cov-branch", "--cov-report=")
PYTEST: Final = """
import signal, sys, pytest
signal.signal(signal.SIGTERM, signal.default_int_handler)
sys.exit(pytest.main(sys.argv[1:]))
"""
"""SIGTERM is to pytest what Ctrl-C is: so it stops the back ends that its tests started."""
RUNNING: Final = "starting pytest, which shows how far it is as soon as the first tests are done"
PASS_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=PASS_ON)
def test(
    context: typer.Context,
    fast: Annotated[bool, typer.Option("--fast", help="Units and contracts alone: no broker, no database.")] = False,
    require_kafka: Annotated[
        bool, typer.Option("--require-kafka", help="Fail rather than skip what needs Apache Kafka.")
    ] = False,
) -> None:
    """Run every test; what follows is handed to pytest."""
    install("dev", progress(), "the tools for tests and checks")
    words = words_for_pytest(context.args, fast=fast, cores=os.cpu_count() or 1)
    if require_kafka:
        if not (shutil.which("mvn") or os.environ.get("LOTSMAN_KAFKA_URL") or jars.kept().is_dir()):
            raise Complaint("--require-kafka: neither Maven nor LOTSMAN_KAFKA_URL nor fetched jars are here.")
        words = ["--require-kafka", *words]
    progress()(RUNNING)
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "-c", PYTEST, *words], environment(fast=fast))


@app.command(context_settings=PASS_ON)
def coverage(context: typer.Context) -> None:
    """Say which lines and branches of the contracts and services the fast tests walk through, the total last."""
    install("dev", progress(), "the tools for tests and checks")
    words = words_for_pytest(context.args, fast=True, cores=os.cpu_count() or 1)
    progress()(RUNNING)
    ran = subprocess.run(
        [sys.executable, "-c", PYTEST, "-q", *MEASURED, *words], cwd=ROOT, env=environment(fast=True), check=False
    )
    subprocess.run([sys.executable, "-m", "coverage", "report"], cwd=ROOT, check=True)
    raise typer.Exit(ran.returncode)


def environment(*, fast: bool) -> dict[str, str]:
    """What the tests and all that they start find in their environment."""
    found = dict(os.environ)
    if fast:
        found["LOTSMAN_TESTS"] = "fast"  # a part of the examples of a property: tests/effort.py
    if found.pop("PYTHONDONTWRITEBYTECODE", None):
        # Else each of the many processes of a run would compile every library anew.
        found["PYTHONPYCACHEPREFIX"] = str(ROOT / ".pytest_cache" / "compiled")
    return found


def words_for_pytest(given: Sequence[str], *, fast: bool, cores: int) -> list[str]:
    """What pytest is told: what was given, and which tests, and how many at once, where that was left open."""
    named = [word for word in given if word[:1] not in ("", "-") and (ROOT / word.partition("::")[0]).exists()]
    words = [*QUICK, *given] if fast else [*given]
    if fast and not named:
        words += FAST
    few = bool(named) and len(named) < 3 and not any((ROOT / word).is_dir() for word in named)
    chosen = any(word.startswith(CHOSEN) for word in given) or "no:xdist" in given
    if cores < 2 or few or chosen or ALONE & {*given}:
        return words
    # A file stays in one process: what it shares is made once.
    return ["-n", str(min(cores, WORKERS)), "--dist", "loadfile", "--no-loadscope-reorder", *words]
