"""The directory of agencies (справочник ведомств): who may publish, by which rule edition, from which day to which, and
who is cut off.

What counts is the moment at which intake takes an event, not that at which it was sent: what an agency that is cut off
still has in its topic is refused, with a receipt that says so (`shut`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from contracts.event import Contract, Fact, Moment
from contracts.intake import (
    AgencyDisabledV1,
    AgencyEnabledV1,
    AgencyEnteredV1,
    AgencyFact,
    AgencyKeyIssuedV1,
    AgencyKeyRevokedV1,
    AgencyPasswordMadeV1,
)
from contracts.reference import Problem
from contracts.rules import Edition, RuleBook
from contracts.steps import AgencyDisabling, AgencyEnabling, AgencyEntry, EditionFrom
from contracts.words import problem
from services.intake.domain.agency_keys import ApiKey, IssueKey, RevokeKey, RotateKey, decide_key, evolve_keys
from services.intake.domain.application import Used
from services.intake.domain.validation import Judged
from services.law import standing
from services.law.decision import Context, Refusal
from services.law.faults import organisation_faults
from services.law.people import is_person
from services.law.standing import KIND


@dataclass(frozen=True, slots=True)
class MakePassword:
    """Give the agency's user at Kafka a password: that which is kept under this id."""

    id: str


Command = AgencyEntry | AgencyDisabling | AgencyEnabling | IssueKey | RotateKey | RevokeKey | MakePassword


class MadePassword(Contract):
    """The last password that was made for the agency's user at Kafka; itself it is nowhere."""

    id: str
    at: Moment


class Agency(AgencyEntry):
    """An agency's entry as it stands; `disabled` is since when it is cut off."""

    code: str
    disabled: Moment | None = None
    keys: tuple[ApiKey, ...] = ()
    password: MadePassword | None = None


KEPT: Final = ("disabled", "keys", "password")
"""What of an agency stays whatever its entry says."""


@dataclass(frozen=True, slots=True)
class Given:
    """What intake's decisions are given besides state and command: the rule book; for a submission also its
    agency's entry, what it was found to be, and, if it can be registered, a fresh registration number; `used` are those
    of the agency's own numbers that other applications of it have. `comes_again`: the event stands refused, and this is
    not a record that is only read again."""

    rules: RuleBook
    agency: Agency | None = None
    number: str | None = None
    judged: Judged | None = None
    used: Used = field(default_factory=dict)
    comes_again: bool = False


def subject_of(code: str) -> str:
    """The subject of an agency's entry."""
    return f"{KIND}:{code}"


def code_of(subject: str) -> str:
    """The agency whose entry is this subject."""
    return subject.removeprefix(f"{KIND}:")


def decide(state: Agency | None, command: Command, context: Context[Given]) -> Sequence[Fact]:
    """An agency is entered, or its entry changes; it is cut off, or let in again. No fact if nothing changes.

    By which edition an agency is judged, whether it may publish and by which keys, is not entered by one of its own
    (assumption).
    """
    if context.actor.organisation == code_of(context.subject):
        raise Refusal("agency.own-entry", status=403)
    match command:
        case AgencyEntry():
            return _entered(state, command, context)
        case AgencyDisabling() | AgencyEnabling():
            return _switched(state, command, context)
        case IssueKey() | RotateKey() | RevokeKey():
            keys = state.keys if state is not None else ()
            return decide_key(keys, command, code_of(context.subject), context.actor, context.now)
        case MakePassword(id_):
            code = code_of(context.subject)
            return (AgencyPasswordMadeV1(actor=context.actor, code=code, at=context.now, password=id_),)
        case _:
            assert_never(command)


def evolve(state: Agency | None, fact: Fact) -> Agency | None:
    """The entry is what the last fact says of it; that it is cut off stays through changes of the entry."""
    return _evolved(state, fact) if isinstance(fact, AgencyFact) else state


