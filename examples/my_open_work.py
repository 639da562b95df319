"""Rebuilds the open work of one operator or expert from the topic of expertise alone, and can follow it live.

    python -m examples.my_open_work PERSON [--follow]

`PERSON` is the opaque id that the facts name. LOTSMAN_KAFKA_URL says where Kafka is, LOTSMAN_KAFKA_PASSWORD is the
password of its user `operator` (of the embedded stack: `kafka-operator` in its secrets.json), LOTSMAN_KAFKA_USERNAME
another user; without one the connection is plain. The topic holds every step for ever: each run reads all of it.

What is whose, by the facts' own words:

- an operator's are the reviews that the operator has claimed and not given back, until they are concluded or closed,
  and again while an appeal against the conclusion is open;
- an expert's are the reviews to which the expert is assigned and has given no opinion, unless the expert declined, was
  released, or a conflict of interest that came to light is not decided yet (it freezes the opinion).

A new round begins anew: it has to be claimed, and its experts assigned, again. Only conflicts of interest stay.
"""

import argparse
import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar, assert_never

from aiokafka import AIOKafkaConsumer

from contracts import topics
from contracts.event import Event, Skipped, parse_fact, wire_moment
from contracts.expertise import (
    EXPERTISE,
    AnswersTakenV1,
    AppealDecidedV1,
    AppealOpenedV1,
    CaseClaimedV1,
    CaseFact,
    CaseReleasedV1,
    ConclusionAnnulledV1,
    ConclusionApprovedV1,
    ConclusionDraftedV1,
    ConclusionIssuedV1,
    ConclusionSentBackV1,
    Conflict,
    ConflictConfirmedV1,
    ConflictDismissedV1,
    ConflictFoundV1,
    ExpertAcceptedV1,
    ExpertAssignedV1,
    ExpertDeclinedV1,
    ExpertRecheckedV1,
    ExpertReleasedV1,
    FurtherOpinionCalledV1,
    InformationRequestedV1,
    OpinionGivenV1,
    RequestClosedV1,
    ReviewClosedV1,
    ReviewOpenedV1,
    TermBreachedV1,
    TermEndedV1,
    TermExtendedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermResumedV1,
    TermStartedV1,
    TermSuspendedV1,
    TiesCheckedV1,
)
from contracts.reference import TermKind
from contracts.steps import AppealOutcome
from contracts.topics import FACT_MAX_BYTES, OPERATOR, fact_topic

T = TypeVar("T")
TOPIC: Final = fact_topic(topics.EXPERTISE)
CLARIFICATION: Final = TermKind.CLARIFICATION
"""The kind of the term in which the applicant answers; every other term here bounds the work on the review."""


class Owed(StrEnum):
    """What is next for a person in a review: the first two for an expert, the others for its operator."""

    ACCEPT = "accept or decline the assignment"
    OPINION = "give an opinion"
    ASSIGN = "assign experts"
    EXPERTS = "wait for the experts"
    APPLICANT = "wait for the applicant"
    CONCLUSION = "write the conclusion"
    APPROVAL = "wait for the second person's approval"
    NUMBER = "wait for the conclusion's number"
    APPEAL = "wait for the decision on the appeal"


class Seat(StrEnum):
    """How far an expert of a review has come."""

    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    OPINION_GIVEN = "opinion-given"


@dataclass(frozen=True, slots=True)
class Work:
    """The newest round of a review, as far as somebody's work in it goes. `sequence` is that of the last fact folded.

    `conflicts` are those not decided yet, by expert. `due` is when each running term ends (UTC, the first instant
    after its last day); a term whose clock stands is not in it.
    """

    number: str
    title: str
    round: int
    needed: int
    sequence: int = 0
    operator: str | None = None
    seats: Mapping[str, Seat] = field(default_factory=dict)
    conflicts: Mapping[str, frozenset[Conflict]] = field(default_factory=dict)
    requests: frozenset[str] = frozenset()
    drafted: bool = False
    approved: bool = False
    appealed: bool = False
    over: bool = False
    due: Mapping[str, datetime] = field(default_factory=dict)

    def owed(self, person: str) -> Owed | None:
        """What is next for this person; None: nothing of this review is this person's work."""
        if self.over:
            return None
        seat = self.seats.get(person, Seat.OPINION_GIVEN)
        judged = self.drafted or self.approved or self.appealed
        if seat is not Seat.OPINION_GIVEN and person not in self.conflicts and not judged:
            return Owed.ACCEPT if seat is Seat.ASSIGNED else Owed.OPINION
        return self._operators() if person == self.operator else None

    def until(self, person: str) -> datetime | None:
        """When that is due; None: nothing is owed, or its clock stands."""
        owed = self.owed(person)
        if owed is None or owed is Owed.APPLICANT:
            return self.due.get(CLARIFICATION) if owed else None
        return min((due for kind, due in self.due.items() if kind != CLARIFICATION), default=None)

    def _operators(self) -> Owed:
        if self.requests:
            return Owed.APPLICANT
        for waits, owed in (
            (self.drafted, Owed.APPROVAL),
            (self.approved, Owed.NUMBER),
            (self.appealed, Owed.APPEAL),
        ):
            if waits:
                return owed
        given = [who for who, seat in self.seats.items() if seat is Seat.OPINION_GIVEN and who not in self.conflicts]
        if len(given) >= self.needed:
            return Owed.CONCLUSION
        return Owed.ASSIGN if len(self.seats) < self.needed else Owed.EXPERTS


