"""The agencies' door, which only intake has: an event as it was sent becomes an input, led to the pilot that it names,
counted as it comes and as it ends; what is personal in it is kept before any fact.

The events come over Kafka or by `POST /v1/events`; both ways meet in `submission`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, assert_never

from contracts.agency import (
    AGENCY,
    ApplicationResubmittedV1,
    ApplicationWithdrawnV1,
    ClarificationProvidedV1,
    ContactPerson,
)
from contracts.entered import SENT
from contracts.event import (
    Actor,
    BrokenEvent,
    Fact,
    NewerVersion,
    is_usable_id,
    split_type,
    traced,
)
from contracts.forms import as_number
from contracts.intake import (
    ApplicationRegisteredV1,
    EventRefusedV1,
    ResubmissionRegisteredV1,
    SubmissionRefusedV1,
)
from contracts.reference import Problem, Role
from contracts.topics import agency_of
from contracts.words import problem
from services.chassis import telemetry
from services.chassis.numbered import pilots_of
from services.chassis.store import PERSONS, SUBJECTS, Row, Store
from services.chassis.subject import (
    OF_AGENCY,
    Absent,
    Broken,
    Claimed,
    Conflict,
    Done,
    Duplicate,
    Input,
    Outcome,
    Record,
    Refused,
    Stale,
    Waiting,
)
from services.intake.domain.commands import Later, Refuse, Submit
from services.intake.domain.reports import REPORTS
from services.intake.domain.state import KIND, REUSED, person_id, pilot_id
from services.intake.parsing import Parsed, parsed

LATER: Final = frozenset(
    {ApplicationResubmittedV1.TYPE, ClarificationProvidedV1.TYPE, ApplicationWithdrawnV1.TYPE, *REPORTS}
)
"""The events that are about a pilot which is there already."""
KAFKA_ATTRIBUTE: Final = "ce_"
NO_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType({})
OWNED: Final = ("state.agency", "state.hidden_from")
"""What of a pilot says who may publish on it."""
Published = Submit | Later | Refuse
"""What an agency's event can be."""


def owner(agency: str) -> str:
    """Who an agency's ids belong to, among all claims."""
    return f"{OF_AGENCY}{agency}"


def read_agency(record: Record, _now: datetime) -> Input:
    """A record of an agency's topic as an input. Raises NewerVersion for a version that is not known yet."""
    agency = agency_of(record.topic)
    if agency is None:
        raise BrokenEvent(f"{record.topic} is no agency's topic")
    return submission(
        agency, record.value, f"kafka:{record.id}", attributes=attributes_of(record.headers), record=record
    )


def unread(record: Record) -> None:
    """Counts an agency's event that cannot be read as received and parked."""
    if (agency := agency_of(record.topic)) is not None:
        for label in ("received", "parked"):
            telemetry.SUBMISSIONS.labels(agency, label).inc()


def arrived(one: Input) -> None:
    """Counts an agency's event as received; one that is taken up from parking is received again."""
    if isinstance(one.command, Published):
        telemetry.SUBMISSIONS.labels(one.command.agency, "received").inc()


def settled(one: Input, outcome: Outcome | None) -> None:
    """Counts what came of an agency's event, so that for each agency the balance can be struck."""
    if isinstance(one.command, Published):
        telemetry.SUBMISSIONS.labels(one.command.agency, _label(outcome)).inc()


