"""The expertise over HTTP on a real mongod: who sees what, everything that is owed, work in bulk, personal data."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pypdf import PdfReader

from contracts.reference import ItemAnswer, Met
from contracts.rules import RuleBook
from services.chassis import store as store_module
from services.chassis.store import Store, open_client, opened
from services.expertise.api import reviews
from services.expertise.domain.state import View
from services.expertise.queries import FOR_EXPERTS
from tests.expertise import (
    AP,
    OP,
    OPERATOR,
    REMARK,
    WHY,
    Person,
    World,
    body_of,
    book,
    entry_of,
    expert,
    filled,
    opinion,
    party,
    routes,
)
from tests.tiny import Commands, Hooked

AUDITOR = Person("auditor-1", ("auditor",))
ADMIN = Person("admin-1", ("admin",))
OTHER_OP = Person("operator-2", ("operator",))
Build = Callable[..., Awaitable[World]]


@pytest.fixture
async def build(mongo_url: str) -> AsyncIterator[Build]:
    """Worlds, each on a database of its own."""
    client, names = open_client(mongo_url), list[str]()

    async def built(rules: RuleBook | None = None, name: str = "w") -> World:
        names.append(f"test_{uuid4().hex[:12]}")
        return await World(Store(client, names[-1]), rules or book(), name).prepare()

    yield built
    for name in names:
        await client.drop_database(name)
    client.close()


@pytest.fixture
async def world(build: Build) -> World:
    """A world with a few experts."""
    made = await build()
    for name in "abc":
        await made.enter(f"expert-{name}")
    return made


def ids(answer: Any) -> list[str]:
    return [row["id"] for row in answer["items"]]


# ---- the conflict matrix

SECRET, UNKNOWN = "pilot-secret", "pilot-nobody"
SECRET_WORDS = (SECRET, f"N-{SECRET}", "Тайный проект", "Тайное замечание")
FREE = expert("expert-a")
BARRED = {
    "with an open conflict": expert("expert-b"),
    "with a confirmed conflict": expert("expert-c"),
    "of the challenged round": expert("expert-d"),
    "of another case": expert("expert-e"),
    "an operator too, with a conflict": Person("expert-f", ("expert", "operator")),
    "an approver and auditor too, with a conflict": Person("expert-g", ("expert", "approver", "auditor")),
}
MANY = book(opinions_repeat=4, opinions_first=2)


async def common(world: World) -> World:
    """What both worlds have: a directory, and cases with every one of these experts."""
    names = [*"abcdefgh"]
    for name in names:
        await world.enter(f"expert-{name}")
    await world.ask("put", "/teams/medics", ADMIN, {"name": "Медики", "members": ["expert-f"], "sectors": ["health"]})
    for number, pair in enumerate(zip(names[::2], names[1::2], strict=True)):
        await world.opened(f"pilot-{number}", title=f"Проект {number}")
        await world.seat(f"pilot-{number}", *(f"expert-{name}" for name in pair))
    return world


async def with_secret(world: World) -> World:
    """A case in its repeat: a is free; b, f and g have open conflicts; c's was confirmed; d judged the first round."""
    await world.opened(SECRET, title="Тайный проект")
    await world.seat(SECRET, "expert-d", "expert-h")
    negative = {"verdict": "negative", "remarks": [{**REMARK, "text": "Тайное замечание"}]}
    for name in "dh":
        await world.judge(SECRET, f"expert-{name}", value=1, text="Тайное замечание", **negative)
    await world.conclude(SECRET, text="Тайное замечание", **negative)
    again = Met(place=1, text="Исправлено.")
    await world.opened(SECRET, title="Тайный проект", submission=2, met=[again], expected_effect="Тайное замечание")
    for name in "cabfg":
        await world.seat(SECRET, f"expert-{name}")
        if name in "cbfg":
            told = {"expert_id": f"expert-{name}", "text": "Тайное замечание"}
            await world.do(SECRET, "conflicts", OP, told)
        if name == "c":
            await world.do(SECRET, "conflicts/expert-c/confirmation", AP, WHY)
    await world.do(SECRET, "claim")
    return world


