"""What expertise makes of intake's facts and of its own: fact -> command; fact -> notices; what decisions are given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, assert_never

from contracts import expertise, intake, topics
from contracts.event import Contract, Event, Fact, Moment, noun_of, wire_moment
from contracts.expertise import Closure, ExpertiseFact, NotifyingFact, Seat
from contracts.intake import PilotFact
from contracts.reference import Application
from contracts.rules import RuleBook
from services.chassis import ties
from services.chassis.service import Prepare, Told
from services.chassis.sight import hidden_from
from services.chassis.store import HIDDEN, SUBJECTS, Row, Store
from services.chassis.subject import Document, Input
from services.chassis.ties import TIED
from services.expertise.documents.shelf import PRINTING, job_of
from services.expertise.domain.commands import (
    Assign,
    CloseFor,
    Command,
    HandOver,
    Open,
    Recheck,
    TakeAnswers,
    experts_asked,
)
from services.expertise.domain.expert import Expert, Given, Known
from services.expertise.domain.expert import subject_of as expert_subject
from services.expertise.domain.series import TakeNumber
from services.expertise.domain.state import KIND
from services.law.parties import key_of, keys_of

NOTICES: Final = "notices"


def translate(event: Event) -> Command | None:
    """A round is opened for an accepted application, answers are taken, a case is closed; the rest passes by."""
    fact = event.fact
    return _of_intake(fact) if isinstance(fact, PilotFact) else None


def _of_intake(fact: PilotFact) -> Command | None:
    match fact:
        case intake.ApplicationAcceptedV1():
            return Open.made_of(fact)
        case intake.ClarificationRegisteredV1():
            return TakeAnswers.made_of(fact)
        case intake.WithdrawalRegisteredV1():
            return CloseFor(Closure.WITHDRAWN, fact.reason)
        case intake.ApplicationStoppedV1():
            return CloseFor(Closure.STOPPED, fact.reason)
        case (
            intake.ApplicationRegisteredV1()
            | intake.SubmissionRefusedV1()
            | intake.TermStartedV1()
            | intake.TermEndedV1()
            | intake.TermBreachedV1()
            | intake.TermNearingV1()
            | intake.TermRecalendaredV1()
            | intake.ApplicationReturnedV1()
            | intake.ResubmissionRegisteredV1()
            | intake.EventRefusedV1()
            | intake.InformationRequestForwardedV1()
            | intake.InformationRequestClosedV1()
            | intake.ApplicationLapsedV1()
            | intake.ConclusionForwardedV1()
            | intake.ConclusionAnnulmentForwardedV1()
            | intake.ExpertiseClosedV1()
            | intake.DecisionForwardedV1()
            | intake.StepForwardedV1()
            | intake.ExpertiseTermNotedV1()
            | intake.CarryingOutNotedV1()
            | intake.ConflictNotedV1()
            | intake.TermReminderForwardedV1()
            | intake.ProgressRegisteredV1()
            | intake.SpendingRegisteredV1()
            | intake.RiskRegisteredV1()
            | intake.ResultRegisteredV1()
            | intake.CompletionRegisteredV1()
        ):
            return None
        case _:
            assert_never(fact)


# ---- what decisions are given


async def look(store: Store, inputs: Sequence[Input]) -> dict[str, Known]:
    """The experts that a batch names, with their loads, by two queries at most."""
    return await known_experts(store, sorted({expert for one in inputs for expert in _experts_of(one)}))


def preparing(rules: RuleBook) -> Prepare:
    """What a batch of decisions is given: the experts that it names, with their loads (`look`).

    The load counts what this very batch has assigned before, so that one batch cannot overload an expert.
    """

    async def prepare(
        _store: Store, inputs: Sequence[Input], _loaded: Mapping[str, Document], known: dict[str, Known]
    ) -> list[Given]:
        given = list[Given]()
        for one in inputs:
            experts = _experts_of(one)
            given.append(Given(rules, {expert: known[expert] for expert in experts if expert in known}))
            if isinstance(one.command, (Assign, HandOver)) and (found := known.get(experts[0])) is not None:
                known[experts[0]] = replace(found, load=found.load + 1)
        return given

    return prepare


def _experts_of(one: Input) -> tuple[str, ...]:
    return experts_asked(one.command, one.actor.id) if isinstance(one.command, Command) else ()


async def known_experts(store: Store, ids: Sequence[str]) -> dict[str, Known]:
    """These experts' entries with their loads; who is not in the directory is missing."""
    if not ids:
        return {}
    loaded = await store.load([expert_subject(one) for one in ids], lambda _subject: Expert)
    entries = {d.state.expert_id: d.state for d in loaded.values() if isinstance(d.state, Expert)}
    loads = await load_of(store, list(entries))
    return {one: Known(entry, loads[one]) for one, entry in entries.items()}


