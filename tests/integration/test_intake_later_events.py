"""An agency's later events with the real intake on a real mongod: led to its own pilots, and to no others."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, cast

import httpx
import pytest

from contracts.agency import (
    ApplicationResubmittedV1,
    ApplicationSubmittedV2,
    ApplicationWithdrawnV1,
    ClarificationProvidedV1,
    CompletionReportedV1,
    ProgressReportedV1,
    ResultReportedV1,
    RiskReportedV1,
    SpendingReportedV1,
)
from contracts.calendars import CalendarUpdate
from contracts.event import Actor, Basis, digest
from contracts.expertise import (
    ConclusionIssuedV1,
    InformationRequestedV1,
    RequestClosedV1,
    RequestOutcome,
    TermEndedV1,
    TermExtendedV1,
)
from contracts.freeze import example
from contracts.reference import Clock as TermClock
from contracts.reference import (
    Effectiveness,
    Expediency,
    Indicator,
    OnExpiry,
    OrganisationId,
    Party,
    Remark,
    RequestItem,
    ReturnReason,
    Verdict,
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
from contracts.steps import AgencyEntry, Agreement, ApplicationReturn, EditionFrom, Votes
from contracts.topics import AGENCY_MAX_BYTES, agency_topic, fact_topic, receipts_topic
from services.chassis.auth import Caller
from services.chassis.engine import Engine
from services.chassis.recalendar import recalendar
from services.chassis.store import Store
from services.chassis.subject import Claimed, Document, Done, Input, Outcome, Record, Refused
from services.chassis.web import make_app
from services.intake.api import make_router
from services.intake.domain.commands import Accept
from services.intake.domain.evolve import OUTCOMES_KEPT
from services.intake.domain.state import Pilot, Status, person_id, pilot_id
from services.intake.door import address, submission
from services.intake.service import RULES
from services.intake.service import SERVICE as INTAKE
from services.law.calendar import Calendars
from tests.calendars import CALENDARS
from tests.tiny import START, Broker, Clock, Crash, Hooked, crash, numbered, parked_rows, wire

OFFICER = Actor(id="u-2001", role="officer")
PILOT = pilot_id("demo", "demo-1")
NOWHERE = "0b6c2ecb-7a8b-5c1e-9a52-0123456789ab"
RETURN = ApplicationReturn(reasons=(ReturnReason(code="documents-missing"),))
SENT_AT = "2026-03-02T08:00:00.000Z"
ITEMS = (RequestItem(id="why", text="Почему?"), RequestItem(id="end", text="Когда?", field="planned_end"))

Make = Callable[..., Engine]


@pytest.fixture
def broker() -> Broker:
    """Where facts and receipts go."""
    return Broker()


@pytest.fixture
def clock() -> Clock:
    """What the engines take for the time."""
    return Clock()


@pytest.fixture
def make(store: Store, broker: Broker, clock: Clock) -> Make:
    """Replicas of intake on one store, one broker and one clock."""
    number = iter(range(100))

    def made(on: object = store) -> Engine:
        return Engine(
            INTAKE, cast(Store, on), broker, now=clock, new_id=numbered(f"e{next(number)}"), calendars=CALENDARS
        )

    return made


@pytest.fixture
async def engine(make: Make) -> Engine:
    """Intake with two agencies in its directory."""
    made = make()
    for code in ("demo", "evil"):
        await entered(made, code)
    return made


async def entered(engine: Engine, code: str) -> None:
    enter = AgencyEntry(name="Ведомство", editions=(EditionFrom(edition="by-2024", since=date(2025, 1, 1)),))
    mark = Claimed("person:admin", f"enter-{code}", "d")
    assert isinstance(await engine.command(Input(f"agency:{code}", mark, enter, OFFICER, "enter")), Done)


# ---- what is sent


def event(kind: str, id_: str, agency: str = "demo", subject: str | None = None, **data: Any) -> dict[str, Any]:
    """An event of an agency."""
    return {
        "specversion": "1.0",
        "id": id_,
        "source": f"/agencies/{agency}",
        "type": kind,
        **({} if subject is None else {"subject": subject}),
        "time": SENT_AT,
        "data": data,
    }


def submitted(number: int = 1, agency: str = "demo", **changes: Any) -> dict[str, Any]:
    """An application."""
    data = {**example(ApplicationSubmittedV2.TYPE)["data"], **changes}
    return event(ApplicationSubmittedV2.TYPE, f"{agency}-{number}", agency, **data)


def again(id_: str = "again", subject: str = PILOT, agency: str = "demo", **changes: Any) -> dict[str, Any]:
    """The application, once more."""
    data = {**example(ApplicationSubmittedV2.TYPE)["data"], **changes}
    return event(ApplicationResubmittedV1.TYPE, id_, agency, subject, **data)


def withdrawn(id_: str = "back", subject: str | None = PILOT, agency: str = "demo", **data: Any) -> dict[str, Any]:
    """A withdrawal."""
    return event(ApplicationWithdrawnV1.TYPE, id_, agency, subject, **{"reason": "Проект закрыт.", **data})


def answered(id_: str, *answers: Mapping[str, Any], request: str = "r-1") -> dict[str, Any]:
    """Answers to a request."""
    return event(ClarificationProvidedV1.TYPE, id_, "demo", PILOT, request=request, answers=list(answers))


OFFSET = iter(range(10**6))


def sent(body: Mapping[str, Any], agency: str = "demo") -> Record:
    """An event in its agency's topic."""
    return Record(agency_topic(agency).name, 0, next(OFFSET), None, json.dumps(body, ensure_ascii=False).encode())


