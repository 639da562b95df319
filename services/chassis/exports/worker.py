"""The files of lists that were asked for, made in the background, beside the engine.

**Going on.** Rows are gathered part by part. A part is written once (`export_rows/<id>/<place>`) with the position that
the next one begins at, and whoever works goes on from the last part that is stored, never from what it holds itself:
so it does not matter where a worker was killed, nor that two work at once. The lease (chassis/jobs.py) only keeps them
from doing the same work; it is renewed between parts and beside what takes long, and losing it counts as a try. From
the parts the file is made, in a folder that passes, and stored in pieces under its digest
(`export_files/<id>/<digest>/<place>`); the fact that ends the export names the digest. Then the parts go.

**Passing.** `exports/<id>` says who has the lease, when the file is thrown away, and which pilots were hidden from
who asked when it was begun: what is hidden since may stand in the file.

Rows come from a function that is given from outside, and the file is begun by another: what a list shows and how it
looks is not decided here.
"""

import asyncio
import hashlib
import json
import logging
import shutil
import tempfile
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

from fastapi import FastAPI

from services.chassis.engine import Engine
from services.chassis.exports.files import SHEET, Cell, Sheet
from services.chassis.exports.waiting import OPEN, waiting_in_turn
from services.chassis.jobs import Jobs
from services.chassis.problems import Problematic
from services.chassis.run import Beside
from services.chassis.settings import Settings
from services.chassis.sight import hidden_pilots
from services.chassis.store import SUBJECTS, Keys, Row, Store, StoreAway
from services.chassis.subject import Broken, Claimed, Input, Refused, service_actor
from services.law.exporting import KIND, Export, Finish, Format, subject_of

log = logging.getLogger(__name__)
T = TypeVar("T")

WORK: Final = "exports"
PARTS: Final = "export_rows"
FILES: Final = "export_files"
NEWEST: Final[Keys] = (("state.asked", -1), ("_id", -1))
INDEXES: Final[Mapping[str, Sequence[Keys]]] = {
    SUBJECTS: [OPEN, (("kind", 1), *NEWEST)],
    WORK: [(("remove_at", 1),)],
    PARTS: [(("export", 1), ("place", 1))],
    FILES: [(("export", 1),)],
}
MOST_ROWS: Final = SHEET - 4
"""Rows that a sheet of a workbook can hold below its title, what it is of, an empty row and its headings."""
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
AT_ONCE: Final = 100
"""How many old exports are looked at at once."""
PIECE: Final = 255 * 1024
"""Bytes of a file in one document; well below what a document may hold, also many at once."""
MOST_PART: Final = 8_000_000
"""Bytes of a part, packed: a list whose rows are so large is gathered in smaller parts."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a list in the order of a key that never changes, and where the following ones begin.

    `next` None: these are the last. `columns` are the same in every part, in the order of the file.
    """

    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Cell]]
    next: str | None


