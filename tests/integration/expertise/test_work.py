"""The work on cases over HTTP on a real mongod: commands, queues, many cases at once, proposals."""

import asyncio
from datetime import datetime, timedelta

import pytest

from contracts.reference import ItemAnswer
from deploy.samples.common import party
from services.expertise.api import reviews
from services.expertise.domain.state import View
from tests.kit.engine.tiny import Hooked
from tests.kit.expertise.cases import ADMIN, AUDITOR, ELSEWHERE, OTHER_OP, Build, ids
from tests.kit.expertise.world import AP, OP, OPERATOR, REMARK, WHY, World, body_of, book, expert
from tests.kit.people import Person

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
    told = await world.get("/reviews/p1/clock")
    assert told["state"] == "stopped" and told["persons"] == {}
    assert {one["who"] for one in told["intervals"] if one["who"]} == {OP.id}
    said = {"name": "Образцова Мария Примеровна", "email": None, "phone": None}
    assert (await world.ask("put", "/me/person", OP, said)).status_code == 200
    told = await world.get("/reviews/p1/clock")
    assert told["persons"] == {OP.id: said["name"]} and told["number"] and told["title"]
    assert (await world.get("/reviews/p1/clock", AP))["persons"] == {}, "names are for operators"
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
    theirs = await world.ask("post", "/experts/expert-z/handover", OTHER_OP, WHY, key="h")
    assert [one["pilot"] for one in theirs.json()["moved"]] == ["p2"], "a key is its caller's own, and so is the plan"
    fresh = await world.ask("post", "/experts/expert-z/handover", OP, WHY)
    assert fresh.json()["moved"] == []


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
