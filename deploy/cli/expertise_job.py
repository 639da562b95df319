"""The expertise as the demo and the tests carry it through: experts, a request to the applicant, opinions, conclusion.

Everything goes through HTTP with the roles' own tokens, the applicant's answer through the agency's own topic. All
persons and organisations are fictional.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from contracts.agency import ClarificationProvidedV1
from contracts.event import SPECVERSION, agency_source, wire_moment
from contracts.expertise import RequestOutcome
from contracts.reference import OnExpiry, Role, Verdict
from deploy.cli.desk import Desk
from deploy.complaint import Complaint

LABORATORY: Final = "790000031"
EXPERTS: Final = ("expert-17", "expert-23")
OPERATOR: Final = "operator-5"
APPROVER: Final = "approver-2"
POSITIVE: Final[Mapping[str, object]] = {
    "verdict": Verdict.POSITIVE,
    "text": "Целесообразно испытать на одном районе.",
}


def enter_expert(desk: Desk, expert: str, *, organisation: str = LABORATORY, capacity: int = 500) -> None:
    """An expert's entry in the directory; one that is there stays as it is. Raises Complaint."""
    path = f"/v1/experts/{expert}"
    if desk.call("GET", "expertise", path, Role.OPERATOR).status_code == 200:
        return
    body = {
        "edition": "by-2024",
        "organisation": {"scheme": "BY-UNP", "value": organisation},
        "competences": ["health", "transport"],
        "capacity": capacity,
    }
    answer = desk.call("PUT", "expertise", path, Role.OPERATOR, body=body)
    if answer.is_error:
        raise Complaint(f"The expert was refused: {answer.text[:500]}")


def criteria(desk: Desk, edition: str = "by-2024") -> list[str]:
    """The criteria that an opinion scores."""
    answer = desk.call("GET", "intake", f"/v1/editions/{edition}", Role.OPERATOR).json()
    return [entry["code"] for entry in answer["criteria"]["entries"]]


def opinion(codes: Sequence[str], value: int = 4, **other: object) -> dict[str, object]:
    """An opinion with the same value for every criterion."""
    scores = [{"criterion": code, "value": value, "reason": "По представленным материалам."} for code in codes]
    return {**POSITIVE, "scores": scores, **other}


def etag(desk: Desk, pilot: str) -> str:
    """The case as it stands now."""
    return desk.ask("expertise", f"/v1/reviews/{pilot}", Role.OPERATOR, found).headers["ETag"]


def found(answer: httpx.Response) -> bool:
    """Whether it is there yet."""
    return answer.status_code == 200


def review(desk: Desk, pilot: str, *, before_opinions: Callable[[], None] = lambda: None) -> httpx.Response:
    """A whole expertise with two experts and a second pair of eyes; the card with the numbered conclusion."""
    path = f"/v1/reviews/{pilot}"
    for expert in EXPERTS:
        enter_expert(desk, expert)
    desk.do("expertise", f"{path}/claim", Role.OPERATOR, None, etag(desk, pilot), sub=OPERATOR)
    for expert in EXPERTS:
        body = {"expert_id": expert}
        desk.do("expertise", f"{path}/assignments", Role.OPERATOR, body, etag(desk, pilot), sub=OPERATOR)
        desk.do("expertise", f"{path}/acceptance", Role.EXPERT, None, etag(desk, pilot), sub=expert)
    before_opinions()
    codes = criteria(desk)
    for expert in EXPERTS:
        desk.do("expertise", f"{path}/opinion", Role.EXPERT, opinion(codes), etag(desk, pilot), sub=expert)
    conclude(desk, pilot)
    return desk.ask("expertise", path, Role.OPERATOR, lambda a: a.json().get("status") == "concluded")


def conclude(desk: Desk, pilot: str, **other: object) -> None:
    """The conclusion, written by the operator and approved by another person."""
    path = f"/v1/reviews/{pilot}"
    desk.do("expertise", f"{path}/conclusion", Role.OPERATOR, {**POSITIVE, **other}, etag(desk, pilot), sub=OPERATOR)
    desk.do("expertise", f"{path}/conclusion/approval", Role.APPROVER, None, etag(desk, pilot), sub=APPROVER)


def ask_applicant(desk: Desk, pilot: str, *, on_expiry: OnExpiry = OnExpiry.DECIDE) -> str:
    """A request for one item that opens one field of the application; the request's id."""
    item = {"id": "effect", "text": "Как будет измерен эффект?", "field": "expected_effect"}
    body = {"items": [item], "on_expiry": on_expiry}
    path = f"/v1/reviews/{pilot}"
    desk.do("expertise", f"{path}/requests", Role.OPERATOR, body, etag(desk, pilot), sub=OPERATOR)
    card = desk.call("GET", "expertise", path, Role.OPERATOR).json()
    return str(card["requests"][-1]["id"])


def clarification(agency: str, pilot: str, request: str, *, event_id: str | None = None) -> dict[str, Any]:
    """The applicant's answer, as the agency publishes it."""
    effect = "Срок описания снимка: сейчас 5 дней, станет 1 день; журнал поликлиники."
    return {
        "specversion": SPECVERSION,
        "id": event_id or f"{agency}-{uuid.uuid4().hex[:8]}",
        "source": agency_source(agency),
        "type": ClarificationProvidedV1.TYPE,
        "subject": pilot,
        "time": wire_moment(datetime.now(UTC)),
        "data": {
            "request": request,
            "answers": [{"item": "effect", "text": "По журналу поликлиники.", "value": effect}],
        },
    }


def ask_and_answer(
    desk: Desk, pilot: str, agency: str, send: Callable[[Mapping[str, Sequence[Mapping[str, Any]]]], Awaitable[None]]
) -> None:
    """The operator asks, the clock stops; the agency answers on its topic, the clock runs again."""
    request = ask_applicant(desk, pilot)
    path = f"/v1/reviews/{pilot}"
    waiting = desk.call("GET", "expertise", f"{path}/clock", Role.OPERATOR).json()
    desk.say(f"the clock while the applicant is asked: {waiting['state']}")
    desk.ask("intake", f"/v1/applications/{pilot}", Role.OFFICER, lambda a: request in a.text)
    asyncio.run(_sent(send({agency: [clarification(agency, pilot, request)]})))
    desk.say(f"{agency}: clarification-provided.v1 on its Kafka topic")
    desk.ask("expertise", path, Role.OPERATOR, lambda a: a.json()["requests"][-1]["outcome"] == RequestOutcome.ANSWERED)
    runs = desk.call("GET", "expertise", f"{path}/clock", Role.OPERATOR).json()
    desk.say(f"the clock after the answer: {runs['state']}, {runs['left']} days left")


async def _sent(sending: Awaitable[None]) -> None:
    await sending
