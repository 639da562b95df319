"""The measurement of the queues works, and what it measures is right: each view against a count over the made cases."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from bench import queue
from bench.cases import EDITION, OPERATORS, Made, cases, present, write_people
from bench.queue import Filled, filled, later, percentile, questions
from contracts.expertise import ReviewKind
from contracts.reference import Role
from deploy.local.backends import Backends
from services.chassis.store import Written
from services.expertise.domain.parts import PlaceStatus
from services.expertise.domain.state import Case, Status, View
from services.expertise.queries import FOR_EXPERTS

OPENED, CLOSED, EXPERTS = 320, 180, 30
TEAM = 0
MEMBERS = OPERATORS[:5]
SECTORS = frozenset(code for at, code in enumerate(EDITION.sectors.codes) if at % 4 == TEAM)
DONE = (Status.CONCLUDED, Status.CLOSED)


@pytest.fixture(scope="module")
async def made() -> list[Made]:
    """Filled by `running`."""
    return []


@pytest.fixture(scope="module")
async def running(backends: Backends, made: list[Made]) -> AsyncIterator[Filled]:
    async with filled(backends, OPENED, CLOSED, EXPERTS, made.append) as found:
        yield found


# ---- the same questions, asked of the cases themselves


def due(case: Case) -> datetime | None:
    """When the term that bounds the work runs out: of the one ledger that is open, not of the request's."""
    main = [one for one in case.terms if one.ledger.ended is None and one.kind != "clarification"]
    return main[0].clock.due_at if main else None


def nearing(case: Case) -> datetime | None:
    main = [one for one in case.terms if one.ledger.ended is None and one.kind != "clarification"]
    return main[0].clock.nearing_at if main else None


def opinions(case: Case) -> int:
    conflicted = {one.expert_id for one in case.conflicts if one.status != "dismissed"}
    return sum(1 for one in on_it(case) if one.opinions and one.expert not in conflicted)


def on_it(case: Case) -> list[Any]:
    return [one for one in case.places if one.status in (PlaceStatus.OFFERED, PlaceStatus.ACCEPTED)]


def sits(case: Case, expert: str) -> bool:
    return case.status not in DONE and any(one.expert == expert for one in on_it(case))


def gathering(case: Case) -> bool:
    return case.status in (Status.UNASSIGNED, Status.WITH_EXPERTS)


def near(case: Case, now: datetime) -> bool:
    ends, begins = due(case), nearing(case)
    return ends is not None and begins is not None and begins <= now < ends


def past(case: Case, now: datetime) -> bool:
    ends = due(case)
    return ends is not None and ends <= now


def of_team(case: Case) -> bool:
    return case.operator in MEMBERS or (case.operator is None and case.application.sector in SECTORS)


NAIVE: dict[View, Callable[[Case, datetime], bool]] = {
    View.OPEN: lambda _case, _now: True,
    View.UNASSIGNED: lambda case, _now: gathering(case) and len(on_it(case)) < case.needed,
    View.MINE: lambda case, _now: case.operator == OPERATORS[0],
    View.TEAM: lambda case, _now: of_team(case),
    View.WAITING_APPLICANT: lambda case, _now: any(one.outcome is None for one in case.requests),
    View.SECOND_OPINION: lambda case, _now: gathering(case) and 0 < opinions(case) < case.needed,
    View.NEAR: near,
    View.PAST: past,
    View.SUSPENDED: lambda case, _now: any(one.stopped_clock and one.outcome is None for one in case.requests),
    View.TO_CONCLUDE: lambda case, _now: not case.draft and not case.approved and opinions(case) >= case.needed,
    View.TO_APPROVE: lambda case, _now: case.draft is not None,
    View.CONFLICT: lambda case, _now: any(one.status == "open" for one in case.conflicts),
    View.APPEALED: lambda case, _now: any(one.outcome is None for one in case.appeals),
    View.UNCLAIMED: lambda case, _now: case.operator is None,
}


def naive(made: list[Made], fits: Callable[[Case, datetime], bool], expert: str | None = None) -> set[str]:
    """The open cases that fit; for an expert those that the expert sits on without a conflict."""
    now = datetime.now(UTC)
    found = {one.subject for one in made if one.case.status not in DONE and fits(one.case, now)}
    if expert is None:
        return found
    hidden = {one.subject for one in made if any(c.expert_id == expert for c in one.case.conflicts)}
    return {one.subject for one in made if one.subject in found - hidden and sits(one.case, expert)}


