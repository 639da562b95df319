"""The envelope of every event: CloudEvents 1.0 with the extensions of this system; parse and dump.

The record's value carries the whole event as JSON, so that it explains itself when parked or archived. The
headers repeat the attributes that tools route by. That is close to, but not strictly, the binary mode of the
CloudEvents Kafka binding (there the value is the bare data): `data` can be split out without touching services.
It is one thing: what an event is, how it is read, and how it is written; a reader of one half needs the other.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, Self, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema, to_json

from .entered import LONE, shows_bounds
from .extent import RECORD, beyond
from .forms import EVENT_TYPE, JSON_TYPE, RECORDED_ID, SEQUENCE, SOURCE, USABLE_ID
from .moments import ADay, AMoment
from .text import line, shows

MOST_ID: Final = 128
NO_IDS: Final = (".", "..")
"""What no id may be that comes in: every client takes these in an address for steps within a path."""
_usable_id: Final = re.compile(USABLE_ID)
MOST_TRACE: Final = {"traceparent": 100, "tracestate": 512}
"""The attributes by which a trace is carried on, and how long they may be (W3C Trace Context)."""
TRACE_HEADERS: Final = tuple(MOST_TRACE)
PILOT: Final = "pilot"
"""The kind of the subject that every service keeps of a pilot; its id is bare."""
BY_ITSELF: Final = "service"
"""The role of a service in what it does by itself, for which it has no token."""
TYPE_IN: Final = re.compile(rb'"type": ?"([a-z0-9.-]{1,120})"')
"""The first type that stands in the bytes of an event; of one that we wrote it is its own."""
SPECVERSION: Final = "1.0"
JSON: Final = "application/json"
"""The content type of every event's data, and of every record."""


def is_usable_id(text: object) -> bool:
    """Whether an event that comes in can be known by this id."""
    return (
        isinstance(text, str)
        and len(text) <= MOST_ID
        and text not in NO_IDS
        and _usable_id.fullmatch(text) is not None
        and LONE.search(text) is None
        and shows(text)
    )


def traced(said: Mapping[str, Any]) -> dict[str, str]:
    """Of these attributes those that carry a trace on. What cannot is left out: a trace is worth no refusal, and a
    `tracestate` without its `traceparent` says nothing."""
    found = {
        name: text
        for name, most in MOST_TRACE.items()
        if isinstance(text := said.get(name), str) and 0 < len(text) <= most and text.isascii() and text.isprintable()
    }
    return found if "traceparent" in found else {}


@dataclass(frozen=True, slots=True)
class OrNothing:
    """The annotation of an attribute that is never a reason to refuse: what does not fit is as if it were not there."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """None for whatever does not fit."""
        return core_schema.with_default_schema(handler(source), default=None, on_error="default")

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Anything, where it comes in."""
        return {} if shows_bounds(handler) else handler(schema)


def wire_moment(moment: datetime) -> str:
    """An instant in its one wire form, which sorts as text: `2026-11-21T17:42:00.000Z`."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"


Moment = Annotated[
    AwareDatetime,
    AMoment(),
    PlainSerializer(wire_moment, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        },
        mode="serialization",
    ),
]
"""An instant with a time zone, kept in UTC to the millisecond; a naive time is refused."""
AskedMoment = Annotated[AwareDatetime, AMoment(asked=True)]
"""The same in the query of an address, held to the years in which a pilot may lie."""
Day = Annotated[date, ADay()]
"""A calendar day, written as text; a number is never taken for one."""


class Contract(BaseModel):
    """What all parts of the published language share: frozen, and tolerant of fields added later."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", json_schema_serialization_defaults_required=True, hide_input_in_errors=True
    )

    @classmethod
    def made_of(cls, *parts: BaseModel, **more: Any) -> Self:
        """Made of the fields that these parts share with it, and of what more is said; later words win."""
        shared = {
            name: getattr(one, name) for one in parts for name in type(one).model_fields if name in cls.model_fields
        }
        return cls(**{**shared, **more})


@dataclass(frozen=True)
class Personal:
    """Marks a field that holds personal data: kept out of facts, masked in logs, receipts and parked views."""

    what: str


class Actor(Contract):
    """Who acted: an opaque id, the organisation acted for, and the role acted in. Never a name."""

    id: str = Field(min_length=1, max_length=128)
    organisation: str | None = None
    role: str


class Basis(Contract):
    """The document that a legal step rests on (основание): which body, what kind, its number and date."""

    body: Annotated[str, Field(min_length=1, max_length=300), line()]
    kind: Annotated[str, Field(min_length=1, max_length=100), line()]
    number: Annotated[str, Field(min_length=1, max_length=60), line()]
    date: Day


