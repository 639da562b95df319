"""What an agency's event is made of, read part by part: its envelope, its shape by the contract, and its problems.

Nothing here asks an edition. Every fault is found at once, each with its place, its rule and what to do.

It is one thing: what is found in envelope, data and names is told together, so that one mistake is one problem.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final, get_origin

from pydantic import TypeAdapter, ValidationError

from contracts.agency import AGENCY
from contracts.entered import LONE, SENT, Door, Entered
from contracts.event import Day, Envelope, Moment, Payload, agency_source, wire_moment
from contracts.reference import Problem
from contracts.rules import Edition
from contracts.words import Wording, problem, schema_problems, wording
from services.law.names import NOTHING, Place, nearest, place_told, pointer_of, repeated, unknown_fields
from services.law.years import years_of

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far an agency's clock may run ahead of ours (assumption)."""

MOST_PROBLEMS: Final = 100
"""How many problems of one event are named. A technical bound: a receipt must fit into its topic."""
MOST_PROBLEM_BYTES: Final = 256 * 1024
"""How many bytes the problems of one refusal have together as JSON, in UTF-8; a technical bound as well."""
MOST_UNKNOWN: Final = 50
"""How many unknown names of one event are named: to look for what was meant takes long."""
SLIP: Final = 0.85
"""How alike an attribute's name is to a known one's to be a slip of the pen, and no extension (assumption)."""
DATA_BASE64: Final = "data_base64"
"""Where the JSON format of CloudEvents has data that are bytes; what can be read of them stands in `data` then."""
_name: Final = re.compile("[A-Za-z0-9]+")
MISSING: Final = (".missing", ".required", "pilot.unknown", "costs.total")
"""How the ids of the rules end that ask for what is not there; a pilot is not known where nobody names one, and a total
is that of no costs where there are none."""
OF_NAMES: Final = frozenset({"field.unknown", "attribute.name", "attribute.value", "attribute.capitals"})
"""The rules that speak of a name, and not of the place where it stands."""
LISTING: Final = frozenset(
    {
        "sector.unknown",
        "region.unknown",
        "office.unknown",
        "source.unknown",
        "currency.unknown",
        "costs.source",
        "costs.currency",
        "indicator.unknown",
        "party.scheme",
    }
)
"""The rules that tell which codes there are."""
OF_A_FORM: Final = frozenset({"schema.string-pattern-mismatch", "schema.string-too-long", "schema.blank"})
MOST_POINTER: Final = 1_000
MOST_WORDS: Final = 4_000
"""How many characters a place and each language's words have at most, so that any single problem can be told."""
_moments: Final[TypeAdapter[datetime]] = TypeAdapter(Moment)
_days: Final[TypeAdapter[date]] = TypeAdapter(Day)


def _lists(cls: type[Payload]) -> dict[str, int]:
    """The lists of a type of event by name, and how many rows the contract lets each of them have."""
    return {
        name: most
        for name, field in cls.model_fields.items()
        if get_origin(field.annotation) is tuple
        for one in field.metadata
        if (most := one.most if isinstance(one, Entered) else getattr(one, "max_length", None)) is not None
    }


LISTS: Final = {kind: _lists(cls) for kind, cls in AGENCY.classes.items()}
"""By type of event: its lists, and the most rows of each."""
MOST_ROWS: Final = {name: most for lists in LISTS.values() for name, most in lists.items()}
"""The most rows of a list, by its name, which means the same in every type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Data held against the contract: what they say, or every fault; and the names that the contract does not know, of
    which the edition says what becomes of an event with one (`by_edition`). `meant`: by the place of such a name, that
    of the field that is probably meant."""

    payload: Payload | None
    problems: tuple[Problem, ...] = ()
    unknown: tuple[Problem, ...] = ()
    meant: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Held):
    """An event as it was read: its problems, its attributes and its data, in the newest version of its type.

    `envelope` and `payload` are None where they could not be read, and then there are problems.
    """

    envelope: Envelope | None


def read(event: Mapping[str, Any], agency: str, now: datetime, edition: Edition | None = None) -> Read:
    """One event of an agency, held against the contract, and its days against the years of its edition.

    One that does not say when it happened, as CloudEvents lets it, happened when it came.
    """
    door = door_of(edition)
    extensions, meant = _extensions(event)
    timed = event.get("time") is not None
    event = event if timed else {**event, "time": wire_moment(now)}
    envelope, faults = _envelope(event, agency, now, door)
    shape = _payload(event, door)
    said = _slips([*faults, *shape.problems, *extensions], meant)
    untimed = () if timed else (problem("/time", "time.missing", severity="warn"),)
    return Read(
        payload=shape.payload,
        problems=tuple(one for one in said if one.severity == "block"),
        unknown=(*untimed, *(one for one in said if one.severity != "block"), *shape.unknown),
        meant={**meant, **shape.meant},
        envelope=envelope,
    )