def listed(client: httpx.Client, params: dict[str, str], path: str = "/v1/reviews") -> list[str]:
    """Every id of a list, page by page."""
    found, after = list[str](), None
    for _ in range(1000):
        page = queue.answered(client, path, {**params, "limit": "20", **({"after": after} if after else {})})
        found += [item["id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            return found
    raise AssertionError(f"the list {params} has no end")


def test_the_made_cases_are_of_every_sort(made: list[Made], running: Filled) -> None:
    assert len(made) == OPENED + CLOSED
    assert sum(one.case.status in DONE for one in made) == CLOSED
    assert {one.case.status for one in made} >= set(Status) - {Status.APPEALED}
    assert {one.case.kind for one in made} == set(ReviewKind)
    assert {one.case.round for one in made} == {1, 2}
    assert len({one.case.application.sector for one in made}) == len(EDITION.sectors.codes)
    for view, fits in NAIVE.items():
        if view is not View.APPEALED:  # the edition knows no appeals
            assert len(naive(made, fits)) > 0, view


@pytest.mark.parametrize("view", View)
def test_every_view_lists_what_a_naive_count_says(made: list[Made], running: Filled, view: View) -> None:
    with running.client(Role.OPERATOR) as client:
        found = listed(client, {"view": str(view)})
    assert len(found) == len(set(found)), "no case comes twice"
    assert set(found) == naive(made, NAIVE[view])


@pytest.mark.parametrize("view", FOR_EXPERTS)
def test_every_view_of_an_expert_lists_the_experts_own_cases(made: list[Made], running: Filled, view: View) -> None:
    fits = NAIVE[View.OPEN if view is View.MINE else view]
    with running.client(Role.EXPERT) as client:
        found = listed(client, {"view": str(view)})
    assert sorted(found) == sorted(naive(made, fits, running.expert))


def test_every_filter_lists_what_a_naive_count_says(made: list[Made], running: Filled) -> None:
    asked = queue.filters(running.expert)
    fits: dict[str, Callable[[Case], bool]] = {
        "sector": lambda case: case.application.sector == asked["sector"]["sector"],
        "agency": lambda case: case.agency == asked["agency"]["agency"],
        "kind": lambda case: case.kind is ReviewKind.FIRST,
        "kind, rare": lambda case: case.kind is ReviewKind.REPEAT,
        "round": lambda case: case.round == 2,
        "expert": lambda case: sits(case, running.expert),
    }
    assert fits.keys() == asked.keys()
    with running.client(Role.OPERATOR) as client:
        for name, one in fits.items():
            expected = naive(made, lambda case, _now, fit=one: fit(case))  # type: ignore[misc]
            assert expected, name
            assert set(listed(client, {"view": "open", **asked[name]})) == expected, name
            assert set(listed(client, dict(asked[name]), "/v1/board")) == expected, name


def test_the_counts_are_those_of_a_naive_count(made: list[Made], running: Filled) -> None:
    with running.client(Role.OPERATOR) as client:
        counts = queue.answered(client, "/v1/reviews/counts", {})
    expected = {str(view): {"count": len(naive(made, fits)), "exact": True} for view, fits in NAIVE.items()}
    assert counts == expected


def test_a_later_page_is_none_where_the_list_ends_before(running: Filled) -> None:
    with running.client(Role.OPERATOR) as client:
        few = later(client, "/v1/reviews", {"view": "open", "limit": "50"}, 20)
        assert few is None, f"{OPENED} cases have no 20 pages of 50"
        page = later(client, "/v1/reviews", {"view": "open", "limit": "10"}, 20)
        assert page is not None
        first = queue.answered(client, "/v1/reviews", {"view": "open", "limit": "200"})["items"]
        assert queue.answered(client, "/v1/reviews", page)["items"] == first[190:200]


def test_the_percentile_is_what_95_of_100_do_not_exceed() -> None:
    assert percentile([n / 1000 for n in range(100, 0, -1)]) == 95
    assert percentile([0.007]) == 7


@pytest.mark.soak
async def test_the_measurement_asks_everything_and_says_how_it_compares(backends: Backends) -> None:
    found = await queue.run(backends, 60, 20, 20, experts=10)
    asked = {f"{role}: {name}" for role in (Role.OPERATOR, Role.EXPERT) for name, _, _ in questions(role, "expert-000")}
    assert asked <= found["p95_ms"].keys() == found["to_bare_find"].keys()
    assert (found["cases"], found["open"], found["closed"]) == (80, 60, 20)
    assert all(0 < value < 60_000 for value in found["p95_ms"].values())
    assert found["bare_find_p95_ms"] > 0


async def test_the_same_seed_makes_the_same_cases() -> None:
    class Nowhere:
        async def write(self, _folds: object) -> Written:
            return Written()

    now = present()
    known = await write_people(Nowhere(), now, 10)  # type: ignore[arg-type]
    first, second = ([(one.subject, one.case) for one in cases(10, 5, known, now)] for _ in range(2))
    assert first == second
