"""What the register makes of the other services' facts: fact -> command; and its own facts -> timeline rows.

Intake tells the agency what the expertise said, and the expertise takes up what intake registered, so many things
stand in both topics. Each is recorded once, from the service that decides on it: what becomes of the application and
what it says (ended expertise and answers among it) from intake, conclusions and their annulment from the expertise.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, assert_never

from contracts import expertise, intake
from contracts.event import Event, Fact, wire_moment
from contracts.reference import Application, Effectiveness
from contracts.registry import (
    AgencyNotedV1,
    ApplicationAmendedV1,
    ApplicationOutcome,
    ApplicationOutcomeRecordedV1,
    ConflictNotedV1,
    EffectivenessJudgedV1,
    Entry,
    ExpertNotedV1,
    Outcome,
    PilotEnteredV1,
    TermStage,
)
from contracts.rules import RuleBook
from contracts.steps import Completion, Progress, Report, Results, Risks, Spending
from contracts.topics import INTAKE
from services.chassis.service import Prepare, Told
from services.chassis.store import PERSONS, SUBJECTS, Row, Store
from services.chassis.subject import Document, Input
from services.registry import ties
from services.registry.domain.agencies import NoteAgency
from services.registry.domain.commands import (
    Command,
    ForgetPerson,
    LinkReplica,
    NoteReplicaResult,
    RecordAmendment,
    RecordAnnulment,
    RecordConclusion,
    RecordHiding,
    RecordReport,
    RecordTerm,
)
from services.registry.domain.experts import NoteExpert
from services.registry.domain.state import KIND, Pilot

TIMELINE: Final = "timeline"
BESIDE: Final = frozenset({*Fact.model_fields, "basis"})
"""What a row of the timeline says in fields of its own, or not at all (`cause`)."""
CLOSED: Final[Mapping[str, ApplicationOutcome]] = {
    expertise.Closure.RETURNED: ApplicationOutcome.RETURNED,
    expertise.Closure.REFUSED: ApplicationOutcome.REFUSED,
}
"""What becomes of an application whose expertise ended without a conclusion; the other ends are intake's own."""
MOST_REPLICAS: Final = 500
"""So many that were entered before the pilot that they copy are linked when that one comes."""
REPLICA: Final = (
    "state.number",
    "state.application.replicates",
    "state.application.adaptation",
    "state.judgement.outcome",
)
"""What of a pilot a link to the one that it copies is made of."""


ForeignTermFact = (
    intake.TermStartedV1
    | intake.TermBreachedV1
    | intake.TermRecalendaredV1
    | intake.TermEndedV1
    | expertise.TermStartedV1
    | expertise.TermSuspendedV1
    | expertise.TermResumedV1
    | expertise.TermExtendedV1
    | expertise.TermBreachedV1
    | expertise.TermRecalendaredV1
    | expertise.TermEndedV1
)
"""What becomes of a term of another service, but for its reminders."""
ConclusionFact = expertise.ConclusionIssuedV1 | expertise.ConclusionAnnulledV1
"""What the register records of the work on a case, besides its terms and from whom it is hidden."""


def translate(event: Event) -> Command | ForgetPerson | NoteAgency | NoteExpert | None:
    """What another service's fact asks the register to record; None where it only passes by."""
    fact = event.fact
    if isinstance(fact, expertise.PersonErasedV1):
        return ForgetPerson(fact.person_id)
    if isinstance(fact, intake.AgencyFact):
        return NoteAgency(fact)
    if isinstance(fact, expertise.ExpertEnteredV1):
        return NoteExpert(fact)
    if isinstance(fact, ForeignTermFact):
        return _of_term(fact)
    if isinstance(fact, ConclusionFact):
        return _of_conclusion(fact)
    if isinstance(fact, expertise.ConflictFact):
        return RecordHiding(person_id=fact.expert_id, hidden=expertise.hides(fact))
    return _of_intake(fact) if isinstance(fact, intake.PilotFact) else None


