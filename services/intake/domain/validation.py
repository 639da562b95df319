"""Whether an agency's application, resubmission or withdrawal can be taken: every fault at once, each with its place,
its rule and what to do.

The shape is checked by the contract, the rest by the rule edition and by how the pilot stands. A pilot keeps the
edition of its first application.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from contracts.agency import AGENCY, ApplicationSubmittedV2
from contracts.entered import SENT
from contracts.event import Envelope
from contracts.reference import OrganisationId, Problem
from contracts.rules import Edition
from contracts.steps import Withdrawal
from contracts.words import problem, wording
from services.intake.domain import application
from services.intake.domain.application import NOTHING_USED, Used
from services.intake.domain.commands import Later
from services.intake.domain.shape import Read, all_told, blocks, data_of, read, rows_of
from services.intake.domain.standing import AGAIN, decided, not_open, to_stop
from services.intake.domain.state import FINAL, Pilot, Status
from services.law.names import NOTHING


@dataclass(frozen=True, slots=True)
class Judged:
    """What an event was found to be: an application, with problems that are only told, or problems that it is refused
    for."""

    problems: tuple[Problem, ...]
    envelope: Envelope | None = None
    submission: ApplicationSubmittedV2 | None = None


def judge(
    event: Mapping[str, Any],
    agency: str,
    edition: Edition | None,
    now: datetime,
    used: Used = NOTHING_USED,
    since: date | None = None,
) -> Judged:
    """Checks an application of an agency against the contract and an edition. `since`: the first day on which one holds
    for the agency, to be told where none does."""
    found = read(event, agency, now, edition)
    if edition is None:
        said = NOTHING if since is None else wording("edition.since", day=since)
        return _judged(all_told(found, [problem("/time", "edition.none", since=said)]), found)
    return _judged(all_told(found, _by_edition(event, edition, now, used), edition), found)


def judge_unknown(command: Later, now: datetime) -> tuple[Problem, ...]:
    """What is wrong with an event about a pilot that the agency does not have; another agency's is no different."""
    found = read(command.event, command.agency, now)
    unknown = problem("/subject", "pilot.unknown", action="fix" if command.named is None else "retry")
    return tuple(all_told(found, [unknown]))


def judge_resubmission(
    event: Mapping[str, Any], state: Pilot, edition: Edition, now: datetime, used: Used = NOTHING_USED
) -> Judged:
    """Checks an application that comes again: the rules of a first one, and what it answers to."""
    found = read(event, state.agency, now, edition)
    data = data_of(event)
    rules = [*_by_edition(event, edition, now, used), *_same_initiator(data, state), *_met(data, state)]
    problems = all_told(found, rules, edition)
    if state.status is Status.DECIDED:
        problems.append(decided(wording(AGAIN)))
    elif not state.may_resubmit(now):
        lapsed = state.status is Status.RETURNED
        problems.append(not_open(Status.LAPSED if lapsed else state.status))
    return _judged(problems, found)


def judge_withdrawal(
    event: Mapping[str, Any], state: Pilot, edition: Edition, now: datetime
) -> tuple[tuple[Problem, ...], Withdrawal | None]:
    """What is wrong with a withdrawal, and it itself where it is taken."""
    found = read(event, state.agency, now, edition)
    problems = all_told(found, (), edition)
    if state.status is Status.DECIDED:
        problems.append(decided(to_stop(state)))
    elif state.status in FINAL:
        problems.append(not_open(state.status))
    assert found.payload is None or isinstance(found.payload, Withdrawal)
    return tuple(problems), None if blocks(problems) else found.payload


def _by_edition(event: Mapping[str, Any], edition: Edition, now: datetime, used: Used) -> Iterator[Problem]:
    kind, data = str(event.get("type")), event.get("data")
    if isinstance(data, dict) and AGENCY.knows(kind):
        yield from application.faults(data, kind, edition)
        yield from application.circumstances(data, edition, now.astimezone(ZoneInfo(edition.zone)).date(), used)


def _judged(problems: list[Problem], found: Read) -> Judged:
    if blocks(problems) or found.envelope is None or found.payload is None:
        return Judged(tuple(problems))
    assert isinstance(found.payload, ApplicationSubmittedV2)
    return Judged(tuple(problems), found.envelope, found.payload)


# ---- a resubmission


def _same_initiator(data: Mapping[str, Any], state: Pilot) -> Iterator[Problem]:
    assert state.application is not None
    given = data.get("initiator")
    try:
        number = OrganisationId.model_validate(given.get("id") if isinstance(given, dict) else None, context=SENT)
    except ValidationError:
        return  # the contract says so already
    if number != state.application.initiator.id:
        yield problem("/data/initiator/id", "initiator.changed")


def _met(data: Mapping[str, Any], state: Pilot) -> Iterator[Problem]:
    """Each remark of the last conclusion is answered once at most, and none that was not made."""
    remarks = len(state.conclusion.remarks) if state.conclusion else 0
    seen = set[int]()
    for n, raw in rows_of(data, "met"):
        place = raw.get("place")
        if not isinstance(place, int) or isinstance(place, bool):
            continue
        if place > remarks:
            yield problem(f"/data/met/{n}/place", "met.unknown", remarks=remarks)
        elif place in seen:
            yield problem(f"/data/met/{n}/place", "met.twice")
        seen.add(place)
