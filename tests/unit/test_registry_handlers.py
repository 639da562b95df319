"""What the register makes of the facts of intake and expertise, each once and in whatever order they arrive."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import expertise, intake
from contracts.event import Actor, Event, Fact, parse_own_fact
from contracts.expertise import EXPERTISE
from contracts.intake import INTAKE
from contracts.reference import Clock, LegalEffect, Period, Remark, ReturnReason, Term, TermUnit, Verdict
from contracts.registry import REGISTRY, ApplicationOutcome, Entry, Outcome, TermStage
from contracts.steps import Completion, Progress, Results, Risks, Spending
from deploy.samples.common import APPLICATION, BOOK, NOW, SUBJECT, basis
from deploy.samples.registry import paid, risk, value
from services.chassis.fold import Writer, fold
from services.chassis.subject import Document, Done, Input, Sequenced, Waiting
from services.law.decision import Context
from services.registry import handlers, views
from services.registry.domain.commands import (
    ForgetPerson,
    RecordAmendment,
    RecordAnnulment,
    RecordConclusion,
    RecordHiding,
    RecordReport,
    RecordTerm,
)
from services.registry.domain.stages import Stage
from services.registry.domain.state import CLARIFICATION, Pilot, RunningTerm, StandingConclusion, Stay
from services.registry.service import SERVICE
from tests.effort import examples
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY

LATER = NOW + timedelta(days=1)
DAY = date(2026, 4, 16)
BASIS = basis(DAY, "7", "Ведомство", "приказ")
REASONS = (ReturnReason(code="documents-missing"),)
REMARKS = (Remark(code="data", text="Хранение.", must_fix=True),)
MENDED = APPLICATION.model_copy(update={"title": "Запись к врачу по согласию"})
CLOCK = Clock(due_at=LATER, nearing_at=NOW, alarm_at=NOW)
FINISHED = Clock(due_at=LATER)
AGENCY: Mapping[str, Any] = {"actor": SOMEBODY, "agency": "vedomstvo"}
PILOT: Mapping[str, Any] = {**AGENCY, "number": "ПП-2026-000123"}
SEAT: Final = expertise.Seat(expert_id="u-4004", entry=1, organisation=APPLICATION.initiator.id)
HIDDEN, SHOWN = (RecordHiding(person_id="u-4004", hidden=one) for one in (True, False))


def in_conflict(kind: type[Fact], **said: Any) -> Fact:
    """What the expertise says of an expert's conflict."""
    return kind(actor=SOMEBODY, round=1, expert_id="u-4004", **said)


def term(kind: str) -> Term:
    return Term(
        kind=kind,
        budget=3,
        unit=TermUnit.WORKING_DAYS,
        calendar="BY",
        calendar_version="1",
        legal_effect=LegalEffect.ALARM,
        started=NOW,
        zone="Europe/Minsk",
        origin="assumption",
    )


def registered() -> intake.ApplicationRegisteredV1:
    return intake.ApplicationRegisteredV1(
        **PILOT,
        event_id="a-1",
        event_type="pilots.agency.application-submitted.v2",
        submitted=NOW,
        received=NOW,
        edition="by-2024",
        look_over_due_at=LATER,
        application=APPLICATION,
        contact_person_id="person-of-nobody",
    )


def accepted(submission: int = 1) -> intake.ApplicationAcceptedV1:
    return intake.ApplicationAcceptedV1(**PILOT, edition="by-2024", application=APPLICATION, submission=submission)


def resubmitted() -> intake.ResubmissionRegisteredV1:
    return intake.ResubmissionRegisteredV1(
        **PILOT,
        event_id="a-2",
        event_type="pilots.agency.application-resubmitted.v1",
        submission=2,
        submitted=NOW,
        received=NOW,
        look_over_due_at=LATER,
        application=MENDED,
        contact_person_id="person-of-nobody",
    )


def clarified() -> intake.ClarificationRegisteredV1:
    more: Mapping[str, Any] = {"event_id": "a-3", "received": NOW, "request": "q-1"}
    return intake.ClarificationRegisteredV1(**PILOT, **more, answers=(), open_items=(), application=MENDED)


