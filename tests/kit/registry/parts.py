"""What a pilot's money, values and risks are made of."""

from datetime import date
from typing import Any

from contracts.reference import CostLine, IndicatorValue, Level, Payment, Risk, SectorShare
from deploy.moves.samples import DAY
from tests.kit.common import APPLICATION


def cost(amount: int, source: str = "own-money", year: int | None = 2026, currency: str = "BYN") -> CostLine:
    """A cost line in minor units."""
    return CostLine(source=source, year=year, amount_minor=amount, currency=currency)


def paid(amount: int, source: str = "own-money", year: int = 2026, day: date = DAY) -> Payment:
    """A payment in kopecks."""
    return Payment(source=source, year=year, amount_minor=amount, currency="BYN", paid=day)


def shares(**points: int) -> tuple[SectorShare, ...]:
    """Shares of sectors in basis points."""
    return tuple(SectorShare(sector=sector, basis_points=one) for sector, one in points.items())


def value(said: str, day: date = DAY, indicator: str = "days") -> IndicatorValue:
    """A measured value."""
    return IndicatorValue(indicator=indicator, value=said, measured=day)


def risk(id_: str = "r-1", **changes: Any) -> Risk:
    """A risk with its scenario."""
    said: dict[str, Any] = {
        "title": "Отказ сервера",
        "scenario": "Запись недоступна.",
        "probability": Level.LOW,
        "impact": Level.HIGH,
        "answer": "Второй сервер.",
        "owner": APPLICATION.initiator.id,
    }
    return Risk(id=id_, **{**said, **changes})