def came(event: Event) -> datetime | None:
    """When the agency's event came to Lotsman of which a fact of intake tells, or at the latest, where that says no
    more; None for any other."""
    return event.fact.came or event.fact.received if isinstance(event.fact, intake.EventReceived) else None


def _of_intake(fact: intake.PilotFact) -> Command | None:
    match fact:
        case intake.ApplicationRegisteredV1():
            return Entry.made_of(fact)
        case intake.ApplicationAcceptedV1():
            return Outcome(outcome=ApplicationOutcome.ACCEPTED)
        case intake.ApplicationReturnedV1():
            return Outcome(outcome=ApplicationOutcome.RETURNED, reasons=fact.reasons)
        case intake.ResubmissionRegisteredV1():
            return Outcome(outcome=ApplicationOutcome.RESUBMITTED, application=fact.application)
        case intake.ClarificationRegisteredV1():
            return RecordAmendment(fact.request, fact.application)
        case intake.WithdrawalRegisteredV1():
            return Outcome(outcome=ApplicationOutcome.WITHDRAWN, text=fact.reason)
        case intake.ApplicationStoppedV1():
            return Outcome(outcome=ApplicationOutcome.STOPPED, text=fact.reason, basis=fact.basis)
        case intake.ApplicationLapsedV1():
            return Outcome(outcome=ApplicationOutcome.LAPSED)
        case intake.ExpertiseClosedV1(outcome=outcome):
            return Outcome(outcome=CLOSED[outcome], reasons=fact.reasons) if outcome in CLOSED else None
        case intake.ProgressRegisteredV1():
            return _report(Progress, fact)
        case intake.SpendingRegisteredV1():
            return _report(Spending, fact)
        case intake.RiskRegisteredV1():
            return _report(Risks, fact)
        case intake.ResultRegisteredV1():
            return _report(Results, fact)
        case intake.CompletionRegisteredV1():
            return _report(Completion, fact)
        case (
            intake.TermStartedV1()
            | intake.TermBreachedV1()
            | intake.TermRecalendaredV1()
            | intake.TermEndedV1() as term
        ):
            return _of_term(term)
        case (
            intake.InformationRequestForwardedV1()
            | intake.InformationRequestClosedV1()
            | intake.ConclusionForwardedV1()
            | intake.ConclusionAnnulmentForwardedV1()
            | intake.DecisionForwardedV1()
            | intake.StepForwardedV1()
            | intake.ExpertiseTermNotedV1()
            | intake.TermReminderForwardedV1()
        ):
            return None  # what intake tells an applicant is recorded from the service that decided on it
        case (
            intake.SubmissionRefusedV1()
            | intake.EventRefusedV1()
            | intake.CarryingOutNotedV1()
            | intake.ConflictNotedV1()
            | intake.TermNearingV1()
        ):
            return None
        case _:
            assert_never(fact)


def _of_conclusion(fact: ConclusionFact) -> Command:
    match fact:
        case expertise.ConclusionIssuedV1():
            return RecordConclusion.made_of(fact, knowing=fact.after.get(INTAKE, 0))
        case expertise.ConclusionAnnulledV1():
            return RecordAnnulment(fact.round, fact.number)
        case _:
            assert_never(fact)


