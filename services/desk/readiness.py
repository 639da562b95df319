"""What the desk needs to show its pages: its own database, and, for those pages that ask them, the services, the
identity provider and the store of traces."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from contracts.topics import SERVICES
from services.chassis.readiness import Check
from services.chassis.store import Store
from services.desk.clients import Clients
from services.desk.traces import KEPT
from services.desk.way_in import Door

NEEDED: Final = ("mongo",)
"""Without these it is not ready; without any other it is degraded, for the rest of the pages are there."""


def checks_of(store: Store, clients: Clients, door: Door) -> Mapping[str, Check]:
    """All checks of the desk's readiness by their names, as `/health/ready` and the page Services tell them."""
    asked = (*SERVICES, *([KEPT] if KEPT in clients.http else []))
    return {"mongo": store.ping, "provider": door.ready, **{name: partial(clients.answers, name) for name in asked}}
