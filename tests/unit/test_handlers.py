"""Between topics and domains: which fact becomes which command, which fact a receipt, what goes where."""

import json
from collections.abc import Sequence
from dataclasses import is_dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts.agency import (
    AGENCY,
    ApplicationResubmittedV1,
    ApplicationSubmittedV2,
    ApplicationWithdrawnV1,
    ReceiptIssuedV1,
    ReceiptOutcome,
)
from contracts.event import Actor, BrokenEvent, Contract, Event, NewerVersion, digest, parse_fact, parse_own_fact
from contracts.expertise import EXPERTISE, ConflictDismissedV1, ConflictFact, TermExtendedV1, TermStartedV1
from contracts.freeze import CLASSES, example, frozen
from contracts.intake import INTAKE
from contracts.reference import Application
from contracts.registry import REGISTRY, EntryCorrectedV1
from contracts.steps import Correctable, EditionFrom
from contracts.topics import AGENCY_MAX_BYTES
from deploy.samples.common import BOOK, NOW
from services.chassis.store import Store
from services.chassis.subject import Broken, Claimed, Conflict, Document, Done, Duplicate, Input, Record
from services.expertise import handlers as expertise
from services.expertise.domain import commands
from services.intake import door, own_numbers, receipts
from services.intake import handlers as intake
from services.intake.domain.agency import Agency
from services.intake.domain.commands import Forward, Later, Note, NoteHiding, NoteTerm, OfExpertiseTerm, Refuse, Submit
from services.intake.domain.state import person_id, pilot_id
from services.registry import handlers as registry
from tests.kit.common import SOMEBODY, made
from tests.kit.intake.events import event, us_event

CODE = "vedomstvo-primer"
PILOT = "7f841494-a5a7-5cad-89a9-dc08e49b30fa"
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

TAKEN = {
    "pilots.intake.application-accepted.v1": commands.Open,
    "pilots.intake.clarification-registered.v1": commands.TakeAnswers,
    "pilots.intake.withdrawal-registered.v1": commands.CloseFor,
    "pilots.intake.application-stopped.v1": commands.CloseFor,
}


def test_expertise_opens_a_review_for_an_accepted_application() -> None:
    event = read("pilots.intake.application-accepted.v1")
    command = expertise.translate(event)
    assert isinstance(command, commands.Open)
    said = data("pilots.intake.application-accepted.v1")
    assert (command.agency, command.number, command.edition) == (said["agency"], said["number"], said["edition"])
    assert command.application == Application.model_validate(said["application"])


@pytest.mark.parametrize("name", sorted(INTAKE.classes))
def test_expertise_takes_what_it_needs_of_intake_and_the_rest_passes_it_by(name: str) -> None:
    assert type(expertise.translate(read(name))) is TAKEN.get(name, type(None))


FORWARDED = {
    "pilots.expertise.information-requested.v1",
    "pilots.expertise.request-closed.v1",
    "pilots.expertise.conclusion-issued.v1",
    "pilots.expertise.conclusion-annulled.v1",
    "pilots.expertise.review-closed.v1",
}


@pytest.mark.parametrize("name", sorted(EXPERTISE.classes))
def test_intake_passes_on_what_concerns_the_applicant_and_the_rest_passes_it_by(name: str) -> None:
    event = read(name)
    expected: object = Forward(event.fact) if name in FORWARDED else None  # type: ignore[arg-type]
    if isinstance(event.fact, ConflictFact):
        expected = NoteHiding(person_id=event.fact.expert_id, hidden=not isinstance(event.fact, ConflictDismissedV1))
    if isinstance(event.fact, OfExpertiseTerm):
        of = event.fact.term if isinstance(event.fact, TermStartedV1) else event.fact
        expected = NoteTerm(event.fact) if of.kind == "expertise" else None
    assert intake.translate(event) == expected


