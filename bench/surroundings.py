"""Where and when a measurement was made: figures of two runs compare only where these are alike."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any, Final

from deploy.local.home import ROOT

SAMPLED: Final = {
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0.01",
    "LOTSMAN_AGENCY_EVENTS_A_MINUTE": "0",
}
"""Tracing at 1 %, as it runs in production; no agency is held up by its quota but one that has its own: what the system
takes is measured, and not what it lets in."""


def surroundings() -> dict[str, Any]:
    """The commit (and whether files differ from it), the machine, and its load before the measurement.

    `memory_mb` is in MiB; `load` has the averages of running processes over 1, 5 and 15 minutes, as the kernel counts.
    """
    return {"commit": commit(), "machine": machine(), "load": [round(one, 2) for one in os.getloadavg()]}


def commit() -> str | None:
    """The commit that is checked out, `+` behind it where files differ from it; None outside a repository."""
    head = _git("rev-parse", "HEAD")
    return None if head is None else head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def machine() -> dict[str, Any]:
    """The processor, its cores, the memory, the system, and the Python at work."""
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _first(path: str, name: str) -> str | None:
    """The first value of this name in a file of `name : value` lines."""
    if not Path(path).exists():
        return None
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
