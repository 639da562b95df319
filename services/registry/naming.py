"""Pilots that are named within what somebody typed (номера пилотов в тексте), by registration number or id.

A text that names a pilot of which its reader may not know tells that there is one. There the name is masked, as
personal data are; that of a pilot which the reader may know, or of nobody's, stays as it was typed. In the public index
there are no such names at all: what is public changes, a text does not.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from contracts.forms import DASHES, MOST_NUMBER, pilot_named
from services.chassis.masking import MASK
from services.chassis.numbered import pilots_of
from services.chassis.store import BY_ID, SUBJECTS, Row, Store
from services.registry import views
from services.registry.domain.state import KIND

TELLING: Final = ("state.entered", "state.agency", "state.stage", "state.conclusions.round", "state.hidden_from")
"""What of a pilot says who may know of it."""
Seen = Callable[[Row], bool]
OWN: Final = frozenset({"id", "number"})
"""The fields that name what holds them: a pilot, a conclusion, a document."""
_DASH: Final = rf"\s?[-{DASHES}]\s?"
_maybe: Final = re.compile(rf"\d{{4}}{_DASH}\d|[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{12}}")
_named: Final = re.compile(
    rf"(?<![^\W\d_])[^\W\d_]{{1,{MOST_NUMBER}}}{_DASH}\d{{4}}{_DASH}\d{{1,{MOST_NUMBER}}}(?!\d)"
    r"|(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])",
    re.IGNORECASE,
)


async def openly(store: Store, said: Any, seen: Seen = views.is_seen) -> Any:
    """What is said without the names of pilots of which its reader may not know: the public, or whom `seen` speaks of.

    What stands in it with an id of its own may be known: where no text names another, nothing is asked. Raises
    StoreAway.
    """
    named, own = set[str](), set[str]()
    for one in _each(said):
        if isinstance(one, str):
            named |= names_in(one)
        elif isinstance(one.get("id"), str):
            own |= {one[name] for name in OWN if isinstance(one.get(name), str)}
    hidden = await _hidden(store, named - own, seen)
    return _changed(said, hidden.__contains__) if hidden else said


def unnamed(view: views.View) -> views.View:
    """A view without any name of a pilot in its texts; the fields that say its own number and id stay."""
    changed: views.View = _changed(view, lambda _name: True, but=OWN)
    return changed


def names_in(text: str) -> set[str]:
    """What in a text has the form of a pilot's number or id, in the form in which it is known."""
    return {_as_known(found[0]) for found in _named.finditer(text)} if _maybe.search(text) else set()


async def _hidden(store: Store, named: Collection[str], seen: Seen) -> set[str]:
    """Those of these names that lead to a pilot of which the reader may not know. Nothing is asked where there is no
    name."""
    if not named:
        return set()
    numbers = await pilots_of(store, named)
    ids = sorted({*named, *numbers.values()})
    query = {"_id": {"$in": ids}, "kind": KIND}
    rows = await store.rows(SUBJECTS, query, sort=BY_ID, limit=len(ids), fields=TELLING)
    away = {str(row["_id"]) for row in rows if not seen(row)}
    return away | {number for number, pilot in numbers.items() if pilot in away}


def _as_known(found: str) -> str:
    return pilot_named("".join(found.split()))


def _each(said: Any) -> Iterator[str | Mapping[str, Any]]:
    """All texts and objects of a JSON value."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, Mapping):
        yield said
        for value in said.values():
            yield from _each(value)
    elif isinstance(said, (list, tuple)):
        for value in said:
            yield from _each(value)


def _changed(said: Any, hides: Callable[[str], bool], but: Collection[str] = ()) -> Any:
    if isinstance(said, str):
        return _masked(said, hides)
    if isinstance(said, Mapping):
        return {
            name: one if name in but and isinstance(one, str) else _changed(one, hides, but)
            for name, one in said.items()
        }
    if isinstance(said, (list, tuple)):
        return [_changed(one, hides, but) for one in said]
    return said


def _masked(text: str, hides: Callable[[str], bool]) -> str:
    if not _maybe.search(text):
        return text
    return _named.sub(lambda found: MASK if hides(_as_known(found[0])) else found[0], text)
