"""Personal data out of sight: what the contracts mark as personal never shows in logs or parked views."""

import json
from functools import cache
from typing import Any, Final, get_args

from pydantic import BaseModel

from contracts.agency import AGENCY
from contracts.event import Personal

MASK: Final = "•••"


def masked(value: bytes) -> dict[str, Any] | str:
    """A record's content with personal fields masked; of one that is no JSON object, only its size is told.

    Field names that are personal in any event are masked wherever they stand, for a broken event may hold them
    in the wrong place.
    """
    try:
        event = json.loads(value)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        return f"{len(value)} bytes that are not a JSON object"
    shown: dict[str, Any] = _without(event, personal_fields())
    return shown


@cache
def personal_fields() -> frozenset[str]:
    """The names of all fields that the agency contracts mark as personal, and of the objects that hold them."""
    return frozenset(name for cls in AGENCY.classes.values() for name in _personal_in(cls))


def _personal_in(cls: type[BaseModel]) -> set[str]:
    found: set[str] = set()
    for name, info in cls.model_fields.items():
        inside = {n for model in _models(info.annotation) for n in _personal_in(model)}
        if inside or any(isinstance(mark, Personal) for mark in info.metadata):
            found |= {name, *inside}
    return found


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in get_args(annotation) for m in _models(part)]


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {k: MASK if k in names else _without(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [_without(v, names) for v in value]
    return value
