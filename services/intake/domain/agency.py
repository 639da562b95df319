"""The directory of agencies (справочник ведомств): who may publish, and by which rule edition since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from zoneinfo import ZoneInfo

from contracts.event import Contract, Fact
from contracts.intake import AgencyEnteredV1, EditionFrom
from contracts.rules import Edition, RuleBook
from services.law.decision import Context, Refusal

KIND = "agency"


class Agency(Contract):
    """An agency's entry as it stands."""

    code: str
    name: str
    editions: tuple[EditionFrom, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What intake's decisions are given besides state and command: the rule book; for a submission also its
    agency's entry and a fresh registration number (gaps allowed)."""

    rules: RuleBook
    agency: Agency | None = None
    number: str | None = None


@dataclass(frozen=True, slots=True)
class EnterAgency:
    """Enter an agency, or change its entry."""

    code: str
    name: str
    editions: tuple[EditionFrom, ...]


def subject_of(code: str) -> str:
    """The subject of an agency's entry."""
    return f"{KIND}:{code}"


def decide(state: Agency | None, command: EnterAgency, context: Context[Given]) -> Sequence[Fact]:
    """An entry needs at least one edition, and every edition must exist. No fact if nothing changes."""
    match command:
        case EnterAgency(code, name, editions):
            unknown = sorted({e.edition for e in editions} - set(context.given.rules))
            if unknown:
                known = sorted(context.given.rules)
                raise Refusal("edition.unknown", status=422, edition=unknown, editions=known)
            if not editions or len({e.since for e in editions}) != len(editions):
                raise Refusal("edition.dates", status=422)
            ordered = tuple(sorted(editions, key=lambda e: e.since))
            if state == Agency(code=code, name=name, editions=ordered):
                return ()
            return (AgencyEnteredV1(actor=context.actor, code=code, name=name, editions=ordered),)
        case _:
            assert_never(command)


def evolve(_state: Agency | None, fact: Fact) -> Agency | None:
    """The entry is what the last fact says."""
    match fact:
        case AgencyEnteredV1():
            return Agency(code=fact.code, name=fact.name, editions=fact.editions)
        case _:
            return _state


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
