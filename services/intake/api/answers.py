"""What intake answers, for its document alone: answers are made by `queries.py` and not checked again at run time.

The tests hold every answer to these models.
"""

from datetime import date
from typing import Any, Final

from pydantic import BaseModel

from contracts.agency import ContactPerson
from contracts.event import Contract, Moment
from contracts.reference import Problem
from services.chassis.answers import part_of
from services.chassis.described import CommandAnswer
from services.intake.at_kafka import Follows
from services.intake.domain.agency import Agency
from services.intake.domain.agency_keys import ApiKey
from services.intake.domain.state import Pilot, Request, Status
from services.intake.following import WaitsFor
from services.intake.importing.asked import State
from services.intake.queries import AGENCY_LINE, ASIDE, BY_ITSELF
from services.law.explanation import Explanation


class ApplicationLine(Contract):
    """A line of the list of applications. Of a submission that was refused little more is known than that it came.

    `due_at` is the end of a term of intake's own; `next_due` is when the next move is due, whoever has it: `waits_for`
    (null: nothing follows). `open_requests` are the ids of requests for information that wait for answers."""

    id: str
    status: Status
    submission: int
    number: str | None
    agency: str
    title: str | None
    sector: str | None
    submitted: Moment | None
    received: Moment | None
    due_at: Moment | None
    edition: str | None
    own_number: str | None
    waits_for: WaitsFor | None
    next_due: Moment | None
    open_requests: list[str]


class NamedApplication(Contract):
    """An application by its id and, once it is registered, its registration number."""

    id: str
    number: str | None


class ContactReading(Contract):
    """Who read the contact persons of an application, and when."""

    at: Moment
    by: str
    role: str
    organisation: str | None
    person_ids: list[str]


class EditionLine(Contract):
    """An edition of the rule book, and from when to when it is in force."""

    id: str
    title_ru: str
    title_be: str
    title_en: str
    in_force_from: date
    in_force_to: date | None


class Editions(Contract):
    """The editions that there are."""

    items: list[EditionLine]


class Code(Contract):
    """A code with its title in three languages."""

    code: str
    ru: str
    be: str
    en: str


class Lists(Contract):
    """The code lists of an edition (справочники)."""

    sectors: list[Code]
    regions: list[Code]
    offices: list[Code]
    return_reasons: list[Code]
    criteria: list[Code]
    effectiveness: list[Code]
    money_sources: list[Code]
    terms: list[Code]
    schemes: list[Code]


class CodeLists(EditionLine):
    """An edition with its code lists."""

    lists: Lists


class Label(Contract):
    """Words in three languages."""

    ru: str
    be: str
    en: str


class Labels(Contract):
    """Words by their ids."""

    labels: dict[str, Label]


class ContactShown(ContactPerson):
    """A contact person of an application, and until when that is kept."""

    person_id: str
    until: Moment | None


class Contacts(BaseModel):
    """The contact persons of an application, the one to be asked first."""

    items: list[ContactShown]


class ReportsTaken(Contract):
    """How many bytes all reports have together that were taken."""

    size: int


class ApplicationClock(Explanation):
    """How the due date of an application's term comes about, and what the application is called."""

    number: str | None
    title: str | None


class AtKafka(Contract):
    """How an agency stands at Kafka, which follows the directory within seconds (by the process `follower`): whether it
    is there as its entry says, since when it is so or waits, why the last attempt failed, where one did, and when a
    password was made for its user last, if one was."""

    user: str
    topic: str
    receipts: str
    state: Follows
    since: Moment | None
    why: str | None
    password_made: Moment | None


class EntryChanged(CommandAnswer):
    """A command about an agency's entry was carried out; `kafka`: whether Kafka has followed by now."""

    kafka: AtKafka


class NewPassword(Contract):
    """A password that was made for an agency's user at Kafka. `password` is told this once; it is null where the same
    was asked before. Kafka takes it within seconds: `kafka` says whether it has."""

    agency: str
    password: str | None
    kafka: AtKafka


AgencyCard: Final[Any] = part_of(
    "AgencyCard",
    Agency,
    (name for name in Agency.model_fields if name not in BY_ITSELF),
    description="An agency's entry as it stands. `in_force` is the edition by which an application is judged that it "
    "sends now; null: none is in force yet.",
    in_force=str | None,
    kafka=AtKafka,
)
_KeyShown: Final[Any] = part_of(
    "AgencyKey",
    ApiKey,
    (name for name in ApiKey.model_fields if name != "digest"),
    description="A key of an agency, as it is shown: `begins` is how it begins, `last_used` is told to the minute.",
    begins=str,
    last_used=Moment | None,
)


class QuotaShown(Contract):
    """How much of the door an agency may have in a minute; `own`: its entry says so."""

    events_a_minute: int | None
    bytes_a_minute: int | None
    own: bool


class AgencyKeys(BaseModel):
    """The keys of an agency, those that ended among them; the newest last."""

    items: list[_KeyShown]


class NewKey(Contract):
    """A key that was given out. `key` is told this once; it is null where the same was asked before."""

    agency: str
    id: str
    begins: str
    key: str | None


AgencyLine: Final[Any] = part_of(
    "AgencyLine",
    Agency,
    AGENCY_LINE,
    description="A line of the directory of agencies (справочник ведомств), and how the agency stands at Kafka.",
    kafka=AtKafka,
)
ApplicationCard: Final[Any] = part_of(
    "ApplicationCard",
    Pilot,
    (name for name in (*Pilot.model_fields, *Pilot.model_computed_fields) if name not in ASIDE),
    description="An application as an officer sees it (карточка заявки): all of its state but what is for others.",
    id=str,
    version=int,
    taken=ReportsTaken,
    open_requests=list[Request],
    waits_for=WaitsFor | None,
)


class Counts(Contract):
    """What became of the rows that are done: `rows = published + refused` when all are, and `published` is the sum of
    the following; `balance` is the difference. `reasons`: how many rows each rule refused; a row with faults of two
    rules counts in both, with several of one rule once."""

    rows: int
    published: int
    refused: int
    reasons: dict[str, int]
    registered: int
    duplicates: int
    rejected: int
    parked: int
    in_flight: int
    balance: int


class Import(Contract):
    """An import: where it is, how many of its rows are done, and what became of them. `problems`: why the file or its
    mapping cannot be used as a whole. `report` and `marked` are where the list of faults and the marked file are.
    `toml` is the text of its mapping, `kept` the file that was sent before."""

    id: str
    asked: Moment
    file: str
    kept: str | None
    mapping: str
    toml: str
    dry_run: bool
    state: State
    stopping: bool
    rows: int | None
    done: int
    counts: Counts | None
    problems: list[Problem]
    report: str | None
    marked: str | None
    kept_until: Moment


class FileKept(Contract):
    """A file that is kept for its import, as it was read: its sheets, where the headings were found, its first rows,
    `texts`: the different texts below a heading, where they are few; and `columns`: for each field of an application
    the heading under which it likely stands."""

    id: str
    file: str
    sheet: str | None
    sheets: list[str]
    header: int
    headings: list[str]
    samples: list[list[str]]
    texts: dict[str, list[str]]
    rows: int
    columns: dict[str, str]
    kept_until: Moment


class Mappings(BaseModel):
    """The mappings that ship, by their names."""

    items: list[str]
