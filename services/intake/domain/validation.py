"""Whether an agency's event can be taken: every fault at once, each with its place, its rule and what to do.

The shape is checked by the contract, the rest by the rule edition. Rules look at the raw event part by part, so
that a fault in one place hides none in another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from dateutil.relativedelta import relativedelta
from pydantic import TypeAdapter, ValidationError

from contracts.agency import AGENCY, ApplicationSubmittedV1, ApplicationSubmittedV2
from contracts.event import Envelope, Moment, json_pointer
from contracts.reference import CostLine, Money, Party, Problem
from contracts.rules import Edition, PartyRule
from services.chassis.identifiers import fault

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far an agency's clock may run ahead of ours (assumption)."""
NUMBER_FAULTS: Final = {
    "form": ("No {} has this form.", "Неверный формат: {}."),
    "check-digit": ("The check digit is wrong: {}.", "Неверная контрольная цифра: {}."),
    "not-legal-entity": ("This party must be a legal entity.", "Сторона должна быть юридическим лицом."),
}

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
_parties: Final = TypeAdapter(Party)
_dates: Final = TypeAdapter(date)
_moments: Final[TypeAdapter[datetime]] = TypeAdapter(Moment)


@dataclass(frozen=True, slots=True)
class Judged:
    """What an event was found to be: an application, or problems. Never both."""

    problems: tuple[Problem, ...]
    envelope: Envelope | None = None
    submission: ApplicationSubmittedV2 | None = None


def time_of(event: Mapping[str, Any]) -> datetime | None:
    """The time an event gives itself, if it can be read."""
    try:
        return _moments.validate_python(event.get("time"))
    except ValidationError:
        return None


def judge(event: Mapping[str, Any], agency: str, edition: Edition | None, now: datetime) -> Judged:
    """Checks one event of an agency against the contract and an edition."""
    problems = list(_envelope_problems(event, agency, now))
    payload, shape = _payload(event)
    problems += shape
    if edition is None:
        problems.append(
            problem(
                "/time",
                "edition.none",
                "No rule edition holds at this time.",
                "На эту дату нет действующей редакции правил.",
            )
        )
    else:
        problems += _unless_covered(_rule_problems(event, edition), problems)
    if problems or payload is None:
        return Judged(tuple(problems))
    newest = AGENCY.newest(payload)
    assert isinstance(newest, ApplicationSubmittedV2)
    return Judged((), Envelope.model_validate(event), newest)


def problem(pointer: str, rule: str, message: str, message_ru: str) -> Problem:
    """A fault that the sender must fix."""
    return Problem(pointer=pointer, rule=rule, message=message, message_ru=message_ru)


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


def _envelope_problems(event: Mapping[str, Any], agency: str, now: datetime) -> Iterator[Problem]:
    try:
        Envelope.model_validate(event)
    except ValidationError as error:
        yield from schema_problems(error)
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


def _payload(event: Mapping[str, Any]) -> tuple[Any, list[Problem]]:
    kind, data = event.get("type"), event.get("data")
    if not isinstance(kind, str) or not isinstance(data, dict):
        return None, []
    if not AGENCY.knows(kind):
        known = ", ".join(AGENCY.classes)
        return None, [problem("/type", "type.unknown", f"Known types: {known}.", f"Известные типы: {known}.")]
    try:
        return AGENCY.read(kind, data), []
    except ValidationError as error:
        return None, schema_problems(error, "/data")


def _unless_covered(found: Iterator[Problem], already: Sequence[Problem]) -> list[Problem]:
    """Rule problems, without those whose place or a part of it the contract found faulty already."""
    places = [p.pointer for p in already]
    return [p for p in found if not any(_inside(place, p.pointer) for place in places)]