# ---- the fold


class Hole(ValueError):
    """A fact is missing between two of one review: what was read is not the whole topic."""


def fold(work: Work | None, event: Event | Skipped) -> Work | None:
    """The work on a review after one more record of it; None before its review is opened, and for other subjects.

    A record that came before is dropped: sending may repeat facts, never reorder them. Raises Hole.
    """
    if work is None:
        if isinstance(event, Event) and isinstance(event.fact, ReviewOpenedV1):
            return replace(_opened(event.fact), sequence=event.sequence)
        return None
    if event.sequence <= work.sequence:
        return work
    if event.sequence > work.sequence + 1:
        raise Hole(f"{event.subject}: {event.sequence} follows {work.sequence}")
    after = _after(work, event.fact) if isinstance(event, Event) and isinstance(event.fact, CaseFact) else work
    return replace(after, sequence=event.sequence)


def _opened(fact: ReviewOpenedV1) -> Work:
    return Work(fact.number, fact.application.title, fact.round, fact.needed)


def _after(work: Work, fact: CaseFact) -> Work:
    match fact:
        case ReviewOpenedV1():
            return replace(_opened(fact), conflicts=work.conflicts)
        case CaseClaimedV1():
            return replace(work, operator=fact.operator_id)
        case CaseReleasedV1():
            return replace(work, operator=None)
        case InformationRequestedV1():
            asked = replace(work, requests=work.requests | {fact.request})
            return _due(asked, CLARIFICATION, fact.due_at)
        case AnswersTakenV1():
            return replace(work, title=fact.application.title)
        case RequestClosedV1():
            return replace(work, requests=work.requests - {fact.request})
        case FurtherOpinionCalledV1():
            return replace(work, needed=fact.needed)
        case TermStartedV1():
            return _due(work, fact.term.kind, fact.clock.due_at)
        case TermResumedV1() | TermExtendedV1() | TermRecalendaredV1():
            return _due(work, fact.kind, fact.clock.due_at)
        case TermSuspendedV1() | TermEndedV1():
            return _due(work, fact.kind, None)
        case (
            ConclusionDraftedV1()
            | ConclusionSentBackV1()
            | ConclusionApprovedV1()
            | ConclusionIssuedV1()
            | AppealOpenedV1()
            | AppealDecidedV1()
            | ReviewClosedV1()
        ):
            return _concluded(work, fact)
        case (
            ExpertAssignedV1()
            | ExpertAcceptedV1()
            | ExpertDeclinedV1()
            | ExpertReleasedV1()
            | OpinionGivenV1()
            | ConflictFoundV1()
            | ConflictDismissedV1()
            | ConflictConfirmedV1()
        ):
            return _seated(work, fact)
        case TermNearingV1() | TermBreachedV1() | ExpertRecheckedV1() | TiesCheckedV1() | ConclusionAnnulledV1():
            return work
        case _:
            assert_never(fact)


def _concluded(
    work: Work,
    fact: ConclusionDraftedV1
    | ConclusionSentBackV1
    | ConclusionApprovedV1
    | ConclusionIssuedV1
    | AppealOpenedV1
    | AppealDecidedV1
    | ReviewClosedV1,
) -> Work:
    """What concerns the conclusion."""
    match fact:
        case ConclusionDraftedV1() | ConclusionSentBackV1():
            return replace(work, drafted=isinstance(fact, ConclusionDraftedV1))
        case ConclusionApprovedV1():
            return replace(work, drafted=False, approved=True)
        case ConclusionIssuedV1():
            # That of an earlier round may come when the next one has begun already.
            return replace(work, approved=False, over=True) if fact.round == work.round else work
        case AppealOpenedV1():
            return replace(work, appealed=True, over=False)
        case AppealDecidedV1():
            # An amendment is a new draft; an annulment is followed by a new round.
            return replace(work, over=fact.outcome is not AppealOutcome.AMENDED)
        case ReviewClosedV1():
            return replace(work, over=True)
        case _:
            assert_never(fact)