def said(fact: Any, sequence: int, subject: str = PILOT, after: int = 1, expertise: int | None = None) -> Record:
    """A fact of the expertise or of the register, in its topic. `expertise`: how far the register was with that."""
    source = fact.TYPE.split(".")[1]
    fields = fact.model_dump(mode="json", exclude={"actor", "after"})
    known = {"intake": after} if expertise is None else {"intake": after, "expertise": expertise}
    written = json.loads(wire(source, subject, sequence, fields, type_=fact.TYPE, after=known))
    value = json.dumps({**written, "correlationid": "demo-1"}).encode()
    return Record(fact_topic(source), 0, next(OFFSET), subject.encode(), value)


ROBOT = Actor(id="u-3001", role="operator")


def requested() -> InformationRequestedV1:
    return InformationRequestedV1(
        actor=ROBOT,
        round=1,
        request="r-1",
        items=ITEMS,
        on_expiry=OnExpiry.RETURN,
        due_at=START + timedelta(days=9),
        at=START,
        stops_clock=True,
    )


def negative() -> ConclusionIssuedV1:
    return ConclusionIssuedV1(
        actor=ROBOT,
        agency="demo",
        round=1,
        number="ЗЭ-2026-0001",
        date=date(2026, 3, 2),
        verdict=Verdict.NEGATIVE,
        text="Нет расчёта.",
        remarks=(Remark(code="costs", text="Нет расчёта."),),
        signers=(),
        rounds_left=1,
    )


# ---- what is there


async def order(engine: Engine, command: object, key: str) -> Outcome:
    """An officer's command."""
    mark = Claimed("person:u-2001", key, "d")
    outcome = await engine.command(Input(PILOT, mark, command, OFFICER, f"u-2001:{key}"))
    await engine.outbox.flush()
    return outcome


async def doc(engine: Engine, subject: str = PILOT) -> Document:
    return (await engine.documents([subject]))[subject]


async def state(engine: Engine, subject: str = PILOT) -> Pilot:
    found = (await doc(engine, subject)).state
    assert isinstance(found, Pilot)
    return found


def receipts(broker: Broker, agency: str = "demo") -> list[tuple[str, str]]:
    """The receipts that an agency was sent: event and outcome."""
    found = broker.events(f"pilots.receipts.{agency}.v1")
    return [(one["data"]["event_id"], one["data"]["outcome"]) for one in found]


