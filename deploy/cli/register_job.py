"""The life of a pilot after the conclusion, as the demo and the tests carry it through: council to scaling.

Officials enter their steps over HTTP, each in a role of its own; the executor reports on the agency's own topic. All
persons and organisations are fictional.
"""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx

from contracts.agency import CompletionReportedV1, ResultReportedV1
from contracts.event import SPECVERSION, agency_source, wire_moment
from contracts.reference import IndicatorValue, Party, Role
from contracts.steps import (
    AgreementEntry,
    Commission,
    EarlyStop,
    ExpediencyDecision,
    Judgement,
    Launch,
    PilotSuspension,
    Proposal,
    Results,
    ScalingDecision,
    Step,
)
from contracts.topics import INTAKE, REGISTRY
from deploy.cli.desk import Desk
from deploy.cli.publishing import publish
from deploy.samples import registry as say
from deploy.samples.common import basis, body, party
from services.registry.domain.stages import Stage

AT_CLINIC: Final = party("790000016", "Поликлиника № 0 города Примерска")
BY_DEVELOPER: Final = party("790000029", "ООО «Пример-Разработка»")
CLINIC: Final = body(AT_CLINIC)
DEVELOPER: Final = body(BY_DEVELOPER)
COMMITTED: Final = 11_000_001
"""Kopecks that an agreement commits, if nothing else is said: its shares cannot split them without a remainder."""
SHARES: Final = {"health": 7_500, "public-administration": 2_500}
STEPS: Final[Mapping[type[Step], tuple[str, Role]]] = {
    ExpediencyDecision: ("expediency-decision", Role.COUNCIL_SECRETARY),
    ScalingDecision: ("scaling-decision", Role.COUNCIL_SECRETARY),
    AgreementEntry: ("agreement", Role.REGISTRAR),
    Launch: ("launch", Role.REGISTRAR),
    PilotSuspension: ("suspension", Role.REGISTRAR),
    EarlyStop: ("early-stop", Role.REGISTRAR),
    Commission: ("commission", Role.HEAD_ORGANISATION),
    Proposal: ("effectiveness-proposal", Role.HEAD_ORGANISATION),
    Judgement: ("judgement", Role.COMMISSION_SECRETARY),
}
"""Where each step is entered, and by whom."""


def today() -> date:
    """The day in the zone of the edition, which is not always that of this machine."""
    return datetime.now(ZoneInfo("Europe/Minsk")).date()


def card(desk: Desk, pilot: str, stage: str | None = None) -> httpx.Response:
    """The pilot's card, once it is there (at a stage). Raises Complaint."""

    def there(answer: httpx.Response) -> bool:
        return answer.status_code == 200 and stage in (None, answer.json()["stage"])

    return desk.ask(REGISTRY, f"/v1/pilots/{pilot}", Role.REGISTRAR, there)


def step(desk: Desk, pilot: str, said: Step) -> None:
    """One step of the pilot's life, in the role that it belongs to. Raises Complaint."""
    path, role = STEPS[type(said)]
    etag = card(desk, pilot).headers["ETag"]
    desk.do(REGISTRY, f"/v1/pilots/{pilot}/{path}", role, body(said), etag)


def lead(desk: Desk, pilot: str, to: Stage) -> None:
    """What officials enter to bring a pilot to a stage from the one before. Raises Complaint."""
    for said in say.steps(to, today()):
        assert isinstance(said, Step)
        step(desk, pilot, said)


def agreement(
    customer: Mapping[str, Any] | Party = AT_CLINIC,
    executor: Party = BY_DEVELOPER,
    shares: Mapping[str, int] = SHARES,
    committed: int = COMMITTED,
) -> AgreementEntry:
    """What executor and customer agree on: an indicator, money by source and year, shares of two sectors."""
    found = say.agreed(
        customer=customer,
        executor=executor,
        starts=today(),
        until=today() + timedelta(days=240),
        costs=(say.cost(committed, year=2027),),
        sector_shares=say.shares(**shares),
    )
    return AgreementEntry(agreement=found, basis=basis(today()))


def launched(
    desk: Desk,
    pilot: str,
    customer: Mapping[str, Any] | Party = AT_CLINIC,
    executor: Party = BY_DEVELOPER,
    shares: Mapping[str, int] = SHARES,
    committed: int = COMMITTED,
) -> None:
    """From the council's table to the first day of carrying out; returns when intake takes the executor's reports."""
    card(desk, pilot, Stage.COUNCIL)
    lead(desk, pilot, Stage.EXPEDIENT)
    step(desk, pilot, agreement(customer, executor, shares, committed))
    lead(desk, pilot, Stage.RUNNING)
    path = f"/v1/applications/{pilot}"
    desk.ask(INTAKE, path, Role.OFFICER, lambda a: bool((a.json().get("carrying_out") or {}).get("reporting")))


def event(agency: str, pilot: str, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What an agency says of a pilot of its own."""
    return {
        "specversion": SPECVERSION,
        "id": f"{agency}-{uuid.uuid4().hex[:12]}",
        "source": agency_source(agency),
        "type": kind,
        "subject": pilot,
        "time": wire_moment(datetime.now(UTC)),
        "data": dict(data),
    }


def value(said: str) -> IndicatorValue:
    """The agreed indicator as it was measured today."""
    return say.value(said, today())


def report(desk: Desk, agency: str, *events: Mapping[str, Any]) -> None:
    """The executor's reports, on the agency's own topic with the agency's own user."""
    asyncio.run(publish(desk.logins[agency], {agency: events}))
    for one in events:
        desk.say(f"{agency}: {one['type'].split('.', 2)[2]} on its Kafka topic")


def measured(desk: Desk, agency: str, pilot: str) -> int:
    """The executor's first result; how far the register says that the pilot has come, in percent. Raises Complaint."""
    report(desk, agency, event(agency, pilot, ResultReportedV1.TYPE, body(Results(values=(value("3"),)))))

    def known(answer: httpx.Response) -> bool:
        return any(one["percent"] is not None for one in answer.json()["items"])

    found = desk.ask(REGISTRY, f"/v1/pilots/{pilot}/results", Role.REGISTRAR, known)
    return int(found.json()["items"][0]["percent"])


def finished(desk: Desk, agency: str, pilot: str) -> None:
    """The executor reports the end, the target being reached."""
    said = say.complete(today(), value("1"))
    report(desk, agency, event(agency, pilot, CompletionReportedV1.TYPE, body(said)))
    card(desk, pilot, Stage.FINISHED)


def judged(desk: Desk, pilot: str) -> None:
    """The commission is named, the head organisation proposes, the commission judges the pilot effective."""
    lead(desk, pilot, Stage.AT_COMMISSION)
    lead(desk, pilot, Stage.EFFECTIVE)
