"""Every list of the expertise is given by an index: read from the query planner, with some thousand cases."""

import itertools
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from services.chassis.store import open_client
from services.expertise.domain.state import View
from services.expertise.queries import FOR_EXPERTS
from tests.kit.expertise.world import EXPERTS, World, book, multiply
from tests.kit.people import Person
from tests.kit.watched import Watched, said

CASES = 2_000
A_OPERATOR = Person("operator-3", ("operator",))
AN_EXPERT = Person("expert-007", ("expert",))
BOTH = Person("expert-007", ("expert", "operator"))
FILTERS = (
    "",
    "sector=transport",
    "agency=agency-3",
    "kind=repeat",
    "round=2",
    "expert=expert-009",
    "status=to-approve",
    "number=ПП-2026-000777",
    "sector=health&agency=agency-5&status=with-experts",
)
BOARD = (
    "state=nearing",
    "state=breached",
    "state=suspended",
    "by=approver",
    "by=applicant&state=breached",
    "who=expert-007",
    "by=operator&who=operator-3",
)


@pytest.fixture(scope="module")
async def world(mongo_url: str) -> AsyncIterator[World]:
    """A service with some thousand cases, an archive among them, and a directory."""
    client, name = open_client(mongo_url), f"test_{uuid4().hex[:12]}"
    made = await World(Watched(client, name), book()).prepare()
    await multiply(made, CASES)
    for one in EXPERTS[:40]:
        await made.enter(one)
    team = {"name": "Группа", "members": ["operator-3", "operator-4"], "sectors": ["health"]}
    await made.ask("put", "/teams/one", Person("admin-1", ("admin",)), team)
    yield made
    await client.drop_database(name)
    client.close()


def _asked() -> list[tuple[Person, str]]:
    views = [("operator", A_OPERATOR, view) for view in (None, *View)]
    views += [("expert", AN_EXPERT, view) for view in (None, *FOR_EXPERTS)] + [("both", BOTH, View.MINE)]
    found = [
        (who, "/reviews?" + "&".join(part for part in (f"view={view}" if view else "", filters) if part))
        for (_, who, view), filters in itertools.product(views, FILTERS)
        if who is not AN_EXPERT or "expert=" not in filters
    ]
    found += [(A_OPERATOR, f"/board?{query}") for query in (*FILTERS, *BOARD)]
    found += [(A_OPERATOR, f"/reviews/counts?{query}") for query in FILTERS] + [(AN_EXPERT, "/reviews/counts")]
    found += [(who, f"/me/notices?{query}") for who in (A_OPERATOR, AN_EXPERT) for query in ("", "unread=true")]
    directory = ("/experts", "/experts?sector=health&active=true", "/experts?organisation=BY-UNP:1", "/teams")
    found += [(A_OPERATOR, path) for path in (*directory, "/board/experts", "/reviews/pilot-000001/proposals")]
    return found


async def test_no_list_is_sorted_in_memory_or_read_through_whole(world: World) -> None:
    store, seen = world.store, 0
    assert isinstance(store, Watched)
    for who, path in _asked():
        store.asked.clear()
        first = await world.get(path, who)
        if isinstance(first, dict) and first.get("next"):
            await world.get(f"{path}{'&' if '?' in path else '?'}after={first['next']}", who)
        for asked in list(store.asked):
            found = said(await store.plan_of(asked), "stage")
            assert not found & {"SORT", "COLLSCAN"}, (path, asked, found)
            assert "IXSCAN" in found or "COUNT_SCAN" in found or found <= {"EOF", "LIMIT"}, (path, found)
            seen += 1
    assert seen > len(_asked())


async def test_what_a_filter_leaves_out_is_told_by_the_index_alone(world: World) -> None:
    """So that a rare one among ten thousand costs a walk along the index, not a read of every case."""
    store = world.store
    assert isinstance(store, Watched)
    for query in ("kind=repeat", "round=2", "sector=transport&status=to-approve", "agency=agency-3"):
        for view in ("open", "near", "past", "mine", "team", "unclaimed", "waiting-applicant"):
            store.asked.clear()
            await world.get(f"/reviews?view={view}&{query}&limit=200", A_OPERATOR)
            asked = next(one for one in store.asked if one.get("limit") == 201)
            told = await store._db.command("explain", dict(asked), verbosity="executionStats")
            stats = told["executionStats"]
            assert stats["totalDocsExamined"] == stats["nReturned"], (view, query)


@pytest.mark.parametrize("who", [A_OPERATOR, BOTH], ids=["operator", "both"])
async def test_the_counts_of_a_filter_are_the_lengths_of_its_lists(world: World, who: Person) -> None:
    for query in ("sector=transport", "status=to-approve&kind=first", "agency=agency-3", "sector=none"):
        counts = await world.get(f"/reviews/counts?{query}", who)
        assert set(counts) == set(View)
        for view in ("open", "near", "past", "mine", "team", "unclaimed"):
            after, length = "", 0
            while after is not None:
                page = await world.get(
                    f"/reviews?view={view}&{query}&limit=200" + (f"&after={after}" if after else ""), who
                )
                after, length = page["next"], length + len(page["items"])
            assert counts[view] == {"count": min(length, 1000), "exact": length <= 1000}, (query, view)


async def test_the_planner_would_show_a_list_without_an_index(world: World) -> None:
    asked = {"find": "subjects", "filter": {"state.round": 1}, "sort": {"state.needed": 1}}
    assert isinstance(world.store, Watched)
    assert said(await world.store.plan_of(asked), "stage") >= {"SORT", "COLLSCAN"}


async def test_lists_agree_with_the_cases_themselves(world: World) -> None:
    """Each queue has exactly the cases whose own card says that they stand there."""
    whole: dict[str, set[str]] = {view: set() for view in ("open", "conflict", "suspended", "to-approve", "unclaimed")}
    for view, found in whole.items():
        after = ""
        while True:
            page = await world.get(f"/reviews?view={view}&limit=200{after}", A_OPERATOR)
            found |= {row["id"] for row in page["items"]}
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
    stored = await world.store.rows("subjects", {"kind": "pilot"}, sort=[("_id", 1)], limit=10_000)
    for view, found in whole.items():
        assert found == {row["_id"] for row in stored if view in row["state"]["views"]}, view
    assert len(whole["open"]) > CASES
