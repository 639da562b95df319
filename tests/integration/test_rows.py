"""Route x role x row in the register, on a real mongod: whose rows a caller sees whole, and what a conflict hides."""

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import pytest

from contracts.reference import Role
from contracts.registry import REGISTRY, ConflictNotedV1, PilotEnteredV1, ReplicaLinkedV1
from deploy.samples.common import NOW
from services.chassis.hooks.rows import Hook, Item
from services.chassis.masking import MASK
from services.chassis.settings import Settings
from services.chassis.store import PERSONS, Row, Store
from services.registry import hooks, views
from services.registry.domain.stages import Stage
from services.registry.domain.state import Replica
from services.registry.feed import Changes
from services.registry.figures import figures
from services.registry.finding import finding
from services.registry.handlers import TIMELINE
from services.registry.service import SERVICE
from services.registry.sight import READERS
from tests.integration.test_public import IN_SUMS, SINCE, public_paths
from tests.kit.people import Person
from tests.kit.registry.app import app_of
from tests.kit.registry.rows import FULL, about, full_fact, marked, marked_fact, named, row, timeline_row
from tests.unit.test_web import BODIES, LIFE, POLICY, QUESTIONS

pytestmark = pytest.mark.timeout(180)

OWN, OTHER = "vedomstvo", "mintrans"
PUBLISHER = Person("u-1", ("publisher",), OWN)
NOBODYS = Person("u-1", ("publisher",))
AUDITOR = Person("u-2", ("auditor",))
CONFLICTED: Final = "u-4004"
INSIDE: Final = [role for role in READERS if role is not Role.PUBLISHER]
"""The roles that see every agency's rows whole."""
OF_A_PILOT: Final = sorted(
    path for method, path in POLICY["registry"] if method == "get" and path.startswith("/v1/") and "{pilot}" in path
)
"""Every route that reads one pilot."""
PUBLIC_TOO: Final = {
    "/v1/pilots/{pilot}",
    "/v1/pilots/{pilot}/timeline",
    "/v1/pilots/{pilot}/results",
    "/v1/pilots/{pilot}/similar",
}
"""Of them those that tell of what the public sees; there is nothing of it in the others."""
ALL: Final = "id=own-early&id=own-open&id=other-early&id=other-open&id=unknown"
"""Each pilot by its id."""
LISTS: Final = (
    "/v1/pilots",
    f"/v1/pilots?{ALL}",
    "/v1/search",
    "/v1/search?q=очередь",
    "/v1/search?sort=entered",
    "/v1/search?sort=due",
)
FIGURES: Final = [f"/v1/figures/{question}" for question in QUESTIONS]


class Feed:
    """The change feed over the stored timeline: what is told of it is told as over Kafka."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def changes(
        self,
        _who: str,
        _after: str | None,
        _limit: int,
        _wait: float,
        _gone: object,
        told: Callable[[Sequence[Row]], Awaitable[list[dict[str, Any]]]],
    ) -> Changes:
        rows = await self._store.rows(TIMELINE, {}, sort=[("_id", 1)], limit=1000)
        return Changes(items=await told(rows), next="0", more=False)


class Register:
    """The registry's HTTP side with its views, filled at once with what is put."""

    def __init__(self, store: Store) -> None:
        self.store, self.app = store, app_of(store, Settings(public_limit="100000/minute"))
        self.app.state.finding, self.app.state.figures = finding.in_memory(), figures.in_memory()
        self.app.state.changes = Feed(store)

    async def put(self, *rows: Row) -> None:
        await self.store.put("subjects", rows)
        self.app.state.finding.put(rows)
        self.app.state.finding.commit(whole=True)
        self.app.state.figures.put(rows)
        self.app.state.figures.commit({}, whole=True)

    async def ask(self, path: str, who: Person | None, method: str = "get", **more: Any) -> httpx.Response:
        headers = {**({"Authorization": f"Bearer {who.token}"} if who else {}), **more.pop("headers", {})}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://register") as client:
            return await client.request(method, path, headers=headers, **more)

    async def get(self, path: str, who: Person | None) -> Any:
        answer = await self.ask(path, who)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    async def ids(self, path: str, who: Person | None) -> set[str]:
        """The pilots of a list, of all its pages."""
        found, after = list[str](), None
        while True:
            page = await self.get(
                f"{path}{'&' if '?' in path else '?'}limit=1{f'&after={after}' if after else ''}", who
            )
            found += [one["id"] for one in page["items"]]
            if (after := page["next"]) is None:
                assert len(found) == len(set(found)), "nothing comes twice"
                return set(found)