def _of_term(fact: ForeignTermFact) -> RecordTerm:
    match fact:
        case intake.TermStartedV1():
            return RecordTerm(kind=fact.term.kind, stage=TermStage.STARTED, due_at=fact.due_at)
        case expertise.TermStartedV1():
            return RecordTerm(kind=fact.term.kind, stage=TermStage.STARTED, due_at=fact.clock.due_at)
        case expertise.TermSuspendedV1():
            return RecordTerm(kind=fact.kind, stage=TermStage.SUSPENDED)
        case expertise.TermResumedV1():
            return RecordTerm(kind=fact.kind, stage=TermStage.RESUMED, due_at=fact.clock.due_at)
        case expertise.TermExtendedV1():
            return RecordTerm(kind=fact.kind, stage=TermStage.EXTENDED, due_at=fact.clock.due_at)
        case intake.TermRecalendaredV1() | expertise.TermRecalendaredV1():
            # A running clock with nothing left to announce: the breach that was announced is one still.
            breached = fact.due_at is not None and fact.clock.alarm_at is None
            return RecordTerm(kind=fact.kind, stage=TermStage.RECALENDARED, due_at=fact.due_at, breached=breached)
        case intake.TermBreachedV1() | expertise.TermBreachedV1():
            return RecordTerm(kind=fact.kind, stage=TermStage.BREACHED, due_at=fact.due_at)
        case intake.TermEndedV1() | expertise.TermEndedV1():
            return RecordTerm(kind=fact.kind, stage=TermStage.ENDED)
        case _:
            assert_never(fact)


def _report(of: type[Report], fact: intake.EventReceived) -> RecordReport:
    return RecordReport(fact.event_id, of.made_of(fact))


# ---- what decisions are given


def preparing(rules: RuleBook) -> Prepare:
    """Every decision is given the rule book.

    Before anything of a batch is decided, whom the expertise has erased is erased here: the record counts as read
    only afterwards, so that no end of the process leaves a name behind. The fact itself moves no subject.
    """

    async def prepare(
        store: Store, inputs: Sequence[Input], _loaded: Mapping[str, Document], _found: None
    ) -> list[RuleBook]:
        erased = [one.command.person for one in inputs if isinstance(one.command, ForgetPerson)]
        if erased:
            await store.remove(PERSONS, erased)
        return [rules] * len(inputs)

    return prepare


# ---- what own facts ask of other subjects


Asking = (
    PilotEnteredV1
    | ApplicationOutcomeRecordedV1
    | ApplicationAmendedV1
    | EffectivenessJudgedV1
    | ExpertNotedV1
    | ConflictNotedV1
)
"""The own facts that ask something of another subject, or whose own is looked at again."""


async def process_manager(store: Store, events: Sequence[Event]) -> Sequence[Told]:
    """A replica is linked to the pilot that it copies, also where only a later application names that one, and its
    judgement is noted there. A link that was made stays. Who is tied to a party of an application is told to its
    pilot, when either comes or changes."""
    entered = {event.subject: event.fact.number for event in events if isinstance(event.fact, PilotEnteredV1)}
    before = await _entered_before(store, entered) if entered else {}
    tied = await ties.of_parties(
        store, [event.fact.application for event in events if isinstance(event.fact, PilotEnteredV1)]
    )
    return [await _asked(store, event, event.fact, before, tied) for event in events]


async def _asked(store: Store, event: Event, fact: Fact, before: Mapping[str, Told], tied: ties.Tied) -> Told:
    if not isinstance(fact, Asking):
        return ()
    match fact:
        case PilotEnteredV1():
            own = await _linked(store, event.subject, fact.number, fact.application)
            return [*own, *before.get(event.subject, ()), *ties.told(event.subject, fact.application, tied)]
        case ApplicationOutcomeRecordedV1() | ApplicationAmendedV1():
            if fact.application is None:
                return []
            rows = await store.rows(SUBJECTS, {"_id": event.subject}, sort=[("_id", 1)], limit=1, fields=["state"])
            state = Pilot.model_validate(rows[0]["state"]) if rows else None
            if state is None:
                return []
            linked = await _linked(store, event.subject, state.number, state.application)
            return [*linked, *await ties.again(store, event.subject, state)]
        case EffectivenessJudgedV1():
            copied = await _copied_by(store, event.subject)
            parent = await _named(store, copied) if copied is not None else None
            return [(parent, NoteReplicaResult(event.subject, fact.outcome))] if parent is not None else []
        case ExpertNotedV1():
            return await ties.of_expert(store, fact.expert_id)
        case ConflictNotedV1():
            # The entry may have changed while the pilot was told of it.
            return await ties.once_more(store, event.subject, fact.person_id) if fact.by_entry else []
        case _:
            assert_never(fact)


