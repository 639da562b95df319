"""Whose a parked record is: the agency of what the record is about, as far as that is known.

It is always that of the record's own subject. So from whom a pilot is hidden, with the pilot's records its agency is.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeGuard

from contracts.event import PILOT, peek
from contracts.forms import as_number
from contracts.topics import INTAKE, agency_of, fact_topic
from services.chassis.masking import is_code
from services.chassis.numbered import as_id
from services.chassis.store import BY_ID, IN_SERIES, OF_AGENCY, PARKED, SUBJECTS, Row, Store
from services.law.standing import KIND as ENTRY

UNKNOWN: Final = "-"
"""By what those records are asked for of which no agency is known; no code of an agency is so short."""
LONGEST: Final = 20
"""The most letters of a code (`contracts/topics.py`)."""
AT_ONCE: Final = 100
"""How many parked records, each of some megabytes at most, are looked at together."""
FIRST: Final = fact_topic(INTAKE)
"""Where the first fact about each pilot stands."""
STATUSES: Final = ("broken", "waiting")
_ABOUT: Final = ("topic", "subject")
_NAMES: Final = (*_ABOUT, "value")
Named = tuple[str, bytes, str | None]
"""What is known of a record: its topic, its value, and the subject that it is about."""


def asked(code: str) -> Any:
    """The condition of the rows that are asked for by this code. By its type, for a row in which null stands is one
    place of an index; that null is equal to nothing at all makes two of it, which are no longer in one order."""
    return {"$type": "null"} if code == UNKNOWN else code


def of_row(row: Row) -> str | None:
    """The agency that a row names; of a row that an earlier program wrote, the one that its topic says."""
    code: str | None = row.get("agency")
    return code or agency_of(row["topic"])


async def agencies(store: Store, some: Sequence[Named]) -> list[str | None]:
    """The agency of each of these records. Raises StoreAway."""
    found = [_said(*one) for one in some]
    missing = sorted({one[2] for one, code in zip(some, found, strict=True) if code is None and _is_pilot(one[2])})
    if not missing:
        return found
    known = await _parked_first(store, missing)
    for (topic, _, subject), code in zip(some, found, strict=True):
        if code is not None and subject is not None and topic == FIRST:
            known[subject] = code
    known |= await _stored(store, missing)
    return [code or known.get(one[2] or "") for one, code in zip(some, found, strict=True)]


async def fill(store: Store) -> None:
    """Says of rows that name no agency whose they are, where that is known by now: of what an earlier program parked,
    and of what was parked before its pilot was heard of. Safe to repeat. Raises StoreAway."""
    for status in STATUSES:
        after: str | None = ""
        while after is not None:
            after = await _fill(store, status, after, _NAMES)


class Filling:
    """Says the same in a running service, some rows at each look: of what was parked before its pilot was heard of.
    What a record says itself was read when it was parked, so only what it is about is looked at."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._after = dict.fromkeys(STATUSES, "")

    async def go_on(self) -> None:
        """Looks at the next hundred of each status, behind those of the look before. Raises StoreAway."""
        for status, after in self._after.items():
            self._after[status] = await _fill(self._store, status, after, _ABOUT) or ""


async def _fill(store: Store, status: str, after: str, fields: Sequence[str]) -> str | None:
    """Does so for the next rows, by what these fields say of them; behind which one it goes on, if it does."""
    asked = {"agency": None, "status": status, "_id": {"$gt": after}}
    rows = await store.rows(PARKED, asked, sort=BY_ID, limit=AT_ONCE, fields=fields, hint=OF_AGENCY)
    named = await agencies(store, [(row["topic"], row.get("value", b""), row["subject"]) for row in rows])
    for code in set(named):  # also none: of what an earlier program parked, the field is not there
        ids = [row["_id"] for row, one in zip(rows, named, strict=True) if one == code]
        await store.mark(PARKED, {"_id": {"$in": ids}, "agency": None}, {"agency": code})
    return rows[-1]["_id"] if len(rows) == AT_ONCE else None


def _said(topic: str, value: bytes, subject: str | None) -> str | None:
    """The agency that a record names itself: whose topic it stands in, whose entry it is about, or whose pilot."""
    if (sender := agency_of(topic)) is not None:
        return sender
    kind, _, code = (subject or "").partition(":")
    if kind == ENTRY:
        return code if is_code(code) else None
    event = peek(value)
    # A fact that asks something of another subject names the agency of its own one, which may be hidden.
    if not _is_pilot(subject) or event.get("subject") != subject:
        return None
    data = event.get("data")
    named = data.get("agency") if isinstance(data, dict) else None
    return named if is_code(named) else None


def _is_pilot(subject: str | None) -> TypeGuard[str]:
    """Whether this may be the id of a pilot, in the form in which what is hidden is looked for."""
    if not subject or ":" in subject:
        return False
    return as_id(subject) in (None, subject) and as_number(subject) is None


async def _stored(store: Store, pilots: Sequence[str]) -> dict[str, str]:
    """Whose these pilots are, by what is stored of them."""
    query = {"_id": {"$in": list(pilots)}, "kind": PILOT}
    rows = await store.rows(SUBJECTS, query, sort=BY_ID, limit=len(pilots), fields=["state.agency"])
    return {row["_id"]: code for row in rows if is_code(code := row.get("state", {}).get("agency"))}


async def _parked_first(store: Store, pilots: Sequence[str]) -> dict[str, str]:
    """Whose these pilots are, by the first fact about each, which is parked itself: it names the agency."""
    # An agency's event may claim to be anything: only what stands in the topic of facts is one.
    query = {"subject": {"$in": list(pilots)}, "source": INTAKE, "sequence": 1, "topic": FIRST}
    rows = await store.rows(PARKED, query, sort=IN_SERIES, limit=len(pilots), fields=["subject", "agency"])
    return {row["subject"]: code for row in rows if (code := row.get("agency"))}