class FactCause(Contract):
    """The fact of another service that made this service decide."""

    kind: Literal["fact"] = "fact"
    source: str
    sequence: int = Field(ge=1)


class ClaimCause(Contract):
    """The event or command with an id of its own that made the service decide."""

    kind: Literal["claim"] = "claim"
    owner: str
    id: str
    digest: str


class TimerCause(Contract):
    """The stored due time that made the service decide."""

    kind: Literal["timer"] = "timer"
    due: Moment


Cause = Annotated[FactCause | ClaimCause | TimerCause, Field(discriminator="kind")]


class Payload(Contract):
    """The data of an event that an agency publishes."""

    TYPE: ClassVar[str]


class Fact(Contract):
    """The data of a fact that a service publishes.

    `actor` is set by `decide`; `cause` and `after` are stamped by the engine: `cause` on the last fact of each
    command, `after` is the writer's own watermarks at that moment, which carries causal order between sources.
    """

    TYPE: ClassVar[str]

    actor: Actor
    cause: Cause | None = None
    after: dict[str, int] = Field(default_factory=dict)


class Dated(Contract):
    """What a fact says that is dated: `at`, the moment at which the service came to know of what happened."""

    at: Moment


SequenceText = Annotated[str, Field(pattern=SEQUENCE)]


class Attributes(Contract):
    """The CloudEvents attributes. `sequence` is 20 digits on the wire (it must sort), an int inside."""

    specversion: Literal["1.0"]
    id: Annotated[str, Field(pattern=RECORDED_ID), line(MOST_ID, pattern=USABLE_ID, exact=True, never=NO_IDS)]
    source: str = Field(pattern=SOURCE)
    type: str = Field(pattern=EVENT_TYPE, max_length=120)
    subject: Annotated[str | None, Field(min_length=1, max_length=128), line()] = None
    time: Moment
    datacontenttype: Annotated[str, Field(pattern=JSON_TYPE, max_length=200)] | None = JSON
    dataschema: Annotated[str | None, Field(max_length=300), line()] = None
    sequence: SequenceText | None = None
    causationid: Annotated[str | None, Field(max_length=300), line()] = None
    correlationid: Annotated[str | None, Field(max_length=300), line()] = None
    traceparent: Annotated[str | None, Field(max_length=MOST_TRACE["traceparent"]), OrNothing()] = None
    tracestate: Annotated[str | None, Field(max_length=MOST_TRACE["tracestate"]), OrNothing()] = None


class Envelope(Attributes):
    """An event as it stands on the wire, with whatever its writer said."""

    data: dict[str, Any]


D = TypeVar("D")


class Whole(Attributes, Generic[D]):
    """An event with what its type says, read at once."""

    data: D


