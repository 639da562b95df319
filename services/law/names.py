"""Names that are not known: which known one was meant, and which of an event's fields its contract does not have."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, get_args

from pydantic import BaseModel

from contracts.event import json_pointer
from contracts.words import Wording, wording
from services.law.people import names_somebody

MOST: Final = 60
"""How many characters of an unknown name are repeated to who sent it."""
NEAR: Final = 0.6
"""How alike a name and the one that is taken for the meant one are, of 1 (assumption: a slip or two)."""
_FIELD: Final = re.compile("[A-Za-z_][A-Za-z0-9_.-]{0,59}", re.ASCII)
_NUMBER: Final = re.compile("[0-9](?:[_.-]?[0-9]){5,}")
"""A date, a telephone or a person's number within a name."""
NOTHING: Final = Wording("", "", "")
Place = tuple[str | int, ...]


def told(name: str) -> str:
    """An unknown name as it is repeated: its beginning, without what could not be shown or encoded."""
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in name[:MOST])
    return f"{shown}…" if len(name) > MOST else shown


def repeated(name: str) -> str | Wording:
    """An unknown name as it may stand in a fact, which is kept for ever: as it is, where it is what programs call a
    field. Anything else may be somebody's name or telephone, and is not repeated."""
    return name if _of_a_field(name) else wording("name.hidden")


def place_told(at: Place) -> Place:
    """The place of an unknown name as it may stand in a fact: where the name is not repeated, that around it."""
    return at if _of_a_field(str(at[-1])) else at[:-1]


def _of_a_field(name: str) -> bool:
    return _FIELD.fullmatch(name) is not None and _NUMBER.search(name) is None and not names_somebody(name)


def meant(name: str, known: Iterable[str], near: float = NEAR) -> Wording:
    """A sentence that names the nearest known name; nothing, where none is near."""
    found = nearest(name, known, near)
    return NOTHING if found is None else wording("name.meant", name=found)


def nearest(name: str, known: Iterable[str], near: float = NEAR) -> str | None:
    """The known name that is most like this one, in whatever letters and with whatever hyphens it came."""
    by_form = {_form(one): one for one in known}
    found = get_close_matches(_form(name[:MOST]), by_form, n=1, cutoff=near)
    return by_form[found[0]] if found else None


def _form(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")


def unknown_fields(cls: type[BaseModel], data: Any, at: Place = ()) -> Iterator[tuple[Place, frozenset[str]]]:
    """Every name in the data that a contract does not know, at whatever depth, with those that it knows there."""
    yield from _unknown((cls,), data, at)


def pointer_of(at: Place) -> str:
    """A place as a JSON pointer, without what could not be encoded."""
    return json_pointer(at).encode("utf-8", "replace").decode()


def _unknown(models: tuple[type[BaseModel], ...], data: Any, at: Place) -> Iterator[tuple[Place, frozenset[str]]]:
    if isinstance(data, list):
        for place, one in enumerate(data):
            yield from _unknown(models, one, (*at, place))
    elif isinstance(data, dict) and models:
        fields = fields_of(models)
        for name, one in data.items():
            if name in fields:
                yield from _unknown(fields[name], one, (*at, name))
            else:
                yield (*at, name), frozenset(fields)


@cache
def fields_of(models: tuple[type[BaseModel], ...]) -> Mapping[str, tuple[type[BaseModel], ...]]:
    """The fields that any of these contracts has, each with the contracts that may stand in it."""
    found: dict[str, tuple[type[BaseModel], ...]] = {}
    for model in models:
        for name, info in model.model_fields.items():
            found[name] = (*found.get(name, ()), *_models(info.annotation))
    return found


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