def withdrawn() -> intake.WithdrawalRegisteredV1:
    return intake.WithdrawalRegisteredV1(**PILOT, event_id="a-4", received=NOW, reason="Изменились планы.")


def closed(outcome: str) -> intake.ExpertiseClosedV1:
    return intake.ExpertiseClosedV1(**PILOT, outcome=outcome, reasons=REASONS)


def forwarded(number: str) -> intake.ConclusionForwardedV1:
    said: Mapping[str, Any] = {"round": 1, "verdict": Verdict.NEGATIVE, "text": "Доработать."}
    return intake.ConclusionForwardedV1(**PILOT, conclusion_number=number, date=DAY, **said, may_resubmit=True)


def issued(number: str, verdict: Verdict, round: int = 1, replaces: str | None = None) -> expertise.ConclusionIssuedV1:
    said: Mapping[str, Any] = {"date": DAY, "text": "Доработать.", "remarks": REMARKS, "signers": (), "rounds_left": 1}
    return expertise.ConclusionIssuedV1(
        **AGENCY, round=round, number=number, verdict=verdict, replaces=replaces, **said, notify=("person-of-nobody",)
    )


def annulled(number: str, round: int = 1) -> expertise.ConclusionAnnulledV1:
    return expertise.ConclusionAnnulledV1(**AGENCY, round=round, number=number)


def ended(service: Any, kind: str) -> Fact:
    fact: Fact = service.TermEndedV1(actor=SOMEBODY, kind=kind, ended=NOW, late=False)
    return fact


def started(service: Any, kind: str) -> Fact:
    when = {"due_at": LATER} if service is intake else {}
    fact: Fact = service.TermStartedV1(actor=SOMEBODY, term=term(kind), clock=CLOCK, **when)
    return fact


def recalendared(service: Any, clock: Clock) -> Fact:
    what = {"kind": "expertise", "calendar": "BY", "version_before": "1", "version": "2", "due_before": NOW}
    fact: Fact = service.TermRecalendaredV1(actor=SOMEBODY, **what, due_at=clock.due_at, clock=clock)
    return fact


REPORT: Mapping[str, Any] = {**PILOT, "event_id": "a-9", "received": NOW}
PERIOD = Period(since=DAY, until=DAY)
REPORTS: Sequence[tuple[Fact, object]] = [
    (
        intake.ProgressRegisteredV1(**REPORT, period=PERIOD, summary="Идёт.", values=(value("4"),)),
        RecordReport("a-9", Progress(period=PERIOD, summary="Идёт.", values=(value("4"),))),
    ),
    (intake.SpendingRegisteredV1(**REPORT, payments=(paid(5),)), RecordReport("a-9", Spending(payments=(paid(5),)))),
    (intake.RiskRegisteredV1(**REPORT, risks=(risk(),)), RecordReport("a-9", Risks(risks=(risk(),)))),
    (intake.ResultRegisteredV1(**REPORT, values=(value("4"),)), RecordReport("a-9", Results(values=(value("4"),)))),
    (
        intake.CompletionRegisteredV1(**REPORT, finished=DAY, summary="Готово.", values=(value("1"),)),
        RecordReport("a-9", Completion(finished=DAY, summary="Готово.", values=(value("1"),))),
    ),
]


def passing(kind: Any) -> Fact:
    """A fact of which the register reads nothing but its type."""
    fact: Fact = kind.model_construct(actor=SOMEBODY)
    return fact


def event_of(fact: Fact, source: str = "intake", sequence: int = 1) -> Event:
    return Event("e", source, fact.TYPE, SUBJECT, NOW, sequence, "c", {}, fact)


def translated(fact: Fact) -> object | None:
    return handlers.translate(event_of(fact))


# ---- each fact

