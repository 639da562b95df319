"""What processes use: processor time and the most memory, as the kernel counts them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.complaint import Complaint

PROC: Final = Path("/proc")
TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


def cpu_of(pids: Mapping[str, int]) -> dict[str, float]:
    """Processor time of each process with all that it started, in seconds, to a hundredth. Raises Complaint where the
    system does not tell."""
    if not PROC.is_dir():
        raise Complaint("What processes have used cannot be read from /proc.")
    stats = {int(one.name): _fields(one) for one in PROC.iterdir() if one.name.isdigit()}
    children: dict[int, list[int]] = {}
    for pid, fields in stats.items():
        if fields:
            children.setdefault(int(fields[1]), []).append(pid)

    def spent(pid: int) -> float:
        fields = stats.get(pid)
        # Own time, and that of children which have ended and were waited for.
        own = sum(int(one) for one in fields[11:15]) * TICK if fields else 0.0
        return own + sum(spent(child) for child in children.get(pid, ()))

    return {name: spent(pid) for name, pid in pids.items()}


def peak_mb(pid: int) -> int:
    """The most memory that a process has had since it started (resident, MiB)."""
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def _fields(process: Path) -> list[str]:
    try:
        # The name in brackets may hold spaces; what follows the last bracket is regular.
        return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
