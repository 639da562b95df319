"""The life of a pilot after the conclusion, as the demo and the tests carry it through: council to scaling.

Officials enter their steps over HTTP, each in a role of its own; the executor reports on the agency's own topic. All
persons and organisations are fictional.
"""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx

from contracts.agency import CompletionReportedV1, ResultReportedV1
from contracts.event import SPECVERSION, agency_source, wire_moment
from contracts.reference import Effectiveness, Expediency, Role
from deploy.cli.desk import Desk
from deploy.cli.publishing import publish

CLINIC: Final[dict[str, Any]] = {
    "id": {"scheme": "BY-UNP", "value": "790000016"},
    "name": "Поликлиника № 0 города Примерска",
}
DEVELOPER: Final[dict[str, Any]] = {"id": {"scheme": "BY-UNP", "value": "790000029"}, "name": "ООО «Пример-Разработка»"}
INDICATOR: Final = "days-to-report"
COMMITTED: Final = 11_000_001
"""Kopecks that the agreement commits: they cannot be split by its shares without a remainder."""
SHARES: Final = (("health", 7_500), ("public-administration", 2_500))
MEMBERS: Final = tuple(f"member-{n}" for n in range(1, 10))
"""Nobody's names: opaque ids of a commission of nine."""
STEPS: Final[Mapping[str, str]] = {
    "expediency-decision": Role.COUNCIL_SECRETARY,
    "scaling-decision": Role.COUNCIL_SECRETARY,
    "agreement": Role.REGISTRAR,
    "launch": Role.REGISTRAR,
    "commission": Role.HEAD_ORGANISATION,
    "effectiveness-proposal": Role.HEAD_ORGANISATION,
    "judgement": Role.COMMISSION_SECRETARY,
}
"""Who enters what."""


def today() -> date:
    """The day in the zone of the edition, which is not always that of this machine."""
    return datetime.now(ZoneInfo("Europe/Minsk")).date()


def card(desk: Desk, pilot: str, stage: str | None = None) -> httpx.Response:
    """The pilot's card, once it is there (at a stage). Raises Complaint."""

    def there(answer: httpx.Response) -> bool:
        return answer.status_code == 200 and stage in (None, answer.json()["stage"])

    return desk.ask("registry", f"/v1/pilots/{pilot}", Role.REGISTRAR, there)


def basis(body: str, kind: str, number: str) -> dict[str, str]:
    """A document of today."""
    return {"body": body, "kind": kind, "number": number, "date": today().isoformat()}


COUNCIL: Final = ("Совет по проектам", "протокол", "Д-1")
PARTIES: Final = ("Стороны", "договор", "Д-2")
HEAD: Final = ("Головная организация", "приказ", "Д-3")
MINUTES: Final = ("Комиссия", "протокол", "Д-4")


def step(desk: Desk, pilot: str, name: str, said: Mapping[str, Any], document: tuple[str, str, str]) -> None:
    """One step of the pilot's life on a document, in the role that it belongs to. Raises Complaint."""
    etag = card(desk, pilot).headers["ETag"]
    desk.do("registry", f"/v1/pilots/{pilot}/{name}", STEPS[name], {**said, "basis": basis(*document)}, etag)


def agreement(customer: Mapping[str, Any] = CLINIC) -> dict[str, Any]:
    """What executor and customer agree on: an indicator, money by source and year, shares of two sectors."""
    return {
        "customer": customer,
        "executor": DEVELOPER,
        "programme": "Стенд, одно отделение, вся поликлиника.",
        "starts": today().isoformat(),
        "until": (today() + timedelta(days=240)).isoformat(),
        "indicators": [
            {"code": INDICATOR, "title": "Срок описания снимка", "unit": "дни", "baseline": "5", "target": "1"}
        ],
        "costs": [{"source": "own-money", "year": 2027, "amount_minor": COMMITTED, "currency": "BYN"}],
        "sector_shares": [{"sector": sector, "basis_points": points} for sector, points in SHARES],
        "region": "minsk",
    }


def launched(desk: Desk, pilot: str, customer: Mapping[str, Any] = CLINIC) -> None:
    """From the council's table to the first day of carrying out; returns when intake takes the executor's reports."""
    card(desk, pilot, "council")
    step(desk, pilot, "expediency-decision", {"decision": Expediency.EXPEDIENT}, COUNCIL)
    step(desk, pilot, "agreement", {"agreement": agreement(customer)}, PARTIES)
    step(desk, pilot, "launch", {"started": today().isoformat()}, PARTIES)
    path = f"/v1/applications/{pilot}"
    desk.ask("intake", path, Role.OFFICER, lambda a: bool((a.json().get("carrying_out") or {}).get("reporting")))


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


def value(said: str) -> dict[str, str]:
    """The agreed indicator as it was measured today."""
    return {"indicator": INDICATOR, "value": said, "measured": today().isoformat()}


def report(desk: Desk, agency: str, *events: Mapping[str, Any]) -> None:
    """The executor's reports, on the agency's own topic with the agency's own user."""
    asyncio.run(publish(desk.logins[agency], {agency: events}))
    for one in events:
        desk.say(f"{agency}: {one['type'].split('.', 2)[2]} on its Kafka topic")


def measured(desk: Desk, agency: str, pilot: str) -> int:
    """The executor's first result; how far the register says that the pilot has come, in percent. Raises Complaint."""
    report(desk, agency, event(agency, pilot, ResultReportedV1.TYPE, {"values": [value("3")]}))

    def known(answer: httpx.Response) -> bool:
        return any(one["percent"] is not None for one in answer.json()["items"])

    found = desk.ask("registry", f"/v1/pilots/{pilot}/results", Role.REGISTRAR, known)
    return int(found.json()["items"][0]["percent"])


def finished(desk: Desk, agency: str, pilot: str) -> None:
    """The executor reports the end, the target being reached."""
    said = {"finished": today().isoformat(), "summary": "Цель достигнута.", "values": [value("1")]}
    report(desk, agency, event(agency, pilot, CompletionReportedV1.TYPE, said))
    card(desk, pilot, "finished")


def judged(desk: Desk, pilot: str, criteria: Sequence[str]) -> None:
    """The commission is named, the head organisation proposes, the commission judges the pilot effective."""
    values = [{"criterion": one, "value": 4, "reason": "По отчётам исполнителя."} for one in criteria]
    said = {"outcome": Effectiveness.EFFECTIVE, "text": "Показатель достигнут.", "values": values}
    step(desk, pilot, "commission", {"members": MEMBERS, "secretary": "secretary-1"}, HEAD)
    step(desk, pilot, "effectiveness-proposal", said, HEAD)
    votes = {"in_favour": 7, "against": 1, "abstained": 0}
    step(desk, pilot, "judgement", {**said, "present": MEMBERS[:8], "votes": votes}, MINUTES)


def effectiveness(desk: Desk, edition: str = "by-2024") -> list[str]:
    """The criteria that effectiveness is judged by."""
    answer = desk.call("GET", "intake", f"/v1/editions/{edition}", Role.OPERATOR).json()
    return [entry["code"] for entry in answer["effectiveness"]["entries"]]
