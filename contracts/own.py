"""What a deployment has of its own beside the package: a folder of editions and calendars (`LOTSMAN_EDITIONS`).

    FOLDER/*.toml              editions: each whole, or `extends` a packaged one and says what is different
    FOLDER/calendars/*.toml    calendars, each whole

One with the id of a packaged one stands in its place. The folder is read whole when a process starts, and every fault
in it is told at once: nobody works by a part of it. So a file of another name is a fault, too: whoever put `by.tml`
there would believe that it is in force. Hidden files and READMEs are passed over.
"""

import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from .data import Data

VARIABLE: Final = "LOTSMAN_EDITIONS"
"""The environment variable that names the folder; without it there is nothing but the package."""
CALENDARS: Final = "calendars"
"""The folder of the calendars, within that of the editions."""
NO_DATA: Final = "is no .toml file; other names are not read, but for READMEs and hidden files"
"""What is said of what else stands in a folder of data files."""
EXTENDS: Final = "extends"
"""The key by which a file names the packaged one that it changes."""
Table = Mapping[str, Any]
T = TypeVar("T", bound=Data)


class FaultyOwn(ValueError):
    """Own editions or calendars cannot be used: the message is one line for each fault, with its file and its key."""

    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__("\n".join(["Own editions and calendars cannot be used:", *faults]))


def folder() -> Path | None:
    """The folder that the environment names."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def read(
    model: type[T],
    packaged: Mapping[str, Table],
    *within: str,
    more: Callable[[T], Iterable[str]] = lambda _one: (),
    top: Path | None = None,
) -> tuple[dict[str, T], list[str]]:
    """What own files say, by id, and every fault in them. `packaged` are the tables that a file may extend, by id;
    `more` finds what a file by itself does not show to be wrong; `top` is the folder, None: that of the environment."""
    found, faults, of_id = dict[str, T](), list[str](), dict[str, str]()
    top = top or folder()
    if top is None:
        return found, faults
    if not top.is_dir():
        return found, [f"{VARIABLE}: there is no folder {top}"]
    paths, others = files(top.joinpath(*within))
    faults += [f"{path.relative_to(top).as_posix()}: {NO_DATA}" for path in others]
    for path in paths:
        name = path.relative_to(top).as_posix()
        one, wrong = read_file(model, packaged, path)
        faults += [f"{name}: {what}" for what in wrong]
        if one is None:
            continue
        id_ = str(one.model_dump(include={"id"})["id"])
        if (other := of_id.setdefault(id_, name)) != name:
            faults.append(f"{name}: id: {id_} is that of {other} as well")
        faults += [f"{name}: {what}" for what in more(one)]
        found[id_] = one
    return found, faults


def files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The data files of a folder, if it is there, in the order of their names, and what else stands in it that somebody
    may take for one: nothing hidden, no README, not the folder of the calendars."""
    there = sorted(one for one in folder.iterdir() if not one.name.startswith(".")) if folder.is_dir() else []
    named = [one for one in there if one.suffix == ".toml"]
    others = [one for one in there if one.suffix != ".toml" and not one.name.lower().startswith("readme")]
    return named, [one for one in others if one.name != CALENDARS or not one.is_dir()]


def read_file(model: type[T], packaged: Mapping[str, Table], path: Path) -> tuple[T | None, list[str]]:
    """What one file says, or every fault in it."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return None, [str(error)]
    extended = said.pop(EXTENDS, None)
    if extended is not None:
        if not isinstance(extended, str) or extended not in packaged:
            return None, [f"{EXTENDS}: {extended!r} is not packaged; packaged are: {', '.join(sorted(packaged))}"]
        said = merged(packaged[extended], said)
    try:
        return model.model_validate(said), []
    except ValidationError as error:
        return None, [*_faults(error)]


def extended(path: Path) -> str | None:
    """Which packaged one a file extends; None for a whole one, and for one that cannot be read."""
    try:
        named = tomllib.loads(path.read_text(encoding="utf-8")).get(EXTENDS)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    return named if isinstance(named, str) else None


def merged(base: Table, changes: Table) -> dict[str, Any]:
    """A table with what another says in its place: tables within it key by key, all else as a whole."""
    found = dict(base)
    for key, value in changes.items():
        below = found.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        found[key] = merged(below, value) if both and isinstance(below, Mapping) else value
    return found


def by_id(texts: Iterable[str]) -> dict[str, Table]:
    """The tables of data files by their ids."""
    return {str(table["id"]): table for table in map(tomllib.loads, texts)}


def _faults(error: ValidationError) -> Iterator[str]:
    for one in error.errors(include_url=False):
        key = ".".join(map(str, one["loc"]))
        said = "is not known here" if one["type"] == "extra_forbidden" else one["msg"].removeprefix("Value error, ")
        yield f"{key}: {said}" if key else said
