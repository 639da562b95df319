"""What became of each event of an agency, noted by the door at which it came, for the balance (decision 53).

A record of an agency's topic has a verdict at its offset, in a row of a thousand. It is written after the record's
facts are sent and before it is committed, and what is noted twice is the same as once: so every committed offset has
one, whatever was killed. Over HTTP the answer itself is the verdict, and its fact says by which door the event came;
only of what makes no fact (a resend, a conflict) a number is kept.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, assert_never

from contracts.intake import EventReceived, EventRefused
from contracts.topics import agency_of
from services.chassis.parking import Parked, why_parked
from services.chassis.service import Taken
from services.chassis.store import BALANCE, BY_ID, PARKED, VERDICTS, Row, Store
from services.chassis.subject import (
    Absent,
    Broken,
    Conflict,
    Done,
    Duplicate,
    Input,
    Outcome,
    Refused,
    Stale,
    Waiting,
)
from services.intake.domain.commands import Refuse
from services.intake.door import Published
from services.intake.receipts import ANSWERED, CONFLICT, JOURNAL, OF_PILOTS, REGISTERED, REJECTED, verdict_of

BLOCK: Final = 1000
"""So many offsets have their verdicts in one row."""
DUPLICATE: Final = "duplicates"
EMPTY: Final = "empty"
"""An offset at which no event stands: what Kafka keeps for itself, as at the end of a transaction."""
CODES: Final[Mapping[str, str]] = {
    REGISTERED: "r",
    REJECTED: "j",
    CONFLICT: "c",
    DUPLICATE: "d",
    PARKED: "p",
    EMPTY: "e",
}
"""How verdicts are written: there is one for every event."""


BEGUN: Final = "begun"
"""Since when it is counted, and up to which offsets agencies' events were taken before."""


def http_row(agency: str) -> str:
    """The id of the row of what the HTTP door answered an agency without a fact."""
    return f"http:{agency}"


async def note(store: Store, taken: Sequence[Taken], parked: Sequence[Parked]) -> None:
    """Notes what came of inputs, and what is parked. Raises StoreAway."""
    found = {one.record.id: PARKED for one in parked if agency_of(one.record.topic) is not None}
    own, http = dict[str, tuple[Input, int]](), Counter[tuple[str, str]]()
    for one, outcome, then in taken:
        if not isinstance(one.command, Published):
            continue
        verdict = _verdict(one, outcome)
        if one.record is None:
            if verdict in (DUPLICATE, CONFLICT) and not _kept(outcome):
                http[one.command.agency, verdict] += 1
        elif verdict is not None and why_parked(outcome) is None:
            found[one.record.id] = verdict
            if isinstance(outcome, Duplicate) and then is not None and (version := then.decided(one)) is not None:
                own[one.record.id] = one, version
    for place, (one, version) in own.items():  # read again after a crash: what was told of it then
        found[place] = await _told(store, one, version) or DUPLICATE
    await note_records(store, found)
    await answered(store, http)


class _Place(NamedTuple):
    """Where the verdict on a record is written: in which row, and under which name within it."""

    topic: str
    offset: int
    block: int
    row: str
    within: str


def _place(record: str) -> _Place:
    topic, partition, offset = record.rsplit("/", 2)
    block, within = divmod(int(offset), BLOCK)
    return _Place(topic, int(offset), block, f"{topic}/{partition}/{block}", str(within))


async def note_records(store: Store, verdicts: Mapping[str, str]) -> None:
    """Writes verdicts by where the records stand (`topic/partition/offset`). Raises StoreAway."""
    rows: dict[str, Row] = {}
    for record, verdict in verdicts.items():
        place = _place(record)
        row = rows.setdefault(place.row, {"topic": place.topic, "block": place.block})
        row[f"at.{place.within}"] = CODES[verdict]
    await store.set_fields(VERDICTS, rows)


async def read_before(store: Store, records: Sequence[str]) -> set[str]:
    """Those of these records (`topic/partition/offset`) that were answered before: they have a verdict, or stand before
    where counting began, and were not parked there. Raises StoreAway."""
    begun = (await store.get(BALANCE, BEGUN) or {"first": {}})["first"]
    places = {record: _place(record) for record in records}
    blocks = sorted({one.row for one in places.values()})
    rows = await store.rows(VERDICTS, {"_id": {"$in": blocks}}, sort=BY_ID, limit=len(blocks))
    noted = {row["_id"]: row["at"] for row in rows}
    said = {record: noted.get(one.row, {}).get(one.within) for record, one in places.items()}
    return {
        record
        for record, one in places.items()
        if said[record] != CODES[PARKED]
        and (said[record] is not None or one.offset < begun.get(agency_of(one.topic) or "", 0))
    }


async def answered(store: Store, told: Mapping[tuple[str, str], int]) -> None:
    """Counts what the HTTP door answered, by agency and verdict, and of which nothing else is kept."""
    rows: dict[str, dict[str, int]] = {}
    for (agency, verdict), count in told.items():
        rows.setdefault(http_row(agency), {})[verdict] = count
    await store.increase(BALANCE, rows)


def _verdict(one: Input, outcome: Outcome | None) -> str | None:
    match outcome:
        case Done(facts=facts):
            answers = [fact for fact in facts if isinstance(fact, EventReceived | EventRefused)]
            return verdict_of(answers[-1]) if answers else DUPLICATE
        case Duplicate():
            return DUPLICATE
        case Conflict():
            return CONFLICT
        case Broken() | Waiting() | Refused() | Stale() | Absent() | None:
            return None
        case _:
            assert_never(outcome)


def _kept(outcome: Outcome | None) -> bool:
    """Whether a fact tells of the answer."""
    return isinstance(outcome, Done) and any(isinstance(one, EventReceived | EventRefused) for one in outcome.facts)


async def _told(store: Store, one: Input, version: int) -> str | None:
    """The answer that led to this version: where it was refused there may be others before and after it."""
    assert isinstance(one.command, Published)
    if isinstance(one.command, Refuse) and one.cause_id != getattr(one.mark, "id", None):
        return CONFLICT
    query: Row = {"agency": one.command.agency, "pilot": one.subject, "event_id": one.command.event_id}
    query["verdict"] = {"$in": [*ANSWERED]}
    query["sequence"] = {"$not": {"$gt": version}}
    newest = [(name, -way) for name, way in OF_PILOTS]
    rows = await store.rows(JOURNAL, query, sort=newest, limit=1, fields=["verdict"], hint=OF_PILOTS)
    return rows[0]["verdict"] if rows else None
