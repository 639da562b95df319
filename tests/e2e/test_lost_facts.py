"""A document of a running system that is damaged by hand: the balance over HTTP names what it makes a difference."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pymongo
import pytest

from contracts.agency import ApplicationSubmittedV2
from deploy.cli.desk import Desk
from deploy.cli.main_job import application
from deploy.local import databases
from deploy.local.stack import Stack
from services.intake.domain.state import pilot_id
from tests.conftest import Eventually, wait_until

pytestmark = [pytest.mark.timeout(300)]
V2 = ApplicationSubmittedV2.TYPE
WITHIN = 60.0
"""Seconds in which it is named, whatever else the machine has to do; five on one that does nothing else."""


def struck(desk: Desk, service: str) -> dict[str, Any]:
    """The balance of a service; nothing while it cannot strike it."""
    answer = desk.call("GET", service, "/v1/balance", "ops")
    found: dict[str, Any] = answer.json() if answer.status_code == 200 else {"facts": {"events": []}, "services": []}
    return found


def lost(desk: Desk, service: str, pilot: str) -> set[tuple[str, str]]:
    """The facts of a pilot that it names, each with why; other tests damage others."""
    found = struck(desk, service)
    events = [*found["facts"]["events"], *(one for flow in found["services"] for one in flow["events"])]
    return {(one["fact"], one["why"]) for one in events if f"/{pilot}#" in one["fact"]}


def until(check: Callable[[], bool]) -> float:
    """How many seconds it took until it was so."""
    began = time.monotonic()
    asyncio.run(wait_until(check, within=WITHIN, every=0.1))
    return time.monotonic() - began


def test_what_a_damaged_document_has_lost_is_named_by_the_balance_over_http_and_no_more_when_it_is_mended(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually
) -> None:
    posted = [application(n, agency, kind=V2) for n in range(3)]
    for event in posted:
        assert desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event).status_code == 201

    def rests() -> bool:
        found = {service: struck(desk, service) for service in ("intake", "registry")}
        flows = [flow for one in found.values() for flow in one["services"] if flow["writer"] == "intake"]
        read = bool(flows) and all(flow["lag"] == 0 and flow["written"] > 0 for flow in flows)
        return read and all(one["unsent"] == 0 for one in found.values())

    asyncio.run(eventually(rests, within=90, every=0.5))
    balance = struck(desk, "intake")
    assert balance["in_all"]["registered"] == sum(one["registered"] for one in balance["agencies"]) >= 3

    damaged, older = (pilot_id(agency, event["id"]) for event in posted[:2])
    assert lost(desk, "registry", damaged) == lost(desk, "intake", older) == set()
    with pymongo.MongoClient[dict[str, Any]](stack.backends.mongo_url) as client:
        registry = client[databases.current(stack.folder, "registry")]["subjects"]
        intake = client[databases.current(stack.folder, "intake")]["subjects"]

        whole = registry.find_one_and_delete({"_id": damaged})
        assert whole is not None
        of_intake = {(f"intake/{damaged}#{n}", "not-taken") for n in range(1, whole["seen"]["intake"] + 1)}
        own = {(f"registry/{damaged}#{n}", "not-kept") for n in range(1, whole["version"] + 1)}
        took = until(lambda: lost(desk, "registry", damaged) == of_intake | own)
        print(f"a document that is gone: {len(of_intake | own)} facts named after {took:.1f} s")
        registry.insert_one(whole)
        took = until(lambda: not lost(desk, "registry", damaged))
        print(f"there again: nothing is named after {took:.1f} s")

        newer = intake.find_one_and_update({"_id": older}, {"$inc": {"version": -1}})
        assert newer is not None
        took = until(lambda: lost(desk, "intake", older) == {(f"intake/{older}#{newer['version']}", "not-kept")})
        print(f"a document that is older: its fact named after {took:.1f} s")
        intake.update_one({"_id": older}, {"$inc": {"version": 1}})
        took = until(lambda: not lost(desk, "intake", older))
        print(f"mended: nothing is named after {took:.1f} s")
