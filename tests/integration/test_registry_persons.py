"""Persons in the register by their names: for those who may know them, in no fact, and erased for good."""

import json
from datetime import timedelta

import pytest

from contracts.event import Actor, Event
from contracts.expertise import PersonErasedV1
from contracts.freeze import example
from contracts.reference import Role
from contracts.registry import PersonErasedV1 as OwnErased
from contracts.steps import Person as PersonData
from contracts.topics import fact_topic
from services.chassis import persons
from services.chassis.store import PARKED, PERSONS, Store
from services.chassis.subject import Record
from services.registry.service import SERVICE
from tests.kit.engine.tiny import START
from tests.kit.people import Person
from tests.kit.rebuilt import rebuilt
from tests.kit.registry.http import AUDITOR, COMMISSION, HEAD, MEMBERS, REGISTRAR, Register

PUBLISHER = Person("p-1", ("publisher",))
ADMIN = Person("admin-1", ("admin",))
NAME = {"name": "Образцова Мария Примеровна", "email": "m.obraztsova@example.test", "phone": None}
OTHER = {"name": "Примеров Иван Пробович", "email": None, "phone": None}


async def named(register: Register) -> None:
    """A judged pilot, a member of whose commission and whose registrar are known by name."""
    await register.judged("p")
    assert (await register.ask("put", f"/persons/{MEMBERS[0]}", HEAD, NAME)).status_code == 200
    assert (await register.ask("put", "/me/person", REGISTRAR, OTHER)).status_code == 200


async def test_card_timeline_and_past_name_persons_beside_their_ids(register: Register) -> None:
    await named(register)
    card = await register.get("/pilots/p")
    assert card["persons"] == {MEMBERS[0]: NAME["name"]}
    assert card["commission"]["members"] == MEMBERS, "what is recorded is the opaque id"
    then = await register.get(f"/pilots/p?as_of={register.today.isoformat()}")
    assert then["persons"] == card["persons"]
    lines = await register.get("/pilots/p/timeline?limit=200")
    assert lines["persons"] == {MEMBERS[0]: NAME["name"], REGISTRAR.id: OTHER["name"]}
    assert "obraztsova@" not in json.dumps([card, lines], ensure_ascii=False)


async def test_who_names_commissions_reads_the_known_names_page_by_page_and_no_contacts(register: Register) -> None:
    await named(register)
    first = await register.get("/persons?limit=1", HEAD)
    second = await register.get(f"/persons?limit=1&after={first['next']}", HEAD)
    told = {one["id"]: one["name"] for one in (*first["items"], *second["items"])}
    assert told == {MEMBERS[0]: NAME["name"], REGISTRAR.id: OTHER["name"]} and second["next"] is None
    assert all(set(one) == {"id", "name"} for one in first["items"])


async def test_a_name_is_corrected_without_its_contacts_being_told_or_lost(register: Register) -> None:
    await named(register)
    path = f"/persons/{MEMBERS[0]}"

    async def kept() -> tuple[str, str | None]:
        found = await persons.kept(register.engine.store, MEMBERS[0])
        assert found is not None
        return found["name"], found["email"]

    answer = await register.ask("put", path, HEAD, {"name": "Образцова Мария"})
    assert answer.json() == {"name": "Образцова Мария", "email": None, "phone": None}, "what stayed is not told"
    assert await kept() == ("Образцова Мария", NAME["email"])
    await register.ask("put", path, HEAD, {"name": "Образцова Мария", "email": None})
    assert await kept() == ("Образцова Мария", None)


async def test_a_clock_money_and_who_took_a_list_name_persons_and_pilots(register: Register) -> None:
    await register.running("p")
    assert (await register.ask("put", "/me/person", REGISTRAR, OTHER)).status_code == 200
    since = {"since": register.today.isoformat(), "why": "Ремонт.", "basis": register.basis}
    await register.do("p", "suspension", REGISTRAR, **since)
    told = await register.get("/pilots/p/clock?term=carrying-out")
    assert [one["who"] for one in told["intervals"] if one["who"]] == [REGISTRAR.id]
    assert told["persons"] == {REGISTRAR.id: OTHER["name"]}
    pilot = await register.get("/pilots/p")
    called = {name: pilot[name] for name in ("number", "title")}
    assert {name: told[name] for name in called} == called
    assert {name: (await register.get("/money/p"))[name] for name in called} == called
    wanted = {"list": "timeline", "format": "csv", "filters": {"pilot": "p"}, "why": "Отчёт."}
    asked = await register.ask("post", "/exports", REGISTRAR, wanted, **{"Idempotency-Key": "k"})
    assert asked.status_code == 202, asked.text
    taken = await register.get(asked.headers["Location"].removeprefix("/v1"), REGISTRAR)
    assert (taken["pilot"], taken["persons"]) == (called, {REGISTRAR.id: OTHER["name"]})
    [listed] = (await register.get("/exports", REGISTRAR))["items"]
    assert listed["pilot"] == called


async def test_an_agency_and_the_public_learn_no_names_and_nobody_else_may_enter_or_erase_them(
    register: Register,
) -> None:
    await named(register)
    for path in ("/pilots/p", "/pilots/p/timeline?limit=200"):
        assert "Образцова" not in (await register.ask("get", path, PUBLISHER)).text
    for method, path, who in (
        ("put", "/persons/member-2", REGISTRAR),
        ("put", "/persons/member-2", AUDITOR),
        ("get", "/persons", REGISTRAR),
        ("get", "/persons", PUBLISHER),
        ("post", f"/persons/{MEMBERS[0]}/erasure", HEAD),
        ("post", f"/persons/{MEMBERS[0]}/erasure", COMMISSION),
        ("get", f"/persons/{MEMBERS[0]}/erasures", HEAD),
        ("get", "/me/person", PUBLISHER),
    ):
        assert (await register.ask(method, path, who, NAME if method == "put" else None)).status_code == 403