KIND: Mapping[str, Any] = {"actor": SOMEBODY, "kind": "expertise"}
RECORDED: Sequence[tuple[Fact, object]] = [
    (
        registered(),
        Entry(
            agency="vedomstvo", number="ПП-2026-000123", edition="by-2024", submitted=NOW, application=APPLICATION
        ),
    ),
    (accepted(), Outcome(outcome=ApplicationOutcome.ACCEPTED)),
    (
        intake.ApplicationReturnedV1(**PILOT, reasons=REASONS),
        Outcome(outcome=ApplicationOutcome.RETURNED, reasons=REASONS),
    ),
    (resubmitted(), Outcome(outcome=ApplicationOutcome.RESUBMITTED, application=MENDED)),
    (clarified(), RecordAmendment("q-1", MENDED)),
    (withdrawn(), Outcome(outcome=ApplicationOutcome.WITHDRAWN, text="Изменились планы.")),
    (
        intake.ApplicationStoppedV1(**PILOT, reason="Инициатор ликвидирован.", basis=BASIS),
        Outcome(outcome=ApplicationOutcome.STOPPED, text="Инициатор ликвидирован.", basis=BASIS),
    ),
    (intake.ApplicationLapsedV1(**PILOT), Outcome(outcome=ApplicationOutcome.LAPSED)),
    (closed("returned"), Outcome(outcome=ApplicationOutcome.RETURNED, reasons=REASONS)),
    (closed("refused"), Outcome(outcome=ApplicationOutcome.REFUSED, reasons=REASONS)),
    (started(intake, "look-over"), RecordTerm(kind="look-over", stage=TermStage.STARTED, due_at=LATER)),
    (started(expertise, "expertise"), RecordTerm(kind="expertise", stage=TermStage.STARTED, due_at=LATER)),
    (
        expertise.TermSuspendedV1(**KIND, since=NOW, why="Запрос."),
        RecordTerm(kind="expertise", stage=TermStage.SUSPENDED),
    ),
    (
        expertise.TermResumedV1(**KIND, at=NOW, clock=CLOCK),
        RecordTerm(kind="expertise", stage=TermStage.RESUMED, due_at=LATER),
    ),
    (
        expertise.TermExtendedV1(**KIND, at=NOW, days=5, why="Сложно.", clock=CLOCK),
        RecordTerm(kind="expertise", stage=TermStage.EXTENDED, due_at=LATER),
    ),
    *[(service.TermBreachedV1(**KIND, due_at=NOW), RecordTerm(kind="expertise", stage=TermStage.BREACHED, due_at=NOW))
      for service in (intake, expertise)],
    *[(recalendared(service, CLOCK), RecordTerm(kind="expertise", stage=TermStage.RECALENDARED, due_at=LATER))
      for service in (intake, expertise)],
    *[(recalendared(service, FINISHED), RecordTerm(
        kind="expertise", stage=TermStage.RECALENDARED, due_at=LATER, breached=True
    ))
      for service in (intake, expertise)],
    *[(recalendared(service, Clock()), RecordTerm(kind="expertise", stage=TermStage.RECALENDARED))
      for service in (intake, expertise)],
    *[(ended(service, "expertise"), RecordTerm(kind="expertise", stage=TermStage.ENDED))
      for service in (intake, expertise)],
    (
        issued("ЗЭ-2", Verdict.NEGATIVE, 2, "ЗЭ-1"),
        RecordConclusion(
            round=2,
            number="ЗЭ-2",
            date=DAY,
            verdict=Verdict.NEGATIVE,
            text="Доработать.",
            remarks=REMARKS,
            replaces="ЗЭ-1",
        ),
    ),
    (annulled("ЗЭ-1"), RecordAnnulment(1, "ЗЭ-1")),
    (in_conflict(expertise.ConflictFoundV1, at=NOW, conflicts=()), HIDDEN),
    (in_conflict(expertise.ConflictConfirmedV1, why="Доля."), HIDDEN),
    (in_conflict(expertise.ConflictDismissedV1, at=NOW, conflicts=(), why="Нет."), SHOWN),
    (in_conflict(expertise.ConflictDismissedV1, at=NOW, conflicts=(), why="Нет.", hidden=True), HIDDEN),
    (in_conflict(expertise.TiesCheckedV1, at=NOW, seat=SEAT), SHOWN),
    (in_conflict(expertise.TiesCheckedV1, at=NOW, seat=SEAT, hidden=True), HIDDEN),
    *REPORTS,
]  # fmt: skip