PILOTS: Final = {
    "own-early": (OWN, Stage.LOOK_OVER),
    "own-open": (OWN, Stage.COUNCIL),
    "other-early": (OTHER, Stage.EXPERTISE),
    "other-open": (OTHER, Stage.RUNNING),
}
PUBLIC: Final = {"own-open", "other-open"}


def pilot(id_: str, **changes: Any) -> Row:
    agency, stage = PILOTS[id_]
    said = {"agency": agency, "stage": stage, "number": f"N-{id_}", "conclusions": (), "replicas": (), **changes}
    return row(id_, FULL, application=about(f"Электронная очередь {id_}"), **{"hidden_from": (), **said})


@pytest.fixture
async def register(store: Store) -> Register:
    """Two pilots of each of two agencies, one of each public; each with a timeline of an open and a shut fact."""
    await store.prepare(SERVICE.indexes)
    made = Register(store)
    await made.put(*(pilot(id_) for id_ in PILOTS))
    kinds = (PilotEnteredV1.TYPE, "pilots.registry.progress-recorded.v1")
    await store.put(TIMELINE, [timeline_row(id_, n, kind) for id_ in PILOTS for n, kind in enumerate(kinds, 1)])
    return made


async def hide(register: Register, *ids: str, **changes: Any) -> None:
    """These pilots are hidden from the person in conflict; each has that in its timeline."""
    await register.put(*(pilot(id_, hidden_from=("u-9", CONFLICTED), **changes) for id_ in ids))
    noted = {"person_id": CONFLICTED, "hidden": True}
    await register.store.put(TIMELINE, [timeline_row(id_, 3, ConflictNotedV1.TYPE, **noted) for id_ in ids])


def without_places(shown: dict[str, Any]) -> dict[str, Any]:
    """A card or timeline without how many facts there are, and where each stands."""
    kept = {name: value for name, value in shown.items() if name != "version"}
    if isinstance(items := kept.get("items"), list):
        kept["items"] = [{name: value for name, value in one.items() if name != "sequence"} for one in items]
    return kept


# ---- a publisher


@pytest.mark.parametrize("path", OF_A_PILOT)
async def test_a_publisher_reads_the_own_agencys_whole_and_of_others_what_the_public_sees(
    path: str, register: Register
) -> None:
    unknown = (await register.ask(path.replace("{pilot}", "unknown"), PUBLISHER)).json()
    for id_, (agency, _) in PILOTS.items():
        asked = path.replace("{pilot}", id_)
        answer, inside = await register.ask(asked, PUBLISHER), await register.get(asked, AUDITOR)
        if agency == OWN:
            assert answer.status_code == 200, id_
            if "similar" not in path:
                assert answer.json() == without_places(inside), id_
        elif id_ in PUBLIC and path in PUBLIC_TOO:
            assert answer.status_code == 200, id_
            if (outside := await register.ask(f"/public{asked}", None)).status_code == 200:
                assert {**answer.json(), "persons": {}} == {**outside.json(), "persons": {}}, id_
        else:
            assert (answer.status_code, answer.json()) == (404, unknown), id_


@pytest.mark.parametrize("path", LISTS)
async def test_the_lists_of_a_publisher_hold_the_own_pilots_and_the_public_ones(path: str, register: Register) -> None:
    assert await register.ids(path, PUBLISHER) == {"own-early", "own-open", "other-open"}
    assert await register.ids(path, AUDITOR) == {*PILOTS}
    lines = {one["id"]: one for one in (await register.get(path, PUBLISHER))["items"]}
    public = {one["id"]: one for one in (await register.get("/public/v1/pilots", None))["items"]}
    assert lines["other-open"] == public["other-open"] and "next_move" in lines["own-open"]


