"""`./lotsman top` shows what a real service answers, as it changes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from textual.widgets import DataTable, Static

from contracts.topics import fact_topic
from deploy.local.keys import service_env, token
from deploy.top.asking import answers_of
from deploy.top.view import Top
from services.chassis.auth import Keys
from services.chassis.engine import Engine
from services.chassis.figures import Answers
from services.chassis.readiness import NotReady
from services.chassis.stalled import Place
from services.chassis.watching import Watch
from services.chassis.web import make_app
from tests.kit.engine.engines import Make
from tests.kit.engine.tiny import Clock, Note, Topic, claimed

FAULTS: dict[str, Exception] = {}


async def _fine() -> None:
    """It is as it should be."""


async def _lags() -> None:
    if "lag" in FAULTS:
        raise FAULTS["lag"]


@pytest.fixture
def app(make: Make, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """A whole app of a service on a real database, with its metrics counted anew each time."""
    monkeypatch.setattr("services.chassis.watching.AFRESH", -1.0)
    monkeypatch.setattr("services.chassis.watching.WITHIN", 30.0)  # a busy machine counts slowly
    engine, env = make(), service_env(tmp_path)

    async def places() -> list[Place]:
        return [Place("pilots.intake.v1", 0, 3, 10), Place("pilots.intake.v1", 1, 4, 6)]

    async def terms(_store: object, _now: object) -> Mapping[str, int]:
        return {"running": 1234, "nearing": 5, "breached": 1}

    keys = Keys(env["LOTSMAN_JWKS"], env["LOTSMAN_ISSUER"], env["LOTSMAN_AUDIENCE"])
    made = make_app("Lotsman tiny", keys, engine, {"mongo": _fine}, lesser={"lag": _lags})
    made.state.watch = Watch("registry", engine.store, clock, places, terms).look
    return made


def cells(app: Top, table: str) -> list[list[str]]:
    """What a table shows."""
    shown = app.query_one(f"#{table}", DataTable)
    return [[str(cell) for cell in shown.get_row_at(row)] for row in range(shown.row_count)]


async def test_the_screen_shows_what_a_service_answers_and_how_it_changes(
    app: FastAPI, clock: Clock, tmp_path: Path
) -> None:
    engine: Engine = app.state.engine
    left, times = Topic("left"), iter(float(n) for n in range(100, 1000, 2))
    urls = {"registry": "http://registry", "intake": "http://127.0.0.1:1"}

    async def ask() -> Mapping[str, Answers]:
        both = {name: {name: url} for name, url in urls.items()}
        transport = httpx.ASGITransport(app)
        found = await answers_of(both["registry"], lambda: token(tmp_path, ["ops"]), transport, lambda: next(times))
        return {**found, **await answers_of(both["intake"], lambda: "x")}

    screen = Top(ask, every=3600)
    async with screen.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        [service, away] = cells(screen, "services")
        assert service[:2] == ["registry", "ready"] and service[4:7] == ["–"] * 3, "a rate needs two looks"
        assert away[1] == "does not listen" and set(away[2:]) == {"–"}
        assert cells(screen, "lag") == [["registry", "pilots.intake.v1", "9", "7"]]
        assert cells(screen, "terms") == [["registry", "1 234", "5", "1", "–"]]

        await engine.records([left.record("p1", 1, "a"), left.record("p2", 2, "b"), left.record("p3", 1, "explode")])
        await engine.command(claimed("p4", "k-1", Note(("c", "d"))))
        clock.forward(seconds=90)
        FAULTS["lag"] = NotReady("9 facts of other services are not taken yet")
        await pilot.press("r")
        await pilot.pause()
        [service, _] = cells(screen, "services")
        assert service[1] == "not ready · lag: 9 facts of other services are not taken yet"
        assert [float(one) for one in service[4:6]] == [2.0, 0.5], "four inputs and one sent fact in two seconds"
        [row, _] = cells(screen, "waiting")
        assert row == ["registry", "9", "90 s", "0", "0 s", "1", "1", "1", row[-1]]
        groups = cells(screen, "parked")
        assert {(one[1], one[3], one[5]) for one in groups} == {
            ("waiting", "1", fact_topic("left")),
            ("broken", "1", fact_topic("left")),
        }
        await pilot.press("p")
        assert "it stands still" in str(screen.query_one("#moment", Static).render())
        FAULTS.clear()
        await pilot.press("q")


async def test_a_program_is_told_the_same_once(
    app: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from deploy.cli import top as verb

    async def found(urls: Mapping[str, str], bearer: Any) -> Mapping[str, Answers]:
        return await answers_of(urls, bearer, httpx.ASGITransport(app))

    monkeypatch.setattr(verb, "answers_of", found)
    told = await verb._once({"registry": "http://registry"}, lambda: token(tmp_path, ["ops"]), 0.01)
    assert json.loads(json.dumps(told))["terms"][0] | {"running": "1 234", "service": "registry"} == told["terms"][0]
    assert told["services"][0]["state"] == "ready"
