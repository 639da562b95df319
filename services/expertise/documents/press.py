"""Conclusions are printed before they are issued (печать заключения): beside the engine, in the background.

The order is that of safety. The series' fact that gives the number makes a job. Who has its lease renders PDF and DOCX
with the names that the signers have now, in a thread, lays the bytes down (`shelf`), and only then tells the case its
number with their digests: the fact that issues the conclusion carries them. A crash before the bytes are there prints
again; a crash after takes up what lies there and never renders anew, so that names are frozen once. The command has the
claim of the series' fact, so whoever gives it a second time is a duplicate.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import uuid4

from fastapi import FastAPI

from contracts.event import Actor
from contracts.expertise import ApprovedConclusion, PaperDigest, PaperForm
from contracts.rules import RuleBook
from services.chassis.engine import Engine
from services.chassis.jobs import Jobs
from services.chassis.run import Beside
from services.chassis.settings import Settings
from services.chassis.shares import Threads
from services.chassis.store import PERSONS, Row, Store
from services.chassis.subject import Claimed, Done, Duplicate, Input
from services.expertise.documents import shelf
from services.expertise.documents.content import paper
from services.expertise.documents.render import Paper, docx, pdf
from services.expertise.domain.commands import Number
from services.expertise.domain.parts import Conclusion
from services.expertise.domain.state import Case

log = logging.getLogger(__name__)

MADE: Final[Mapping[PaperForm, Callable[[Paper], bytes]]] = {PaperForm.PDF: pdf, PaperForm.DOCX: docx}
AT_ONCE: Final = 20
"""So many conclusions are printed together; of ordinary ones 2 MB."""
Papers = tuple[PaperDigest, ...]
Wanted = tuple[Row, Case, Conclusion]
"""A job, the case as it stands, and the conclusion that is to be issued."""
EVERY: Final = 0.5
"""Seconds between two looks for jobs."""
PRINTED_WITHIN: Final = 60.0
"""Seconds that a paper waits for its turn at most."""
LEASE: Final = timedelta(seconds=60)
PAUSES: Final = tuple(timedelta(seconds=2**tries) for tries in range(1, 9))


@dataclass(frozen=True, slots=True)
class Press:
    """One printer with a name of its own; any number of them may work at once. It prints one paper after another, in
    `threads` that it shares with others of its process, where its turn comes as that of whose paper it is."""

    engine: Engine
    rules: RuleBook
    threads: Threads = field(default_factory=lambda: Threads("papers", 1, waiting=AT_ONCE, within=PRINTED_WITHIN))
    who: str = "press"
    name: str = field(default_factory=lambda: uuid4().hex)

    @property
    def jobs(self) -> Jobs:
        """The conclusions as jobs of this printer."""
        return Jobs(self.engine.store, shelf.PRINTING, self.engine.now, LEASE, PAUSES, name=self.name)

    async def turn(self) -> int:
        """Prints and issues all that nobody works on, some together; returns how many were issued. Raises StoreAway."""
        issued = 0
        while True:
            due = {"until": {"$lte": self.engine.now()}}
            rows = await self.engine.store.rows(shelf.PRINTING, due, sort=list(shelf.FREE), limit=AT_ONCE)
            taken = await asyncio.gather(*map(self.jobs.take, rows))
            mine = [row for row, was_taken in zip(rows, taken, strict=True) if was_taken]
            issued += await self._issue(mine) if mine else 0
            if len(rows) < AT_ONCE:
                return issued

    async def ahead(self) -> float | None:
        """In how many seconds the next job is free; None where there is none. Raises StoreAway."""
        rows = await self.engine.store.rows(shelf.PRINTING, {}, sort=list(shelf.FREE), limit=1, fields=["until"])
        return (rows[0]["until"] - self.engine.now()).total_seconds() if rows else None

    async def _issue(self, rows: Sequence[Row]) -> int:
        documents = await self.engine.documents({row["pilot"] for row in rows})
        wanted, failed = list[Wanted](), set[str]()
        for row in rows:
            try:
                one = _wanted(row, documents[row["pilot"]].state)
            except Exception as error:  # a case that cannot be read: the papers of the others do not wait for it
                failed.add(row["_id"])
                await self._put_off(row, error)
            else:
                wanted += [one] if one is not None else []
        printed = await self._papers(wanted)
        asked = [(row, papers) for row, _, _ in wanted if (papers := printed.get(row["_id"]))]
        answers = await self.engine.posted([_input(row, Number(row["number"], papers)) for row, papers in asked])
        failed |= {row["_id"] for row, _, _ in wanted} - {row["_id"] for row, _ in asked}
        for (row, _), (outcome, _) in zip(asked, answers, strict=True):
            if not isinstance(outcome, (Done, Duplicate)):
                failed.add(row["_id"])
                await self._put_off(row, outcome)
        await self.engine.store.remove(shelf.PRINTING, [row["_id"] for row in rows if row["_id"] not in failed])
        return len(rows) - len(failed)

    async def _put_off(self, row: Row, cause: object) -> None:
        tries = await self.jobs.failed(row["_id"])
        log.error("conclusion %s cannot be printed, try %s: %s", row["number"], tries, type(cause).__name__)
        await self.jobs.put_off(row["_id"], tries)

    async def _papers(self, wanted: Sequence[Wanted]) -> dict[str, Papers]:
        """The papers of each job: those that lie there, else new ones. A job that cannot be printed is put off."""
        lie = await shelf.laid(self.engine.store, [row["_id"] for row, _, _ in wanted])
        missing = [one for one in wanted if one[0]["_id"] not in lie]
        names = await self._names(of for _, _, of in missing)
        made = dict[str, dict[PaperForm, bytes]]()
        for row, case, of in missing:
            try:
                made[row["_id"]] = await self._made(case, of, names)
            except Exception as error:
                await self._put_off(row, error)
        return lie | await shelf.lay(self.engine.store, made, self.engine.now())

    async def printed(self, pilot: str, case: Case, of: Conclusion) -> Papers:
        """The digests of a conclusion's papers, which are printed if they do not lie there yet. Raises StoreAway."""
        store, name = self.engine.store, shelf.name_of(pilot, of.number)
        if known := (await shelf.laid(store, [name])).get(name):
            return known
        made = {name: await self._made(case, of, await self._names([of]))}
        return (await shelf.lay(store, made, self.engine.now()))[name]

    async def draft(self, case: Case, of: ApprovedConclusion) -> bytes:
        """A draft as its paper will look (PDF), marked as one; it is laid down nowhere. Raises StoreAway."""
        edition, names = self.rules.edition(case.edition), await self._names([of])
        said = paper(case, of, edition, names, self.engine.now(), self.engine.calendars)
        return await self.threads.run(self.who, pdf, said)

    async def _made(self, case: Case, of: Conclusion, names: Mapping[str, str]) -> dict[PaperForm, bytes]:
        edition = self.rules.edition(case.edition)
        said = paper(case, of, edition, names, self.engine.now(), self.engine.calendars)
        return {form: await self.threads.run(self.who, make, said) for form, make in MADE.items()}

    async def _names(self, conclusions: Iterable[ApprovedConclusion]) -> dict[str, str]:
        """The names of the signers where they are known, else the opaque ids."""
        signers = {one.person_id for of in conclusions for one in of.signers}
        if not signers:
            return {}
        query = {"_id": {"$in": sorted(signers)}}
        rows = await self.engine.store.rows(PERSONS, query, sort=[("_id", 1)], limit=len(signers))
        return {one: one for one in signers} | {row["_id"]: str(row["name"]) for row in rows}


def _wanted(row: Row, case: object) -> Wanted | None:
    """The conclusion that a job is about; None where a crash came between the fact and the end of the job."""
    assert isinstance(case, Case)
    if case.approved is None or any(one.number == row["number"] for one in case.conclusions):
        return None
    return row, case, Conclusion.made_of(case.approved, number=row["number"])


def _input(row: Row, command: Number) -> Input:
    return Input(
        subject=row["pilot"],
        mark=Claimed(row["owner"], row["place"], row["event"]),
        command=command,
        actor=Actor.model_validate(row["actor"]),
        cause_id=row["event"],
        correlation=row["correlation"],
        trace=row["trace"],
    )


def printing(rules: RuleBook) -> Beside:
    """The work beside the service that prints; it rides out outages."""

    async def run(app: FastAPI, _store: Store, _settings: Settings) -> None:
        press = Press(app.state.engine, rules, app.state.papers)
        await app.state.engine.pace.every(EVERY, "printing waits", press.turn, press.ahead)

    return run
