"""Contact persons: read with a fact that says so, erased on demand and by themselves, wherever their data stands."""

import base64
import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.agency import ApplicationSubmittedV2
from contracts.event import Event, parse_fact
from contracts.intake import ContactErasedV1, ContactReadV1, ErasedFor, PersonErasedV1
from contracts.topics import AGENCY_KEPT_DAYS, fact_topic
from services.chassis.engine import Engine
from services.chassis.store import PARKED, PERSONS, Store
from services.intake import contacts
from services.intake.contacts import without_contact
from services.intake.domain.state import pilot_id
from services.intake.importing import asked as sheets
from services.intake.service import RULES, SERVICE
from tests.kit.engine.tiny import Broker, Clock, Crash, Hooked, crash
from tests.kit.intake.sides import NOWHERE, PILOT, Ask, Make, again, doc, entered, sent, state, submitted
from tests.kit.rebuilt import rebuilt

WHO = {"name": "Образцова Мария Примеровна", "email": "m@example.test", "phone": "+375 00 000-00-00"}
OTHER = {"name": "Примеров Пример Примерович", "email": "p@example.test", "phone": None}
LATER = {"name": "Пробная Проба Пробовна", "email": "late@example.test", "phone": None}
CONTACT = f"/v1/applications/{PILOT}/contact"
KEPT = timedelta(days=RULES.edition("by-2024").numbers.contact_kept_days.value)
NEWER = "pilots.agency.application-resubmitted.v9"


async def everywhere(store: Store, broker: Broker) -> str:
    """All that is stored and all that was sent, as text."""
    texts = [message.value.decode() for message in broker.log]
    for name in await store.collections():
        for row in await store.rows(name, {}, sort=[("_id", 1)], limit=10_000):
            texts += [
                str(row),
                *(value.decode("utf-8", "replace") for value in row.values() if isinstance(value, bytes)),
            ]
    return "\n".join(texts)


def facts(broker: Broker, kind: str) -> list[dict[str, Any]]:
    """The facts of a type, each once."""
    found = {e["id"]: e for e in broker.events(fact_topic("intake")) if e["type"] == kind}
    return list(found.values())


async def published(ask: Ask) -> None:
    answer = await ask("post", "/v1/events", json=submitted(contact=WHO))
    assert answer.status_code == 201, answer.text


