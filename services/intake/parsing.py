"""The bytes that an agency sends, as events: one event, or a batch of them; what is wrong with bytes is said of them.

JSON comes in UTF-8, and is taken in UTF-16 and UTF-32 as well, which tell themselves. Of what is no JSON it is said
where it ends to be one; of what is no text, which byte is none, and as which encoding it would be one.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from contracts.event import digest
from contracts.extent import EVENT, Extent, beyond
from contracts.reference import Problem
from contracts.topics import AGENCY_MAX_BYTES
from contracts.words import Wording, problem, wording
from services.intake.domain.shape import DATA_BASE64, empty_unknown
from services.intake.encodings import looks_like

SPECVERSION: Final = "specversion"
"""The attribute that every event has: by it the mode is known."""
MOST_EVENTS: Final = 1_000
"""So many events come in one batch at most."""
BATCH_MAX_BYTES: Final = 5 * 1024 * 1024
"""Largest batch of events, in bytes."""
BATCH_ELEMENTS: Final = 10 * EVENT.elements
"""So many values a batch has at most, at whatever depth (assumption: a thousand events of two hundred)."""
SMALL: Final = 32 * 1024
"""So long an event is kept whole until it is decided on, whatever stands in it."""
_SPACES: Final = frozenset(" \t\n\r")
_TEXT: Final = r'"(?:[^"\\]++|\\.)*+"?'
"""A text within JSON; one that has no end goes to the end of all, so that no mark within it is looked at again."""
_MARKS: Final = re.compile(rf"{_TEXT}|[\[\]{{}},\\]", re.DOTALL)
_NAMING: Final = frozenset({"id", "type"})
_NAMES: Final = re.compile(rb'"(id|type)"[ \t\r\n]*+:[ \t\r\n]*+("[^"]*+")')
"""What may say which event it is, where no mark within a text is left."""
NOTHING: Final = Wording("", "", "")


@dataclass(frozen=True, slots=True)
class Parsed:
    """An event as it was read, its fingerprint, by which a resend of it is known, and what is wrong with its bytes."""

    event: dict[str, Any]
    fingerprint: str
    fault: Problem | None = None


@dataclass(frozen=True, slots=True)
class NoBatch(Exception):
    """The bytes are no batch at all: why."""

    fault: Problem


def parsed(body: bytes, attributes: Mapping[str, str]) -> Parsed:
    """The event that these bytes are; too deep a nesting may show in either step.

    One above a bound is not read: of what a topic that compresses may hold, and of what a megabyte can make.
    `attributes` are those of the
    headers, for an event whose bytes are its data alone.
    """
    if (fault := _beyond(body)) is not None:
        return _of_headers(attributes, body, fault) or _unread(body, fault)
    try:
        event = _JSON.decode(_text(body))
        if SPECVERSION in attributes and not (isinstance(event, dict) and SPECVERSION in event):
            event = _with_data(attributes, event)
        return _event(event, body)
    except (ValueError, RecursionError) as error:
        return _of_headers(attributes, body, _fault(error)) or _faulty(body, _fault(error))


def batch(body: bytes) -> list[Parsed]:
    """The events of a batch (JSON batch format of CloudEvents), each read by itself: what is wrong with one is a fault
    of that one. Raises NoBatch where they cannot be told from one another, or are too much together.

    Where all together have no more than one may have, none has; only else each is counted before it is read.
    """
    if beyond(body, Extent(BATCH_ELEMENTS, len(body))) is not None:
        raise NoBatch(problem("", "json.too-many", most=BATCH_ELEMENTS))
    counted = beyond(body, Extent(EVENT.elements, EVENT.depth + 1)) is not None
    try:
        text = _text(body)
        found, place = list[Parsed](), _opened(text)
        while place is not None and len(found) <= MOST_EVENTS:
            one, place = _next(text, place, counted=counted)
            found.append(one)
    except (ValueError, RecursionError) as error:
        raise NoBatch(_fault(error)) from None
    return found


def _opened(text: str) -> int | None:
    """Where the first event of a list begins; None for an empty one. Raises ValueError for what is no list."""
    place = _skipped(text, 0)
    if text[place : place + 1] != "[":
        _JSON.raw_decode(text, place)  # or no JSON at all
        raise _Wrong(problem("", "batch.not-a-list"))
    place = _skipped(text, place + 1)
    return None if _closed(text, place) else place


def _closed(text: str, place: int) -> bool:
    if text[place : place + 1] != "]":
        return False
    if (end := _skipped(text, place + 1)) < len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return True


def _next(text: str, place: int, *, counted: bool) -> tuple[Parsed, int | None]:
    """The event that begins here, and where the one after it does."""
    one, end = _one(text, place, counted=counted)
    following = _skipped(text, end)
    if text[following : following + 1] == ",":
        return one, _skipped(text, following + 1)
    if not _closed(text, following):
        raise json.JSONDecodeError("Expecting ',' delimiter", text, following)
    return one, None


def _one(text: str, place: int, *, counted: bool) -> tuple[Parsed, int]:
    if counted and (fault := _beyond(said := _utf8(text[place : (end := _end(text, place))]))) is not None:
        return _unread(said, fault), end
    try:
        event, end = _JSON.raw_decode(text, place)
        part = text[place:end]
        return (_event(event, part) if _bytes_of(part) <= AGENCY_MAX_BYTES else _faulty(_utf8(part), _too_large())), end
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        end = _end(text, place)
        return _faulty(_utf8(text[place:end]), _fault(error)), end


def _end(text: str, place: int) -> int:
    """Where a value ends that cannot be read, told by its brackets alone."""
    depth = 0
    for mark in _MARKS.finditer(text, place):
        if mark[0] == "\\":  # outside of a text it is no JSON, and what follows it was counted otherwise
            raise json.JSONDecodeError("Expecting value", text, mark.start())
        depth += 1 if mark[0] in "[{" else -1 if mark[0] in "]}" else 0
        if depth <= 0 and not mark[0].startswith('"'):
            return mark.start() if depth < 0 or mark[0] == "," else mark.end()
    raise json.JSONDecodeError("Expecting ',' delimiter", text, len(text))


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(_utf8(text))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _skipped(text: str, place: int) -> int:
    while text[place : place + 1] in _SPACES:
        place += 1
    return place


def _event(event: Any, said: bytes | str) -> Parsed:
    if isinstance(event, dict):
        fingerprint = digest(event)
        fault = unpacked(event)
        if len(said) > SMALL:
            empty_unknown(event)
        return Parsed(event, fingerprint, fault)
    return _faulty(said if isinstance(said, bytes) else _utf8(said), problem("", "json.not-an-object"))


def unpacked(event: dict[str, Any]) -> Problem | None:
    """Puts data that were sent as bytes (JSON format of CloudEvents, 3.1) in the place of data; or says why they are
    none."""
    packed = event.get(DATA_BASE64)
    if packed is None or event.get("data") is not None:
        return None
    try:
        said = base64.b64decode(packed, validate=True)
    except (ValueError, TypeError):  # what is no text either
        return problem(f"/{DATA_BASE64}", "data.no-base64")
    del event[DATA_BASE64]
    if (fault := _beyond(said)) is not None:
        return fault
    try:
        event["data"] = _JSON.decode(_text(said))
    except (ValueError, RecursionError) as error:
        return _fault(error).model_copy(update={"pointer": f"/{DATA_BASE64}"})
    return None


def _faulty(body: bytes, fault: Problem) -> Parsed:
    return Parsed({}, hashlib.sha256(body).hexdigest(), fault)


def _of_headers(attributes: Mapping[str, str], body: bytes, fault: Problem) -> Parsed | None:
    """An event whose bytes are its data alone and cannot be read: it is known by its headers. None for another."""
    if SPECVERSION not in attributes:
        return None
    said = {name: attributes[name] for name in sorted(_NAMING & attributes.keys())}
    return Parsed(said, hashlib.sha256(json.dumps(said).encode() + body).hexdigest(), fault)


def _unread(body: bytes, fault: Problem) -> Parsed:
    """An event that is too much to be read: it is answered by its id all the same."""
    said = _named(body) if len(body) <= AGENCY_MAX_BYTES else {}
    return Parsed(said, hashlib.sha256(body).hexdigest(), fault)


def _named(said: bytes) -> dict[str, Any]:
    """What says which event this is, found in its bytes before an object is made of them: the members of the outermost
    object that have such a name. Counted is stretch by stretch, never mark by mark, and no further than to as many of
    these names as an event may have values: what nobody reads shall cost nobody much."""
    plain = said.replace(rb"\\", b"..").replace(rb"\"", b"..")  # the marks that are left begin or end a text
    found = dict[str, str]()
    at, depth, outside = 0, 0, True
    for mark in islice(_NAMES.finditer(plain), EVENT.elements):
        stretch = plain[at : mark.start()].split(b'"')
        bare = b"".join(stretch[0 if outside else 1 :: 2])
        depth += bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")
        outside = outside == (len(stretch) % 2 == 1)
        at = mark.start()
        if outside and depth == 1 and (value := _said(said[mark.start(2) : mark.end(2)])) is not None:
            found.setdefault(mark[1].decode(), value)
            if len(found) == len(_NAMING):
                break
    return dict(found)


def _said(mark: bytes) -> str | None:
    try:
        return str(_JSON.decode(mark.decode("utf-8", "replace")))
    except ValueError:
        return None


def _with_data(attributes: Mapping[str, str], data: Any) -> dict[str, Any]:
    said = {name: one for name, one in attributes.items() if name != "content-type"}
    kind = attributes.get("content-type")
    return {**said, **({} if kind is None else {"datacontenttype": kind}), "data": data}


# ---- what is wrong with bytes


class _Wrong(ValueError):
    """What JSON may say and no event."""

    def __init__(self, fault: Problem) -> None:
        super().__init__(fault.rule)
        self.fault = fault


def _beyond(body: bytes) -> Problem | None:
    if len(body) > AGENCY_MAX_BYTES:
        return _too_large()
    match beyond(body, EVENT):
        case "elements":
            return problem("", "json.too-many", most=EVENT.elements)
        case "depth":
            return problem("", "json.too-deep", most=EVENT.depth)
        case None:
            return None


def _too_large() -> Problem:
    return problem("", "event.too-large", most=AGENCY_MAX_BYTES)


def _fault(error: Exception) -> Problem:
    if isinstance(error, _Wrong):
        return error.fault
    if isinstance(error, UnicodeDecodeError):
        byte = f"{error.object[error.start]:02X}"
        where = wording("json.no-text", byte=byte, place=error.start + 1, like=_like(error.object))
    elif isinstance(error, json.JSONDecodeError):
        where = wording("json.place", line=error.lineno, column=error.colno)
    elif isinstance(error, RecursionError):
        where = wording("json.depth")
    else:  # a whole number of thousands of digits
        return problem("", "json.number")
    return problem("", "json.invalid", where=where)


def _text(body: bytes) -> str:
    """The text of JSON in any encoding that tells itself; halves of characters are a matter of the rules."""
    return body.decode(json.detect_encoding(body), "surrogatepass")


def _like(body: bytes) -> Wording:
    """What encoding bytes look like that are no UTF-8, in words; nothing where they look like none."""
    found = looks_like(body)
    return wording("json.looks-like", encoding=found) if found else NOTHING


# ---- numbers


def _no_constant(name: str) -> None:
    raise _Wrong(problem("", "json.invalid", where=wording("json.constant", name=name)))


def _number(text: str) -> float | int:
    """A number with a point or an exponent. 3000000.0 and 3e6 are whole ones, by whatever program they were written:
    so are they for JSON Schema, and for the digest."""
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _Wrong(problem("", "json.number"))
    return int(number) if number.is_integer() else number


_JSON: Final = json.JSONDecoder(parse_constant=_no_constant, parse_float=_number)
