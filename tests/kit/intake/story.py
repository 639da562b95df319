"""How an application goes through intake, for tests of its domain: events, decisions of others, states."""

import copy
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from contracts.agency import (
    ApplicationResubmittedV1,
    ApplicationSubmittedV1,
    ApplicationSubmittedV2,
    ApplicationWithdrawnV1,
    ClarificationProvidedV1,
    CompletionReportedV1,
    ProgressReportedV1,
    ResultReportedV1,
    RiskReportedV1,
    SpendingReportedV1,
)
from contracts.event import Actor, Fact
from contracts.expertise import (
    Closure,
    ConclusionAnnulledV1,
    ConclusionIssuedV1,
    InformationRequestedV1,
    RequestClosedV1,
    RequestOutcome,
    ReviewClosedV1,
    TermExtendedV1,
)
from contracts.freeze import example
from contracts.reference import (
    Clock,
    Effectiveness,
    Expediency,
    OnExpiry,
    Problem,
    Remark,
    RequestItem,
    ReturnReason,
    Verdict,
)
from contracts.registry import (
    AgreementRecordedV1,
    CreditDecidedV1,
    EffectivenessJudgedV1,
    EntryCorrectedV1,
    ExpediencyDecidedV1,
    PilotLaunchedV1,
    PilotStoppedV1,
    TermBreachedV1,
    TermNearingV1,
)
from contracts.steps import Agreement, ApplicationReturn, ApplicationStop, Correctable, EditionFrom, Votes
from deploy.samples.common import BOOK, NOW, SUBJECT, basis
from deploy.samples.registry import AGREEMENT, INDICATOR, cost
from services.intake.domain import agency
from services.intake.domain.agency import Given
from services.intake.domain.commands import Accept, Forward, Later, Note, Refuse, Remind, Submit, Tick
from services.intake.domain.state import Pilot, Status
from services.intake.service import SERVICE
from services.law.terms import next_alarm
from tests.kit.common import SOMEBODY, Story

CODE = "vedomstvo"
ENTRY = agency.Agency(code=CODE, name="Ведомство", editions=(EditionFrom(edition="by-2024", since=date(2026, 1, 1)),))
OFFICER = Actor(id="u-2001", role="officer")
pilots = Story(SERVICE.aggregates["pilot"], Given(BOOK, ENTRY, "ПП-2026-000123"))

REASONS = (ReturnReason(code="documents-missing"), ReturnReason(code="other", text="Нет подписи."))
PROBLEM = Problem(pointer="", rule="json.invalid", message="no", message_ru="нет")
BASIS = basis(date(2026, 4, 16), "17", "Министерство связи", "приказ")
STOP = ApplicationStop(reason="Инициатор ликвидирован.", basis=BASIS)
REMARKS = (Remark(code="costs", text="Нет расчёта.", must_fix=True), Remark(code="effect", text="Нет меры эффекта."))
ITEMS = (
    RequestItem(id="why", text="Почему так дорого?"),
    RequestItem(id="costs", text="Уточните стоимость.", field="costs"),
    RequestItem(id="end", text="Уточните окончание.", field="planned_end"),
)


# ---- events of the agency


