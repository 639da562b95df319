"""Pairs of classes that say the same (двойники): three or more fields of the same name and type, declared in both.

A step, its command, its fact and its stored entry share one class; what is declared twice must be changed twice. What a
class inherits it does not declare.
"""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import Any, Final, get_type_hints

from pydantic import BaseModel

ROOMS: Final = ("contracts", "services")
SHARED: Final = 3
"""So many fields make a pair of classes twins."""

Twins = tuple[type, type, tuple[str, ...]]


def twins(rooms: Sequence[str] = ROOMS) -> list[Twins]:
    """Every pair of models and dataclasses of these packages that declares so many fields alike, and which."""
    declared = {cls: _declared(cls) for cls in _classes(rooms)}
    found = list[Twins]()
    for (one, ours), (other, theirs) in combinations(declared.items(), 2):
        shared = tuple(sorted(name for name, _ in ours & theirs))
        if len(shared) >= SHARED:
            found.append((one, other, shared))
    return found


def _classes(rooms: Sequence[str]) -> Iterator[type]:
    for room in rooms:
        for found in pkgutil.walk_packages(importlib.import_module(room).__path__, f"{room}."):
            if found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            for one in vars(module).values():
                if inspect.isclass(one) and one.__module__ == found.name and _has_fields(one):
                    yield one


def _has_fields(cls: type) -> bool:
    return issubclass(cls, BaseModel) or dataclasses.is_dataclass(cls)


def _declared(cls: type) -> frozenset[tuple[str, str]]:
    """The fields that a class declares itself, each with its type; bounds do not count."""
    own: dict[str, Any] = inspect.get_annotations(cls)
    with suppress(NameError):  # a type that only the checker of types sees: what is written stands for itself
        own = {name: one for name, one in get_type_hints(cls).items() if name in own}
    return frozenset((name, str(one)) for name, one in own.items() if "ClassVar" not in str(one))


def findings(_root: Path) -> list[str]:
    """Names every pair, the last line how many there are: a measure, and no check that must come out empty."""
    found = twins()
    named = [
        f"{one.__module__}.{one.__name__} and {other.__module__}.{other.__name__}: {', '.join(shared)}"
        for one, other, shared in found
    ]
    return [*named, f"{len(found)} pairs of classes declare {SHARED} or more fields alike"]