@pytest.mark.parametrize("kind", ["clarification", "expertise", "appeal"])
def test_of_the_extended_terms_that_of_a_request_is_passed_on_and_that_of_the_expertise_noted(kind: str) -> None:
    event = read("pilots.expertise.term-extended.v1")
    assert isinstance(event.fact, TermExtendedV1)
    fact = event.fact.model_copy(update={"kind": kind})
    command = intake.translate(replace(event, fact=fact))
    assert command == {"clarification": Forward(fact), "expertise": NoteTerm(fact)}.get(kind)


NOTED = {
    "expediency-decided",
    "credit-decided",
    "agreement-recorded",
    "agreement-failed",
    "pilot-launched",
    "effectiveness-judged",
    "pilot-stopped",
    "scaling-decided",
}


@pytest.mark.parametrize("name", sorted(REGISTRY.classes.keys() - {EntryCorrectedV1.TYPE}))
def test_intake_notes_what_reports_are_judged_by_and_the_rest_of_the_register_passes_it_by(name: str) -> None:
    fact = REGISTRY.classes[name].model_construct(actor=SOMEBODY, kind="of-no-interest", by_entry=False)
    noted = name.removeprefix("pilots.registry.").removesuffix(".v1") in NOTED
    assert intake.translate(Event("e", "registry", name, "s", NOW, 1, "c", {}, fact)) == (Note(fact) if noted else None)  # type: ignore[arg-type]


@given(made(EntryCorrectedV1))
def test_of_the_corrections_those_are_noted_by_which_reports_are_judged(fact: EntryCorrectedV1) -> None:
    noted = (Correctable.AGREEMENT, Correctable.LAUNCH, Correctable.SPENDING)
    command = intake.translate(Event("e", "registry", fact.TYPE, "s", NOW, 1, "c", {}, fact))
    assert command == (Note(fact) if fact.what in noted else None)


@given(st.one_of([made(cls) for cls in (*INTAKE.classes.values(), *EXPERTISE.classes.values())]))
def test_every_fact_can_be_translated_by_every_reader(fact: Any) -> None:
    event = Event("e", "intake", fact.TYPE, "s", NOW, 1, "c", {}, fact)
    for translate in (expertise.translate, registry.translate, intake.translate):
        command = translate(event)
        assert command is None or isinstance(command, Contract) or is_dataclass(command)


# ---- agencies' events


def sent(event: Any) -> bytes:
    return event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()


def record(event: Any, topic: str = f"pilots.agency.{CODE}.v1") -> Record:
    return Record(topic, 0, 7, b"key", sent(event))


def test_an_agencys_event_is_claimed_under_its_own_id_and_always_about_the_same_pilot() -> None:
    one = door.read_agency(record(SUBMITTED), NOW)
    assert one.subject == pilot_id(CODE, SUBMITTED["id"])
    assert one.mark == Claimed(f"agency:{CODE}", SUBMITTED["id"], digest(SUBMITTED))
    assert one.command == Submit(CODE, SUBMITTED["id"], SUBMITTED)
    assert (one.cause_id, one.correlation) == (SUBMITTED["id"], SUBMITTED["id"])
    assert one.actor == Actor(id=f"agency:{CODE}", organisation=CODE, role="publisher")
    assert one.event_type == ApplicationSubmittedV2.TYPE


@pytest.mark.parametrize("kind", sorted(door.LATER))
def test_a_later_event_begins_as_a_subject_of_its_own_and_belongs_to_what_its_pilot_began_with(kind: str) -> None:
    later = {**example(kind), "source": f"/agencies/{CODE}"}
    one = door.read_agency(record(later), NOW)
    assert one.command == Later(CODE, later["id"], later)
    assert one.subject == pilot_id(CODE, later["id"]) != later["subject"]
    assert (one.cause_id, one.correlation, one.event_type) == (later["id"], None, kind)
    assert one.mark == Claimed(f"agency:{CODE}", later["id"], digest(later))


