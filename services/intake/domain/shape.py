"""What an agency's event is made of, read part by part: its envelope, its shape by the contract, and its problems.

Nothing here asks an edition. Every fault is found at once, each with its place, its rule and what to do.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError

from contracts.agency import AGENCY
from contracts.event import Envelope, Moment, Payload, json_pointer
from contracts.reference import Problem

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far an agency's clock may run ahead of ours (assumption)."""

RUSSIAN: Final = {
    "missing": "Обязательное поле не заполнено.",
    "string_too_short": "Значение слишком короткое.",
    "string_too_long": "Значение слишком длинное.",
    "string_pattern_mismatch": "Значение не соответствует образцу.",
    "string_type": "Здесь должна быть строка.",
    "int_type": "Здесь должно быть целое число.",
    "greater_than_equal": "Число слишком мало.",
    "less_than_equal": "Число слишком велико.",
    "timezone_aware": "Во времени должен быть указан часовой пояс.",
    "literal_error": "Это значение здесь не допускается.",
}
_moments: Final[TypeAdapter[datetime]] = TypeAdapter(Moment)


@dataclass(frozen=True, slots=True)
class Read:
    """An event as it was read: its problems, its attributes and its data, in the newest version of its type.

    `envelope` and `payload` are None where they could not be read, and then there are problems.
    """

    problems: tuple[Problem, ...]
    envelope: Envelope | None
    payload: Payload | None


def read(event: Mapping[str, Any], agency: str, now: datetime) -> Read:
    """One event of an agency, held against the contract."""
    envelope, faults = _envelope(event, agency, now)
    payload, shape = _payload(event)
    return Read((*faults, *shape), envelope, payload)


def time_of(event: Mapping[str, Any]) -> datetime | None:
    """The time an event gives itself, if it can be read."""
    try:
        return _moments.validate_python(event.get("time"))
    except ValidationError:
        return None


def problem(pointer: str, rule: str, message: str, message_ru: str, action: Literal["fix", "retry"] = "fix") -> Problem:
    """A fault that the sender must fix, or that may be gone later."""
    return Problem(pointer=pointer, rule=rule, message=message, message_ru=message_ru, action=action)


def schema_problems(error: ValidationError, prefix: str = "") -> list[Problem]:
    """Every fault that the contract found, without the values that were found faulty."""
    return [
        problem(
            prefix + json_pointer(fault["loc"]),
            f"schema.{fault['type'].replace('_', '-')}",
            fault["msg"],
            RUSSIAN.get(fault["type"], "Значение не соответствует схеме события."),
        )
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def unless_covered(found: Iterable[Problem], already: Sequence[Problem]) -> list[Problem]:
    """Rule problems, without those whose place or a part of it the contract found faulty already."""
    places = [p.pointer for p in already]
    return [p for p in found if not any(_inside(place, p.pointer) for place in places)]


def _inside(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def _envelope(event: Mapping[str, Any], agency: str, now: datetime) -> tuple[Envelope | None, list[Problem]]:
    try:
        envelope, found = Envelope.model_validate(event), list[Problem]()
    except ValidationError as error:
        envelope, found = None, schema_problems(error)
    return envelope, [*found, *_sender(event, agency, now)]


def _sender(event: Mapping[str, Any], agency: str, now: datetime) -> Iterator[Problem]:
    source = event.get("source")
    if isinstance(source, str) and source != f"/agencies/{agency}":
        yield problem(
            "/source",
            "source.not-yours",
            f"The source of your events is /agencies/{agency}.",
            f"Источник ваших событий: /agencies/{agency}.",
        )
    time = time_of(event)
    if time is not None and time > now + CLOCK_SKEW:
        yield problem("/time", "time.future", "The time lies in the future.", "Время события ещё не наступило.")


def _payload(event: Mapping[str, Any]) -> tuple[Payload | None, list[Problem]]:
    kind, data = event.get("type"), event.get("data")
    if not isinstance(kind, str) or not isinstance(data, dict):
        return None, []
    if not AGENCY.knows(kind):
        known = ", ".join(AGENCY.classes)
        return None, [problem("/type", "type.unknown", f"Known types: {known}.", f"Известные типы: {known}.")]
    try:
        return AGENCY.newest(AGENCY.read(kind, data)), []
    except ValidationError as error:
        return None, schema_problems(error, "/data")
