"""Whatever queue or board of the expertise is asked for, it finds what its caller may see and no more: pure."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pytest

from contracts.expertise import Conflict, ConflictKind
from contracts.reference import Role
from deploy.samples.common import NOW
from services.chassis.auth import Caller
from services.chassis.fold import state_json
from services.chassis.problems import Problematic
from services.chassis.store import Row
from services.expertise import queries, rows
from services.expertise.api.lists import need_own
from services.expertise.domain.parts import KnownConflict, PlaceStatus
from services.expertise.domain.state import Case, OwedBy, View
from services.expertise.queries import FOR_EXPERTS, BoardState, Debtor, Filters, Teams
from services.expertise.sight import Sight, sight
from tests.kit.asked import fits
from tests.kit.calendars import CALENDARS
from tests.kit.sides import CASE, ENTRY

LATER: Final = NOW + timedelta(days=1)


def case(*seated: str, against: Sequence[str] = ()) -> Case:
    """A case with these experts on it, hidden from some."""
    places = tuple(
        CASE.places[0].model_copy(
            update={"seat": ENTRY.model_copy(update={"expert_id": who}).seat(), "status": PlaceStatus.ACCEPTED}
        )
        for who in seated
    )
    conflicts = tuple(
        KnownConflict(
            expert_id=who, conflict=Conflict(kind=ConflictKind.DECLARED), found=NOW, raised_by="u-9", status="open"
        )
        for who in against
    )
    return CASE.model_copy(update={"places": places, "conflicts": conflicts})


CASES: Final = {
    "empty": case(),
    "mine": case("u-1"),
    "others": case("u-2"),
    "ours": case("u-1", "u-2"),
    "hidden": case("u-2", "u-3", against=["u-1"]),
    "hidden from its own": case("u-1", "u-2", against=["u-1"]),
    "hidden from another": case("u-1", "u-2", against=["u-2"]),
}
ROWS: Final[dict[str, Row]] = {
    name: {"_id": name, "kind": "pilot", "rev": 3, "state": state_json(one)} for name, one in CASES.items()
}
ROLES: Final = {
    "an expert": (Role.EXPERT,),
    "an operator": (Role.OPERATOR,),
    "an auditor": (Role.AUDITOR,),
    "an operator who is an expert, too": (Role.OPERATOR, Role.EXPERT),
}
EYES: Final = {name: sight(Caller("u-1", frozenset(some), None)) for name, some in ROLES.items()}
every_eyes = pytest.mark.parametrize("eyes", EYES.values(), ids=EYES.keys())
ALL_SEEING: Final = Sight("nobody", all_cases=True, hidden=frozenset())


def found(listing: queries.Listing) -> set[str]:
    return {name for name, one in ROWS.items() if fits(one, listing.query)}


def seen(eyes: Sight) -> set[str]:
    return {name for name, one in CASES.items() if eyes.sees(one)}


def on(who: str) -> set[str]:
    """The cases that somebody sits on."""
    return {name for name, one in ROWS.items() if who in one["state"]["seated"]}


def test_there_is_something_to_hide() -> None:
    assert seen(EYES["an operator"]) == {*CASES} - {"hidden", "hidden from its own"} == seen(EYES["an auditor"])
    assert seen(EYES["an expert"]) == {"mine", "ours", "hidden from another"}
    assert found(queries.cases(ALL_SEEING, None, Filters(), LATER, Teams())) == {*CASES}
    assert {"hidden", "mine"} <= found(queries.cases(ALL_SEEING, View.OPEN, Filters(), LATER, Teams()))


@every_eyes
@pytest.mark.parametrize("view", [None, *View])
@pytest.mark.parametrize("expert", [None, "u-1", "u-2"])
def test_a_queue_holds_what_stands_in_it_and_may_be_seen(eyes: Sight, view: View | None, expert: str | None) -> None:
    asked = Filters(expert=expert)
    there = found(queries.cases(eyes, view, asked, LATER, Teams(members=("u-1", "u-2"), sectors=("health",))))
    assert there <= seen(eyes)
    if view in (View.MINE, View.TEAM):  # these depend on who asks
        return
    every = found(queries.cases(ALL_SEEING, view, asked, LATER, Teams())) & seen(eyes)
    every &= on(eyes.id) if view is not None and not eyes.all_cases else every
    every -= on(eyes.id) if eyes.expert and expert == "u-2" else set()
    assert there == every, "who sits on a case does not learn who else does"


@every_eyes
@pytest.mark.parametrize("state", [None, *BoardState])
@pytest.mark.parametrize("debtor", [Debtor(), Debtor(by="expert"), Debtor(who="u-1"), Debtor(who="u-2")], ids=str)
@pytest.mark.parametrize("expert", [None, "u-2"])
def test_the_board_holds_what_is_owed_in_what_may_be_seen(
    eyes: Sight, state: BoardState | None, debtor: Debtor, expert: str | None
) -> None:
    there = found(queries.board(eyes, debtor, state, Filters(expert=expert), LATER))
    every = found(queries.board(ALL_SEEING, debtor, state, Filters(expert=expert), LATER)) & seen(eyes)
    assert there == every - (on(eyes.id) if eyes.expert and "u-2" in (debtor.who, expert) else set())


@every_eyes
def test_what_an_expert_has_in_hand_is_told_of_what_may_be_seen(eyes: Sight) -> None:
    assert found(queries.work_of(ALL_SEEING, "u-2")) == on("u-2")
    assert found(queries.work_of(eyes, "u-2")) == on("u-2") & seen(eyes)


@every_eyes
def test_who_else_is_on_a_case_is_told_to_who_looks_after_all_and_sits_on_none(eyes: Sight) -> None:
    for name in seen(eyes):
        line = rows.case_row(ROWS[name], NOW, eyes, CALENDARS)
        assert ("experts" in line) is ("needed" in line) is (eyes.all_cases and name not in on("u-1"))


@every_eyes
def test_what_others_owe_on_ones_own_case_is_not_told(eyes: Sight) -> None:
    def experts(name: str, who: Sight) -> set[str]:
        owed = rows.case_row(ROWS[name], NOW, who, CALENDARS)["owed"]
        assert who.all_cases or {one["who"] for one in owed if one["by"] != OwedBy.APPLICANT} <= {who.id}
        return {one["who"] for one in owed if one["by"] == OwedBy.EXPERT}

    for name in seen(eyes):
        every = experts(name, ALL_SEEING)
        assert experts(name, eyes) == (every & {"u-1"} if name in on("u-1") else every)
    assert experts("ours", ALL_SEEING) == {"u-1", "u-2"}


@every_eyes
def test_an_expert_asks_for_the_own_queues_and_for_nobody_else(eyes: Sight) -> None:
    def refused(view: View | None, wanted: Filters) -> bool:
        try:
            need_own(eyes, view, wanted)
        except Problematic as error:
            assert error.status == 403
            return True
        return False

    assert {view for view in View if refused(view, Filters())} == (
        set() if eyes.all_cases else {*View} - {*FOR_EXPERTS}
    )
    assert refused(None, Filters(expert="u-2")) is not eyes.all_cases
    assert not refused(None, Filters(expert="u-1"))


@every_eyes
def test_who_sits_on_a_case_sees_it_as_an_expert_whatever_roles_else_there_are(eyes: Sight) -> None:
    for name in seen(eyes):
        assert eyes.as_expert(CASES[name]) is (not eyes.all_cases or name in on("u-1"))


def test_who_has_several_roles_sees_what_the_widest_opens() -> None:
    for roles, all_cases in (((Role.EXPERT,), False), ((Role.ADMIN, Role.EXPERT), False), ((Role.APPROVER,), True)):
        eyes = sight(Caller("u-1", frozenset(roles), None))
        assert (eyes.all_cases, eyes.expert) == (all_cases, Role.EXPERT in roles)
