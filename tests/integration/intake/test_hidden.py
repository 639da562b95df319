"""A conflict of interest that the expertise tells of hides a pilot in intake, too, on every route and in every role."""

from collections.abc import Mapping
from typing import Final, cast

import httpx
import pytest

from contracts.event import Fact
from contracts.expertise import (
    Conflict,
    ConflictConfirmedV1,
    ConflictDismissedV1,
    ConflictFoundV1,
    ConflictKind,
    Seat,
    TiesCheckedV1,
)
from contracts.reference import OrganisationId
from services.chassis.engine import Engine
from services.chassis.parking import BROKEN, Parked, park
from services.chassis.store import Store
from tests.kit.engine.tiny import START, Broker
from tests.kit.intake.sides import NOWHERE, PILOT, ROBOT, Ask, doc, receipts, said, sent, state, submitted, withdrawn
from tests.unit.test_web import BODIES, POLICY

DECLARED: Final = (Conflict(kind=ConflictKind.DECLARED, text="Родственник."),)
ACCEPT: Final = {"If-Match": '"1"', "Idempotency-Key": "k"}


def found(person: str) -> ConflictFoundV1:
    return ConflictFoundV1(actor=ROBOT, round=1, at=START, expert_id=person, conflicts=DECLARED)


def dismissed(person: str, *, hidden: bool = False) -> ConflictDismissedV1:
    said_ = {"at": START, "conflicts": DECLARED, "why": "Однофамилец.", "hidden": hidden}
    return ConflictDismissedV1(actor=ROBOT, round=1, expert_id=person, **said_)


def confirmed(person: str) -> ConflictConfirmedV1:
    return ConflictConfirmedV1(actor=ROBOT, round=1, expert_id=person, why="Брат.")


def tied(person: str, *, hidden: bool) -> TiesCheckedV1:
    seat = Seat(expert_id=person, entry=1, organisation=OrganisationId(scheme="BY-UNP", value="700000112"))
    return TiesCheckedV1(actor=ROBOT, round=1, at=START, expert_id=person, seat=seat, hidden=hidden)


@pytest.fixture
async def pilot(engine: Engine, ask: Ask) -> str:
    """A registered pilot of the agency `demo`."""
    assert (await ask("post", "/v1/events", json=submitted())).status_code == 201
    return PILOT


OF_A_PILOT: Final = sorted(
    (method, path, role) for (method, path), roles in POLICY["intake"].items() if "{pilot}" in path for role in roles
)
"""Every route of intake about one application, with each role that it lets in."""
OF_NO_PILOT: Final = {
    "asked by the id of what was sent": {
        ("post", "/v1/events"),
        ("post", "/v1/events/validate"),
        ("get", "/v1/receipts/{event_id}"),
    },
    "lists": {
        ("get", "/v1/applications"),
        ("get", "/v1/receipts"),
        ("get", "/v1/rule-counts"),
        ("get", "/v1/parked"),
        ("get", "/v1/parked/groups"),
        ("post", "/v1/parked/redrive"),
        ("get", "/v1/parked/records/{place}"),
        ("get", "/v1/parked/repairs"),
        ("post", "/v1/parked/repairs"),
        ("get", "/v1/parked/repairs/{repair}"),
        ("post", "/v1/parked/repairs/{repair}/approval"),
        ("post", "/v1/parked/repairs/{repair}/refusal"),
    },
    "of the own agency's files": {
        ("get", "/v1/import-mappings"),
        ("post", "/v1/import-files"),
        ("get", "/v1/import-files/{id}"),
        ("get", "/v1/imports"),
        ("post", "/v1/imports"),
        ("get", "/v1/imports/{id}"),
        ("get", "/v1/imports/{id}/marked"),
        ("get", "/v1/imports/{id}/report"),
        ("post", "/v1/imports/{id}/resume"),
        ("post", "/v1/imports/{id}/stop"),
    },
    "about no pilot": {
        ("get", "/v1/agencies"),
        ("get", "/v1/agencies/{code}"),
        ("put", "/v1/agencies/{code}"),
        ("post", "/v1/agencies/{code}/disabling"),
        ("post", "/v1/agencies/{code}/enabling"),
        ("post", "/v1/agencies/{code}/kafka-password"),
        ("get", "/v1/agencies/{code}/keys"),
        ("get", "/v1/agencies/{code}/quota"),
        ("post", "/v1/agencies/{code}/keys"),
        ("post", "/v1/agencies/{code}/keys/{key_id}/rotation"),
        ("post", "/v1/agencies/{code}/keys/{key_id}/revocation"),
        ("get", "/v1/contracts"),
        ("get", "/v1/contracts/{type}"),
        ("get", "/v1/editions"),
        ("get", "/v1/editions/{edition}"),
        ("get", "/v1/me/person"),
        ("put", "/v1/me/person"),
        ("delete", "/v1/me/person"),
        ("post", "/v1/persons/{person}/erasure"),
        ("get", "/v1/persons/{person}/erasures"),
        ("get", "/v1/withheld"),
        ("get", "/v1/balance"),
        ("get", "/v1/balance/whole"),
        ("get", "/v1/reading"),
        ("get", "/v1/reading/skipped"),
        ("post", "/v1/reading/skip"),
        ("get", "/metrics"),
    },
    "hooks, whose deliveries are looked at with them": {route for route in POLICY["intake"] if "/hooks" in route[1]},
}
"""Every other route. One that is not here must name its application as `{pilot}`."""


def test_the_matrix_knows_every_route_of_intake() -> None:
    others = {route for route in POLICY["intake"] if "{pilot}" not in route[1]}
    assert others == set().union(*OF_NO_PILOT.values())
    assert {route for route in POLICY["intake"] if "{pilot}" in route[1]} == {(m, path) for m, path, _ in OF_A_PILOT}