@pytest.mark.parametrize("subject", [None, 5, "", "agency:demo", "ПП-2026-1", f"{PILOT}0", ["x"]])
def test_what_has_not_the_form_of_a_pilots_id_names_no_pilot(subject: Any) -> None:
    assert Later(CODE, "x", {"subject": subject}).named is None
    assert Later(CODE, "x", {"subject": PILOT}).named == PILOT


@pytest.mark.parametrize("subject", [PILOT.upper(), f" {PILOT}\n"])
def test_a_pilots_id_is_the_same_in_capital_letters_and_with_blanks_at_its_ends(subject: str) -> None:
    assert Later(CODE, "x", {"subject": subject}).named == PILOT


ATTRIBUTES = {name: said for name, said in SUBMITTED.items() if name not in ("data", "datacontenttype")}


def test_an_event_whose_attributes_stand_in_the_headers_is_the_same_event() -> None:
    binary = door.submission(
        CODE, sent(SUBMITTED["data"]), "x", attributes={**ATTRIBUTES, "content-type": SUBMITTED["datacontenttype"]}
    )
    assert binary == door.submission(CODE, sent(SUBMITTED), "x")


def test_an_event_over_kafka_whose_attributes_stand_in_the_headers_is_known_by_its_own_id() -> None:
    headers = [(f"ce_{name}", said.encode()) for name, said in ATTRIBUTES.items()]
    one = door.read_agency(
        replace(
            record(SUBMITTED["data"]), headers=(*headers, ("content-type", b"application/json"), ("ce_x", b"\xff"))
        ),
        NOW,
    )
    assert one.cause_id == SUBMITTED["id"]


def test_an_event_that_says_in_its_value_what_it_is_is_read_from_there() -> None:
    told = {**ATTRIBUTES, "id": "other"}
    assert door.submission(CODE, sent(SUBMITTED), "x", attributes=told) == door.submission(CODE, sent(SUBMITTED), "x")


def test_a_resend_that_is_traced_anew_is_the_same_and_other_content_is_not() -> None:
    again = door.submission(CODE, sent({**SUBMITTED, "traceparent": "other"}), "x")
    other = door.submission(CODE, sent({**SUBMITTED, "time": "2026-04-16T08:00:01.000Z"}), "x")
    first = door.submission(CODE, sent(SUBMITTED), "x")
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
        (b"[" * 100_000, "json.too-many"),
        (b"[" * 100, "json.too-deep"),
        (b"[]", "json.not-an-object"),
        (b"null", "json.not-an-object"),
    ],
)
def test_bytes_that_are_no_event_are_refused_under_the_place_they_stand_at(body: bytes, rule: str) -> None:
    one = door.read_agency(record(body), NOW)
    place = f"kafka:pilots.agency.{CODE}.v1/0/7"
    assert isinstance(one.command, Refuse)
    assert one.command.event_id == one.cause_id == place
    assert [(p.pointer, p.rule) for p in one.command.problems] == [("", rule)]
    assert one.event_type == "unknown"


@pytest.mark.parametrize("bad", [None, "", 5, "a" * 129, "a\nb", "\ud800", {"a": 1}])
def test_an_event_whose_id_cannot_be_used_goes_by_the_place_it_stands_at(bad: Any) -> None:
    one = door.read_agency(record(json.dumps({**SUBMITTED, "id": bad}).encode()), NOW)
    assert one.cause_id == f"kafka:pilots.agency.{CODE}.v1/0/7"
    assert one.subject == pilot_id(CODE, one.cause_id)


def test_a_newer_version_of_an_event_is_parked_and_not_refused() -> None:
    with pytest.raises(NewerVersion):
        door.read_agency(record({**SUBMITTED, "type": "pilots.agency.application-submitted.v3"}), NOW)


@pytest.mark.parametrize("topic", ["pilots.intake.v1", "pilots.agency.A.v1", "pilots.receipts.minzdrav.v1"])
def test_a_record_of_no_agencys_topic_is_broken(topic: str) -> None:
    with pytest.raises(BrokenEvent):
        door.read_agency(record(SUBMITTED, topic), NOW)


