"""Whether an application keeps to the rules of its edition: sectors, parties, money, dates, lengths, procedure.

Rules look at the raw data part by part, so that a fault in one place hides none in another; what the contract
finds faulty already is passed over here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final

from dateutil.relativedelta import relativedelta
from pydantic import TypeAdapter, ValidationError

from contracts.agency import ApplicationSubmittedV1
from contracts.entered import SENT
from contracts.reference import CostLine, Money, Party, Problem, Procedure
from contracts.rules import PARTS, Edition, MoneyRules, PartyRule
from contracts.text import line
from contracts.words import problem
from services.intake.domain.shape import day_of, door_of, rows_of
from services.law.faults import (
    office_faults,
    organisation_faults,
    party_name_faults,
    region_faults,
    scheme_faults,
    sector_faults,
    share_faults,
)

Used = Mapping[str, str]
"""The own numbers that an agency uses already in applications which live: by number, what such an application is called
to its agency."""
NOTHING_USED: Final[Used] = {}
_parties: Final = TypeAdapter(Party)
_own_numbers: Final[TypeAdapter[str | None]] = TypeAdapter(Annotated[str | None, line(60)])
_PHONE: Final = re.compile(
    r"\+?[\s\u00a0]*(?:[0-9][\s\u00a0()./\u2010-\u2015-]*){5,15}"
    r"(?:[,;]?[\s\u00a0]*(?:доб|вн|дад|унутр|ext|x)[.:]?[\s\u00a0]*[0-9]{1,6})?"
)
"""A telephone number as people write it (E.164 has 15 digits at most): groups, brackets, an extension."""


def faults(data: Mapping[str, Any], kind: str, edition: Edition) -> Iterator[Problem]:
    """Every rule of the edition that the data of an application breaks; `kind` is the type of its event."""
    yield from sector_faults(data.get("sector"), "/data/sector", edition)
    for role in PARTS:
        yield from _party(data.get(role), f"/data/{role}", getattr(edition.parties, role), edition)
    yield from _participants(data, edition)
    yield from _costs(data, kind, edition)
    yield from _dates_in_order(data, edition)
    yield from _lengths(data, edition)
    yield from _phone(data)
    if kind != ApplicationSubmittedV1.TYPE:
        yield from region_faults(data.get("region"), "/data/region", edition)
        yield from office_faults(data.get("office"), "/data/office", edition)
        shares = ((n, row.get("sector"), row.get("basis_points")) for n, row in rows_of(data, "sector_shares"))
        yield from share_faults(shares, data.get("sector"), "/data/sector_shares", edition)
        yield from _procedure(data, edition)
        yield from _adaptation(data)


def circumstances(data: Mapping[str, Any], edition: Edition, today: date, used: Used) -> Iterator[Problem]:
    """What lies not in an application alone: a start that is planned for a day that has passed, and a number of the
    agency's own that another application of its has."""
    start = day_of(data.get("planned_start"), door_of(edition))
    if start is not None and start < today and not any(_dates_in_order(data, edition)):
        yield problem("/data/planned_start", "start.past", day=start, today=today)
    number = own_number(data.get("own_number"))
    if number is not None and number in used:
        yield problem("/data/own_number", "own-number.used", other=used[number])


def own_number(raw: Any) -> str | None:
    """An agency's own number in the form in which it is kept, if it can be read."""
    try:
        return _own_numbers.validate_python(raw, strict=True, context=SENT)
    except ValidationError:
        return None


def _party(raw: Any, pointer: str, rule: PartyRule, edition: Edition) -> Iterator[Problem]:
    if raw is not None:
        yield from _organisation(raw, pointer, rule.schemes, edition)
    elif rule.required:
        yield problem(pointer, "party.required")


