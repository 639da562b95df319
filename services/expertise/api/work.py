"""The work on cases: claimed, staffed, judged, asked about, concluded, appealed against; many assigned at once."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from contracts.event import Contract
from contracts.expertise import Closure
from contracts.forms import ETAG, as_number
from contracts.reference import Role
from contracts.steps import (
    Appeal,
    AppealDecision,
    Assignment,
    DeclaredConflict,
    Ending,
    Handover,
    Opinion,
    Question,
    Reason,
    TermExtension,
    WrittenConclusion,
)
from contracts.text import line
from services.chassis.body import Body
from services.chassis.hand import Hand, hand
from services.chassis.numbered import pilots_of
from services.chassis.web import EngineOf
from services.expertise.api.access import (
    Approver,
    Expert,
    ExpertPath,
    Operator,
    act,
)
from services.expertise.api.answers import Assigned
from services.expertise.domain import commands
from services.expertise.domain.state import KIND
from services.expertise.sight import sight

Either = Annotated[Hand, Depends(hand(Role.OPERATOR, Role.APPROVER))]
OperatorOrExpert = Annotated[Hand, Depends(hand(Role.OPERATOR, Role.EXPERT))]


class BulkItem(Assignment):
    """One case of many: as it was seen, and for whom."""

    # The step, with what stands in the path and in If-Match where a case is assigned alone.

    pilot: Annotated[str, Field(min_length=1, max_length=128), line()]
    etag: str = Field(pattern=ETAG)

    @property
    def rev(self) -> int:
        """The revision that the ETag names."""
        return int(self.etag.strip('W/"'))


class Bulk(Contract):
    """Assignments of many cases."""

    # Not in contracts.steps: a way of sending steps over HTTP; what is recorded is each assignment by itself.

    items: tuple[BulkItem, ...] = Field(min_length=1, max_length=500)


def add(router: APIRouter) -> None:
    """Every command on a case."""
    _claiming(router)
    _assigning(router)
    _bulk(router)
    _conflicts(router)
    _judging(router)
    _asking(router)
    _concluding(router)
    _appealing(router)


def _claiming(router: APIRouter) -> None:
    @router.post("/reviews/{pilot}/claim", tags=["work"])
    async def claim(pilot: str, by: Operator) -> Response:
        """The operator takes the case in hand (взять в работу)."""
        return await act(by, pilot, commands.Claim())

    @router.post("/reviews/{pilot}/release", tags=["work"])
    async def release(pilot: str, body: Body[commands.Unclaim], by: Either) -> Response:
        """The case goes back to the queue: by its operator, or by an approver when that one is away."""
        return await act(by, pilot, body)


def _assigning(router: APIRouter) -> None:
    @router.post("/reviews/{pilot}/assignments", tags=["work"])
    async def assign(pilot: str, body: Body[Assignment], by: Operator) -> Response:
        """Assigns an expert (назначить эксперта); refused with what stands in the way."""
        return await act(by, pilot, commands.Assign.made_of(body))

    @router.post("/reviews/{pilot}/assignments/{expert}/release", tags=["work"])
    async def release(pilot: str, expert: ExpertPath, body: Body[Reason], by: Operator) -> Response:
        """Takes an assignment back from an expert who has given no opinion."""
        return await act(by, pilot, commands.Release.made_of(body, expert_id=expert))

    @router.post("/reviews/{pilot}/assignments/{expert}/handover", tags=["work"])
    async def hand_over(pilot: str, expert: ExpertPath, body: Body[Handover], by: Operator) -> Response:
        """Gives one expert's assignment to another (передать)."""
        return await act(by, pilot, commands.HandOver.made_of(body, expert_id=expert))

    @router.post("/reviews/{pilot}/acceptance", tags=["work"])
    async def accept(pilot: str, by: Expert) -> Response:
        """The expert takes the assignment (согласие эксперта)."""
        return await act(by, pilot, commands.AcceptAssignment())

    @router.post("/reviews/{pilot}/decline", tags=["work"])
    async def decline(pilot: str, body: Body[commands.Decline], by: Expert) -> Response:
        """The expert does not take the assignment, or gives it back (отказ эксперта)."""
        return await act(by, pilot, body)


def _bulk(router: APIRouter) -> None:
    @router.post("/assignments", tags=["work"], response_model=Assigned)
    async def assign_many(body: Body[Bulk], by: Operator, engine: EngineOf) -> dict[str, list[dict[str, Any]]]:
        """Assigns experts to many cases, with an answer for each: what cannot be done is in nobody's way. Sent again
        with the same Idempotency-Key it gives the same answers."""
        numbers = {one.pilot: number for one in body.items if (number := as_number(one.pilot))}
        found = await pilots_of(engine.store, numbers.values())
        ids = {named: found.get(number, named) for named, number in numbers.items()}
        wanted = [(ids.get(one.pilot, one.pilot), one.rev, commands.Assign.made_of(one)) for one in body.items]
        return {"items": await assign_all(by, wanted)}


