"""Who sees what over HTTP: a case that is hidden does not exist, and experts are blind until all opinions are in."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from services.chassis import store as store_module
from services.chassis.store import opened
from services.expertise.domain.state import View
from services.expertise.queries import FOR_EXPERTS
from tests.kit.engine.tiny import Commands, Hooked
from tests.kit.expertise.cases import AUDITOR, MANY, SECRET, TIE, UNKNOWN, Build, common, ids, with_secret
from tests.kit.expertise.world import AP, OP, OPERATOR, WHY, World, body_of, entry_of, expert, filled, opinion, routes
from tests.kit.people import Person

# ---- the conflict matrix

SECRET_WORDS = (SECRET, f"N-{SECRET}", "Тайный проект", "Тайное замечание")
FREE = expert("expert-a")
BARRED = {
    "with an open conflict": expert("expert-b"),
    "with a confirmed conflict": expert("expert-c"),
    "of the challenged round": expert("expert-d"),
    "of another case": expert("expert-e"),
    "an operator too, with a conflict": Person("expert-f", ("expert", "operator")),
    "an approver and auditor too, with a conflict": Person("expert-g", ("expert", "approver", "auditor")),
    "tied to a party by the own entry, never on the case": Person("tied-before", ("operator", "approver")),
    "tied by an entry that changed when the case was open": Person("tied-later", ("operator", "approver", "auditor")),
}


@pytest.fixture
async def worlds(build: Build) -> tuple[World, World]:
    """The same world without the secret case and with it."""
    both = await common(await build(MANY)), await with_secret(await common(await build(MANY)))
    for world in both:
        await world.enter("tied-later", **TIE)
    return both


NO_CASE = {
    "about no case": {
        ("get", "/experts"),
        ("get", "/experts/{expert}"),
        ("put", "/experts/{expert}"),
        ("put", "/experts/{expert}/person"),
        ("post", "/experts/{expert}/person/erasure"),
        ("get", "/teams"),
        ("get", "/teams/{code}"),
        ("put", "/teams/{code}"),
        ("get", "/me/person"),
        ("put", "/me/person"),
        ("delete", "/me/person"),
        ("post", "/persons/{person}/erasure"),
        ("get", "/persons/{person}/erasures"),
    },
    "lists of cases, counts, and what is done to many": {
        ("get", "/reviews"),
        ("get", "/reviews/counts"),
        ("get", "/board"),
        ("get", "/board/experts"),
        ("get", "/me/notices"),
        ("post", "/me/notices/read"),
        ("get", "/exports"),
        ("post", "/exports"),
        ("get", "/exports/{export}"),
        ("get", "/exports/{export}/file"),
        ("post", "/experts/{expert}/handover"),
        ("post", "/assignments"),
    },
}
"""Every route without a case in its path. One that is not here must name its case as `{pilot}`."""


async def test_every_route_is_about_one_case_or_is_classified(build: Build) -> None:
    found = {route for route in routes((await build()).app) if "{pilot}" not in route[1]}
    assert found == set().union(*NO_CASE.values())


def told(answer: httpx.Response, pilot: str) -> tuple[int, str, dict[str, str]]:
    """An answer, whichever case it is about."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("content-length", "date")}
    return answer.status_code, answer.text.replace(pilot, "<pilot>"), headers


async def walked(world: World, who: Person, pilot: str, number: str) -> dict[str, tuple[int, str, dict[str, str]]]:
    """What somebody is told by every route that is about one case."""
    found = {}
    named = {"expert": who.id, "request": "r2-1", "number": number, "code": "medics"}
    for method, path in routes(world.app):
        if "{pilot}" not in path and path != "/assignments":
            continue
        for etag, key in (('"1"', "k"), (None, None)):
            answer = await world.ask(
                method,
                filled(path, pilot=pilot, **named),
                who,
                body_of(path, pilot),
                etag=etag,
                key=key and f"{key}-{pilot}-{path}",
            )
            found[f"{method} {path} {etag}"] = told(answer, pilot)
    return found


async def test_a_case_that_is_hidden_cannot_be_told_from_one_that_does_not_exist(worlds: tuple[World, World]) -> None:
    world = worlds[1]
    number = (await world.get(f"/reviews/{SECRET}"))["conclusions"][0]["number"]
    before = await world.etag(SECRET)
    for barred, who in BARRED.items():
        secret, unknown = [await walked(world, who, pilot, number) for pilot in (SECRET, UNKNOWN)]
        for route, answer in secret.items():
            assert answer == unknown[route], (barred, route)
            assert not [word for word in (*SECRET_WORDS, number) if word in answer[1]], (barred, route)
            assert answer[0] in (403, 404) or "/assignments" in route, (barred, route)
    assert await world.etag(SECRET) == before, "nothing was done to it"
    shown = await walked(world, Person("expert-a", ("expert", "operator", "approver")), SECRET, number)
    assert {status for status, _, _ in shown.values()} >= {200, 428}, "who may see it is answered otherwise"