def test_an_id_used_for_another_event_is_refused_as_a_subject_of_its_own() -> None:
    one = door.read_agency(record(SUBMITTED), NOW)
    refusing = door.on_conflict(one)
    assert refusing is not None
    assert refusing.subject != one.subject
    assert isinstance(refusing.command, Refuse)
    assert refusing.command.event_id == SUBMITTED["id"]
    assert [(p.pointer, p.rule) for p in refusing.command.problems] == [("/id", "id.reused")]
    again = door.on_conflict(one)
    assert again is not None
    assert (again.subject, again.mark) == (refusing.subject, refusing.mark)


def test_an_id_used_for_another_later_event_is_refused_as_a_subject_of_its_own_too() -> None:
    later = {**example(ApplicationWithdrawnV1.TYPE), "source": f"/agencies/{CODE}"}
    led = replace(door.read_agency(record(later), NOW), subject=PILOT)
    refusing = door.on_conflict(led)
    assert refusing is not None
    assert refusing.subject not in (PILOT, pilot_id(CODE, later["id"]))
    assert isinstance(refusing.command, Refuse)
    assert (refusing.command.event_id, refusing.command.problems[0].rule) == (later["id"], "id.reused")


def test_over_http_a_reused_id_is_told_at_once_and_nothing_is_kept() -> None:
    assert door.on_conflict(door.submission(CODE, sent(SUBMITTED), "http:x")) is None


# ---- receipts


def as_written(event: dict[str, Any]) -> Event:
    """A fact of intake as it comes out of an outbox."""
    return parse_own_fact(json.dumps(event).encode(), INTAKE)


def receipt(name: str, **changes: Any) -> dict[str, Any]:
    fact = example(name)
    fact["data"] |= changes
    [message] = receipts.publications(as_written(fact))
    found: dict[str, Any] = json.loads(message.value)
    assert message.topic == f"pilots.receipts.{CODE}.v1"
    assert message.key == found["subject"]
    assert message.headers["ce_id"] == found["id"]
    return found


ANSWERS = {"registered", "refused", "resubmitted", "answers-taken", "withdrawn", "reported"}
"""Outcomes that answer an event of the agency; the others go by the event that began the pilot."""


RECEIPTED = {
    "application-registered": "registered",
    "submission-refused": "refused",
    "event-refused": "refused",
    "application-accepted": "accepted",
    "application-returned": "returned",
    "resubmission-registered": "resubmitted",
    "withdrawal-registered": "withdrawn",
    "application-stopped": "stopped",
    "application-lapsed": "lapsed",
    "information-request-forwarded": "information-requested",
    "clarification-registered": "answers-taken",
    "information-request-closed": "request-closed",
    "conclusion-forwarded": "concluded",
    "conclusion-annulment-forwarded": "conclusion-annulled",
    "expertise-closed": "closed",
    "decision-forwarded": "decided",
    "progress-registered": "reported",
    "spending-registered": "reported",
    "risk-registered": "reported",
    "result-registered": "reported",
    "completion-registered": "reported",
    "term-reminder-forwarded": "reminded",
    "step-forwarded": "launched",
}
OF_NO_OTHER_EXAMPLE = {"parked", "agreed", "agreement-failed", "judged", "scaling-decided", "stopped-early"}
"""Outcomes of steps beside the one of the example, and of what no fact is made of."""
TERMS = {"term-started", "term-ended", "term-breached", "term-nearing", "term-recalendared"}
SILENT = {"agency-entered", "carrying-out-noted", "conflict-noted", "contact-erased", "contact-read", *TERMS}
SILENT |= {"person-erased", "record-handled", "record-skipped"}
SILENT |= {"expertise-term-noted", "agency-disabled", "agency-enabled"}
SILENT |= {"agency-key-issued", "agency-key-revoked", "agency-password-made"}
"""The directory, the terms, the notes and what becomes of contact persons go without a receipt."""


