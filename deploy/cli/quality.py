"""check."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy.cli.common import Found, err, out, progress
from deploy.complaint import Complaint
from deploy.local.home import ROOT
from deploy.local.packages import install
from deploy.progress import task

app = typer.Typer()
CHECKS: Final = {
    "types": ("mypy", "--strict", "contracts", "services", "deploy", "bench", "tests", "examples"),
    "imports": ("lint-imports", "--no-logo"),
    "style": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "rules": ("python", "-m", "deploy.checks", "rules"),
    "literals": ("python", "-m", "deploy.checks", "literals"),
    "words": ("python", "-m", "deploy.checks", "words"),
    "dead": ("python", "-m", "deploy.checks", "dead"),
    "catalogues": ("python", "-m", "deploy.checks", "catalogues"),
    "matches": ("python", "-m", "deploy.checks", "matches"),
    "purity": ("python", "-m", "deploy.checks", "purity"),
    "twins": ("python", "-m", "deploy.checks", "twins"),
    "lengths": ("python", "-m", "deploy.checks", "lengths"),
    "duplicates": ("python", "-m", "deploy.checks", "duplicates"),
}
"""Every check by its name, the longest first: they run side by side."""
NOT_RUN: Final = 127
"""What a shell says of a program that it cannot run."""
ANEW: Final = "Remove the environment {}: ./lotsman makes it anew."
MOST_BYTES: Final = 4096
"""Of the first line of a program."""


@app.command()
def check(
    only: Annotated[list[str] | None, typer.Argument(help=f"Some of: {', '.join(CHECKS)}. All if left out.")] = None,
) -> Found:
    """Run the checks of style, types, imports, pure rooms, rule data, words, dead and doubled code, side by side."""
    if unknown := set(only or ()) - set(CHECKS):
        raise Complaint(f"There is no check {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}.")
    _dev_tools()
    asked = {name: words for name, words in CHECKS.items() if not only or name in only}
    failed, seconds_of = [], dict[str, float]()
    with task(progress(), "checks", len(asked)) as checking, ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(_said, words): name for name, words in asked.items()}
        for done in as_completed(running):
            name, (code, text, seconds) = running[done], done.result()
            checking.advance()
            seconds_of[name] = round(seconds, 1)
            if code:
                failed.append(name)
                err.print(text.rstrip(), markup=False, soft_wrap=True)
            err.print(f"{'[red]failed[/red]' if code else 'holds'}  {name} ({seconds:.1f} s)")
    told = {"checks": {name: {"holds": name not in failed, "seconds": took} for name, took in seconds_of.items()}}
    if failed:
        raise Complaint(f"Failed: {', '.join(failed)}.", found=told)
    out.print(f"all {len(asked)} checks hold")
    return told


def _said(words: Sequence[str]) -> tuple[int, str, float]:
    """The exit code of a tool of the environment, what it said, and how many seconds it took. Where it cannot be run,
    what it says is why, and what to do."""
    began = time.monotonic()
    tool = Path(sys.prefix) / "bin" / words[0]
    try:
        done = subprocess.run([str(tool), *words[1:]], cwd=ROOT, check=False, capture_output=True, text=True)
    except OSError as error:
        return NOT_RUN, f"{_why_not_run(tool, error)} {ANEW.format(sys.prefix)}", time.monotonic() - began
    return done.returncode, done.stdout + done.stderr, time.monotonic() - began


def _why_not_run(tool: Path, error: OSError) -> str:
    if not tool.exists():
        return f"The program {tool} is not there."
    with suppress(OSError), tool.open("rb") as script:
        mark, named = script.read(2), script.readline(MOST_BYTES).split()
        if mark == b"#!" and named and not (by := Path(os.fsdecode(named[0]))).exists():
            return f"The program {tool} is to be run by {by}, which is not there: it was made in another folder."
    return f"The program {tool} cannot be run: {error.strerror}."


def _dev_tools() -> None:
    install("dev", progress(), "the tools for tests and checks")