@pytest.mark.parametrize(
    ("asked", "own", "others"),
    [
        ("stage=look-over", {"own-early"}, set()),
        ("stage=expertise", set(), set()),
        ("stage=running", set(), {"other-open"}),
        (f"agency={OWN}", {"own-early", "own-open"}, set()),
        (f"agency={OTHER}", set(), {"other-open"}),
        ("number=N-other-early", set(), set()),
        ("number=N-other-open", set(), {"other-open"}),
        ("id=own-early&id=other-early&id=other-open", {"own-early"}, {"other-open"}),
        (f"{ALL}&stage=council", {"own-open"}, set()),
        ("sector=health", {"own-early", "own-open"}, {"other-open"}),
        ("sector=health&stage=running", set(), {"other-open"}),
    ],
)
async def test_whatever_a_publisher_asks_the_list_for_it_holds_and_counts_no_more(
    asked: str, own: set[str], others: set[str], register: Register
) -> None:
    assert await register.ids(f"/v1/pilots?{asked}", PUBLISHER) == own | others
    counted = await register.get(f"/v1/pilots?{asked}&count=true", PUBLISHER)
    assert counted["count"] == {"value": len(own | others), "exact": True}


async def test_what_was_is_told_to_a_publisher_of_the_own_pilots_alone(register: Register) -> None:
    day = "as_of=2026-11-01"
    assert await register.ids(f"/v1/pilots?{day}", PUBLISHER) <= {"own-early", "own-open"}
    assert await register.ids(f"/v1/pilots?{day}&agency={OTHER}", PUBLISHER) == set()
    assert (await register.ask(f"/v1/pilots/other-open?{day}", PUBLISHER)).status_code == 404


async def test_facets_and_figures_of_a_publisher_count_what_may_be_seen(register: Register) -> None:
    facets = await register.get("/v1/facets", PUBLISHER)
    counts = {one["value"]: one["count"] for one in facets["facets"]["agency"]["values"]}
    assert (facets["count"]["value"], counts) == (3, {OWN: 2, OTHER: 1})
    funnel = await register.get("/v1/figures/funnel", PUBLISHER)
    stages = {one["stage"]: one["pilots"] for one in funnel["stages"] if one["pilots"]}
    assert stages == {"look-over": 1, "council": 1, "running": 1}
    assert (await register.get("/v1/figures/funnel", AUDITOR))["pilots"] == 4
    by_agency = await register.get("/v1/money?group_by=agency", PUBLISHER)
    assert {(one["agency"], one["pilots"]) for one in by_agency["items"]} == {(OWN, 2), (OTHER, 1)}
    for path in ("/v1/figures/terms", "/v1/figures/scaling"):
        only = await register.get(f"{path}?agency={OTHER}", PUBLISHER)
        assert not [one for one in only.get("kinds", ())], "of terms the public sees nothing"
        assert only.get("totals", {}).get("replicas", 0) == 0, "nor of replicas"


async def test_the_change_feed_tells_a_publisher_of_others_what_the_public_timeline_tells(register: Register) -> None:
    items = (await register.get("/v1/changes", PUBLISHER))["items"]
    assert not [one for one in items if "sequence" in one], "gaps in it would tell of what is not shown"
    told = Counter(one["subject"] for one in items)
    assert told == {"own-early": 2, "own-open": 2, "other-open": 1}
    assert len({one["event"] for one in items}) == len(items), "by which a line that comes again is known"
    [public] = [one for one in items if one["subject"] == "other-open"]
    assert {*public} == {"subject", "number", "title", "event", "type", "date", "basis", "what"}


@pytest.mark.parametrize("who", ["u-2", CONFLICTED])
async def test_a_hook_is_sent_what_the_change_feed_tells_who_registered_it(register: Register, who: str) -> None:
    await hide(register, "own-open")
    feed = (await register.get("/v1/changes", Person(who, ("subscriber",), "other-system")))["items"]
    assert {one["subject"] for one in feed} == set(PILOTS) - ({"own-open"} if who == CONFLICTED else set())
    to = Hook("hook-1", "other-system", who, "https://hooks.example.test/", NOW, (), None, None)
    rows = await register.store.rows(TIMELINE, {}, sort=[("_id", 1)], limit=100)
    bodies = [await hooks.body(register.store, to, {"item": row["_id"], "pilot": row["pilot"]}) for row in rows]
    messages = [json.loads(one) for one in bodies if one is not None]
    assert [one["data"] for one in messages] == feed
    assert [(one["type"], one["timestamp"]) for one in messages] == [(one["type"], one["time"]) for one in feed]


