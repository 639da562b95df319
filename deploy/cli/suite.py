"""test and coverage: the whole suite or its fast part, side by side where that is worth it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final
from xml.etree import ElementTree

import typer

from deploy.cli.common import Found, child_stdout, progress, stop_signals, told_to_program
from deploy.complaint import Complaint, Interrupted
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
) -> Found:
    """Run every test; what follows is handed to pytest."""
    install("dev", progress(), "the tools for tests and checks")
    words = words_for_pytest(context.args, fast=fast, cores=os.cpu_count() or 1)
    if require_kafka:
        if not (shutil.which("mvn") or os.environ.get("LOTSMAN_KAFKA_URL") or jars.kept().is_dir()):
            raise Complaint("--require-kafka: neither Maven nor LOTSMAN_KAFKA_URL nor fetched jars are here.")
        words = ["--require-kafka", *words]
    progress()(RUNNING)
    if not told_to_program():  # then pytest takes this very process over: its signals, and its end
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-c", PYTEST, *words], environment(fast=fast))
    code, found = counted(words, fast=fast)
    if code:
        raise Complaint("The tests did not pass.", code=code, found=found)
    return found


@app.command(context_settings=PASS_ON)
def coverage(context: typer.Context) -> Found:
    """Say which lines and branches of the contracts and services the fast tests walk through, the total last."""
    install("dev", progress(), "the tools for tests and checks")
    words = words_for_pytest(context.args, fast=True, cores=os.cpu_count() or 1)
    progress()(RUNNING)
    code, found = counted(["-q", *MEASURED, *words], fast=True)
    report = [sys.executable, "-m", "coverage", "report"]
    subprocess.run(report, cwd=ROOT, check=True, stdout=child_stdout())
    total = subprocess.run([*report, "--format=total"], cwd=ROOT, check=True, capture_output=True, text=True)
    found["percent"] = int(total.stdout)
    if code:
        raise Complaint("The tests did not pass.", code=code, found=found)
    return found


def counted(words: Sequence[str], *, fast: bool) -> tuple[int, Found]:
    """Runs pytest in a process of its own; its exit code, and how many tests it counted by what became of them.

    Raises Interrupted.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-c", PYTEST, f"--junitxml={report}", *words]
        child = subprocess.Popen(command, cwd=ROOT, env=environment(fast=fast), stdout=child_stdout())
        with stop_signals() as stopping:
            while child.poll() is None:
                if stopping.wait(0.2):
                    child.terminate()
                    child.wait()
        if stopping.is_set():
            raise Interrupted
        return child.returncode, _counts(report)


def _counts(report: Path) -> Found:
    if not report.exists():  # pytest ended before the first test
        return {"tests": 0}
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    names = ("tests", "failures", "errors", "skipped")
    return {name: sum(int(one.get(name, 0)) for one in suites) for name in names}


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