def _evolved(state: Agency | None, fact: AgencyFact) -> Agency | None:
    match fact:
        case AgencyEnteredV1():
            kept = {} if state is None else {name: getattr(state, name) for name in KEPT}
            return Agency.made_of(fact, **kept)
        case AgencyDisabledV1():
            return state and state.model_copy(update={"disabled": fact.at})
        case AgencyEnabledV1():
            return state and state.model_copy(update={"disabled": None})
        case AgencyKeyIssuedV1() | AgencyKeyRevokedV1():
            return state and state.model_copy(update={"keys": evolve_keys(state.keys, fact)})
        case AgencyPasswordMadeV1():
            made = MadePassword(id=fact.password, at=fact.at)
            return state and state.model_copy(update={"password": made})
        case _:
            assert_never(fact)


def _entered(state: Agency | None, command: AgencyEntry, context: Context[Given]) -> Sequence[Fact]:
    """An entry needs at least one edition, and every edition must exist; its number is checked by the newest."""
    rules, editions = context.given.rules, command.editions
    unknown = sorted({e.edition for e in editions} - set(rules))
    if unknown:
        raise Refusal("edition.unknown", status=422, edition=unknown, editions=sorted(rules))
    if not editions or len({e.since for e in editions}) != len(editions):
        raise Refusal("edition.dates", status=422)
    ordered = tuple(sorted(editions, key=lambda e: e.since))
    if problems := _faults(command, rules.edition(ordered[-1].edition)):
        raise Refusal("agency.faulty", status=422, problems=problems)
    said = command.model_copy(update={"editions": ordered})
    if state is not None and AgencyEntry.made_of(state) == AgencyEntry.made_of(said):
        return ()
    return (AgencyEnteredV1.made_of(said, actor=context.actor, code=code_of(context.subject)),)


def _faults(command: AgencyEntry, edition: Edition) -> list[Problem]:
    found = list[Problem]()
    if command.organisation is not None:
        schemes = [one.scheme for one in edition.schemes]
        found += organisation_faults(command.organisation, "/organisation", schemes, edition)
    if command.contact_role is not None and is_person(command.contact_role):
        found.append(problem("/contact_role", "agency.contact-person"))
    if command.active_from and command.active_to and command.active_to < command.active_from:
        found.append(problem("/active_to", "agency.period-order"))
    return found


def _switched(
    state: Agency | None, command: AgencyDisabling | AgencyEnabling, context: Context[Given]
) -> Sequence[Fact]:
    """Cutting off again, or letting in who is in, changes nothing."""
    off = isinstance(command, AgencyDisabling)
    if state is None or off is (state.disabled is not None):
        return ()
    fact = AgencyDisabledV1 if off else AgencyEnabledV1
    return (fact.made_of(command, actor=context.actor, code=state.code, at=context.now),)


def shut(agency: Agency, now: datetime, rules: RuleBook) -> Problem | None:
    """Why an agency is let in nowhere at this moment, or None. Days are those of the zone of its newest edition, of
    UTC where it has none."""
    zone = rules.edition(agency.editions[-1].edition).zone if agency.editions else "UTC"
    return standing.shut(agency, now, zone)


def edition_for(agency: Agency, submitted: datetime, rules: RuleBook) -> Edition | None:
    """The edition by which an application of this moment is judged, or None if none holds yet.

    The day of an application is a day in the zone of the edition. A pilot keeps this edition (assumption).
    """
    holding = [e for e in agency.editions if _holds(e, submitted, rules)]
    return rules.edition(holding[-1].edition) if holding else None


def first_day(agency: Agency) -> date | None:
    """The first day on which an edition holds for this agency, as its entry has it."""
    return min((entry.since for entry in agency.editions), default=None)


def _holds(entry: EditionFrom, submitted: datetime, rules: RuleBook) -> bool:
    edition = rules.edition(entry.edition)
    day = submitted.astimezone(ZoneInfo(edition.zone)).date()
    return entry.since <= day and edition.in_force(day)