async def test_recovery_finds_what_was_recorded_before_a_hook_each_pilots_in_order_and_ends_at_its_bounds(
    register: Register,
) -> None:
    rows = await register.store.rows(TIMELINE, {}, sort=[("time", 1), ("pilot", 1), ("sequence", 1)], limit=100)
    first, last = (datetime.fromisoformat(rows[n]["time"]) for n in (0, -1))
    after = last + timedelta(milliseconds=1)

    async def found(since: datetime, until: datetime, most: int = 100) -> list[Item]:
        return await hooks.earlier(register.store, "other-system", since, until, most)

    assert [(one.id, one.pilot, one.order) for one in await found(first, after)] == [
        (row["_id"], row["pilot"], row["sequence"]) for row in rows
    ]
    assert await found(first, first) == [] == await found(after, after + timedelta(days=1))
    assert len(await found(first, after, 2)) == 2


async def test_an_agency_learns_from_no_number_of_its_pilot_that_something_is_kept_from_it(register: Register) -> None:
    paths = [path.replace("{pilot}", "own-open") for path in OF_A_PILOT if path != "/v1/pilots/{pilot}/clock"]
    before = {path: await register.ask(path, PUBLISHER) for path in paths}
    said = before["/v1/pilots/own-open"].json()
    assert "version" not in said and "version" in await register.get("/v1/pilots/own-open", AUDITOR)
    noted = timeline_row("own-open", 3, ConflictNotedV1.TYPE)
    later = pilot("own-open", hidden_from=("u-9",))
    await register.store.put(TIMELINE, [noted])
    await register.put({**later, "rev": later["rev"] + 1, "version": later["version"] + 1})
    for path, old in before.items():
        new = await register.ask(path, PUBLISHER)
        assert (new.headers.get("ETag"), new.json()) == (old.headers.get("ETag"), old.json()), path
    assert all("sequence" not in one for one in before["/v1/pilots/own-open/timeline"].json()["items"])


async def test_no_cursor_of_the_own_timeline_tells_its_place(register: Register) -> None:
    path = "/v1/pilots/own-open/timeline"
    for who in (PUBLISHER, AUDITOR):
        whole = (await register.get(path, who))["items"]
        found, after = list[Any](), ""
        while after is not None:
            page = await register.get(f"{path}?limit=1{after and f'&after={after}'}", who)
            found, after = [*found, *page["items"]], page["next"]
            assert after is None or after.startswith("event-own-open-"), "the opaque id of a fact"
        assert found == whole
    assert (await register.ask("/v1/pilots/own-open/timeline?after=made-up", AUDITOR)).status_code == 400


async def test_similar_pilots_of_a_publisher_are_own_or_public(register: Register) -> None:
    for asked in ("own-open", "other-open"):
        found = await register.get(f"/v1/pilots/{asked}/similar?limit=50", PUBLISHER)
        assert {one["id"] for one in found["items"]} <= {"own-early", "own-open", "other-open"}
    draft = {"title": "Электронная очередь"}
    near = (await register.ask("/v1/similar", PUBLISHER, "post", json=draft)).json()
    assert "other-early" not in {one["id"] for one in near["items"]}


async def test_replicas_of_others_that_are_not_public_are_not_told_to_a_publisher(register: Register) -> None:
    copies = tuple(Replica(pilot=id_, number=f"N-{id_}") for id_ in ("other-early", "other-open"))
    await register.put(pilot("own-open", replicas=copies))
    linked = [
        timeline_row("own-open", n, ReplicaLinkedV1.TYPE, replica=one.pilot, replica_number=one.number)
        for n, one in enumerate(copies, 10)
    ]
    await register.store.put(TIMELINE, linked)
    paths = ("", "/replicas", "/timeline")
    told = [json.dumps(await register.get(f"/v1/pilots/own-open{path}", PUBLISHER)) for path in paths]
    told.append(json.dumps(await register.get("/v1/changes", PUBLISHER)))
    assert not [one for one in told if "other-early" in one]
    assert all("other-open" in one for one in told)
    scaling = await register.get("/v1/figures/scaling", PUBLISHER)
    assert scaling["totals"]["replicas"] == 1


