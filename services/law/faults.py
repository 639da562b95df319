"""What several domains ask, each rule in one place: organisations and their numbers, sectors and their shares, regions
and offices, money, days, coded reasons. Pure.

A function that looks for faults takes what may have been read by no contract yet: a value that is no text, or no
number, is passed over, for the contract finds it faulty anyway. `pointer` is the JSON pointer of what is looked at.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final, Literal

from stdnum.by import unp
from stdnum.ru import inn

from contracts.reference import WHOLE, OrganisationId, Party, Problem, ReturnReason
from contracts.rules import Edition, PartyRule, Scheme
from contracts.words import Wording, problem, wording
from services.law.decision import Refusal
from services.law.people import Likeness, likeness

CHECKS: Final = {"by-unp": unp.is_valid, "ru-inn": inn.is_valid}
"""Check digits by the name that an edition gives them; none of these goes to the network."""

LATIN: Final = str.maketrans("АВЕКМНОРСТХІ", "ABEKMHOPCTXI")
"""Capital letters of Cyrillic that look like one of Latin, and that."""
BETWEEN: Final = re.compile(r"[\s\u00ad\u2010-\u2015\u2212-]")
"""What people write between groups of digits."""
Fault = Literal["scheme", "form", "blanks", "look-alike", "zeros", "check-digit", "not-legal-entity"]
FAULTS: Final[dict[Fault, str]] = {
    "form": "party.form",
    "blanks": "party.blanks",
    "look-alike": "party.look-alike",
    "zeros": "party.zeros",
    "check-digit": "party.check-digit",
    "not-legal-entity": "party.not-legal-entity",
}
"""The rules that a number of a known scheme can break."""
LIKE_A_PERSON: Final = {
    Likeness.PERSON: "party.person-name",
    Likeness.PERHAPS: "party.perhaps-person",
    Likeness.BARE: "party.bare-name",
}
"""The rules that a party's name can break."""


def fault(number: OrganisationId, edition: Edition) -> Fault | None:
    """What is wrong with an organisation's id by the schemes of an edition, or None.

    The number of a natural person (физическое лицо) is always wrong: facts are kept for ever, without personal data.
    """
    scheme = edition.scheme(number.scheme)
    if scheme is None:
        return "scheme"
    if not scheme.has_form(number.value):
        return _nearly(number.value, scheme)
    if not number.value.strip("0"):
        return "zeros"  # it passes every check digit, and is nobody's
    if not scheme.is_legal_entity(number.value):
        return "not-legal-entity"  # first, for an edition may let a check digit pass
    if scheme.check != "none" and not CHECKS[scheme.check](number.value):
        return "check-digit"
    return None


def _nearly(value: str, scheme: Scheme) -> Fault:
    """What keeps a value from the form of its scheme: blanks or dashes in it, letters that only look like its own, or
    all of it. None of these is mended silently: the number stands in facts for ever, as its sender wrote it."""
    joined = BETWEEN.sub("", value)
    if scheme.has_form(joined):
        return "blanks"
    return "look-alike" if scheme.has_form(joined.translate(LATIN)) else "form"


def organisation_faults(
    number: OrganisationId, pointer: str, schemes: Sequence[str], edition: Edition
) -> Iterator[Problem]:
    """What is wrong with an organisation's number: its scheme must be one of these, its value one of the scheme's."""
    scheme = edition.scheme(number.scheme)
    if scheme is None or number.scheme not in schemes:
        yield problem(f"{pointer}/scheme", "party.scheme", schemes=schemes)
        return
    found = fault(number, edition)
    if found is not None:
        title = Wording(ru=scheme.title_ru, be=scheme.title_be, en=scheme.title_en)
        yield problem(f"{pointer}/value", FAULTS[found], scheme=title, form=form_of(scheme), schemes=schemes)


def form_of(scheme: Scheme) -> Wording:
    """Which numbers of a scheme are taken, in words."""
    if scheme.form_ru is None or scheme.form_be is None or scheme.form_en is None:
        return wording("form.other", pattern=scheme.legal_entity_pattern or scheme.pattern)
    return Wording(ru=scheme.form_ru, be=scheme.form_be, en=scheme.form_en)


