"""Who is proposed for a case, and who can be assigned: one rule, so the two never differ."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from contracts.event import Actor
from contracts.expertise import ExpertAssignedV1
from contracts.reference import OrganisationId, Role, Verdict
from contracts.steps import Absence, DeclaredConflict
from deploy.samples.expertise import APPEALS, CHAIR, INTAKE, OPERATOR, REMARKS, entry, opened
from services.expertise.domain.commands import Assign, Confirm, Dismiss, HandOver
from services.expertise.domain.expert import Expert, Known
from services.expertise.domain.state import STAFFING
from services.expertise.proposals import Candidate, Piece, propose, spread
from services.law.decision import Refusal
from tests.effort import examples
from tests.kit.expertise.play import FIRST, OUTSIDE, SECOND, Play

INSIDE = ("700000112", "700000125", "700000138")
"""Organisations that take part in the application: initiator, customer, executor."""
CANDIDATE = "e-x"
ACTING = (OPERATOR, Actor(id=CHAIR.id, role=Role.OPERATOR))
"""An operator, and one who as an approver has dismissed conflicts."""


def organisations(*numbers: str) -> tuple[OrganisationId, ...]:
    """Organisations by their numbers."""
    return tuple(OrganisationId(scheme="BY-UNP", value=number) for number in numbers)


def fresh() -> Play:
    """A case that looks for two experts."""
    return Play(APPEALS).open()


def half() -> Play:
    """One expert is on it."""
    return fresh().seat(FIRST)


def full() -> Play:
    """Both experts are on it, and neither has given an opinion: another can only take over."""
    return half().seat(SECOND)


def repeat() -> Play:
    """The second round, in which those who judged the first may not judge again."""
    play = Play(APPEALS).concluded(verdict=Verdict.NEGATIVE, remarks=REMARKS)
    play.do(opened(submission=2), INTAKE)
    return play


WAYS = {"fresh": fresh, "half": half, "full": full, "repeat": repeat}
days = st.integers(-3, 3)
numbers = st.sampled_from((*OUTSIDE[:2], *INSIDE))
entries = st.fixed_dictionaries(
    {
        "number": numbers,
        "affiliated": st.lists(numbers, max_size=1),
        "interests": st.lists(numbers, max_size=1),
        "active": st.booleans(),
        "capacity": st.integers(0, 3),
        "absence": st.none() | st.tuples(days, days),
    }
)


PLAIN: dict[str, Any] = {
    "number": OUTSIDE[0],
    "affiliated": [],
    "interests": [],
    "active": True,
    "capacity": 3,
    "absence": None,
}
"""An entry that nothing speaks against."""


def whole(one: Expert, load: int) -> Candidate:
    """An expert whose whole load the caller sees."""
    return Candidate(Known(one, load), load)


def candidate(said: dict[str, Any], today: date) -> Expert:
    """An expert's entry as it was drawn."""
    absences = tuple(
        Absence(since=today + timedelta(days=min(span)), until=today + timedelta(days=max(span)))
        for span in [said["absence"]]
        if span is not None
    )
    return entry(
        CANDIDATE,
        said["number"],
        affiliated=organisations(*said["affiliated"]),
        interests=organisations(*said["interests"]),
        active=said["active"],
        capacity=said["capacity"],
        absences=absences,
    )


def on_record(play: Play, id_: str, what: str) -> None:
    """What was decided before on an expert's conflicts, if anything can be."""
    try:
        if what in ("declared", "confirmed"):
            play.do(DeclaredConflict(expert_id=id_, text="Есть связь."), OPERATOR)
        if what == "confirmed":
            play.do(Confirm(expert_id=id_, why="Да."), CHAIR)
        if what == "dismissed":
            play.do(Dismiss(expert_id=id_, why="Нет."), CHAIR)
    except Refusal:
        return


@pytest.mark.parametrize("way", WAYS)
def test_an_expert_is_proposed_as_free_exactly_when_assigning_succeeds(way: str) -> None:
    met = set[bool]()

    @examples(80, suppress_health_check=list(HealthCheck))
    @given(
        said=entries,
        load=st.integers(0, 3),
        id_=st.sampled_from((CANDIDATE, FIRST, SECOND)),
        before=st.sampled_from(("nothing", "declared", "confirmed", "dismissed")),
        acting=st.sampled_from(ACTING),
    )
    @example(said=PLAIN, load=0, id_=CANDIDATE, before="nothing", acting=OPERATOR)
    @example(said={**PLAIN, "active": False}, load=0, id_=CANDIDATE, before="nothing", acting=OPERATOR)
    def check(said: dict[str, Any], load: int, id_: str, before: str, acting: Actor) -> None:
        play = WAYS[way]()
        play.entries[id_] = candidate(said, play.now.date()).model_copy(update={"expert_id": id_})
        play.loads[id_] = load
        on_record(play, id_, before)
        [proposal] = propose(
            play.case, APPEALS.edition("by-2024"), [whole(play.entries[id_], load)], acting.id, play.now
        )
        assert proposal.shown("be")["free"] is assigned(play, id_, acting)
        met.add(not proposal.against)

    check()
    assert met == {True, False}, "experts of both sorts were drawn"