def test_every_fact_of_intake_makes_a_receipt_or_is_listed_as_making_none() -> None:
    assert not RECEIPTED.keys() & SILENT
    assert {f"pilots.intake.{name}.v1" for name in RECEIPTED.keys() | SILENT} == INTAKE.classes.keys()


@pytest.mark.parametrize("short", RECEIPTED)
def test_every_outcome_has_a_receipt_that_fits_its_frozen_schema(short: str) -> None:
    name, outcome = f"pilots.intake.{short}.v1", RECEIPTED[short]
    found, fact = receipt(name), example(name)
    Draft202012Validator(frozen(ReceiptIssuedV1.TYPE)).validate(found)
    assert found["data"]["outcome"] == outcome
    assert (found["data"]["agency"], found["data"]["pilot"]) == (CODE, fact["subject"])
    assert found["data"]["event_id"] == (fact["data"]["event_id"] if outcome in ANSWERS else fact["correlationid"])
    assert found["data"]["number"] == fact["data"].get("number")
    assert (found["causationid"], found["correlationid"]) == (fact["id"], fact["correlationid"])
    assert found["traceparent"] == fact["traceparent"]


ANSWERED_AS = {
    "withdrawal-registered": "application-withdrawn",
    "clarification-registered": "clarification-provided",
    **{f"{one}-registered": f"{one}-reported" for one in ("progress", "spending", "risk", "result", "completion")},
}
"""What an agency sends, by the fact that takes it and does not say so itself."""
SAYS_ITSELF = {"application-registered", "resubmission-registered", "event-refused"}


@pytest.mark.parametrize("short", RECEIPTED)
def test_a_receipt_names_the_type_of_the_event_that_it_answers(short: str) -> None:
    name, known = f"pilots.intake.{short}.v1", ANSWERED_AS.get(short)
    said = example(name)["data"]["event_type"] if short in SAYS_ITSELF else known and f"pilots.agency.{known}.v1"
    assert receipt(name)["data"]["event_type"] == said
    versions = [one for one in AGENCY.classes if known and one.startswith(f"pilots.agency.{known}.")]
    assert len(versions) == bool(known), "with another version the fact must say which it was"


def test_a_receipt_of_before_is_read_without_the_type_of_its_event() -> None:
    old = {k: v for k, v in receipt("pilots.intake.progress-registered.v1")["data"].items() if k != "event_type"}
    assert ReceiptIssuedV1.model_validate(old).event_type is None


def test_the_outcomes_are_those_that_the_contract_names() -> None:
    said = " ".join((ReceiptIssuedV1.__doc__ or "").split())
    named = said.split("`outcome` is one of ")[1].split(". ")[0].split(", ")
    assert {*RECEIPTED.values(), *OF_NO_OTHER_EXAMPLE} == set(named) == set(ReceiptOutcome)


@pytest.mark.parametrize("name", sorted(SILENT))
def test_no_other_fact_has_a_receipt(name: str) -> None:
    assert receipts.publications(as_written(example(f"pilots.intake.{name}.v1"))) == []


def test_a_receipt_for_a_request_names_its_items_and_when_the_answers_are_due() -> None:
    fact = data("pilots.intake.information-request-forwarded.v1")
    said = receipt("pilots.intake.information-request-forwarded.v1")["data"]
    assert (said["request"]["id"], said["request"]["items"]) == (fact["request"], fact["items"])
    assert said["request"]["open_items"] == [item["id"] for item in fact["items"]]
    assert (said["request"]["on_expiry"], said["due_at"]) == (fact["on_expiry"], fact["due_at"])


def test_a_receipt_for_a_conclusion_says_all_of_it() -> None:
    fact = data("pilots.intake.conclusion-forwarded.v1")
    said = receipt("pilots.intake.conclusion-forwarded.v1")["data"]["conclusion"]
    assert said.pop("number") == fact["conclusion_number"]
    assert said == {name: fact[name] for name in ("date", "round", "verdict", "text", "remarks")}


