"""Answers that are taken out of a running system's database by hand: ops see each of them named."""

import asyncio
import time
from typing import Any

import pymongo
import pytest

from contracts.agency import ApplicationSubmittedV2
from contracts.topics import agency_topic
from deploy.cli import ops
from deploy.cli.desk import Desk
from deploy.cli.main_job import application
from deploy.cli.publishing import publish
from deploy.complaint import Complaint
from deploy.local import databases
from deploy.local.stack import Stack
from services.intake.domain.state import pilot_id
from tests.conftest import Eventually

pytestmark = [pytest.mark.timeout(300)]
V2 = ApplicationSubmittedV2.TYPE
MANY = 2400


WITHIN = 60.0
"""Seconds in which a service answers in time at least once, whatever else the machine has to do."""


def struck(whole: bool = False) -> dict[str, Any]:
    """What `ops balance` says of the one agency, as soon as intake answers in time."""
    deadline = time.monotonic() + WITHIN
    while True:
        began = time.monotonic()
        try:
            found = ops.balance(whole=whole)
        except Complaint as wrong:
            found = wrong.found or {}
        if "agencies" in found:
            print(f"{'whole' if whole else 'a balance'}: {time.monotonic() - began:.1f} s")
            agency: dict[str, Any]
            [agency] = found["agencies"]
            return agency
        assert time.monotonic() < deadline, found


def named(told: dict[str, Any]) -> set[str]:
    """The places of the events that are named, each of which says its id."""
    assert all(one["why"] == "not-kept" and one["event_id"] for one in told["events"]), told
    return {one["place"] for one in told["events"]}


def test_whatever_answer_is_gone_is_named_by_a_balance_or_by_a_look_through_everything(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOTSMAN_HOME", str(stack.folder))
    posted = [application(n, agency, kind=V2) for n in range(MANY, MANY + 3)]
    for event in posted:
        answer = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event)
        assert answer.status_code == 201
    events = [application(n, agency, kind=V2) for n in range(MANY)]
    asyncio.run(publish(desk.logins[agency], {agency: events}))
    asyncio.run(eventually(lambda: struck()["registered"] == MANY + 3, within=120, every=0.5))
    assert struck()["difference"] == 0

    database = databases.current(stack.folder, "intake")
    with pymongo.MongoClient[dict[str, Any]](stack.backends.mongo_url) as client:
        intake = client[database]

        def take_away(*gone: dict[str, Any]) -> None:
            ids = [event["id"] for event in gone]
            done = intake["receipts"].delete_many({"event_id": {"$in": ids}, "verdict": {"$ne": None}})
            assert done.deleted_count == len(ids)

        topic = agency_topic(agency).name
        newest, over_http = f"{topic}/0/{MANY - 1}", f"http/{agency}/{posted[0]['id']}"
        take_away(events[-1])
        told = struck()
        assert (told["difference"], named(told)) == (1, {newest})
        take_away(posted[0])
        told = struck(whole=True)
        assert (told["difference"], named(told)) == (2, {newest, over_http})

        # An hour later: what was answered until now is summed up, and the first of it goes, one with its document.
        sums = {f"{agency} kafka registered": MANY - 1, f"{agency} http registered": 2}
        intake["balance"].update_one({"_id": "answers"}, {"$set": {"until": "9", "sums": sums}})
        take_away(events[0], events[1], posted[1])
        intake["subjects"].delete_one({"_id": pilot_id(agency, events[1]["id"])})
        told = struck(whole=True)
        later = {f"{topic}/0/0", f"{topic}/0/1", f"http/{agency}/{posted[1]['id']}"}
        assert (told["difference"], named(told)) == (5, {newest, over_http, *later})
        assert (told["received"], told["registered"]) == (MANY + 3, MANY - 2)