def assigned(play: Play, id_: str, acting: Actor) -> bool:
    """Whether the expert can be put on the case: on a free place, or instead of one who gave no opinion yet."""
    case = play.case
    assert case.status in STAFFING
    taken = [place.expert for place in case.active() if not place.opinions]
    free = len(case.seated) < case.needed
    command = (
        Assign(expert_id=id_)
        if free
        else HandOver(expert_id=next(one for one in taken if one != id_ or len(taken) == 1), to=id_, why="Так.")
    )
    try:
        facts = play.do(command, acting)
    except Refusal:
        return False
    return any(isinstance(fact, ExpertAssignedV1) and fact.expert_id == id_ for fact in facts)


def test_what_stands_in_the_way_is_said_by_the_rules_of_the_refusals_in_their_words() -> None:
    play = fresh()
    away = Absence(since=play.now.date(), until=play.now.date())
    known = whole(entry(CANDIDATE, INSIDE[2], active=False, absences=(away,), capacity=1), 1)
    [proposal] = propose(play.case, APPEALS.edition("by-2024"), [known], OPERATOR.id, play.now)
    shown = proposal.shown("be")
    assert shown["against"] == ["expert.inactive", "expert.absent", "expert.at-capacity", "conflict.found"]
    assert [one["rule"] for one in shown["reasons"]] == shown["against"]
    assert all(one["message"] == one["message_be"] != one["rule"] for one in shown["reasons"])
    assert [one["rule"] for one in shown["conflicts"]] == ["conflict.same-organisation"]
    play.entries[CANDIDATE], play.loads[CANDIDATE] = known.known.entry, known.known.load
    assert play.refused(Assign(expert_id=CANDIDATE)).rule == shown["against"][0]


def test_a_spread_gives_a_case_only_to_whom_an_assignment_would_be_given() -> None:
    play = half()
    edition = APPEALS.edition("by-2024")
    barred, free = entry("e-barred", INSIDE[2]), entry("e-free", OUTSIDE[2])
    piece = Piece("p-1", 1, play.case, edition)
    known = [whole(barred, 0), whole(free, 2)]
    [move] = spread([piece], known, OPERATOR.id, play.now, competent_only=True)
    assert move.to == free.expert_id
    [stays] = spread([piece], known[:1], OPERATOR.id, play.now, competent_only=True)
    assert (stays.to, dict(stays.against)) == (None, {"conflict.found": 1})
    play.entries |= {barred.expert_id: barred, free.expert_id: free}
    play.do(HandOver(expert_id=FIRST, to=free.expert_id, why="Отпуск."), OPERATOR)
    assert play.refused(HandOver(expert_id=free.expert_id, to=barred.expert_id, why="Так.")).rule == "conflict.found"
    assert play.refused(HandOver(expert_id=free.expert_id, to=free.expert_id, why="Так.")).rule == "expert.on-the-case"


def test_a_load_that_the_caller_does_not_see_bars_as_an_assignment_does_and_ranks_nobody() -> None:
    """One expert has two cases, both hidden from the caller; another has two, one of which the caller sees."""
    play, edition = half(), APPEALS.edition("by-2024")
    full, room = entry("e-full", OUTSIDE[1], capacity=2), entry("e-room", OUTSIDE[2], capacity=3)
    experts = [Candidate(Known(full, 2), 0), Candidate(Known(room, 2), 1)]
    shown = propose(play.case, edition, experts, OPERATOR.id, play.now)
    assert [(one.expert_id, one.load, [two.rule for two in one.against]) for one in shown] == [
        ("e-room", 1, []),
        ("e-full", 0, ["expert.at-capacity"]),
    ]
    assert shown[1].rank < shown[0].rank, "by what the caller sees, who is full would have been the better one"
    pieces = [Piece(name, 1, play.case, edition) for name in ("p-1", "p-2")]
    one, other = spread(pieces, experts, OPERATOR.id, play.now, competent_only=True)
    assert (one.to, other.to, dict(other.against)) == ("e-room", None, {"expert.at-capacity": 2})
    play.entries |= {"e-full": full, "e-room": room}
    play.loads |= {"e-full": 2, "e-room": 2}
    assert play.refused(HandOver(expert_id=FIRST, to="e-full", why="Отпуск.")).rule == "expert.at-capacity"
    play.do(HandOver(expert_id=FIRST, to="e-room", why="Отпуск."), OPERATOR)