async def test_the_change_feed_names_pilots_and_to_who_may_know_it_persons(register: Register) -> None:
    await register.put(pilot("own-open"))
    rows = await register.store.rows(TIMELINE, {}, sort=[("_id", 1)], limit=100)
    acting = rows[0]["actor"]["id"]
    await register.store.put(PERSONS, [{"_id": acting, "name": "Образцова Мария Примеровна"}])
    for who, persons in ((AUDITOR, {acting: "Образцова Мария Примеровна"}), (PUBLISHER, {})):
        told = await register.get("/v1/changes", who)
        assert told["persons"] == persons
        for one in told["items"]:
            assert one["number"] == f"N-{one['subject']}" and one["title"].endswith(one["subject"])


async def test_a_publisher_without_organisation_is_refused_everywhere(register: Register) -> None:
    for method, path in sorted(POLICY["registry"]):
        if "publisher" in POLICY["registry"][method, path]:
            answer = await register.ask(path.replace("{pilot}", "own-open"), NOBODYS, method, json=BODIES.get(path))
            assert (answer.status_code, answer.json()["title"]) == (403, "auth.organisation"), path


@pytest.mark.parametrize("role", [*INSIDE, "expert", "ops"])
async def test_who_publishes_and_has_another_role_sees_what_that_role_sees(role: str, register: Register) -> None:
    both, without = Person("u-1", ("publisher", role), OWN), Person("u-1", ("publisher", role))
    inside = role in INSIDE
    assert await register.ids("/v1/pilots", both) == ({*PILOTS} if inside else {"own-early", "own-open", "other-open"})
    assert (await register.ask("/v1/pilots", without)).status_code == (200 if inside else 403)
    assert (await register.ask("/v1/pilots/other-early", both)).status_code == (200 if inside else 404)


async def test_no_field_that_is_not_public_of_anothers_pilot_is_in_any_answer_to_a_publisher(
    register: Register,
) -> None:
    stored, markers = marked()
    listed = public_paths(views.PILOT)
    shut = {one for one, path in markers.items() if named(path) not in listed | IN_SUMS | {SINCE} and len(one) > 3}
    facts = []
    for sequence, kind in enumerate(sorted(REGISTRY.classes), start=1):
        fact, own = marked_fact(full_fact(REGISTRY.classes[kind]), sequence)
        opened = {f"what.{path}" for path in public_paths(views.PUBLIC_FACTS.get(kind, ()))}
        if kind in views.PUBLIC_FACTS:
            opened |= {f"basis.{name}" for name in ("body", "kind", "number", "date")}
        shut |= {one for one, path in own.items() if named(path) not in opened and len(one) > 3}
        facts.append(fact)
    await register.put(stored)
    await register.store.put(TIMELINE, facts)
    paths = [path for method, path in POLICY["registry"] if method == "get" and path.startswith("/v1/")]
    paths = [path for path in paths if "export" not in path and "parked" not in path]
    answers = [await register.ask(path.replace("{pilot}", "marked"), PUBLISHER) for path in paths]
    for marker in markers:
        answers += [await register.ask(f"/v1/{one}", PUBLISHER, params={"q": marker}) for one in ("search", "facets")]
    said = "\n".join(f"{answer.headers} {answer.text}" for answer in answers)
    assert len(shut) > 400 and "marked" in said
    assert not [one for one in shut if one in said]
    for marker in shut & markers.keys():
        found = await register.get(f"/v1/search?q={marker}", PUBLISHER)
        assert found["count"]["value"] == 0, markers[marker]


# ---- a conflict of interest


