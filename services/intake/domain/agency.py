"""The directory of agencies (справочник ведомств): who may publish, and by which rule edition since when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from contracts.event import Fact
from contracts.intake import AgencyEnteredV1
from contracts.rules import Edition, RuleBook
from contracts.steps import AgencyEntry, EditionFrom
from services.intake.domain.application import Used
from services.intake.domain.validation import Judged
from services.law.decision import Context, Refusal

KIND = "agency"


class Agency(AgencyEntry):
    """An agency's entry as it stands."""

    code: str


@dataclass(frozen=True, slots=True)
class Given:
    """What intake's decisions are given besides state and command: the rule book; for a submission also its
    agency's entry, what it was found to be, and, if it can be registered, a fresh registration number; `used` are those
    of the agency's own numbers that other applications of it have."""

    rules: RuleBook
    agency: Agency | None = None
    number: str | None = None
    judged: Judged | None = None
    used: Used = field(default_factory=dict)


def subject_of(code: str) -> str:
    """The subject of an agency's entry."""
    return f"{KIND}:{code}"


def code_of(subject: str) -> str:
    """The agency whose entry is this subject."""
    return subject.removeprefix(f"{KIND}:")


def decide(state: Agency | None, command: AgencyEntry, context: Context[Given]) -> Sequence[Fact]:
    """An agency is entered, or its entry changes. An entry needs at least one edition, and every edition must exist.
    By which edition an agency is judged is not entered by one of its own (assumption). No fact if nothing changes."""
    if context.actor.organisation == code_of(context.subject):
        raise Refusal("agency.own-entry", status=403)
    editions = command.editions
    unknown = sorted({e.edition for e in editions} - set(context.given.rules))
    if unknown:
        known = sorted(context.given.rules)
        raise Refusal("edition.unknown", status=422, edition=unknown, editions=known)
    if not editions or len({e.since for e in editions}) != len(editions):
        raise Refusal("edition.dates", status=422)
    ordered = tuple(sorted(editions, key=lambda e: e.since))
    entered = Agency(code=code_of(context.subject), name=command.name, editions=ordered)
    return () if state == entered else (AgencyEnteredV1.made_of(entered, actor=context.actor),)


def evolve(state: Agency | None, fact: Fact) -> Agency | None:
    """The entry is what the last fact says; there is one fact of it."""
    return Agency.made_of(fact) if isinstance(fact, AgencyEnteredV1) else state


def edition_for(agency: Agency, submitted: datetime, rules: RuleBook) -> Edition | None:
    """The edition by which an application of this moment is judged, or None if none holds yet.

    The day of an application is a day in the zone of the edition. A pilot keeps this edition (assumption).
    """
    holding = [e for e in agency.editions if _holds(e, submitted, rules)]
    return rules.edition(holding[-1].edition) if holding else None


def _holds(entry: EditionFrom, submitted: datetime, rules: RuleBook) -> bool:
    edition = rules.edition(entry.edition)
    day = submitted.astimezone(ZoneInfo(edition.zone)).date()
    return entry.since <= day and edition.in_force(day)