def rules(broker: Broker, agency: str = "demo") -> list[str]:
    """The rules that the last receipt of an agency names."""
    return [p["rule"] for p in broker.events(f"pilots.receipts.{agency}.v1")[-1]["data"]["problems"]]


# ---- the way of an application


async def test_a_returned_application_comes_again_over_kafka_and_all_of_it_is_one_story(
    engine: Engine, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, RETURN, "k1")
    contact = {"name": "Образцова Проба Примеровна", "email": None, "phone": None}
    await engine.records([sent(again(title="Иначе", contact=contact))])
    found = await state(engine)
    assert (found.status, found.submission, found.event_id) == (Status.REGISTERED, 2, "demo-1")
    assert receipts(broker) == [("demo-1", "registered"), ("demo-1", "returned"), ("again", "resubmitted")]
    assert {e["correlationid"] for e in broker.events("pilots.intake.v1", PILOT)} == {"demo-1"}
    assert {e["correlationid"] for e in broker.events("pilots.receipts.demo.v1")} == {"demo-1"}
    persons = await engine.store.rows("persons", {}, sort=[("_id", 1)], limit=10)
    assert {row["_id"] for row in persons} == {person_id(PILOT), person_id(PILOT, "again")}
    assert "Примеровна" not in "".join(m.value.decode() for m in broker.log)
    assert await parked_rows(engine.store, {}) == []


async def test_what_the_expertise_asks_and_concludes_reaches_the_applicant_and_its_answers_count(
    engine: Engine, broker: Broker, clock: Clock
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, Accept(), "k1")
    ended = TermEndedV1(actor=ROBOT, kind="clarification", ended=START, late=False)
    closing = RequestClosedV1(actor=ROBOT, round=1, request="r-1", outcome=RequestOutcome.ANSWERED)
    await engine.records([said(closing, 3)])
    assert [row["status"] for row in await parked_rows(engine.store, {})] == ["waiting"], "a gap waits"
    await engine.records([said(requested(), 1), sent(answered("a", {"item": "why", "text": "Так."}))])
    end = {"item": "end", "text": "Позже.", "value": "2027-07-31"}
    await engine.records([sent(answered("b", end))])
    await engine.records([said(ended, 2)])
    assert await parked_rows(engine.store, {}) == [], "what waited was taken up"
    assert (await state(engine)).open_requests == ()
    await engine.records([said(negative(), 4)])
    assert receipts(broker) == [
        ("demo-1", "registered"),
        ("demo-1", "accepted"),
        ("demo-1", "information-requested"),
        ("a", "answers-taken"),
        ("b", "answers-taken"),
        ("demo-1", "concluded"),
    ]
    found = await state(engine)
    assert found.application is not None and found.application.planned_end == date(2027, 7, 31)
    assert (found.status, found.may_resubmit(clock())) == (Status.CONCLUDED, True)
    met = [{"place": 1, "text": "Приложен."}]
    await engine.records([sent(again(met=met))])
    await order(engine, Accept(), "k2")
    accepted = broker.events("pilots.intake.v1", PILOT)[-1]
    assert accepted["type"] == "pilots.intake.application-accepted.v1"
    assert (accepted["data"]["submission"], accepted["data"]["met"]) == (2, met)
    assert accepted["data"]["after"] == {"expertise": 4}


async def test_timers_remind_and_then_let_a_returned_application_lapse(
    engine: Engine, broker: Broker, clock: Clock
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, RETURN, "k1")
    for _ in range(40):
        clock.forward(days=1)
        await engine.timers()
    types = [e["type"].split(".")[2] for e in broker.events("pilots.intake.v1", PILOT)][-4:]
    assert types == ["term-nearing", "term-nearing", "term-ended", "application-lapsed"]
    assert receipts(broker)[-1] == ("demo-1", "lapsed")
    assert (await doc(engine)).due is None
    await engine.records([sent(again())])
    assert (receipts(broker)[-1], rules(broker)) == (("again", "refused"), ["application.not-open"])


