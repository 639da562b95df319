"""What is shown of a record to who is not its sender: what is known to be harmless, and nothing else.

Of the envelope those attributes whose values have the form that the contract gives them; of the data, by the contract
of their type, what can only be one of a closed list, yes or no, or a day. All other values are masked, and names that
the contract does not know are counted: what gets parked is what nobody foresaw, so no list of what to hide would do.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import Enum
from functools import cache
from http import HTTPStatus
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from contracts.agency import AGENCY, RECEIPTS
from contracts.event import JSON, SPECVERSION, BrokenEvent, Envelope, schema_id, split_type
from contracts.expertise import EXPERTISE
from contracts.extent import RECORD, beyond
from contracts.intake import INTAKE
from contracts.registry import REGISTRY
from services.law.people import is_given, names_somebody

MASK: Final = "•••"
OPAQUE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#|>-]{0,199}", re.ASCII)
"""The form of what may be an id: no word of a language with a blank or a letter of its own, and no address of mail."""
OURS: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.receipt)?|[0-9a-f]{32}|[0-9a-f]{64}"
    r"|pilots\.[a-z0-9.-]+\.v[0-9]+/[0-9]{1,6}/[0-9]{1,19}(?:#[0-9]+)?",
    re.ASCII,
)
"""The forms of ids that this system makes: of pilots, events, files and traces, and where a record stands."""
WORDS_OF_OURS: Final = frozenset(
    {"timer", "calendar", "export", "kafka", "person", "agency", "expert", "team", "series", "reading", "erasure"}
    | {"handling", "skipping", "parked"}
)
"""What stands before a colon in such ids, or alone."""
_OF_CODES: Final = re.compile(r"(?:agency|team):([a-z0-9-]{1,60})|series:([a-z0-9-]{1,60}):[0-9]{4}", re.ASCII)
"""The subjects that are named by a code: an agency's entry, a team's, a year's series of numbers."""
_OF_A_HAND: Final = re.compile(r"handling:[0-9a-f]{16}", re.ASCII)
"""What two people do with a parked record: without its kind, sixteen digits might be anybody's."""
_LONG_NUMBER: Final = re.compile(r"[0-9](?:[-._/|]?[0-9]){8,}", re.ASCII)
_BEGINS_WITH_A_DAY: Final = re.compile(r"(?:19|20)[0-9]{2}[-._/]?(?:0[1-9]|1[0-2])", re.ASCII)
_OF_A_BIRTHDAY: Final = re.compile(
    r"(?<![0-9])(?:(?:19[0-9]{2}|200[0-9]|201[0-5])([-._/]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[1-9]|[12][0-9]|3[01])([-._/]?)(?:0[1-9]|1[0-2])\2(?:19[0-9]{2}|200[0-9]|201[0-5]))(?![0-9])"
    r"|(?<![0-9])(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])[0-9]{2}(?![0-9])",
    re.ASCII,
)
"""A day of before there were pilots, or six digits that may be one."""
_OF_A_LOGIN: Final = re.compile(r"([a-z]{4,})[0-9]{1,4}|[a-z]{1,2}[._]([a-z]{3,})[0-9]{0,4}", re.ASCII)
_THINGS: Final = frozenset(
    {"appl", "application", "case", "doc", "document", "event", "item", "letter", "message", "number", "order", "pilot"}
    | {"progress", "project", "record", "report", "request", "result", "risk", "spending", "task", "test", "ticket"}
)
"""What programs call things, with a number behind it; another word with one may be somebody's login."""
_DIGITS_ALONE: Final = re.compile(r"[0-9._/|-]+", re.ASCII)
_OF_A_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}[-._/|][0-9]{1,6}", re.ASCII)
_OF_A_PASSPORT: Final = re.compile(
    r"(?<![a-z0-9])(?:[a-z]{2}[0-9]{7}|[0-9]{7}[a-z][0-9]{3}[a-z]{2}[0-9])(?![a-z0-9])", re.ASCII | re.IGNORECASE
)
"""The number of a passport or of a natural person, as Belarus gives them."""
_OF_A_TIMER: Final = re.compile(r"timer:(.{1,200}):[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}\+00:00", re.ASCII)
"""What a timer's decision is caused by: the subject, and the moment at which it was due."""
MOST_DIGITS: Final = 6
"""How many digits are no telephone number and no number of a person, where nothing stands beside them."""
SOURCE: Final = re.compile(r"/(?:services|agencies)/([a-z0-9-]{2,20})", re.ASCII)
CODE: Final = re.compile(r"[a-z0-9-]{2,20}", re.ASCII)
MOMENT: Final = re.compile(r"20(?:1[6-9]|[2-9][0-9])-[0-9]{2}-[0-9]{2}(T[0-9:.]{5,20}(Z|[+-][0-9:]{5}))?", re.ASCII)
"""A day or a moment; one of before there were pilots may be somebody's birthday, and is masked."""
SEQUENCE: Final = re.compile(r"[0-9]{20}", re.ASCII)
TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""The trace that goes on, by W3C Trace Context; the last bit says whether whoever began it has it recorded."""
MOST_ROWS: Final = 20
"""How many rows of a list are shown: enough to see what is wrong with them."""
CLASSES: Final[Mapping[str, type[BaseModel]]] = {
    **AGENCY.classes,
    **RECEIPTS.classes,
    **INTAKE.classes,
    **EXPERTISE.classes,
    **REGISTRY.classes,
}
"""Every type of event that this program knows, and what its data are."""
_BASES: Final = frozenset(split_type(name)[0] for name in CLASSES)


def masked(value: bytes) -> dict[str, Any] | str:
    """A record's content, as far as it is known to be harmless; of one that is no JSON object, only its size."""
    try:
        event = json.loads(value) if beyond(value, RECORD) is None else None
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        return f"{len(value)} bytes that are not a JSON object"
    shown = {name: _attribute(name, event[name]) for name in ATTRIBUTES if name in event}
    others = len(event.keys() - ATTRIBUTES.keys() - {"data"})
    if "data" in event:
        shown["data"] = _data(event.get("type"), event["data"])
    return {**shown, **({MASK: others} if others else {})}