@pytest.mark.parametrize(("fact", "command"), RECORDED, ids=[fact.TYPE for fact, _ in RECORDED])
def test_what_becomes_of_a_pilot_is_recorded(fact: Fact, command: object) -> None:
    assert translated(fact) == command


@pytest.mark.parametrize("outcome", ["withdrawn", "stopped", "overtaken", "unheard-of"])
def test_an_expertise_that_ended_for_what_intake_itself_did_is_not_recorded_again(outcome: str) -> None:
    assert translated(closed(outcome)) is None


def test_a_conclusion_comes_with_how_far_the_expertise_had_heard_of_intake() -> None:
    fact = issued("ЗЭ-1", Verdict.POSITIVE).model_copy(update={"after": {"intake": 7, "expertise": 3}})
    command = translated(fact)
    assert isinstance(command, RecordConclusion)
    assert command.knowing == 7


PASSING: set[type[Fact]] = {
    # Only told on, by the service that does not decide on it.
    intake.ConclusionForwardedV1,
    intake.ConclusionAnnulmentForwardedV1,
    intake.InformationRequestForwardedV1,
    intake.InformationRequestClosedV1,
    intake.DecisionForwardedV1,
    intake.StepForwardedV1,
    intake.ExpertiseTermNotedV1,
    intake.TermReminderForwardedV1,
    expertise.AnswersTakenV1,
    expertise.ReviewClosedV1,
    # Nothing becomes of the pilot by them.
    intake.CarryingOutNotedV1,
    intake.ConflictNotedV1,
    intake.ContactErasedV1,
    intake.ContactReadV1,
    intake.PersonErasedV1,
    expertise.ListTakenV1,
    expertise.ListReadyV1,
    intake.SubmissionRefusedV1,
    intake.EventRefusedV1,
    intake.TermNearingV1,
    expertise.TermNearingV1,
    expertise.InformationRequestedV1,
    expertise.RequestClosedV1,
    # The work within the expertise is its own.
    expertise.ReviewOpenedV1,
    expertise.CaseClaimedV1,
    expertise.CaseReleasedV1,
    expertise.ExpertAssignedV1,
    expertise.ExpertAcceptedV1,
    expertise.ExpertDeclinedV1,
    expertise.ExpertReleasedV1,
    expertise.ExpertRecheckedV1,
    expertise.OpinionGivenV1,
    expertise.FurtherOpinionCalledV1,
    expertise.ConclusionDraftedV1,
    expertise.ConclusionSentBackV1,
    expertise.ConclusionApprovedV1,
    expertise.ConclusionNumberedV1,
    expertise.AppealOpenedV1,
    expertise.AppealDecidedV1,
    expertise.TeamEnteredV1,
    *(kind for some in (intake, expertise) for kind in (some.RecordHandledV1, some.RecordSkippedV1)),
}
ERASED: set[type[Fact]] = {expertise.PersonErasedV1}
"""What is no pilot's affair and heard all the same: whom the expertise erased."""


NOTED: set[type[Fact]] = {*get_args(intake.AgencyFact), expertise.ExpertEnteredV1}
"""What is no pilot's affair either: who is let in (tests/unit/test_agencies.py), and whose entry ties whom
(tests/unit/test_ties_before_a_case.py)."""


def type_of(kind: type[Fact]) -> str:
    return kind.TYPE


FOREIGN = [*INTAKE.classes.values(), *EXPERTISE.classes.values()]


def test_every_fact_that_the_register_reads_is_either_recorded_or_passes_by() -> None:
    recorded = {type(fact) for fact, _ in RECORDED}
    assert recorded | PASSING | ERASED | NOTED == set(FOREIGN)
    assert not recorded & PASSING


def test_whom_the_expertise_erased_is_to_be_forgotten_here() -> None:
    assert translated(expertise.PersonErasedV1(actor=SOMEBODY, person_id="u-1")) == ForgetPerson("u-1")


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.TYPE) for kind in sorted(PASSING, key=type_of)])
def test_nothing_of_what_passes_by_is_recorded(kind: type[Fact]) -> None:
    assert translated(passing(kind)) is None