def another_calendar() -> Calendars:
    """The calendars with a day of March made free."""
    origin = {"kind": "assumption", "note": "A day for this test."}
    free = {"day": "2026-03-04", "working": False, "reason_ru": "выходной", "reason_en": "day off", "act": "№ 1"}
    update = {"id": "BY", "dated": "2026-03-02", "origin": origin, "overrides": [free]}
    return Calendars.load([CalendarUpdate.model_validate_json(json.dumps(update))])


async def test_a_changed_calendar_moves_the_due_date_of_every_open_application_once(
    engine: Engine, broker: Broker
) -> None:
    await engine.records([sent(submitted(n)) for n in range(1, 4)])
    await order(engine, RETURN, "k1")
    await engine.records([sent(withdrawn(subject=pilot_id("demo", "demo-2")))])
    before = (await state(engine)).due_at
    assert before is not None and await recalendar(engine) == 0
    engine.calendars = another_calendar()
    assert await recalendar(engine) == 2, "the withdrawn one has no open term"
    assert await recalendar(engine) == 0
    await engine.outbox.flush()
    fact = broker.events("pilots.intake.v1", PILOT)[-1]["data"]
    assert (fact["kind"], fact["version_before"] != fact["version"]) == ("fixing-remarks", True)
    after = (await state(engine)).due_at
    assert after == before + timedelta(days=1)
    assert (await doc(engine)).due == (await state(engine)).clock.alarm_at


# ---- where a later event is led


async def test_a_batch_finds_its_pilots_with_one_query_also_those_that_stand_before_in_it(
    engine: Engine, store: Store, broker: Broker
) -> None:
    await engine.records([sent(submitted(n)) for n in range(1, 6)])
    bodies = [withdrawn(f"w-{n}", pilot_id("demo", f"demo-{n}")) for n in range(1, 8)]
    inputs = [submission("demo", json.dumps(body).encode(), "x") for body in (submitted(6), *bodies, submitted(7))]
    asked = Counting(store)
    led = await address(cast(Store, asked), inputs)
    assert asked.count == 1
    own = pilot_id("demo", "w-7")
    assert [one.subject for one in led[1:8]] == [*(pilot_id("demo", f"demo-{n}") for n in range(1, 7)), own]
    assert (led[0], led[8]) == (inputs[0], inputs[8])
    assert await address(cast(Store, asked), inputs[:1]) == inputs[:1]
    assert asked.count == 1, "a batch without later events asks nothing"