async def assign_all(by: Hand, wanted: list[tuple[str, int, Any]]) -> list[dict[str, Any]]:
    """Commands to many cases, those that the caller may not see answered as if they did not exist.

    Raises Problematic like `Hand.give_many`.
    """
    given = await by.give_many(wanted, KIND, sees=sight(by.caller).sees)
    return [{"pilot": one["subject"], **{k: v for k, v in one.items() if k != "subject"}} for one in given]


def _conflicts(router: APIRouter) -> None:
    @router.post("/reviews/{pilot}/conflicts", tags=["conflicts"])
    async def declare(pilot: str, body: Body[DeclaredConflict], by: OperatorOrExpert) -> Response:
        """Declares a conflict of interest: of any expert by an operator, of oneself by an expert."""
        return await act(by, pilot, body)

    @router.post("/reviews/{pilot}/conflicts/{expert}/dismissal", tags=["conflicts"])
    async def dismiss(pilot: str, expert: ExpertPath, body: Body[Reason], by: Approver) -> Response:
        """A second person finds an expert's conflicts to be false alarms."""
        return await act(by, pilot, commands.Dismiss.made_of(body, expert_id=expert))

    @router.post("/reviews/{pilot}/conflicts/{expert}/confirmation", tags=["conflicts"])
    async def confirm(pilot: str, expert: ExpertPath, body: Body[Reason], by: Approver) -> Response:
        """An expert's conflicts are real: the expert leaves the case."""
        return await act(by, pilot, commands.Confirm.made_of(body, expert_id=expert))


def _judging(router: APIRouter) -> None:
    @router.post("/reviews/{pilot}/opinion", tags=["work"])
    async def opinion(pilot: str, body: Body[Opinion], by: Expert) -> Response:
        """The assigned expert's opinion (мнение эксперта), or a new version of it."""
        return await act(by, pilot, body)


def _asking(router: APIRouter) -> None:
    @router.post("/reviews/{pilot}/requests", tags=["work"])
    async def ask(pilot: str, body: Body[Question], by: Operator) -> Response:
        """Asks the applicant for information (запрос сведений)."""
        return await act(by, pilot, body)

    @router.post("/reviews/{pilot}/requests/{request}/cancellation", tags=["work"])
    async def cancel(pilot: str, request: Annotated[str, Path(max_length=60)], by: Operator) -> Response:
        """Does without the answers."""
        return await act(by, pilot, commands.CancelRequest(request))

    @router.post("/reviews/{pilot}/extensions", tags=["work"])
    async def extend(pilot: str, body: Body[TermExtension], by: Operator) -> Response:
        """Extends a term within what the edition allows (продлить срок)."""
        return await act(by, pilot, body)


def _concluding(router: APIRouter) -> None:
    @router.post("/reviews/{pilot}/return", tags=["work"])
    async def give_back(pilot: str, body: Body[Ending], by: Operator) -> Response:
        """Ends the review: the application goes back with coded reasons (вернуть)."""
        return await act(by, pilot, commands.EndWithout.made_of(body, outcome=Closure.RETURNED))

    @router.post("/reviews/{pilot}/refusal", tags=["work"])
    async def refuse(pilot: str, body: Body[Ending], by: Operator) -> Response:
        """Ends the review: the application is refused with coded reasons (отказать)."""
        return await act(by, pilot, commands.EndWithout.made_of(body, outcome=Closure.REFUSED))

    @router.post("/reviews/{pilot}/conclusion", tags=["work"])
    async def conclude(pilot: str, body: Body[WrittenConclusion], by: Operator) -> Response:
        """Writes the conclusion (проект заключения) for a second person to approve."""
        return await act(by, pilot, body)

    @router.post("/reviews/{pilot}/conclusion/approval", tags=["work"])
    async def approve(pilot: str, by: Approver) -> Response:
        """The second person approves the conclusion; it gets its number in a moment."""
        return await act(by, pilot, commands.Approve())

    @router.post("/reviews/{pilot}/conclusion/sending-back", tags=["work"])
    async def send_back(pilot: str, body: Body[commands.SendBack], by: Approver) -> Response:
        """The second person sends the draft back (на доработку)."""
        return await act(by, pilot, body)


def _appealing(router: APIRouter) -> None:
    @router.post("/reviews/{pilot}/appeal", tags=["work"])
    async def appeal(pilot: str, body: Body[Appeal], by: Operator) -> Response:
        """Opens an appeal against the conclusion (обжалование)."""
        return await act(by, pilot, body)

    @router.post("/reviews/{pilot}/appeal/decision", tags=["work"])
    async def decide(pilot: str, body: Body[AppealDecision], by: Approver) -> Response:
        """Decides the appeal, by others than those who made the conclusion."""
        return await act(by, pilot, body)