# ---- the timeline

BEGUN_WITH = Pilot(
    stage=Stage.LOOK_OVER,
    agency="vedomstvo",
    number="ПП-2026-000123",
    edition="by-2024",
    submitted=NOW,
    entered=NOW,
    application=APPLICATION,
    history=(Stay(stage=Stage.LOOK_OVER, sector=APPLICATION.sector, since=NOW),),
)


def folded(document: Document, one: Input) -> tuple[Document, object]:
    """One input applied by the register; and its outcome."""
    writer = Writer("registry", frozenset(SERVICE.reads), lambda: "e", 1024 * 1024)
    done = fold(
        document, [one], SERVICE.aggregates["pilot"], writer, [Context(NOW, SUBJECT, one.actor, BOOK, CALENDARS)]
    )
    return done.after, done.outcomes[0]


EMPTY = Document(SUBJECT, "pilot")
KNOWN = Document(SUBJECT, "pilot", rev=1, version=1, state=BEGUN_WITH)
"""A pilot that was entered, and of whose series nothing has come since."""
NOTHING_HEARD: Mapping[str, int] = {}


def told(fact: Fact, source: str, sequence: int, after: Mapping[str, int] = NOTHING_HEARD) -> Input:
    """A fact as the register gets it at its place in a series."""
    stamped = fact.model_copy(update={"after": dict(after)})
    command = handlers.translate(event_of(stamped, source, sequence))
    return Input(SUBJECT, Sequenced(source, sequence, after), command, fact.actor, f"{source}/{sequence}", "c")


NOT_AT_ANY = (intake.CompletionRegisteredV1, expertise.ConflictDismissedV1, expertise.TiesCheckedV1)
"""What says nothing new of a pilot that is not carried out, or that is hidden from nobody."""
AT_ANY_STAGE = [fact for fact, _ in RECORDED if not isinstance(fact, NOT_AT_ANY)]


def rows_of(fact: Fact) -> list[dict[str, Any]]:
    """The timeline's rows after a fact of another service."""
    entered = isinstance(fact, intake.ApplicationRegisteredV1)
    document, outcome = folded(EMPTY if entered else KNOWN, told(fact, "intake", 1, {"expertise": 0}))
    assert isinstance(outcome, Done)
    return [row for entry in document.outbox for _, row in handlers.projection(parse_own_fact(entry.value, REGISTRY))]


@pytest.mark.parametrize("fact", AT_ANY_STAGE, ids=lambda fact: fact.TYPE)
def test_the_timeline_shows_what_was_recorded_and_names_no_person(fact: Fact) -> None:
    rows = rows_of(fact)
    assert rows
    first = rows[0]["sequence"]
    for place, row in enumerate(rows, first):
        assert (row["_id"], row["pilot"], row["sequence"]) == (f"{SUBJECT}/{place:020d}", SUBJECT, place)
        assert Actor.model_validate(row["actor"]) == SOMEBODY
        assert not {"actor", "cause", "after", "basis"} & row["what"].keys()
        assert row["after"] == {"intake": 1}
    assert "person-of-nobody" not in json.dumps(rows)


@pytest.mark.parametrize("fact", AT_ANY_STAGE, ids=lambda fact: fact.TYPE)
def test_a_row_of_the_timeline_holds_all_of_its_fact_but_the_cause(fact: Fact) -> None:
    for row in rows_of(fact):
        said = {**row["what"], "actor": row["actor"], "after": row["after"]}
        read = REGISTRY.read(row["type"], {**said, **({"basis": row["basis"]} if row["basis"] else {})})
        assert {**row["what"]}.keys() == read.model_dump(mode="json").keys() - {"actor", "after", "basis", "cause"}


def test_the_timeline_names_the_document_on_which_an_application_was_stopped() -> None:
    stopped = intake.ApplicationStoppedV1(**PILOT, reason="Инициатор ликвидирован.", basis=BASIS)
    [row] = rows_of(stopped)
    assert (row["basis"], row["what"]["text"]) == (BASIS.model_dump(mode="json"), "Инициатор ликвидирован.")