async def load_of(store: Store, ids: Sequence[str]) -> dict[str, int]:
    """How many reviews wait for each expert's opinion (нагрузка)."""
    return await store.tally(SUBJECTS, {"kind": KIND}, "state.working", ids)


# ---- what own facts ask of other subjects


async def process_manager(store: Store, events: Sequence[Event]) -> Sequence[Told]:
    """What own facts ask of other subjects: numbers for conclusions, another look at conflicts. A number asks the press
    to print its conclusion, which then tells the case."""
    numbered = [(one, fact) for one in events if isinstance(fact := one.fact, expertise.ConclusionNumberedV1)]
    await store.add(PRINTING, [job_of(topics.EXPERTISE, event, fact) for event, fact in numbered])
    named = {event.fact.expert_id for event in events if isinstance(event.fact, LookedAt)}
    entries = await _entries(store, named) if named else {}
    tied = await tied_to(store, [event.fact.application for event in events if isinstance(event.fact, Applied)])
    return [await _asked(store, event, event.fact, entries, tied) for event in events]


async def _asked(
    store: Store, event: Event, fact: Fact, entries: Mapping[str, Seat], tied: Mapping[str, Sequence[Seat]]
) -> Told:
    """An approved conclusion asks for its number; an expert's changed entry is looked at wherever the expert is on a
    case, also where the assignment was decided while the entry changed, and in every case that it ties the person to;
    so are, where an application came or changed, the entries that are tied to its parties."""
    if not isinstance(fact, ExpertiseFact):
        return ()
    match fact:
        case expertise.ReviewOpenedV1() | expertise.AnswersTakenV1():
            found = {one.expert_id: one for key in keys_of(fact.application) for one in tied.get(key, ())}
            return [(event.subject, Recheck(seat)) for seat in found.values()]
        case expertise.ConclusionApprovedV1():
            return [(fact.series, TakeNumber(event.subject, event.sequence, fact.edition, fact.date.year))]
        case expertise.ExpertAssignedV1() | expertise.TiesCheckedV1():
            entry = entries.get(fact.expert_id)
            return [(event.subject, Recheck(entry))] if entry is not None and _differ(fact.seat, entry) else []
        case expertise.ExpertEnteredV1():
            entry = entries.get(fact.expert_id)
            return await _rechecks(store, entry) if entry is not None else []
        case (
            expertise.TermStartedV1()
            | expertise.TermSuspendedV1()
            | expertise.TermResumedV1()
            | expertise.TermExtendedV1()
            | expertise.TermNearingV1()
            | expertise.TermBreachedV1()
            | expertise.TermRecalendaredV1()
            | expertise.TermEndedV1()
            | expertise.CaseClaimedV1()
            | expertise.CaseReleasedV1()
            | expertise.ExpertAcceptedV1()
            | expertise.ExpertDeclinedV1()
            | expertise.ExpertReleasedV1()
            | expertise.ConflictFoundV1()
            | expertise.ConflictDismissedV1()
            | expertise.ConflictConfirmedV1()
            | expertise.ExpertRecheckedV1()
            | expertise.OpinionGivenV1()
            | expertise.FurtherOpinionCalledV1()
            | expertise.InformationRequestedV1()
            | expertise.RequestClosedV1()
            | expertise.ConclusionDraftedV1()
            | expertise.ConclusionSentBackV1()
            | expertise.ConclusionNumberedV1()
            | expertise.ConclusionIssuedV1()
            | expertise.AppealOpenedV1()
            | expertise.AppealDecidedV1()
            | expertise.ConclusionAnnulledV1()
            | expertise.ReviewClosedV1()
            | expertise.PersonErasedV1()
            | expertise.TeamEnteredV1()
            | expertise.RecordHandledV1()
            | expertise.RecordSkippedV1()
            | expertise.ListTakenV1()
            | expertise.ListReadyV1()
        ):
            return []
        case _:
            assert_never(fact)


