"""How an application goes through intake, for tests of its domain: events, decisions of others, states."""

import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from story import BOOK, NOW, SOMEBODY, SUBJECT, Story

from contracts.agency import (
    ApplicationResubmittedV1,
    ApplicationSubmittedV1,
    ApplicationSubmittedV2,
    ApplicationWithdrawnV1,
    ClarificationProvidedV1,
)
from contracts.event import Actor, Basis, Fact
from contracts.expertise import (
    Closure,
    ConclusionAnnulledV1,
    ConclusionIssuedV1,
    InformationRequestedV1,
    RequestClosedV1,
    RequestOutcome,
    ReviewClosedV1,
)
from contracts.freeze import example
from contracts.intake import EditionFrom
from contracts.reference import OnExpiry, Problem, Remark, RequestItem, ReturnReason, Verdict
from services.intake.domain import agency
from services.intake.domain.agency import Given
from services.intake.domain.pilot import Accept, Forward, Later, Refuse, Return, Stop, Submit, Tick
from services.intake.service import SERVICE

CODE = "vedomstvo"
ENTRY = agency.Agency(code=CODE, name="Ведомство", editions=(EditionFrom(edition="by-2024", since=date(2026, 1, 1)),))
OFFICER = Actor(id="u-2001", role="officer")
pilots = Story(SERVICE.aggregates["pilot"], Given(BOOK, ENTRY, "ПП-2026-000123"))

REASONS = (ReturnReason(code="documents-missing"), ReturnReason(code="other", text="Нет подписи."))
PROBLEM = Problem(pointer="", rule="json.invalid", message="no", message_ru="нет")
BASIS = Basis(body="Министерство связи", kind="приказ", number="17", date=date(2026, 4, 20))
STOP = Stop("Инициатор ликвидирован.", BASIS)
REMARKS = (Remark(code="costs", text="Нет расчёта.", must_fix=True), Remark(code="effect", text="Нет меры эффекта."))
ITEMS = (
    RequestItem(id="why", text="Почему так дорого?"),
    RequestItem(id="costs", text="Уточните стоимость.", field="costs"),
    RequestItem(id="end", text="Уточните окончание.", field="planned_end"),
)


def minsk(text: str) -> datetime:
    """A local time in Minsk, which is three hours ahead of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) - timedelta(hours=3)


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


def elapsed(state: Any, until: datetime | None = None) -> tuple[Any, list[Fact]]:
    """The state when its timer has fired as often as it wants to (before `until`), and what it said."""
    said = list[Fact]()
    while (due := pilots.aggregate.due(state)) is not None and (until is None or due < until):
        facts = pilots.when(state, Tick(due), now=due)
        assert facts, "a timer that fires says something"
        said += facts
        state = pilots.given(*facts, state=state)
    return state, said


def states() -> Mapping[str, Any]:
    """A submission in every state that there is."""
    open_ = after(submit())
    accepted = after(Accept(), state=open_)
    returned = after(Return(REASONS), state=open_)
    negative = after(concluded(), state=accepted)
    return {
        "none": None,
        "registered": open_,
        "breached": elapsed(open_)[0],
        "refused": after(Refuse(CODE, "a-1", (PROBLEM,))),
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
        "positive": after(concluded(Verdict.POSITIVE), state=accepted),
        "annulled": after(annulled(), state=negative),
        "returned by the expertise": after(closed(Closure.RETURNED), state=accepted),
        "refused by the expertise": after(closed(Closure.REFUSED), state=accepted),
    }


STATES = states()
ENDS: Sequence[str] = ("refused", "lapsed", "withdrawn", "stopped", "refused by the expertise")
"""The states in which nothing opens again."""
