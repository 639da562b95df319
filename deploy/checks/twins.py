"""Pairs of classes that say the same (двойники): three or more fields of the same name and type, declared in both.

A step, its command, its fact and its stored entry share one class; what is declared twice must be changed twice. What a
class inherits it does not declare. A pair that is alike by chance, or for a reason, is named with it in
`exceptions.toml`: a bare number of pairs would let one go and another come. The forms of answers are none: they say for
the documents what is answered, are never made, and the tests hold what is answered to them.
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

from deploy.checks.exceptions import Exceptions

ROOMS: Final = ("contracts", "services")
FORMS: Final = ".answers"
"""The modules with the forms of answers."""
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
            if found.name.endswith(("__main__", FORMS)):
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


def findings(root: Path, rooms: Sequence[str] = ROOMS) -> list[str]:
    """Every pair that `exceptions.toml` does not name with its reason, and every pair there that is none any more."""
    allowed = Exceptions.of(root, "twins")
    named = [
        f"{_name(one)} and {_name(other)} both declare {', '.join(shared)}"
        for one, other, shared in twins(rooms)
        if not allowed.hold(f"{_name(one)} {_name(other)}")
    ]
    return [*named, *allowed.idle()]


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