@pytest.mark.parametrize(("method", "path", "role"), OF_A_PILOT)
async def test_on_every_route_in_every_role_a_hidden_application_cannot_be_told_from_one_that_is_not_there(
    engine: Engine, ask: Ask, method: str, path: str, role: str
) -> None:
    """Rows: one that a conflict hides from who asks, one that is not there, and one that is seen."""
    event = submitted(contact={"name": "Образцова Мария Примеровна", "email": "m@example.test"})
    assert (await ask("post", "/v1/events", json=event)).status_code == 201
    assert (await ask("get", f"/v1/applications/{PILOT}/contact", "officer")).status_code == 200, "a reading to tell of"
    await engine.outbox.flush()

    async def asked(subject: str, person: str, headers: Mapping[str, str]) -> httpx.Response:
        token, where = f"{role}@demo={person}", path.replace("{pilot}", subject)
        return cast(httpx.Response, await ask(method, where, token, json=BODIES.get(path), headers=headers))

    await engine.records([said(found("u-conflicted"), 1)])
    for headers in (ACCEPT, {}):
        hidden, nowhere = [await asked(one, "u-conflicted", headers) for one in (PILOT, NOWHERE)]
        assert (hidden.status_code, hidden.json()) == (nowhere.status_code, nowhere.json())
        assert hidden.headers.keys() == nowhere.headers.keys() and "ETag" not in hidden.headers
        assert hidden.status_code == 404 or hidden.json() == {"items": [], "next": None, "persons": {}}
    seen = await asked(PILOT, "u-free", {**ACCEPT, "If-Match": f'"{(await doc(engine)).rev}"'})
    assert seen.status_code != 404 and seen.text != hidden.text


@pytest.mark.parametrize(("method", "path", "role"), [one for one in OF_A_PILOT if one[2] == "publisher"])
async def test_a_publisher_finds_the_own_agencys_applications_alone(
    engine: Engine, ask: Ask, pilot: str, method: str, path: str, role: str
) -> None:
    others, nowhere = [
        await ask(method, path.replace("{pilot}", one), f"{role}@evil", json=BODIES.get(path), headers=ACCEPT)
        for one in (pilot, NOWHERE)
    ]
    assert (others.status_code, others.json()) == (nowhere.status_code, nowhere.json()) and others.status_code == 404


async def test_the_officer_in_conflict_is_told_of_no_such_application_in_any_list(
    engine: Engine, ask: Ask, pilot: str
) -> None:
    await engine.records([said(found("u-2001"), 1)])
    told = [await ask("get", f"/v1/receipts/{one}?agency=demo", "officer") for one in ("demo-1", "never-sent")]
    assert [one.status_code for one in told] == [404, 404] and told[0].json() == told[1].json()
    for narrowed in ("", "?status=registered", "?agency=demo", "?status=registered&agency=demo", f"?id={pilot}"):
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

    told: list[Fact] = [found("u-2001"), found("u-2001"), dismissed("u-2001"), found("u-2001"), confirmed("u-2001")]
    told += [dismissed("u-2001", hidden=True), dismissed("u-9")]
    told += [tied("u-2001", hidden=False), tied("u-2001", hidden=True)]
    shown = list[bool]()
    for place, fact in enumerate(told, start=1):
        await engine.records([said(fact, place)])
        shown.append(await seen())
    assert shown == [False, False, True, False, False, False, False, True, False]
    await engine.outbox.flush()
    noted = [one["data"] for one in broker.events("pilots.intake.v1") if "conflict-noted" in one["type"]]
    assert [(one["person_id"], one["hidden"]) for one in noted] == [
        ("u-2001", True),
        ("u-2001", False),
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
    for who, groups in (("ops@night", 0), ("ops", 1)):
        assert len((await ask("get", "/v1/parked/groups", who)).json()["items"]) == groups
    asked = {"record": row["id"], "kind": "discard", "why": "Проба."}
    made = (await ask("post", "/v1/parked/repairs", "ops", json=asked, headers={"Idempotency-Key": "k"})).json()
    for who, status in (("ops@night", 404), ("ops", 200)):
        assert (await ask("get", f"/v1/parked/records/{row['id']}", who)).status_code == status
        listed = (await ask("get", "/v1/parked/repairs?state=proposed&count=true", who)).json()
        assert len(listed["items"]) == listed["count"]["value"] == int(status == 200)
        assert (await ask("get", f"/v1/parked/repairs/{made['id']}", who)).status_code == status
    for path, body in (("", asked), (f"/{made['id']}/approval", None), (f"/{made['id']}/refusal", {"why": "Нет."})):
        told = await ask("post", f"/v1/parked/repairs{path}", "ops@night", json=body, headers={"Idempotency-Key": path})
        assert told.status_code == 404, path
    absent = {"id": row["id"], "verdict": "not-parked", "cause": None}
    for body, told in (({"ids": [row["id"]]}, [absent]), ({"subjects": [pilot]}, []), ({"cause": "ValueError"}, [])):
        for dry in (True, False):
            answer = await ask("post", "/v1/parked/redrive", "ops@night", json={**body, "dry_run": dry})
            nothing = {"went": 0, "followed": 0, "behind": [], "more": False, "next": None}
            assert answer.json() == {**nothing, "dry_run": dry, "records": told}
    went = (await ask("post", "/v1/parked/redrive", "ops", json={"ids": [row["id"]]})).json()
    assert (went["went"], went["records"]) == (1, [{**absent, "verdict": "went"}])
