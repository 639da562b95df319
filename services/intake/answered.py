"""How many events were answered, by agency, door and verdict: the side of the balance that is told by answers.

Facts tell of most, in the journal of receipts. Those that are long past are summed up once, and counted anew from time
to time: some may be lost since. Of the others the HTTP door keeps a number.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from contracts.event import wire_moment
from services.chassis.store import BALANCE, Row, Store
from services.intake import taken
from services.intake.receipts import ANSWERED, ANSWERS, JOURNAL

LONG_PAST: Final = "answers"
"""The sums of the answers that are older than `FRESH`."""
FRESH: Final = timedelta(hours=1)
"""For so long an answer may still be on its way into the journal (technical: a batch is a matter of seconds)."""
STEP: Final = timedelta(minutes=10)
MOST_GROUPS: Final = 100_000


async def counted(store: Store, now: datetime) -> dict[tuple[str, str, str], int]:
    """The answers that facts tell of, by agency, door and verdict. Those that are long past are summed up once."""
    row = await store.get(BALANCE, LONG_PAST)
    if row is None:
        row = {"_id": LONG_PAST, "until": "", "sums": {}}
        await store.put_new(BALANCE, [row])
    oldest = await store.oldest_unsent()
    until = min(now, oldest or now) - FRESH
    if wire_moment(until - STEP) > row["until"]:
        row = await _sum_up(store, row, wire_moment(until))
    return _added(row["sums"], await _since(store, {"$gte": row["until"]}))


async def count_anew(store: Store) -> None:
    """Counts again the answers that are long past: some may be lost since, and others there again."""
    row = await store.get(BALANCE, LONG_PAST)
    if row is None:
        return
    at = {"$gte": row.get("since", ""), "$lt": row["until"]}
    sums = _stored(_added({}, await _since(store, at)))
    if sums != row["sums"]:
        await store.mark(BALANCE, {"_id": LONG_PAST, "until": row["until"]}, {"sums": sums})


async def _sum_up(store: Store, row: Row, until: str) -> Row:
    sums = _added(row["sums"], await _since(store, {"$gte": row["until"], "$lt": until}))
    said = {"until": until, "sums": _stored(sums)}
    await store.mark(BALANCE, {"_id": LONG_PAST, "until": row["until"]}, said)
    return await store.get(BALANCE, LONG_PAST) or {**row, **said}


def _stored(sums: Mapping[tuple[str, str, str], int]) -> dict[str, int]:
    return {" ".join(key): n for key, n in sums.items()}


async def _since(store: Store, at: Mapping[str, str]) -> list[Row]:
    query = {"at": at, "verdict": {"$in": [*ANSWERED]}}
    return await store.groups(JOURNAL, query, ("agency", "door", "verdict"), "at", MOST_GROUPS, hint=ANSWERS)


def _added(sums: Mapping[str, int], rows: Sequence[Row]) -> dict[tuple[str, str, str], int]:
    found = dict[tuple[str, str, str], int]()
    for name, n in sums.items():
        agency, door, verdict = name.split(" ")
        found[agency, door, verdict] = n
    for row in rows:
        key = (row["agency"], row["door"], row["verdict"])
        found[key] = found.get(key, 0) + row["rows"]
    return found


async def over_http(store: Store) -> dict[str, Mapping[str, int]]:
    """What the HTTP door answered without a fact, by agency."""
    begins = taken.http_row("")
    found = dict[str, Mapping[str, int]]()
    async for row in store.scan(BALANCE, {"_id": {"$gt": begins, "$lt": f"{begins}~"}}):
        found[row.pop("_id").removeprefix(begins)] = row
    return found
