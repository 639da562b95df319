"""What is answered to who publishes: of each event one verdict, alone or as a part of a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from contracts.agency import ReceiptOutcome
from contracts.reference import Problem
from contracts.words import Language
from services.chassis.described import ProblemDocument
from services.chassis.hand import REPLAYED
from services.chassis.problems import Problematic, answer
from services.chassis.problems import document as problem_document
from services.chassis.subject import Absent, Broken, Claimed, Conflict, Document, Duplicate, Outcome
from services.chassis.web import not_found
from services.intake.door import owner
from services.intake.following import Receipt, receipt

AGAIN_AFTER: Final = "2"
"""Seconds after which what is not saved may be sent again."""
PROBLEMS_TOLD: Final = 5_000
"""So many problems are told in the answer to a batch, as many of each of its events; the receipt of each has all of its
own (technical: a thousand events may have a hundred thousand together, 30 MB of them)."""
SIMILAR: Final = "/v1/similar"
"""Where the register tells which pilots an application is like."""


class Verdict(StrEnum):
    """What became of an event: taken; the same as one that was taken before; its id stands for another event; refused
    for its faults; not saved now, and to be sent again."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


class Item(BaseModel):
    """What became of one event of a batch. `status` is what it would have been answered by itself, `receipt` what is
    saved of it, and `problem` why nothing is. Of the problems of the receipt there may be `more_problems`, which
    `GET /v1/receipts/{event_id}` has as well: all together tell 5,000, each event as many, the blocking ones first."""

    index: int = Field(ge=0)
    event_id: str | None
    verdict: Verdict
    status: int
    action: Literal["fix", "retry"] | None
    receipt: Receipt | None
    problem: ProblemDocument | None
    more_problems: int = Field(ge=0)


class Links(BaseModel):
    """Where more is told: paths of the register."""

    similar: str = SIMILAR


class Verdicts(BaseModel):
    """What became of each event of a batch, in their order, and how many there were of each verdict."""

    items: list[Item]
    counts: dict[Verdict, int]


class RehearsedVerdicts(Verdicts):
    """What would become of each event of a batch."""

    links: Links


class Rehearsed(Receipt):
    """What would become of an event. Its number is not drawn."""

    links: Links


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one event: its verdict, and the receipt of what is saved, or the problem for which nothing is."""

    event_id: str | None
    verdict: Verdict
    receipt: Receipt | None = None
    rev: int = 0
    problem: Problematic | None = None
    again: bool = False
    more_problems: int = 0

    @property
    def status(self) -> int:
        """The status by which it is answered alone."""
        if self.problem is not None:
            return self.problem.status
        return 201 if self.verdict is Verdict.ACCEPTED else 200


def told_of_each(events: int) -> int:
    """How many problems are told of each event of a batch of so many."""
    return PROBLEMS_TOLD // max(1, events)


def judged(
    agency: str, event_id: str, outcome: Outcome, found: Document | None, most: int = PROBLEMS_TOLD
) -> Judgement:
    """What is answered for an outcome of the engine, with so many problems at most."""
    if isinstance(outcome, Conflict):
        return Judgement(event_id, Verdict.CONFLICT, problem=Problematic(409, "id.reused"))
    if isinstance(outcome, Absent):
        return Judgement(event_id, Verdict.REFUSED, problem=not_found())
    if isinstance(outcome, Broken) or found is None:
        return Judgement(event_id, Verdict.UNAVAILABLE, problem=Problematic(500, "engine.broken"))
    again = isinstance(outcome, Duplicate)
    try:
        return _received(receipt_of(found, agency, event_id), found.rev, most, again=again)
    except Problematic as gone:
        return Judgement(event_id, Verdict.DUPLICATE if again else Verdict.UNAVAILABLE, problem=gone)


def _received(said: Receipt, rev: int, most: int, *, again: bool) -> Judgement:
    short, more = said, max(0, len(said.problems) - most)
    if more:
        first = sorted(said.problems, key=lambda one: one.severity != "block")[:most]
        short = said.model_copy(update={"problems": tuple(first)})
    if said.outcome is ReceiptOutcome.REFUSED:
        return Judgement(said.event_id, Verdict.REFUSED, short, rev, _refused(said.problems, short), again, more)
    verdict = Verdict.DUPLICATE if again else Verdict.ACCEPTED
    return Judgement(said.event_id, verdict, short, rev, again=again, more_problems=more)


def _refused(problems: Sequence[Problem], said: Receipt) -> Problematic:
    blocking = [one for one in problems if one.severity == "block"]  # the others are only told
    actions = {one.action for one in blocking}
    return Problematic(
        422,
        "event.refused",
        action="retry" if actions == {"retry"} else "fix",
        # The problems are those of the receipt, word for word: by either door they are the same.
        extra=said.model_dump(mode="json", exclude={"status"}),
        count=len(blocking),
    )


def receipt_of(found: Document, agency: str, event_id: str) -> Receipt:
    """What a pilot says of an event of its agency. Raises Problematic 404, and 410 for one whose outcome is kept in the
    receipts topic alone."""
    said = receipt(found, event_id)
    if said is None and key_of(agency, event_id) in found.ids:
        raise Problematic(410, "receipt.gone")
    if said is None:
        raise Problematic(404, "receipt.unknown", action="retry")
    return said


def key_of(agency: str, event_id: str) -> str:
    """The key of the claim of an agency's event."""
    return Claimed(owner(agency), event_id, "").key


# ---- answers


def alone(one: Judgement, language: Language, links: Links | None = None) -> Response:
    """The answer to an event that came alone; with `links` it is the answer of a rehearsal."""
    more = {} if links is None else {"links": links.model_dump()}
    headers = _headers(one) if links is None else {}
    if one.problem is not None:
        one.problem.extra |= more
        one.problem.headers = {**(one.problem.headers or {}), **headers}
        return answer(one.problem, language)
    assert one.receipt is not None
    status = one.status if links is None else 200
    return JSONResponse({**one.receipt.model_dump(mode="json"), **more}, status, headers=headers)


def _headers(one: Judgement) -> dict[str, str]:
    if one.receipt is None:
        return {}
    headers = {"ETag": f'"{one.rev}"', "Location": f"/v1/receipts/{quote(one.receipt.event_id, safe='')}"}
    return {**headers, REPLAYED: "true"} if one.again else headers


def together(some: Sequence[Judgement], language: Language, links: Links | None = None) -> Response:
    """The answer to a batch: 207, for each of its events has a status of its own. 503 where not one could be saved."""
    if some and all(one.problem is not None and one.problem.status == 503 for one in some):
        raise Problematic(503, "store.away", action="retry", headers={"Retry-After": AGAIN_AFTER})
    counts = {one: sum(other.verdict is one for other in some) for one in Verdict}
    body: dict[str, Any] = {"items": [_item(*one, language) for one in enumerate(some)], "counts": counts}
    return JSONResponse(body if links is None else {**body, "links": links.model_dump()}, 207)


def _item(index: int, one: Judgement, language: Language) -> Mapping[str, Any]:
    problem = None if one.problem is None or one.receipt is not None else problem_document(one.problem, language)
    return {
        "index": index,
        "event_id": one.event_id,
        "verdict": one.verdict,
        "status": one.status,
        "action": one.problem.action if one.problem else None,
        "receipt": one.receipt.model_dump(mode="json") if one.receipt else None,
        "problem": problem,
        "more_problems": one.more_problems,
    }
