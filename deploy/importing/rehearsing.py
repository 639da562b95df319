"""What would become of a file's rows, found out without sending one: by the entries and editions of a running system
where there is one, else by what the mapping says. By which edition each is judged is told, and where none is known."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from contracts.reference import Role
from contracts.rules import Edition, RuleBook, UnknownEdition, load
from contracts.topics import INTAKE
from deploy.complaint import Complaint
from deploy.local.health import editions_of
from deploy.progress import Say, task
from deploy.service import ask, why
from services.intake.domain.agency import Agency
from services.intake.importing import judging
from services.intake.importing.mapping import Described
from services.intake.importing.report import Finding, findings
from services.intake.importing.rows import Row, not_in_directory

NAMED: Final = 5
"""So many agencies are named in a sentence."""


class Whence(StrEnum):
    """How it is known by which edition the rows of an agency are judged."""

    ENTRY = "entry"
    """The running system's directory says it."""
    MAPPING = "mapping"
    """The agency is in no directory, and the mapping enters it."""
    NOT_ENTERED = "not-entered"
    """It is not in the running system's directory, and the mapping does not enter it: its rows are refused."""
    NOT_ASKED = "not-asked"
    """It is not known: there is no directory to be asked, and the mapping does not say it."""


@dataclass(frozen=True, slots=True)
class IntakeThere:
    """A running intake that can be asked for its entries and editions."""

    url: str
    token: Callable[[list[str]], str]

    def edition(self, id_: str) -> Edition:
        """An edition as it is in force there. Raises Complaint."""
        answer = self._asked(f"editions/{quote(id_, safe='')}")
        if answer.is_error:
            raise Complaint(f"Intake does not give its edition {id_} ({answer.status_code}): {why(answer)}")
        try:
            return Edition.model_validate_json(answer.content)
        except ValidationError as error:
            raise Complaint(f"Intake's edition {id_} is of another version than this program: {error}") from error

    def entry(self, code: str) -> Agency | None:
        """An agency's entry, or None where it has none. Raises Complaint."""
        answer = self._asked(f"agencies/{quote(code, safe='')}")
        if answer.status_code == 404:
            return None
        if answer.is_error:
            raise Complaint(f"Intake does not say whether {code} is in the directory: {why(answer)}")
        try:
            said = answer.json()
            return Agency.model_validate({name: said[name] for name in Agency.model_fields if name in said})
        except (ValueError, TypeError) as error:
            raise Complaint(f"Intake's entry of {code} is of another version than this program: {error}") from error

    def _asked(self, path: str) -> httpx.Response:
        return ask(INTAKE, "GET", f"{self.url}/v1/{path}", self.token([Role.ADMIN]))


@dataclass(frozen=True, slots=True)
class Judges:
    """By what rows are judged: the entry of each agency that has one or would get one, and the editions. `runs`: a
    running system was asked; `of_system`: some of these editions are not as this terminal has them."""

    whence: Mapping[str, Whence]
    entries: Mapping[str, Agency]
    book: RuleBook
    runs: bool
    of_system: bool = False


def judges(how: Described, codes: Sequence[str], there: IntakeThere | None, tell: Say, say: Say) -> Judges:
    """By what the rows of these agencies would be judged; people are told where a running system does not help. Raises
    Complaint."""
    known = editions_of(there.url) if there is not None else {}
    if there is not None and not known:
        tell("The running system does not answer: its directory and its editions are not asked.")
        there = None
    entries, whence = dict[str, Agency](), dict[str, Whence]()
    with task(say, "agencies", len(codes)) as asking:
        for code in codes:
            entry = there.entry(code) if there is not None else None
            whence[code] = Whence.ENTRY
            if entry is None and how.agency.enter is not None:
                entry, whence[code] = Agency(code=code, name=code, editions=(how.agency.enter,)), Whence.MAPPING
            elif entry is None:
                whence[code] = Whence.NOT_ASKED if there is None else Whence.NOT_ENTERED
            if entry is not None:
                entries[code] = entry
            asking.advance()
    book, own = load(), dict[str, Edition]()
    for id_ in sorted({one.edition for entry in entries.values() for one in entry.editions}):
        if there is not None and id_ not in known:
            tell(f"The running system has no edition {id_}, and would enter no agency by it.")
        if there is not None and id_ in known and known[id_] != book.digests.get(id_):
            tell(f"The running system has another edition {id_} than this terminal (LOTSMAN_EDITIONS).")
            own[id_] = there.edition(id_)
        else:
            _need(book, id_)
    return Judges(whence, entries, book.with_(*own.values()), there is not None, bool(own))