@dataclass(frozen=True, slots=True)
class Event:
    """A fact with its attributes: `fact` is upcast to the newest version of its type.

    `said` is the JSON that stands in the topic, as its writer said it, or the record from which it is read when asked.
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    sequence: int
    correlation: str
    trace: Mapping[str, str]
    fact: Fact
    said: Mapping[str, Any] | bytes = field(default_factory=dict, compare=False, repr=False)

    @property
    def data(self) -> Mapping[str, Any]:
        """The JSON of the fact, as its writer said it."""
        if isinstance(self.said, bytes):
            data: Mapping[str, Any] = json.loads(self.said)["data"]
            return data
        return self.said


@dataclass(frozen=True, slots=True)
class Skipped:
    """A fact of a type that this reader does not know: it moves the watermark and is counted."""

    source: str
    type: str
    subject: str
    sequence: int
    after: Mapping[str, int]


class Harmless(Exception):
    """An error whose words are ours alone, made of codes, ids and numbers: they may be shown to whoever runs a
    service."""


class BrokenEvent(Harmless, ValueError):
    """A record that cannot be read as an event of this system. `where` says which part, as a JSON pointer."""

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason = reason
        self.where = where


class NewerVersion(BrokenEvent):
    """A known type in a version that this program does not know yet: it needs a newer program."""


T = TypeVar("T", bound=Contract)
_watermarks: Final = TypeAdapter(dict[str, int])


class Language(Generic[T]):
    """A set of event types: which classes there are, and how an older version becomes the newest one.

    An upcast is declared beside the class it starts from, as `upcast(self) -> NextVersion`. `context` is that of
    validation: a language that is held to the bounds of what is sent is read with `contracts.entered.SENT`.
    """

    def __init__(self, classes: Iterable[type[T]], context: object = None) -> None:
        self.classes: dict[str, type[T]] = {_type_of(c): c for c in classes}
        self._context = context
        self._newest: dict[str, int] = {}
        for name in self.classes:
            base, version = split_type(name)
            self._newest[base] = max(version, self._newest.get(base, 0))
        self._adapters = {name: TypeAdapter(c) for name, c in self.classes.items()}
        self._whole: dict[str, type[Whole[T]]] = {}
        self._upcasts = {c: vars(c)["upcast"] for c in self.classes.values() if "upcast" in vars(c)}

    def knows(self, type_name: str) -> bool:
        """Whether this exact type and version is known."""
        return type_name in self.classes

    def is_newer(self, type_name: str) -> bool:
        """Whether the type is known, but only in versions older than this one."""
        base, version = split_type(type_name)
        return version > self._newest.get(base, version)

    def versions(self, base: str) -> list[str]:
        """The types of this base name, in every version that is known; the oldest first."""
        known = [name for name in self.classes if split_type(name)[0] == base]
        return sorted(known, key=lambda name: split_type(name)[1])

    def newest_type(self, type_name: str) -> str:
        """The newest version of a known type, which may be this one."""
        base, _ = split_type(type_name)
        return f"{base}.v{self._newest[base]}"

    def read(self, type_name: str, data: Mapping[str, Any], context: object = None, *, exactly: bool = False) -> T:
        """The data as its declared version, under this validation context or the language's own. Raises
        pydantic.ValidationError with every fault in it; `exactly`: a field that is not known, at whatever depth, is a
        fault as well."""
        extra: Literal["forbid"] | None = "forbid" if exactly else None
        return self._adapters[type_name].validate_python(data, context=context or self._context, extra=extra)

    def whole(self, type_name: str) -> type[Whole[T]]:
        """An event of this known type, to read attributes and data at once."""
        if type_name not in self._whole:
            self._whole[type_name] = Whole[self.classes[type_name]]  # type: ignore[name-defined]
        return self._whole[type_name]

    def newest(self, payload: T) -> T:
        """The same content in the newest version of its type; an upcast never invents what was not said."""
        while (step := self._upcasts.get(type(payload))) is not None:
            payload = step(payload)
        return payload


def _type_of(cls: type[Any]) -> str:
    return str(cls.TYPE)


def split_type(type_name: str) -> tuple[str, int]:
    """`pilots.intake.application-accepted.v2` -> its base name and 2. Raises BrokenEvent without a version."""
    match = re.fullmatch(r"(.+)\.v([1-9][0-9]{0,8})", type_name)
    if match is None:
        raise BrokenEvent("the type has no version", "/type")
    return match.group(1), int(match.group(2))


def noun_of(type_name: str) -> str:
    """`pilots.intake.application-accepted.v2` -> `application-accepted`: what happened, whatever the version."""
    return split_type(type_name)[0].rpartition(".")[2]


def parse_fact(value: bytes, language: Language[Fact]) -> Event | Skipped:
    """Reads one record of a fact topic.

    Returns Skipped for a type that is not in the language. Raises NewerVersion for a known type in a version
    not known yet, and BrokenEvent for anything else that is not a whole, valid fact.
    """
    if (event := _read_at_once(value, language)) is not None:
        return event
    envelope, subject, sequence = _read(value)
    if language.is_newer(envelope.type):
        raise NewerVersion("this program knows only older versions", "/type")
    if not language.knows(envelope.type):
        return Skipped(_writer(envelope), envelope.type, subject, sequence, _after(envelope.data))
    return _event(envelope, subject, sequence, _fact(envelope, language), envelope.data)


def parse_own_fact(value: bytes, language: Language[Fact]) -> Event:
    """A fact that this service wrote itself, as it stands in an outbox or in the service's own topic.

    A newer program of it may have written types and versions that this one does not know: of these `fact` is what all
    facts say, and `data` the whole. Raises BrokenEvent for what is no whole, valid fact.
    """
    if (event := _read_at_once(value, language)) is not None:
        return event
    envelope, subject, sequence = _read(value)
    return _event(envelope, subject, sequence, _fact(envelope, language), envelope.data)


def _read_at_once(value: bytes, language: Language[Fact]) -> Event | None:
    """A whole, valid fact of a known type; None for all else, which is then read step by step to say what it is.

    The first type that stands in the bytes says what to read them as, and is held against what was read.
    """
    kind = TYPE_IN.search(value)
    name = kind[1].decode() if kind is not None else ""
    if not language.knows(name):
        return None
    try:
        envelope = language.whole(name).model_validate_json(value)
    except ValidationError:
        return None
    if envelope.type != name or envelope.subject is None or envelope.sequence is None:
        return None
    return _event(envelope, envelope.subject, int(envelope.sequence), language.newest(envelope.data), value)


def _read(value: bytes) -> tuple[Envelope, str, int]:
    """The envelope of a fact, with its subject and its place in the series."""
    try:
        envelope = Envelope.model_validate_json(value)
    except ValidationError as error:
        raise BrokenEvent(_first(error), _pointer(error)) from error
    if envelope.subject is None or envelope.sequence is None:
        raise BrokenEvent("a fact needs subject and sequence", "/sequence")
    return envelope, envelope.subject, int(envelope.sequence)


def _fact(envelope: Envelope, language: Language[Fact]) -> Fact:
    """What an event says, in the newest version of its type; of an unknown type, what all facts say."""
    try:
        if not language.knows(envelope.type):
            return Fact.model_validate(envelope.data)
        return language.newest(language.read(envelope.type, envelope.data))
    except ValidationError as error:
        raise BrokenEvent(_first(error), "/data" + _pointer(error)) from error


def _event(envelope: Attributes, subject: str, sequence: int, fact: Fact, said: Mapping[str, Any] | bytes) -> Event:
    return Event(
        id=envelope.id,
        source=_writer(envelope),
        type=envelope.type,
        subject=subject,
        time=envelope.time,
        sequence=sequence,
        correlation=envelope.correlationid or envelope.id,
        trace={k: v for k in TRACE_HEADERS if (v := getattr(envelope, k))},
        fact=fact,
        said=said,
    )


def _writer(envelope: Attributes) -> str:
    return envelope.source.rsplit("/", 1)[1]


def _after(data: Mapping[str, Any]) -> dict[str, int]:
    try:
        return _watermarks.validate_python(data.get("after") or {})
    except ValidationError as error:
        raise BrokenEvent(_first(error), "/data/after" + _pointer(error)) from error


def peek(value: bytes) -> dict[str, Any]:
    """The attributes of a record as far as they can be read, for parking and display; never raises."""
    if beyond(value, RECORD) is not None:
        return {}
    try:
        raw = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return raw if isinstance(raw, dict) else {}


def service_source(name: str) -> str:
    """The `source` of what a service writes."""
    return f"/services/{name}"


def agency_source(code: str) -> str:
    """The `source` of what an agency writes."""
    return f"/agencies/{code}"


def schema_id(type_name: str) -> str:
    """By what the frozen schema of a type is known: its `$id`, and the `dataschema` of its events."""
    return f"urn:lotsman:schema:{type_name}"


def envelope(
    type_name: str,
    data: Mapping[str, Any],
    *,
    id: str,
    service: str,
    subject: str,
    time: datetime,
    cause: str,
    correlation: str,
    trace: Mapping[str, str],
    sequence: int | None = None,
) -> dict[str, Any]:
    """An event that a service writes, with all its attributes in the order in which they stand on the wire.

    `data` is the JSON of its payload, `cause` the id of what it follows from, `trace` the trace attributes that it
    carries on; `sequence` is given for a fact alone.
    """
    place = {} if sequence is None else {"sequence": f"{sequence:020d}"}
    return {
        "specversion": SPECVERSION,
        "id": id,
        "source": service_source(service),
        "type": type_name,
        "subject": subject,
        "time": wire_moment(time),
        "datacontenttype": JSON,
        "dataschema": schema_id(type_name),
        **place,
        "causationid": cause,
        "correlationid": correlation,
        **trace,
        "data": data,
    }


def wire(event: Mapping[str, Any]) -> bytes:
    """An event as the value of its record. Raises ValueError for what no JSON can say."""
    return to_json(event)


def headers_of(event: Event) -> dict[str, str]:
    """The record headers of a fact."""
    attributes = {
        "specversion": SPECVERSION,
        "id": event.id,
        "type": event.type,
        "source": service_source(event.source),
        "subject": event.subject,
        "time": wire_moment(event.time),
    }
    return headers({**attributes, **event.trace})


def headers(event: Mapping[str, Any]) -> dict[str, str]:
    """The record headers that repeat an event's attributes for tools which route without parsing."""
    repeated = ("specversion", "id", "type", "source", "subject", "time")
    found = {f"ce_{name}": str(event[name]) for name in repeated if event.get(name)}
    traced = {name: str(event[name]) for name in TRACE_HEADERS if event.get(name)}
    return {**found, "content-type": JSON, **traced}


def digest(event: Mapping[str, Any]) -> str:
    """A fingerprint of an event's content, the same for every resend of it.

    Keys in any order give the same digest; trace attributes do not count, for a resend may be traced anew.
    """
    content = {k: v for k, v in event.items() if k not in TRACE_HEADERS}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def json_pointer(location: Iterable[object]) -> str:
    """A place in a document as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _pointer(error: ValidationError) -> str:
    return json_pointer(error.errors(include_url=False, include_input=False)[0]["loc"])


def _first(error: ValidationError) -> str:
    """The kind of the first fault; its words may repeat what was found faulty."""
    return str(error.errors(include_url=False, include_input=False)[0]["type"])