LookedAt = expertise.ExpertAssignedV1 | expertise.ExpertEnteredV1 | expertise.TiesCheckedV1
"""The facts for which an expert's entry is looked at, as it is by then."""
Applied = expertise.ReviewOpenedV1 | expertise.AnswersTakenV1
"""The facts with an application that came or changed."""


async def _entries(store: Store, experts: Iterable[str]) -> dict[str, Seat]:
    """What these experts' entries say now, of those that are there."""
    loaded = await store.load([expert_subject(one) for one in experts], lambda _subject: Expert)
    states = [document.state for document in loaded.values()]
    return {state.expert_id: state.seat() for state in states if isinstance(state, Expert)}


async def tied_to(store: Store, applications: Sequence[Application]) -> dict[str, list[Seat]]:
    """The entries that are tied to a party of these applications, by the party: one query for all of them."""
    found = await ties.of_parties(store, applications, Expert)
    return {key: [entry.seat() for entry in some] for key, some in found.items()}


def _differ(seat: Seat, entry: Seat) -> bool:
    return seat.model_copy(update={"entry": entry.entry}) != entry


async def _rechecks(store: Store, entry: Seat) -> list[tuple[str, object]]:
    """The cases in which a changed entry is looked at: those that its expert is on, those with a party that it ties the
    person to, and those that it did tie the person to."""
    where = {"kind": KIND, "state.visible_to": entry.expert_id}
    found = dict[str, Recheck]()
    async for row in store.scan(SUBJECTS, where, fields=["state.places"]):
        seats = [Seat.model_validate(place["seat"]) for place in row["state"]["places"]]
        if any(seat.expert_id == entry.expert_id and _differ(seat, entry) for seat in seats):
            found[row["_id"]] = Recheck(entry)
    keys = [key_of(one) for one in (entry.organisation, *entry.affiliated, *entry.interests)]
    tying = {"kind": KIND, "state.organisations": {"$in": keys}}
    for query, index in ((tying, TIED), (hidden_from(entry.expert_id), HIDDEN)):
        async for row in store.scan(SUBJECTS, query, fields=["_id"], hint=index):
            found[row["_id"]] = Recheck(entry)
    return list(found.items())


# ---- what goes out with facts


KIND_OF: Final[Mapping[str, str]] = {
    noun_of(expertise.ExpertAssignedV1.TYPE): "assigned",
    noun_of(expertise.AnswersTakenV1.TYPE): "answered",
    noun_of(expertise.TermNearingV1.TYPE): "due",
    noun_of(expertise.TermBreachedV1.TYPE): "breached",
}
"""The kind of a notice where it is not simply the fact's own name."""


class NoticeContent(Contract):
    """What a notice says of its fact, as far as the fact says it."""

    kind: str | None = None
    expert_id: str | None = None
    round: int | None = None
    due_at: Moment | None = None
    request: str | None = None
    why: str | None = None
    outcome: str | None = None
    rungs: tuple[int, ...] | None = None


def projection(event: Event) -> list[tuple[str, Row]]:
    """A notice for each person whom an own fact concerns (уведомления), but not for the one who acted.

    Who changes an expert's entry has not seen what that brings to light in a case, so that is told in any case.
    """
    noun, fact = noun_of(event.type), event.fact
    knows = None if isinstance(fact, expertise.ConflictFoundV1) else fact.actor.id
    people = [person for person in _concerned(event) if person != knows]
    if not people:
        return []
    what = NoticeContent.made_of(fact).model_dump(mode="json", exclude_none=True)
    return [
        (
            NOTICES,
            {
                "_id": f"{event.id}:{person}",
                "person": person,
                "pilot": event.subject,
                "kind": KIND_OF.get(noun, noun),
                "fact": event.type,
                "time": wire_moment(event.time),
                "what": what,
                "by": fact.actor.id,
                "read": None,
                "mailed": None,
            },
        )
        for person in people
    ]


def _concerned(event: Event) -> Sequence[str]:
    if isinstance(event.fact, NotifyingFact):
        return event.fact.notify
    # A fact that a newer program wrote is sent by this one too; it is known by its JSON alone.
    return event.data.get("notify", ()) if type(event.fact) is Fact else ()
