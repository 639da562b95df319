"""What is said of an error to who reads logs, traces and causes: where it came up and of what kind it is.

The words of an error may repeat what it was found in, so they are shown only of kinds whose words are known to be
harmless. Of what libraries log, words are shown only of those that never see what an event holds.
"""

import logging
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from pydantic import ValidationError

from contracts.event import Harmless
from services.chassis.masking import MASK, known_names

ROOT: Final = Path(__file__).resolve().parents[2]
OURS: Final = frozenset({"services", "deploy", "contracts", "bench", "lotsman", "__main__"})
"""Whose words are ours: each is made of codes and ids, and errors in them are told by their kind."""
ABOUT_CONNECTIONS: Final = frozenset({"aiokafka", "uvicorn"})
"""Libraries whose words are of brokers, groups, partitions and sockets."""
MOST_FRAMES: Final = 40
MOST_ERRORS: Final = 8
MOST_FAULTS: Final = 20
MOST_WORDS: Final = 500


def why(error: BaseException) -> str:
    """An error in words, without the values that it is about: they may be personal."""
    name, cause = type(error).__name__, error.__cause__
    if isinstance(error, ValidationError):
        return _faults(error)
    if isinstance(error, Harmless) and isinstance(cause, ValidationError):
        return f"{name}: {_faults(cause)}"
    if _harmless(error):
        return f"{name}: {error}"[:MOST_WORDS]
    where = _where(error)
    return f"{name} at {where}" if where else name


def _harmless(error: BaseException) -> bool:
    """Whether an error's own words can be shown: ours that say so, Kafka's, and those of the operating system."""
    kind = type(error)
    of_the_system = isinstance(error, OSError) and kind.__module__ in ("builtins", "socket")
    return isinstance(error, Harmless) or kind.__module__.startswith("aiokafka.") or of_the_system


def _faults(error: ValidationError) -> str:
    """The faults that a contract found: of each its place, in names that are ours, and its kind."""
    names = known_names()
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'/'.join(str(part) if isinstance(part, int) or part in names else MASK for part in fault['loc'])}:"
        f" {fault['type']}"
        for fault in faults[:MOST_FAULTS]
    )


def _where(error: BaseException) -> str | None:
    """The last line of this project through which an error went."""
    lines = [one for one in _frames(error.__traceback__) if not one.startswith(("/", "<"))]
    return lines[-1] if lines else None


def _frames(trace: TracebackType | None) -> list[str]:
    found = []
    for frame in traceback.extract_tb(trace):
        path = Path(frame.filename)
        ours = path.is_relative_to(ROOT) and ".venv" not in path.parts
        found.append(f"{path.relative_to(ROOT) if ours else frame.filename}:{frame.lineno} in {frame.name}")
    return found


def trace_of(error: BaseException) -> str:
    """An error with the lines that it went through, and those that it came of; without a word that may be personal."""
    return "\n".join(_trace(error, set()))


def _trace(error: BaseException, seen: set[int]) -> Iterator[str]:
    if id(error) in seen or len(seen) >= MOST_ERRORS:
        return
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _trace(before, seen)
        yield "and of that came"
    yield from _frames(error.__traceback__)[-MOST_FRAMES:]
    yield why(error)
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _trace(one, seen)


def message_of(record: logging.LogRecord) -> str:
    """What a line of the log says. An error among its values is told by its kind."""
    family = record.name.partition(".")[0]
    if family not in OURS and family not in ABOUT_CONNECTIONS:
        return f"{MASK} ({record.module}:{record.lineno})"
    arguments: Any = record.args
    if isinstance(arguments, Mapping):
        arguments = {name: _told(one) for name, one in arguments.items()}
    elif arguments:
        arguments = tuple(map(_told, arguments))
    try:
        return str(record.msg) % arguments if arguments else _told_text(record.msg)
    except (TypeError, ValueError, KeyError):
        return f"{MASK} ({record.module}:{record.lineno})"


def _told(value: object) -> object:
    return why(value) if isinstance(value, BaseException) else value


def _told_text(message: object) -> str:
    return why(message) if isinstance(message, BaseException) else str(message)
