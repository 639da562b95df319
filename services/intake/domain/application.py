"""Whether an application keeps to the rules of its edition: sectors, parties, money, dates, lengths, procedure.

Rules look at the raw data part by part, so that a fault in one place hides none in another; what the contract
finds faulty already is passed over here.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from dateutil.relativedelta import relativedelta
from pydantic import TypeAdapter, ValidationError

from contracts.agency import ApplicationSubmittedV1
from contracts.reference import CostLine, Money, OrganisationId, Party, Problem, Procedure
from contracts.rules import Edition, PartyRule
from services.intake.domain.shape import day_of, problem, rows_of
from services.law.faults import fault

NUMBER_FAULTS: Final = {
    "form": ("No {} has this form.", "Неверный формат: {}."),
    "check-digit": ("The check digit is wrong: {}.", "Неверная контрольная цифра: {}."),
    "not-legal-entity": ("This party must be a legal entity.", "Сторона должна быть юридическим лицом."),
}
_parties: Final = TypeAdapter(Party)
WHOLE: Final = 10_000
"""All of a pilot, in basis points."""


def faults(data: Mapping[str, Any], kind: str, edition: Edition) -> Iterator[Problem]:
    """Every rule of the edition that the data of an application breaks; `kind` is the type of its event."""
    yield from _sector(data, edition)
    for role in ("initiator", "customer", "executor"):
        yield from _party(data.get(role), f"/data/{role}", getattr(edition.parties, role), edition)
    yield from _participants(data, edition)
    yield from _costs(data, kind, edition)
    yield from _dates_in_order(data, edition)
    yield from _lengths(data, edition)
    if kind != ApplicationSubmittedV1.TYPE:
        yield from _place(data, edition)
        yield from _shares(data, edition)
        yield from _procedure(data, edition)
        yield from _adaptation(data)


def _sector(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    sector = data.get("sector")
    if isinstance(sector, str) and sector not in edition.sectors:
        known = ", ".join(edition.sectors.codes)
        yield problem("/data/sector", "sector.unknown", f"Sectors: {known}.", f"Отрасли: {known}.")


def _party(raw: Any, pointer: str, rule: PartyRule, edition: Edition) -> Iterator[Problem]:
    if raw is not None:
        yield from _organisation(raw, pointer, rule.schemes, edition, legal_entity=rule.legal_entity_only)
    elif rule.required:
        yield problem(pointer, "party.required", "This party must be named.", "Сторона должна быть указана.")


def _participants(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    """Whoever took part may be of any kind that the edition can tell by its number."""
    known = tuple(scheme.scheme for scheme in edition.schemes)
    for place, raw in rows_of(data, "participants"):
        yield from _organisation(raw, f"/data/participants/{place}", known, edition, legal_entity=False)


def _organisation(
    raw: Any, pointer: str, schemes: Sequence[str], edition: Edition, *, legal_entity: bool
) -> Iterator[Problem]:
    try:
        party = _parties.validate_python(raw)
    except ValidationError:
        return
    yield from organisation(party.id, f"{pointer}/id", schemes, edition, legal_entity=legal_entity)


def organisation(
    number: OrganisationId, pointer: str, schemes: Sequence[str], edition: Edition, *, legal_entity: bool
) -> Iterator[Problem]:
    """What is wrong with an organisation's number: its scheme must be one of these, its value one of the scheme's."""
    scheme = edition.scheme(number.scheme)
    if scheme is None or number.scheme not in schemes:
        allowed = ", ".join(schemes)
        yield problem(f"{pointer}/scheme", "party.scheme", f"Schemes here: {allowed}.", f"Допустимые схемы: {allowed}.")
        return
    found = fault(number, edition, legal_entity=legal_entity)
    if found is not None:
        en, ru = NUMBER_FAULTS[found]
        words = (en.format(scheme.title_en), ru.format(scheme.title_ru))
        yield problem(f"{pointer}/value", f"party.{found}", *words)


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
        raw = [(f"/data/costs/{n}", one, CostLine) for n, one in rows_of(data, "costs")]
    for pointer, one, cls in raw:
        try:
            yield pointer, cls.model_validate(one)
        except ValidationError:
            continue


def _dates_in_order(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    start, end = day_of(data.get("planned_start")), day_of(data.get("planned_end"))
    if start is None or end is None:
        return
    if end < start:
        yield problem("/data/planned_end", "dates.order", "The end lies before the start.", "Окончание раньше начала.")
    longest = edition.numbers.pilot_max_months
    if end >= _months_after(start, longest.value):
        yield problem(
            "/data/planned_end",
            "dates.longest",
            f"A pilot lasts {longest.value} months at most ({longest.origin.kind}).",
            f"Пилотный проект длится не более {longest.value} мес.",
        )


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
            yield problem(
                f"/data/{name}",
                "text.length",
                f"At most {limit.value} characters; there are {len(value)}.",
                f"Не более {limit.value} знаков; сейчас {len(value)}.",
            )


def _place(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    region, office = data.get("region"), data.get("office")
    if isinstance(region, str) and region not in edition.regions:
        known = ", ".join(edition.regions.codes)
        yield problem("/data/region", "region.unknown", f"Regions: {known}.", f"Регионы: {known}.")
    if isinstance(office, str) and office not in edition.offices:
        known = ", ".join(edition.offices.codes)
        yield problem("/data/office", "office.unknown", f"Offices: {known}.", f"Отраслевые офисы: {known}.")


def _shares(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    """Shares of sectors (доли отраслей): known ones, each once, the main one among them, all of the pilot together."""
    rows = list(rows_of(data, "sector_shares"))
    seen = set[str]()
    for n, row in rows:
        sector, pointer = row.get("sector"), f"/data/sector_shares/{n}/sector"
        if not isinstance(sector, str):
            continue
        if sector not in edition.sectors:
            known = ", ".join(edition.sectors.codes)
            yield problem(pointer, "sector.unknown", f"Sectors: {known}.", f"Отрасли: {known}.")
        elif sector in seen:
            yield problem(pointer, "sector.twice", "This sector is named twice.", "Эта отрасль указана дважды.")
        seen.add(sector)
    if not rows:
        return
    # What the contract finds faulty is left out: it hides this problem anyway.
    whole = sum(part for _, row in rows if isinstance(part := row.get("basis_points"), int) and 0 < part <= WHOLE)
    if whole != WHOLE:
        yield problem(
            "/data/sector_shares",
            "shares.sum",
            f"The shares must sum to {WHOLE} basis points; there are {whole}.",
            f"Сумма долей должна быть {WHOLE} базисных пунктов; сейчас {whole}.",
        )
    if isinstance(main := data.get("sector"), str) and main not in seen:
        yield problem(
            "/data/sector_shares",
            "shares.sector",
            "The sector of the application must be among the shares.",
            "Среди долей должна быть отрасль самой заявки.",
        )


def _adaptation(data: Mapping[str, Any]) -> Iterator[Problem]:
    """What was adapted belongs to what was copied, by whatever procedure the copy goes."""
    copies = data.get("replicates") is not None or data.get("procedure") == Procedure.REPLICATION.value
    if not copies and data.get("adaptation") is not None:
        yield problem(
            "/data/adaptation",
            "adaptation.unwanted",
            "Only what names the case that it copies says what is adapted.",
            "Адаптация указывается только вместе с тиражируемым решением.",
        )


def _procedure(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    """The credit (зачёт) and the replication (тиражирование) are switches of the edition, and rest on something."""
    asked = data.get("procedure")
    if asked not in (Procedure.CREDIT.value, Procedure.REPLICATION.value):
        return
    switches = edition.switches
    switch = switches.credit if asked == Procedure.CREDIT.value else switches.replication
    if not switch.on:
        yield problem(
            "/data/procedure",
            "procedure.off",
            f"The rules in force ({edition.id}) do not have this procedure.",
            f"Действующие правила ({edition.id}) не предусматривают такой порядок.",
        )
    elif asked == Procedure.CREDIT.value and data.get("evidence") is None:
        yield problem(
            "/data/evidence",
            "evidence.required",
            "A credit says what it rests on.",
            "Для зачёта должно быть указано, на чём он основан.",
        )
    elif asked == Procedure.REPLICATION.value and data.get("replicates") is None:
        yield problem(
            "/data/replicates",
            "replicates.required",
            "A replication names the case that it copies.",
            "Для тиражирования должно быть указано тиражируемое решение.",
        )