async def _linked(store: Store, replica: str, number: str, application: Application) -> Sequence[tuple[str, object]]:
    """The link to the pilot that an application names as the one it copies."""
    parent = await _named(store, application.replicates) if application.replicates is not None else None
    if parent is None or parent == replica:
        return []
    return [(parent, LinkReplica(replica, number, application.adaptation))]


async def _entered_before(store: Store, parents: Mapping[str, str]) -> Mapping[str, Told]:
    """The links to these pilots (with their numbers) from those that name them and were entered before them: after an
    outage any comes first. `MOST_REPLICAS` of one pilot are none of another's: where there are as many, each is asked
    for by itself."""
    by_name = {name: parent for parent, number in parents.items() for name in (parent, number)}
    query = {"kind": KIND, "state.application.replicates": {"$in": list(by_name)}}
    rows = await store.rows(SUBJECTS, query, sort=[("_id", 1)], limit=MOST_REPLICAS, fields=REPLICA)
    if len(rows) == MOST_REPLICAS and len(parents) > 1:
        alone = [await _entered_before(store, {parent: number}) for parent, number in parents.items()]
        return {parent: told for found in alone for parent, told in found.items()}
    found: dict[str, list[tuple[str, object]]] = {}
    for row in rows:
        state, replica = row["state"], str(row["_id"])
        parent = by_name[state["application"]["replicates"]]
        if replica == parent:
            continue
        told = found.setdefault(parent, [])
        told.append((parent, LinkReplica(replica, state["number"], state["application"].get("adaptation"))))
        if judged := state.get("judgement"):
            told.append((parent, NoteReplicaResult(replica, Effectiveness(judged["outcome"]))))
    return found


async def _named(store: Store, name: str) -> str | None:
    """The pilot of this id or registration number, as an application names the case that it copies."""
    fields = ["state.number"]
    for where in ({"_id": name, "kind": KIND}, {"state.number": name, "kind": KIND}):
        found = await store.rows(SUBJECTS, where, sort=[("_id", 1)], limit=1, fields=fields)
        if found:
            return str(found[0]["_id"])
    return None


async def _copied_by(store: Store, pilot: str) -> str | None:
    rows = await store.rows(
        SUBJECTS, {"_id": pilot}, sort=[("_id", 1)], limit=1, fields=["state.application.replicates"]
    )
    named = rows[0].get("state", {}).get("application", {}).get("replicates") if rows else None
    return str(named) if named is not None else None


# ---- the timeline


def projection(event: Event) -> list[tuple[str, Row]]:
    """The timeline's row for an own fact: who, when, what, on which basis, and by what it was caused.

    It is kept word for word as it stands in the topic, under the type of its writer: nothing of it is looked at here,
    and of a fact that a newer program wrote nothing is lost. With `after` the row holds all that the fact says of the
    pilot: what the register said at a time is folded of it. Who is let in, and whose entry ties whom, is
    nothing that the register records.
    """
    if event.type in (AgencyNotedV1.TYPE, ExpertNotedV1.TYPE):
        return []
    data = event.data
    row: Row = {
        "_id": f"{event.subject}/{event.sequence:020d}",
        "pilot": event.subject,
        "sequence": event.sequence,
        "time": wire_moment(event.time),
        "type": event.type,
        "event": event.id,
        "actor": data["actor"],
        "basis": data.get("basis"),
        "after": data.get("after", {}),
        "correlation": event.correlation,
        "trace": event.trace.get("traceparent"),
        "what": {name: value for name, value in data.items() if name not in BESIDE},
    }
    return [(TIMELINE, row)]