def _inside(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


# ---- the rules of an edition


def _rule_problems(event: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    data = event.get("data")
    if not isinstance(data, dict) or not AGENCY.knows(str(event.get("type"))):
        return
    yield from _sector(data, edition)
    for role in ("initiator", "customer", "executor"):
        yield from _party(data.get(role), f"/data/{role}", getattr(edition.parties, role), edition)
    yield from _costs(data, str(event.get("type")), edition)
    yield from _dates_in_order(data, edition)
    yield from _lengths(data, edition)


def _sector(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    sector = data.get("sector")
    if isinstance(sector, str) and sector not in edition.sectors:
        known = ", ".join(edition.sectors.codes)
        yield problem("/data/sector", "sector.unknown", f"Sectors: {known}.", f"Отрасли: {known}.")


def _party(raw: Any, pointer: str, rule: PartyRule, edition: Edition) -> Iterator[Problem]:
    if raw is None:
        if rule.required:
            yield problem(pointer, "party.required", "This party must be named.", "Сторона должна быть указана.")
        return
    try:
        party = _parties.validate_python(raw)
    except ValidationError:
        return
    scheme = edition.scheme(party.id.scheme)
    if scheme is None or party.id.scheme not in rule.schemes:
        allowed = ", ".join(rule.schemes)
        yield problem(
            f"{pointer}/id/scheme", "party.scheme", f"Schemes here: {allowed}.", f"Допустимые схемы: {allowed}."
        )
        return
    found = fault(party.id, edition, legal_entity=rule.legal_entity_only)
    if found is not None:
        en, ru = NUMBER_FAULTS[found]
        words = (en.format(scheme.title_en), ru.format(scheme.title_ru))
        yield problem(f"{pointer}/id/value", f"party.{found}", *words)


def _costs(data: Mapping[str, Any], kind: str, edition: Edition) -> Iterator[Problem]:
    lines = list(_cost_lines(data, kind))
    if edition.money is None:
        for pointer, _ in lines[:1]:
            yield problem(
                pointer,
                "costs.refused",
                "This edition has no money.",
                "В этой редакции стоимость не указывается.",
            )
        return
    if edition.money.costs_required and not lines:
        where = "/data/total_cost" if kind == ApplicationSubmittedV1.TYPE else "/data/costs"
        yield problem(where, "costs.required", "The cost must be given.", "Стоимость должна быть указана.")
    currencies = [c.code for c in edition.money.currencies]
    for pointer, line in lines:
        if line.currency not in currencies:
            known = ", ".join(currencies)
            yield problem(f"{pointer}/currency", "costs.currency", f"Currencies: {known}.", f"Валюты: {known}.")
        if isinstance(line, CostLine) and line.source not in edition.money.sources:
            known = ", ".join(edition.money.sources.codes)
            yield problem(f"{pointer}/source", "costs.source", f"Sources: {known}.", f"Источники: {known}.")


def _cost_lines(data: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Money | CostLine]]:
    """Those cost lines that can be read, where they stand in the version that was sent."""
    if kind == ApplicationSubmittedV1.TYPE:
        raw: Any = [("/data/total_cost", data.get("total_cost"), Money)]
    else:
        given = data.get("costs")
        raw = [(f"/data/costs/{n}", one, CostLine) for n, one in enumerate(given if isinstance(given, list) else [])]
    for pointer, one, cls in raw:
        try:
            yield pointer, cls.model_validate(one)
        except ValidationError:
            continue


def _dates_in_order(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    start, end = _date(data.get("planned_start")), _date(data.get("planned_end"))
    if start is None or end is None:
        return
    if end < start:
        yield problem("/data/planned_end", "dates.order", "The end lies before the start.", "Окончание раньше начала.")
    longest = edition.numbers.get("pilot_max_months")
    if longest is not None and end >= _months_after(start, longest.value):
        yield problem(
            "/data/planned_end",
            "dates.longest",
            f"A pilot lasts {longest.value} months at most ({longest.origin.kind}).",
            f"Пилотный проект длится не более {longest.value} мес.",
        )


def _date(raw: Any) -> date | None:
    try:
        return None if raw is None else _dates.validate_python(raw)
    except ValidationError:
        return None


def _months_after(day: date, months: int) -> date:
    """The same day of the month so many months later, or that month's last day where it is shorter."""
    try:
        later: date = day + relativedelta(months=months)
    except (ValueError, OverflowError):
        return date.max
    return later


def _lengths(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    for name, limit in edition.lengths.items():
        value = data.get(name)
        if isinstance(value, str) and len(value) > limit.value:
            yield problem(
                f"/data/{name}",
                "text.length",
                f"At most {limit.value} characters; there are {len(value)}.",
                f"Не более {limit.value} знаков; сейчас {len(value)}.",
            )
