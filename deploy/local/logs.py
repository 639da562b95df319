"""Logs of the embedded stack, kept by size: whoever writes one appends to it, so it can be emptied under the pen."""

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from deploy.local.home import directory
from deploy.local.kept import Kept

PIECE: Final = 1024 * 1024


def opened(log: Path, kept: Kept) -> BinaryIO:
    """A log begun anew, what was there put aside; where that cannot be, nothing that is written to it is kept.

    Raises Complaint where its directory cannot be made.
    """
    directory(log.parent)
    try:
        if log.exists():
            _make_room(log, kept.log_files)
            log.replace(_aside(log, 1))
        return log.open("ab", buffering=0)
    except OSError:  # a full disk above all: what cannot be logged keeps nothing from running
        return Path(os.devnull).open("ab", buffering=0)


def cut(folder: Path, kept: Kept) -> None:
    """Puts aside the end of every log of a folder that has grown too large, and empties it. What is written in between
    is lost."""
    for log in folder.glob("*.log"):
        with suppress(OSError):
            if log.stat().st_size > kept.log_megabytes * 2**20:
                _cut(log, kept)


def _cut(log: Path, kept: Kept) -> None:
    _make_room(log, kept.log_files)
    try:
        _copy_end(log, _aside(log, 1), int(kept.log_megabytes * 2**20))
    except OSError:  # a full disk: it is emptied all the same
        _aside(log, 1).unlink(missing_ok=True)
    os.truncate(log, 0)


def _copy_end(log: Path, to: Path, most: int) -> None:
    with log.open("rb") as source, to.open("wb") as target:
        left = min(most, log.stat().st_size)
        source.seek(-left, os.SEEK_END)
        while piece := source.read(min(PIECE, left)):
            target.write(piece)
            left -= len(piece)


def _make_room(log: Path, files: int) -> None:
    """Moves what was put aside one place on; what has no place any more goes."""
    for path in log.parent.glob(f"{log.name}.*"):
        number = path.name.removeprefix(f"{log.name}.")
        if number.isdigit() and int(number) >= files:
            path.unlink()
    for place in range(files - 1, 0, -1):
        if (path := _aside(log, place)).exists():
            path.replace(_aside(log, place + 1))


def _aside(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