# ---- what is shown


def shown(stage: Stage, *terms: RunningTerm) -> Pilot:
    return Pilot(
        stage=stage,
        agency="vedomstvo",
        number="N",
        edition="by-2024",
        submitted=NOW,
        entered=NOW,
        application=APPLICATION,
        foreign_terms=terms,
        conclusions=(
            StandingConclusion(
                round=1, number="ЗЭ-1", date=DAY, verdict=Verdict.NEGATIVE, text="Нет.", standing="annulled"
            ),
            StandingConclusion(round=2, number="ЗЭ-2", date=DAY, verdict=Verdict.POSITIVE, text="Да."),
        ),
        turn=7,
        history=BEGUN_WITH.history,
    )


ASKED = (RunningTerm(kind=CLARIFICATION, due_at=LATER), RunningTerm(kind="expertise", due_at=None))


def row_of(state: Pilot) -> dict[str, Any]:
    return {"_id": SUBJECT, "version": 2, "state": state.model_dump(mode="json")}


def test_a_line_of_the_list_shows_the_term_that_is_due_first_and_whose_move_it_is() -> None:
    line = views.internal_row(row_of(shown(Stage.EXPERTISE, *ASKED)))
    assert (line["term"]["kind"], line["next_move"]) == (CLARIFICATION, "initiator")
    line = views.internal_row(row_of(shown(Stage.EXPERTISE, *ASKED[1:])))
    assert (line["term"], line["next_move"]) == (
        {"kind": "expertise", "due_at": None, "breached": False},
        "expertise-operator",
    )
    assert views.internal_row(row_of(shown(Stage.COUNCIL)))["term"] is None


@given(st.sampled_from(Stage), st.sampled_from([(), ASKED, ASKED[1:]]))
def test_list_and_card_agree(stage: Stage, terms: tuple[RunningTerm, ...]) -> None:
    state = shown(stage, *terms)
    line = views.internal_row(row_of(state))
    card = views.internal(Document(SUBJECT, "pilot", rev=1, version=2, state=state))
    assert all(card[name] == line[name] for name in ("id", "number", "stage", "next_move", "term", "entered"))


def test_a_card_shows_every_conclusion_and_the_one_in_force_and_no_watermark() -> None:
    card = views.internal(Document(SUBJECT, "pilot", rev=1, version=2, state=shown(Stage.COUNCIL)))
    assert [(c["number"], c["date"], c["standing"]) for c in card["conclusions"]] == [
        ("ЗЭ-1", "2026-04-16", "annulled"),
        ("ЗЭ-2", "2026-04-16", "in-force"),
    ]
    assert card["conclusion"] == card["conclusions"][1]
    assert "turn" not in card


# ---- the order of arrival


@dataclass(frozen=True, slots=True)
class Said:
    """A fact that a service says, or (without one) the moment at which it has read all that the other one said."""

    source: str
    fact: Fact | None = None


OTHER = {"intake": "expertise", "expertise": "intake"}


def series(told_: Sequence[Said]) -> Mapping[str, Sequence[Input]]:
    """The two series of a story, each fact with how far its writer had heard the other one."""
    found: Mapping[str, list[Input]] = {"intake": [], "expertise": []}
    heard = dict.fromkeys(found, 0)
    for one in told_:
        if one.fact is None:
            heard[one.source] = len(found[OTHER[one.source]])
        else:
            mine = found[one.source]
            after = {OTHER[one.source]: heard[one.source]} if heard[one.source] else {}
            mine.append(told(one.fact, one.source, len(mine) + 1, after))
    return found


def settled_part(state: Any) -> Any:
    """What must not depend on the order of arrival: all that is said of a pilot, and which terms run.

    Its history may, for it tells when the register heard what: a pilot may or may not have been shown before the
    Council on its way. So may the terms of the register's own that have ended, for the Council's alarm began only
    where the pilot was shown there, and the moments at which it began.
    """
    if state is None:
        return None
    kept = state.model_copy(update={"history": (), "own_terms": (), "past_own_terms": ()})
    return kept, {one.kind for one in state.own_terms if one.open}


