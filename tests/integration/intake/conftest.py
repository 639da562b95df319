"""The real intake on a real mongod, with its store, its clock and its HTTP side."""

from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from services.chassis.auth import Caller
from services.chassis.engine import Engine
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.chassis.web import make_app
from services.intake import balance, queries
from services.intake.api import make_router
from services.intake.service import RULES
from services.intake.service import SERVICE as INTAKE
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import Broker, Clock, numbered
from tests.kit.intake.log import Log
from tests.kit.intake.sides import Ask, Make, entered


@pytest.fixture
def make(store: Store, broker: Broker, clock: Clock) -> Make:
    """Replicas of intake on one store, one broker and one clock."""
    number = iter(range(100))

    def made(on: object = store) -> Engine:
        return Engine(
            INTAKE, cast(Store, on), broker, now=clock, new_id=numbered(f"e{next(number)}"), calendars=CALENDARS
        )

    return made


@pytest.fixture
async def indexed(store: Store) -> None:
    """The indexes of intake, for what names them in its queries."""
    await store.prepare(INTAKE.indexes)


@pytest.fixture
async def engine(make: Make) -> Engine:
    """Intake with two agencies in its directory."""
    made = make()
    for code in ("demo", "evil"):
        await entered(made, code)
    return made


@pytest.fixture
async def log(engine: Engine, clock: Clock) -> Log:
    """The topic of an agency, in a database that counts."""
    await engine.store.prepare(queries.INDEXES)
    await balance.begin(engine.store, clock())
    return Log()


class Tokens:
    """Stands for the identity provider: a token is a role, an organisation and a person: `publisher@demo=u-1`."""

    def remembered(self, _token: str) -> None:
        """Every token is looked at."""

    async def caller(self, token: str) -> Caller:
        """Who the token speaks for."""
        named, _, person = token.partition("=")
        role, _, organisation = named.partition("@")
        usual = "u-2001" if role == "officer" else f"u-{organisation}"
        return Caller(person or usual, frozenset({role}), organisation or None)


def app_of(engine: Engine) -> FastAPI:
    """Intake's HTTP side, with the directory of agencies."""
    app = make_app("Lotsman intake", cast(Any, Tokens()), engine, {})
    app.state.agencies = INTAKE.agencies(engine.store, engine.now, Settings(agency_events_a_minute=0))
    app.include_router(make_router(RULES))
    return app


@pytest.fixture
async def ask(engine: Engine) -> Ask:
    """Requests to intake's HTTP side."""
    app = app_of(engine)

    async def once(method: str, path: str, token: str = "publisher@demo", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return await client.request(method, path, headers=headers, **more)

    return once