def _label(outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return "given-back"
        case Done(facts=facts) if facts:
            return "refused" if isinstance(facts[-1], (SubmissionRefusedV1, EventRefusedV1)) else "registered"
        case Done():
            return "duplicate"
        case Broken():
            return "parked"
        case Duplicate() | Waiting() | Refused() | Conflict() | Stale() | Absent():
            return type(outcome).__name__.lower()
        case _:
            assert_never(outcome)


def submission(
    agency: str,
    body: bytes,
    place: str,
    *,
    attributes: Mapping[str, str] = NO_ATTRIBUTES,
    actor: Actor | None = None,
    record: Record | None = None,
) -> Input:
    """An agency's event, by whichever door it came. `place` is the id of one that has none that can be used.

    `attributes` are those of the headers, for an event whose value is its data alone (the binary mode of CloudEvents,
    which many SDKs begin with); one that says in its value what it is, is read from there.

    Its subject is its own, as an application's always is; a later event's is found by `address`. Raises
    NewerVersion for a known type in a version that this program does not know.
    """
    return submitted(agency, parsed(body, attributes), place, actor=actor, record=record)


def submitted(
    agency: str, found: Parsed, place: str, *, actor: Actor | None = None, record: Record | None = None
) -> Input:
    """An agency's event as it was read; otherwise like `submission`."""
    actor = actor or Actor(id=owner(agency), organisation=agency, role=Role.PUBLISHER)
    event, fingerprint, fault = found.event, found.fingerprint, found.fault
    if record is not None and record.digest is not None:
        fingerprint = record.digest  # what it was before personal data was erased from it
    named = named_as(event, place)
    _not_newer(event)
    later = isinstance(kind := event.get("type"), str) and kind in LATER
    command: Published = Submit(agency, named, event)
    if fault is not None:
        command = Refuse(agency=agency, event_id=named, problems=(fault,))
    elif later:
        command = Later(agency, named, event)
    return Input(
        subject=pilot_id(agency, named),
        mark=Claimed(owner(agency), named, fingerprint),
        command=command,
        actor=actor,
        cause_id=named,
        correlation=None if later else named,  # a later event belongs to what its pilot began with
        trace=traced(event),
        record=record,
        event_type=str(event.get("type"))[:120] if AGENCY.knows(str(event.get("type"))) else "unknown",
    )


def named_as(event: Mapping[str, Any], place: str) -> str:
    """Under which id an event is known: its own, or else the place where it came."""
    id_ = event.get("id")
    return str(id_) if is_usable_id(id_) else place


def fingerprint_of(record: Record) -> str:
    """The fingerprint of an agency's event, by which a resend of it is known."""
    return record.digest or parsed(record.value, attributes_of(record.headers)).fingerprint


def attributes_of(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """The attributes that a record's headers carry (Kafka binding of CloudEvents, 3.2). Bytes that are no text are kept
    as halves of characters, for which an attribute is refused."""
    return {
        name.removeprefix(KAFKA_ATTRIBUTE): (value or b"").decode("utf-8", "surrogateescape")
        for name, value in headers
        if name.startswith(KAFKA_ATTRIBUTE) or name == "content-type"
    }


def _not_newer(event: Mapping[str, Any]) -> None:
    kind = event.get("type")
    if isinstance(kind, str) and is_newer(kind):
        raise NewerVersion("this program knows only older versions", "/type")


def is_newer(kind: str) -> bool:
    """Whether a type of event is one that agencies send, in a version that is not known yet."""
    try:
        return split_type(kind)[1] > 0 and AGENCY.is_newer(kind)
    except BrokenEvent:
        return False


def newer_version(kind: str) -> Problem:
    """What is wrong with a type of event whose version is not known yet: those that are known."""
    base, _ = split_type(kind)
    return problem("/type", "type.newer-version", action="retry", types=AGENCY.versions(base))


async def address(store: Store, inputs: Sequence[Input]) -> list[Input]:
    """Leads an agency's later events to the pilots that they name: registered ones of that agency, found with one
    query, or such as come before them in the same batch. Whatever names another pilot, or none, or one that a
    conflict of interest hides from the person who publishes, stays with a
    subject of its own and is refused there, so that nothing can be done to it, and nothing be learnt of it.
    """
    named = {n: pilot for n, one in enumerate(inputs) if isinstance(c := one.command, Later) and (pilot := c.named)}
    named |= await _by_numbers(store, inputs)
    owners, hidden = await _owners(store, set(named.values()))
    led = list[Input]()
    for place, one in enumerate(inputs):
        command = one.command
        if isinstance(command, Submit):
            owners.setdefault(one.subject, command.agency)
        elif isinstance(command, Later) and (pilot := named.get(place, "")) and owners.get(pilot) == command.agency:
            one = replace(one, subject=pilot) if (pilot, one.actor.id) not in hidden else one
        led.append(one)
    return led


async def _by_numbers(store: Store, inputs: Sequence[Input]) -> dict[int, str]:
    """The pilots that later events name by registration number, by the places of these."""
    subjects = {n: c.event.get("subject") for n, one in enumerate(inputs) if isinstance(c := one.command, Later)}
    said = {n: number for n, one in subjects.items() if isinstance(one, str) and (number := as_number(one))}
    found = await pilots_of(store, said.values())
    return {n: found[number] for n, number in said.items() if number in found}


async def _owners(store: Store, pilots: set[str]) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """The agencies of those of these pilots that were registered, and which is hidden from whom."""
    if not pilots:
        return {}, set()
    query = {"_id": {"$in": sorted(pilots)}, "kind": KIND, "state.number": {"$type": "string"}}
    rows = await store.rows(SUBJECTS, query, sort=[("_id", 1)], limit=len(pilots), fields=OWNED)
    hidden = {(row["_id"], person) for row in rows for person in row["state"].get("hidden_from", ())}
    return {row["_id"]: row["state"]["agency"] for row in rows}, hidden


def on_conflict(one: Input) -> Input | None:
    """An agency used an id twice for different events over Kafka: the second is refused with a receipt.

    It becomes a subject of its own, so that the first stays untouched and a resend of the second meets its answer.
    Over HTTP the caller is told at once, and nothing is kept.
    """
    if one.record is None or not isinstance(one.command, Published):
        return None
    command, mark = one.command, one.mark
    assert isinstance(mark, Claimed)
    other = f"{mark.id}#{mark.digest}"
    return replace(
        one,
        subject=pilot_id(command.agency, other),
        mark=Claimed(mark.owner, other, mark.digest),
        command=Refuse(agency=command.agency, event_id=command.event_id, problems=(problem("/id", REUSED),)),
    )


def discarded(record: Record, event_id: str) -> Input | None:
    """An agency's event that is thrown away by hand, as the input that refuses it: its agency gets a receipt."""
    agency = agency_of(record.topic)
    if agency is None:
        return None
    command = Refuse(agency=agency, event_id=event_id, problems=(problem("", "event.discarded"),))
    return Input(
        subject=pilot_id(agency, event_id),
        mark=Claimed(owner(agency), event_id, fingerprint_of(record)),
        command=command,
        actor=Actor(id=owner(agency), organisation=agency, role=Role.PUBLISHER),
        cause_id=event_id,
        correlation=event_id,
        record=record,
    )


def side_rows(one: Input, facts: Sequence[Fact]) -> list[tuple[str, Row]]:
    """The contact person of a registered application: kept here alone, erasable, never in a fact."""
    command = one.command
    if not isinstance(command, Published):
        return []
    registered: type[Fact]
    match command:
        case Submit():
            registered, person = ApplicationRegisteredV1, person_id(one.subject)
        case Later():
            registered, person = ResubmissionRegisteredV1, person_id(one.subject, command.event_id)
        case Refuse():
            return []
        case _:
            assert_never(command)
    if not any(isinstance(fact, registered) for fact in facts):
        return []
    said = command.event.get("data", {}).get("contact")
    if not said:
        return []
    contact = ContactPerson.model_validate(said, context=SENT)
    shown = {"name": contact.name, "email": contact.email, "phone": contact.phone}
    return [(PERSONS, {"_id": person, "pilot": one.subject, **shown})]
