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
from contracts.event import SPECVERSION, Actor, agency_source, wire_moment
from contracts.expertise import RequestOutcome
from contracts.reference import OnExpiry, RequestItem, Role, Verdict
from contracts.steps import ExpertEntry, Opinion, Question, Step, WrittenConclusion
from contracts.topics import EXPERTISE, INTAKE
from deploy.cli.desk import Desk
from deploy.complaint import Complaint
from deploy.samples import expertise as say
from deploy.samples.common import BOOK, EDITION, body
from services.expertise.domain.commands import AcceptAssignment, Approve, Assign
from services.expertise.domain.state import Status

SECTORS: Final = tuple(one.code for one in BOOK.edition(EDITION).sectors.entries)
LABORATORY: Final = "790000031"
OPERATOR, APPROVER = say.OPERATOR.id, say.APPROVER.id
"""Who prepares a case and who approves its conclusion, by their opaque ids."""
EXPERTS: Final = ("expert-17", "expert-23")
ITEM: Final = RequestItem(id="effect", text="Как будет измерен эффект?", field="expected_effect")
PATHS: Final[Mapping[type, str]] = {
    Assign: "assignments",
    AcceptAssignment: "acceptance",
    Opinion: "opinion",
    Question: "requests",
    WrittenConclusion: "conclusion",
    Approve: "conclusion/approval",
}
"""Where each step is entered."""


def enter_expert(desk: Desk, expert: str, *, organisation: str = LABORATORY, capacity: int = 500) -> None:
    """An expert's entry in the directory; one that is there stays as it is. Raises Complaint."""
    path = f"/v1/experts/{expert}"
    if desk.call("GET", EXPERTISE, path, Role.OPERATOR).status_code == 200:
        return
    entered = say.entry(expert, organisation, competences=SECTORS, capacity=capacity)
    answer = desk.call("PUT", EXPERTISE, path, Role.OPERATOR, body=body(ExpertEntry.made_of(entered)))
    if answer.is_error:
        raise Complaint(f"The expert was refused: {answer.text[:500]}")


def criteria(desk: Desk, edition: str = EDITION) -> list[str]:
    """The criteria that an opinion scores, as the edition says them."""
    answer = desk.call("GET", INTAKE, f"/v1/editions/{edition}", Role.OPERATOR).json()
    return [entry["code"] for entry in answer["criteria"]["entries"]]


def opinion(codes: Sequence[str], verdict: Verdict = Verdict.POSITIVE) -> dict[str, Any]:
    """An opinion as it is entered, with the same value for every criterion."""
    said = say.opinion(verdict, 4 if verdict is Verdict.POSITIVE else 1)
    scores = [{"criterion": code, "value": said.scores[0].value, "reason": said.scores[0].reason} for code in codes]
    return {**body(said), "scores": scores}


def etag(desk: Desk, pilot: str) -> str:
    """The case as it stands now."""
    return desk.ask(EXPERTISE, f"/v1/reviews/{pilot}", Role.OPERATOR, found).headers["ETag"]


def found(answer: httpx.Response) -> bool:
    """Whether it is there yet."""
    return answer.status_code == 200


def act(desk: Desk, pilot: str, command: object, who: Actor) -> None:
    """One step on a case, by the person whose it is. Raises Complaint."""
    said = body(command) if isinstance(command, Step) else None
    path = f"/v1/reviews/{pilot}/{PATHS[type(command)]}"
    desk.do(EXPERTISE, path, who.role, said, etag(desk, pilot), sub=who.id)


def lead(desk: Desk, pilot: str, to: Status) -> None:
    """What people do to bring a case to a status from the one before. Raises Complaint."""
    for command, who in say.steps(to, EXPERTS):
        act(desk, pilot, command, who)


def claim(desk: Desk, pilot: str) -> None:
    """The operator takes the case in hand. Raises Complaint."""
    desk.do(EXPERTISE, f"/v1/reviews/{pilot}/claim", Role.OPERATOR, None, etag(desk, pilot), sub=OPERATOR)


def review(
    desk: Desk,
    pilot: str,
    *,
    before_opinions: Callable[[], None] = lambda: None,
    verdict: Verdict = Verdict.POSITIVE,
) -> httpx.Response:
    """A whole expertise with two experts and a second pair of eyes; the card with the numbered conclusion."""
    seat(desk, pilot)
    before_opinions()
    return judge(desk, pilot, verdict)


def seat(desk: Desk, pilot: str) -> None:
    """The operator takes the case in hand, and two experts accept to judge it. Raises Complaint."""
    for expert in EXPERTS:
        enter_expert(desk, expert)
    claim(desk, pilot)
    lead(desk, pilot, Status.WITH_EXPERTS)


def judge(desk: Desk, pilot: str, verdict: Verdict = Verdict.POSITIVE) -> httpx.Response:
    """From the opinions to the numbered conclusion; the card with it. Raises Complaint."""
    said = opinion(criteria(desk), verdict)
    for expert in EXPERTS:
        desk.do(EXPERTISE, f"/v1/reviews/{pilot}/opinion", Role.EXPERT, said, etag(desk, pilot), sub=expert)
    conclude(desk, pilot, verdict=verdict)
    path = f"/v1/reviews/{pilot}"
    return desk.ask(EXPERTISE, path, Role.OPERATOR, lambda a: a.json().get("status") == Status.CONCLUDED)


def conclude(desk: Desk, pilot: str, **other: Any) -> None:
    """The conclusion, written by the operator and approved by another person."""
    act(desk, pilot, say.conclusion(**other), say.OPERATOR)
    lead(desk, pilot, Status.NUMBERING)


def ask_applicant(desk: Desk, pilot: str, *, on_expiry: OnExpiry = OnExpiry.DECIDE) -> str:
    """A request for one item that opens one field of the application; the request's id."""
    act(desk, pilot, say.question((ITEM,), on_expiry), say.OPERATOR)
    card = desk.call("GET", EXPERTISE, f"/v1/reviews/{pilot}", Role.OPERATOR).json()
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
            "answers": [{"item": ITEM.id, "text": "По журналу поликлиники.", "value": effect}],
        },
    }


def ask_and_answer(
    desk: Desk, pilot: str, agency: str, send: Callable[[Mapping[str, Sequence[Mapping[str, Any]]]], Awaitable[None]]
) -> None:
    """The operator asks, the clock stops; the agency answers on its topic, the clock runs again."""
    request = ask_applicant(desk, pilot)
    path = f"/v1/reviews/{pilot}"
    waiting = desk.call("GET", EXPERTISE, f"{path}/clock", Role.OPERATOR).json()
    desk.say(f"the clock while the applicant is asked: {waiting['state']}")
    desk.ask(INTAKE, f"/v1/applications/{pilot}", Role.OFFICER, lambda a: request in a.text)
    asyncio.run(_sent(send({agency: [clarification(agency, pilot, request)]})))
    desk.say(f"{agency}: clarification-provided.v1 on its Kafka topic")
    desk.ask(EXPERTISE, path, Role.OPERATOR, lambda a: a.json()["requests"][-1]["outcome"] == RequestOutcome.ANSWERED)
    runs = desk.call("GET", EXPERTISE, f"{path}/clock", Role.OPERATOR).json()
    desk.say(f"the clock after the answer: {runs['state']}, {runs['left']} days left")


async def _sent(sending: Awaitable[None]) -> None:
    await sending