def test_a_receipt_for_a_resubmission_says_when_its_look_over_is_due() -> None:
    fact = data("pilots.intake.resubmission-registered.v1")
    said = receipt("pilots.intake.resubmission-registered.v1")["data"]
    assert (said["due_at"], said["own_number"]) == (fact["look_over_due_at"], fact["application"]["own_number"])


@pytest.mark.parametrize("outcome", ["expired", "cancelled"])
def test_a_receipt_for_a_closed_request_says_how_it_ended(outcome: str) -> None:
    said = receipt("pilots.intake.information-request-closed.v1", outcome=outcome)["data"]
    assert said["reasons"] == [outcome]


@pytest.mark.parametrize("outcome", ["returned", "refused"])
def test_a_receipt_for_a_closed_review_says_whether_it_was_returned_or_refused_and_why(outcome: str) -> None:
    said = receipt("pilots.intake.expertise-closed.v1", outcome=outcome, reasons=[{"code": "no-answer"}])["data"]
    assert said["reasons"] == [outcome, "no-answer"]


def test_a_receipt_for_a_stop_says_why() -> None:
    said = receipt("pilots.intake.application-stopped.v1")["data"]
    assert said["reasons"] == [data("pilots.intake.application-stopped.v1")["reason"]]


def _in_all_languages(problems: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a receipt says problems of a fact that was written before Belarusian was among its words."""
    return [{"message_be": None, "severity": "block", **one} for one in problems]


def test_a_receipt_for_a_refused_later_event_names_every_problem_and_that_event() -> None:
    fact = data("pilots.intake.event-refused.v1")
    said = receipt("pilots.intake.event-refused.v1")["data"]
    assert (said["problems"], said["event_id"]) == (_in_all_languages(fact["problems"]), fact["event_id"])


def test_a_receipt_for_a_registration_names_the_number_and_the_agencys_own() -> None:
    said = receipt("pilots.intake.application-registered.v1")["data"]
    assert (said["number"], said["own_number"]) == ("ПП-2026-000123", "17-04/2026")


def test_a_receipt_for_a_refusal_names_every_problem() -> None:
    said = receipt("pilots.intake.submission-refused.v1")["data"]
    assert said["problems"] == _in_all_languages(data("pilots.intake.submission-refused.v1")["problems"])
    assert len(said["problems"]) == 2


def test_a_receipt_for_a_return_names_its_reasons_by_code() -> None:
    said = receipt("pilots.intake.application-returned.v1")["data"]
    assert said["reasons"] == ["documents-missing", "effect-not-measurable"]


def test_a_receipt_for_a_reused_id_goes_by_the_id_that_the_agency_gave() -> None:
    one = door.on_conflict(door.read_agency(record(SUBMITTED), NOW))
    assert one is not None
    assert isinstance(one.command, Refuse)
    fact = example("pilots.intake.submission-refused.v1")
    fact["data"]["event_id"] = one.command.event_id
    [message] = receipts.publications(as_written(fact))
    assert json.loads(message.value)["data"]["event_id"] == SUBMITTED["id"]


# ---- the contact person


def fact_of(name: str) -> Any:
    return CLASSES[name].model_validate(data(name))


def registered_fact() -> Any:
    return fact_of("pilots.intake.application-registered.v1")


def test_the_contact_person_of_a_registered_application_is_kept_under_the_opaque_id() -> None:
    one = door.submission(CODE, sent(SUBMITTED), "x")
    [(collection, row)] = door.side_rows(one, [registered_fact()])
    assert collection == "persons"
    assert row == {"_id": person_id(one.subject), "pilot": one.subject, **SUBMITTED["data"]["contact"]}


def test_nothing_of_a_person_is_kept_without_a_registration_or_without_a_person() -> None:
    one = door.submission(CODE, sent(SUBMITTED), "x")
    refused = CLASSES["pilots.intake.submission-refused.v1"].model_validate(data("pilots.intake.submission-refused.v1"))
    assert door.side_rows(one, [refused]) == []  # type: ignore[list-item]
    bare = {**SUBMITTED, "data": {k: v for k, v in SUBMITTED["data"].items() if k != "contact"}}
    assert door.side_rows(door.submission(CODE, sent(bare), "x"), [registered_fact()]) == []


@pytest.mark.parametrize("contact", [True, False])
def test_the_contact_person_of_a_resubmission_is_kept_under_an_id_of_its_own(contact: bool) -> None:
    again = {**example(ApplicationResubmittedV1.TYPE), "source": f"/agencies/{CODE}"}
    again["data"] = {**again["data"], "contact": SUBMITTED["data"]["contact"] if contact else None}
    one = replace(door.submission(CODE, sent(again), "x"), subject=PILOT)
    name = "pilots.intake.resubmission-registered.v1"
    kept = door.side_rows(one, [fact_of(name)])
    row = {"_id": person_id(PILOT, again["id"]), "pilot": PILOT, **SUBMITTED["data"]["contact"]}
    assert kept == ([("persons", row)] if contact else [])
    assert person_id(PILOT, again["id"]) != person_id(PILOT)
    assert door.side_rows(one, []) == []


# ---- what decisions are given


class Numbers:
    """Stands for the store where only numbers are asked for, and for the engine, which loads the directory beside."""

    def __init__(self, *known: Agency) -> None:
        self.known = known
        self.drawn: list[tuple[str, int]] = []

    async def prepared(
        self, inputs: Sequence[Input], now: datetime = NOW, there: Sequence[Document] = ()
    ) -> Sequence[Any]:
        """What these inputs are given, and the subjects that are there already."""
        entries = {f"agency:{a.code}": Document(f"agency:{a.code}", "agency", state=a) for a in self.known}
        asked = {subject for one in inputs if (subject := intake.beside(one)) is not None}
        loaded = {one.subject: one for one in there} | {s: entry for s, entry in entries.items() if s in asked}
        store = cast(Store, self)
        return await intake.preparing(BOOK, lambda: now)(store, inputs, loaded, await own_numbers.look(store, inputs))

    async def rows(self, *_: Any, **__: Any) -> list[Any]:
        return []

    async def draw(self, series: str, count: int) -> range:
        self.drawn.append((series, count))
        return range(1, count + 1)


def agency(code: str, edition: str) -> Agency:
    return Agency(code=code, name="Ведомство", editions=(EditionFrom(edition=edition, since=date(2025, 1, 1)),))


def applied(code: str, id_: str = "good", time: str = SUBMITTED["time"], **data: Any) -> Input:
    """An application that the edition of this agency takes, but for what is said of it."""
    made_ = us_event(**data) if code == "us" else event(**data)
    return door.submission(code, sent({**made_, "id": id_, "time": time, "source": f"/agencies/{code}"}), "x")


async def test_a_batch_is_given_numbers_with_one_draw_for_each_series() -> None:
    store = Numbers(agency("one", "by-2024"), agency("two", "by-2024"), agency("us", "demo-us"))
    inputs = [applied(code, f"{code}-{n}") for n in range(2) for code in ("one", "two", "us", "new")]
    given_ = await store.prepared(inputs)
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


async def test_what_will_not_be_registered_draws_no_number() -> None:
    """Faulty, of a day before any edition, of an unknown agency, twice in one batch, or there already."""
    store = Numbers(agency("one", "by-2024"))
    faulty = applied("one", "faulty", title="")
    early = applied("one", "early", time="2024-06-01T09:00:00Z")
    inputs = [faulty, early, applied("new"), applied("one", "known"), applied("one"), applied("one")]
    there = inputs[3].subject
    known = Document(there, "pilot", state=Agency(code="x", name="Есть", editions=()))
    given_ = await store.prepared(inputs, there=[known])
    assert store.drawn == [("registration:ПП:2026", 1)]
    assert [g.number for g in given_] == [None, None, None, None, "ПП-2026-000001", None]
    assert [bool(g.judged and g.judged.problems) for g in given_] == [True, True, False, False, False, False]


async def test_an_application_that_cannot_be_judged_spoils_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_about: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(intake, "judge", fails)
    store = Numbers(agency("one", "by-2024"))
    inputs = [applied("one")]
    [one] = await store.prepared(inputs)
    assert (one.number, one.judged, store.drawn) == (None, None, [])


async def test_the_year_of_a_number_is_the_year_in_the_zone_of_the_edition() -> None:
    store = Numbers(agency("one", "by-2024"))
    eve = datetime.fromisoformat("2026-12-31T21:00:00+00:00")
    inputs = [applied("one")]
    await store.prepared(inputs, eve)
    await store.prepared(inputs, eve - timedelta(milliseconds=1))
    assert [series for series, _ in store.drawn] == ["registration:ПП:2027", "registration:ПП:2026"]


async def test_a_time_that_cannot_be_read_spoils_no_batch() -> None:
    store = Numbers(agency("one", "by-2024"), agency("us", "demo-us"))
    times = ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:00", 1e308, None, "x"]
    events = [(code, {**SUBMITTED, "time": time}) for time in times for code in ("one", "us")]
    inputs = [door.submission(code, sent(event), "x") for code, event in events]
    given_ = await store.prepared(inputs)
    assert len(given_) == len(inputs)


async def test_a_later_event_is_given_its_agencys_entry_and_no_number() -> None:
    store = Numbers(agency("one", "by-2024"))
    later = {**example(ApplicationWithdrawnV1.TYPE), "source": "/agencies/one"}
    inputs = [door.submission(code, sent(later), "x") for code in ("one", "new")]
    found = await store.prepared(inputs)
    assert [(g.agency.code if g.agency else None, g.number) for g in found] == [("one", None), (None, None)]
    assert store.drawn == []


# ---- the balance

WITHDRAWN = ("pilots.intake.term-ended.v1", "pilots.intake.withdrawal-registered.v1")


@pytest.mark.parametrize(
    ("outcome", "label"),
    [
        (None, "given-back"),
        (Done(1, 1, (registered_fact(),)), "registered"),
        (Broken("x"), "parked"),
        (Duplicate(1, 1), "duplicate"),
        (Conflict(), "conflict"),
        (Done(1, 1, (fact_of("pilots.intake.submission-refused.v1"),)), "refused"),
        (Done(9, 9, (fact_of("pilots.intake.event-refused.v1"),)), "refused"),
        (Done(9, 9, tuple(map(fact_of, WITHDRAWN))), "registered"),
    ],
)
def test_every_event_of_an_agency_is_counted_by_what_came_of_it(outcome: Any, label: str) -> None:
    from services.chassis.telemetry import SUBMISSIONS

    one = door.submission("counted", sent(SUBMITTED), "x")
    before = SUBMISSIONS.labels("counted", label)._value.get()
    door.settled(one, outcome)
    assert SUBMISSIONS.labels("counted", label)._value.get() == before + 1


def test_what_is_no_event_of_an_agency_is_not_counted_as_one() -> None:
    from services.chassis.telemetry import SUBMISSIONS

    person = Input("s", Claimed("person:u", "k", "d"), object(), SOMEBODY, "c")
    before = len([sample for metric in SUBMISSIONS.collect() for sample in metric.samples])
    door.arrived(person)
    door.settled(person, Broken("x"))
    assert len([sample for metric in SUBMISSIONS.collect() for sample in metric.samples]) == before


def test_an_event_above_the_bound_is_refused_by_its_place_without_being_looked_at() -> None:
    body = sent(SUBMITTED)
    one = door.submission(CODE, body + b" " * (AGENCY_MAX_BYTES - len(body) + 1), "kafka:here/0/1")
    assert isinstance(one.command, Refuse)
    assert (one.command.event_id, [p.rule for p in one.command.problems]) == ("kafka:here/0/1", ["event.too-large"])
    within = door.submission(CODE, body + b" " * (AGENCY_MAX_BYTES - len(body)), "kafka:here/0/1")
    assert isinstance(within.command, Submit)