async def everything_else(world: World, who: Person, notices: Sequence[str]) -> dict[str, tuple[int, str]]:
    """What somebody is told by every route that is about no single case, with every queue and every filter."""
    asked: list[tuple[str, str, Any]] = []
    for method, path in sorted(set().union(*NO_CASE.values())):
        asked.append((method, filled(path, expert="expert-b", code="medics"), body_of(path, "pilot-0")))
    for view in View:
        asked.append(("get", f"/reviews?view={view}&limit=1", None))
        asked.append(("get", f"/reviews?view={view}", None))
    for query in (
        "sector=health",
        "agency=vedomstvo",
        "kind=repeat",
        "round=2",
        "status=with-experts",
        f"expert={who.id}",
        f"number=N-{SECRET}",
        "limit=1",
    ):
        for path in ("/reviews", "/board", "/reviews/counts"):
            asked.append(("get", f"{path}?{query}", None))
    for query in ("by=approver", "by=operator", f"who={who.id}", f"who={OPERATOR}", "state=suspended", "state=nearing"):
        asked.append(("get", f"/board?{query}", None))
    asked += [("get", f"/experts/expert-{name}", None) for name in "abcdefgh"]
    asked += [("get", f"/me/notices?{query}", None) for query in ("unread=true", "limit=1")]
    asked += [("post", "/me/notices/read", {"ids": list(notices)}), ("get", "/me/notices?unread=true", None)]
    asked += [("post", "/experts/expert-a/handover", {**WHY, "to": ["expert-e"]})]
    asked += [("get", "/reviews/pilot-0/proposals", None), ("get", "/reviews/pilot-1/proposals", None)]
    found = {}
    for place, (method, path, body) in enumerate(asked):
        answer = await world.ask(method, path, who, body, key=f"same-{place}")
        found[f"{place} {method} {path}"] = (answer.status_code, answer.text)
    return found


@pytest.mark.parametrize("barred", BARRED)
async def test_lists_counts_loads_and_notices_are_those_of_a_world_without_the_hidden_case(
    barred: str, worlds: tuple[World, World]
) -> None:
    without, with_it = worlds
    who = BARRED[barred]
    rows = await with_it.store.rows("notices", {"person": who.id}, sort=[("_id", 1)], limit=500)
    notices = [row["_id"] for row in rows]
    assert any(row["pilot"] == SECRET for row in rows) or barred.startswith(("of another case", "tied")), (
        "there is something to hide"
    )
    expected, found = [await everything_else(world, who, notices) for world in worlds]
    assert without is not with_it
    for route, answer in found.items():
        assert answer == expected[route], route
        assert not [word for word in SECRET_WORDS[2:] if word in answer[1]], route
    assert any(status == 200 and "pilot-" in text for status, text in found.values()), "and something is shown"


async def test_who_is_full_with_hidden_cases_is_proposed_to_nobody_and_the_load_is_shown_as_the_caller_sees_it(
    worlds: tuple[World, World],
) -> None:
    """Expert a works on one case that everybody sees and on the secret one: with room for two, there is none left."""
    without, world = worlds
    who = BARRED["an operator too, with a conflict"]
    for one in worlds:
        known = await one.ask("get", "/experts/expert-a", OP)
        answer = await one.ask("put", "/experts/expert-a", OP, entry_of(capacity=2), etag=known.headers["ETag"])
        assert answer.status_code == 200, answer.text
        await one.opened("pilot-new")
    before, shown = [
        next(
            found
            for found in (await one.get("/reviews/pilot-new/proposals", who))["items"]
            if found["expert_id"] == "expert-a"
        )
        for one in worlds
    ]
    assert (before["free"], before["load"]) == (True, 1)
    assert (shown["free"], shown["load"], shown["against"]) == (False, 1, ["expert.at-capacity"])
    etag = await world.etag("pilot-new")
    answer = await world.ask("post", "/reviews/pilot-new/assignments", who, {"expert_id": "expert-a"}, etag=etag)
    assert (answer.status_code, answer.json()["title"]) == (409, "expert.at-capacity"), answer.text
    body = {**WHY, "to": ["expert-a"]}
    told = (await world.ask("post", "/experts/expert-e/handover", who, body, key="h")).json()
    assert (told["moved"], [one["against"] for one in told["stayed"]]) == ([], [{"expert.at-capacity": 1}])
    # By somebody who sits on none of the cases.
    other = (await without.ask("post", "/experts/expert-e/handover", OP, body, key="h")).json()
    assert [one["to"] for one in other["moved"]] == ["expert-a"]


