"""Each index of a service has a list that is read by it, each list its index: on a real mongod, with many rows."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from bench.copies import Copies
from bench.filling import fill
from bench.pilots import Shelf
from contracts.event import wire_moment
from contracts.freeze import example
from contracts.rules import load
from deploy.local.databases import build_indexes
from deploy.progress import Task
from services.chassis import choosing, repairing
from services.chassis.cluster import Place
from services.chassis.engine import Engine
from services.chassis.exports import worker
from services.chassis.exports.waiting import OPEN, open_of
from services.chassis.hooks import rows as hooks
from services.chassis.hooks.address import Allowed
from services.chassis.hooks.delivering import Sender
from services.chassis.hooks.kind import Kind
from services.chassis.hooks.post import Post
from services.chassis.hooks.signing import Sealer
from services.chassis.marks import Behind
from services.chassis.own_editions import BY_EDITION, need_stored
from services.chassis.parking import PERSONAL
from services.chassis.recalendar import INDEX as COUNTED_BY
from services.chassis.recalendar import recalendar
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.sight import Sight as Eyes
from services.chassis.store import BY_AGE as BY_AGE_PARKED
from services.chassis.store import (
    BY_AGENCY,
    BY_CAUSE,
    BY_ID,
    HIDDEN,
    IN_SERIES,
    OF_AGENCY,
    OF_GROUP,
    OLDEST_FIRST,
    PARKED,
    REPAIRS,
    SUBJECTS,
    VERDICTS,
    Keys,
    Row,
    open_client,
)
from services.chassis.ties import TIED
from services.chassis.web import cursor_text, make_app
from services.expertise import exports
from services.expertise import queries as of_expertise
from services.expertise.documents.shelf import FREE, PRINTING
from services.expertise.handlers import NOTICES, tied_to
from services.expertise.mail.queue import Mailer, MailSettings
from services.expertise.service import SERVICE as EXPERTISE
from services.expertise.sight import Sight
from services.intake import queries as of_intake
from services.intake import sent
from services.intake.api import make_router
from services.intake.balance import struck
from services.intake.broken import BROKEN, COUNTED
from services.intake.contacts import LATEST, READINGS, tidy
from services.intake.hooks import KIND as INTAKES_HOOKS
from services.intake.importing import asked as asked_for
from services.intake.importing.work import Importer
from services.intake.lost import OPEN as OPEN_VERDICTS
from services.intake.queries import OWN_NUMBER, of_own_number
from services.intake.receipts import ANSWERS, IN_ORDER, JOURNAL, OF_A_PILOT
from services.intake.sent import BY_AGE, BY_PILOT, SENT
from services.intake.service import RULES
from services.intake.service import SERVICE as INTAKE
from services.registry import handlers, ties
from services.registry import queries as of_registry
from services.registry.exports.files import begin
from services.registry.exports.rows import making
from services.registry.handlers import TIMELINE
from services.registry.hooks import KIND as REGISTERS_HOOKS
from services.registry.service import SERVICE as REGISTRY
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import Broker, Clock, numbered
from tests.kit.expertise.world import EXPERTS, World, application, book, multiply
from tests.kit.people import Person, Tokens
from tests.kit.registry.http import Register
from tests.kit.watched import Watched, said

MANY: Final = 2_600
BOTH: Final = Person("expert-007", ("expert", "operator"))
OFFICER: Final = Person("officer-1", ("officer", "auditor"))
PUBLISHER: Final = Person("u-1", ("publisher",), "agency-03")
Ask = Callable[[], Awaitable[Any]]
Lists = Mapping[str, tuple[str, Keys, Ask]]
"""Each list with the collection and the index that it is read by."""


@asynccontextmanager
async def watched(mongo_url: str) -> AsyncIterator[Watched]:
    """A store on a database of its own."""
    client, name = open_client(mongo_url), f"test_{uuid4().hex[:12]}"
    yield Watched(client, name)
    await client.drop_database(name)
    client.close()


async def each_by_its_index(store: Watched, service: Service, lists: Lists) -> None:
    for name, (collection, keys, ask) in lists.items():
        store.asked.clear()
        await ask()
        plans = [await store.plan_of(asked) for asked in store.asked]
        found = said(plans, "stage")
        assert not found & {"SORT", "COLLSCAN"}, (name, found)
        assert "_".join(f"{field}_{way}" for field, way in keys) in said(plans, "indexName"), (name, plans)
        ways = ("find", "count", "aggregate", "distinct")
        assert collection in {asked[way] for asked in store.asked for way in ways if way in asked}, name
    there = {(collection, tuple(keys)) for collection, some in service.indexes.items() for keys in some}
    there.add((SUBJECTS, HIDDEN))  # of every service
    assert {(collection, keys) for collection, keys, _ in lists.values()} == there, "an index that no list is read by"


async def _hooked(store: Watched, app: FastAPI, kind: Kind, role: str) -> Lists:
    """Hooks with many deliveries, and the lists of them."""
    some = [{"_id": f"hook-{n}", "owner": f"agency-{n % 9:02}", **A_HOOK} for n in range(200)]
    await store.put(hooks.HOOKS, some)
    await store.put(hooks.DELIVERIES, [_delivery(n) for n in range(MANY)])
    until = {"by": None, "until": hooks.NEVER, "stirred": "s", "last": 1, "tries": 0}
    said = {
        "address": "https://hooks.example.test/",
        "why": "gone",
        "failing_since": A_HOOK["since"],
        "at": "2026-03-02T09:00:00.000Z",
    }
    told = [{"_id": f"n-{n}", "hook": "h", "owner": f"agency-{n % 9:02}", **said} for n in range(MANY)]
    await store.put(hooks.SAID, [{**one, "keep_until": _delivery(n)["keep_until"]} for n, one in enumerate(told)])
    lines = [{"_id": f"l-{n}", "hook": f"hook-{n % 3}", "pilot": f"p-{n}", **until} for n in range(MANY)]
    await store.put(hooks.LINES, lines)
    sender = Sender(kind, store, Settings(), Clock(), Post(Allowed(), 1, at_once=1), Sealer("k" * 32))

    def of(path: str) -> Ask:
        return lambda: _asked(app, f"/v1/hooks{path}", Person("u-1", (role,), "agency-01"))

    def of_admin(path: str) -> Ask:
        return lambda: _asked(app, f"/v1/hooks{path}", Person("u-5", ("admin",), "operator"))

    return {
        "hooks": (hooks.HOOKS, hooks.OF_OWNER, of("")),
        "deliveries of a hook": (hooks.DELIVERIES, hooks.OF_HOOK, of("/hook-1/deliveries")),
        "deliveries by state": (hooks.DELIVERIES, hooks.OF_STATE, of("/hook-1/deliveries?state=failed")),
        "the next of a line": (
            hooks.DELIVERIES,
            hooks.IN_LINE,
            lambda: hooks.next_of_line(store, "hook-1", "p-1"),
        ),
        "deliveries that are old": (hooks.DELIVERIES, hooks.OLD, sender.tidy),
        "notices": (hooks.SAID, hooks.OF_WHOM, of("/notices")),
        "notices of all": (hooks.SAID, hooks.LATEST, of_admin("/notices")),
        "notices that are old": (hooks.SAID, hooks.OLD, sender.tidy),
        "free lines": (hooks.LINES, hooks.FREE, lambda: hooks.first_free(store, "hook-1", 4)),
    }


A_HOOK: Final[Row] = {
    "by": "u-1",
    "address": "https://hooks.example.test/",
    "note": None,
    "since": datetime(2026, 3, 2, tzinfo=UTC),
    "secrets": [],
    "failing_since": None,
    "off": None,
}


def _delivery(n: int) -> Row:
    hook = hooks.Hook.of({"_id": f"hook-{n % 3}", "owner": "agency-01", **A_HOOK})
    item = hooks.Item(f"e-{n}", f"p-{n % 50}", None, f"2026-03-02T09:00:{n % 60:02}.000Z")
    state = "sent" if n % 20 else "failed"
    return {**hooks.delivery(hook, item, n, datetime(2020 + n % 9, 1, 1, tzinfo=UTC)), "state": state}


async def _asked(app: FastAPI, path: str, who: Person) -> None:
    headers = {"Authorization": f"Bearer {who.token}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        answer = await client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text


async def test_of_the_register(mongo_url: str) -> None:
    async with watched(mongo_url) as store:
        await fill(store, Copies(Shelf(), MANY), Task(""))
        await build_indexes(store, REGISTRY.indexes)
        await store.put(worker.WORK, [{"_id": "old", "remove_at": datetime(2020, 1, 1, tzinfo=UTC)}])
        register = Register(store)
        await register.enter("p")
        await register.settle()
        hooked = await _hooked(store, register.app, REGISTERS_HOOKS, "subscriber")
        await each_by_its_index(store, REGISTRY, {**_lists_of_the_register(register, store), **hooked})


async def test_expertise_and_the_register_do_not_start_without_an_edition_that_their_pilots_follow(
    mongo_url: str,
) -> None:
    async with watched(mongo_url) as store:
        for service in (EXPERTISE, REGISTRY):
            await service.begin(store, datetime.now(UTC))
        followed = {"rev": 1, "kind": "pilot", "state": {"edition": "ministry-2026"}}
        await store.put(
            SUBJECTS, [{"_id": "p-1", **followed, "state": {"edition": "by-2024"}}, {"_id": "p-2", **followed}]
        )
        for service in (EXPERTISE, REGISTRY):
            with pytest.raises(Behind, match="not known here: ministry-2026 .of stored pilots"):
                await service.begin(store, datetime.now(UTC))


def _lists_of_the_register(register: Register, store: Watched) -> Lists:
    making_files = worker.Worker(register.engine, making(register.app, store), begin, worker.Options())

    def pilots(query: str) -> Ask:
        return lambda: register.get(f"/pilots?{query}")

    def by(*fields: str) -> Keys:
        return (("kind", 1), *((f"state.{field}", 1) for field in fields), *of_registry.NEWEST)

    sector = "application.sector"
    of_pilots: dict[str, tuple[Keys, Ask]] = {
        "pilots": (by(), pilots("")),
        "pilots by stage": (by("stage"), pilots("stage=running")),
        "pilots by agency": (by("agency"), pilots("agency=agency-03")),
        "pilots by sector": (by(sector), pilots("sector=health")),
        "pilots by agency and stage": (by("agency", "stage"), pilots("agency=agency-03&stage=running")),
        "pilots by agency and sector": (by("agency", sector), pilots("agency=agency-03&sector=health")),
        "pilots by sector and stage": (by(sector, "stage"), pilots("sector=health&stage=running")),
        "pilots by number": (by("number"), pilots("number=N-1")),
        "pilots that are hidden": (HIDDEN, pilots("number=N-1")),
        "pilots as of a day by stage": (of_registry.BY_STAGE, pilots("as_of=2025-05-01&stage=running")),
        "pilots as of a day by sector": (of_registry.BY_SECTOR, pilots("as_of=2025-05-01&sector=health")),
        "pilots as of a day by sector and stage": (
            of_registry.BY_SECTOR_AND_STAGE,
            pilots("as_of=2025-05-01&sector=health&stage=running"),
        ),
        "pilots as of a day by agency and stage": (
            of_registry.BY_AGENCY_AND_STAGE,
            pilots("as_of=2025-05-01&agency=agency-03&stage=running"),
        ),
        "a list that is taken out": (
            of_registry.BY_KIND,
            lambda: making(register.app, store)("pilots", "u-1", {}, None, 10),
        ),
        "replicas entered before": (
            (("kind", 1), ("state.application.replicates", 1), ("_id", 1)),
            lambda: handlers._entered_before(store, {"p": "N-1", "q": "N-2"}),
        ),
        "entries that the parties of an application tie to it": (
            TIED,
            lambda: ties.of_parties(store, [application()]),
        ),
        "terms to be counted anew": (COUNTED_BY, lambda: recalendar(register.engine)),
        "editions of pilots": (BY_EDITION, lambda: need_stored(store, "pilot", load())),
        "terms of its own": (of_registry.OWN_TERMS, lambda: of_registry.terms(store, register.engine.now())),
    }
    then = datetime(2020, 1, 1, tzinfo=UTC)

    def recorded() -> Awaitable[Any]:
        return REGISTERS_HOOKS.earlier(store, "other-system", then, then + timedelta(days=4000), 10)

    return {
        **{name: (SUBJECTS, keys, ask) for name, (keys, ask) in of_pilots.items()},
        **_lists_of_exports(store, making_files, lambda: register.get("/exports")),
        "what was recorded before a hook": (TIMELINE, of_registry.AS_RECORDED, recorded),
        "timeline": (TIMELINE, of_registry.IN_ORDER, lambda: register.get("/pilots/p/timeline")),
    }


def _lists_of_exports(store: Watched, making_files: worker.Worker, ask: Ask) -> Lists:
    """What is read of lists that are taken out, in every service that gives them out."""
    return {
        "exports": (SUBJECTS, (("kind", 1), *worker.NEWEST), ask),
        "exports to be made": (SUBJECTS, OPEN, making_files.turn),
        "exports of a person that are on their way": (SUBJECTS, OPEN, lambda: open_of(store, "u-1", 5)),
        "whether an export is open": (SUBJECTS, OPEN, making_files.ahead),
        "files that are too old": (worker.WORK, (("remove_at", 1),), making_files.turn),
        "rows of an export": (worker.PARTS, (("export", 1), ("place", 1)), lambda: worker.progress(store, "old")),
        "pieces of a file": (worker.FILES, (("export", 1),), lambda: making_files._drop(worker.FILES, "old")),
    }


async def test_of_the_expertise(mongo_url: str) -> None:
    async with watched(mongo_url) as store:
        world = await World(store, book()).prepare()
        await multiply(world, MANY)
        await store.put(worker.WORK, [{"_id": "old", "remove_at": datetime(2020, 1, 1, tzinfo=UTC)}])
        for one in EXPERTS[:40]:
            await world.enter(one)
        await world.ask(
            "put",
            "/teams/one",
            Person("admin-1", ("admin",)),
            {"name": "Г", "members": [BOTH.id], "sectors": ["health"]},
        )
        await each_by_its_index(store, EXPERTISE, _lists_of_the_expertise(world, store))


def _lists_of_the_expertise(world: World, store: Watched) -> Lists:
    def of(path: str) -> Ask:
        return lambda: world.get(path, BOTH)

    async def work() -> None:
        asked = of_expertise.work_of(Sight(BOTH.id, all_cases=True), "expert-009")
        await store.rows(SUBJECTS, asked.query, sort=asked.order, limit=50, hint=asked.index)

    rows_of = exports.making(world.app, store)
    making_files = worker.Worker(world.engine, rows_of, exports.begin, worker.Options())
    letters = Mailer(store, MailSettings(smtp_url="smtp://127.0.0.1:1", smtp_from="a@example.test"), load())
    of_cases: dict[str, tuple[Keys, Ask]] = {
        "queue of what is open": (of_expertise.OPEN, of("/reviews?view=open")),
        "queue of what waits for applicants": (of_expertise.WAITING, of("/reviews?view=waiting-applicant")),
        "queue of an expert": (of_expertise.SEATED, of("/reviews?view=open&expert=expert-009")),
        "cases in which an expert owes an opinion": (of_expertise.WORKING, work),
        "board by role": (of_expertise.OWED_BY, of("/board?by=approver")),
        "board by person": (of_expertise.OWED_WHO, of("/board?who=expert-009")),
        "cases that are hidden": (HIDDEN, of("/me/notices")),
        "cases": (of_expertise.ALL, of("/reviews")),
        "cases by number": (of_expertise.NUMBERED, of("/reviews?number=ПП-2026-000777")),
        "cases of an expert": (of_expertise.OF_EXPERT, of("/reviews?expert=expert-009")),
        "cases by agency": (of_expertise.OF_AGENCY, of("/reviews?agency=agency-3")),
        "cases by sector": (of_expertise.OF_SECTOR, of("/reviews?sector=health")),
        "cases by status": (of_expertise.OF_STATUS, of("/reviews?status=to-approve")),
        "teams": (of_expertise.ENTRIES, of("/teams")),
        "experts by competence": (of_expertise.COMPETENT, of("/experts?sector=health")),
        "entries that the parties of a case tie to it": (TIED, lambda: tied_to(store, [application()])),
        "teams of a person": (of_expertise.MEMBERS, of("/reviews?view=team")),
        "terms to be counted anew": (COUNTED_BY, lambda: recalendar(world.engine)),
        "editions of cases": (BY_EDITION, lambda: need_stored(store, "pilot", load())),
        "cases that are taken out": (of_expertise.NUMBERED, lambda: rows_of("cases", "u-1", {}, None, 10)),
    }
    return {
        **{name: (SUBJECTS, keys, ask) for name, (keys, ask) in of_cases.items()},
        **_lists_of_exports(store, making_files, lambda: world.get("/exports", Person("au-1", ("auditor",)))),
        "notices": (NOTICES, of_expertise.PERSONS_NOTICES, of("/me/notices")),
        "notices not read": (NOTICES, of_expertise.UNREAD_NOTICES, of("/me/notices?unread=true")),
        "letters to be sent": (NOTICES, (("mailed.until", 1), ("time", 1)), letters._waiting),
        "conclusions to be printed": (PRINTING, FREE, world.press.turn),
        "the next conclusion to be printed": (PRINTING, FREE, world.press.ahead),
    }


async def test_of_intake(mongo_url: str) -> None:
    async with watched(mongo_url) as store:
        await store.prepare(INTAKE.indexes)
        await store.put(SUBJECTS, [*map(_application, range(MANY)), *map(_agency, range(100))])
        await store.put(SUBJECTS, [{**_application(n), "_id": f"p-{2 * n}"} | _numbered(n) for n in range(150)])
        await store.put("receipts", list(map(_receipt, range(MANY))))
        await store.put(PARKED, [{"_id": f"x-{n}", "event_id": f"e-{n}", "topic": "t"} for n in range(MANY)])
        clock = Clock()
        engine = Engine(INTAKE, store, Broker(), now=clock, new_id=numbered("e"), calendars=CALENDARS)
        app = make_app("Lotsman intake", Tokens(), engine, {})
        app.state.agencies = INTAKE.agencies(store, clock, Settings())
        app.include_router(make_router(RULES))
        hooked = await _hooked(store, app, INTAKES_HOOKS, "publisher")
        await each_by_its_index(store, INTAKE, {**_lists_of_intake(app, engine), **hooked})


async def test_of_proposals_for_parked_records_in_every_service(mongo_url: str) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    row = {"subject": None, "at": at, "kind": "discard", "why": "Проба.", "by": "u-1", "was": b"{}", "becomes": None}
    row |= {"settled_by": None, "settled_at": None, "verdict": None}
    lists = {"": repairing.NEWEST, "&state=proposed": repairing.OF_STATE}
    lists["&state=declined&state=approved"] = repairing.OF_STATE
    async with watched(mongo_url) as store:
        await store.prepare({})
        states = ("proposed" if n % 40 == 0 else "declined" if n % 3 else "approved" for n in range(MANY))
        some = [{"_id": f"r-{n}", "record": f"t/0/{n}", "state": one, **row} for n, one in enumerate(states)]
        await store.put(REPAIRS, some)
        engine = Engine(INTAKE, store, Broker(), now=Clock(), new_id=numbered("e"), calendars=CALENDARS)
        app = make_app("Lotsman intake", Tokens(), engine, {})
        app.include_router(make_router(RULES))
        for query, keys in lists.items():
            for part in ("", f"&after={cursor_text([at, 'r-1'])}"):
                store.asked.clear()
                await _asked(app, f"/v1/parked/repairs?count=true{query}{part}", Person("u-1", ("ops",)))
                plans = [await store.plan_of(asked) for asked in store.asked if REPAIRS in asked.values()]
                assert len(plans) == 2 and not said(plans, "stage") & {"SORT", "COLLSCAN"}, (query, plans)
                assert said(plans, "indexName") == {"_".join(f"{field}_{way}" for field, way in keys)}, query


def _parked(number: int) -> Row:
    """A parked fact: of two causes and one that is of many, of two agencies and of nobody's, many of one moment."""
    cause = ("Raised", "Missing", f"gap: intake {number}")[number % 3]
    at = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=number // 500)
    place = {"topic": f"pilots.{('intake', 'registry')[number % 2]}.v1", "partition": number % 12, "offset": number}
    row = {"status": ("waiting", "broken")[number // 3 % 2], "cause": cause, "at": at, "subject": f"p-{number % 99}"}
    agency = (None, "agency-01", "agency-02")[number % 7 % 3]
    more: Row = {"agency": agency, "source": "intake", "sequence": number, "tries": number % 3, "headers": []}
    return {"_id": f"{place['topic']}/{place['partition']}/{number}", "value": b"", **place, **row, **more}


OF_A_GROUP: Final = {"status": "broken", "cause": "Raised", "topic": "pilots.intake.v1"}
CHOSEN: Final[Mapping[str, tuple[Keys, dict[str, Any]]]] = {
    "all that is broken": (BY_AGE_PARKED, {"status": "broken"}),
    "all of a topic since a moment": (BY_AGE_PARKED, {"topic": "pilots.intake.v1", "since": "2026-03-02T00:01:00Z"}),
    "what waits for a service": (BY_AGE_PARKED, {"cause": "gap: intake"}),
    "a cause": (BY_CAUSE, {"cause": "Raised"}),
    "a group": (BY_CAUSE, OF_A_GROUP),
    "a group of an agency": (BY_CAUSE, {**OF_A_GROUP, "agency": "agency-01"}),
    "an agency": (BY_AGENCY, {"agency": "agency-01"}),
    "nobody's": (BY_AGENCY, {"agency": "-", "until": "2026-03-03T00:00:00Z"}),
    "pilots": (IN_SERIES, {"subjects": ["p-1", "p-2"]}),
}


async def test_of_parked_records_in_every_service_each_in_the_order_of_an_index(mongo_url: str) -> None:
    async with watched(mongo_url) as store:
        await store.prepare({})
        await store.put(PARKED, list(map(_parked, range(MANY))))
        for name, (keys, what) in CHOSEN.items():
            asked = choosing.Redrive(**what)
            told, after = list[str](), None
            while True:
                store.asked.clear()
                page = asked.model_copy(update={"limit": 90, "after": after})
                chosen = await choosing.choose(store, page, Eyes("u-1", hidden=frozenset({"p-7"})))
                plans = [await store.plan_of(one) for one in store.asked]
                assert not said(plans, "stage") & {"SORT", "COLLSCAN"}, (name, plans)
                assert said(plans, "indexName") == {"_".join(f"{field}_{way}" for field, way in keys)}, (name, plans)
                told += [row["_id"] for row in chosen.rows]
                if (after := chosen.beyond(90)) is None:
                    break
            rows = [row for row in map(_parked, range(MANY)) if _fits(row, what) and row["subject"] != "p-7"]
            order = [field for field, _ in (IN_SERIES if "subjects" in what else OLDEST_FIRST)]
            assert told == [one["_id"] for one in sorted(rows, key=lambda one: [one[field] for field in order])], name
        engine = Engine(INTAKE, store, Broker(), now=Clock(), new_id=numbered("e"), calendars=CALENDARS)
        app = make_app("Lotsman intake", Tokens(), engine, {})
        by_id = (("status", 1), ("_id", 1))
        lists = {"": by_id, f"?{urlencode(OF_A_GROUP)}": OF_GROUP, "?agency=agency-01": OF_AGENCY}
        lists |= {"?agency=-": OF_AGENCY, f"?{urlencode({**OF_A_GROUP, 'agency': 'agency-01'})}": OF_GROUP}
        lists |= {"/groups": BY_CAUSE, "/groups?agency=agency-01": BY_CAUSE, "/groups?agency=-": BY_AGENCY}
        for query, keys in lists.items():
            store.asked.clear()
            await _asked(app, f"/v1/parked{query}", Person("u-1", ("ops",)))
            plans = [await store.plan_of(asked) for asked in store.asked if PARKED in asked.values()]
            assert len(plans) == 1 and not said(plans, "stage") & {"SORT", "COLLSCAN"}, (query, plans)
            assert said(plans, "indexName") == {"_".join(f"{field}_{way}" for field, way in keys)}, query


def _fits(row: Row, what: Mapping[str, Any]) -> bool:
    cause = what.get("cause", row["cause"])
    since, until = (datetime.fromisoformat(what[one]) if one in what else row["at"] for one in ("since", "until"))
    return (
        row["cause"].startswith(cause)
        and since <= row["at"] <= until
        and row["subject"] in what.get("subjects", [row["subject"]])
        and (row["agency"] or "-") == what.get("agency", row["agency"] or "-")
        and all(row[name] == what.get(name, row[name]) for name in ("status", "topic"))
    )


class NoTopics:
    """A cluster without any topic."""

    async def names(self) -> frozenset[str]:
        """None."""
        return frozenset()

    async def committed(self, _group: str) -> Mapping[Place, int]:
        """Nothing."""
        return {}

    async def bounds(self, places: Iterable[Place]) -> Mapping[Place, tuple[int, int]]:
        """Of none."""
        assert not [*places]
        return {}

    async def records(self, place: Place, first: int, until: int) -> Mapping[int, bytes]:
        """Nothing is looked for."""
        raise AssertionError((place, first, until))


async def store_rows(engine: Engine) -> None:
    """The applications of an own number, whose receipts are then asked for by their pilots."""
    query = of_own_number("agency-03", "n-1")
    await engine.store.rows(SUBJECTS, query, sort=BY_ID, limit=10, hint=OWN_NUMBER)


async def parked_of_an_id(engine: Engine) -> None:
    """What is parked under an event's id: a few, which are sorted in memory."""
    await engine.store.count(PARKED, {"event_id": "e-1", "topic": "t"}, 10)


def _receipt(n: int) -> dict[str, Any]:
    """Half are of one agency, one in twenty of these of an outcome of its own."""
    outcome = "registered" if n % 40 == 0 else "accepted"
    at, agency = f"2026-03-02T09:00:{n % 60:02}.000Z", "agency-03" if n % 2 == 0 else f"agency-{n % 90 + 10}"
    said = {**example("pilots.intake.receipt-issued.v1")["data"], "agency": agency}
    row = {"_id": f"r-{n}", "agency": agency, "outcome": outcome, "pilot": f"p-{n}", "at": at, "receipt": said}
    return {**row, "sequence": n} if n % 3 else row


def _numbered(n: int) -> dict[str, Any]:
    """What an application of one agency, and of one own number with many others, has."""
    state = {**_application(n)["state"], "agency": "agency-03", "application": {"own_number": "n-7"}}
    return {"state": {**state, "number": f"ПП-2025-{n:06}"}}


def _lists_of_intake(app: FastAPI, engine: Engine) -> Lists:
    def of(path: str, who: Person = OFFICER) -> Ask:
        return lambda: _asked(app, f"/v1{path}", who)

    found: dict[str, tuple[Keys, Ask]] = {
        "applications": ((("kind", 1), *of_intake.BY_AGE), of("/applications")),
        "applications of an agency": (
            (("kind", 1), ("state.agency", 1), *of_intake.BY_AGE),
            of("/applications?agency=agency-03"),
        ),
        "applications by status": (
            (("kind", 1), ("state.status", 1), *of_intake.BY_DUE),
            of("/applications?status=registered"),
        ),
        "applications of an agency by status": (
            (("kind", 1), ("state.agency", 1), ("state.status", 1), *of_intake.BY_DUE),
            of("/applications?agency=agency-03&status=registered"),
        ),
        "agencies": ((("kind", 1), *BY_ID), of("/agencies")),
        "applications that are hidden": (HIDDEN, of("/applications")),
        "terms to be counted anew": (COUNTED_BY, lambda: recalendar(engine)),
    }
    at, asked = IN_ORDER, "/receipts?agency=agency-03"
    receipts: Lists = {
        "receipts": ("receipts", (("agency", 1), *at), of(asked)),
        "receipts by outcome": ("receipts", (("agency", 1), ("outcome", 1), *at), of(f"{asked}&status=registered")),
        "receipts of a pilot": ("receipts", (("agency", 1), ("pilot", 1), *at), of(f"{asked}&pilot=p-1")),
        "receipts of a pilot by outcomes": (
            "receipts",
            OF_A_PILOT,
            of(f"{asked}&pilot=p-1&status=registered&status=judged"),
        ),
        "the newest reports of a pilot": (
            "receipts",
            OF_A_PILOT,
            of(f"{asked}&pilot=p-1&status=reported&newest=true"),
        ),
        "receipts of a pilot, the newest first": (
            "receipts",
            (("agency", 1), ("pilot", 1), *at),
            of(f"{asked}&pilot=p-1&newest=true"),
        ),
        "receipts by own number": (
            SUBJECTS,
            (("state.agency", 1), ("state.application.own_number", 1), ("_id", 1)),
            lambda: store_rows(engine),
        ),
        "receipts of many pilots with one own number": (
            "receipts",
            (("agency", 1), ("pilot", 1), *at),
            of(f"{asked}&own_number=n-7&limit=10"),
        ),
        "the next of them": (
            "receipts",
            (("agency", 1), ("pilot", 1), *at),
            of(f"{asked}&own_number=n-7&limit=10&after={cursor_text(['2026-03-02T09:00:30.000Z', None, 'r-30'])}"),
        ),
        "those of an outcome since a moment": (
            "receipts",
            (("agency", 1), ("pilot", 1), *at),
            of(f"{asked}&own_number=n-7&status=accepted&since=2026-03-02T09:00:20Z"),
        ),
        "parked events by their id": ("parked", (("event_id", 1), ("topic", 1)), lambda: parked_of_an_id(engine)),
    }
    importer = Importer(engine)
    beside: Lists = {
        "imports of an agency": (asked_for.IMPORTS, asked_for.NEWEST, of("/imports", PUBLISHER)),
        "imports to be made": (asked_for.IMPORTS, asked_for.TO_DO, importer.turn),
        "imports that are too old": (asked_for.IMPORTS, asked_for.OLD, importer.turn),
        "pieces of a file of an import": (
            asked_for.PIECES,
            asked_for.OF_IMPORT,
            lambda: asked_for.drop(engine.store, "0" * 32),
        ),
        "rules that were broken": (BROKEN, COUNTED, of("/rule-counts?agency=agency-03")),
        "answers, for the balance": (JOURNAL, ANSWERS, lambda: struck(engine.store, NoTopics(), engine.now())),
        "verdicts, for the balance": (VERDICTS, OPEN_VERDICTS, lambda: struck(engine.store, NoTopics(), engine.now())),
        "readings of contact persons": (
            READINGS,
            LATEST,
            of("/applications/0ffcb78f-b347-57f9-ad6a-938099bfcf1e/contact/readings"),
        ),
        "parked records with old personal data": (
            PARKED,
            PERSONAL,
            lambda: tidy(engine.store, engine.now()),
        ),
        "events that were kept for long enough": (SENT, BY_AGE, lambda: sent.tidy(engine.store, engine.now())),
        "events of a pilot": (SENT, BY_PILOT, lambda: sent.forget(engine.store, ["p"], engine.now())),
    }
    return {**receipts, **{name: (SUBJECTS, keys, ask) for name, (keys, ask) in found.items()}, **beside}


def _application(number: int) -> Row:
    """An application as far as a line of the list shows it."""
    moment = wire_moment(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number))
    state: Row = {
        "status": ("registered", "accepted", "returned", "refused")[number % 4],
        "agency": f"agency-{number % 10:02}",
        "number": f"ПП-2026-{number:06}",
        "submitted": moment,
        "received": moment,
        "due_at": moment,
        "edition": "by-2024",
        "calendars": [],
    }
    return {"_id": f"pilot-{number:06}", "kind": "pilot", "version": 1, "state": state}


def _agency(number: int) -> Row:
    state = {"code": f"agency-{number:02}", "name": "Ведомство", "editions": []}
    return {"_id": f"agency:{number:02}", "kind": "agency", "rev": 1, "version": 1, "state": state}
