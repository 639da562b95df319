"""An event that is parked is said to be: in the agency's receipts topic, and over HTTP; the real answer follows."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from prometheus_client import REGISTRY

from contracts.agency import AGENCY, ApplicationSubmittedV2
from services.chassis import parking, redriving, telemetry
from services.chassis.engine import Engine
from services.chassis.store import BY_ID, PARKED, Store
from services.intake.domain.state import pilot_id
from tests.integration.intake.test_hidden import found
from tests.kit.engine.tiny import Broker
from tests.kit.intake.sides import PILOT, Ask, again, entered, receipts, rules, said, sent, state, submitted, withdrawn
from tests.kit.tracing import trace_of, traced

pytestmark = pytest.mark.usefixtures("indexed")


NEWER = "pilots.agency.application-submitted.v3"


def binary(event: dict[str, Any]) -> Any:
    """The same event with its attributes in headers."""
    one = sent(event["data"])
    attributes = {f"ce_{name}": str(value) for name, value in event.items() if name != "data"}
    return replace(one, headers=tuple((name, value.encode()) for name, value in attributes.items()))


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_a_version_that_is_too_new_is_parked_and_said_so_and_the_real_receipt_follows(
    engine: Engine, ask: Ask, broker: Broker, store: Store, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    event = {**submitted(1), "type": NEWER}
    record = sent(event) if mode == "structured" else binary(event)
    await engine.records([record, sent(submitted(2))])
    assert sorted(receipts(broker)) == [("demo-1", "parked"), ("demo-2", "registered")]
    [told] = [one for one in broker.events("pilots.receipts.demo.v1") if one["data"]["outcome"] == "parked"]
    assert [p["rule"] for p in told["data"]["problems"]] == ["type.newer-version", "event.parked"]
    assert {p["severity"] for p in told["data"]["problems"]} == {"warn"}
    assert (told["subject"], told["data"]["pilot"]) == (PILOT, PILOT)
    answer = await ask("get", "/v1/receipts/demo-1")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["outcome"], shown["event_id"], shown["status"]) == ("parked", "demo-1", None)
    assert shown["problems"] == told["data"]["problems"]
    assert (await ask("get", "/v1/receipts/demo-1", "publisher@evil")).status_code == 404
    assert (await ask("get", "/v1/receipts/demo-1?agency=demo", "officer")).json() == shown
    await engine.records([record])
    assert len(await store.rows(PARKED, {}, sort=BY_ID, limit=9)) == 1, "parked once, however often it is read"

    monkeypatch.setitem(AGENCY.classes, NEWER, AGENCY.classes[ApplicationSubmittedV2.TYPE])
    monkeypatch.setitem(AGENCY._adapters, NEWER, AGENCY._adapters[ApplicationSubmittedV2.TYPE])
    monkeypatch.setitem(AGENCY._newest, "pilots.agency.application-submitted", 3)
    monkeypatch.setattr("services.intake.domain.shape.LISTS", _lists())
    assert len(await engine.parking.redrive([record.id])) == 1
    assert receipts(broker)[-1] == ("demo-1", "registered")
    assert (await ask("get", "/v1/receipts/demo-1")).json()["status"] == "registered"


def _lists() -> dict[str, dict[str, int]]:
    from services.intake.domain import shape

    return {**shape.LISTS, NEWER: shape.LISTS[ApplicationSubmittedV2.TYPE]}


COUNTERS = (
    "lotsman_submissions_total",
    "lotsman_inputs_total",
    "lotsman_fact_age_seconds_count",
    "lotsman_unknown_types_total",
    "lotsman_unreadable_total",
)


def counted() -> dict[tuple[str, str], float]:
    """What the metrics of what comes in say, without series at which nothing was counted."""
    samples = [sample for family in REGISTRY.collect() for sample in family.samples if sample.name in COUNTERS]
    return {(one.name, "/".join(one.labels.values())): one.value for one in samples if one.value}


async def test_an_application_that_cannot_be_read_stands_under_its_pilot_whatever_its_key_and_is_chosen_by_it(
    engine: Engine, ask: Ask, store: Store
) -> None:
    before, record = counted(), replace(sent({**submitted(1), "type": NEWER}), key=b"app-2026-0099")
    await engine.records([record])
    [row] = await store.rows(PARKED, {}, sort=BY_ID, limit=9)
    assert row["subject"] == PILOT
    answer = await ask("post", "/v1/parked/redrive", "ops", json={"subjects": [PILOT], "dry_run": True})
    assert [(one["id"], one["verdict"]) for one in answer.json()["records"]] == [(record.id, "broken")]
    came = {what: value - before.get(what, 0) for what, value in counted().items() if value != before.get(what, 0)}
    name = "lotsman_submissions_total"
    assert came == {(name, "demo/received"): 1, (name, "demo/parked"): 1, ("lotsman_inputs_total", "agency/broken"): 1}


async def test_a_dry_run_is_counted_as_nothing_that_came_in(engine: Engine, ask: Ask) -> None:
    await engine.records([sent({**submitted(1), "type": NEWER}), sent(submitted(2)), said(found("u-2001"), 3)])
    before = counted()
    for status in (parking.BROKEN, parking.WAITING):
        answer = await ask("post", "/v1/parked/redrive", "ops", json={"status": status, "dry_run": True})
        assert len(answer.json()["records"]) == 1, status
    assert counted() == before


async def test_an_event_of_an_agency_that_is_not_in_the_directory_yet_is_parked_and_taken_when_it_is(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    one = sent(submitted(1, "late"), "late")
    await engine.records([one])
    assert receipts(broker, "late") == [("late-1", "parked")]
    assert rules(broker, "late") == ["event.parked"]
    assert (await ask("get", "/v1/receipts/late-1", "publisher@late")).json()["outcome"] == "parked"
    await entered(engine, "late")
    await engine.parking.redrive([one.id])
    assert receipts(broker, "late") == [("late-1", "parked"), ("late-1", "registered")]
    assert (await ask("get", "/v1/receipts/late-1", "publisher@late")).json()["outcome"] == "registered"


async def test_an_event_about_a_pilot_that_was_not_there_when_it_was_parked_is_led_to_it_when_it_is(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    pilot = pilot_id("late", "late-1")
    records = [sent(submitted(1, "late"), "late"), sent(withdrawn("back", pilot, "late"), "late")]
    for one in records:  # one by one: nothing leads the second to the first
        await engine.records([one])
    assert receipts(broker, "late") == [("late-1", "parked"), ("back", "parked")]
    await entered(engine, "late")
    assert len(await engine.parking.redrive([one.id for one in records])) == 2
    assert receipts(broker, "late")[2:] == [("late-1", "registered"), ("back", "withdrawn")]
    await engine.records([records[1]])
    again = await ask("get", "/v1/receipts/back", "publisher@late")
    assert (again.json()["outcome"], again.json()["pilot"]) == ("withdrawn", pilot)
    assert len(receipts(broker, "late")) == 4, "read again it is the same"


async def test_an_event_that_was_refused_before_stays_refused_when_it_is_fed_again(
    engine: Engine, broker: Broker, store: Store
) -> None:
    back = sent(withdrawn("back", PILOT))
    await engine.records([back])
    await engine.records([sent(submitted(1))])
    await parking.park(store, [parking.unreadable(back, "Проба")], engine.now())
    assert len(await engine.parking.redrive([back.id])) == 1
    assert [outcome for event, outcome in receipts(broker) if event == "back"] == ["refused"]


async def test_of_a_parked_event_about_a_hidden_pilot_the_person_in_conflict_is_told_nothing(
    engine: Engine, ask: Ask
) -> None:
    await engine.records([sent(submitted(1))])
    await engine.records([said(found("u-2001"), 1)])
    await engine.records([sent({**again("newer"), "type": "pilots.agency.application-resubmitted.v2"})])
    hidden = await ask("get", "/v1/receipts/newer?agency=demo", "officer")
    never = await ask("get", "/v1/receipts/never?agency=demo", "officer")
    assert (hidden.status_code, hidden.json()) == (404, never.json())
    assert (await ask("get", "/v1/receipts/newer?agency=demo", "auditor")).json()["outcome"] == "parked"


@pytest.mark.parametrize("mode", ["structured", "binary"])
@pytest.mark.parametrize("named", ["number", "typed", "capitals"])
async def test_so_it_is_where_it_names_the_pilot_by_number_or_in_capitals_in_every_list_of_what_is_parked(
    engine: Engine, ask: Ask, store: Store, mode: str, named: str
) -> None:
    await engine.records([sent(submitted(1))])
    number = (await state(engine)).number
    assert number is not None
    subject = {"number": number, "typed": number.lower().replace("-", "–"), "capitals": PILOT.upper()}[named]
    event = {**again("newer"), "subject": subject, "type": "pilots.agency.application-resubmitted.v9"}
    record = sent(event) if mode == "structured" else binary(event)
    await engine.records([said(found("u-2001"), 1), said(found("u-night"), 2)])
    await engine.records([replace(record, key=None, offset=777_777)])
    [row] = await store.rows(PARKED, {}, sort=BY_ID, limit=9)
    assert row["subject"] == PILOT
    assert (await ask("get", "/v1/receipts/newer?agency=demo", "officer")).status_code == 404
    lists = [("/v1/receipts?agency=demo", "officer", "auditor"), ("/v1/parked", "ops@night", "ops")]
    for path, conflicted, other in lists:
        assert (await ask("get", path, conflicted)).json()["items"] == [], path
        assert (await ask("get", path, other)).json()["items"], path
    assert (await ask("post", "/v1/parked/redrive", "ops@night", json={"ids": [row["_id"]]})).json()["went"] == 0


async def test_garbage_is_answered_where_it_can_be_and_the_balance_adds_up(engine: Engine, broker: Broker) -> None:
    before = _balance()
    garbage = [b"", b"\xff\xfe", b"[]", b'"text"', b"{}", json.dumps({**submitted(1), "type": NEWER}).encode()]
    records = [replace(sent(submitted(9)), value=value) for value in garbage]
    await engine.records([*records, sent(submitted(2)), sent(submitted(2))])
    counted = {name: value - before.get(name, 0) for name, value in _balance().items()}
    assert counted["received"] == 8
    assert {name: value for name, value in counted.items() if value and name != "received"} == {
        "refused": 5,
        "parked": 1,
        "registered": 1,
        "duplicate": 1,
    }
    told = receipts(broker)
    assert len(told) == 7 and {outcome for _, outcome in told} == {"refused", "parked", "registered"}
    assert {f"kafka:{one.id}" for one in records[:5]} <= {event for event, _ in told}


def _balance() -> dict[str, float]:
    found = telemetry.SUBMISSIONS.collect()
    return {
        one.labels["outcome"]: one.value
        for metric in found
        for one in metric.samples
        if one.name.endswith("_total") and one.labels["agency"] == "demo"
    }


async def test_of_more_records_than_are_fed_at_once_those_go_first_that_stand_first_in_their_topic(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    await engine.records([replace(sent(submitted(n, "late"), "late"), offset=n) for n in range(12)])
    await entered(engine, "late")
    chosen = {"topic": "pilots.agency.late.v1", "limit": 3}
    told = (await ask("post", "/v1/parked/redrive", "ops", json=chosen)).json()
    assert (told["went"], told["more"]) == (3, True)
    assert [event for event, what in receipts(broker, "late") if what == "registered"] == ["late-0", "late-1", "late-2"]


async def test_what_stays_at_the_head_keeps_nothing_behind_it_and_a_dry_run_names_all_page_by_page(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    await engine.records([replace(sent(submitted(n, "late"), "late"), offset=n) for n in range(2)])
    newer = [replace(sent({**submitted(n, "late"), "type": NEWER}, "late"), offset=n) for n in range(2, 4)]
    await engine.records([*newer, *(replace(sent(submitted(n, "late"), "late"), offset=n) for n in range(4, 7))])
    await entered(engine, "late")

    async def paged(limit: int, **what: Any) -> list[tuple[str, str]]:
        found, body = list[tuple[str, str]](), {**what, "limit": limit}
        while True:
            answer = await ask("post", "/v1/parked/redrive", "ops", json=body, headers={"Idempotency-Key": "same"})
            told = answer.json()
            assert told["more"] == (told["next"] is not None) and len(told["records"]) <= limit
            found += [(one["id"][-1], one["verdict"]) for one in told["records"]]
            if told["next"] is None:
                return found
            body["after"] = told["next"]

    every = [(str(n), "broken" if n in (2, 3) else "went") for n in range(7)]
    topic = "pilots.agency.late.v1"
    for limit in (1, 2, 1000):
        assert await paged(limit, topic=topic, dry_run=True) == every
        ids = [f"{topic}/0/{n}" for n in range(3)]
        assert await paged(limit, topic=topic, ids=ids, dry_run=True) == every, "each once, whatever chooses it"
    assert sorted(await paged(1, subjects=[f"late-{n}" for n in range(9)], topic=topic, dry_run=True)) == every
    assert await paged(1, topic=topic) == every
    assert [event[-1] for event, what in receipts(broker, "late") if what == "registered"] == list("01456")
    anew = await paged(1, topic=topic)
    assert [one for one, _ in anew] == ["0", "2", "3"], "under a key that was used it goes on behind what was meant"
    for bad in ("x", "bnVsbA==", "WzEsMl0=", "Wy0xLDJd"):
        answer = await ask("post", "/v1/parked/redrive", "ops", json={"topic": topic, "after": bad})
        assert (answer.status_code, answer.json()["title"]) == (400, "cursor.bad")


async def test_the_same_feeding_under_the_same_key_means_the_records_that_it_meant_first(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    await engine.records([replace(sent(submitted(n, "late"), "late"), offset=n) for n in range(6)])
    chosen = {"topic": "pilots.agency.late.v1", "limit": 2}
    key = {"Idempotency-Key": "once"}

    async def told(who: str = "ops", **more: Any) -> tuple[list[str], list[str]]:
        answer = (await ask("post", "/v1/parked/redrive", who, json={**chosen, **more}, headers=key)).json()
        return [one["id"][-1] for one in answer["records"]], [one["verdict"] for one in answer["records"]]

    assert await told() == (["0", "1"], ["broken", "broken"]), "the agency is not known yet"
    await entered(engine, "late")
    for _ in range(2):  # somebody who was not answered sends it again
        assert await told() == (["0", "1"], ["went", "went"])
    assert [event for event, what in receipts(broker, "late") if what == "registered"] == ["late-0", "late-1"]
    assert await told(dry_run=True) == (["2", "3"], ["went", "went"]), "what is only tried is tried anew"
    assert await told(limit=1) == (["2"], ["went"]), "another choice is another feeding"
    assert await told("ops@night") == (["3", "4"], ["went", "went"]), "and so is that of somebody else"


async def test_ops_feed_a_group_again_after_trying_it_and_each_record_has_its_verdict(
    engine: Engine, ask: Ask, broker: Broker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = [sent({**submitted(n), "type": NEWER}) for n in range(1, 6)]
    other = sent({**submitted(9, "late"), "type": NEWER}, "late")
    await engine.records([*newer, other])

    async def fed(**what: Any) -> dict[str, Any]:
        answer = await ask("post", "/v1/parked/redrive", "ops", json=what)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def verdicts(told: dict[str, Any]) -> list[tuple[str, str]]:
        return [(one["id"], one["verdict"]) for one in told["records"]]

    groups = (await ask("get", "/v1/parked/groups", "ops")).json()["items"]
    assert [(one["records"], one["status"], one["topic"]) for one in groups] == [
        (5, "broken", "pilots.agency.demo.v1"),
        (1, "broken", "pilots.agency.late.v1"),
    ]
    assert all(one["oldest"] <= one["newest"] for one in groups)
    cause = groups[0]["cause"]
    of_group = {"status": "broken", "cause": cause, "topic": "pilots.agency.demo.v1", "limit": "3"}
    first = (await ask("get", f"/v1/parked?{urlencode(of_group)}", "ops")).json()
    beyond = (await ask("get", f"/v1/parked?{urlencode({**of_group, 'after': first['next']})}", "ops")).json()
    assert [one["id"] for one in first["items"] + beyond["items"]] == [one.id for one in newer], "that group, in order"
    assert beyond["next"] is None

    nothing = await ask("post", "/v1/parked/redrive", "ops", json={})
    assert (nothing.status_code, nothing.json()["title"]) == (422, "redrive.nothing-chosen")
    still = await fed(cause=cause, topic="pilots.agency.demo.v1")
    assert (still["went"], {one["verdict"] for one in still["records"]}) == (0, {"broken"})
    assert {one["cause"] for one in still["records"]} == {cause}, "it says why"
    unknown = await fed(ids=["pilots.agency.demo.v1/0/999999"])
    assert verdicts(unknown) == [("pilots.agency.demo.v1/0/999999", "not-parked")]

    monkeypatch.setitem(AGENCY.classes, NEWER, AGENCY.classes[ApplicationSubmittedV2.TYPE])
    monkeypatch.setitem(AGENCY._adapters, NEWER, AGENCY._adapters[ApplicationSubmittedV2.TYPE])
    monkeypatch.setitem(AGENCY._newest, "pilots.agency.application-submitted", 3)
    monkeypatch.setattr("services.intake.domain.shape.LISTS", _lists())
    before = receipts(broker)
    tried = await fed(topic="pilots.agency.demo.v1", dry_run=True)
    assert (tried["went"], tried["dry_run"], tried["more"]) == (5, True, False)
    assert len(await store.rows(PARKED, {}, sort=BY_ID, limit=9)) == 6 and receipts(broker) == before, "nothing is done"
    everything = await fed(cause=cause, dry_run=True)
    assert sorted(verdict for _, verdict in verdicts(everything)) == ["broken", *["went"] * 5], "one is not let in yet"

    some = await fed(cause=cause, topic="pilots.agency.demo.v1", limit=2)
    assert (some["went"], some["more"]) == (2, True)
    rest = await fed(cause=cause, topic="pilots.agency.demo.v1")
    assert (rest["went"], rest["more"]) == (3, False)
    assert {id_ for id_, _ in verdicts(some) + verdicts(rest)} == {one.id for one in newer}
    [left] = (await ask("get", "/v1/parked/groups", "ops")).json()["items"]
    assert (left["records"], left["topic"]) == (1, "pilots.agency.late.v1"), "that group alone"
    told = [receipt for receipt in receipts(broker)[len(before) :]]
    assert sorted(told) == [(f"demo-{n}", "registered") for n in range(1, 6)]


@pytest.mark.parametrize("subject", ["Кузнецова Мария", "kuznetsova.maria", "1985-03-02"])
async def test_a_subject_that_is_shown_masked_is_found_by_no_guess_and_fed_by_its_place(
    engine: Engine, ask: Ask, subject: str
) -> None:
    hidden = sent({**again("newer"), "subject": subject, "type": NEWER})
    shown = replace(sent({**submitted(2), "subject": PILOT, "type": NEWER}), offset=777_777)
    await engine.records([hidden, shown])

    async def fed(**what: Any) -> list[str]:
        answer = await ask("post", "/v1/parked/redrive", "ops", json={**what, "dry_run": True})
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["records"]]

    listed = (await ask("get", "/v1/parked", "ops")).json()["items"]
    assert {one["subject"] for one in listed} == {"•••", PILOT}
    assert await fed(subjects=[subject]) == await fed(subjects=["Иванова Анна"]) == await fed(subjects=["•••"]) == []
    assert await fed(subjects=[subject, PILOT]) == [shown.id], "what is shown is found as ever"
    assert await fed(ids=[hidden.id]) == [hidden.id]

    async def changed(guess: str, why: str) -> tuple[int, Any]:
        event = {**again("newer"), "subject": guess}
        asked = {"record": hidden.id, "kind": "edit", "event": event, "why": why}
        key = {"Idempotency-Key": str(len(why))}
        answer = await ask("post", "/v1/parked/repairs", "ops@lotsman=u-5001", json=asked, headers=key)
        assert answer.status_code == 201, answer.text
        return answer.status_code, answer.json()["becomes"]

    right, wrong = await changed(subject, "Опечатка."), await changed("Иванова Анна", "Ещё опечатка.")
    assert right == wrong, "a change says nothing of it, either: the subject stays as it was"
    assert right[1]["subject"] == "•••"


async def test_what_waits_is_one_group_whatever_number_it_waits_for_and_all_is_counted_though_not_all_is_told(
    engine: Engine, ask: Ask, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redriving, "GROUPS", 3)
    row = {"topic": "pilots.expertise.v1", "partition": 0, "at": engine.now(), "subject": PILOT, "headers": []}
    row |= {"source": "expertise", "sequence": None, "value": b"", "key": None}

    async def keep(status: str, causes: list[str]) -> None:
        rows = [
            {**row, "_id": f"pilots.expertise.v1/{status}/{n}", "offset": n, "status": status, "cause": cause}
            for n, cause in enumerate(causes)
        ]
        await store.put_new(PARKED, rows)

    gaps = [f"gap: expertise {n} has not arrived" for n in range(205)]
    await keep("waiting", [*gaps, "after: intake 4 has not arrived"])
    await keep("broken", [f"Kind{n}: of its own" for n in range(5)])
    told = (await ask("get", "/v1/parked/groups", "ops")).json()
    assert (len(told["items"]), told["records"]) == (3, 211)
    assert (told["items"][0]["cause"], told["items"][0]["records"]) == ("gap: expertise", 205)
    some = {"status": "waiting", "cause": "gap: expertise", "topic": "pilots.expertise.v1", "limit": "200"}
    first = (await ask("get", f"/v1/parked?{urlencode(some)}", "ops")).json()
    rest = (await ask("get", f"/v1/parked?{urlencode({**some, 'after': first['next']})}", "ops")).json()
    assert len(first["items"]) + len(rest["items"]) == 205 and rest["next"] is None, "the group's own, in pages"
    alone = {**some, "cause": "gap: expertise 7 has not arrived"}
    assert len((await ask("get", f"/v1/parked?{urlencode(alone)}", "ops")).json()["items"]) == 1
    fed = (await ask("post", "/v1/parked/redrive", "ops", json={"cause": "after: intake", "dry_run": True})).json()
    assert [one["id"] for one in fed["records"]] == ["pilots.expertise.v1/waiting/205"]


async def test_what_is_parked_and_read_again_stands_in_one_trace_with_its_receipts_and_is_discarded_in_it(
    engine: Engine, ask: Ask, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an outage of Kafka: its batch was not committed, and each reading has a span of its own."""
    exporter = traced(monkeypatch)
    record = sent({**submitted(1), "type": NEWER})
    await engine.records([record])
    await engine.records([record])
    [shown] = (await ask("get", "/v1/parked", "ops")).json()["items"]
    told = broker.events("pilots.receipts.demo.v1")
    assert len(told) == 1, "nobody is told twice"
    assert trace_of(told[0]["traceparent"]) == shown["trace"]
    begun = [f"{one.context.trace_id:032x}" for one in exporter.get_finished_spans() if one.context]
    assert begun[0] == shown["trace"], "that of the first reading"
    await engine.parking.discard(record.id)
    refused = broker.events("pilots.receipts.demo.v1")[-1]
    assert (refused["data"]["outcome"], trace_of(refused["traceparent"])) == ("refused", shown["trace"])


async def test_of_a_record_that_an_earlier_program_parked_the_trace_is_what_it_says_itself(
    engine: Engine, ask: Ask, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced(monkeypatch)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    named = {**submitted(1), "type": NEWER, "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    records = [sent(named), sent({**submitted(2), "type": NEWER})]
    await engine.records(records)
    shown = [(await ask("get", f"/v1/parked/records/{one.id}", "ops")).json()["trace"] for one in records]
    assert shown[0] == trace and shown[1] is not None
    rows = [row async for row in store.scan(PARKED, {})]
    await store.remove(PARKED, [row["_id"] for row in rows])
    await store.put_new(PARKED, [{name: value for name, value in row.items() if name != "trace"} for row in rows])
    shown = [(await ask("get", f"/v1/parked/records/{one.id}", "ops")).json()["trace"] for one in records]
    assert shown == [trace, None]
    assert len(await engine.parking.redrive([one.id for one in records])) == 0, "and it can be fed again all the same"