async def test_who_is_free_sees_the_case_and_so_do_operators_and_auditors(worlds: tuple[World, World]) -> None:
    world = worlds[1]
    assert SECRET in ids(await world.get("/reviews?view=mine", FREE))
    shown = await world.get(f"/reviews/{SECRET}", FREE)
    assert (shown["number"], shown["place"]["status"], shown["round"]) == (f"N-{SECRET}", "accepted", 2)
    assert [one["said"] for one in shown["earlier_remarks"]] == ["Исправлено."]
    assert "expected_effect" in [one["field"] for one in shown["changes"]]
    for who in (OP, AP, AUDITOR):
        assert SECRET in ids(await world.get("/reviews?view=conflict", who))
        card = await world.get(f"/reviews/{SECRET}", who)
        assert {one["expert_id"] for one in card["conflicts"]} == {f"expert-{name}" for name in "bcfg"}
    counts = await world.get("/reviews/counts")
    assert counts["conflict"] == {"count": 1, "exact": True}


async def test_an_expert_is_told_nothing_of_others_conflicts(worlds: tuple[World, World]) -> None:
    world = worlds[1]
    shown = await world.ask("get", f"/reviews/{SECRET}", FREE)
    row = await world.ask("get", "/reviews?view=mine", FREE)
    notices = await world.ask("get", "/me/notices", FREE)
    for answer in (shown, row, notices):
        assert not [f"expert-{name}" for name in "bcdfgh" if f"expert-{name}" in answer.text]
        assert "conflict" not in answer.text
    assert (await world.ask("get", "/reviews?view=conflict", FREE)).status_code == 403
    assert (await world.ask("get", "/reviews?expert=expert-b", FREE)).status_code == 403
    assert set(await world.get("/reviews/counts", FREE)) == set(FOR_EXPERTS)


async def test_a_dismissed_conflict_shows_the_case_again(worlds: tuple[World, World]) -> None:
    world, who = worlds[1], BARRED["with an open conflict"]
    assert (await world.ask("get", f"/reviews/{SECRET}", who)).status_code == 404
    await world.do(SECRET, "conflicts/expert-b/dismissal", AP, WHY)
    assert (await world.ask("get", f"/reviews/{SECRET}", who)).status_code == 200
    assert SECRET in ids(await world.get("/reviews?view=mine", who))
    assert SECRET in {row["pilot"] for row in (await world.get("/me/notices", who))["items"]}


async def test_a_conflict_that_comes_to_light_while_a_command_runs_tells_nothing(world: World) -> None:
    await world.opened("p1")
    await world.seat("p1", "expert-a")
    hooked = Hooked(world.store)
    slow = world.served(world.replica("slow", hooked))
    told = {"expert_id": "expert-a", "text": "Родственник."}
    hooked.before["write"] = lambda: world.do("p1", "conflicts", OP, told)
    answer = await world.ask(
        "post", "/reviews/p1/opinion", expert("expert-a"), opinion(), etag=await world.etag("p1"), app=slow
    )
    unknown = await world.ask("post", "/reviews/p9/opinion", expert("expert-a"), opinion(), etag='"1"')
    assert (answer.status_code, answer.json()) == (404, unknown.json())


