"""The directory of experts over HTTP, their personal data, and the handover of everything that one has in hand."""

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from contracts.forms import ORGANISATION
from contracts.reference import OrganisationId, Role
from contracts.rules import RuleBook
from contracts.steps import Erasure, ExpertEntry, HandoverOf, Person
from contracts.text import sought
from contracts.words import Language, say
from services.chassis.answers import Named
from services.chassis.body import Body
from services.chassis.engine import Engine
from services.chassis.hand import Hand
from services.chassis.persons import ErasureDone, kept, saved
from services.chassis.problems import Problematic, language_of
from services.chassis.store import SUBJECTS, Row
from services.chassis.web import PAGE, After, EngineOf, Limit, card, document
from services.expertise import queries, rows
from services.expertise.api import persons
from services.expertise.api.access import AnOperator, ExpertPath, Operator, Overseer
from services.expertise.api.answers import ExpertLine, HandedOver, KnownExpert
from services.expertise.api.directory import active_experts, candidates, named_experts
from services.expertise.api.lists import loads, paged
from services.expertise.api.work import assign_all
from services.expertise.domain.commands import HandOver
from services.expertise.domain.expert import KIND, EnterExpert, Expert, subject_of
from services.expertise.domain.state import Case
from services.expertise.proposals import Candidate, Move, Piece, spread
from services.expertise.sight import Sight, sight

HANDOVERS: Final = "handovers"
"""What was planned under an Idempotency-Key, so that a resend does the same and not something further."""
MOST_CASES: Final = 500


def add(router: APIRouter, rules: RuleBook) -> None:
    """`/experts`."""
    _directory(router)
    _persons(router)
    _handover(router, rules)


def _directory(router: APIRouter) -> None:
    @router.get("/experts", tags=["directory"])
    async def experts(
        engine: EngineOf,
        caller: Overseer,
        sector: Annotated[str | None, Query(max_length=60), sought(60)] = None,
        active: bool | None = None,
        organisation: Annotated[str | None, Query(max_length=101, pattern=ORGANISATION)] = None,
        after: After = None,
        limit: Limit = PAGE,
    ) -> Named[ExpertLine]:
        """The directory, for operators with names. `organisation` is a scheme and a number, e.g. `BY-UNP:790000031`."""
        asked = queries.experts(sector, active, _organisation(organisation))
        found = await paged(engine.store, asked, after=after, limit=limit, show=rows.expert_row)
        named = await persons.names(engine, caller, {"experts": [one["id"] for one in found.items]})
        return Named[Any](items=found.items, next=found.next, persons=named)

    @router.get("/experts/{expert}", tags=["directory"], response_model=KnownExpert)
    async def expert(expert: ExpertPath, engine: EngineOf, caller: Overseer) -> Response:
        """One expert's entry with the load; the person's name and contact for operators alone."""
        found = await document(engine, subject_of(expert), KIND)
        assert isinstance(found.state, Expert)
        known = await loads(engine.store, sight(caller), [expert])
        shown = {"id": expert, **found.state.model_dump(mode="json", exclude={"organisations"}), "load": known[expert]}
        if Role.OPERATOR in caller.roles:
            shown["person"] = await kept(engine.store, expert)
        return card(shown, found.rev)

    @router.put("/experts/{expert}", tags=["directory"])
    async def enter(expert: ExpertPath, body: Body[ExpertEntry], by: Operator) -> Response:
        """Enters an expert or changes the entry; every case that the expert is on is checked against it."""
        return await by.put(subject_of(expert), EnterExpert(expert, body))


def _organisation(text: str | None) -> OrganisationId | None:
    if text is None:
        return None
    scheme, _, value = text.partition(":")
    return OrganisationId.model_construct(scheme=scheme, value=value)


def _persons(router: APIRouter) -> None:
    @router.put("/experts/{expert}/person", tags=["personal data"], response_model=Person)
    async def save(expert: ExpertPath, body: Body[Person], engine: EngineOf, _caller: AnOperator) -> Response:
        """Saves an expert's name and contact."""
        await document(engine, subject_of(expert), KIND)
        return await saved(engine, expert, body)

    @router.post("/experts/{expert}/person/erasure", tags=["personal data"])
    async def erase(expert: ExpertPath, body: Body[Erasure], by: Operator) -> ErasureDone:
        """Erases an expert's name and contact for good, on the document that asks for it; the entry stays, inactive.
        Safe to repeat."""
        return await persons.erase(by, expert, body)


# ---- handing over everything at once


def _handover(router: APIRouter, rules: RuleBook) -> None:
    @router.post("/experts/{expert}/handover", tags=["work"], response_model=HandedOver)
    async def hand_over(expert: ExpertPath, body: Body[HandoverOf], by: Operator) -> dict[str, Any]:
        """Hands over every case in which the expert owes an opinion, each to whom it fits best, the load spread.

        At most 500 cases at once; `more` says whether there are further ones. What was planned stays the plan of
        its Idempotency-Key: sent again, it gives the same answers.
        """
        # The expert's entry is another document than the cases: whoever is in no directory has no work to hand over.
        await document(by.engine, subject_of(expert), KIND)
        plan, looked_at = await _plan(by, expert, body, rules)
        moving = [move for move in plan["moves"] if move["to"] is not None]
        wanted = [
            (move["pilot"], move["rev"], HandOver.made_of(body, expert_id=expert, to=move["to"])) for move in moving
        ]
        answers = await assign_all(by, wanted)
        moved = [
            {"to": move["to"], **{k: v for k, v in answer.items() if k != "done"}}
            for move, answer in zip(moving, answers, strict=True)
            if answer["done"]
        ]
        stayed = await _unplaced(by, plan["moves"], looked_at)
        stayed += [
            {"pilot": one["pilot"], "why": one["problem"]["detail"], "problem": one["problem"]}
            for one in answers
            if not one["done"]
        ]
        return {"moved": moved, "stayed": stayed, "more": plan["more"]}


