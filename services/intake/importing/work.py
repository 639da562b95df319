"""The work on imports that were asked for over HTTP, beside the engine: a few at a time in a process, one of an agency.

Whoever takes an import has it for a lease and goes through its rows piece by piece, by the door's own way; between
pieces progress is noted, and whether somebody wants it stopped. A row is known again by what it says (`rows.py`), so an
import that is resumed, or taken up after a process died, begins anew and does nothing twice: what was registered before
is a duplicate then, and what was refused is judged anew. Rows count in their agency's quota as events over HTTP do, and
wait for room.
"""

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from contracts.event import Actor, wire
from contracts.reference import Problem, Role
from contracts.words import problem
from services.chassis.engine import Engine
from services.chassis.jobs import Jobs, Lost
from services.chassis.settings import Settings
from services.chassis.sight import hides
from services.chassis.store import Row as Stored
from services.chassis.store import Store, StoreAway
from services.chassis.subject import Input
from services.intake.api.verdicts import Judgement, Verdict, judged
from services.intake.directory import Directory
from services.intake.door import submitted
from services.intake.importing import asked, mapping, report, tables
from services.intake.importing import rows as reader
from services.intake.importing.asked import IMPORTS, LEASE, OVER_HTTP, State
from services.intake.importing.faulty import FaultyFile
from services.intake.importing.mapping import Described
from services.intake.importing.report import Finding, findings
from services.intake.importing.rows import Row
from services.intake.importing.tables import Table
from services.intake.parsing import parsed

log = logging.getLogger(__name__)
EVERY: Final = 1.0
LEASED: Final = timedelta(seconds=60)
PAUSES: Final = tuple(timedelta(seconds=2**tries) for tries in range(1, 7))
PIECE: Final = 20
"""So many rows are decided on together: a second's worth of a quota, so that an agency's own events wait no longer."""
AT_ONCE: Final = 3
"""So many imports are worked on at once: one that waits for its quota holds up no other (assumption: each holds its
file whole)."""
MOST_ROWS: Final = 5_000
"""So many rows one import has at most: the file is held whole while it is marked (assumption)."""
TRIES: Final = 5
"""So often an import is begun, before it is given up."""
PARTS: Final = ("registered", "duplicates", "rejected", "parked", "in_flight")


@dataclass(slots=True)
class Found:
    """What became of the rows so far: how many there are, and what is wrong with which."""

    rows: int
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    wrong: list[Finding] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def refuse(self, row: Row) -> None:
        """A row of which no event is made."""
        self.refused += 1
        self.reasons += reader.reasons([row])
        self.wrong += findings(row)

    def decided(self, row: Row, verdict: str, problems: Sequence[Problem]) -> None:
        """A row whose event was decided on."""
        self.parts[verdict] += 1
        self.wrong += findings(row, problems)

    def counts(self, done: int) -> dict[str, Any]:
        """The numbers, of the rows that are done."""
        published = done - self.refused
        parts = {name: self.parts[name] for name in PARTS}
        whole = {"rows": self.rows, "published": published, "refused": self.refused, "reasons": dict(self.reasons)}
        return {**whole, **parts, "balance": published - sum(parts.values())}


Room = Callable[[str, int, int], Awaitable[float]]


async def _unbounded(_agency: str, _events: int, _bytes: int) -> float:
    """There is room for everything."""
    return 0.0