def all_told(found: Read, rules: Iterable[Problem], edition: Edition | None = None) -> list[Problem]:
    """Everything that is wrong with an event: what the contract found, what these rules say of parts that it found
    nothing wrong with, as the edition takes it, and the names that are not known. One mistake is one problem."""
    judged, unknown = [*rules], [*found.unknown]
    if edition is not None:
        judged, unknown = by_edition(judged, edition), by_edition(unknown, edition)
    found = replace(found, problems=tuple(with_codes(found.problems, judged)))
    # A name that is not repeated is told at the object around it, which is not faulty for that.
    faulty = [one for one in found.problems if one.rule not in OF_NAMES]
    meant = [
        one.model_copy(update={"pointer": near}) for one in found.problems if (near := found.meant.get(one.pointer))
    ]
    judged = unless_covered(judged, [*faulty, *meant])
    return [*found.problems, *_slips([*judged, *unknown], found.meant)]


def with_codes(found: Iterable[Problem], rules: Iterable[Problem]) -> list[Problem]:
    """What the contract says of a code is only which form codes have: where these rules tell which codes there are,
    that is told instead."""
    listed = {one.pointer: one for one in rules if one.rule in LISTING}
    return [listed.get(one.pointer, one) if one.rule in OF_A_FORM else one for one in found]


def empty_unknown(event: dict[str, Any]) -> None:
    """Takes out of an event what stands under names that no contract knows, at whatever depth: the names are told to
    who sent it, and nothing reads the rest."""
    kind, data = event.get("type"), event.get("data")
    for name in event.keys() - Envelope.model_fields.keys():
        event[name] = _emptied(event[name])
    if not isinstance(kind, str) or not AGENCY.knows(kind):
        event["data"] = _emptied(data)
        return
    for place, _ in unknown_fields(AGENCY.classes[kind], data):
        within: Any = data
        for step in place[:-1]:
            within = within[step]
        within[place[-1]] = _emptied(within[place[-1]])


def _emptied(value: Any) -> Any:
    return type(value)() if isinstance(value, dict | list | str) else value


def by_edition(found: Iterable[Problem], edition: Edition) -> list[Problem]:
    """Problems as the edition takes them: told, or a reason to refuse."""
    rules = edition.severities.rules
    return [one.model_copy(update={"severity": rules.get(one.rule, one.severity)}) for one in found]


def blocks(problems: Iterable[Problem]) -> bool:
    """Whether an event is refused for any of these, and not only told them."""
    return any(one.severity == "block" for one in problems)


def other_reasons(known: Iterable[Problem], found: Iterable[Problem]) -> bool:
    """Whether a refusal names other reasons than one before it did; what is only told is no reason."""
    before, now = ({one for one in some if one.severity == "block"} for some in (known, found))
    return before != now


def door_of(edition: Edition | None) -> Door:
    """How what an agency sends is read where this edition holds."""
    return SENT if edition is None else replace(SENT, years=years_of(edition))


def time_of(event: Mapping[str, Any]) -> datetime | None:
    """The time an event gives itself, if it can be read."""
    try:
        return _moments.validate_python(event.get("time"))
    except ValidationError:
        return None


def data_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data of an event; nothing, where they are no object."""
    data = event.get("data")
    return data if isinstance(data, dict) else {}


def day_of(raw: Any, door: Door = SENT) -> date | None:
    """A day, if it can be read as one that may come in; what may not is the contract's to say, and said once."""
    try:
        return None if raw is None else _days.validate_python(raw, context=door)
    except ValidationError:
        return None