def arrivals(both: Mapping[str, Sequence[Input]]) -> Mapping[tuple[int, int], Document]:
    """The register after every part of the two series that can have arrived, by how much of each that is.

    Each such part is reached by every order in which it can arrive. Fails where two of them differ in what the
    register says (`settled_part`).
    """
    found = {(0, 0): EMPTY}
    lengths = len(both["intake"]), len(both["expertise"])
    places = [(i, e) for i in range(lengths[0] + 1) for e in range(lengths[1] + 1)]
    for i, e in places:
        ways = [
            folded(found[before], both[source][at])
            for before, source, at in (((i - 1, e), "intake", i - 1), ((i, e - 1), "expertise", e - 1))
            if before in found
        ]
        states = [document for document, outcome in ways if not isinstance(outcome, Waiting)]
        if states:
            found[i, e] = states[0]
            parts = [settled_part(document.state) for document in states]
            assert all(part == parts[0] for part in parts), f"order matters at {i}, {e}"
    assert lengths in found, "the story cannot be told to its end"
    return found


def said(source: str, *facts: Fact) -> list[Said]:
    return [Said(source, fact) for fact in facts]


HEARD = {source: Said(source) for source in OTHER}
BEGUN = [
    *said("intake", registered(), started(intake, "look-over"), accepted(), ended(intake, "look-over")),
    HEARD["expertise"],
    *said("expertise", started(expertise, "expertise")),
]
CLOSED = [
    *BEGUN,
    *said("expertise", passing(expertise.ReviewClosedV1)),
    HEARD["intake"],
    *said("expertise", ended(expertise, "expertise")),
]
NEGATIVE = [
    *BEGUN,
    *said("expertise", issued("ЗЭ-1", Verdict.NEGATIVE), ended(expertise, "expertise")),
    HEARD["intake"],
    *said("intake", forwarded("ЗЭ-1"), started(intake, "fixing-remarks")),
]
AGAIN = said("intake", resubmitted(), ended(intake, "fixing-remarks"), started(intake, "look-over"))
AGAIN += said("intake", accepted(2), ended(intake, "look-over"))
APPEAL = said("expertise", started(expertise, "appeal"), ended(expertise, "appeal"))
QUESTION = passing(expertise.InformationRequestedV1)
SUSPENDED = expertise.TermSuspendedV1(actor=SOMEBODY, kind="expertise", since=NOW, why="Запрос.")
RESUMED = expertise.TermResumedV1(actor=SOMEBODY, kind="expertise", at=NOW, clock=CLOCK)
WHOLE = [
    *BEGUN,
    *said("expertise", QUESTION, started(expertise, CLARIFICATION), SUSPENDED),
    HEARD["intake"],
    *said("intake", clarified()),
    HEARD["expertise"],
    *said("expertise", ended(expertise, CLARIFICATION), RESUMED),
    *NEGATIVE[len(BEGUN) :],
    *AGAIN,
    HEARD["expertise"],
    *said("expertise", started(expertise, "repeat-expertise"), issued("ЗЭ-2", Verdict.NEGATIVE, 2)),
    *said("expertise", ended(expertise, "repeat-expertise"), *[s.fact for s in APPEAL if s.fact], annulled("ЗЭ-2", 2)),
    *said("expertise", started(expertise, "repeat-expertise"), issued("ЗЭ-3", Verdict.POSITIVE, 3)),
    HEARD["intake"],
    *said("expertise", ended(expertise, "repeat-expertise")),
    *said("intake", forwarded("ЗЭ-3")),
]
STORIES: Mapping[str, tuple[Sequence[Said], Stage]] = {
    "a whole story": (WHOLE, Stage.COUNCIL),
    "withdrawn while concluded": (
        [*BEGUN, *said("intake", withdrawn()), *said("expertise", issued("ЗЭ-1", Verdict.POSITIVE))],
        Stage.WITHDRAWN,
    ),
    "stopped while annulled": (
        [
            *NEGATIVE,
            *said("intake", intake.ApplicationStoppedV1(**PILOT, reason="Ликвидирован.", basis=BASIS)),
            *APPEAL,
            *said("expertise", annulled("ЗЭ-1"), issued("ЗЭ-2", Verdict.POSITIVE, 2)),
        ],
        Stage.STOPPED,
    ),
    "resubmitted and accepted while annulled and concluded anew": (
        [*NEGATIVE, *AGAIN, *APPEAL, *said("expertise", annulled("ЗЭ-1"), issued("ЗЭ-2", Verdict.POSITIVE, 2))],
        Stage.EXPERTISE,
    ),
    "resubmitted and accepted while amended": (
        [*NEGATIVE, *AGAIN, *APPEAL, *said("expertise", issued("ЗЭ-2", Verdict.POSITIVE, 1, "ЗЭ-1"))],
        Stage.EXPERTISE,
    ),
    "resubmitted while amended, and accepted after that was known": (
        [
            *NEGATIVE,
            *AGAIN[:3],
            HEARD["expertise"],
            *APPEAL,
            *said("expertise", issued("ЗЭ-2", Verdict.POSITIVE, 1, "ЗЭ-1")),
            *AGAIN[3:],
        ],
        Stage.EXPERTISE,
    ),
    "refused in expertise": (
        [*CLOSED, *said("intake", closed("refused"))],
        Stage.REFUSED,
    ),
    "returned from expertise and lapsed": (
        [
            *CLOSED,
            *said("intake", closed("returned"), started(intake, "fixing-remarks")),
            *said("intake", ended(intake, "fixing-remarks"), intake.ApplicationLapsedV1(**PILOT)),
        ],
        Stage.LAPSED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_in_whatever_order_a_story_arrives_it_ends_the_same(name: str) -> None:
    told_, stage = STORIES[name]
    both = series(told_)
    found = arrivals(both)
    end = found[len(both["intake"]), len(both["expertise"])].state
    assert isinstance(end, Pilot)
    assert end.stage is stage
    assert len(found) > len(both["intake"]) + len(both["expertise"]) + 1, "there is only one order"


def test_a_whole_story_leaves_every_conclusion_and_no_term_open_that_has_ended() -> None:
    both = series(WHOLE)
    end = arrivals(both)[len(both["intake"]), len(both["expertise"])].state
    assert isinstance(end, Pilot)
    assert [(c.number, c.round, c.standing) for c in end.conclusions] == [
        ("ЗЭ-1", 1, "superseded"),
        ("ЗЭ-2", 2, "annulled"),
        ("ЗЭ-3", 3, "in-force"),
    ]
    assert end.conclusion == end.conclusions[2]
    assert (end.application, end.foreign_terms, end.next_move) == (MENDED, (), "council")
    assert [term.kind for term in end.terms] == ["council-alarm"]


BY_INTAKE = [
    accepted(),
    resubmitted(),
    clarified(),
    withdrawn(),
    closed("returned"),
    intake.ApplicationReturnedV1(**PILOT, reasons=()),
    started(intake, "look-over"),
    ended(intake, "look-over"),
]
NUMBERS = st.sampled_from(["ЗЭ-1", "ЗЭ-2", "ЗЭ-3"])
BY_EXPERTISE = st.one_of(
    st.builds(issued, NUMBERS, st.sampled_from(Verdict), st.integers(1, 3), st.one_of(st.none(), NUMBERS)),
    st.builds(annulled, NUMBERS, st.integers(1, 3)),
    st.sampled_from([started(expertise, "expertise"), SUSPENDED, RESUMED, ended(expertise, "expertise")]),
)
anything_said = st.one_of(
    st.builds(Said, st.just("intake"), st.sampled_from(BY_INTAKE)),
    st.builds(Said, st.just("expertise"), BY_EXPERTISE),
    st.sampled_from(list(HEARD.values())),
)


@given(st.lists(anything_said, max_size=16))
@examples(300)
def test_in_whatever_order_any_two_series_arrive_the_pilot_stands_at_the_same_stage(told_: list[Said]) -> None:
    both = series([Said("intake", registered()), HEARD["expertise"], *told_])
    assert arrivals(both)[len(both["intake"]), len(both["expertise"])].state is not None