@pytest.fixture
async def worlds(build: Build) -> tuple[World, World]:
    """The same world without the secret case and with it."""
    return await common(await build(MANY)), await with_secret(await common(await build(MANY)))


NO_CASE = {
    "about no case": {
        ("get", "/experts"),
        ("get", "/experts/{expert}"),
        ("put", "/experts/{expert}"),
        ("put", "/experts/{expert}/person"),
        ("delete", "/experts/{expert}/person"),
        ("get", "/teams"),
        ("get", "/teams/{code}"),
        ("put", "/teams/{code}"),
        ("get", "/me/person"),
        ("put", "/me/person"),
        ("delete", "/me/person"),
    },
    "lists of cases, counts, and what is done to many": {
        ("get", "/reviews"),
        ("get", "/reviews/counts"),
        ("get", "/board"),
        ("get", "/board/experts"),
        ("get", "/me/notices"),
        ("post", "/me/notices/read"),
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
    assert any(row["pilot"] == SECRET for row in rows) or barred == "of another case", "there is something to hide"
    expected, found = [await everything_else(world, who, notices) for world in worlds]
    assert without is not with_it
    for route, answer in found.items():
        assert answer == expected[route], route
        assert not [word for word in SECRET_WORDS[2:] if word in answer[1]], route
    assert any(status == 200 and "pilot-" in text for status, text in found.values()), "and something is shown"


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


# ---- commands


async def test_of_two_operators_at_once_one_is_told_what_the_case_has_become(world: World) -> None:
    await world.opened("p1")
    etag = await world.etag("p1")
    answers = await asyncio.gather(*(world.ask("post", "/reviews/p1/claim", who, etag=etag) for who in (OP, OTHER_OP)))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    [good], [stale] = ([a for a in answers if a.status_code == status] for status in (200, 412))
    now = await world.ask("get", "/reviews/p1")
    assert (stale.json()["title"], stale.json()["version"]) == ("revision.gone", good.json()["version"])
    assert stale.json()["etag"] == stale.headers["ETag"] == good.headers["ETag"] == now.headers["ETag"]


async def test_a_command_needs_its_headers_and_answers_a_resend_as_before(world: World) -> None:
    await world.opened("p1")
    etag = await world.etag("p1")
    assert (await world.ask("post", "/reviews/p1/claim")).status_code == 428
    first, again = [await world.ask("post", "/reviews/p1/claim", OP, etag=etag, key="one") for _ in range(2)]
    assert (first.status_code, again.status_code, again.headers["Idempotent-Replayed"]) == (200, 200, "true")
    assert first.json() == again.json()


@pytest.mark.parametrize("path", ["/reviews/p1/conflicts", "/reviews/p1/opinion", "/assignments"])
async def test_a_key_of_a_body_that_is_not_known_is_a_fault(path: str, world: World) -> None:
    await world.opened("p1")
    body = {**body_of(path.replace("p1", "{pilot}"), "p1"), "surprise": 1}
    who = Person("expert-a", ("operator", "expert"))
    answer = await world.ask("post", path, who, body, etag='"1"')
    assert [one["rule"] for one in answer.json()["problems"]] == ["schema.extra-forbidden"]


async def test_a_whole_case_with_an_appeal_goes_through_the_routes(build: Build) -> None:
    world = await build(book("appeal"))
    for name in "ab":
        await world.enter(f"expert-{name}")
    await world.opened("p1")
    await world.do("p1", "claim")
    await world.seat("p1", "expert-a", accept=False)
    await world.do("p1", "decline", expert("expert-a"), WHY)
    await world.seat("p1", "expert-a", "expert-b")
    items = [{"id": "effect", "text": "Каков эффект?", "field": "expected_effect"}]
    await world.do("p1", "requests", OP, {"items": items, "on_expiry": "decide"})
    assert (await world.get("/reviews/p1/clock"))["state"] == "stopped"
    waiting = (await world.get("/reviews?view=waiting-applicant"))["items"]
    assert [(row["id"], row["suspended"], row["due_at"]) for row in waiting] == [("p1", True, None)]
    assert waiting[0]["answers_due"] is not None
    await world.answered("p1", "r1-1", ItemAnswer(item="effect", text="Минус 5 дней.", value="5 дней"))
    await world.do("p1", "requests", OP, {"items": items, "on_expiry": "decide"})
    await world.do("p1", "requests/r1-2/cancellation")
    await world.do("p1", "extensions", OP, {"term": "expertise", **WHY})
    for name in "ab":
        await world.judge("p1", f"expert-{name}")
    await world.do("p1", "conclusion", OP, {"verdict": "positive", "text": "Да."})
    await world.do("p1", "conclusion/sending-back", AP, WHY)
    number = await world.conclude("p1")
    basis = {"body": "Суд", "kind": "жалоба", "number": "1", "date": "2026-03-02"}
    await world.do("p1", "appeal", OP, {"grounds": "Не согласны.", "basis": basis})
    assert ids(await world.get("/reviews?view=appealed")) == ["p1"]
    other = Person("approver-2", ("approver",))
    amended = {"verdict": "negative", "text": "Нет.", "remarks": [REMARK]}
    decision = {"outcome": "amended", "basis": basis, "amended": amended, **WHY}
    await world.do("p1", "appeal/decision", other, decision)
    await world.do("p1", "conclusion/approval", Person("approver-3", ("approver",)))
    card = await world.get("/reviews/p1")
    assert [(one["standing"], one["replaces"]) for one in card["conclusions"]] == [
        ("replaced", None),
        ("in-force", number),
    ]
    assert card["appeals"][0]["outcome"] == "amended"
    ended = (await world.get("/reviews/p1/clock?term=expertise"))["state"]
    assert ended == "ended"


async def test_return_refusal_and_release_go_through_the_routes(world: World) -> None:
    for pilot, what in (("p1", "return"), ("p2", "refusal")):
        await world.opened(pilot)
        await world.do(pilot, "claim")
        await world.do(pilot, "release", AP, WHY)
        await world.do(pilot, what, OP, {"reasons": [{"code": "other"}], "text": "Нет."})
        assert (await world.get(f"/reviews/{pilot}"))["status"] == "closed"
        assert (await world.get("/board"))["items"] == []
    assert len((await world.get("/me/notices"))["items"]) >= 2, "an operator hears that an approver gave a case back"


# ---- queues


async def test_near_and_past_are_right_though_no_timer_ran(world: World) -> None:
    await world.opened("p1")
    due, near = [(await world.get("/reviews/p1"))[name] for name in ("due_at", "nearing_at")]
    seen = []
    for moment in (near, due):
        for before in (timedelta(milliseconds=1), timedelta(0)):
            world.clock.time = _moment(moment) - before
            seen.append([ids(await world.get(f"/reviews?view={view}")) for view in ("near", "past")])
            [row] = (await world.get("/board"))["items"]
            assert [row["nearing"], row["breached"]] == [bool(one) for one in seen[-1]]
            assert {one["what"]: (one["nearing"], one["breached"]) for one in row["owed"]} == {
                "assign": (row["nearing"], row["breached"])
            }
            for state, stands in (("nearing", row["nearing"]), ("breached", row["breached"])):
                assert ids(await world.get(f"/board?state={state}")) == (["p1"] if stands else [])
    assert seen == [[[], []], [["p1"], []], [["p1"], []], [[], ["p1"]]]
    assert (await world.get("/reviews/p1"))["terms"][0]["left"] == 0


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


async def test_queues_are_sorted_by_due_date_and_page_through_without_a_gap(world: World) -> None:
    for number in range(12):
        await world.opened(f"p{number:02}", title=f"Проект {number}")
        world.clock.forward(hours=7)
    await world.do("p03", "claim")
    await world.do("p03", "requests", OP, {"items": [{"id": "a", "text": "Что?"}], "on_expiry": "decide"})
    whole = ids(await world.get("/reviews?view=open"))
    assert whole == [*(f"p{n:02}" for n in range(12) if n != 3), "p03"], "the one whose clock stands comes last"
    for query in ("view=open", "view=unclaimed", "sector=health", "view=open&agency=vedomstvo"):
        every = ids(await world.get(f"/reviews?{query}"))
        found, after = list[str](), ""
        while True:
            page = await world.get(f"/reviews?{query}&limit=5{after}")
            found += ids(page)
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert found == every and len(every) >= 11
    assert ids(await world.get("/reviews"))[0] == "p11", "without a view the newest comes first"


async def test_a_team_sees_its_members_cases_and_unclaimed_ones_of_its_sectors(world: World) -> None:
    team = {"name": "Медики", "members": [OPERATOR, OTHER_OP.id], "sectors": ["health"]}
    assert (await world.ask("put", "/teams/medics", ADMIN, team)).status_code == 200
    stranger = Person("operator-3", ("operator",))
    for pilot, sector, who in (
        ("mine", "health", OP),
        ("colleagues", "transport", OTHER_OP),
        ("strangers", "health", stranger),
        ("unclaimed", "health", None),
        ("elsewhere", "transport", None),
    ):
        await world.opened(pilot, sector=sector)
        if who is not None:
            await world.do(pilot, "claim", who)
    assert set(ids(await world.get("/reviews?view=team"))) == {"mine", "colleagues", "unclaimed"}
    assert set(ids(await world.get("/reviews?view=team", stranger))) == set()
    assert ids(await world.get("/reviews?view=mine")) == ["mine"]
    counts = await world.get("/reviews/counts")
    assert {view: counts[view]["count"] for view in ("open", "mine", "team", "unclaimed", "unassigned")} == {
        "open": 5,
        "mine": 1,
        "team": 3,
        "unclaimed": 2,
        "unassigned": 5,
    }
    shown = await world.ask("get", "/teams/medics")
    assert shown.json() == {"code": "medics", **team}
    changed = await world.ask("put", "/teams/medics", ADMIN, {**team, "members": []}, etag=shown.headers["ETag"])
    assert changed.status_code == 200
    assert ids(await world.get("/reviews?view=team")) == []


async def test_counts_are_bounded_and_say_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviews, "COUNTED", 2)
    for number in range(3):
        await world.opened(f"p{number}")
    counts = await world.get("/reviews/counts")
    assert set(counts) == set(View)
    assert counts["open"] == {"count": 2, "exact": False} and counts["past"] == {"count": 0, "exact": True}


async def test_the_board_says_what_is_owed_by_whom_and_by_when(world: World) -> None:
    await world.opened("p1")
    await world.do("p1", "claim")
    await world.seat("p1", "expert-a")
    await world.do("p1", "requests", OP, {"items": [{"id": "a", "text": "Что?"}], "on_expiry": "decide"})
    [row] = (await world.get("/board", AUDITOR))["items"]
    owed = {(one["what"], one["by"], one["who"], one["due_at"] is not None, one["suspended"]) for one in row["owed"]}
    assert owed == {
        ("answers", "applicant", None, True, False),
        ("assign", "operator", OPERATOR, False, True),
        ("opinion", "expert", "expert-a", False, True),
    }
    assert [one["what"] for one in (await world.get("/board?who=expert-a"))["items"][0]["owed"]] == ["opinion"]
    assert [one["what"] for one in (await world.get("/board?by=applicant"))["items"][0]["owed"]] == ["answers"]
    assert (await world.get("/board?by=approver"))["items"] == []
    assert ids(await world.get("/board?state=suspended")) == ["p1"]
    world.clock.time = _moment(next(one["due_at"] for one in row["owed"] if one["what"] == "answers"))
    assert ids(await world.get("/board?state=breached")) == ["p1"], "the answers are late though no timer ran"


# ---- many at once

ELSEWHERE = "790000029"


async def test_a_hundred_cases_are_assigned_at_once_and_each_that_cannot_be_says_why(world: World) -> None:
    await world.enter("expert-z", capacity=60)
    pilots = [f"p{number:03}" for number in range(100)]
    for pilot in pilots:
        await world.opened(pilot)
    items = [{"pilot": p, "etag": await world.etag(p), "expert_id": "expert-z"} for p in pilots]
    await world.do("p000", "claim", OTHER_OP)
    items.append({"pilot": "p999", "etag": '"1"', "expert_id": "expert-z"})
    first, again = [await world.ask("post", "/assignments", OP, {"items": items}, key="bulk-1") for _ in range(2)]
    assert first.status_code == 200, first.text
    answers = {one["pilot"]: one for one in first.json()["items"]}
    assert [one["pilot"] for one in first.json()["items"]] == [*pilots, "p999"]
    assert answers["p000"]["problem"]["status"] == 412 and answers["p000"]["problem"]["version"] is not None
    assert answers["p999"]["problem"]["title"] == "not-found"
    done = [pilot for pilot in pilots if answers[pilot]["done"]]
    full = [p for p in pilots if not answers[p]["done"] and answers[p]["problem"]["title"] == "expert.at-capacity"]
    assert (len(done), len(full)) == (59, 40), "one place was taken by the case that had moved on"
    repeated = {one["pilot"]: one["done"] for one in again.json()["items"]}
    assert repeated == {pilot: one["done"] for pilot, one in answers.items()}
    entry = await world.get("/experts/expert-z")
    assert entry["load"] == 59
    twice = [items[5], items[5]]
    assert (await world.ask("post", "/assignments", OP, {"items": twice})).json()["title"] == "subject.twice"
    assert (await world.ask("post", "/assignments", OP, {"items": items * 5})).status_code == 422


async def test_all_work_of_an_expert_is_handed_over_in_one_action(world: World) -> None:
    for name in "zy":
        await world.enter(f"expert-{name}", organisation=ELSEWHERE, capacity=100 if name == "z" else 20)
    pilots = [f"p{number:03}" for number in range(100)]
    for pilot in pilots:
        # Two of the cases are of the organisation that all but z and y come from.
        await world.opened(pilot, participants=[party("790000031")] if pilot < "p002" else [])
    seats = [{"pilot": p, "etag": await world.etag(p), "expert_id": "expert-z"} for p in pilots]
    assert (await world.ask("post", "/assignments", OP, {"items": seats})).status_code == 200
    await world.settle()
    await world.do("p099", "acceptance", expert("expert-z"))
    await world.judge("p099", "expert-z")
    body = {**WHY, "to": [f"expert-{name}" for name in "abcy"]}
    first, again = [await world.ask("post", "/experts/expert-z/handover", OP, body, key="h-1") for _ in range(2)]
    assert first.status_code == 200, first.text
    told = first.json()
    assert (len(told["moved"]), len(told["stayed"]), told["more"]) == (80, 19, False)
    assert [(one["pilot"], one["to"]) for one in told["moved"]][:2] == [("p000", "expert-y"), ("p001", "expert-y")]
    assert told["stayed"][0]["against"] == {"expert.at-capacity": 4}
    assert [one["pilot"] for one in again.json()["moved"]] == [one["pilot"] for one in told["moved"]]
    assert again.json()["stayed"] == told["stayed"], "sent again it tells the same"
    loads = {row["id"]: row for row in (await world.get("/board/experts"))["items"]}
    assert {name: row["load"] for name, row in loads.items()} == {
        **{f"expert-{name}": 20 for name in "abcy"},
        "expert-z": 19,
    }
    assert all(row["over"] == 0 for row in loads.values())
    await world.settle()
    assert len((await world.get("/me/notices?limit=200", expert("expert-y")))["items"]) == 20
    other = await world.ask("post", "/experts/expert-z/handover", OP, {**body, "to": ["expert-a"]}, key="h-1")
    assert other.json()["title"] == "idempotency-key.reused"


async def test_what_cannot_be_handed_over_stays_and_says_why(build: Build) -> None:
    world = await build()
    await world.enter("expert-z", organisation="790000016")
    await world.enter("expert-a", capacity=1)
    await world.enter("expert-b", organisation=ELSEWHERE)
    await world.enter("expert-far", competences=["transport"])
    for pilot in ("p1", "p2", "p3"):
        await world.opened(pilot, participants=[party(ELSEWHERE)])
        await world.seat(pilot, "expert-z")
    told = (await world.ask("post", "/experts/expert-z/handover", OP, WHY)).json()
    assert [(one["pilot"], one["to"]) for one in told["moved"]] == [("p1", "expert-a")]
    assert [one["pilot"] for one in told["stayed"]] == ["p2", "p3"]
    against = {"expert.at-capacity": 1, "conflict.found": 1, "expert.not-competent": 1}
    assert told["stayed"][0]["against"] == against
    assert all(reason in told["stayed"][0]["why"] for reason in against)
    unknown = await world.ask("post", "/experts/expert-z/handover", OP, {**WHY, "to": ["nobody"]})
    assert (unknown.status_code, unknown.json()["title"]) == (422, "expert.unknown")
    assert (await world.ask("post", "/experts/nobody/handover", OP, WHY)).status_code == 404
    nothing = await world.ask("post", "/experts/expert-b/handover", OP, WHY)
    assert nothing.json() == {"moved": [], "stayed": [], "more": False}


async def test_a_handover_that_died_half_way_is_finished_by_the_resend_as_it_was_planned(world: World) -> None:
    await world.enter("expert-z")
    for pilot in ("p1", "p2"):
        await world.opened(pilot)
        await world.seat(pilot, "expert-z")
    hooked = Hooked(world.store)

    async def moved() -> None:
        await world.do("p2", "claim")

    hooked.after["put_new"] = moved
    slow = world.served(world.replica("slow", hooked))
    first = await world.ask("post", "/experts/expert-z/handover", OP, WHY, key="h", app=slow)
    assert [one["pilot"] for one in first.json()["moved"]] == ["p1"]
    assert [(one["pilot"], one["problem"]["title"]) for one in first.json()["stayed"]] == [("p2", "revision.gone")]
    again = await world.ask("post", "/experts/expert-z/handover", OP, WHY, key="h")
    assert [one["pilot"] for one in again.json()["moved"]] == ["p1"]
    fresh = await world.ask("post", "/experts/expert-z/handover", OP, WHY)
    assert [one["pilot"] for one in fresh.json()["moved"]] == ["p2"]


async def test_a_cap_holds_and_a_race_that_exceeds_it_shows_on_the_board(world: World) -> None:
    await world.enter("expert-z", capacity=1)
    for pilot in ("p1", "p2", "p3"):
        await world.opened(pilot)
    hooked = Hooked(world.store)
    hooked.before["write"] = lambda: world.do("p1", "assignments", OP, {"expert_id": "expert-z"})
    slow = world.served(world.replica("slow", hooked))
    await world.do("p2", "assignments", OP, {"expert_id": "expert-z"}, app=slow)
    assert await world.refused("p3", "assignments", OP, {"expert_id": "expert-z"}) == "expert.at-capacity"
    found = {row["id"]: row for row in (await world.get("/board/experts"))["items"]}
    assert found["expert-z"] == {"id": "expert-z", "load": 2, "capacity": 1, "over": 1}


# ---- proposals


async def test_proposals_rank_the_free_ones_and_tell_why_the_others_cannot_be_assigned(world: World) -> None:
    away = [{"since": "2026-03-01", "until": "2026-03-05"}]
    await world.enter("expert-away", absences=away)
    await world.enter("expert-full", capacity=0)
    await world.enter("expert-rival", organisation="700000112")
    await world.enter("expert-other", competences=["transport"])
    await world.enter("expert-gone", active=False)
    await world.opened("p0")
    await world.seat("p0", "expert-a")
    await world.opened("p1")
    found = await world.get("/reviews/p1/proposals")
    ranked = {one["expert_id"]: one for one in found["items"]}
    assert [one["expert_id"] for one in found["items"]][:4] == ["expert-b", "expert-c", "expert-a", "expert-other"]
    assert [one["free"] for one in found["items"]] == [True] * 4 + [False] * 3
    assert ranked["expert-away"]["against"] == ["expert.absent"]
    assert ranked["expert-full"]["against"] == ["expert.at-capacity"]
    assert ranked["expert-rival"]["against"] == ["conflict.found"]
    assert [one["rule"] for one in ranked["expert-rival"]["conflicts"]] == ["conflict.same-organisation"]
    assert (found["more"], found["whole"], "expert-gone" in ranked) == (0, True, False)
    short = await world.get("/reviews/p1/proposals?limit=2")
    assert (len(short["items"]), short["more"]) == (2, 5)


async def test_proposals_say_what_an_assignment_would_be_refused_with(world: World) -> None:
    await world.enter("expert-away", absences=[{"since": "2026-03-01", "until": "2026-03-05"}])
    await world.enter("expert-full", capacity=0)
    await world.enter("expert-rival", organisation="700000112")
    await world.enter("expert-doubted", organisation="700000125")
    await world.opened("p1")
    await world.do("p1", "conflicts", OP, {"expert_id": "expert-b", "text": "Родственник."})
    both = Person("operator-and-approver", ("operator", "approver"))
    await world.do("p1", "conflicts/expert-doubted/dismissal", both, WHY)
    for one in (await world.get("/reviews/p1/proposals", both))["items"]:
        body, etag = {"expert_id": one["expert_id"]}, await world.etag("p1")
        if one["free"]:
            continue
        answer = await world.ask("post", "/reviews/p1/assignments", both, body, etag=etag)
        assert [answer.json()["title"]] == one["against"], one
        assert answer.json().get("problems", []) == one["conflicts"]
    free = [one["expert_id"] for one in (await world.get("/reviews/p1/proposals"))["items"] if one["free"]]
    assert set(free) == {"expert-a", "expert-c", "expert-doubted"}


# ---- the directory


async def test_the_directory_is_filtered_and_paged(world: World) -> None:
    await world.enter("expert-t", competences=["transport"], organisation=ELSEWHERE)
    await world.enter("expert-x", active=False)
    assert ids(await world.get("/experts")) == [f"expert-{name}" for name in "abctx"]
    assert ids(await world.get("/experts?sector=transport")) == ["expert-t"]
    assert ids(await world.get("/experts?active=false")) == ["expert-x"]
    assert ids(await world.get("/experts?organisation=BY-UNP:790000029", AUDITOR)) == ["expert-t"]
    page = await world.get("/experts?limit=4")
    assert ids(await world.get(f"/experts?limit=4&after={page['next']}")) == ["expert-x"]
    faulty = await world.ask("put", "/experts/expert-q", OP, entry_of("790000017", competences=["mars"]))
    assert {one["pointer"] for one in faulty.json()["problems"]} == {"/organisation", "/competences/0"}
    blind = await world.ask("put", "/experts/expert-a", OP, entry_of(capacity=3))
    assert blind.status_code == 412, "an entry that is there is changed with its ETag only"


# ---- notices


async def test_notices_are_newest_first_and_read_once(world: World) -> None:
    await world.opened("p1")
    await world.do("p1", "claim")
    for name in "ab":
        world.clock.forward(minutes=1)
        await world.seat("p1", f"expert-{name}")
    found = (await world.get("/me/notices"))["items"]
    assert [(row["kind"], row["pilot"], row["read"]) for row in found] == [("expert-accepted", "p1", None)] * 2
    assert found[0]["time"] > found[1]["time"]
    page = await world.get("/me/notices?limit=1")
    assert (await world.get(f"/me/notices?limit=1&after={page['next']}"))["items"] == [found[1]]
    mine, strangers = [row["id"] for row in found], (await world.get("/me/notices", expert("expert-a")))["items"]
    assert [row["kind"] for row in strangers] == ["assigned"]
    body = {"ids": [mine[0], strangers[0]["id"], "nothing"]}
    answers = [(await world.ask("post", "/me/notices/read", OP, body)).json() for _ in range(2)]
    assert answers == [{"marked": 1}, {"marked": 0}]
    assert ids(await world.get("/me/notices?unread=true")) == [mine[1]]
    assert (await world.get("/me/notices", expert("expert-a")))["items"][0]["read"] is None


async def test_an_expert_is_told_that_an_assignment_was_taken_back(world: World) -> None:
    await world.opened("p1")
    await world.seat("p1", "expert-a")
    await world.do("p1", "assignments/expert-a/release", OP, WHY)
    assert [row["kind"] for row in (await world.get("/me/notices", expert("expert-a")))["items"]] == ["expert-released"]
    await world.do("p1", "conflicts", OP, {"expert_id": "expert-a", "text": "Родственник."})
    assert (await world.get("/me/notices", expert("expert-a")))["items"] == []


# ---- personal data

DATA = {"name": "Образцова Мария Примеровна", "email": "m.obraztsova@example.test", "phone": "+375 00 000-00-00"}


async def test_an_experts_personal_data_is_shown_to_operators_alone_and_erased_for_good(world: World) -> None:
    await world.opened("p1")
    await world.seat("p1", "expert-a")
    assert (await world.ask("put", "/experts/expert-a/person", OP, DATA)).json() == DATA
    shown = await world.ask("get", "/experts/expert-a")
    assert shown.json()["person"] == DATA
    for who in (AP, AUDITOR):
        assert "Образцова" not in (await world.ask("get", "/experts/expert-a", who)).text
    for path in ("/experts", "/reviews/p1", "/reviews/p1/proposals", "/board/experts", "/me/notices"):
        assert "Образцова" not in (await world.ask("get", path)).text
    etag = shown.headers["ETag"]
    answers = [await world.ask("delete", "/experts/expert-a/person", OP, etag=etag, key="e") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    await world.settle()
    everything = await world.everything()
    assert not [word for word in ("Образцова", "obraztsova", DATA["phone"]) if word in everything]
    assert "person-erased" in everything
    assert (await world.get("/experts/expert-a"))["active"] is False


async def test_everybody_keeps_and_erases_the_own_data(world: World) -> None:
    people = [OP, AP, AUDITOR, ADMIN, expert("expert-a"), expert("not-in-the-directory")]
    for who in people:
        assert (await world.ask("get", "/me/person", who)).status_code == 404
        assert (await world.ask("put", "/me/person", who, DATA)).status_code == 200
        assert await world.get("/me/person", who) == DATA
        assert [(await world.ask("delete", "/me/person", who)).status_code for _ in range(2)] == [204, 204]
        assert (await world.ask("get", "/me/person", who)).status_code == 404
    await world.settle()
    assert "Образцова" not in await world.everything()
    assert (await world.get("/experts/expert-a"))["active"] is False


async def test_a_signers_name_stands_on_the_paper_where_it_is_known_and_the_id_where_it_is_erased(
    world: World,
) -> None:
    await world.opened("p1")
    await world.do("p1", "claim")
    await world.seat("p1", "expert-a", "expert-b")
    for name in "ab":
        await world.judge("p1", f"expert-{name}", text="Мнение.")
    number = await world.conclude("p1")
    await world.ask("put", "/me/person", OP, DATA)
    path = f"/reviews/p1/conclusions/{number}/document"
    pdf = await world.ask("get", path)
    assert pdf.headers["Content-Type"] == "application/pdf" and "attachment" in pdf.headers["Content-Disposition"]
    text = _text(pdf.content)
    assert number in text and "Образцова" in text and AP.id in text and "expert-a" not in text
    await world.ask("delete", "/me/person", OP)
    assert "Образцова" not in _text((await world.ask("get", path)).content)
    word = await world.ask("get", f"{path}?format=docx", expert("expert-a"))
    assert word.status_code == 200 and word.content[:2] == b"PK"
    assert (await world.ask("get", "/reviews/p1/conclusions/none/document")).status_code == 404


def _text(content: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages)


async def test_the_paper_of_an_earlier_round_has_the_content_of_that_round(build: Build) -> None:
    world = await with_secret(await common(await build(MANY)))
    number = (await world.get(f"/reviews/{SECRET}"))["conclusions"][0]["number"]
    text = _text((await world.ask("get", f"/reviews/{SECRET}/conclusions/{number}/document")).content)
    assert "первичная экспертиза" in text and "Отрицательное" in text and "1 из 5" in text
    assert "повторная" not in text