RowsOf = Callable[[str, str, Mapping[str, str], str | None, int], Awaitable[Part]]
"""`rows_of(list, by, filters, after, limit)`: at most `limit` rows, of those that the person `by` may see, after the
position `after` (None: from the start).

It raises Problematic or StoreAway when it can be asked again later; anything else ends the export after some tries.
"""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All rows of a list: their columns, and how many there are."""

    columns: Sequence[str]
    rows: int


Begin = Callable[[Path, Export, Gathered], Sheet]
"""Begins the file of an export: the heading is in, rows follow."""


@dataclass(frozen=True, slots=True)
class Options:
    """How exports are made. `age`: how long after it was asked for a file is kept. `folder`: where files are while
    they are being made, of this process alone; None: where the machine keeps what passes."""

    every: float = 2.0
    age: timedelta = timedelta(days=7)
    lease: timedelta = timedelta(seconds=60)
    rows: int = 500
    most_rows: int = 1_000_000
    tries: int = 5
    folder: Path | None = None


def options_of(settings: Settings) -> Options:
    """How a process with these settings makes exports."""
    folder = Path(settings.index_dir) / "exports" if settings.index_dir else None
    return Options(lease=timedelta(seconds=settings.export_lease), folder=folder)


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker with a name of its own; any number of them may work at once."""

    engine: Engine
    rows_of: RowsOf
    begin: Begin
    options: Options = Options()
    name: str = field(default_factory=lambda: uuid4().hex)

    @property
    def store(self) -> Store:
        """The service's own store."""
        return self.engine.store

    @property
    def jobs(self) -> Jobs:
        """The exports as jobs of this worker."""
        lease = self.options.lease
        pauses = [min(lease, timedelta(seconds=2**tries)) for tries in range(1, 11)]
        return Jobs(self.store, WORK, self.engine.now, lease, pauses, name=self.name)

    async def turn(self) -> int:
        """Throws away what is too old, then takes the open exports that nobody works on, in turn between those who
        asked for them; returns how many it ended. Whoever asks meanwhile is seen after each. Raises StoreAway.
        """
        await self._throw_away()
        ended, tried, last = 0, set[str](), dict[str, int]()
        waiting = await waiting_in_turn(self.store, last)
        while waiting:
            subject = waiting.pop(0)
            tried.add(subject)
            document = (await self.engine.documents([subject])).get(subject)
            state = document.state if document is not None else None
            assert state is None or isinstance(state, Export)
            if state is not None and not state.done and await self._take(subject.removeprefix(f"{KIND}:"), state):
                ended, last[state.by] = ended + 1, ended
                waiting = [one for one in await waiting_in_turn(self.store, last) if one not in tried]
        return ended

    async def ahead(self) -> float | None:
        """In how many seconds an export is to be looked at: soon, while one is open. Raises StoreAway."""
        query = {"kind": KIND, "state.done": False}
        return 0.0 if await self.store.count(SUBJECTS, query, 1, hint=OPEN) else None

    async def _take(self, id_: str, export: Export) -> bool:
        remove_at = export.asked + self.options.age
        new: Row = {"_id": id_, "by": None, "until": LONG_AGO, "tries": 0, "remove_at": remove_at}
        row = await self.store.get(WORK, id_)
        if row is None:
            hidden = sorted(await hidden_pilots(self.store, export.by))
            await self.store.put_new(WORK, [{**new, "hidden": hidden}])
            row = await self.store.get(WORK, id_)
        if row is None or not await self.jobs.take(row):
            return False
        try:
            await self._make(id_, export)
        except StoreAway:
            raise
        except Exception as error:
            return await self._failed(id_, error)
        return True

    async def _failed(self, id_: str, error: Exception) -> bool:
        """Lets others try later, or ends the export where that was tried often enough.

        A lost lease is a try too, or two that are both too slow would take the work from each other without end.
        """
        tries = await self.jobs.failed(id_)
        log.warning("export %s, try %s: %s", id_, tries, type(error).__name__)
        if isinstance(error, TooLong) or (tries >= self.options.tries and not _passing(error)):
            code = error.code if isinstance(error, (TooLong, Problematic)) else "export.failed"
            await self._end(id_, Finish.without_file(code))
            return True
        await self.jobs.put_off(id_, tries)
        return False

    # ---- making

    async def _make(self, id_: str, export: Export) -> None:
        last = await self._gather(id_, export)
        with tempfile.TemporaryDirectory(prefix="lotsman-export-", dir=self.options.folder) as folder:
            path = Path(folder) / f"list.{export.format}"
            await self._write(id_, export, last, path)
            digest = await self.jobs.beside(id_, lambda: _digest(path))
            await self.jobs.renew(id_)
            await self._save(id_, path, digest)
            size = path.stat().st_size
        await self._end(id_, Finish(rows=last["before"] + last["count"], bytes=size, digest=digest))

    async def _gather(self, id_: str, export: Export) -> Row:
        """Gathers what is missing; returns the last part."""
        found = await self.store.rows(PARTS, {"export": id_}, sort=[("export", -1), ("place", -1)], limit=1)
        last = found[0] if found else None
        while last is None or last["next"] is not None:
            after = last["next"] if last else None
            part, data = await self._asked(export, after)
            row = _packed(id_, last, part, data)
            if row["before"] + row["count"] > self._most(export.format):
                raise TooLong
            await self.store.add(PARTS, [row])
            last = await self._part(id_, row["place"])
            await self.jobs.renew(id_)
        return last

    async def _asked(self, export: Export, after: str | None) -> tuple[Part, bytes]:
        limit = self.options.rows
        while True:
            part = await self.rows_of(export.list, export.by, export.filters, after, limit)
            if part.next is not None and part.next == after:
                raise ValueError("the list does not go on")
            data = _bytes(part)
            if limit == 1 or len(data) <= MOST_PART:
                return part, data
            limit = max(1, limit // 4)

    def _most(self, format: Format) -> int:
        return min(self.options.most_rows, MOST_ROWS) if format is Format.XLSX else self.options.most_rows

    async def _part(self, id_: str, place: int) -> Row:
        """A stored part: whoever wrote it. Raises StoreAway where it cannot be read (yet, or any more)."""
        row = await self.store.get(PARTS, f"{id_}/{place:08d}")
        if row is None:
            raise StoreAway("a part of an export cannot be read")
        return row

    async def _write(self, id_: str, export: Export, last: Row, path: Path) -> None:
        gathered = Gathered(last["columns"], last["before"] + last["count"])
        sheet = await asyncio.to_thread(self.begin, path, export, gathered)
        try:
            for place in range(1, last["place"] + 1):
                row = await self._part(id_, place)
                await asyncio.to_thread(lambda packed: sheet.write(_unpacked(packed)), row["data"])
                await self.jobs.renew(id_)
        finally:
            await self.jobs.beside(id_, sheet.close)

    async def _save(self, id_: str, path: Path, digest: str) -> None:
        """Stores the file in pieces; an empty one is one empty piece."""
        with path.open("rb") as file:
            place, some = 1, await asyncio.to_thread(file.read, PIECE)
            while some or place == 1:
                await self.store.add(FILES, [{"_id": piece(id_, digest, place), "export": id_, "data": some}])
                place, some = place + 1, await asyncio.to_thread(file.read, PIECE)
                if place % 16 == 0:
                    await self.jobs.renew(id_)

    async def _end(self, id_: str, what: Finish) -> None:
        """Ends the export by a fact: the first of all that try has the word. Then the parts are of no use."""
        name = self.engine.service.name
        mark = Claimed(f"service:{name}", f"export:{id_}:ends", "once")
        actor = service_actor(name)
        outcome = await self.engine.command(Input(subject_of(id_), mark, what, actor, cause_id=f"export:{id_}"))
        if isinstance(outcome, (Broken, Refused)):
            raise RuntimeError("an export cannot be ended")
        await self._drop(PARTS, id_)

    # ---- throwing away

    async def _throw_away(self) -> None:
        old = {"remove_at": {"$lt": self.engine.now()}}
        for row in await self.store.rows(WORK, old, sort=[("remove_at", 1)], limit=AT_ONCE):
            id_ = row["_id"]
            document = (await self.engine.documents([subject_of(id_)])).get(subject_of(id_))
            if document is not None and isinstance(document.state, Export) and not document.state.done:
                await self._end(id_, Finish.without_file("export.too-old"))
            await self._drop(PARTS, id_)
            await self._drop(FILES, id_)
            await self.store.remove(WORK, [id_])

    async def _drop(self, collection: str, id_: str) -> None:
        while rows := await self.store.rows(
            collection, {"export": id_}, sort=[("export", 1)], limit=500, fields=["_id"]
        ):
            await self.store.remove(collection, [row["_id"] for row in rows])


class TooLong(Exception):
    """The list has more rows than may be given out, or than the format can hold."""

    code = "export.too-long"


def making(rows_of: Callable[[FastAPI, Store], RowsOf], begin: Begin, options: Callable[[Settings], Options]) -> Beside:
    """The work beside the service that makes the files; it rides out outages."""

    async def run(app: FastAPI, store: Store, settings: Settings) -> None:
        chosen = options(settings)
        if chosen.folder is not None:
            chosen = replace(chosen, folder=await asyncio.to_thread(_emptied, chosen.folder))
        worker = Worker(app.state.engine, rows_of(app, store), begin, chosen)
        await worker.engine.pace.every(worker.options.every, "exports wait", worker.turn, worker.ahead)

    return run


def _emptied(folder: Path) -> Path | None:
    """The folder without what a killed process left in it; None where it cannot be written."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.error("lists are made in a passing folder: %s", error)
        return None
    return folder


# ---- what the routes ask


async def progress(store: Store, id_: str) -> int:
    """How many rows of an open export are gathered."""
    found = await store.rows(
        PARTS,
        {"export": id_},
        sort=[("export", -1), ("place", -1)],
        limit=1,
        fields=["before", "count"],
    )
    return int(found[0]["before"] + found[0]["count"]) if found else 0


async def kept_until(store: Store, id_: str) -> datetime | None:
    """When the file is thrown away; None once it is, or before anybody took the export up."""
    row = await store.get(WORK, id_)
    return row["remove_at"] if row else None


def piece(id_: str, digest: str, place: int) -> str:
    """Under which id a piece of a file is stored."""
    return f"{id_}/{digest}/{place:08d}"


def _packed(id_: str, last: Row | None, part: Part, data: bytes) -> Row:
    place = last["place"] + 1 if last else 1
    return {
        "_id": f"{id_}/{place:08d}",
        "export": id_,
        "place": place,
        "before": last["before"] + last["count"] if last else 0,
        "count": len(part.rows),
        "next": part.next,
        "columns": list(last["columns"] if last else part.columns),
        "data": data,
    }


def _bytes(part: Part) -> bytes:
    for row in part.rows:
        if any(not isinstance(cell, (str, int, type(None))) for cell in row.values()):
            raise TypeError("a cell holds text, whole numbers, yes or no, or nothing")
    return zlib.compress(json.dumps([dict(row) for row in part.rows], ensure_ascii=False).encode())


def _unpacked(data: bytes) -> list[dict[str, Cell]]:
    rows: list[dict[str, Cell]] = json.loads(zlib.decompress(data))
    return rows


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _passing(error: Exception) -> bool:
    """Whether it can be asked again as it is: the view it is asked of is being made, or Kafka is away."""
    return isinstance(error, Problematic) and error.action == "retry"
