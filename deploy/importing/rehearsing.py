"""What would become of a file's rows, found out without sending one: by the entries and editions of a running system
where there is one, which also says what it has stored of them already; else by what the mapping says. By which edition
each is judged is told, where none is known, and whether what is stored was looked at."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from contracts.reference import Problem, Role
from contracts.rules import Edition, RuleBook, UnknownEdition, load
from contracts.topics import INTAKE
from contracts.words import problem
from deploy.complaint import Complaint
from deploy.local.health import editions_of
from deploy.progress import Say, task
from deploy.service import ask, why
from services.intake.domain.agency import Agency
from services.intake.domain.application import own_number
from services.intake.domain.shape import blocks, by_edition, data_of
from services.intake.domain.state import USED
from services.intake.importing import judging
from services.intake.importing.mapping import Described
from services.intake.importing.report import Finding, findings
from services.intake.importing.rows import Row, not_in_directory

NAMED: Final = 5
"""So many agencies are named in a sentence."""
PIECE: Final = 40
"""Of so many rows intake is asked at a time: it then tells all that is wrong with each."""
FATES: Final[Mapping[str, str]] = {
    "accepted": "registered",
    "duplicate": "duplicates",
    "refused": "rejected",
    "conflict": "rejected",
    "unavailable": "parked",
}
"""What becomes of a row by the verdict of its event; what intake cannot decide on is parked when it comes by Kafka."""


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

    def tried(self, code: str, events: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]] | None:
        """What would be answered to these events of an agency, by what is stored; None where it does not say that."""
        url, token = f"{self.url}/v1/events/validate", self.token([Role.AUDITOR])
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        answer = ask(INTAKE, "POST", url, token, headers=headers, body=[*events], params={"agency": code})
        if answer.status_code != 207:
            return None
        items: Sequence[Mapping[str, Any]] = answer.json()["items"]
        return items

    def _asked(self, path: str) -> httpx.Response:
        return ask(INTAKE, "GET", f"{self.url}/v1/{path}", self.token([Role.ADMIN]))


@dataclass(frozen=True, slots=True)
class Judges:
    """By what rows are judged: the entry of each agency that has one or would get one, and the editions. `runs`: a
    running system was asked; `of_system`: some of these editions are not as this terminal has them. `there` is that
    system."""

    whence: Mapping[str, Whence]
    entries: Mapping[str, Agency]
    book: RuleBook
    runs: bool
    of_system: bool = False
    there: IntakeThere | None = None


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
    return Judges(whence, entries, book.with_(*own.values()), there is not None, bool(own), there)


def _need(book: RuleBook, id_: str) -> None:
    try:
        book.edition(id_)
    except UnknownEdition as error:
        raise Complaint(f"The mapping enters agencies by an edition that is not there: {error}.") from error


STORED: Final = "Held against what intake has stored as well: what is known there is told, and counted as such."
NOT_STORED: Final = (
    "Held against the rules alone: what intake has stored is not looked at, so a row that was imported before counts "
    "as one that would be registered."
)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What intake says would become of a row, by what it has stored."""

    fate: str
    problems: Sequence[Problem]


@dataclass(slots=True)
class Rehearsal:
    """What would become of the rows, and by which edition how many of which agencies are judged. `stored`: what intake
    has stored was looked at."""

    rows: list[Row] = field(default_factory=list)
    wrong: list[Finding] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)
    by: dict[tuple[Whence, str | None], Counter[str]] = field(default_factory=dict)
    later: int = 0
    stored: bool = False
    seen: set[str] = field(default_factory=set)
    numbers: dict[tuple[str, str], str] = field(default_factory=dict)

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
        yield STORED if self.stored else NOT_STORED
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
    found, now = Rehearsal(), datetime.now(UTC)
    foreseen = _foreseen(by, read, say)
    found.stored = foreseen is not None
    with task(say, "judging, rows", len(read)) as judging_:
        for place, row in enumerate(read):
            _judge(found, by, row, now, (foreseen or {}).get(place))
            judging_.advance()
    return found


def _foreseen(by: Judges, read: Sequence[Row], say: Say) -> dict[int, Foreseen] | None:
    """What intake says of the rows whose agencies it knows, by their places; of no others anything is stored. None
    where it is not asked, or does not say it."""
    if by.there is None:
        return None
    places, found = dict[str, list[int]](), dict[int, Foreseen]()
    for place, row in enumerate(read):
        if row.event is not None and row.agency is not None and by.whence[row.agency] is Whence.ENTRY:
            places.setdefault(row.agency, []).append(place)
    with task(say, "asking intake, rows", sum(map(len, places.values()))) as asking:
        for code, some in places.items():
            for piece in (some[first : first + PIECE] for first in range(0, len(some), PIECE)):
                items = by.there.tried(code, [event for place in piece if (event := read[place].event) is not None])
                if items is None:
                    return None
                found |= {place: _said(item) for place, item in zip(piece, items, strict=True)}
                asking.advance(len(piece))
    return found


def _said(item: Mapping[str, Any]) -> Foreseen:
    told = (item["receipt"] or item["problem"] or {}).get("problems") or ()
    return Foreseen(FATES[item["verdict"]], [Problem.model_validate(one) for one in told])


def _used(found: Rehearsal, row: Row, edition: Edition | None) -> list[Problem]:
    """That a row before this one has the same own number: intake, which is asked of some rows at a time, may not know
    of it."""
    number = own_number(data_of(row.event or {}).get("own_number")) if judging.is_application(row) else None
    if row.event is None or row.agency is None or number is None:
        return []
    first = found.numbers.setdefault((row.agency, number), str(row.event["id"]))
    if first == str(row.event["id"]):
        return []
    used = [problem("/data/own_number", USED, severity="warn", other=first)]
    return used if edition is None else by_edition(used, edition)


def _judge(found: Rehearsal, by: Judges, row: Row, now: datetime, foreseen: Foreseen | None) -> None:
    entry = by.entries.get(row.agency or "")
    said = [*(judging.problems(row, entry, by.book, now) if foreseen is None else foreseen.problems)]
    nowhere = row.agency is not None and by.whence[row.agency] is Whence.NOT_ENTERED
    if row.agency is not None and row.event is not None:
        id_, whence = str(row.event["id"]), by.whence[row.agency]
        edition = judging.edition_of(row, entry, by.book, now)
        found.by.setdefault((whence, edition.id if edition else None), Counter())[row.agency] += 1
        found.later += foreseen is None and not judging.is_application(row)
        if not nowhere:
            fate = foreseen.fate if foreseen is not None else "rejected" if blocks(said) else "registered"
            if fate == "registered" and id_ not in found.seen and all(one.rule != USED for one in said):
                said += _used(found, row, edition)
                fate = "rejected" if blocks(said) else fate
            found.fates["duplicates" if id_ in found.seen else fate] += 1
            found.seen.add(id_)
    row = not_in_directory(row) if nowhere else row
    found.rows.append(row)
    found.wrong += findings(row, said)
