"""Who could review a case (подбор экспертов): ranked, with every reason for and against. Pure.

The reasons against are those for which an assignment would be refused: it is the same function that is asked, with the
same load. An expert's place among the others goes by what the caller may see.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from contracts.rules import Edition
from contracts.words import Language, problem_of
from services.chassis.problems import told
from services.expertise.domain import conflict
from services.expertise.domain.expert import Expert, Known
from services.expertise.domain.staffing import obstacles, unavailable
from services.expertise.domain.state import Case
from services.law.decision import Refusal

Rank = tuple[bool, Fraction, int, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An expert who may be proposed: `known` has the whole load, by which an assignment is decided; `seen` is so much
    of it as the caller may see, by which the experts are ranked and which is shown."""

    known: Known
    seen: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """An expert for a case. `against`: why the expert cannot be assigned now, as an assignment would be refused."""

    expert_id: str
    competent: bool
    load: int
    capacity: int
    rank: Rank
    against: tuple[Refusal, ...]

    def shown(self, language: Language) -> dict[str, Any]:
        """As an operator sees it, each reason in the words of its rule."""
        return {
            "expert_id": self.expert_id,
            "free": not self.against,
            "competent": self.competent,
            "load": self.load,
            "capacity": self.capacity,
            "against": [one.rule for one in self.against],
            "reasons": [told(problem_of("/expert_id", one.rule, one.values), language) for one in self.against],
            "conflicts": [told(one, language) for refusal in self.against for one in refusal.problems],
        }


def today(edition: Edition, now: datetime) -> date:
    """The day in the zone of an edition."""
    return now.astimezone(ZoneInfo(edition.zone)).date()


def propose(
    case: Case, edition: Edition, candidates: Iterable[Candidate], acting: str, now: datetime
) -> list[Proposal]:
    """Every one of these experts, the best first and those that cannot be assigned last; `acting` would assign."""
    day = today(edition, now)
    found = [_proposal(case, edition, one, acting, day) for one in candidates]
    return sorted(found, key=lambda one: (bool(one.against), one.rank))


def _proposal(case: Case, edition: Edition, candidate: Candidate, acting: str, day: date) -> Proposal:
    entry = candidate.known.entry
    return Proposal(
        expert_id=entry.expert_id,
        competent=_competent(case, entry),
        load=candidate.seen,
        capacity=entry.capacity,
        rank=_rank(case, candidate),
        against=tuple(obstacles(case, candidate.known, edition, day, acting)),
    )


def _rank(case: Case, candidate: Candidate) -> Rank:
    """Sorts the competent first, and of those who has the most room."""
    entry, load = candidate.known.entry, candidate.seen
    used = Fraction(load, entry.capacity) if entry.capacity else Fraction(1)
    return not _competent(case, entry), used, load, entry.expert_id


def _competent(case: Case, entry: Expert) -> bool:
    return case.application.sector in entry.competences


# ---- many cases at once


@dataclass(frozen=True, slots=True)
class Piece:
    """A case with the revision that was seen, and its edition."""

    pilot: str
    rev: int
    case: Case
    edition: Edition


@dataclass(frozen=True, slots=True)
class Move:
    """Where a case goes in a handover; `to` None: it stays, for these reasons with how many each of them bars."""

    pilot: str
    rev: int
    to: str | None
    against: Mapping[str, int]


def spread(
    pieces: Sequence[Piece], experts: Sequence[Candidate], acting: str, now: datetime, *, competent_only: bool
) -> list[Move]:
    """The best of these experts for each case; each case adds to a load, so that it is spread."""
    found = {one.known.entry.expert_id: one for one in experts}
    moves = list[Move]()
    for piece in pieces:
        best, against = _best(piece, found, acting, now, competent_only)
        moves.append(Move(piece.pilot, piece.rev, best, against))
        if best is not None:
            found[best] = _with_one_more(found[best])
    return moves


def _with_one_more(one: Candidate) -> Candidate:
    return Candidate(replace(one.known, load=one.known.load + 1), one.seen + 1)


def _best(
    piece: Piece, experts: Mapping[str, Candidate], acting: str, now: datetime, competent_only: bool
) -> tuple[str | None, Mapping[str, int]]:
    """Conflicts are looked for last: they cost the most, and the first expert without one is taken."""
    day, case = today(piece.edition, now), piece.case
    against = Counter[str]()
    free = list[Candidate]()
    for one in experts.values():
        reasons = [refusal.rule for refusal in unavailable(case, one.known, piece.edition, day, acting)]
        if competent_only and not _competent(case, one.known.entry):
            reasons.append("expert.not-competent")
        against.update(reasons)
        if not reasons:
            free.append(one)
    for one in sorted(free, key=lambda one: _rank(case, one)):
        seat = one.known.entry.seat()
        doubts = [refusal.rule for refusal in conflict.obstacles(seat, case, piece.edition, acting)]
        if not doubts:
            return seat.expert_id, {}
        against.update(doubts)
    return None, against