def opaque(text: object) -> str:
    """An id as it is shown: as it is, where it has the form of one and tells of nobody."""
    return text if isinstance(text, str) and tells_of_nobody(text) else MASK


def tells_of_nobody(text: str) -> bool:
    """Whether an id has a form of ours, or looks like no telephone, name, address or number of a person. What has no
    digit at all may be a name: of such, only words of ours are known to be none."""
    if OURS.fullmatch(text):  # nearly all
        return True
    if of_timer := _OF_A_TIMER.fullmatch(text):
        return tells_of_nobody(of_timer[1])
    if not OPAQUE.fullmatch(text):
        return False
    if (of_code := _OF_CODES.fullmatch(text)) and _of_nobody(of_code[1] or of_code[2]):
        return True
    if _OF_A_HAND.fullmatch(text):
        return True
    return all(OURS.fullmatch(part) or part in WORDS_OF_OURS or _foreign(part) for part in text.split(":"))


def is_code(text: object) -> bool:
    """Whether this may be the code of an agency or the name of a service, and no person's name."""
    return isinstance(text, str) and CODE.fullmatch(text) is not None and _of_nobody(text)


def _of_nobody(code: str) -> bool:
    return not any(map(is_given, code.split("-")))


def _foreign(part: str) -> bool:
    if names_somebody(part) or _OF_A_PASSPORT.search(part):
        return False
    if _OF_A_BIRTHDAY.search(part):
        return False
    if (login := _OF_A_LOGIN.fullmatch(part.lower())) and (login[1] or login[2]) not in _THINGS:
        return False
    digits = sum(map(str.isdigit, part))
    if _DIGITS_ALONE.fullmatch(part):
        return digits <= MOST_DIGITS or _OF_A_YEAR.fullmatch(part) is not None
    long = _LONG_NUMBER.search(part)
    return digits > 0 and (long is None or _BEGINS_WITH_A_DAY.match(long[0]) is not None)


def type_known(name: object) -> bool:
    """Whether this is the name of a type that this program knows, in whatever version."""
    try:
        return isinstance(name, str) and split_type(name)[0] in _BASES
    except BrokenEvent:
        return False


@cache
def known_names() -> frozenset[str]:
    """The names of all attributes and fields that there are in the contracts."""
    models: list[type[BaseModel]] = [Envelope, *CLASSES.values()]
    return frozenset(name for model in models for name in _names(model))


def _names(cls: type[BaseModel]) -> set[str]:
    inside = {
        name for info in cls.model_fields.values() for model in _models(info.annotation) for name in _names(model)
    }
    return {*cls.model_fields, *inside}


