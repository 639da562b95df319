"""What /metrics tells of what is stored, on a real mongod: ages and counts, by indexes, within a bound of time."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import prometheus_client
import pytest

from contracts.event import wire_moment
from services.chassis.service import Service
from services.chassis.stalled import Place
from services.chassis.store import PARKED, SUBJECTS, Row, Store, open_client
from services.chassis.watching import Watch
from services.expertise.service import SERVICE as EXPERTISE
from services.intake import queries as of_intake
from services.intake.service import SERVICE as INTAKE
from services.registry.service import SERVICE as REGISTRY
from tests.kit.watched import Watched, said

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def told(name: str, **labels: str) -> float | None:
    return prometheus_client.REGISTRY.get_sample_value(name, labels)


@pytest.fixture
async def watched(mongo_url: str) -> AsyncIterator[Watched]:
    client, name = open_client(mongo_url), f"test_{uuid4().hex[:12]}"
    yield Watched(client, name)
    await client.drop_database(name)
    client.close()


def parked(number: int, status: str, subject: str, hours: int, cause: str = "ValueError at x.py:1 in y") -> Row:
    at = NOW - timedelta(hours=hours)
    return {"_id": f"t/0/{number}", "status": status, "subject": subject, "at": at, "cause": cause, "topic": "t"}


async def nowhere() -> list[Place]:
    return []


async def test_what_waits_is_told_with_its_age_and_found_by_indexes(watched: Watched) -> None:
    await watched.prepare(INTAKE.indexes)
    old, fresh = NOW - timedelta(seconds=90), NOW - timedelta(seconds=5)
    waits = [{"_id": f"p-{n}", "outbox": [{"sequence": 1, "at": at}]} for n, at in enumerate((fresh, old, fresh))]
    settled = [{"_id": f"q-{n}", "outbox": []} for n in range(200)]
    late = {"_id": "p-late", "outbox": [], "due": NOW - timedelta(seconds=40)}
    stuck = {"_id": "p-stuck", "outbox": [], "due": NOW + timedelta(minutes=4), "put_off": NOW - timedelta(seconds=360)}
    await watched.put(SUBJECTS, [*waits, *settled, late, stuck])
    rows = [parked(n, "waiting", f"p-{n % 3}", n, f"gap: intake {n} has not arrived") for n in range(1, 7)]
    await watched.put(PARKED, [*rows, parked(9, "broken", "p-9", 30), parked(10, "redriven", "p-10", 90)])

    async def places() -> list[Place]:
        return [Place("pilots.intake.v1", 0, 7, 10), Place("pilots.intake.v1", 1, 4, 4)]

    watch = Watch("intake", watched, lambda: NOW, places, of_intake.terms, lambda: {"demo": NOW})
    watched.asked.clear()
    await watch.look()
    assert told("lotsman_outbox_oldest_seconds") == 90
    assert told("lotsman_timer_late_seconds") == 360, "one that is tried in vain is late however often it is put off"
    assert told("lotsman_parked", status="waiting") == 6
    assert told("lotsman_parked", status="broken") == 1
    assert told("lotsman_parked_oldest_seconds", status="waiting") == 6 * 3600
    assert told("lotsman_parked_oldest_seconds", status="broken") == 30 * 3600
    assert (
        told("lotsman_parked_by_cause", cause="gap") == 6 and told("lotsman_parked_by_cause", cause="ValueError") == 1
    )
    assert told("lotsman_parked_by_cause_oldest_seconds", cause="gap") == 6 * 3600
    assert told("lotsman_agency_key_ends_timestamp_seconds", agency="demo") == NOW.timestamp()
    assert told("lotsman_held_pilots") == 3
    assert told("lotsman_lag_records", topic="pilots.intake.v1", partition="0") == 3
    assert told("lotsman_lag_records", topic="pilots.intake.v1", partition="1") == 0
    plans = [await watched.plan_of(asked) for asked in watched.asked]
    assert len(plans) >= 6
    assert not said(plans, "stage") & {"SORT", "COLLSCAN"}, plans


@pytest.mark.parametrize("service", [INTAKE, EXPERTISE, REGISTRY], ids=lambda one: one.name)
async def test_terms_are_counted_by_indexes(service: Service, watched: Watched) -> None:
    await watched.prepare(service.indexes)

    def clock(due: int, nearing: int) -> dict[str, str | None]:
        return {
            "due_at": wire_moment(NOW + timedelta(hours=due)),
            "nearing_at": wire_moment(NOW + timedelta(hours=nearing)),
        }

    far, soon, over = clock(500, 100), clock(9, -1), clock(-1, -9)
    own: list[list[dict[str, str | None]]] = [
        [far],
        [far, soon],
        [soon],
        [over, far],
        [{"due_at": None, "nearing_at": None}],
        [],
    ]
    rows = [
        {
            "_id": f"p-{n}",
            "kind": "pilot",
            "state": {"own_terms": [{"clock": c} for c in some], "status": "registered", **(some[-1] if some else {})},
        }
        for n, some in enumerate(own)
    ]
    await watched.put(SUBJECTS, rows)
    watched.asked.clear()
    found = await service.terms(watched, NOW)
    expected = {
        "intake": {"running": 6, "nearing": 2, "breached": 0},
        "expertise": {"running": 0, "nearing": 0, "breached": 0, "suspended": 0},
        "registry": {"running": 4, "nearing": 2, "breached": 1},
    }
    assert found == expected[service.name]
    plans = [await watched.plan_of(asked) for asked in watched.asked]
    assert len(plans) == len(found)
    assert "COLLSCAN" not in said(plans, "stage"), plans


async def test_a_database_that_hangs_makes_no_scrape_wait_and_old_figures_say_how_old_they_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch("intake", store, lambda: NOW, nowhere)
    await watch.look()
    assert told("lotsman_watched_seconds") is not None

    async def hangs() -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(store, "oldest_unsent", hangs)
    monkeypatch.setattr("services.chassis.watching.AFRESH", -1.0)
    monkeypatch.setattr("services.chassis.watching.WITHIN", 0.05)
    await asyncio.wait_for(watch.look(), 20)
    assert (told("lotsman_watched_seconds") or 0) > 0.04


async def test_a_balance_that_is_never_struck_is_as_old_as_its_process(store: Store) -> None:
    async def away() -> None:
        raise OSError("no balance today")

    began = time.time()
    watch = Watch("intake", store, lambda: NOW, nowhere, balance=away)
    await watch.look()
    await asyncio.sleep(0)
    struck = told("lotsman_balance_struck_timestamp_seconds")
    assert struck is not None and began <= struck <= time.time(), "0 would never be told as old"


async def test_causes_are_told_by_their_kind_and_no_more_than_twenty_of_them(store: Store) -> None:
    await store.prepare({})
    causes = [f"Kind{chr(65 + n)}Error: of {n}" for n in range(25)] + [
        "тут слова",
        "/data/0: missing",
        "KindAError at y.py:2",
    ]
    await store.put(PARKED, [parked(n, "broken", f"p-{n}", n, cause) for n, cause in enumerate(causes)])
    await Watch("intake", store, lambda: NOW, nowhere).look()
    kinds = {
        sample.labels["cause"]: sample.value
        for metric in prometheus_client.REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "lotsman_parked_by_cause"
    }
    assert len(kinds) <= 21 and sum(kinds.values()) == len(causes)
    assert kinds["KindAError"] == 2 and kinds["others"] >= 5