def _need(book: RuleBook, id_: str) -> None:
    try:
        book.edition(id_)
    except UnknownEdition as error:
        raise Complaint(f"The mapping enters agencies by an edition that is not there: {error}.") from error


@dataclass(slots=True)
class Rehearsal:
    """What would become of the rows, and by which edition how many of which agencies are judged."""

    rows: list[Row] = field(default_factory=list)
    wrong: list[Finding] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)
    by: dict[tuple[Whence, str | None], Counter[str]] = field(default_factory=dict)
    later: int = 0

    def told(self) -> list[dict[str, Any]]:
        """By what the rows are judged, as a program is told it."""
        return [
            {"edition": edition, "known_from": whence, "agencies": sorted(agencies), "rows": agencies.total()}
            for (whence, edition), agencies in self.by.items()
        ]

    def sentences(self, runs: bool) -> Iterator[str]:
        """The same for people. `runs`: a running system was asked."""
        for (whence, edition), agencies in self.by.items():
            yield _sentence(whence, edition, agencies, runs)
        if self.later:
            yield (
                f"{_rows(self.later)} about pilots that are there already: what is wrong within them is told. Whether "
                "their pilots take them, by the editions that these keep, is not known here."
            )


def _sentence(whence: Whence, edition: str | None, agencies: Counter[str], runs: bool) -> str:
    rows, named = _rows(agencies.total()), ", ".join(sorted(agencies)[:NAMED])
    named += f" and {len(agencies) - NAMED} more" if len(agencies) > NAMED else ""
    match whence:
        case Whence.ENTRY if edition is None:
            return f"{rows}: no edition holds on their day, as the running system's directory says of {named}."
        case Whence.ENTRY:
            return f"{rows}: judged by {edition}, as the running system's directory says of {named}."
        case Whence.MAPPING:
            other = "is not in the running system's directory" if runs else "no running system is asked"
            by = f"judged by {edition}" if edition else "no edition holds on their day"
            return f"{rows}: {by}, as the mapping enters {named} ({other})."
        case Whence.NOT_ENTERED:
            return (
                f"{rows}: refused, for {named} is not in the running system's directory, and the mapping enters none "
                "(enter, of [agency]). They are held against the contract alone."
            )
        case Whence.NOT_ASKED:
            return (
                f"{rows}: held against the contract alone. By which edition those of {named} would be judged is not "
                "known: no running system is asked, and the mapping names none (enter, of [agency])."
            )


def _rows(many: int) -> str:
    return f"{many} row{'' if many == 1 else 's'}"


def rehearsed(by: Judges, read: Sequence[Row], say: Say) -> Rehearsal:
    """Judges each row as intake would now."""
    found, now, seen = Rehearsal(), datetime.now(UTC), set[str]()
    with task(say, "judging, rows", len(read)) as judging_:
        for row in read:
            _judge(found, by, row, now, seen)
            judging_.advance()
    return found


def _judge(found: Rehearsal, by: Judges, row: Row, now: datetime, seen: set[str]) -> None:
    entry = by.entries.get(row.agency or "")
    said = judging.problems(row, entry, by.book, now)
    if row.agency is not None and row.event is not None:
        id_, whence = str(row.event["id"]), by.whence[row.agency]
        edition = judging.edition_of(row, entry, by.book, now)
        found.by.setdefault((whence, edition.id if edition else None), Counter())[row.agency] += 1
        found.later += not judging.is_application(row)
        if whence is Whence.NOT_ENTERED:
            row = not_in_directory(row)
        else:
            blocked = any(one.severity == "block" for one in said)
            found.fates["duplicates" if id_ in seen else "rejected" if blocked else "registered"] += 1
            seen.add(id_)
    found.rows.append(row)
    found.wrong += findings(row, said)
