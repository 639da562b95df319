"""What an agency sends to intake, what the other services say, and what is there afterwards."""

import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from contracts.agency import (
    ApplicationResubmittedV1,
    ApplicationSubmittedV2,
    ApplicationWithdrawnV1,
    ClarificationProvidedV1,
)
from contracts.event import Actor
from contracts.expertise import (
    ConclusionIssuedV1,
    InformationRequestedV1,
)
from contracts.freeze import example
from contracts.reference import (
    OnExpiry,
    Remark,
    RequestItem,
    ReturnReason,
    Verdict,
)
from contracts.steps import AgencyEntry, ApplicationReturn, EditionFrom
from contracts.topics import agency_topic, fact_topic
from services.chassis.engine import Engine
from services.chassis.subject import Claimed, Document, Done, Input, Outcome, Record
from services.intake.domain.state import Pilot, pilot_id
from tests.kit.engine.tiny import START, Broker, wire

OFFICER = Actor(id="u-2001", role="officer")
PILOT = pilot_id("demo", "demo-1")
NOWHERE = "0b6c2ecb-7a8b-5c1e-9a52-0123456789ab"
RETURN = ApplicationReturn(reasons=(ReturnReason(code="documents-missing"),))
SENT_AT = "2026-03-02T08:00:00.000Z"
ITEMS = (RequestItem(id="why", text="Почему?"), RequestItem(id="end", text="Когда?", field="planned_end"))

Make = Callable[..., Engine]


Ask = Callable[..., Any]


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
    data = {**example(ApplicationSubmittedV2.TYPE)["data"], "own_number": f"{number}-04/2026", **changes}
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