def event(kind: str, id_: str, subject: str | None, time: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """An event of the agency (None among the data: left out)."""
    return {
        "specversion": "1.0",
        "id": id_,
        "source": f"/agencies/{CODE}",
        "type": kind,
        **({"subject": subject} if subject is not None else {}),
        "time": time.isoformat(),
        "data": {k: v for k, v in data.items() if v is not None},
    }


def asked(version: int = 2, **data: Any) -> dict[str, Any]:
    """The data of a valid application, with changes."""
    kind = ApplicationSubmittedV2.TYPE if version == 2 else ApplicationSubmittedV1.TYPE
    return {**copy.deepcopy(example(kind)["data"]), **data}


def submit(version: int = 2, time: datetime = NOW, **data: Any) -> Submit:
    """A valid submission, with changes to its data (None: left out)."""
    kind = ApplicationSubmittedV2.TYPE if version == 2 else ApplicationSubmittedV1.TYPE
    return Submit(CODE, "a-1", event(kind, "a-1", None, time, asked(version, **data)))


def resubmit(id_: str = "a-2", *, subject: str | None = SUBJECT, time: datetime = NOW, **data: Any) -> Later:
    """The application again, with changes to its data."""
    return Later(CODE, id_, event(ApplicationResubmittedV1.TYPE, id_, subject, time, asked(**data)))


def clarify(*answers: Any, id_: str = "a-3", request: Any = "r-1", subject: str | None = SUBJECT) -> Later:
    """Answers to a request: `("why", "words")`, or with a value, or as they are sent."""
    given = [
        one if not isinstance(one, tuple) else dict(zip(("item", "text", "value"), one, strict=False))
        for one in answers
    ]
    data = {"request": request, "answers": given}
    return Later(CODE, id_, event(ClarificationProvidedV1.TYPE, id_, subject, NOW, data))


def withdraw(id_: str = "a-4", *, subject: str | None = SUBJECT, reason: Any = "Проект закрыт.") -> Later:
    """The agency takes its application back."""
    return Later(CODE, id_, event(ApplicationWithdrawnV1.TYPE, id_, subject, NOW, {"reason": reason}))


# ---- reports of the executor

STARTED = date(2026, 3, 2)
"""The first day of carrying out in these stories; today is 16 April 2026."""
VALUE = {"indicator": "waiting-time", "value": "11.5", "measured": "2026-04-10"}
PAYMENT = {"source": "own-money", "year": 2026, "amount_minor": 4_500_000, "currency": "BYN", "paid": "2026-04-01"}
RISK = {
    "id": "load",
    "title": "Рост нагрузки",
    "scenario": "В сезон гриппа обращений втрое больше.",
    "probability": "medium",
    "impact": "high",
    "answer": "Второй узел готов.",
    "owner": {"scheme": "BY-UNP", "value": "700000138"},
}


def report(kind: str, id_: str, subject: str | None = SUBJECT, time: datetime = NOW, **data: Any) -> Later:
    """A report of this type."""
    return Later(CODE, id_, event(kind, id_, subject, time, data))


def progress(id_: str = "p-1", **data: Any) -> Later:
    """A periodic report, with changes to its data (None: left out)."""
    given = {"period": {"since": "2026-03-02", "until": "2026-03-31"}, "summary": "Идёт по плану.", "values": [VALUE]}
    return report(ProgressReportedV1.TYPE, id_, **{**given, **data})


def spent(*payments: Any, id_: str = "s-1") -> Later:
    """Money that was paid."""
    return report(SpendingReportedV1.TYPE, id_, payments=list(payments or (PAYMENT,)))


def risks(*risks: Any, id_: str = "k-1") -> Later:
    """Risks as they stand."""
    return report(RiskReportedV1.TYPE, id_, risks=list(risks or (RISK,)))


def measured(*values: Any, id_: str = "v-1") -> Later:
    """Results."""
    return report(ResultReportedV1.TYPE, id_, values=list(values or (VALUE,)))


def completed(id_: str = "c-1", **data: Any) -> Later:
    """Carrying out is finished, with changes to the data (None: left out)."""
    given = {"finished": "2026-04-15", "summary": "Всё работает.", "values": [VALUE]}
    return report(CompletionReportedV1.TYPE, id_, **{**given, **data})


# ---- what the register says


def decided(decision: Expediency = Expediency.EXPEDIENT) -> Note:
    """The Council's decision."""
    return Note(ExpediencyDecidedV1(actor=SOMEBODY, at=NOW, decision=decision, basis=BASIS))


def credited(granted: bool = True) -> Note:
    """The decision on a credit."""
    return Note(CreditDecidedV1(actor=SOMEBODY, at=NOW, granted=granted, evidence="Акт.", basis=BASIS))


def nearing(*rungs: int, kind: str = "progress-report") -> Remind:
    """A term of the register nears its end."""
    due = NOW + timedelta(days=min(rungs))
    return Remind(TermNearingV1(actor=SOMEBODY, kind=kind, rungs=rungs, due_at=due, clock=Clock(due_at=due)))


def breached(kind: str = "progress-report") -> Remind:
    """A term of the register has run out."""
    return Remind(TermBreachedV1(actor=SOMEBODY, kind=kind, due_at=NOW))


COMMITTED = (cost(50_000_000), cost(10_000_000, "republican-budget"))
"""What the agreement commits."""


def agreement(*codes: str) -> Agreement:
    """An agreement on these indicators."""
    known = tuple(INDICATOR.model_copy(update={"code": code}) for code in codes)
    return AGREEMENT.model_copy(update={"starts": date(2026, 3, 1), "indicators": known, "costs": COMMITTED})


def agreed(*codes: str) -> Note:
    """The agreement was entered."""
    found = agreement(*(codes or ("waiting-time", "visits")))
    return Note(AgreementRecordedV1(actor=SOMEBODY, at=NOW, basis=BASIS, agreement=found))


def launched(started: date = STARTED) -> Note:
    """Carrying out began."""
    return Note(PilotLaunchedV1(actor=SOMEBODY, at=NOW, started=started, basis=BASIS))


def judged() -> Note:
    """The commission has judged."""
    return Note(
        EffectivenessJudgedV1(
            actor=SOMEBODY,
            at=NOW,
            outcome=Effectiveness.EFFECTIVE,
            text="Эффективен.",
            present=("u-1",),
            votes=Votes(in_favour=1, against=0, abstained=0),
            basis=BASIS,
        )
    )


def stopped_early() -> Note:
    """Carrying out was stopped for good."""
    return Note(PilotStoppedV1(actor=SOMEBODY, at=NOW, stopped=date(2026, 4, 16), why="Нет смысла.", basis=BASIS))


def corrected(what: Correctable, now: Any, was: Any = None) -> Note:
    """A wrong entry was replaced."""
    said = {"what": what, "place": 1, "was": was, "now": now}
    return Note(EntryCorrectedV1(actor=SOMEBODY, at=NOW, reason="Опечатка.", basis=BASIS, **said))


# ---- what the expertise does


def requested(id_: str = "r-1", items: tuple[RequestItem, ...] = ITEMS) -> Forward:
    """The expertise asks for information."""
    return Forward(
        InformationRequestedV1(
            actor=SOMEBODY,
            round=1,
            request=id_,
            items=items,
            on_expiry=OnExpiry.RETURN,
            due_at=NOW + timedelta(days=14),
            at=NOW,
            stops_clock=True,
        )
    )


def extended(days: int = 21, kind: str = "clarification") -> Forward:
    """A term there was extended: it is due so many days from now."""
    clock = Clock(due_at=NOW + timedelta(days=days))
    return Forward(TermExtendedV1(actor=SOMEBODY, kind=kind, at=NOW, days=days, why="Просят.", clock=clock))


def request_closed(outcome: RequestOutcome, id_: str = "r-1") -> Forward:
    """A request there is no longer open."""
    return Forward(RequestClosedV1(actor=SOMEBODY, round=1, request=id_, outcome=outcome))


def concluded(verdict: Verdict = Verdict.NEGATIVE, *, number: str = "ЗЭ-2026-0001", left: int = 1) -> Forward:
    """A conclusion was issued."""
    return Forward(
        ConclusionIssuedV1(
            actor=SOMEBODY,
            agency=CODE,
            round=1,
            number=number,
            date=date(2026, 4, 16),
            verdict=verdict,
            text="Заключение.",
            remarks=REMARKS,
            signers=(),
            rounds_left=left,
        )
    )


def annulled(number: str = "ЗЭ-2026-0001") -> Forward:
    """A conclusion lost its force."""
    return Forward(ConclusionAnnulledV1(actor=SOMEBODY, agency=CODE, round=1, number=number))


def closed(outcome: Closure) -> Forward:
    """A review ended without a conclusion."""
    return Forward(
        ReviewClosedV1(
            actor=SOMEBODY,
            agency=CODE,
            round=1,
            outcome=outcome,
            reasons=(ReturnReason(code="no-answer"),),
            rounds_left=1,
            at=NOW,
        )
    )


# ---- states


def after(*commands: Any, state: Any = None, now: datetime = NOW, given: Any = None) -> Any:
    """The state after these commands, all at one moment."""
    for command in commands:
        state = pilots.given(*pilots.when(state, command, now=now, given=given), state=state)
    return state


def alarm_of(state: Pilot) -> datetime | None:
    """When the timer of a pilot's terms fires next; its document's also says when a contact person's data goes."""
    return next_alarm(state.terms)


def elapsed(state: Any, until: datetime | None = None) -> tuple[Any, list[Fact]]:
    """The state when the timer of its terms has fired as often as it wants to (before `until`), and what it said."""
    said = list[Fact]()
    while (due := alarm_of(state)) is not None and (until is None or due < until):
        facts = pilots.when(state, Tick(due), now=due)
        assert facts, "a timer that fires says something"
        said += facts
        state = pilots.given(*facts, state=state)
    return state, said


def states() -> Mapping[str, Any]:
    """A submission in every state that there is."""
    open_ = after(submit())
    accepted = after(Accept(), state=open_)
    returned = after(ApplicationReturn(reasons=REASONS), state=open_)
    negative = after(concluded(), state=accepted)
    positive = after(concluded(Verdict.POSITIVE), state=accepted)
    decided_on = after(decided(), state=positive)
    agreed_on = after(agreed(), state=decided_on)
    carried_out = after(launched(), state=agreed_on)
    finished = after(completed(), state=carried_out)
    return {
        "none": None,
        "registered": open_,
        "breached": elapsed(open_)[0],
        "refused": after(Refuse(agency=CODE, event_id="a-1", problems=(PROBLEM,))),
        "accepted": accepted,
        "asked": after(requested(), state=accepted),
        "returned": returned,
        "resubmitted": after(resubmit(), state=returned),
        "lapsed": elapsed(returned)[0],
        "withdrawn": after(withdraw(), state=open_),
        "stopped": after(STOP, state=accepted),
        "negative": negative,
        "negative for good": elapsed(negative)[0],
        "last negative": after(concluded(left=0), state=accepted),
        "positive": positive,
        "postponed": after(decided(Expediency.POSTPONED), state=positive),
        "decided on": decided_on,
        "negative and expedient": after(decided(), state=negative),
        "not expedient": after(decided(Expediency.NOT_EXPEDIENT), state=positive),
        "credited": after(credited(), state=positive),
        "agreed on": agreed_on,
        "carried out": carried_out,
        "finished": finished,
        "judged": after(judged(), state=finished),
        "stopped early": after(stopped_early(), state=carried_out),
        "stopped before it began": after(stopped_early(), state=agreed_on),
        "annulled": after(annulled(), state=negative),
        "returned by the expertise": after(closed(Closure.RETURNED), state=accepted),
        "refused by the expertise": after(closed(Closure.REFUSED), state=accepted),
    }


STATES = states()
ENDS: Sequence[str] = ("refused", "lapsed", "withdrawn", "stopped", "refused by the expertise")
"""The states in which nothing opens again."""
DECIDED: Sequence[str] = [n for n, state in STATES.items() if state is not None and state.status is Status.DECIDED]
"""The states after the Council's decision, in which the register has the word."""


# ---- what several files of tests ask

closed_states = pytest.mark.parametrize(
    "name", [name for name, state in STATES.items() if state is None or state.status is not Status.REGISTERED]
)
open_states = pytest.mark.parametrize("name", ["registered", "breached", "resubmitted"])
known_states = pytest.mark.parametrize("name", [name for name in STATES if name != "none"])


def registered(received: datetime = NOW) -> Any:
    return after(submit(time=received), now=received)


def entry(*editions: tuple[str, date]) -> agency.Agency:
    return ENTRY.model_copy(
        update={"editions": tuple(EditionFrom(edition=name, since=since) for name, since in editions)}
    )


ended_states = pytest.mark.parametrize("name", ENDS)
FOREIGN = (
    requested(),
    request_closed(RequestOutcome.EXPIRED),
    concluded(),
    annulled(),
    closed(Closure.RETURNED),
    closed(Closure.REFUSED),
)
"""What the expertise does, as commands."""
