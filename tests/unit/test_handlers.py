"""Between topics and domains: which fact becomes which command, which fact a receipt, what goes where."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from story import BOOK, NOW, SOMEBODY, made

from contracts.agency import ApplicationSubmittedV2, ReceiptIssuedV1
from contracts.event import Actor, BrokenEvent, Event, NewerVersion, digest, parse_fact
from contracts.expertise import EXPERTISE
from contracts.freeze import CLASSES, example, frozen
from contracts.intake import INTAKE, EditionFrom
from contracts.registry import REGISTRY, ApplicationOutcome, TermStage
from contracts.topics import AGENCY_MAX_BYTES
from services.chassis.subject import Broken, Claimed, Conflict, Done, Duplicate, Input, Record
from services.expertise import handlers as expertise
from services.expertise.domain import pilot as review
from services.intake import handlers as intake
from services.intake.domain.agency import Agency
from services.intake.domain.pilot import Refuse, Submit, person_id, pilot_id
from services.registry import handlers as registry
from services.registry.domain import pilot as entry

CODE = "vedomstvo-primer"
SUBMITTED = example(ApplicationSubmittedV2.TYPE)


def read(name: str) -> Event:
    """The example of a fact as a reader gets it."""
    language = {"intake": INTAKE, "expertise": EXPERTISE}[name.split(".")[1]]
    event = parse_fact(json.dumps(example(name)).encode(), language)
    assert isinstance(event, Event)
    return event


def data(name: str) -> dict[str, Any]:
    found: dict[str, Any] = example(name)["data"]
    return found


# ---- facts of other services


def test_expertise_opens_a_review_for_an_accepted_application() -> None:
    event = read("pilots.intake.application-accepted.v1")
    command = expertise.translate(event)
    assert isinstance(command, review.Open)
    said = data("pilots.intake.application-accepted.v1")
    assert (command.agency, command.number, command.edition) == (said["agency"], said["number"], said["edition"])
    assert command.application.model_dump(mode="json") == said["application"]


@pytest.mark.parametrize("name", sorted(INTAKE.classes.keys() - {"pilots.intake.application-accepted.v1"}))
def test_every_other_fact_of_intake_only_passes_expertise_by(name: str) -> None:
    assert expertise.translate(read(name)) is None


def due(name: str) -> datetime:
    return datetime.fromisoformat(data(name)["due_at"])


RECORDED = {
    "pilots.intake.application-accepted.v1": entry.RecordOutcome(ApplicationOutcome.ACCEPTED),
    "pilots.intake.term-started.v1": entry.RecordTerm(
        "look-over", TermStage.STARTED, due("pilots.intake.term-started.v1")
    ),
    "pilots.intake.term-breached.v1": entry.RecordTerm(
        "look-over", TermStage.BREACHED, due("pilots.intake.term-breached.v1")
    ),
    "pilots.intake.term-ended.v1": entry.RecordTerm("look-over", TermStage.ENDED),
}
PASSING = {
    "pilots.intake.agency-entered.v1",
    "pilots.intake.submission-refused.v1",
    "pilots.expertise.review-opened.v1",
    "pilots.expertise.expert-assigned.v1",
    "pilots.expertise.opinion-given.v1",
}


@pytest.mark.parametrize("name", RECORDED)
def test_the_register_records_outcomes_and_terms(name: str) -> None:
    assert registry.translate(read(name)) == RECORDED[name]


def test_the_register_enters_a_registered_application() -> None:
    said = data("pilots.intake.application-registered.v1")
    command = registry.translate(read("pilots.intake.application-registered.v1"))
    assert isinstance(command, entry.Enter)
    assert (command.agency, command.number, command.edition) == (said["agency"], said["number"], said["edition"])
    assert command.submitted == datetime.fromisoformat(said["submitted"])
    assert command.application.model_dump(mode="json") == said["application"]


def test_the_register_records_a_return_with_its_reasons() -> None:
    command = registry.translate(read("pilots.intake.application-returned.v1"))
    assert isinstance(command, entry.RecordOutcome)
    assert command.outcome is ApplicationOutcome.RETURNED
    assert [r.model_dump(mode="json") for r in command.reasons] == data("pilots.intake.application-returned.v1")[
        "reasons"
    ]


def test_the_register_records_a_conclusion_word_by_word() -> None:
    said = data("pilots.expertise.conclusion-issued.v1")
    command = registry.translate(read("pilots.expertise.conclusion-issued.v1"))
    assert isinstance(command, entry.RecordConclusion)
    assert (command.round, command.verdict, command.text) == (said["round"], said["verdict"], said["text"])
    assert [r.model_dump(mode="json") for r in command.remarks] == said["remarks"]


@pytest.mark.parametrize("name", sorted(PASSING))
def test_what_does_not_concern_the_register_only_passes_by(name: str) -> None:
    assert registry.translate(read(name)) is None


def test_every_fact_that_the_register_reads_is_spoken_of_here() -> None:
    word_by_word = {
        "pilots.intake.application-registered.v1",
        "pilots.intake.application-returned.v1",
        "pilots.expertise.conclusion-issued.v1",
    }
    assert set(RECORDED) | PASSING | word_by_word == INTAKE.classes.keys() | EXPERTISE.classes.keys()


@given(st.one_of([made(cls) for cls in (*INTAKE.classes.values(), *EXPERTISE.classes.values())]))
def test_every_fact_can_be_translated_by_every_reader(fact: Any) -> None:
    event = Event("e", "intake", fact.TYPE, "s", NOW, 1, "c", {}, fact)
    for translate in (expertise.translate, registry.translate):
        command = translate(event)
        assert command is None or hasattr(command, "__dataclass_fields__")


@pytest.mark.parametrize("name", sorted(REGISTRY.classes))
def test_the_timeline_says_who_when_what_on_which_basis_and_by_what_it_was_caused(name: str) -> None:
    event = example(name)
    [(collection, row)] = registry.journal(event)
    assert collection == "timeline"
    assert row["_id"] == f"{event['subject']}/{event['sequence']}"
    assert (row["pilot"], row["sequence"], row["time"]) == (event["subject"], int(event["sequence"]), event["time"])
    assert (row["type"], row["event"], row["correlation"]) == (name, event["id"], event["correlationid"])
    assert (row["actor"], row["basis"]) == (event["data"]["actor"], event["data"].get("basis"))
    assert row["what"] == {k: v for k, v in event["data"].items() if k not in ("actor", "cause", "after", "basis")}


# ---- agencies' events


def sent(event: Any) -> bytes:
    return event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()


def record(event: Any, topic: str = f"pilots.agency.{CODE}.v1") -> Record:
    return Record(topic, 0, 7, b"key", sent(event))


def test_an_agencys_event_is_claimed_under_its_own_id_and_always_about_the_same_pilot() -> None:
    one = intake.read_agency(record(SUBMITTED), NOW)
    assert one.subject == pilot_id(CODE, SUBMITTED["id"])
    assert one.mark == Claimed(f"agency:{CODE}", SUBMITTED["id"], digest(SUBMITTED))
    assert one.command == Submit(CODE, SUBMITTED["id"], SUBMITTED)
    assert (one.cause_id, one.correlation) == (SUBMITTED["id"], SUBMITTED["id"])
    assert one.actor == Actor(id=f"agency:{CODE}", organisation=CODE, role="publisher")
    assert one.event_type == ApplicationSubmittedV2.TYPE


def test_a_resend_that_is_traced_anew_is_the_same_and_other_content_is_not() -> None:
    again = intake.submission(CODE, sent({**SUBMITTED, "traceparent": "other"}), "x")
    other = intake.submission(CODE, sent({**SUBMITTED, "time": "2026-04-16T08:00:01.000Z"}), "x")
    first = intake.submission(CODE, sent(SUBMITTED), "x")
    assert first.mark == again.mark
    assert first.subject == other.subject
    assert first.mark != other.mark


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "json.invalid"),
        (b"{", "json.invalid"),
        (b"\xff", "json.invalid"),
        (b'{"id": NaN}', "json.invalid"),
        (b"[" * 100_000, "json.invalid"),
        (b"[]", "json.not-an-object"),
        (b"null", "json.not-an-object"),
    ],
)
def test_bytes_that_are_no_event_are_refused_under_the_place_they_stand_at(body: bytes, rule: str) -> None:
    one = intake.read_agency(record(body), NOW)
    place = f"kafka:pilots.agency.{CODE}.v1/0/7"
    assert isinstance(one.command, Refuse)
    assert one.command.event_id == one.cause_id == place
    assert [(p.pointer, p.rule) for p in one.command.problems] == [("", rule)]
    assert one.event_type == "unknown"


@pytest.mark.parametrize("bad", [None, "", 5, "a" * 129, "a\nb", "\ud800", {"a": 1}])
def test_an_event_whose_id_cannot_be_used_goes_by_the_place_it_stands_at(bad: Any) -> None:
    one = intake.read_agency(record(json.dumps({**SUBMITTED, "id": bad}).encode()), NOW)
    assert one.cause_id == f"kafka:pilots.agency.{CODE}.v1/0/7"
    assert one.subject == pilot_id(CODE, one.cause_id)


def test_a_newer_version_of_an_event_is_parked_and_not_refused() -> None:
    with pytest.raises(NewerVersion):
        intake.read_agency(record({**SUBMITTED, "type": "pilots.agency.application-submitted.v3"}), NOW)


@pytest.mark.parametrize("topic", ["pilots.intake.v1", "pilots.agency.A.v1", "pilots.receipts.minzdrav.v1"])
def test_a_record_of_no_agencys_topic_is_broken(topic: str) -> None:
    with pytest.raises(BrokenEvent):
        intake.read_agency(record(SUBMITTED, topic), NOW)


def test_an_id_used_for_another_event_is_refused_as_a_subject_of_its_own() -> None:
    one = intake.read_agency(record(SUBMITTED), NOW)
    refusing = intake.on_conflict(one)
    assert refusing is not None
    assert refusing.subject != one.subject
    assert isinstance(refusing.command, Refuse)
    assert refusing.command.event_id == SUBMITTED["id"]
    assert [(p.pointer, p.rule) for p in refusing.command.problems] == [("/id", "id.reused")]
    again = intake.on_conflict(one)
    assert again is not None
    assert (again.subject, again.mark) == (refusing.subject, refusing.mark)


def test_over_http_a_reused_id_is_told_at_once_and_nothing_is_kept() -> None:
    assert intake.on_conflict(intake.submission(CODE, sent(SUBMITTED), "http:x")) is None


# ---- receipts


def receipt(name: str) -> dict[str, Any]:
    [message] = intake.copies(example(name))
    found: dict[str, Any] = json.loads(message.value)
    assert message.topic == f"pilots.receipts.{CODE}.v1"
    assert message.key == found["subject"]
    assert message.headers["ce_id"] == found["id"]
    return found


OUTCOMES = {
    "pilots.intake.application-registered.v1": "registered",
    "pilots.intake.submission-refused.v1": "refused",
    "pilots.intake.application-accepted.v1": "accepted",
    "pilots.intake.application-returned.v1": "returned",
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_outcome_has_a_receipt_that_fits_its_frozen_schema(name: str) -> None:
    found, fact = receipt(name), example(name)
    Draft202012Validator(frozen(ReceiptIssuedV1.TYPE)).validate(found)
    assert found["data"]["outcome"] == OUTCOMES[name]
    assert (found["data"]["agency"], found["data"]["pilot"]) == (CODE, fact["subject"])
    assert found["data"]["event_id"] == fact["correlationid"]
    assert (found["causationid"], found["correlationid"]) == (fact["id"], fact["correlationid"])
    assert found["traceparent"] == fact["traceparent"]


@pytest.mark.parametrize("name", sorted(INTAKE.classes.keys() - OUTCOMES.keys()))
def test_no_other_fact_has_a_receipt(name: str) -> None:
    assert intake.copies(example(name)) == []


def test_a_receipt_for_a_registration_names_the_number_and_the_agencys_own() -> None:
    said = receipt("pilots.intake.application-registered.v1")["data"]
    assert (said["number"], said["own_number"]) == ("ПП-2026-000123", "17-04/2026")


def test_a_receipt_for_a_refusal_names_every_problem() -> None:
    said = receipt("pilots.intake.submission-refused.v1")["data"]
    assert said["problems"] == data("pilots.intake.submission-refused.v1")["problems"]
    assert len(said["problems"]) == 2


def test_a_receipt_for_a_return_names_its_reasons_by_code() -> None:
    said = receipt("pilots.intake.application-returned.v1")["data"]
    assert said["reasons"] == ["documents-missing", "effect-not-measurable"]


def test_a_receipt_for_a_reused_id_goes_by_the_id_that_the_agency_gave() -> None:
    one = intake.on_conflict(intake.read_agency(record(SUBMITTED), NOW))
    assert one is not None
    assert isinstance(one.command, Refuse)
    fact = example("pilots.intake.submission-refused.v1")
    fact["data"]["event_id"] = one.command.event_id
    [message] = intake.copies(fact)
    assert json.loads(message.value)["data"]["event_id"] == SUBMITTED["id"]


# ---- the contact person


def registered_fact() -> Any:
    return CLASSES["pilots.intake.application-registered.v1"].model_validate(
        data("pilots.intake.application-registered.v1")
    )


def test_the_contact_person_of_a_registered_application_is_kept_under_the_opaque_id() -> None:
    one = intake.submission(CODE, sent(SUBMITTED), "x")
    [(collection, row)] = intake.keep(one, [registered_fact()])
    assert collection == "persons"
    assert row == {"_id": person_id(one.subject), "pilot": one.subject, **SUBMITTED["data"]["contact"]}


def test_nothing_of_a_person_is_kept_without_a_registration_or_without_a_person() -> None:
    one = intake.submission(CODE, sent(SUBMITTED), "x")
    refused = CLASSES["pilots.intake.submission-refused.v1"].model_validate(data("pilots.intake.submission-refused.v1"))
    assert intake.keep(one, [refused]) == []  # type: ignore[list-item]
    bare = {**SUBMITTED, "data": {k: v for k, v in SUBMITTED["data"].items() if k != "contact"}}
    assert intake.keep(intake.submission(CODE, sent(bare), "x"), [registered_fact()]) == []


# ---- what decisions are given


class Numbers:
    """Stands for the store where only numbers and the directory are asked for."""

    def __init__(self, *known: Agency) -> None:
        self.known = known
        self.drawn: list[tuple[str, int]] = []

    async def load(self, subjects: Sequence[str], _kind: Any) -> dict[str, Any]:
        found = {f"agency:{a.code}": a for a in self.known}
        return {s: type("D", (), {"state": found[s]}) for s in subjects if s in found}

    async def draw(self, series: str, count: int) -> range:
        self.drawn.append((series, count))
        return range(1, count + 1)


def agency(code: str, edition: str) -> Agency:
    return Agency(code=code, name="Ведомство", editions=(EditionFrom(edition=edition, since=date(2025, 1, 1)),))


async def test_a_batch_is_given_numbers_with_one_draw_for_each_series() -> None:
    store = Numbers(agency("one", "by-2024"), agency("two", "by-2024"), agency("us", "demo-us"))
    events = [(code, {**SUBMITTED, "id": f"{code}-{n}"}) for n in range(2) for code in ("one", "two", "us", "new")]
    inputs = [intake.submission(code, sent(event), "x") for code, event in events]
    given_ = await intake.preparing(BOOK, lambda: NOW)(store, inputs)  # type: ignore[arg-type]
    assert sorted(store.drawn) == [("registration:US:2026", 2), ("registration:ПП:2026", 4)]
    numbers = [g.number for g in given_]
    assert numbers == [
        "ПП-2026-000001",
        "ПП-2026-000002",
        "US-2026-000001",
        None,
        "ПП-2026-000003",
        "ПП-2026-000004",
        "US-2026-000002",
        None,
    ]
    assert [g.agency.code if g.agency else None for g in given_][:4] == ["one", "two", "us", None]


async def test_the_year_of_a_number_is_the_year_in_the_zone_of_the_edition() -> None:
    store = Numbers(agency("one", "by-2024"))
    eve = datetime.fromisoformat("2026-12-31T21:00:00+00:00")
    inputs = [intake.submission("one", sent(SUBMITTED), "x")]
    await intake.preparing(BOOK, lambda: eve)(store, inputs)  # type: ignore[arg-type]
    await intake.preparing(BOOK, lambda: eve - timedelta(milliseconds=1))(store, inputs)  # type: ignore[arg-type]
    assert [series for series, _ in store.drawn] == ["registration:ПП:2027", "registration:ПП:2026"]


async def test_a_time_that_cannot_be_read_spoils_no_batch() -> None:
    store = Numbers(agency("one", "by-2024"), agency("us", "demo-us"))
    times = ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:00", 1e308, None, "x"]
    events = [(code, {**SUBMITTED, "time": time}) for time in times for code in ("one", "us")]
    inputs = [intake.submission(code, sent(event), "x") for code, event in events]
    given_ = await intake.preparing(BOOK, lambda: NOW)(store, inputs)  # type: ignore[arg-type]
    assert len(given_) == len(inputs)


# ---- the balance


@pytest.mark.parametrize(
    ("outcome", "label"),
    [
        (None, "given-back"),
        (Done(1, 1, (registered_fact(),)), "registered"),
        (Broken("x"), "parked"),
        (Duplicate(1, 1), "duplicate"),
        (Conflict(), "conflict"),
    ],
)
def test_every_event_of_an_agency_is_counted_by_what_came_of_it(outcome: Any, label: str) -> None:
    from services.chassis.telemetry import SUBMISSIONS

    one = intake.submission("counted", sent(SUBMITTED), "x")
    before = SUBMISSIONS.labels("counted", label)._value.get()
    intake.settled(one, outcome)
    assert SUBMISSIONS.labels("counted", label)._value.get() == before + 1


def test_what_is_no_event_of_an_agency_is_not_counted_as_one() -> None:
    from services.chassis.telemetry import SUBMISSIONS

    person = Input("s", Claimed("person:u", "k", "d"), object(), SOMEBODY, "c")
    before = len(list(SUBMISSIONS.collect()[0].samples))
    intake.arrived(person)
    intake.settled(person, Broken("x"))
    assert len(list(SUBMISSIONS.collect()[0].samples)) == before


def test_an_event_above_the_bound_is_refused_by_its_place_without_being_looked_at() -> None:
    body = sent(SUBMITTED)
    one = intake.submission(CODE, body + b" " * (AGENCY_MAX_BYTES - len(body) + 1), "kafka:here/0/1")
    assert isinstance(one.command, Refuse)
    assert (one.command.event_id, [p.rule for p in one.command.problems]) == ("kafka:here/0/1", ["event.too-large"])
    within = intake.submission(CODE, body + b" " * (AGENCY_MAX_BYTES - len(body)), "kafka:here/0/1")
    assert isinstance(within.command, Submit)
