"""Who is tied to a party of an application by an entry of the directory of experts (связи), as stored."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from contracts.reference import Application
from contracts.rules import PARTS
from services.chassis import ties
from services.chassis.service import Told
from services.chassis.sight import hidden_from
from services.chassis.store import HIDDEN, SUBJECTS, Keys, Store
from services.law.parties import keys_of
from services.registry.domain.commands import RecordTies
from services.registry.domain.experts import Expert, subject_of
from services.registry.domain.stages import LOOKED_OVER
from services.registry.domain.state import KIND, Pilot

Tied = Mapping[str, Sequence[Expert]]
"""The entries that are tied to an organisation, by that."""
STANDING: Final[Keys] = (("kind", 1), ("state.stage", 1), ("state.entered", -1), ("_id", -1))
"""By the stage at which pilots stand, the newest first."""
PARTIES: Final = (*(f"state.application.{role}.id.value" for role in PARTS), "state.application.participants.id.value")


async def of_parties(store: Store, applications: Sequence[Application]) -> Tied:
    """The entries that are tied to a party of these applications: one query for all of them."""
    return await ties.of_parties(store, applications, Expert)


def told(pilot: str, application: Application, tied: Tied) -> Told:
    """What a pilot is told of those who are tied to its parties."""
    found = {one.expert_id: one for key in keys_of(application) for one in tied.get(key, ())}
    return [(pilot, _said(one)) for one in found.values()]


async def again(store: Store, pilot: str, state: Pilot) -> Told:
    """The same of an application that has changed; and of those who were tied to it before."""
    tied = await of_parties(store, [state.application])
    known = await _entries(store, state.tied)
    return [*told(pilot, state.application, tied), *((pilot, _said(one)) for one in known)]


async def of_expert(store: Store, person: str) -> Told:
    """What an entry says to the applications that are looked over and name one of its organisations, and to the pilots
    that it hid."""
    found = await _entries(store, [person])
    if not found:
        return []
    values = [key.partition(":")[2] for key in found[0].organisations]
    named: dict[str, Any] = {"$or": [{path: {"$in": values}} for path in PARTIES]}
    looked_over = {"kind": KIND, "state.stage": {"$in": sorted(LOOKED_OVER)}, **named}
    pilots = dict[str, None]()
    for query, index in ((looked_over, STANDING), (hidden_from(person), HIDDEN)):
        async for row in store.scan(SUBJECTS, query, fields=["_id"], hint=index):
            pilots[str(row["_id"])] = None
    return [(pilot, _said(found[0])) for pilot in pilots]


async def once_more(store: Store, pilot: str, person: str) -> Told:
    """What the entry of a person says to a pilot by now."""
    return [(pilot, _said(one)) for one in await _entries(store, [person])]


def _said(entry: Expert) -> RecordTies:
    return RecordTies(entry.expert_id, frozenset(entry.organisations))


async def _entries(store: Store, persons: Iterable[str]) -> list[Expert]:
    loaded = await store.load([subject_of(one) for one in persons], lambda _subject: Expert)
    return [document.state for document in loaded.values() if isinstance(document.state, Expert)]
