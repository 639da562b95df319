"""A conflict of interest that the expertise tells of hides a pilot in intake, too, on every route and in every role."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from contracts.expertise import Conflict, ConflictConfirmedV1, ConflictDismissedV1, ConflictFoundV1, ConflictKind
from services.chassis.engine import Engine
from services.chassis.parking import BROKEN, Parked, park
from services.chassis.store import Store
from tests.kit.engine.tiny import START, Broker
from tests.kit.intake.sides import NOWHERE, PILOT, ROBOT, Ask, receipts, said, sent, state, submitted, withdrawn

DECLARED: Final = (Conflict(kind=ConflictKind.DECLARED, text="Родственник."),)
ACCEPT: Final = {"If-Match": '"1"', "Idempotency-Key": "k"}


def found(person: str) -> ConflictFoundV1:
    return ConflictFoundV1(actor=ROBOT, round=1, at=START, expert_id=person, conflicts=DECLARED)


def dismissed(person: str, *, hidden: bool = False) -> ConflictDismissedV1:
    said_ = {"at": START, "conflicts": DECLARED, "why": "Однофамилец.", "hidden": hidden}
    return ConflictDismissedV1(actor=ROBOT, round=1, expert_id=person, **said_)


def confirmed(person: str) -> ConflictConfirmedV1:
    return ConflictConfirmedV1(actor=ROBOT, round=1, expert_id=person, why="Брат.")


@pytest.fixture
async def pilot(engine: Engine, ask: Ask) -> str:
    """A registered pilot of the agency `demo`."""
    assert (await ask("post", "/v1/events", json=submitted())).status_code == 201
    return PILOT


OF_A_PILOT: Final[Mapping[tuple[str, str], Any]] = {
    ("get", ""): None,
    ("get", "/clock"): None,
    ("get", "/contact"): None,
    ("post", "/acceptance"): None,
    ("post", "/return"): {"reasons": [{"code": "other"}]},
    ("post", "/stop"): {
        "reason": "Ликвидация.",
        "basis": {"body": "Совет", "kind": "протокол", "number": "5", "date": "2026-03-02"},
    },
}
"""Every route of intake about one application, with a body that fits."""


async def test_the_officer_in_conflict_is_told_of_no_such_application_on_any_route(
    engine: Engine, ask: Ask, pilot: str
) -> None:
    await engine.records([said(found("u-2001"), 1)])
    for (method, path), body in OF_A_PILOT.items():
        for headers in (ACCEPT, {}):
            asked = [
                await ask(method, f"/v1/applications/{one}{path}", "officer", json=body, headers=headers)
                for one in (pilot, NOWHERE)
            ]
            assert [one.status_code for one in asked] == [404, 404], path
            assert asked[0].json() == asked[1].json() and "ETag" not in asked[0].headers
    told = [await ask("get", f"/v1/receipts/{one}?agency=demo", "officer") for one in ("demo-1", "never-sent")]
    assert [one.status_code for one in told] == [404, 404] and told[0].json() == told[1].json()
    for narrowed in ("", "?status=registered", "?agency=demo", "?status=registered&agency=demo"):
        assert (await ask("get", f"/v1/applications{narrowed}", "officer")).json()["items"] == []
        others = (await ask("get", f"/v1/applications{narrowed}", "auditor")).json()["items"]
        assert [one["id"] for one in others] == [pilot], "others see it as before"
    card = await ask("get", f"/v1/applications/{pilot}", "auditor")
    assert "u-2001" not in card.text and "hidden_from" not in card.text, "who it is is told to nobody"


async def test_who_publishes_in_person_finds_no_pilot_that_a_conflict_hides_and_the_agencys_topic_goes_on(
    engine: Engine, ask: Ask, pilot: str, broker: Broker
) -> None:
    await engine.records([said(found("u-demo"), 1)])
    answers = [
        (await ask("post", "/v1/events", json=withdrawn(id_, subject))).json()
        for id_, subject in (("x", pilot), ("y", NOWHERE))
    ]
    same = [{name: value for name, value in one.items() if name not in ("pilot", "event_id")} for one in answers]
    assert same[0] == same[1] and answers[0]["pilot"] != pilot
    assert (await ask("post", "/v1/events", json=submitted())).status_code == 404
    assert (await ask("get", "/v1/receipts/demo-1")).status_code == 404
    assert (await ask("delete", f"/v1/applications/{pilot}/contact")).status_code == 404
    assert (await state(engine)).status == "registered"
    await engine.records([sent(withdrawn("over-kafka"))])
    await engine.outbox.flush()
    assert ("over-kafka", "withdrawn") in receipts(broker)


async def test_the_hiding_follows_what_the_expertise_says(engine: Engine, ask: Ask, pilot: str, broker: Broker) -> None:
    async def seen() -> bool:
        return bool((await ask("get", f"/v1/applications/{pilot}", "officer")).status_code == 200)

    told = [found("u-2001"), found("u-2001"), dismissed("u-2001"), found("u-2001"), confirmed("u-2001")]
    told += [dismissed("u-2001", hidden=True), dismissed("u-9")]
    shown = list[bool]()
    for place, fact in enumerate(told, start=1):
        await engine.records([said(fact, place)])
        shown.append(await seen())
    assert shown == [False, False, True, False, False, False, False]
    await engine.outbox.flush()
    noted = [one["data"] for one in broker.events("pilots.intake.v1") if "conflict-noted" in one["type"]]
    assert [(one["person_id"], one["hidden"]) for one in noted] == [
        ("u-2001", True),
        ("u-2001", False),
        ("u-2001", True),
    ]


async def test_a_publisher_without_organisation_is_refused_everywhere(engine: Engine, ask: Ask) -> None:
    for method, path in (("post", "/v1/events"), ("get", "/v1/receipts/demo-1"), ("get", "/v1/editions/by-2024")):
        answer = await ask(method, path, "publisher", json=submitted() if method == "post" else None)
        assert (answer.status_code, answer.json()["title"]) == (403, "auth.organisation"), path


async def test_code_lists_and_labels_are_open_to_everybody(engine: Engine, ask: Ask) -> None:
    editions = (await ask("get", "/public/v1/code-lists", "nobody")).json()["items"]
    assert "by-2024" in [one["id"] for one in editions]
    answer = await ask("get", "/public/v1/code-lists/by-2024", "nobody")
    lists = answer.json()["lists"]
    health = next(one for one in lists["sectors"] if one["code"] == "health")
    assert all(health[language] for language in ("ru", "be", "en"))
    assert {*lists} >= {"sectors", "regions", "offices", "return_reasons", "money_sources", "criteria", "terms"}
    again = await ask(
        "get", "/public/v1/code-lists/by-2024", "nobody", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304
    labels = (await ask("get", "/public/v1/labels?of=stage", "nobody")).json()["labels"]
    assert labels["stage.running"]["en"] and all(one.startswith("stage.") for one in labels)
    assert (await ask("get", "/public/v1/code-lists/none", "nobody")).status_code == 404


async def test_ops_in_conflict_take_up_no_parked_record_of_a_hidden_pilot(
    engine: Engine, ask: Ask, store: Store, pilot: str
) -> None:
    await engine.records([said(found("u-night"), 1)])
    await park(store, [Parked(said(found("u-7"), 2), BROKEN, "ValueError", pilot, "expertise", 2)], START)
    [row] = (await ask("get", "/v1/parked", "ops")).json()["items"]
    for body in ({"ids": [row["id"]]}, {"subjects": [pilot]}):
        assert (await ask("post", "/v1/parked/redrive", "ops@night", json=body)).json() == {"went": 0}
    assert (await ask("post", "/v1/parked/redrive", "ops", json={"ids": [row["id"]]})).json() == {"went": 1}
