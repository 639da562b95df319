"""Where things are on this machine, and whether there is room for more."""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

from deploy.complaint import Complaint

ROOT: Final = Path(__file__).resolve().parents[2]
"""The checked-out repository."""
LONGEST: Final = 440
"""Bytes of the path of a stack's folder: SQLite takes 512, with its own files' names."""


def home() -> Path:
    """The directory of everything made at run time: `.lotsman`, or what LOTSMAN_HOME says."""
    return Path(os.environ.get("LOTSMAN_HOME") or ROOT / ".lotsman").absolute()


def directory(path: Path) -> Path:
    """The directory, made if need be and readable by its owner alone. Raises Complaint."""
    try:
        for step in (*reversed(path.parents), path):
            if not step.is_dir():
                step.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise Complaint(f"The directory {path} cannot be made: {error.strerror}.") from error
    return path


def need_space(path: Path, megabytes: int, purpose: str) -> None:
    """Raises Complaint when the disk under an existing directory has less room than this."""
    free = shutil.disk_usage(path).free // 2**20
    if free < megabytes:
        raise Complaint(f"Not enough free space under {path}: {purpose} needs {megabytes} MB, {free} MB are free.")


def need_short(path: Path) -> None:
    """Raises Complaint when the path of a stack's folder is longer than what works in it can take."""
    length = len(os.fsencode(path))
    if length > LONGEST:
        raise Complaint(
            f"The path {path} is too long: {length} bytes, and {LONGEST} at most can be used; "
            "take another place, or set LOTSMAN_HOME to a shorter one."
        )


def read_json(path: Path) -> Any:
    """What a file of ours holds; None where there is none. Raises Complaint where it holds no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Complaint(
            f"{path} cannot be read ({error}): a disk may have lost it; "
            f"bring it back from a copy, or remove {path.parent} to begin anew."
        ) from error


def write_private(path: Path, text: str) -> None:
    """Writes a file of mode 0600 so that a reader sees the old text or the new one, never half."""
    half = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