async def test_a_command_loads_its_case_once_whatever_comes_of_it(
    world: World, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.opened("p1")
    await world.seat("p1", "expert-a")
    etag, commands = await world.etag("p1"), Commands()
    monkeypatch.setitem(store_module.OPTIONS, "event_listeners", [commands])
    async with opened(mongo_url, world.store._db.name) as watched:
        app = world.served(world.replica("watched", watched))

        async def asked(pilot: str, who: str, etag: str, key: str) -> int:
            commands.seen.clear()
            url = f"/reviews/{pilot}/opinion"
            answer = await world.ask("post", url, expert(who), opinion(), etag=etag, key=key, app=app)
            assert commands.seen.count(("find", "subjects")) == 1
            return answer.status_code

        assert await asked("p1", "expert-a", '"1"', "gone") == 412
        assert await asked("p1", "expert-a", etag, "done") == 200
        assert await asked("p1", "expert-a", etag, "done") == 200, "sent again"
        assert await asked("p1", "expert-a", await world.etag("p1"), "refused") == 422, "a changed opinion says why"
        assert await asked("p1", "expert-b", etag, "not shown") == 404
        assert await asked("p9", "expert-a", etag, "not there") == 404


async def test_many_commands_load_all_their_cases_at_once_and_tell_nothing_of_what_is_not_shown(
    world: World, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, told = Person("expert-c", ("operator",)), {"expert_id": "expert-c", "text": "Родственник."}
    for pilot in ("p1", "p2", "p3"):
        await world.opened(pilot)
    await world.do("p2", "conflicts", OP, told)
    etags = {pilot: await world.etag(pilot) for pilot in ("p1", "p2", "p3")} | {"p9": '"1"'}
    items = [{"pilot": pilot, "etag": etag, "expert_id": "expert-a"} for pilot, etag in etags.items()]
    commands = Commands()
    monkeypatch.setitem(store_module.OPTIONS, "event_listeners", [commands])
    async with opened(mongo_url, world.store._db.name) as watched:
        hooked = Hooked(watched)
        hooked.before["write"] = lambda: world.do("p3", "conflicts", OP, told)
        app = world.served(world.replica("watched", hooked))
        answer = await world.ask("post", "/assignments", operator, {"items": items}, app=app)
    done, hidden, late, unknown = answer.json()["items"]
    assert (done["pilot"], done["done"]) == ("p1", True)
    for one in (hidden, late):
        assert one == {**unknown, "pilot": one["pilot"]}
    assert unknown["problem"]["title"] == "not-found"
    experts, cases, again = 1, 1, 1
    assert commands.seen.count(("find", "subjects")) == experts + cases + again, "p3 was written by another meanwhile"


# ---- blindness


async def test_an_expert_reads_the_others_only_when_the_own_opinion_and_all_that_are_needed_are_in(
    world: World,
) -> None:
    await world.opened("p1")
    await world.seat("p1", "expert-a", "expert-b")
    await world.judge("p1", "expert-a", text="Мнение первого.")
    blind = await world.ask("get", "/reviews/p1", expert("expert-b"))
    assert "Мнение первого." not in blind.text and "expert-a" not in blind.text
    assert (blind.json()["blind"], blind.json()["others"], blind.json()["place"]["opinions"]) == (True, [], [])
    assert [one["code"] for one in blind.json()["criteria"]["entries"]][0] == "relevance"
    assert (blind.json()["criteria"]["scale_min"], blind.json()["criteria"]["scale_max"]) == (0, 5)
    own = await world.get("/reviews/p1", expert("expert-a"))
    assert (own["blind"], own["place"]["opinions"][0]["text"]) == (True, "Мнение первого.")
    await world.judge("p1", "expert-b", text="Мнение второго.")
    for who, text in (("expert-a", "Мнение второго."), ("expert-b", "Мнение первого.")):
        shown = await world.get("/reviews/p1", expert(who))
        assert (shown["blind"], [one["opinions"][0]["text"] for one in shown["others"]]) == (False, [text])
    await world.do("p1", "claim")
    await world.do("p1", "conclusion", OP, {"verdict": "positive", "text": "Проект заключения."})
    assert "Проект заключения." not in (await world.ask("get", "/reviews/p1", expert("expert-a"))).text
    await world.do("p1", "conclusion/approval", AP)
    assert "Проект заключения." in (await world.ask("get", "/reviews/p1", expert("expert-a"))).text


async def test_where_opinions_are_too_far_apart_they_stay_hidden_until_the_further_one_is_in(world: World) -> None:
    await world.opened("p1")
    await world.seat("p1", "expert-a", "expert-b")
    await world.judge("p1", "expert-a")
    await world.judge("p1", "expert-b", verdict="negative", text="Против.", value=1)
    assert "Против." not in (await world.ask("get", "/reviews/p1", expert("expert-a"))).text
    await world.seat("p1", "expert-c")
    assert "Против." not in (await world.ask("get", "/reviews/p1", expert("expert-c"))).text
    await world.judge("p1", "expert-c")
    assert "Против." in (await world.ask("get", "/reviews/p1", expert("expert-c"))).text


async def test_who_sits_on_a_case_sees_it_as_an_expert_even_with_an_operators_role(world: World) -> None:
    await world.opened("p1")
    await world.seat("p1", "expert-a", "expert-b")
    await world.judge("p1", "expert-a", text="Мнение первого.")
    both = Person("expert-b", ("expert", "operator"))
    for path in ("/reviews/p1", "/reviews", "/board"):
        assert "Мнение первого." not in (await world.ask("get", path, both)).text
    assert "expert-a" not in (await world.ask("get", "/reviews/p1", both)).text