def _seated(
    work: Work,
    fact: ExpertAssignedV1
    | ExpertAcceptedV1
    | ExpertDeclinedV1
    | ExpertReleasedV1
    | OpinionGivenV1
    | ConflictFoundV1
    | ConflictDismissedV1
    | ConflictConfirmedV1,
) -> Work:
    """What concerns one expert."""
    match fact:
        case ExpertAssignedV1():
            seats = _without(work.seats, fact.instead_of)
            return replace(work, seats={**seats, fact.expert_id: Seat.ASSIGNED})
        case ExpertAcceptedV1():
            return replace(work, seats={**work.seats, fact.expert_id: Seat.ACCEPTED})
        case OpinionGivenV1():
            return replace(work, seats={**work.seats, fact.expert_id: Seat.OPINION_GIVEN})
        case ExpertDeclinedV1() | ExpertReleasedV1():
            return replace(work, seats=_without(work.seats, fact.expert_id))
        case ConflictFoundV1():
            return _doubt(work, fact.expert_id, work.conflicts.get(fact.expert_id, frozenset()) | {*fact.conflicts})
        case ConflictDismissedV1():
            return _doubt(work, fact.expert_id, work.conflicts.get(fact.expert_id, frozenset()) - {*fact.conflicts})
        case ConflictConfirmedV1():
            left = replace(work, seats=_without(work.seats, fact.expert_id))
            return _doubt(left, fact.expert_id, frozenset())
        case _:
            assert_never(fact)


def _doubt(work: Work, expert: str, conflicts: frozenset[Conflict]) -> Work:
    others = _without(work.conflicts, expert)
    return replace(work, conflicts={**others, expert: conflicts} if conflicts else others)


def _due(work: Work, kind: str, due: datetime | None) -> Work:
    others = _without(work.due, kind)
    return replace(work, due={**others, kind: due} if due else others)


def _without(all_: Mapping[str, T], one: str | None) -> dict[str, T]:
    return {key: value for key, value in all_.items() if key != one}


# ---- the reading


async def rebuild(login_options: dict[str, Any], person: str) -> dict[str, Work]:
    """The open work of a person by pilot id, as far as the topic went when this began.

    `login_options` are keyword arguments of any aiokafka client. Raises BrokenEvent for a record that is no fact,
    NewerVersion for one that needs newer contracts, Hole, and what aiokafka raises.
    """
    async with _consumer(login_options) as consumer:
        works: dict[str, Work] = {}
        await _catch_up(consumer, works)
        return mine(works, person)


def mine(works: Mapping[str, Work], person: str) -> dict[str, Work]:
    """Those of the reviews in which this person owes something."""
    return {subject: work for subject, work in works.items() if work.owed(person)}


async def follow(login_options: dict[str, Any], person: str) -> None:
    """Prints the open work, and again whenever it changes; until it is interrupted."""
    async with _consumer(login_options) as consumer:
        works: dict[str, Work] = {}
        await _catch_up(consumer, works)
        shown = _show(mine(works, person), person)
        while True:
            await _take(consumer, works)
            if (now := mine(works, person)) != shown:
                shown = _show(now, person)


def _consumer(login_options: dict[str, Any]) -> AIOKafkaConsumer:
    # Without a group each run has all partitions, and there is nothing to commit.
    limits = {"max_partition_fetch_bytes": 2 * FACT_MAX_BYTES}
    return AIOKafkaConsumer(TOPIC, group_id=None, auto_offset_reset="earliest", **limits, **login_options)


async def _catch_up(consumer: AIOKafkaConsumer, works: dict[str, Work]) -> None:
    ends = await consumer.end_offsets(consumer.assignment())
    while any([await consumer.position(partition) < end for partition, end in ends.items()]):
        await _take(consumer, works)


async def _take(consumer: AIOKafkaConsumer, works: dict[str, Work]) -> None:
    for records in (await consumer.getmany(timeout_ms=500)).values():
        for record in records:
            event = parse_fact(record.value, EXPERTISE)
            if (work := fold(works.get(event.subject), event)) is not None:
                works[event.subject] = work


def _show(found: dict[str, Work], person: str) -> dict[str, Work]:
    print(f"{len(found)} open for {person}")
    for subject, work in found.items():
        until = work.until(person)
        when = f"until {wire_moment(until)}" if until else "the clock stands"
        print(f"  {work.number}, round {work.round}: {work.owed(person)}, {when}; {work.title} ({subject})")
    return found


def main() -> None:
    """The command line."""
    words = argparse.ArgumentParser(description="The open work of an operator or an expert.")
    words.add_argument("person", help="the opaque id of the operator or the expert")
    words.add_argument("--follow", action="store_true", help="go on, and print it again whenever it changes")
    said = words.parse_args()
    login = _login(os.environ)
    try:
        if said.follow:
            asyncio.run(follow(login, said.person))
        else:
            _show(asyncio.run(rebuild(login, said.person)), said.person)
    except KeyboardInterrupt:
        pass


def _login(env: Mapping[str, str]) -> dict[str, Any]:
    login: dict[str, Any] = {"bootstrap_servers": env.get("LOTSMAN_KAFKA_URL", "localhost:9092")}
    if password := env.get("LOTSMAN_KAFKA_PASSWORD"):
        user = env.get("LOTSMAN_KAFKA_USERNAME", OPERATOR)
        login |= {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512"}
        login |= {"sasl_plain_username": user, "sasl_plain_password": password}
    return login


if __name__ == "__main__":
    main()