def rows_of(data: Mapping[str, Any], name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of a list, each with its place in it; whatever else it holds, the contract finds faulty.

    Rows beyond the contract's bound are not looked at: that the list is too long is said already.
    """
    raw = data.get(name)
    for place, one in enumerate(raw[: MOST_ROWS[name]] if isinstance(raw, list) else []):
        if isinstance(one, dict):
            yield place, one


def bounded(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """As many problems as one answer names, within both bounds, what is refused for first; a last one counts the
    others."""
    named, room = list[Problem](), MOST_PROBLEM_BYTES - 1_000  # room for the last one
    problems = sorted(problems, key=lambda one: one.severity != "block")
    for one in map(_short, problems[:MOST_PROBLEMS]):
        room -= len(json.dumps(one.model_dump(), ensure_ascii=False).encode("utf-8", "surrogatepass")) + 2
        if room < 0:
            break
        named.append(one)
    more = len(problems) - len(named)
    if more:
        named.append(problem("", "problems.more", more=more, severity="block" if blocks(problems) else "warn"))
    return tuple(named)


def _short(one: Problem) -> Problem:
    """The same problem; where its place is too long to be told, at the nearest place around it."""
    near = one.pointer if len(one.pointer) <= MOST_POINTER else one.pointer[: MOST_POINTER + 1].rpartition("/")[0]
    said = {"message": one.message, "message_ru": one.message_ru, "message_be": one.message_be}
    words = {name: text and text[:MOST_WORDS] for name, text in said.items()}
    return one.model_copy(update={"pointer": near, **words})


def held(kind: str, data: Mapping[str, Any], door: Door = SENT) -> Held:
    """Data of a known type held against the contract.

    Of a list that is too long only that is said, and no row beyond its bound is looked at.
    """
    given = {name: (data.get(name), most) for name, most in LISTS[kind].items()}
    long = {name: (rows, most) for name, (rows, most) in given.items() if isinstance(rows, list) and len(rows) > most}
    found = [
        problem(f"/data/{name}", "schema.too-long", max_length=most, actual_length=len(rows))
        for name, (rows, most) in long.items()
    ]
    content = {**data, **{name: rows[:most] for name, (rows, most) in long.items()}}
    payload, faults, unknown = _read(kind, content, door, {n: one for n, one in content.items() if n not in long})
    meant = {one.pointer: near for one, near in unknown if near is not None}
    problems = [*found, *unless_covered(faults, found)]
    names = [one for one, _ in unknown if not _within(one.pointer, {fault.pointer for fault in problems})]
    said = _slips([*problems, *names], meant)
    return Held(
        payload=None if problems else payload,
        problems=tuple(one for one in said if one.severity == "block"),
        unknown=tuple(one for one in said if one.severity != "block"),
        meant=meant,
    )


Named = tuple[Problem, str | None]
"""A name that is not known, and the place of the field that is probably meant."""


def _read(
    kind: str, content: Mapping[str, Any], door: Door, looked_at: Mapping[str, Any]
) -> tuple[Payload | None, list[Problem], list[Named]]:
    """What data say, their faults, and the unknown names in that part of them which is looked at.

    Data without an unknown name, as nearly all are, are read once, and nothing else walks through them.
    """
    try:
        return AGENCY.read(kind, content, door, exactly=True), [], []
    except ValidationError as error:
        unknown = [*_unknown(kind, looked_at)]
        if not unknown:
            return None, schema_problems(error, "/data"), []
    try:
        return AGENCY.read(kind, content, door), [], unknown
    except ValidationError as error:
        return None, schema_problems(error, "/data"), unknown


def _unknown(kind: str, content: Mapping[str, Any]) -> Iterator[Named]:
    """The names in the data that their contract does not know; beyond some, their number alone."""
    all_of_them = unknown_fields(AGENCY.classes[kind], content, ("data",))
    for place, known in islice(all_of_them, MOST_UNKNOWN):
        near = nearest(str(place[-1]), known)
        hint = NOTHING if near is None else wording("name.meant", name=near)
        yield _unknown_name(place, hint), None if near is None else pointer_of((*place[:-1], near))
    if more := sum(1 for _ in all_of_them):
        yield problem("/data", "problems.more", more=more, severity="warn"), None


def _slips(found: Sequence[Problem], meant: Mapping[str, str]) -> list[Problem]:
    """Problems without those that another one stands for: a name that is not known in the place of a field that is
    missing is one mistake. The name says it, and weighs as much as that the field is missing."""
    missing = {one.pointer: one for one in found if one.rule.endswith(MISSING)}
    said, stood_for = list[Problem](), set[str]()
    for one in found:
        gone = missing.get(meant.get(one.pointer, ""))
        if gone is not None and gone.pointer not in stood_for:
            stood_for.add(gone.pointer)
            one = one.model_copy(update={"severity": gone.severity if one.severity == "warn" else one.severity})
        said.append(one)
    left = (one for one in said if not (one.pointer in stood_for and one.rule.endswith(MISSING)))
    return [*dict.fromkeys(left)]  # names that are not repeated are told as one


def _extensions(event: Mapping[str, Any]) -> tuple[list[Problem], dict[str, str]]:
    """What is wrong with names beside the attributes, and the attributes that are probably meant by some of them. Most
    are extensions (CloudEvents 1.0), and right; some are fields of the data, or so near to an attribute's that is
    missing that they must be a slip.

    What is no name or no value of an extension is a reason to refuse; of capitals the edition says what they are
    (decision 44).
    """
    if all(name in Envelope.model_fields for name in event):
        return [], {}
    kind, known = event.get("type"), list(Envelope.model_fields)
    fields = AGENCY.classes[kind].model_fields if isinstance(kind, str) and AGENCY.knows(kind) else {}
    missing = [name for name in known if name not in event]
    others = (name for name in event if name not in Envelope.model_fields and name != DATA_BASE64)
    found, slips = list[Problem](), dict[str, str]()
    for name in islice(others, MOST_UNKNOWN):
        within = f"data.{name}" if name in fields else None
        near = within or nearest(name, missing, SLIP)
        found += _extension(name, event[name], NOTHING if near is None else wording("name.meant", name=near))
        if near is not None:
            slips[found[-1].pointer] = pointer_of(tuple(near.split(".")))
    if event.get(DATA_BASE64) is not None:
        found.append(problem(pointer_of((DATA_BASE64,)), "data.twice"))
    return found, slips


def _extension(name: str, value: Any, hint: Wording) -> Iterator[Problem]:
    place, shown = pointer_of(place_told((name,))), repeated(name)
    if not _name.fullmatch(name):
        yield problem(place, "attribute.name", name=shown, meant=hint)
    elif isinstance(value, dict | list | float) or (isinstance(value, str) and LONE.search(value)):
        yield problem(place, "attribute.value", name=shown, meant=hint)
    elif name != name.lower():
        lower = shown.lower() if isinstance(shown, str) else shown
        yield problem(place, "attribute.capitals", severity="warn", name=shown, lower=lower)
    elif hint != NOTHING:
        yield _unknown_name((name,), hint)


def _unknown_name(place: Place, hint: Wording) -> Problem:
    shown = repeated(str(place[-1]))
    return problem(pointer_of(place_told(place)), "field.unknown", severity="warn", name=shown, meant=hint)


def unless_covered(found: Iterable[Problem], already: Sequence[Problem]) -> list[Problem]:
    """Rule problems, without those whose place or a part of it was found faulty already, by the contract or by another
    of these rules: the whole is judged when its parts are right. Of two the one that is a reason to refuse stands."""
    places, around = set[str](), set[str]()
    kept = set[int]()

    def take(one: Problem) -> None:
        places.add(one.pointer)
        around.update(_around(one.pointer))

    for one in already:
        take(one)
    rules = list(found)
    for n, one in sorted(enumerate(rules), key=lambda numbered: numbered[1].severity != "block"):
        if one.pointer not in around and not _within(one.pointer, places):
            kept.add(n)
            take(one)
    return [one for n, one in enumerate(rules) if n in kept]


def _within(pointer: str, places: AbstractSet[str]) -> bool:
    """Whether a place is one of these, or a part of one."""
    return not places.isdisjoint(_around(pointer))


def _around(pointer: str) -> Iterator[str]:
    """A place, and every place that it is a part of."""
    yield pointer
    while pointer:
        pointer = pointer.rpartition("/")[0]
        yield pointer


def _envelope(
    event: Mapping[str, Any], agency: str, now: datetime, door: Door
) -> tuple[Envelope | None, list[Problem]]:
    try:
        envelope, found = Envelope.model_validate(event, context=door), list[Problem]()
    except ValidationError as error:
        envelope, found = None, schema_problems(error)
    return envelope, [*found, *unless_covered(_sender(event, agency, now), found)]


def _sender(event: Mapping[str, Any], agency: str, now: datetime) -> Iterator[Problem]:
    source = event.get("source")
    if isinstance(source, str) and source != agency_source(agency):
        yield problem("/source", "source.not-yours", source=agency_source(agency))
    time = time_of(event)
    if time is not None and time > now + CLOCK_SKEW:
        minutes = int(CLOCK_SKEW.total_seconds() // 60)
        yield problem("/time", "time.future", minutes=minutes)


def _payload(event: Mapping[str, Any], door: Door) -> Held:
    kind, data = event.get("type"), event.get("data")
    if not isinstance(kind, str) or not isinstance(data, dict):
        return Held(payload=None)
    if not AGENCY.knows(kind):
        return Held(payload=None, problems=(problem("/type", "type.unknown", types=list(AGENCY.classes)),))
    found = held(kind, data, door)
    return found if found.payload is None else replace(found, payload=AGENCY.newest(found.payload))
