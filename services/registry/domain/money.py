"""Money of a pilot (деньги): planned, committed, paid; by source and year, and split over its sectors.

Amounts are whole minor units (kopecks). A pilot that touches several sectors is never counted twice: its shares sum to
10,000 basis points, and an amount is split by the largest remainder, so that the parts always equal the whole.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Protocol

from contracts.reference import WHOLE, Code, SectorShare
from services.law.budget import Amount, Sum


class MoneyStage(StrEnum):
    """How far money has come: planned by the application (план), committed by the agreement (обязательства), paid
    (оплачено)."""

    PLANNED = "planned"
    COMMITTED = "committed"
    PAID = "paid"


class MoneyLine(Sum):
    """A part of a pilot's money that belongs to one sector. `year` None: the application did not say."""

    stage: MoneyStage
    sector: Code
    year: int | None


class Line(Amount, Protocol):
    """What cost lines and payments have in common."""

    @property
    def year(self) -> int | None: ...


def split(amount: int, shares: Sequence[int]) -> list[int]:
    """An amount split by shares in basis points that sum to 10,000; the parts sum to the amount exactly.

    Each part is rounded down, then one unit each goes to the largest remainders, the first among equals first.
    """
    parts = [amount * share // WHOLE for share in shares]
    left = amount - sum(parts)
    by_remainder = sorted(range(len(shares)), key=lambda place: (-(amount * shares[place] % WHOLE), place))
    for place in by_remainder[:left]:
        parts[place] += 1
    return parts


def shares_of(sector: str, shares: Sequence[SectorShare]) -> tuple[SectorShare, ...]:
    """The shares of a pilot; one that names none is all of its sector."""
    return tuple(shares) or (SectorShare(sector=sector, basis_points=WHOLE),)


def lines(stage: MoneyStage, amounts: Iterable[Line], shares: Sequence[SectorShare]) -> list[MoneyLine]:
    """Amounts added up by source, year and currency, then split over the sectors."""
    sums: dict[tuple[str, int | None, str], int] = {}
    for one in amounts:
        key = (one.source, one.year, one.currency)
        sums[key] = sums.get(key, 0) + one.amount_minor
    found = list[MoneyLine]()
    for (source, year, currency), amount in sums.items():
        parts = split(amount, [share.basis_points for share in shares])
        found += [
            MoneyLine(stage=stage, sector=share.sector, source=source, year=year, currency=currency, amount_minor=part)
            for share, part in zip(shares, parts, strict=True)
        ]
    return found