async def test_an_officer_sees_the_contact_and_every_look_is_a_fact_that_auditors_list(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    await published(ask)
    before = (await ask("get", f"/v1/applications/{PILOT}", "officer")).headers["ETag"]
    for _ in range(2):
        answer = await ask("get", CONTACT, "officer")
        [item] = answer.json()["items"]
        assert {name: item[name] for name in WHO} == WHO and item["until"] is not None
        assert answer.headers["Cache-Control"] == "private, no-store"
    assert (await ask("get", f"/v1/applications/{PILOT}", "officer")).headers["ETag"] == before, (
        "no officer's card ages"
    )
    await engine.outbox.flush()
    read = facts(broker, ContactReadV1.TYPE)
    assert [(e["subject"], e["data"]["pilot"], e["data"]["actor"]["id"]) for e in read] == [
        (f"reading:{PILOT}", PILOT, "u-2001")
    ] * 2
    assert read[0]["data"]["person_ids"] == [item["person_id"]]
    told = (await ask("get", f"{CONTACT}/readings", "auditor")).json()["items"]
    assert [(one["by"], one["role"], one["person_ids"]) for one in told] == [
        ("u-2001", "officer", [item["person_id"]])
    ] * 2
    for token in ("publisher@demo", "auditor", "admin", "operator"):
        assert (await ask("get", CONTACT, token)).status_code == 403
    assert (await ask("get", f"{CONTACT}/readings", "officer")).status_code == 403


async def test_auditors_read_by_name_who_read_a_contact_until_that_name_is_erased_and_erasing_it_touches_no_contact(
    engine: Engine, ask: Ask, store: Store, broker: Broker
) -> None:
    await published(ask)
    officer: dict[str, Any] = {"name": "Пробный Иван Примерович", "email": None, "phone": None}
    assert (await ask("put", "/v1/me/person", "officer", json=officer)).json() == officer
    [item] = (await ask("get", CONTACT, "officer")).json()["items"]
    await engine.outbox.flush()
    told = (await ask("get", f"{CONTACT}/readings", "auditor")).json()
    assert (told["items"][0]["by"], told["persons"]) == ("u-2001", {"u-2001": officer["name"]})
    for token in ("publisher@demo", "operator", "ops"):
        assert (await ask("get", "/v1/me/person", token)).status_code == 403
    assert (await ask("get", "/v1/me/person", f"officer={item['person_id']}")).status_code == 404
    basis = {"basis": {"body": "Пример", "kind": "заявление", "number": "12", "date": "2026-03-02"}}
    for id_, erased in (("u-2001", True), ("u-2001", False), (item["person_id"], False)):
        headers = {"Idempotency-Key": f"erase-{id_}"}
        answer = await ask("post", f"/v1/persons/{id_}/erasure", "admin", json=basis, headers=headers)
        assert answer.json() == {"person": id_, "erased": erased}, answer.text
    assert (await ask("get", f"{CONTACT}/readings", "auditor")).json()["persons"] == {}
    assert (await ask("get", CONTACT, "officer")).json()["items"] == [item], "a contact person goes by the own route"
    [one] = (await ask("get", "/v1/persons/u-2001/erasures", "auditor")).json()["items"]
    assert (one["by"], one["role"], one["basis"]) == ("u-", "admin", basis["basis"])
    await engine.outbox.flush()
    assert [one["subject"] for one in facts(broker, PersonErasedV1.TYPE)] == ["person:u-2001"]
    assert officer["name"] not in await everywhere(store, broker)


@pytest.mark.parametrize("token", ["publisher@demo", "admin"])
async def test_the_own_agency_and_administrators_erase_it_for_good_from_parked_records_too(
    engine: Engine, ask: Ask, store: Store, broker: Broker, token: str
) -> None:
    await published(ask)
    parked = {**again("newer", contact=OTHER), "type": NEWER}
    await engine.records([sent(parked)])
    assert "Примеров" in await everywhere(store, broker), "what cannot be read yet is parked as it was sent"
    assert (await ask("delete", CONTACT, "publisher@evil")).status_code == 404
    assert (await ask("delete", CONTACT, "officer")).status_code == 403
    for _ in range(2):
        assert (await ask("delete", CONTACT, token)).status_code == 204
    await engine.outbox.flush()
    left = await everywhere(store, broker)
    for secret in (*WHO.values(), OTHER["name"], OTHER["email"]):
        assert secret is None or secret not in left
    [fact] = facts(broker, ContactErasedV1.TYPE)
    assert (fact["data"]["why"], len(fact["data"]["person_ids"])) == ("asked", 1)
    assert (await state(engine)).persons == ()
    gone = await ask("get", CONTACT, "officer")
    assert (gone.status_code, gone.json()["title"]) == (404, "contact.none")
    [row] = await store.rows(PARKED, {}, sort=[("_id", 1)], limit=9)
    kept = json.loads(row["value"])
    assert kept["data"]["title"] == parked["data"]["title"] and kept["data"]["contact"] is None
    assert (await ask("delete", f"/v1/applications/{NOWHERE}/contact", "admin")).status_code == 404


async def test_spreadsheets_that_the_agency_has_sent_go_with_an_erasure_that_is_asked_for_and_not_with_the_term(
    engine: Engine, ask: Ask, store: Store, broker: Broker, clock: Clock
) -> None:
    await store.prepare(SERVICE.indexes)
    await published(ask)
    text = "Контакт;" + WHO["name"]

    async def sent_by(agency: str, state: str) -> str:
        id_ = await sheets.ask(store, agency, "u-1", clock(), text.encode(), file="план.csv", toml="")
        await store.mark(sheets.IMPORTS, {"_id": id_}, {"state": state})
        return id_

    gone = {await sent_by("demo", state) for state in ("done", "failed", "stopped")}
    gone.add(await sheets.hold(store, "demo", "u-1", clock(), text.encode(), "план.csv"))
    stays = {await sent_by("demo", "working"), await sent_by("other", "done")}

    async def kept() -> set[str]:
        found = [await store.rows(name, {}, sort=[("_id", 1)], limit=99) for name in (sheets.IMPORTS, sheets.PIECES)]
        rows, pieces = ({one[key] for one in some} for some, key in zip(found, ("_id", "import"), strict=True))
        assert rows == pieces
        return rows

    assert (await ask("delete", CONTACT, "officer")).status_code == 403
    assert await kept() == gone | stays
    assert (await ask("delete", CONTACT, "publisher@demo")).status_code == 204
    assert await kept() == stays
    clock.forward(seconds=1)
    later = await sent_by("demo", "done")
    await engine.outbox.flush()
    [fact] = facts(broker, ContactErasedV1.TYPE)
    event = parse_fact(json.dumps(fact).encode(), SERVICE.own)
    assert isinstance(event, Event)
    await contacts.erase(store, [event])
    assert await kept() == stays | {later}, "what came since is another affair, also where a fact is carried out again"
    assert isinstance(event.fact, ContactErasedV1)
    by_term = replace(event, time=clock(), fact=event.fact.model_copy(update={"why": ErasedFor.TERM}))
    await contacts.erase(store, [by_term])
    assert await kept() == stays | {later}
    await contacts.erase(store, [replace(event, time=clock())])
    assert await kept() == stays


@pytest.mark.parametrize("key", [None, b"17-04/2026"])
async def test_a_submission_that_could_not_be_read_loses_its_contact_with_that_of_its_application(
    engine: Engine, ask: Ask, store: Store, broker: Broker, key: bytes | None
) -> None:
    newer = {**submitted(contact=OTHER), "type": "pilots.agency.application-submitted.v9"}
    await engine.records([replace(sent(newer), key=key), sent({**newer, "id": "another"})])
    await published(ask)
    assert (await ask("delete", CONTACT, "admin")).status_code == 204
    rows = await store.rows(PARKED, {}, sort=[("_id", 1)], limit=9)
    kept = {said["id"]: said["data"]["contact"] for row in rows if (said := json.loads(row["value"]))}
    assert kept == {newer["id"]: None, "another": newer["data"]["contact"]}, "of another application nothing goes"


async def test_so_does_an_event_that_names_the_application_otherwise(
    engine: Engine, ask: Ask, store: Store, broker: Broker
) -> None:
    await published(ask)
    number: str = (await doc(engine)).state.number  # type: ignore[union-attr]
    newer = {**again(contact=OTHER), "type": "pilots.agency.application-resubmitted.v9"}
    named = [{**newer, "id": str(n), "subject": one} for n, one in enumerate((number, number.lower(), f" {PILOT} "))]
    attributes = {"specversion": "1.0", "type": newer["type"], "source": newer["source"], "time": newer["time"]}
    for said in ({"id": "headers", "subject": PILOT}, {"id": submitted()["id"]}):
        headers = tuple((f"ce_{name}", value.encode()) for name, value in {**attributes, **said}.items())
        binary = replace(sent(newer["data"]), headers=headers)
        await engine.records([binary])
    await engine.records([sent(one) for one in named])
    assert (await ask("delete", CONTACT, "admin")).status_code == 204
    rows = await store.rows(PARKED, {}, sort=[("_id", 1)], limit=9)
    assert len(rows) == 5
    assert [row["_id"] for row in rows if OTHER["name"] in row["value"].decode()] == []


async def test_a_resend_after_the_erasure_brings_nothing_back(
    engine: Engine, ask: Ask, store: Store, broker: Broker
) -> None:
    await published(ask)
    await ask("delete", CONTACT, "admin")
    again_ = await ask("post", "/v1/events", json=submitted(contact=WHO))
    assert again_.status_code == 200
    assert await store.rows(PERSONS, {}, sort=[("_id", 1)], limit=9) == []


async def test_it_goes_by_itself_when_the_term_of_the_edition_is_over_each_at_its_time(
    engine: Engine, ask: Ask, store: Store, broker: Broker, clock: Clock
) -> None:
    await published(ask)
    start = clock()
    clock.forward(days=10)
    headers = {"If-Match": f'"{(await doc(engine)).rev}"', "Idempotency-Key": "k"}
    body = {"reasons": [{"code": "documents-missing"}]}
    assert (
        await ask("post", f"/v1/applications/{PILOT}/return", "officer", json=body, headers=headers)
    ).status_code == 200
    answer = await ask("post", "/v1/events", json=again(contact=OTHER))
    assert answer.status_code == 201, answer.text
    assert len((await ask("get", CONTACT, "officer")).json()["items"]) == 2

    async def run_to(moment: Any) -> set[str]:
        clock.time = moment
        for _ in range(20):
            if not await engine.timers():
                break
        return {row["name"] for row in await store.rows(PERSONS, {}, sort=[("_id", 1)], limit=9)}

    assert await run_to(start + KEPT - timedelta(seconds=1)) == {WHO["name"], OTHER["name"]}
    assert await run_to(start + KEPT) == {OTHER["name"]}
    assert await run_to(start + KEPT + timedelta(days=10)) == set()
    assert [(e["data"]["why"], e["data"]["actor"]["id"]) for e in facts(broker, ContactErasedV1.TYPE)] == [
        ("term", "timer")
    ] * 2
    assert (await doc(engine)).due is None
    assert WHO["email"] not in await everywhere(store, broker)


@pytest.mark.parametrize(("when", "call"), [("after", "write"), ("before", "remove"), ("after", "remove")])
async def test_a_crash_between_the_fact_and_the_erasure_leaves_it_to_the_next_sweep(
    engine: Engine, ask: Ask, make: Make, store: Store, broker: Broker, clock: Clock, when: str, call: str
) -> None:
    await published(ask)
    await engine.outbox.flush()
    clock.forward(seconds=KEPT.total_seconds())
    hooked = Hooked(store)
    getattr(hooked, when)[call] = crash
    with suppress(Crash):
        await make(hooked).timers()
    for _ in range(20):
        if not await engine.timers():
            break
    clock.forward(seconds=1)
    await engine.sweep(timedelta(0))
    assert await store.rows(PERSONS, {}, sort=[("_id", 1)], limit=9) == []
    assert len(facts(broker, ContactErasedV1.TYPE)) == 1


async def test_a_rebuild_from_an_older_backup_brings_no_erased_contact_back_and_keeps_what_came_since(
    engine: Engine, ask: Ask, store: Store, broker: Broker, clock: Clock
) -> None:
    await published(ask)
    await engine.records([sent({**again("newer", contact=OTHER), "type": NEWER})])
    backup = [(name, await store.rows(name, {}, sort=[("_id", 1)], limit=99)) for name in (PERSONS, PARKED)]
    clock.forward(seconds=1)
    assert (await ask("delete", CONTACT, "admin")).status_code == 204
    clock.forward(seconds=1)
    late = {**again("later", contact=LATER), "type": NEWER}
    await engine.records([replace(sent(late), offset=9)])
    await engine.outbox.flush()
    for name, rows in backup:
        await store.put(name, rows)
    async with rebuilt(SERVICE, store, broker, behind=True) as (new, report):
        assert report.covers
        left = await everywhere(new, broker)
        assert not [word for word in (*WHO.values(), *OTHER.values()) if word is not None and word in left]
        assert "Пробная" in left, "an event that was parked after the erasure is another affair"


async def test_personal_data_stays_in_a_parked_record_no_longer_than_in_its_topic_and_the_event_stays_the_same(
    engine: Engine, ask: Ask, store: Store, broker: Broker, clock: Clock
) -> None:
    """The agency is entered so late that its application has waited for longer than its topic would have kept it."""
    original = submitted(agency="late", contact=WHO)
    await engine.records([sent(original, "late")])
    clock.forward(days=AGENCY_KEPT_DAYS, seconds=-1)
    await engine.sweep(timedelta(0))
    assert WHO["name"] in await everywhere(store, broker)
    clock.forward(seconds=1)
    for _ in range(2):
        await engine.sweep(timedelta(0))
    left = await everywhere(store, broker)
    assert WHO["name"] not in left and WHO["email"] not in left
    await entered(engine, "late")
    [row] = await store.rows(PARKED, {}, sort=[("_id", 1)], limit=9)
    assert len(await engine.parking.redrive([row["_id"]])) == 1
    late = pilot_id("late", "late-1")
    assert (await state(engine, late)).status == "registered" and (await state(engine, late)).persons == ()
    answer = await ask("post", "/v1/events", "publisher@late", json=original)
    assert (answer.status_code, answer.headers.get("Idempotent-Replayed")) == (200, "true"), (
        "it is the same event still"
    )


def test_of_what_is_no_json_nothing_is_left_and_what_names_nobody_stays_byte_for_byte() -> None:
    assert without_contact("{Образцова".encode()) == b""
    plain = b'{ "data": {"title":  "x", "customer": {"name": "y"}} }'
    assert without_contact(plain) == plain
    deep = json.dumps({"data": {"odd": [{"email": "m@example.test"}], "contact": "x"}}).encode()
    assert json.loads(without_contact(deep)) == {"data": {"odd": None, "contact": None}}
    misspelt = json.dumps(
        {"data": {"kontakt": {"name": "Образцова", "phone": "1"}, "customer": {"name": "y"}}}
    ).encode()
    assert json.loads(without_contact(misspelt)) == {"data": {"kontakt": None, "customer": {"name": "y"}}}


@pytest.mark.parametrize("binary", [False, True], ids=["whole", "binary"])
@pytest.mark.parametrize(
    "where",
    [
        {"contct": {"name": WHO["name"]}},
        {"contact_name": WHO["name"]},
        {"owner": {"name": WHO["name"]}},
        {"title": {"person": WHO["name"]}},
        {"participants": [{"id": {"scheme": "BY-UNP", "value": "700000112"}, "who": WHO["name"]}]},
    ],
    ids=lambda one: next(iter(one)),
)
def test_what_stands_where_the_contract_knows_nothing_is_erased_without_e_mail_and_telephone_too(
    where: dict[str, Any], binary: bool
) -> None:
    event = submitted(agency="late", **where)
    value, kind = (event["data"], event["type"]) if binary else ({**event, "author": WHO["name"]}, None)
    left = json.loads(without_contact(json.dumps(value).encode(), kind))
    assert WHO["name"] not in json.dumps(left, ensure_ascii=False)
    assert {**value, **(where if binary else {"data": {**event["data"], **where}})}.keys() == left.keys()
    data = left if binary else left["data"]
    assert data["problem"] == event["data"]["problem"] and next(iter(where)) in data


async def test_a_misspelt_contact_without_an_address_goes_from_a_parked_record_with_headers_of_its_own(
    engine: Engine, store: Store, broker: Broker, clock: Clock
) -> None:
    record = sent(submitted(agency="late", contct={"name": WHO["name"]}), "late")
    await engine.records([replace(record, headers=(("ce_author", WHO["name"].encode()), ("ce_id", b"late-1")))])
    assert WHO["name"] in await everywhere(store, broker)
    clock.forward(days=AGENCY_KEPT_DAYS)
    await engine.sweep(timedelta(0))
    assert WHO["name"] not in await everywhere(store, broker)
    [row] = await store.rows(PARKED, {}, sort=[("_id", 1)], limit=9)
    assert row["headers"] == [["ce_id", b"late-1"]]


def test_of_data_that_were_sent_as_bytes_the_contact_is_taken_too() -> None:
    data = {"title": "т", "contact": {"name": "Образцова"}}
    packed = base64.b64encode(json.dumps(data).encode()).decode()
    found = json.loads(
        without_contact(json.dumps({"type": ApplicationSubmittedV2.TYPE, "data_base64": packed}).encode())
    )
    assert found == {"type": ApplicationSubmittedV2.TYPE, "data": {"title": "т", "contact": None}}