async def _unplaced(by: Hand, moves: Sequence[Mapping[str, Any]], looked_at: Collection[str]) -> list[dict[str, Any]]:
    """The cases that nobody can take, of those that the caller may see: no command tells of them. Those that were just
    looked at for the plan are not looked at again; those of a plan from before are."""
    left, language = [move for move in moves if move["to"] is None], language_of(by.request.headers)
    seen = {*looked_at, *await _seen(by, [move["pilot"] for move in left if move["pilot"] not in looked_at])}
    return [
        {"pilot": move["pilot"], "why": _why(move["against"], language), "against": move["against"]}
        for move in left
        if move["pilot"] in seen
    ]


async def _seen(by: Hand, pilots: Sequence[str]) -> list[str]:
    """Those of these cases that the caller may see."""
    eyes, loaded = sight(by.caller), await by.engine.documents(pilots) if pilots else {}
    return [pilot for pilot, found in loaded.items() if isinstance(found.state, Case) and eyes.sees(found.state)]


def _why(against: Mapping[str, int], language: Language) -> str:
    """Why nobody can take a case: how many experts each rule bars."""
    if not against:
        return say("handover.nobody", language)
    reasons = [f"{reason}: {count}" for reason, count in sorted(against.items())]
    return say("handover.all-barred", language, {"reasons": reasons})


async def _plan(by: Hand, expert: str, body: HandoverOf, rules: RuleBook) -> tuple[Row, Collection[str]]:
    """Which case goes to whom: made once for an Idempotency-Key, and kept before anything is done. With it, the cases
    that were looked at for it now.

    To plan, all cases are read beside each other, as for a list; no command is decided by that look. Each command then
    loads its own case once, and whether the caller may see it is decided there. Raises Problematic 400 without a key,
    409 for a key that was used for something else, 422 for unknown experts.
    """
    if not by.key:
        raise Problematic(400, "idempotency-key.missing")
    key = hashlib.sha256(f"{by.caller.id}\0{by.key}".encode()).hexdigest()[:40]
    content = await by.content()
    found, looked_at = await by.engine.store.get(HANDOVERS, key), frozenset[str]()
    if found is None:
        moves, more = await _moves(by.engine, sight(by.caller), expert, body.to, rules)
        shown = [{"pilot": one.pilot, "rev": one.rev, "to": one.to, "against": _stored(one.against)} for one in moves]
        row = {"_id": key, "digest": content, "expert": expert, "moves": shown, "more": more, "at": by.engine.now()}
        looked_at = frozenset(one.pilot for one in moves)
        await by.engine.store.put_new(HANDOVERS, [row])
        found = await by.engine.store.get(HANDOVERS, key)
    assert found is not None
    if found["digest"] != content:
        raise Problematic(409, "idempotency-key.reused")
    return {**found, "moves": [{**one, "against": dict(one["against"])} for one in found["moves"]]}, looked_at


def _stored(against: Mapping[str, int]) -> list[list[Any]]:
    """As pairs: a key of a stored document had better hold no dot."""
    return [[reason, count] for reason, count in sorted(against.items())]


async def _moves(
    engine: Engine, eyes: Sight, expert: str, to: Sequence[str] | None, rules: RuleBook
) -> tuple[list[Move], bool]:
    asked = queries.work_of(eyes, expert)
    listed = await engine.store.rows(
        SUBJECTS, asked.query, sort=asked.order, limit=MOST_CASES + 1, fields=["rev"], hint=asked.index
    )
    loaded = await engine.documents([row["_id"] for row in listed[:MOST_CASES]])
    pieces = [
        Piece(row["_id"], found.rev, found.state, rules.edition(found.state.edition))
        for row in listed[:MOST_CASES]
        if isinstance((found := loaded[row["_id"]]).state, Case)
    ]
    among = await _candidates(engine, eyes, expert, to)
    moves = await asyncio.to_thread(spread, pieces, among, eyes.id, engine.now(), competent_only=to is None)
    return moves, len(listed) > MOST_CASES


async def _candidates(engine: Engine, eyes: Sight, expert: str, to: Sequence[str] | None) -> list[Candidate]:
    if to is None:
        found, _ = await active_experts(engine.store, eyes)
        return [one for one in found if one.known.entry.expert_id != expert]
    entries = await named_experts(engine, to)
    if unknown := [one for one in to if one not in entries or one == expert]:
        raise Problematic(422, "expert.unknown", experts=unknown)
    return await candidates(engine.store, eyes, list(entries.values()))