def _participants(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    """Whoever took part may be an organisation of any scheme that the edition knows."""
    known = tuple(scheme.scheme for scheme in edition.schemes)
    for place, raw in rows_of(data, "participants"):
        yield from _organisation(raw, f"/data/participants/{place}", known, edition)


def _organisation(raw: Any, pointer: str, schemes: Sequence[str], edition: Edition) -> Iterator[Problem]:
    try:
        party = _parties.validate_python(raw, context=SENT)
    except ValidationError:
        yield from scheme_faults(raw.get("id") if isinstance(raw, dict) else None, f"{pointer}/id", schemes)
        return
    yield from organisation_faults(party.id, f"{pointer}/id", schemes, edition)
    yield from party_name_faults(party.name, pointer)


def _costs(data: Mapping[str, Any], kind: str, edition: Edition) -> Iterator[Problem]:
    lines = list(_cost_lines(data, kind))
    total = None if kind == ApplicationSubmittedV1.TYPE else _money(data.get("total_cost"))
    if edition.money is None:
        for pointer in [*(where for where, _ in lines), *(["/data/total_cost"] if total else [])][:1]:
            yield problem(pointer, "costs.refused")
        return
    if edition.money.costs_required and not lines:
        where = "/data/total_cost" if kind == ApplicationSubmittedV1.TYPE else "/data/costs"
        yield problem(where, "costs.required")
    wrong = list(_codes_of_money(data, kind, edition.money))
    yield from wrong
    costs = data.get("costs", [])
    sound = isinstance(costs, list) and len(costs) == len(lines) and not wrong
    if total is not None and sound:
        yield from _total(total, [one for _, one in lines], "/data/total_cost" if "costs" in data else "/data/costs")


def _codes_of_money(data: Mapping[str, Any], kind: str, money: MoneyRules) -> Iterator[Problem]:
    currencies = [c.code for c in money.currencies]
    for pointer, one, _ in _given_lines(data, kind):
        currency, source = one.get("currency"), one.get("source")
        if isinstance(currency, str) and currency not in currencies:
            yield problem(f"{pointer}/currency", "costs.currency", codes=currencies)
        if kind != ApplicationSubmittedV1.TYPE and isinstance(source, str) and source not in money.sources:
            yield problem(f"{pointer}/source", "costs.source", codes=money.sources.codes)


def _money(raw: Any) -> Money | None:
    try:
        return None if raw is None else Money.model_validate(raw, context=SENT)
    except ValidationError:
        return None


def _total(total: Money, lines: Sequence[Money], pointer: str) -> Iterator[Problem]:
    """A total that is given beside cost lines is their sum, in its currency."""
    have = sum(one.amount_minor for one in lines if one.currency == total.currency)
    if have != total.amount_minor:
        yield problem(pointer, "costs.total", total=total.amount_minor, have=have, currency=total.currency)


def _phone(data: Mapping[str, Any]) -> Iterator[Problem]:
    contact = data.get("contact")
    phone = contact.get("phone") if isinstance(contact, dict) else None
    if isinstance(phone, str) and _PHONE.fullmatch(phone.strip()) is None:
        yield problem("/data/contact/phone", "contact.phone")


def _cost_lines(data: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Money | CostLine]]:
    """Those cost lines that can be read, where they stand in the version that was sent."""
    for pointer, one, cls in _given_lines(data, kind):
        try:
            yield pointer, cls.model_validate(one, context=SENT)
        except ValidationError:
            continue


def _given_lines(
    data: Mapping[str, Any], kind: str
) -> Iterator[tuple[str, Mapping[str, Any], type[Money] | type[CostLine]]]:
    if kind != ApplicationSubmittedV1.TYPE:
        yield from ((f"/data/costs/{n}", one, CostLine) for n, one in rows_of(data, "costs"))
    elif isinstance(total := data.get("total_cost"), dict):
        yield "/data/total_cost", total, Money


def _dates_in_order(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    door = door_of(edition)
    start, end = day_of(data.get("planned_start"), door), day_of(data.get("planned_end"), door)
    if start is None or end is None:
        return
    if end < start:
        yield problem("/data/planned_end", "dates.order")
    longest = edition.numbers.pilot_max_months
    if end >= _months_after(start, longest.value):
        yield problem("/data/planned_end", "dates.longest", months=longest.value)


def _months_after(day: date, months: int) -> date:
    """The same day of the month so many months later, or that month's last day where it is shorter."""
    try:
        later: date = day + relativedelta(months=months)
    except (ValueError, OverflowError):
        return date.max
    return later


def _lengths(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    lengths = edition.lengths
    bounds = (
        ("title", lengths.title),
        ("problem", lengths.problem),
        ("solution", lengths.solution),
        ("expected_effect", lengths.expected_effect),
        ("territory", lengths.territory),
        ("own_number", lengths.own_number),
    )
    for name, limit in bounds:
        value = data.get(name)
        if isinstance(value, str) and len(value) > limit.value:
            yield problem(f"/data/{name}", "text.length", most=limit.value, have=len(value))


def _adaptation(data: Mapping[str, Any]) -> Iterator[Problem]:
    """What was adapted belongs to what was copied, by whatever procedure the copy goes."""
    replicates = data.get("replicates") is not None or data.get("procedure") == Procedure.REPLICATION.value
    if not replicates and data.get("adaptation") is not None:
        yield problem("/data/adaptation", "adaptation.unwanted")


def _procedure(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    """The credit (зачёт) and the replication (тиражирование) are switches of the edition, and rest on something."""
    asked = data.get("procedure")
    if asked not in (Procedure.CREDIT.value, Procedure.REPLICATION.value):
        return
    switches = edition.switches
    switch = switches.credit if asked == Procedure.CREDIT.value else switches.replication
    if not switch.on:
        yield problem("/data/procedure", "procedure.off", edition=edition.id)
    elif asked == Procedure.CREDIT.value and data.get("evidence") is None:
        yield problem("/data/evidence", "evidence.required")
    elif asked == Procedure.REPLICATION.value and data.get("replicates") is None:
        yield problem("/data/replicates", "replicates.required")
