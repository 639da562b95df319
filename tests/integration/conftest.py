"""Engines on one store, one broker and one clock."""

from typing import cast

import pytest

from services.chassis.engine import Engine
from services.chassis.own_topic import Kinds
from services.chassis.service import Service
from services.chassis.store import Store
from services.registry.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.engine.engines import Make
from tests.kit.engine.tiny import (
    Broker,
    Clock,
    Closed,
    TooLarge,
    numbered,
    tiny_service,
)
from tests.kit.registry.http import Register


@pytest.fixture
def broker() -> Broker:
    """Where facts go."""
    return Broker()


@pytest.fixture
def clock() -> Clock:
    """What the engines take for the time."""
    return Clock()


@pytest.fixture
def make(store: Store, broker: Broker, clock: Clock) -> Make:
    """Engines on one store, one broker and one clock, as replicas of a service are."""
    number = iter(range(100))

    def made(service: Service | None = None, on: object = store) -> Engine:
        ids = numbered(f"e{next(number)}")
        return Engine(
            service or tiny_service(),
            cast(Store, on),
            broker,
            now=clock,
            new_id=ids,
            calendars=CALENDARS,
            refusals=Kinds(large=(TooLarge,), closed=(Closed,)),
        )

    return made


@pytest.fixture
def engine(make: Make) -> Engine:
    """One engine of the tiny service."""
    return make()


@pytest.fixture
async def register(store: Store) -> Register:
    """The registry service on a fresh database."""
    await store.prepare(SERVICE.indexes)
    return Register(store)