class Counting:
    """A store that counts its queries."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.count = 0

    async def rows(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        return await self.store.rows(*args, **kwargs)


async def test_an_application_and_its_withdrawal_in_one_batch_are_both_taken(engine: Engine, broker: Broker) -> None:
    await engine.records([sent(submitted()), sent(withdrawn())])
    assert (await state(engine)).status is Status.WITHDRAWN
    assert receipts(broker) == [("demo-1", "registered"), ("back", "withdrawn")]


async def test_a_later_event_about_a_refused_application_is_refused_too(engine: Engine, broker: Broker) -> None:
    await engine.records([sent(submitted(sector="space")), sent(withdrawn())])
    assert receipts(broker) == [("demo-1", "refused"), ("back", "refused")]
    await engine.records([sent(withdrawn("back-2"))])
    assert (receipts(broker)[-1], rules(broker)) == (("back-2", "refused"), ["pilot.unknown"])
    assert (await state(engine)).status is Status.REFUSED
    assert (await state(engine, pilot_id("demo", "back-2"))).status is Status.REFUSED, "it has a subject of its own"


async def test_a_subject_that_only_passed_by_is_nobodys_pilot(engine: Engine, broker: Broker) -> None:
    await engine.records([said(negative(), 1, NOWHERE)])
    assert (await doc(engine, NOWHERE)).version == 0
    await engine.records([sent(withdrawn(subject=NOWHERE))])
    assert (receipts(broker), rules(broker)) == ([("back", "refused")], ["pilot.unknown"])
    assert (await doc(engine, NOWHERE)).version == 0
    assert await parked_rows(engine.store, {}) == []


async def test_what_comes_before_its_application_is_refused_and_a_resend_meets_that_answer(
    engine: Engine, broker: Broker
) -> None:
    early = withdrawn()
    await engine.records([sent(early)])
    assert (receipts(broker), rules(broker)) == ([("back", "refused")], ["pilot.unknown"])
    await engine.records([sent(submitted())])
    await engine.records([sent(early)])
    assert receipts(broker) == [("back", "refused"), ("demo-1", "registered")]
    assert (await state(engine)).status is Status.REGISTERED
    assert (await state(engine, pilot_id("demo", "back"))).status is Status.REFUSED
    await engine.records([sent(withdrawn("back-2"))])
    assert (await state(engine)).status is Status.WITHDRAWN


async def test_events_of_an_agency_that_is_not_entered_wait_and_are_taken_in_order_by_a_redrive(
    make: Make, broker: Broker
) -> None:
    engine = make()
    records = [sent(submitted()), sent(withdrawn())]
    await engine.records(records)
    assert [row["status"] for row in await parked_rows(engine.store, {})] == ["broken", "broken"]
    assert await engine.parking.redrive([records[1].id]) == 0
    assert (await engine.documents([PILOT])) == {}, "the withdrawal alone makes no pilot"
    await entered(engine, "demo")
    assert await engine.parking.redrive([records[1].id]) == 0, "its application is not there yet"
    assert await engine.parking.redrive([one.id for one in records]) == 2
    assert receipts(broker) == [("demo-1", "registered"), ("back", "withdrawn")]


# ---- other agencies


ATTACKS = (
    withdrawn("x", PILOT, "evil"),
    again("x", PILOT, "evil"),
    event(ClarificationProvidedV1.TYPE, "x", "evil", PILOT, request="r-1", answers=[{"item": "why", "text": "а"}]),
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one["type"])
async def test_another_agencys_pilot_can_be_neither_touched_nor_told_from_one_that_is_not_there(
    engine: Engine, broker: Broker, attack: dict[str, Any]
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, RETURN, "k1")
    before = await doc(engine)
    nowhere = {**attack, "id": "y", "subject": NOWHERE}
    forged = {**attack, "id": "z", "source": "/agencies/demo"}
    await engine.records([sent(one, "evil") for one in (attack, nowhere, forged)])
    assert await doc(engine) == before
    first, second, third = broker.events("pilots.receipts.evil.v1")
    assert {one["data"]["outcome"] for one in (first, second, third)} == {"refused"}
    assert first["data"]["problems"] == second["data"]["problems"], "nothing is learnt of what is there"
    assert {p["rule"] for p in third["data"]["problems"]} == {"source.not-yours", "pilot.unknown"}
    assert [one["subject"] for one in (first, second, third)] == [pilot_id("evil", i) for i in "xyz"]
    assert receipts(broker) == [("demo-1", "registered"), ("demo-1", "returned")], "its owner hears nothing of it"
    assert await engine.documents([NOWHERE]) == {}


async def test_no_subject_can_be_made_before_its_own_application(engine: Engine, broker: Broker) -> None:
    future = pilot_id("demo", "demo-7")
    subjects = [future, "agency:demo", "agency:evil", "series:2026", pilot_id("evil", "x-0"), "", None]
    for n, subject in enumerate(subjects):
        await engine.records([sent(withdrawn(f"x-{n}", subject, "evil"), "evil")])
    assert await engine.documents([future, "series:2026"]) == {}
    assert (await doc(engine, "agency:demo")).version == 1
    assert {outcome for _, outcome in receipts(broker, "evil")} == {"refused"}
    await engine.records([sent(submitted(7))])
    assert (await state(engine, future)).status is Status.REGISTERED


async def test_one_batch_of_two_agencies_leads_each_event_to_its_own_pilot_alone(
    engine: Engine, broker: Broker
) -> None:
    await engine.records(
        [
            sent(submitted()),
            sent(withdrawn("x", PILOT, "evil"), "evil"),
            sent(submitted(1, "evil"), "evil"),
            sent(withdrawn("y", pilot_id("evil", "evil-1"), "evil"), "evil"),
            sent(withdrawn("z", pilot_id("evil", "evil-1"))),
        ]
    )
    assert (await state(engine)).status is Status.REGISTERED
    assert (await state(engine, pilot_id("evil", "evil-1"))).status is Status.WITHDRAWN
    assert sorted(receipts(broker, "evil")) == [("evil-1", "registered"), ("x", "refused"), ("y", "withdrawn")]
    assert sorted(receipts(broker)) == [("demo-1", "registered"), ("z", "refused")]


# ---- ids, replays, two at once


async def test_the_same_event_again_changes_nothing_and_other_content_under_its_id_is_refused_elsewhere(
    engine: Engine, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await engine.records([sent(withdrawn()), sent(withdrawn())])
    before, told = await doc(engine), receipts(broker)
    await engine.records([sent(withdrawn())])
    assert (await doc(engine), receipts(broker)) == (before, told)
    other = withdrawn(reason="Совсем другое.")
    await engine.records([sent(other), sent(again("demo-1"))])
    assert await doc(engine) == before
    assert sorted(receipts(broker)[len(told) :]) == [("back", "refused"), ("demo-1", "refused")]
    assert rules(broker) == ["id.reused"]
    refusal = await state(engine, pilot_id("demo", f"back#{digest(other)}"))
    assert (refusal.status, refusal.event_id) == (Status.REFUSED, "back")


async def test_a_crash_between_claim_and_write_leaves_the_event_to_be_taken_again(
    engine: Engine, make: Make, store: Store, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    hooked = Hooked(store)
    hooked.before["write"] = crash
    record = sent(withdrawn())
    with pytest.raises(Crash):
        await make(hooked).records([record])
    assert (await state(engine)).status is Status.REGISTERED
    await engine.records([record])
    assert (await state(engine)).status is Status.WITHDRAWN


async def test_of_two_resubmissions_at_once_one_is_registered_and_the_other_refused(
    engine: Engine, make: Make, store: Store, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, RETURN, "k1")
    hooked = Hooked(store)
    hooked.before["write"] = lambda: engine.records([sent(again("second"))])
    await make(hooked).records([sent(again("first"))])
    assert receipts(broker)[-2:] == [("second", "resubmitted"), ("first", "refused")]
    assert (await state(engine)).submission == 2


async def test_many_at_once_on_one_pilot_come_to_one_end_and_each_has_its_own_answer(
    engine: Engine, make: Make, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    events = [withdrawn(f"w-{n}") for n in range(8)]
    officers = [order(make(), Accept(), "k1"), order(make(), RETURN, "k2")]
    outcomes = await asyncio.gather(*(make().records([sent(one)]) for one in events), *officers)
    found = await state(engine)
    assert found.status is Status.WITHDRAWN
    told = {one.event_id: one.outcome for one in found.events}
    assert len(told) == 8 and sorted(told.values()) == ["refused"] * 7 + ["withdrawn"]
    assert sum(isinstance(one, Done) for one in outcomes[-2:]) <= 1
    assert all(isinstance(one, (Done, Refused)) for one in outcomes[-2:])
    await engine.outbox.flush()
    series = broker.series(PILOT, "pilots.intake.v1")
    assert sorted(set(series)) == list(range(1, max(series) + 1))


# ---- over HTTP


class Tokens:
    """Stands for the identity provider: a token is a role and an organisation."""

    def caller(self, token: str) -> Caller:
        """Who the token speaks for."""
        role, _, organisation = token.partition("@")
        return Caller("u-2001" if role == "officer" else f"u-{organisation}", frozenset({role}), organisation or None)


Ask = Callable[..., Any]


@pytest.fixture
async def ask(engine: Engine) -> Ask:
    """Requests to intake's HTTP side."""
    app = make_app("Lotsman intake", cast(Any, Tokens()), engine, {})
    app.include_router(make_router(RULES))

    async def once(method: str, path: str, token: str = "publisher@demo", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return await client.request(method, path, headers=headers, **more)

    return once


async def test_over_http_a_later_event_is_201_then_200_and_409_for_other_content(engine: Engine, ask: Ask) -> None:
    assert (await ask("post", "/v1/events", json=submitted())).status_code == 201
    first = await ask("post", "/v1/events", json=withdrawn())
    assert first.status_code == 201, first.text
    body = first.json()
    assert (body["event_id"], body["outcome"], body["status"], body["pilot"]) == (
        "back",
        "withdrawn",
        "withdrawn",
        PILOT,
    )
    assert (body["problems"], body["number"] is not None) == ([], True)
    replay = await ask("post", "/v1/events", json=withdrawn())
    assert (replay.status_code, replay.headers["Idempotent-Replayed"]) == (200, "true")
    assert replay.json() == body
    told = await ask("get", first.headers["Location"])
    assert (first.headers["Location"], told.json()) == ("/v1/receipts/back", body)
    assert (await ask("post", "/v1/events", json=withdrawn(reason="Другое."))).status_code == 409
    original = (await ask("get", "/v1/receipts/demo-1")).json()
    assert (original["event_id"], original["outcome"], original["status"]) == ("demo-1", "registered", "withdrawn")


async def test_over_http_a_refused_later_event_is_422_with_its_own_problems_and_so_is_its_replay(
    engine: Engine, ask: Ask
) -> None:
    await ask("post", "/v1/events", json=submitted())
    first, second = again("n-1", sector="space"), withdrawn("n-2", reason="")
    for _ in range(2):
        for body, found in ((first, {"sector.unknown", "application.not-open"}), (second, {"schema.string-too-short"})):
            answer = await ask("post", "/v1/events", json=body)
            said_ = answer.json()
            assert (answer.status_code, said_["title"], said_["action"]) == (422, "event.refused", "fix")
            assert ({p["rule"] for p in said_["problems"]}, said_["pilot"]) == (found, PILOT)
            told = (await ask("get", f"/v1/receipts/{body['id']}")).json()
            assert (told["outcome"], told["problems"]) == ("refused", said_["problems"])
    assert (await state(engine)).problems == (), "the pilot itself was not refused"


async def test_over_http_a_foreign_pilot_is_422_and_may_be_tried_again_later_like_any_unknown_one(
    engine: Engine, ask: Ask
) -> None:
    await ask("post", "/v1/events", json=submitted())
    before = await doc(engine)
    answers = [
        (await ask("post", "/v1/events", "publisher@evil", json=withdrawn(id_, subject, "evil"))).json()
        for id_, subject in (("x", PILOT), ("y", NOWHERE))
    ]
    assert [one["pilot"] for one in answers] == [pilot_id("evil", "x"), pilot_id("evil", "y")]
    assert [one["action"] for one in answers] == ["retry", "retry"]
    same = [{k: v for k, v in one.items() if k not in ("pilot", "event_id")} for one in answers]
    assert same[0] == same[1]
    assert await doc(engine) == before
    assert (await ask("get", "/v1/receipts/demo-1", "publisher@evil")).status_code == 404


async def test_a_receipt_that_is_no_longer_kept_is_410_and_one_that_is_not_decided_yet_404(
    engine: Engine, make: Make, store: Store, ask: Ask
) -> None:
    await engine.records([sent(submitted()), sent(withdrawn("w-0"))])
    for start in range(1, OUTCOMES_KEPT + 1, 50):
        await engine.records([sent(withdrawn(f"w-{n}")) for n in range(start, start + 50)])
    gone = await ask("get", "/v1/receipts/w-0")
    assert (gone.status_code, gone.json()["title"]) == (410, "receipt.gone")
    assert (await ask("get", "/v1/receipts/w-1")).json()["outcome"] == "refused"
    hooked = Hooked(store)
    hooked.before["write"] = crash
    with pytest.raises(Crash):
        await make(hooked).records([sent(withdrawn("lost"))])
    lost = await ask("get", "/v1/receipts/lost")
    assert (lost.status_code, lost.json()["title"], lost.json()["action"]) == (404, "receipt.unknown", "retry")


async def test_officers_stop_an_application_and_see_its_clocks_and_its_card(engine: Engine, ask: Ask) -> None:
    await ask("post", "/v1/events", json=submitted())
    where = f"/v1/applications/{PILOT}"
    shown = await ask("get", f"{where}/clock", "auditor")
    assert (shown.status_code, shown.json()["state"], shown.json()["left"]) == (200, "running", 3)
    assert "Рабочих дней: 3" in shown.json()["ru"]
    none = await ask("get", f"{where}/clock?term=fixing-remarks", "officer")
    assert (none.status_code, none.json()["title"]) == (404, "term.none")
    assert (await ask("get", f"{where}/clock?term=expertise", "officer")).status_code == 422
    assert (await ask("get", f"{where}/clock", "publisher@demo")).status_code == 403
    basis = Basis(body="Минсвязи", kind="приказ", number="17", date=date(2026, 3, 2)).model_dump(mode="json")
    body = {"reason": "Инициатор ликвидирован.", "basis": basis}
    headers = {"If-Match": shown.headers["ETag"], "Idempotency-Key": "k1"}
    assert (await ask("post", f"{where}/stop", "officer", json={"reason": "x"}, headers=headers)).status_code == 422
    assert (await ask("post", f"{where}/stop", "officer", json=body, headers=headers)).status_code == 200
    card = (await ask("get", where, "officer")).json()
    assert (card["status"], card["submission"], card["open_requests"], card["conclusion"]) == ("stopped", 1, [], None)
    ended = (await ask("get", f"{where}/clock", "officer")).json()
    assert ended["state"] == "ended"
    [row] = (await ask("get", "/v1/applications?status=stopped", "officer")).json()["items"]
    assert (row["id"], row["due_at"], row["submission"]) == (PILOT, None, 1)
    late = {**headers, "Idempotency-Key": "k2", "If-Match": f'"{(await doc(engine)).rev}"'}
    refused = await ask("post", f"{where}/stop", "officer", json=body, headers=late)
    assert (refused.status_code, refused.json()["title"]) == (409, "application.not-open")


# ---- reports of the executor

BASIS = Basis(body="Совет", kind="протокол", number="4", date=date(2026, 3, 1))
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


def organisation(value: str) -> Party:
    return Party(id=OrganisationId(scheme="BY-UNP", value=value))


def agreed() -> AgreementRecordedV1:
    """The agreement, as the register entered it."""
    indicator = Indicator(code="waiting-time", title="Время ожидания", unit="мин", baseline="30", target="10")
    agreement = Agreement(
        customer=organisation("700000125"),
        executor=organisation("700000112"),
        programme="Программа.",
        starts=date(2026, 3, 1),
        until=date(2026, 12, 31),
        indicators=(indicator,),
    )
    return AgreementRecordedV1(actor=ROBOT, at=START, basis=BASIS, agreement=agreement)


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
    told = receipts(broker)[2:]
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


async def test_a_report_before_the_launch_is_refused_with_retry_and_taken_after_it_under_a_new_id(
    engine: Engine, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    early = sent(progress("early"))
    await engine.records([early])
    await engine.records([said(agreed(), 1), sent(progress("agreed"))])
    for found in broker.events("pilots.receipts.demo.v1")[-2:]:
        [problem] = found["data"]["problems"]
        assert (problem["rule"], problem["action"]) == ("pilot.not-carried-out", "retry")
    await engine.records([said(launched(), 2), early, sent(progress("late"))])
    assert receipts(broker)[1:] == [("early", "refused"), ("agreed", "refused"), ("late", "reported")]
    assert len(facts(broker, "progress-registered")) == 1


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
    assert receipts(broker) == [("demo-1", "registered"), ("demo-1", "accepted")]


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
    assert (row["id"], row["due_at"], (await doc(engine)).due) == (PILOT, None, None)
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