def _has(form: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: form.fullmatch(text) is not None


ATTRIBUTES: Final[Mapping[str, Callable[[str], bool]]] = {
    "specversion": lambda text: text == SPECVERSION,
    "id": tells_of_nobody,
    "source": lambda text: (found := SOURCE.fullmatch(text)) is not None and is_code(found[1]),
    "type": type_known,
    "subject": tells_of_nobody,
    "time": _has(MOMENT),
    "datacontenttype": lambda text: text == JSON,
    "dataschema": lambda text: any(text == schema_id(name) for name in CLASSES),
    "sequence": _has(SEQUENCE),
    "causationid": tells_of_nobody,
    "correlationid": tells_of_nobody,
    "traceparent": _has(TRACEPARENT),
}
"""The attributes that are shown, each where its value is what it should be."""


def _attribute(name: str, value: object) -> str:
    return str(value) if shows(name, value) else MASK


def shows(name: str, value: object) -> bool:
    """Whether an attribute of an event is shown as it is. What is not must be found by nothing that is asked, either:
    who can ask whether it is somebody's name needs not be shown it."""
    return isinstance(value, str) and ATTRIBUTES[name](value)


def _data(kind: object, data: Any) -> Any:
    cls = CLASSES.get(kind) if isinstance(kind, str) else None
    return MASK if cls is None else _part(data, (cls,))


def _part(value: Any, models: tuple[type[BaseModel], ...]) -> Any:
    """A part of the data that should be one of these contracts, or a list of such."""
    if isinstance(value, list) and models:
        rows = [_part(one, models) for one in value[:MOST_ROWS]]
        return rows if len(value) <= MOST_ROWS else [*rows, MASK]
    if not isinstance(value, dict) or not models:
        return MASK
    fields = {name: field for model in models for name, field in _fields(model).items()}
    shown = {name: _field(value[name], fields[name]) for name in value if name in fields}
    others = len(value.keys() - fields.keys())
    return {**shown, **({MASK: others} if others else {})}


def _field(value: Any, field: tuple[tuple[type[BaseModel], ...], TypeAdapter[Any] | None]) -> Any:
    models, closed = field
    if models:
        return _part(value, models)
    if closed is None or not (value is None or isinstance(value, (str, bool))):
        return MASK
    try:
        read = closed.validate_python(value)
    except ValidationError:
        return MASK
    day = isinstance(read, date) and not (isinstance(value, str) and MOMENT.fullmatch(value))
    return MASK if day else value


@cache
def _fields(model: type[BaseModel]) -> Mapping[str, tuple[tuple[type[BaseModel], ...], TypeAdapter[Any] | None]]:
    """Of each field the contracts that may stand in it, and how it is read where its values are a closed list."""
    found = {}
    for name, info in model.model_fields.items():
        kind: Any = info.annotation
        closed = TypeAdapter(Annotated[kind, *info.metadata] if info.metadata else kind) if _closed(kind) else None
        found[name] = _models(kind), closed
    return found


def _models(annotation: Any) -> tuple[type[BaseModel], ...]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(model for part in get_args(annotation) for model in _models(part))


def _closed(annotation: Any) -> bool:
    """Whether a value of this type is one of a closed list, yes or no, a day or a moment, or nothing."""
    if get_origin(annotation) is Literal:
        return True
    if get_origin(annotation) is Annotated:
        return _closed(get_args(annotation)[0])
    if args := get_args(annotation):
        return get_origin(annotation) not in (list, tuple, dict) and all(map(_closed, args))
    return isinstance(annotation, type) and issubclass(annotation, (Enum, bool, date, NoneType))


_RUN: Final = re.compile(r"[^\s\"'<>{}\[\]();,=]+")
_PLAIN_WORD: Final = re.compile(r"[a-zа-яёіў]+(?:[-_/.][a-zа-яёіў]+)*[.:!?]?")
_OF_STATUS: Final = frozenset(word for status in HTTPStatus for word in status.phrase.split())


def words_of(answer: bytes, most: int) -> str:
    """The first characters of what a stranger's program answered, as they may be shown: small words that are no name of
    a person, the words of HTTP's own statuses, short numbers and codes; all else is masked, also what is not text."""
    text = " ".join("".join(one if one.isprintable() else " " for one in answer.decode("utf-8", "replace")).split())
    return _RUN.sub(lambda found: found[0] if _harmless_word(found[0]) else MASK, text)[:most]


def _harmless_word(word: str) -> bool:
    bare = word.rstrip(".:!?")
    if bare in _OF_STATUS or not any(map(str.isalnum, bare)):
        return "\ufffd" not in bare
    if _PLAIN_WORD.fullmatch(word):
        return not names_somebody(bare) and not any(map(is_given, re.split(r"[-_/.]", bare)))
    return OPAQUE.fullmatch(bare) is not None and _foreign(bare)