class Importer:
    """One worker; any number of them may work at once. `room` counts so many events and bytes as an agency's, or says
    in how many seconds there may be room for them."""

    def __init__(self, engine: Engine, room: Room = _unbounded) -> None:
        self._engine = engine
        self._room = room
        self._store: Store = engine.store
        self._jobs = Jobs(engine.store, IMPORTS, engine.now, LEASED, PAUSES, under=LEASE)

    async def turn(self) -> int:
        """Throws away what is too old, then makes the imports that nobody works on, as long as there are any; how many
        were ended. Raises StoreAway."""
        await self._tidied()
        ended, going = 0, dict[str, asyncio.Task[int]]()
        try:
            while True:
                await self._begin(going)
                if not going:
                    return ended
                await asyncio.wait(going.values(), timeout=EVERY, return_when=asyncio.FIRST_COMPLETED)
                for agency in [agency for agency, task in going.items() if task.done()]:
                    ended += going.pop(agency).result()
        finally:
            for task in going.values():
                task.cancel()
            await asyncio.gather(*going.values(), return_exceptions=True)

    async def _tidied(self) -> None:
        old = {"remove_at": {"$lt": self._engine.now()}}
        for row in await self._store.rows(IMPORTS, old, sort=asked.OLD, limit=100, fields=["_id"]):
            await asked.drop(self._store, row["_id"])
            await self._store.remove(IMPORTS, [row["_id"]])

    async def _begin(self, going: dict[str, asyncio.Task[int]]) -> None:
        """Takes imports of agencies of which none is in hand, and begins with them."""
        query = {"state": {"$in": [*asked.OPEN]}, "agency": {"$nin": [*going]}}
        for row in await self._store.rows(IMPORTS, query, sort=asked.TO_DO, limit=20, hint=asked.TO_DO):
            if len(going) < AT_ONCE and row["agency"] not in going and await self._jobs.take(row):
                going[row["agency"]] = asyncio.create_task(self._taken(row))

    async def _taken(self, row: Stored) -> int:
        id_ = row["_id"]
        try:
            await self._make(row)
            return 1
        except FaultyFile as error:
            await self._end(id_, State.FAILED, problems=[one.model_dump() for one in error.problems])
            return 1
        except Lost:
            return 0
        except StoreAway:
            raise
        except Exception as error:  # of a file that nobody foresaw: others go on, and this one is tried again
            tries = await self._jobs.failed(id_)
            log.exception("import %s, try %s: %s", id_, tries, type(error).__name__)
            if tries >= TRIES:
                await self._end(id_, State.FAILED, problems=[problem("", "import.failed").model_dump()])
                return 1
            await self._jobs.put_off(id_, tries)
            return 0

    async def _make(self, row: Stored) -> None:
        id_ = row["_id"]
        how = mapping.loads(row["toml"])
        with tempfile.TemporaryDirectory(prefix="lotsman-import-") as folder:
            path = tables.path_in(folder, row["file"])
            path.write_bytes(b"".join([piece async for piece in asked.content(self._store, id_, "file")]))
            table, read = await self._jobs.beside(id_, lambda: _read(path, how))
            found = Found(len(read))
            for first in range(0, len(read), PIECE):
                some = read[first : first + PIECE]
                while (wait := await self._waits(row["agency"], some)) > 0:
                    if not await self._goes_on(id_, len(read), first, found):
                        return
                    await asyncio.sleep(min(wait, EVERY))
                await self._piece(row, some, found)
                if not await self._goes_on(id_, len(read), first + len(some), found):
                    return
            written = await self._jobs.beside(id_, lambda: report.write(Path(folder), table, found.wrong))
            for what in ("report", "marked"):
                await asked.keep(self._store, id_, what, Path(written[what]).read_bytes())
            files = {what: Path(written[what]).name for what in ("report", "marked")}
        await self._end(id_, State.DONE, rows=len(read), done=len(read), counts=found.counts(len(read)), files=files)
        await asked.drop(self._store, id_, "file")

    async def _waits(self, agency: str, some: Sequence[Row]) -> float:
        """In how many seconds there may be room for these rows; 0 where they are counted."""
        sizes = [len(wire(one.event)) for one in some if one.event is not None]
        return await self._room(agency, len(sizes), sum(sizes)) if sizes else 0.0

    async def _goes_on(self, id_: str, rows: int, done: int, found: Found) -> bool:
        """Notes progress; False where somebody wants it stopped. Raises Lost."""
        row = await self._store.get(IMPORTS, id_)
        if row is None or row[LEASE].get("by") != self._jobs.name:
            raise Lost
        said = {"state": State.WORKING, "rows": rows, "done": done, "counts": found.counts(done)}
        await self._store.mark(IMPORTS, {"_id": id_, f"{LEASE}.by": self._jobs.name}, said)
        if row["stop"] and done < rows:
            await self._end(id_, State.STOPPED)
            return False
        await self._jobs.renew(id_)
        return True

    async def _end(self, id_: str, state: State, **said: Any) -> None:
        mine = {"_id": id_, f"{LEASE}.by": self._jobs.name}
        nobodys = {"by": None, "until": None, "tries": 0}
        await self._store.mark(IMPORTS, mine, {"state": state, "stop": False, LEASE: nobodys, **said})

    # ---- rows

    async def _piece(self, row: Stored, some: Sequence[Row], found: Found) -> None:
        agency, person = row["agency"], row["person"]
        own = [_of(agency, one) for one in some]
        for one in own:
            if one.event is None:
                found.refuse(one)
        sent = [one for one in own if one.event is not None]
        inputs = [_input(one, agency, person) for one in sent]
        for one, told in zip(sent, await self._told(inputs, dry_run=row["dry_run"]), strict=True):
            again = str(told.event_id) in found.seen or (told.again and told.verdict is not Verdict.REFUSED)
            found.seen.add(str(told.event_id))
            problems = told.receipt.problems if told.receipt else _why(told)
            found.decided(one, "duplicates" if again else _part(told), problems)

    async def _told(self, inputs: Sequence[Input], *, dry_run: bool) -> list[Judgement]:
        if not inputs:
            return []
        if dry_run:
            return await self._engine.rehearsed(inputs, lambda one, *told: _judged(one, *told))
        answers = await self._engine.posted(inputs)
        return [_judged(one, *told) for one, told in zip(inputs, answers, strict=True)]