async def test_a_conflict_hides_a_pilot_from_the_person_on_every_route_in_every_role(register: Register) -> None:
    await hide(register, "own-open")
    for role in READERS:
        who, colleague = Person(CONFLICTED, (role, "expert"), OWN), Person("u-5", (role,), OWN)
        for path in OF_A_PILOT:
            hidden = await register.ask(path.replace("{pilot}", "own-open"), who)
            unknown = await register.ask(path.replace("{pilot}", "unknown"), who)
            assert (hidden.status_code, hidden.json()) == (404, unknown.json()), (role, path)
            assert "ETag" not in hidden.headers
            assert (await register.ask(path.replace("{pilot}", "own-open"), colleague)).status_code == 200
            assert (await register.ask(path.replace("{pilot}", "own-early"), who)).status_code == 200


async def test_nobody_acts_on_a_pilot_that_a_conflict_hides(register: Register) -> None:
    await hide(register, "own-open")
    for role, step in [(role, step) for role, steps in LIFE.items() for step in steps]:
        who, body = Person(CONFLICTED, (role,)), BODIES[f"/v1/pilots/{{pilot}}/{step}"]
        for headers in ({"If-Match": '"3"', "Idempotency-Key": "k"}, {}):
            asked = [
                await register.ask(f"/v1/pilots/{id_}/{step}", who, "post", json=body, headers=headers)
                for id_ in ("own-open", "unknown")
            ]
            assert [one.status_code for one in asked] == [404, 404], step
            assert asked[0].json() == asked[1].json()


@pytest.mark.parametrize("role", READERS)
async def test_no_list_count_facet_figure_or_change_tells_of_what_a_conflict_hides(
    role: str, register: Register
) -> None:
    before = Person(CONFLICTED, (role,), OWN)
    rest = (await register.ids("/v1/pilots", before)) - {"own-open"}
    figures_before = {path: await register.ask(path, before) for path in FIGURES}
    await hide(register, "own-open")
    for path in LISTS:
        assert await register.ids(path, before) == rest, path
    counted = await register.get("/v1/pilots?count=true", before)
    assert counted["count"]["value"] == len(rest)
    assert (await register.get("/v1/facets", before))["count"]["value"] == len(rest)
    assert (await register.get("/v1/figures/funnel", before))["pilots"] == len(rest)
    money = await register.get("/v1/money?group_by=agency", before)
    assert sum(one["pilots"] for one in money["items"] if one["stage"] == "planned") <= len(rest)
    told = await register.get("/v1/changes", before)
    assert "own-open" not in {one["subject"] for one in told["items"]}
    similar = [await register.get(f"/v1/pilots/{id_}/similar?limit=50", before) for id_ in rest]
    assert "own-open" not in json.dumps(similar)
    for path in FIGURES:
        old, new = figures_before[path], await register.ask(path, before)
        again = await register.ask(path, before, headers={"If-None-Match": old.headers["ETag"]})
        assert again.status_code == (304 if new.json() == old.json() else 200), "an answer stands as long as it is true"


async def test_the_public_view_stays_the_same_for_everybody(register: Register) -> None:
    paths = ("pilots", "pilots/own-open", "pilots/own-open/timeline", "search", "facets")
    before = [(await register.ask(f"/public/v1/{path}", None)).json() for path in paths]
    await hide(register, "own-open")
    for who in (None, Person(CONFLICTED, ("auditor",))):
        assert [(await register.ask(f"/public/v1/{path}", who)).json() for path in paths] == before


async def test_a_conflict_that_was_dismissed_hides_nothing_any_more(register: Register) -> None:
    who = Person(CONFLICTED, ("auditor",))
    await hide(register, "own-open")
    assert await register.ids("/v1/pilots", who) == {*PILOTS} - {"own-open"}
    await register.put(pilot("own-open", hidden_from=("u-9",)))
    assert await register.ids("/v1/pilots", who) == await register.ids("/v1/search", who) == {*PILOTS}


