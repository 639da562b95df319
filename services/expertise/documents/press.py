"""Conclusions are printed before they are issued (печать заключения): beside the engine, in the background.

The order is that of safety. The series' fact that gives the number makes a job. Who has its lease renders PDF and DOCX
with the names that the signers have now, in a thread, lays the bytes down (`shelf`), and only then tells the case its
number with their digests: the fact that issues the conclusion carries them. A crash before the bytes are there prints
again; a crash after takes up what lies there and never renders anew, so that names are frozen once. The command has the
claim of the series' fact, so whoever gives it a second time is a duplicate.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import uuid4

from fastapi import FastAPI

from contracts.event import Actor
from contracts.expertise import PaperDigest, PaperForm
from contracts.rules import RuleBook
from services.chassis.engine import Engine
from services.chassis.jobs import Jobs
from services.chassis.run import Beside
from services.chassis.settings import Settings
from services.chassis.shares import Threads
from services.chassis.store import PERSONS, Row, Store, StoreAway
from services.chassis.subject import Claimed, Done, Duplicate, Input
from services.expertise.documents import shelf
from services.expertise.documents.content import paper
from services.expertise.documents.render import Paper, docx, pdf
from services.expertise.domain.commands import Number
from services.expertise.domain.parts import Conclusion
from services.expertise.domain.state import Case

log = logging.getLogger(__name__)

MADE: Final[Mapping[PaperForm, Callable[[Paper], bytes]]] = {PaperForm.PDF: pdf, PaperForm.DOCX: docx}
AT_ONCE: Final = 50
EVERY: Final = 0.5
"""Seconds between two looks for jobs."""
PRINTED_WITHIN: Final = 60.0
"""Seconds that a paper waits for its turn at most."""
LEASE: Final = timedelta(seconds=60)
PAUSES: Final = tuple(timedelta(seconds=2**tries) for tries in range(1, 9))


@dataclass(frozen=True, slots=True)
class Press:
    """One printer with a name of its own; any number of them may work at once, each on one paper at a time. It prints
    in `threads` that it shares with others of its process, where its turn comes as that of whose paper it is."""

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
        """Prints and issues what nobody works on; returns how many were issued. Raises StoreAway."""
        due = {"until": {"$lte": self.engine.now()}}
        rows = await self.engine.store.rows(shelf.PRINTING, due, sort=list(shelf.FREE), limit=AT_ONCE)
        return sum([await self._take(row) for row in rows])

    async def ahead(self) -> float | None:
        """In how many seconds the next job is free; None where there is none. Raises StoreAway."""
        rows = await self.engine.store.rows(shelf.PRINTING, {}, sort=list(shelf.FREE), limit=1, fields=["until"])
        return (rows[0]["until"] - self.engine.now()).total_seconds() if rows else None

    async def _take(self, row: Row) -> bool:
        if not await self.jobs.take(row):
            return False
        try:
            await self._issue(row)
        except StoreAway:
            raise
        except Exception as error:
            tries = await self.jobs.failed(row["_id"])
            log.error("conclusion %s cannot be printed, try %s: %s", row["number"], tries, type(error).__name__)
            await self.jobs.put_off(row["_id"], tries)
            return False
        await self.engine.store.remove(shelf.PRINTING, [row["_id"]])
        return True

    async def _issue(self, row: Row) -> None:
        pilot, number = row["pilot"], row["number"]
        case = (await self.engine.documents([pilot]))[pilot].state
        assert isinstance(case, Case)
        if case.approved is None or any(one.number == number for one in case.conclusions):
            return  # a crash came between the fact and the end of the job
        papers = await self.printed(pilot, case, Conclusion.made_of(case.approved, number=number))
        outcome = await self.engine.command(_input(row, Number(number, papers)))
        if not isinstance(outcome, (Done, Duplicate)):
            raise RuntimeError(type(outcome).__name__)

    async def printed(self, pilot: str, case: Case, of: Conclusion) -> tuple[PaperDigest, ...]:
        """The digests of a conclusion's papers, which are printed if they do not lie there yet. Raises StoreAway."""
        store, name = self.engine.store, shelf.name_of(pilot, of.number)
        if known := await shelf.laid(store, name):
            return known
        names = {one.person_id: await _name(store, one.person_id) for one in of.signers}
        edition = self.rules.edition(case.edition)
        said = paper(case, of, edition, names, self.engine.now(), self.engine.calendars)
        made = {form: await self.threads.run(self.who, make, said) for form, make in MADE.items()}
        return await shelf.lay(store, name, made, self.engine.now())


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


async def _name(store: Store, person: str) -> str:
    """A signer's name where it is known, else the opaque id."""
    row = await store.get(PERSONS, person)
    return str(row["name"]) if row is not None else person


def printing(rules: RuleBook) -> Beside:
    """The work beside the service that prints; it rides out outages."""

    async def run(app: FastAPI, _store: Store, _settings: Settings) -> None:
        press = Press(app.state.engine, rules, app.state.papers)
        await app.state.engine.pace.every(EVERY, "printing waits", press.turn, press.ahead)

    return run