def scheme_faults(number: object, pointer: str, schemes: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with the scheme of an organisation's number that the contract does not take as it is."""
    scheme = number.get("scheme") if isinstance(number, dict) else None
    if isinstance(scheme, str) and scheme not in schemes:
        yield problem(f"{pointer}/scheme", "party.scheme", schemes=schemes)


def party_faults(party: Party, pointer: str, rule: PartyRule, edition: Edition) -> Iterator[Problem]:
    """What is wrong with the number of a party by the edition's rule for its part, and with its name."""
    yield from organisation_faults(party.id, f"{pointer}/id", rule.schemes, edition)
    # Who enters it here is told nothing beside a refusal.
    found = party_name_faults(party.name, pointer)
    yield from (one for one in found if edition.severities.rules.get(one.rule, "block") == "block")


def party_name_faults(name: str | None, pointer: str) -> Iterator[Problem]:
    """A party that is called as a person is called, whatever number it has; or may be, and may be none: of that the
    edition says what becomes of it."""
    if name is not None and (found := likeness(name)) is not None:
        yield problem(f"{pointer}/name", LIKE_A_PERSON[found])


def sector_faults(code: object, pointer: str, edition: Edition) -> Iterator[Problem]:
    """What is wrong with the code of a sector (отрасль)."""
    if isinstance(code, str) and code not in edition.sectors:
        yield problem(pointer, "sector.unknown", codes=edition.sectors.codes)


def region_faults(code: object, pointer: str, edition: Edition) -> Iterator[Problem]:
    """What is wrong with the code of a region (регион)."""
    if isinstance(code, str) and code not in edition.regions:
        yield problem(pointer, "region.unknown", codes=edition.regions.codes)


def office_faults(code: object, pointer: str, edition: Edition) -> Iterator[Problem]:
    """What is wrong with the code of a project office (отраслевой офис)."""
    if isinstance(code, str) and code not in edition.offices:
        yield problem(pointer, "office.unknown", codes=edition.offices.codes)


def share_faults(
    shares: Iterable[tuple[int, object, object]], main: object, pointer: str, edition: Edition
) -> Iterator[Problem]:
    """Shares of sectors (доли отраслей): known ones, each once, the main one among them, all of the pilot together.

    Each share is its place in the list, its sector, and its basis points; no share at all is no fault.
    """
    rows, seen = list(shares), set[str]()
    for n, sector, _ in rows:
        if not isinstance(sector, str):
            continue
        yield from sector_faults(sector, f"{pointer}/{n}/sector", edition)
        if sector in edition.sectors and sector in seen:
            yield problem(f"{pointer}/{n}/sector", "sector.twice")
        seen.add(sector)
    if not rows:
        return
    # What the contract finds faulty is left out: it hides this problem anyway.
    whole = sum(part for _, _, part in rows if isinstance(part, int) and 0 < part <= WHOLE)
    if whole != WHOLE:
        yield problem(pointer, "shares.sum", whole=WHOLE, have=whole)
    elif isinstance(main, str) and main in edition.sectors and main not in seen:
        yield problem(pointer, "shares.sector", sector=main)


def amount_faults(amounts: Iterable[tuple[str, object, object]], edition: Edition) -> Iterator[Problem]:
    """What is wrong with the sources and currencies of amounts of money, each with the pointer of its place.

    Where the edition has no money, that is said once, of the first.
    """
    money = edition.money
    for pointer, source, currency in amounts:
        if money is None:
            yield problem(pointer, "costs.refused")
            return
        if isinstance(source, str) and source not in money.sources:
            yield problem(f"{pointer}/source", "source.unknown", codes=money.sources.codes)
        currencies = [one.code for one in money.currencies]
        if isinstance(currency, str) and currency not in currencies:
            yield problem(f"{pointer}/currency", "currency.unknown", codes=currencies)


def zero_faults(amount: object, pointer: str) -> Iterator[Problem]:
    """A payment is more than nothing."""
    if amount == 0:
        yield problem(pointer, "amount.zero")


def future_faults(day: date | None, pointer: str, today: date) -> Iterator[Problem]:
    """A day that something is said to have happened on has come."""
    if day is not None and day > today:
        yield problem(pointer, "date.future", day=day)


def need_come(day: date, pointer: str, today: date) -> None:
    """Raises Refusal 422 for the date of a document that is not there yet: nothing rests on it (assumption)."""
    problems = list(future_faults(day, pointer, today))
    if problems:
        raise Refusal("date.future", status=422, problems=problems, day=day)


def need_reasons(reasons: Sequence[ReturnReason], edition: Edition) -> None:
    """Raises Refusal 422 with every reason that is not of the edition's list, or when there is none at all."""
    known = edition.return_reasons
    problems = [
        problem(f"/reasons/{place}/code", "reason.unknown", codes=known.codes)
        for place, reason in enumerate(reasons)
        if reason.code not in known
    ]
    if problems or not reasons:
        raise Refusal("reasons.invalid", status=422, problems=problems)
