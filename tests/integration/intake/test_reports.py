"""Reports of the executor with the real intake on a real mongod, and what follows from the Council's decision on."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from contracts.agency import (
    CompletionReportedV1,
    ProgressReportedV1,
    ResultReportedV1,
    RiskReportedV1,
    SpendingReportedV1,
)
from contracts.expertise import (
    TermExtendedV1,
)
from contracts.reference import Clock as TermClock
from contracts.reference import (
    Effectiveness,
    Expediency,
)
from contracts.registry import (
    AgreementRecordedV1,
    EffectivenessJudgedV1,
    ExpediencyDecidedV1,
    ListTakenV1,
    PilotCompletedV1,
    PilotLaunchedV1,
    PilotStoppedV1,
    PilotSuspendedV1,
)
from contracts.registry import TermBreachedV1 as RegisterTermBreachedV1
from contracts.registry import TermNearingV1 as RegisterTermNearingV1
from contracts.steps import Votes
from contracts.topics import AGENCY_MAX_BYTES, receipts_topic
from deploy.samples.common import basis
from services.chassis.engine import Engine
from services.chassis.store import Store
from services.intake.domain.commands import Accept
from services.intake.domain.state import Status
from tests.kit.engine.tiny import START, Broker, Hooked, parked_rows
from tests.kit.intake.sides import (
    NOWHERE,
    PILOT,
    ROBOT,
    Ask,
    Make,
    again,
    answered,
    doc,
    event,
    negative,
    order,
    receipts,
    requested,
    rules,
    said,
    sent,
    state,
    submitted,
    withdrawn,
)
from tests.kit.intake.story import COMMITTED, agreement

# ---- reports of the executor

BASIS = basis(date(2026, 3, 1), "4")
VALUE = {"indicator": "waiting-time", "value": "11.5", "measured": "2026-03-02"}
PAYMENT = {"source": "own-money", "year": 2026, "amount_minor": 4_500_000, "currency": "BYN", "paid": "2026-03-02"}
RISK = {
    "id": "load",
    "title": "Рост нагрузки",
    "scenario": "Обращений втрое больше.",
    "probability": "medium",
    "impact": "high",
    "answer": "Второй узел готов.",
    "owner": {"scheme": "BY-UNP", "value": "700000138"},
}
PERIOD = {"since": "2026-03-01", "until": "2026-03-02"}


def progress(id_: str, subject: str = PILOT, agency: str = "demo", **data: Any) -> dict[str, Any]:
    """A periodic report."""
    given = {"period": PERIOD, "summary": "Идёт по плану.", "values": [VALUE], **data}
    return event(ProgressReportedV1.TYPE, id_, agency, subject, **given)


def measured(id_: str, subject: str = PILOT, agency: str = "demo", **value: Any) -> dict[str, Any]:
    """A result."""
    return event(ResultReportedV1.TYPE, id_, agency, subject, values=[{**VALUE, **value}])


def completed(id_: str, subject: str = PILOT, agency: str = "demo") -> dict[str, Any]:
    """Carrying out is finished."""
    return event(CompletionReportedV1.TYPE, id_, agency, subject, finished="2026-03-02", summary="Готово.", values=[])


def spent(id_: str, **payment: Any) -> dict[str, Any]:
    """Money that was paid."""
    return event(SpendingReportedV1.TYPE, id_, "demo", PILOT, payments=[{**PAYMENT, **payment}])


def risky(id_: str) -> dict[str, Any]:
    """A risk."""
    return event(RiskReportedV1.TYPE, id_, "demo", PILOT, risks=[RISK])


def agreed() -> AgreementRecordedV1:
    """The agreement, as the register entered it."""
    return AgreementRecordedV1(actor=ROBOT, at=START, basis=BASIS, agreement=agreement("waiting-time"))


def launched() -> PilotLaunchedV1:
    return PilotLaunchedV1(actor=ROBOT, at=START, started=date(2026, 3, 1), basis=BASIS)


def suspended() -> PilotSuspendedV1:
    return PilotSuspendedV1(actor=ROBOT, at=START, since=date(2026, 3, 2), why="Ремонт.", basis=BASIS)


def over() -> PilotCompletedV1:
    return PilotCompletedV1(actor=ROBOT, at=START, event_id="end", finished=date(2026, 3, 2), summary="Готово.")


def decided(decision: Expediency = Expediency.EXPEDIENT) -> ExpediencyDecidedV1:
    return ExpediencyDecidedV1(actor=ROBOT, at=START, decision=decision, basis=BASIS)


def stopped_early() -> PilotStoppedV1:
    return PilotStoppedV1(actor=ROBOT, at=START, stopped=date(2026, 3, 2), why="Нет смысла.", basis=BASIS)


def nearing(kind: str = "progress-report") -> RegisterTermNearingV1:
    due = START + timedelta(days=7)
    return RegisterTermNearingV1(actor=ROBOT, kind=kind, rungs=(7,), due_at=due, clock=TermClock(due_at=due))


def breached(kind: str = "progress-report") -> RegisterTermBreachedV1:
    return RegisterTermBreachedV1(actor=ROBOT, kind=kind, due_at=START + timedelta(days=7))


def judged() -> EffectivenessJudgedV1:
    votes = Votes(in_favour=1, against=0, abstained=0)
    return EffectivenessJudgedV1(
        actor=ROBOT,
        at=START,
        outcome=Effectiveness.EFFECTIVE,
        text="Эффективен.",
        present=("u-1",),
        votes=votes,
        basis=BASIS,
    )


@pytest.fixture
async def carried(engine: Engine) -> Engine:
    """Intake with a pilot that is carried out."""
    await engine.records([sent(submitted())])
    await order(engine, Accept(), "k1")
    await engine.records([said(agreed(), 1), said(launched(), 2)])
    return engine


def facts(broker: Broker, name: str) -> list[dict[str, Any]]:
    """The facts of one kind that intake has published."""
    return [one for one in broker.events("pilots.intake.v1") if one["type"] == f"pilots.intake.{name}.v1"]


async def test_reports_of_every_kind_are_taken_from_launch_to_judgement_in_one_story(
    carried: Engine, broker: Broker
) -> None:
    await carried.records([sent(progress("p-1")), sent(spent("s-1")), sent(risky("k-1"))])
    await carried.records([said(suspended(), 3), sent(measured("v-1")), sent(completed("end"))])
    second = progress("p-2", period={"since": "2026-03-02", "until": "2026-03-02"})
    await carried.records([said(over(), 4), sent(measured("v-2")), sent(second)])
    assert (await state(carried)).finished == date(2026, 3, 2)
    await carried.records([said(judged(), 5), sent(spent("s-2", document="акт 9")), sent(measured("v-3"))])
    await carried.records([sent(risky("k-2"))])
    told = [one for one in receipts(broker)[2:] if one[0] != "demo-1"]
    taken = ("p-1", "s-1", "k-1", "v-1", "end", "v-2", "p-2", "s-2", "v-3")
    assert told == [(id_, "reported") for id_ in taken] + [("k-2", "refused")]
    assert rules(broker) == ["pilot.not-carried-out"]
    assert len(facts(broker, "carrying-out-noted")) == 3, "agreement, launch, judgement; nothing else says anything new"
    reported = facts(broker, "progress-registered")[0]["data"]
    assert (reported["period"], reported["values"], reported["event_id"]) == (
        PERIOD,
        [{**VALUE, "evidence": None}],
        "p-1",
    )
    assert {e["correlationid"] for e in broker.events("pilots.intake.v1", PILOT)} == {"demo-1"}
    series = broker.series(PILOT, "pilots.intake.v1")
    assert series == list(range(1, len(series) + 1))
    assert await parked_rows(carried.store, {}) == []


@pytest.mark.usefixtures("indexed")
async def test_a_report_before_the_launch_is_refused_with_retry_and_taken_after_it_under_a_new_id(
    engine: Engine, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    early = sent(progress("early"))
    await engine.records([early])
    await engine.records([said(agreed(), 1), sent(progress("agreed"))])
    for found in broker.events("pilots.receipts.demo.v1"):
        if found["data"]["outcome"] != "refused":
            continue
        [problem] = found["data"]["problems"]
        assert (problem["rule"], problem["action"]) == ("pilot.not-carried-out", "retry")
    await engine.records([said(launched(), 2), early, sent(progress("late"))])
    told = [one for one in receipts(broker) if one[0] != "demo-1"]
    assert told == [("early", "refused"), ("agreed", "refused"), ("late", "reported")]
    assert len(facts(broker, "progress-registered")) == 1


@pytest.mark.usefixtures("indexed")
async def test_reports_and_facts_of_the_register_that_come_again_change_nothing(
    carried: Engine, broker: Broker
) -> None:
    records = [
        sent(progress("p-1")),
        sent(spent("s-1")),
        sent(completed("end")),
        said(launched(), 2),
        said(agreed(), 1),
    ]
    await carried.records(records)
    before, told = await doc(carried), receipts(broker)
    await carried.records(records)
    await carried.records([sent(progress("p-1")), sent(completed("end"))])
    assert (await doc(carried), receipts(broker)) == (before, told)
    assert [len(facts(broker, name)) for name in ("progress-registered", "completion-registered")] == [1, 1]
    await carried.records([sent(progress("p-1", summary="Совсем другое."))])
    assert (await doc(carried), rules(broker)) == (before, ["id.reused"])


async def test_of_two_completions_at_once_one_is_taken_and_the_other_told_so(
    carried: Engine, make: Make, store: Store, broker: Broker
) -> None:
    hooked = Hooked(store)
    hooked.before["write"] = lambda: carried.records([sent(completed("second"))])
    await make(hooked).records([sent(completed("first"))])
    assert receipts(broker)[-2:] == [("second", "reported"), ("first", "refused")]
    assert rules(broker) == ["completed.already"]
    assert len(facts(broker, "completion-registered")) == 1


async def test_many_reports_at_once_are_each_taken_once(carried: Engine, make: Make, broker: Broker) -> None:
    events = [measured(f"v-{n}") for n in range(6)]
    await asyncio.gather(*(make().records([sent(one)]) for one in [*events, *events]))
    await carried.outbox.flush()
    found = facts(broker, "result-registered")
    assert sorted({one["data"]["event_id"] for one in found}) == [f"v-{n}" for n in range(6)]
    assert len({one["sequence"] for one in found}) == 6
    assert len((await state(carried)).events) == 6


@pytest.mark.parametrize("attack", [progress, measured, completed], ids=lambda one: one.__name__)
async def test_nobody_reports_on_a_pilot_of_another_agency(carried: Engine, broker: Broker, attack: Any) -> None:
    before = await doc(carried)
    nowhere = attack("y", NOWHERE, "evil")
    await carried.records([sent(attack("x", PILOT, "evil"), "evil"), sent(nowhere, "evil")])
    assert await doc(carried) == before
    first, second = broker.events("pilots.receipts.evil.v1")
    assert [p["rule"] for p in first["data"]["problems"]] == ["pilot.unknown"]
    assert first["data"]["problems"] == second["data"]["problems"], "nothing is learnt of what is there"
    assert [outcome for _, outcome in receipts(broker)] == ["registered", "accepted", "agreed", "launched"]


async def test_what_the_register_says_waits_for_what_it_knew_of_the_expertise_and_for_its_own_order(
    engine: Engine, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, Accept(), "k1")
    await engine.records([said(launched(), 2, expertise=1), said(agreed(), 1, expertise=1), sent(measured("v-1"))])
    assert receipts(broker)[-1] == ("v-1", "refused")
    assert [row["status"] for row in await parked_rows(engine.store, {})] == ["waiting", "waiting"]
    await engine.records([said(negative(), 1, after=1), sent(measured("v-2"))])
    assert await parked_rows(engine.store, {}) == []
    await engine.records([sent(measured("v-3"))])
    assert receipts(broker)[-1] == ("v-3", "reported")
    noted = [one["data"]["reporting"] for one in facts(broker, "carrying-out-noted")]
    assert noted == [False, True]


async def test_what_the_register_says_of_other_subjects_passes_by(engine: Engine, broker: Broker) -> None:
    taken = ListTakenV1(actor=ROBOT, list="pilots", filters={}, format="csv", why="Отчёт.", asked=START)
    await engine.records([said(taken, 1, "export:1"), said(launched(), 1, NOWHERE)])
    assert [(await doc(engine, one)).version for one in ("export:1", NOWHERE)] == [0, 0]
    await engine.records([sent(measured("v-1", NOWHERE))])
    assert rules(broker) == ["pilot.unknown"]
    assert await parked_rows(engine.store, {}) == []


async def test_over_http_a_report_is_201_and_one_too_early_422_with_retry(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    await ask("post", "/v1/events", json=submitted())
    early = await ask("post", "/v1/events", json=measured("early"))
    assert (early.status_code, early.json()["action"]) == (422, "retry")
    assert [p["rule"] for p in early.json()["problems"]] == ["pilot.not-carried-out"]
    await engine.records([said(agreed(), 1), said(launched(), 2)])
    wrong = await ask("post", "/v1/events", json=measured("wrong", indicator="weather", measured="2026-03-03"))
    assert (wrong.status_code, wrong.json()["action"]) == (422, "fix")
    assert {p["rule"] for p in wrong.json()["problems"]} == {"indicator.unknown", "date.future"}
    first, replay = [await ask("post", "/v1/events", json=measured("v-1")) for _ in range(2)]
    assert (first.status_code, replay.status_code, first.json()) == (201, 200, replay.json())
    assert (first.json()["outcome"], first.json()["pilot"]) == ("reported", PILOT)
    assert (await ask("get", "/v1/receipts/v-1")).json() == first.json()
    card = (await ask("get", f"/v1/applications/{PILOT}", "officer")).json()
    noted = {"reporting": True, "indicators": ["waiting-time"], "started": "2026-03-01", "over": False}
    noted["committed"] = [one.model_dump() for one in COMMITTED]
    assert (card["carrying_out"], card["finished"], card["status"]) == (noted, None, "decided")
    assert card["taken"] == {"size": (await state(engine)).taken.size}


# ---- from the Council's decision on


async def test_after_the_decision_what_is_taken_back_or_stopped_is_refused_and_the_agency_has_the_document(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, Accept(), "k1")
    await engine.records([said(negative(), 1), said(decided(Expediency.POSTPONED), 1), said(decided(), 2)])
    told = [e["data"] for e in broker.events("pilots.receipts.demo.v1") if e["data"]["outcome"] == "decided"]
    assert [one["decision"]["decision"] for one in told] == ["postponed", "expedient"]
    assert told[-1]["decision"]["basis"] == BASIS.model_dump(mode="json")
    await engine.records([sent(again()), sent(withdrawn())])
    assert receipts(broker)[-2:] == [("again", "refused"), ("back", "refused")]
    assert rules(broker) == ["pilot.decided"]
    card = await ask("get", f"/v1/applications/{PILOT}", "officer")
    body = {"reason": "Инициатор ликвидирован.", "basis": BASIS.model_dump(mode="json")}
    headers = {"If-Match": card.headers["ETag"], "Idempotency-Key": "k2"}
    refused = await ask("post", f"/v1/applications/{PILOT}/stop", "officer", json=body, headers=headers)
    assert (refused.status_code, refused.json()["title"]) == (409, "pilot.decided")
    [problem] = refused.json()["problems"]
    assert "registrar" in problem["message"] and "регистратор" in problem["message_ru"]
    [row] = (await ask("get", "/v1/applications?status=decided", "officer")).json()["items"]
    assert (row["id"], row["due_at"], (await state(engine)).running) == (PILOT, None, None)
    assert await parked_rows(engine.store, {}) == []


async def test_a_withdrawal_that_was_before_the_note_stays_and_reports_follow_the_register(
    engine: Engine, make: Make, store: Store, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, Accept(), "k1")
    hooked = Hooked(store)
    hooked.before["write"] = lambda: engine.records([sent(withdrawn())])
    await make(hooked).records([said(decided(), 1)])
    assert receipts(broker)[-2:] == [("back", "withdrawn"), ("demo-1", "decided")]
    await engine.records([said(agreed(), 2), said(launched(), 3), sent(measured("v-1")), sent(withdrawn("back-2"))])
    assert receipts(broker)[-2:] == [("v-1", "reported"), ("back-2", "refused")]
    assert (await state(engine)).status is Status.WITHDRAWN


async def test_of_a_withdrawal_and_the_decision_at_once_the_later_write_gives_way(
    engine: Engine, make: Make, store: Store, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, Accept(), "k1")
    hooked = Hooked(store)
    hooked.before["write"] = lambda: engine.records([said(decided(), 1)])
    await make(hooked).records([sent(withdrawn())])
    assert receipts(broker)[-2:] == [("demo-1", "decided"), ("back", "refused")]
    assert ((await state(engine)).status, rules(broker)) == (Status.DECIDED, ["pilot.decided"])


async def test_a_final_settlement_is_taken_after_an_early_stop(carried: Engine, broker: Broker) -> None:
    await carried.records([said(stopped_early(), 3), sent(spent("s-1")), sent(measured("v-1")), sent(progress("p-1"))])
    assert receipts(broker)[-3:] == [("s-1", "reported"), ("v-1", "reported"), ("p-1", "refused")]


@pytest.mark.usefixtures("indexed")
async def test_the_same_period_and_the_same_payment_under_a_new_id_are_refused_and_a_redelivery_is_not(
    carried: Engine, broker: Broker
) -> None:
    records = [sent(progress("p-1")), sent(spent("s-1"))]
    await carried.records(records)
    before, told = await doc(carried), receipts(broker)
    await carried.records(records)
    assert (await doc(carried), receipts(broker)) == (before, told)
    await carried.records([sent(progress("p-2", summary="Ещё раз."))])
    assert rules(broker) == ["period.twice"]
    await carried.records([sent(spent("s-2"))])
    assert rules(broker) == ["payment.twice"]
    assert [len(facts(broker, name)) for name in ("progress-registered", "spending-registered")] == [1, 1]


@pytest.mark.parametrize(
    ("values", "named"), [([1] * 5_000, 1), ([1] * 300_000, 1), ([{}] * 100, 101)], ids=["15 KB", "900 KB", "100 rows"]
)
async def test_whatever_a_report_is_refused_for_its_receipt_fits_its_topic_and_the_next_report_is_taken(
    carried: Engine, broker: Broker, values: list[Any], named: int
) -> None:
    topic, record = receipts_topic("demo"), sent(event(ResultReportedV1.TYPE, "many", "demo", PILOT, values=values))
    assert len(record.value) < AGENCY_MAX_BYTES
    broker.refuse = lambda message: message.topic == topic.name and len(message.value) > topic.max_bytes
    await carried.records([record, sent(progress("next"))])
    assert receipts(broker)[-2:] == [("many", "refused"), ("next", "reported")]
    [told] = [one["data"] for one in broker.events(topic.name) if one["data"]["event_id"] == "many"]
    assert len(told["problems"]) == named


async def test_of_two_equal_payments_at_once_one_is_taken(
    carried: Engine, make: Make, store: Store, broker: Broker
) -> None:
    hooked = Hooked(store)
    hooked.before["write"] = lambda: carried.records([sent(spent("second"))])
    await make(hooked).records([sent(spent("first"))])
    assert receipts(broker)[-2:] == [("second", "reported"), ("first", "refused")]
    assert rules(broker) == ["payment.twice"]


async def test_the_registers_reminders_reach_the_executor_once(carried: Engine, broker: Broker) -> None:
    records = [
        said(nearing(), 3),
        said(nearing("judgement"), 4),
        said(breached(), 5),
        said(breached("carrying-out"), 6),
    ]
    await carried.records(records)
    await carried.records(records)
    told = [e["data"] for e in broker.events("pilots.receipts.demo.v1") if e["data"]["outcome"] == "reminded"]
    assert [(one["reminder"]["kind"], one["reminder"]["rungs"], one["reminder"]["overdue"]) for one in told] == [
        ("progress-report", [7], False),
        ("progress-report", [], True),
        ("carrying-out", [], True),
    ]
    assert {(one["event_id"], one["due_at"]) for one in told} == {("demo-1", "2026-03-09T09:00:00.000Z")}


async def test_when_the_expertise_extends_a_request_the_agency_is_told_the_new_due_time_and_what_is_left(
    engine: Engine, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, Accept(), "k1")
    await engine.records([said(requested(), 1), sent(answered("a", {"item": "why", "text": "Так."}))])
    later = START + timedelta(days=30)
    clock = TermClock(due_at=later)
    extended = TermExtendedV1(actor=ROBOT, kind="clarification", at=START, days=21, why="Просят.", clock=clock)
    other = extended.model_copy(update={"kind": "expertise"})
    await engine.records([said(extended, 2), said(other, 3), said(extended, 2)])
    assert receipts(broker)[2:] == [
        ("demo-1", "information-requested"),
        ("a", "answers-taken"),
        ("demo-1", "information-requested"),
    ]
    told = broker.events("pilots.receipts.demo.v1")[-1]["data"]
    assert (told["due_at"], told["request"]["id"]) == ("2026-04-01T09:00:00.000Z", "r-1")
    assert told["request"]["open_items"] == [item["id"] for item in told["request"]["items"]] == ["end"]
    [request] = (await state(engine)).requests
    assert (request.due_at, request.open_items) == (later, ("end",))
    await engine.records([sent(answered("b", {"item": "end", "text": "Тогда."}))])
    assert (receipts(broker)[-1], (await state(engine)).open_requests) == (("b", "answers-taken"), ())
