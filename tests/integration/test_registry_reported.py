"""What an executor reported stands in the pilot's timeline: it is shown whole, corrected as it stands, and comes over
from documents of an earlier program."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from contracts.reference import Payment
from contracts.registry import REGISTRY
from contracts.steps import Correctable, Correction, Progress, Results, Spending
from deploy.samples.common import basis
from deploy.samples.registry import value
from services.chassis.engine import Engine
from services.chassis.rebuild import rebuild
from services.chassis.store import SUBJECTS, Row, Store
from services.chassis.subject import Done, Record, Refused
from services.registry import history, views
from services.registry.domain.commands import RecordReport
from services.registry.domain.state import Pilot
from services.registry.handlers import TIMELINE
from services.registry.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import Hooked, claimed, numbered
from tests.kit.registry.http import REGISTRAR, TOPIC, Register

LISTS = ("reports", "values", "spending")


def spent(register: Register, *amounts: int) -> Spending:
    said: dict[str, Any] = {"source": "own-money", "year": 2026, "currency": "BYN", "paid": register.today}
    return Spending(payments=tuple(Payment(amount_minor=amount, **said) for amount in amounts))


def progress(register: Register) -> Progress:
    given: dict[str, Any] = {"period": {"since": register.today, "until": register.today}, "summary": "Идёт."}
    return Progress(**given, values=(value("9", register.today, "wait"),))


async def reported(register: Register, pilot: str, times: int) -> None:
    """A pilot whose executor reported so many times on its course and on its spending."""
    await register.running(pilot)
    for n in range(times):
        await register.say(pilot, RecordReport(f"r-{n}", progress(register)))
        await register.say(pilot, RecordReport(f"s-{n}", spent(register, 10 + n)))
    await register.say(pilot, RecordReport("v", Results(values=(value("3", register.today, "wait"),))))


async def row_of(store: Store, pilot: str) -> Row:
    [row] = await store.rows(SUBJECTS, {"_id": pilot}, sort=[("_id", 1)], limit=1)
    return row


def counts(card: Row) -> list[int]:
    return [len(card[name]) for name in LISTS]


async def test_a_card_shows_all_that_was_reported_sent_or_not_and_the_document_holds_none_of_it(
    register: Register,
) -> None:
    await reported(register, "p", 3)
    waiting = await register.get("/pilots/p")
    assert (await row_of(register.store, "p"))["outbox"], "some facts have no row yet"
    assert counts(waiting) == [3, 4, 3]
    await register.settle()
    row = await row_of(register.store, "p")
    assert not row["outbox"] and not {*LISTS, "entries"} & row["state"].keys()
    card = await register.get("/pilots/p")
    assert card == waiting
    assert [one["payments"][0]["amount_minor"] for one in card["spending"]] == [10, 11, 12]
    results = await register.get("/pilots/p/results")
    assert [one["value"] for one in results["items"][0]["values"]] == ["9", "9", "9", "3"]
    money = await register.get("/money/p")
    [paid] = [line for line in money["lines"] if line["stage"] == "paid"]
    assert (paid["whole_minor"], money["exact"]) == (33, True)
    answer = await register.ask("get", f"/pilots/p?as_of={register.clock().isoformat().replace('+00:00', 'Z')}")
    then = answer.json()
    del then["as_of"]
    assert then == card


async def test_more_than_a_page_of_entries_is_read_whole(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "ROWS", 4)
    await register.running("p")
    for n in range(10):
        await register.say("p", RecordReport(f"r-{n}", progress(register)))
        if n == 7:
            await register.settle()
    assert counts(await register.get("/pilots/p")) == [10, 10, 0]


async def test_an_entry_that_is_lost_is_a_fault_and_no_shorter_card(register: Register) -> None:
    await reported(register, "p", 2)
    await register.settle()
    rows = await register.store.rows(TIMELINE, {"pilot": "p"}, sort=[("_id", 1)], limit=100)
    lost = next(row for row in rows if row["type"].endswith("spending-recorded.v1"))
    await register.store.remove(TIMELINE, [lost["_id"]])
    for path in ("/pilots/p", "/pilots/p/results", "/money/p"):
        answer = await register.ask("get", path)
        assert (answer.status_code, answer.json()["title"]) == (500, "timeline.torn"), path
    assert (await register.ask("get", "/pilots")).status_code == 200


def correction(place: int, *amounts: int, register: Register) -> Correction:
    event = f"s-{place - 1}"
    content = {"event_id": event, **spent(register, *amounts).model_dump(mode="json")}
    why: dict[str, Any] = {"reason": "Описка.", "basis": basis(register.today)}
    return Correction(what=Correctable.SPENDING, place=place, content=content, **why)


async def test_the_first_of_many_payments_is_corrected_as_it_stands(register: Register) -> None:
    await reported(register, "p", 3)
    await register.settle()
    for amount in (100, 101):
        said = correction(1, amount, register=register).model_dump(mode="json")
        await register.do("p", "corrections", REGISTRAR, **{k: said[k] for k in ("what", "place", "content", "reason")})
    facts = [one.fact for one in register.facts("p")]
    await register.settle()
    was = [one.fact.was["payments"][0]["amount_minor"] for one in register.facts("p")[len(facts) :]]  # type: ignore[attr-defined]
    assert was == [10, 100], "the second one stands on the first, which had not been sent"
    card = await register.get("/pilots/p")
    assert [one["payments"][0]["amount_minor"] for one in card["spending"]] == [101, 11, 12]
    missing = await register.post("p", "corrections", REGISTRAR, what="spending", place=4, content={}, reason="Описка.")
    assert (missing.status_code, missing.json()["title"]) == (404, "correction.no-entry")


async def test_who_loses_the_guard_corrects_what_the_winner_has_left(register: Register) -> None:
    await reported(register, "p", 2)
    await register.settle()
    slow = Hooked(register.store)
    on = cast(Store, slow)
    other = Engine(SERVICE, on, register.broker, now=register.clock, new_id=numbered("o"), calendars=CALENDARS)

    async def meanwhile() -> None:
        won = await register.engine.command(claimed("p", "first", correction(1, 50, register=register)))
        assert isinstance(won, Done)

    slow.before["write"] = meanwhile
    lost = await other.command(claimed("p", "second", correction(1, 60, register=register)))
    assert isinstance(lost, Done)
    [fact] = lost.facts
    assert fact.was["payments"][0]["amount_minor"] == 50  # type: ignore[attr-defined]
    state = Pilot.model_validate((await row_of(register.store, "p"))["state"])
    assert [one.amount_minor for one in state.reported.paid] == [60 + 11]
    again = await other.command(claimed("p", "third", correction(3, 60, register=register)))
    assert isinstance(again, Refused)


async def as_an_earlier_program_left_it(register: Register, pilot: str) -> Row:
    """Puts the document of a pilot into the form in which all entries and all ended terms stood in it."""
    found = (await register.engine.documents([pilot]))[pilot]
    whole = await history.whole(register.store, found)
    assert isinstance(whole.state, Pilot)
    said = views.stated(whole.state)
    del said["reported"]
    await register.store.mark(SUBJECTS, {"_id": pilot}, {"state": said})
    return said


async def test_a_document_of_an_earlier_program_shows_the_same_and_shrinks_with_its_next_fact(
    register: Register,
) -> None:
    await reported(register, "p", 3)
    await register.settle()
    card = await register.get("/pilots/p")
    await as_an_earlier_program_left_it(register, "p")
    assert await register.get("/pilots/p") == card
    await register.say("p", RecordReport("last", spent(register, 7)))
    state = (await row_of(register.store, "p"))["state"]
    assert not {*LISTS, "entries", "of_old"} & state.keys()
    assert [one["amount_minor"] for one in state["reported"]["paid"]] == [10 + 11 + 12 + 7]
    for _ in range(2):
        now = await register.get("/pilots/p")
        assert [one["payments"][0]["amount_minor"] for one in now["spending"]] == [10, 11, 12, 7]
        assert (now["reports"], now["values"]) == (card["reports"], card["values"])
        await register.settle()


async def test_a_fact_that_says_nothing_of_reports_loses_none_of_an_earlier_programs_document(
    register: Register,
) -> None:
    await reported(register, "p", 2)
    await register.settle()
    card = await register.get("/pilots/p")
    await as_an_earlier_program_left_it(register, "p")
    await register.do("p", "suspension", REGISTRAR, since=register.today.isoformat(), why="Ремонт.")
    now = await register.get("/pilots/p")
    assert [now[name] for name in (*LISTS, "money", "progress")] == [
        card[name] for name in (*LISTS, "money", "progress")
    ]
    assert not {*LISTS} & (await row_of(register.store, "p"))["state"].keys()


async def test_a_rebuild_finds_documents_of_an_earlier_program_alike_and_writes_them_small(register: Register) -> None:
    for pilot in ("p", "q"):
        await reported(register, pilot, 3)
    await register.settle()
    card = await register.get("/pilots/p")
    await as_an_earlier_program_left_it(register, "p")

    async def own(_topic: str, partition: int) -> AsyncIterator[Record]:
        for n, one in enumerate(register.broker.log):
            if one.topic == TOPIC and partition == 0:
                yield Record(TOPIC, 0, n, one.key.encode(), one.value)

    async def foreign(_topic: str, _partition: int) -> AsyncIterator[Record]:
        for one in list[Record]():
            yield one

    target = register.store.sibling(f"{register.store._db.name}_again")
    try:
        report = await rebuild(SERVICE, REGISTRY, register.store, target, own, foreign)
        assert report.good, (report.different, report.missing)
        assert not {*LISTS} & (await row_of(target, "p"))["state"].keys()
        await target.prepare(SERVICE.indexes)
        again = Register(target)
        assert {**await again.get("/pilots/p")} == card
    finally:
        await target._client.drop_database(target._db.name)