async def test_a_hidden_pilot_is_not_told_as_replica_or_parent_of_another(register: Register) -> None:
    copy = Replica(pilot="other-open", number="N-other-open")
    await register.put(pilot("own-open", replicas=(copy,)), pilot("own-early", replicas=()))
    child = pilot("own-early")
    child["state"]["application"]["replicates"] = "other-open"
    await register.put(child)
    linked = {"replica": "other-open", "replica_number": "N-other-open"}
    await register.store.put(TIMELINE, [timeline_row("own-open", 10, ReplicaLinkedV1.TYPE, **linked)])
    who, paths = Person(CONFLICTED, ("auditor",)), ("", "/replicas", "/timeline")
    assert "other-open" in json.dumps([await register.get(f"/v1/pilots/own-open{path}", who) for path in paths])
    await hide(register, "other-open")
    assert "other-open" not in json.dumps([await register.get(f"/v1/pilots/own-open{path}", who) for path in paths])
    parent = (await register.get("/v1/pilots/own-early/replicas", who))["parent"]
    assert parent == {"named": "other-open", "pilot": None, "number": None, "title": None, "stage": None}


@pytest.mark.parametrize("role", READERS)
async def test_from_whom_a_pilot_is_hidden_is_told_to_nobody(role: str, register: Register) -> None:
    await hide(register, "own-open", "own-early")
    who = Person("u-5", (role,), OWN)
    paths = [path.replace("{pilot}", "own-open") for path in OF_A_PILOT]
    paths += [*LISTS, "/v1/changes"]
    said = "".join([(await register.ask(path, who)).text for path in paths])
    assert CONFLICTED not in said and "hidden_from" not in said
    kinds = [one["type"] for one in (await register.get("/v1/pilots/own-open/timeline", who))["items"]]
    assert (ConflictNotedV1.TYPE in kinds) == (role != "publisher"), "an applicant is not told that there is one"


async def test_what_the_ids_of_hidden_pilots_are_asked_by_is_an_index(register: Register) -> None:
    await hide(register, "own-open")
    found = await register.store.rows(
        "subjects",
        {"state.hidden_from": {"$eq": CONFLICTED, "$type": "string"}},
        sort=[("_id", 1)],
        limit=5,
        fields=["_id"],
        hint=(("state.hidden_from", 1), ("_id", 1)),
    )
    assert [one["_id"] for one in found] == ["own-open"]


def test_the_matrix_knows_every_reading_route_of_the_register() -> None:
    known = {*OF_A_PILOT, "/v1/pilots", "/v1/search", "/v1/facets", "/v1/changes", "/v1/money", *FIGURES}
    reading = {
        path
        for method, path in POLICY["registry"]
        if method == "get"
        and re.match("/v1/(?!agencies|balance|exports|hooks|parked|reading|withheld|me/|persons)", path)
    }
    assert reading == known


async def test_no_text_of_another_pilot_tells_of_one_that_is_hidden(register: Register) -> None:
    number = "ПП-2026-000007"
    talks = pilot("other-open")
    talks["state"]["application"]["title"] = f"Вместо {number} и {number.lower()}"
    mine = pilot("own-early")
    mine["state"]["application"]["title"] = f"Моё взамен {number}"
    await register.put(talks, mine, pilot("other-early", number=number))
    said = {"summary": f"Вместо {number} и {number}"}
    kind = "pilots.registry.progress-recorded.v1"
    await register.store.put(TIMELINE, [timeline_row("other-open", 9, kind, **said)])
    conflicted = Person(CONFLICTED, ("auditor",))
    paths = [path.replace("{pilot}", "other-open") for path in sorted(PUBLIC_TOO)]
    asked = [*paths, "/v1/pilots?id=other-open", "/v1/search?q=вместо", "/v1/changes"]
    seen = [json.dumps(await register.get(path, conflicted), ensure_ascii=False) for path in asked]
    assert sum(number in one for one in seen) >= 4, "until there is a conflict"
    await hide(register, "other-early", number=number)
    for who in (PUBLISHER, conflicted):
        told = [(await register.ask(path, who)).text for path in asked]
        assert not [path for path, one in zip(asked, told, strict=True) if f"Вместо {number}" in one], who
        assert sum(f"Вместо {MASK} и {MASK}" in one for one in told) >= 3, who
    timeline = json.dumps(await register.get("/v1/pilots/other-open/timeline", conflicted), ensure_ascii=False)
    assert f"Вместо {MASK} и {MASK}" in timeline
    assert number in (await register.get("/v1/pilots/own-early", PUBLISHER))["title"], "an own text is the own one"