async def test_who_is_erased_is_an_opaque_id_again_everywhere_and_each_erasure_has_its_own_record(
    register: Register,
) -> None:
    await named(register)
    asked = {"basis": register.basis}
    path = f"/persons/{MEMBERS[0]}/erasure"
    assert (await register.ask("post", path, ADMIN, {})).json()["title"] == "erasure.basis"
    for erased in (True, False):
        assert (await register.ask("post", path, ADMIN, asked)).json() == {"person": MEMBERS[0], "erased": erased}
        assert (await register.ask("delete", "/me/person", REGISTRAR)).status_code == 204
    assert (await register.get("/pilots/p"))["persons"] == {}
    assert (await register.get("/pilots/p/timeline?limit=200"))["persons"] == {}
    assert (await register.ask("get", "/me/person", REGISTRAR)).status_code == 404
    told = [(await register.get(f"/persons/{one}/erasures"))["items"] for one in (MEMBERS[0], REGISTRAR.id)]
    assert [[(one["by"], one["role"], one["basis"]) for one in some] for some in told] == [
        [(ADMIN.id, "admin", register.basis)],
        [(REGISTRAR.id, "registrar", None)],
    ]
    assert all(one["at"] for some in told for one in some)
    await register.settle()
    facts = [one for one in register.broker.events(fact_topic("registry")) if one["type"] == OwnErased.TYPE]
    assert {one["subject"] for one in facts} == {f"person:{MEMBERS[0]}", f"person:{REGISTRAR.id}"}
    said = b"".join(bytes(message.value) for message in register.broker.log).decode()
    assert not [word for word in ("Образцова", "Примеров ", "obraztsova") if word in said]


@pytest.mark.parametrize("subject", [f"person:{MEMBERS[0]}", f"expert:{MEMBERS[0]}"])
async def test_whom_the_expertise_erases_is_erased_here_too(register: Register, subject: str) -> None:
    await named(register)
    for sequence in (1, 1, 2):  # once again as it stood, and another of the same person
        sent = {
            **example(PersonErasedV1.TYPE),
            "subject": subject,
            "sequence": f"{sequence:020d}",
            "id": f"e-{sequence}",
        }
        sent["data"]["person_id"] = MEMBERS[0]
        value = json.dumps(sent, ensure_ascii=False).encode()
        await register.engine.records([Record(fact_topic("expertise"), 0, sequence, subject.encode(), value)])
    assert await register.store.rows(PARKED, {}, sort=[("_id", 1)], limit=9) == []
    assert await register.store.get(PERSONS, MEMBERS[0]) is None
    assert (await register.get("/pilots/p"))["persons"] == {}
    assert await register.store.get(PERSONS, REGISTRAR.id) is not None


async def test_nothing_is_erased_on_a_document_of_tomorrow(register: Register) -> None:
    await named(register)
    basis = {**register.basis, "date": f"{register.engine.now() + timedelta(days=2):%Y-%m-%d}"}
    answer = await register.ask("post", f"/persons/{MEMBERS[0]}/erasure", ADMIN, {"basis": basis})
    assert answer.status_code == 422, answer.text
    assert answer.json()["title"] == "date.future"
    nobody = await register.ask("post", "/persons/nobody-is-kept/erasure", ADMIN, {"basis": basis})
    assert (nobody.status_code, nobody.json()["title"]) == (422, "date.future"), "whether anything is kept or not"
    assert await register.store.get(PERSONS, MEMBERS[0]) is not None


async def test_an_erasure_that_is_sent_late_keeps_what_was_saved_since(store: Store) -> None:
    fact = OwnErased(actor=Actor(id="p-1", role=Role.REGISTRAR), person_id="p-1", at=START)
    erased = Event("e-1", "registry", OwnErased.TYPE, "person:p-1", START, 1, "e-1", {}, fact)
    said = PersonData(name="Образцова Мария Примеровна")
    await persons.keep(store, "p-1", said, START)
    await persons.carry_out(store, [erased])
    assert await persons.kept(store, "p-1") is None
    await persons.keep(store, "p-1", said, START + timedelta(seconds=1))
    await persons.carry_out(store, [erased])
    assert await persons.kept(store, "p-1") == said.model_dump()


@pytest.mark.parametrize("behind", [False, True])
async def test_a_rebuild_from_an_older_backup_brings_no_erased_person_back(register: Register, behind: bool) -> None:
    await named(register)
    asked = {"basis": register.basis}
    assert (await register.ask("post", f"/persons/{MEMBERS[0]}/erasure", ADMIN, asked)).json()["erased"]
    await register.settle()
    before = register.clock() - timedelta(hours=1)
    await register.store.put(PERSONS, [{"_id": MEMBERS[0], **NAME, "since": before}])  # as a backup of then has it
    async with rebuilt(SERVICE, register.store, register.broker, behind=behind) as (new, report):
        assert report.covers
        assert await new.get(PERSONS, MEMBERS[0]) is None
        assert await new.get(PERSONS, REGISTRAR.id) is not None
