"""Imports that were asked for over HTTP, as they are kept: a row for each, and its files in pieces beside it.

A row is of the person who asked and of that person's agency; it, its file and what was found of it are gone after
`KEPT`, for what stands in them may be personal. No fact tells of an import: what it publishes does.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal
from uuid import uuid4

from contracts.event import wire_moment
from services.chassis.store import BY_ID, Keys, Row, Store, below
from services.intake.importing.workbooks import Most

IMPORTS: Final = "imports"
"""The collection of the imports."""
PIECES: Final = "import_pieces"
"""The collection of the pieces of their files."""
LEASE: Final = "lease"
"""The field in which a row says who works on it (services/chassis/jobs.py)."""
KEPT: Final = timedelta(days=7)
"""So long an import is kept after it was asked for (assumption: the week in which the file is mended)."""
MOST_KEPT: Final = 20
"""So many files of an agency are kept of which nothing is asked yet (assumption)."""
OVER_HTTP: Final = Most(lines=20_000, cells=500_000, megabytes=64)
"""So much one file may be (assumption: the rows that are taken, of a hundred columns, or four times as many). A packed
workbook of some hundred kilobytes can be gigabytes, and the service would be away for everybody."""
PIECE: Final = 255 * 1024
"""Bytes of a file in one document."""
NEWEST: Final[Keys] = (("agency", 1), ("asked", -1), ("_id", -1))
TO_DO: Final[Keys] = (("state", 1), ("asked", 1))
OLD: Final[Keys] = (("remove_at", 1),)
OF_IMPORT: Final[Keys] = (("import", 1), ("_id", 1))
INDEXES: Final[Mapping[str, Sequence[Keys]]] = {IMPORTS: [NEWEST, TO_DO, OLD], PIECES: [OF_IMPORT]}
What = Literal["file", "report", "marked"]
"""A file of an import: what was sent, the list of what is wrong, and the file with every fault marked."""


class State(StrEnum):
    """Where an import is: waiting or in work; stopped by a person, until it is resumed; done; or its file or mapping
    cannot be used as a whole. Of one that is only kept nothing was asked yet but what its columns are."""

    KEPT = "kept"
    WAITING = "waiting"
    WORKING = "working"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"


OPEN: Final = (State.WAITING, State.WORKING)


async def ask(
    store: Store, agency: str, person: str, now: datetime, content: bytes, id_: str | None = None, **said: Any
) -> str:
    """Keeps an import that is to be made; its id. One of an id that is there already is not asked for once more. Raises
    StoreAway."""
    if id_ is not None and await of_agency(store, id_, agency):
        return id_
    id_ = id_ or uuid4().hex
    await keep(store, id_, "file", content)
    row: Row = {"_id": id_, "agency": agency, "person": person, "asked": wire_moment(now), **said}
    row |= {"state": State.WAITING, "rows": None, "done": 0, "stop": False, "counts": None, "problems": []}
    row |= {LEASE: {"by": None, "until": None, "tries": 0}, "remove_at": now + KEPT, "files": {}}
    await store.add(IMPORTS, [row])
    return id_


async def hold(store: Store, agency: str, person: str, now: datetime, content: bytes, file: str) -> str:
    """Keeps a file of which nothing is asked yet, in the place of the agency's oldest where there are many; its id.
    Raises StoreAway."""
    id_ = uuid4().hex
    await keep(store, id_, "file", content)
    row: Row = {"_id": id_, "agency": agency, "person": person, "asked": wire_moment(now), "file": file}
    await store.add(IMPORTS, [{**row, "state": State.KEPT, "remove_at": now + KEPT}])
    query = {"agency": agency, "state": State.KEPT}
    rows = await store.rows(IMPORTS, query, sort=NEWEST, limit=2 * MOST_KEPT, fields=["_id"], hint=NEWEST)
    for old in rows[MOST_KEPT:]:
        await drop(store, old["_id"])
        await store.remove(IMPORTS, [old["_id"]])
    return id_


async def of_agency(store: Store, id_: str, agency: str) -> Row | None:
    """An import of this agency. Raises StoreAway."""
    row = await store.get(IMPORTS, id_)
    return row if row is not None and row["agency"] == agency else None


async def keep(store: Store, id_: str, what: What, content: bytes) -> None:
    """Keeps a file of an import, in the place of one that is there. Raises StoreAway."""
    pieces = [content[at : at + PIECE] for at in range(0, len(content), PIECE)] or [b""]
    for place, piece in enumerate(pieces):
        await store.put(PIECES, [{"_id": f"{id_}/{what}/{place:06}", "import": id_, "data": piece}])


async def content(store: Store, id_: str, what: What) -> AsyncIterator[bytes]:
    """The pieces of a file, in their order. Raises StoreAway."""
    last = f"{id_}/{what}/"
    while rows := await store.rows(
        PIECES, {"import": id_, "_id": {"$gt": last, "$lt": f"{id_}/{what}0"}}, sort=BY_ID, limit=8
    ):
        for row in rows:
            yield bytes(row["data"])
        last = rows[-1]["_id"]


async def drop(store: Store, id_: str, what: What | None = None) -> None:
    """Throws a file of an import away, or all of them. Raises StoreAway."""
    query = {"import": id_, "_id": below(id_ if what is None else f"{id_}/{what}")}
    while rows := await store.rows(PIECES, query, sort=BY_ID, limit=100, fields=["_id"], hint=OF_IMPORT):
        await store.remove(PIECES, [row["_id"] for row in rows])


async def forget(store: Store, agency: str, until: datetime) -> None:
    """Throws away the spreadsheets that an agency has sent by then, with what was found of them: what one of them says
    of a person nobody can take out of it. Those in work end first, and stay their time. Safe to repeat. Raises
    StoreAway."""
    query = {"agency": agency, "asked": {"$lte": wire_moment(until)}, "state": {"$nin": [*OPEN]}}
    while rows := await store.rows(IMPORTS, query, sort=NEWEST, limit=100, fields=["_id"]):
        for row in rows:
            await drop(store, row["_id"])
        await store.remove(IMPORTS, [row["_id"] for row in rows])