def _judged(one: Input, *told: Any) -> Judgement:
    return judged(one.actor.organisation or "", one.cause_id, *told)


def _part(told: Judgement) -> str:
    match told.verdict:
        case Verdict.ACCEPTED:
            return "registered"
        case Verdict.DUPLICATE:
            return "duplicates"
        case Verdict.REFUSED | Verdict.CONFLICT:
            return "rejected"
        case Verdict.UNAVAILABLE:
            return "in_flight"


def _why(told: Judgement) -> Sequence[Problem]:
    return [problem("", "import.not-taken", action="retry")] if told.problem is not None else ()


def _read(path: Path, how: Described) -> tuple[Table, list[Row]]:
    table = tables.read(path, how.headings(), how.file, most=OVER_HTTP)
    if len(table.rows) > MOST_ROWS:
        raise FaultyFile(problem("", "import.too-many-rows", most=MOST_ROWS, have=len(table.rows)))
    return table, list(reader.rows(table, how))


def _of(agency: str, row: Row) -> Row:
    """The row; one of another agency is refused."""
    if row.event is None or row.agency == agency:
        return row
    return reader.refused(row, problem("/source", "import.other-agency", code=row.agency or ""))


def _input(row: Row, agency: str, person: str) -> Input:
    assert row.event is not None
    actor = Actor(id=person, organisation=agency, role=Role.PUBLISHER)
    one = submitted(agency, parsed(wire(row.event), {}), str(row.event["id"]), actor=actor)
    return replace(one, sees=lambda state: not hides(state, person))


async def run(app: FastAPI, store: Store, _settings: Settings) -> None:
    """The work beside the service, for the life of a process that answers HTTP."""
    engine: Engine = app.state.engine
    directory: Directory = app.state.agencies

    async def ahead() -> float | None:
        query = {"state": {"$in": [*asked.OPEN]}}
        return 0.0 if await store.count(IMPORTS, query, 1, hint=asked.TO_DO) else None

    await engine.pace.every(EVERY, "imports wait", Importer(engine, directory.room).turn, ahead)
