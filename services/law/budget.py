"""Money that was paid beside money that was committed (оплачено сверх обязательств): one rule, asked by intake of a
report and by the register of all that was recorded. Amounts are whole minor units (kopecks). Pure.
"""

from collections.abc import Iterable, Set
from typing import Protocol

from pydantic import Field, StrictInt

from contracts.event import Contract
from contracts.reference import UNSPECIFIED, Code


class Sum(Contract):
    """Money of one source in one currency. It has no upper bound, for it may be the sum of many amounts."""

    source: Code
    currency: str
    amount_minor: StrictInt = Field(ge=0)


class Amount(Protocol):
    """What cost lines, payments and sums have in common."""

    @property
    def source(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...


class Overpaid(Contract):
    """Payments of one source and currency above what the agreement commits (оплачено сверх обязательств): a flag, not
    a refusal, since what was paid was paid. Years are added up: what is committed for one is often paid in the next
    (assumption)."""

    source: Code
    currency: str
    committed_minor: StrictInt = Field(ge=0)
    paid_minor: StrictInt = Field(ge=0)


def overpaid(committed: Iterable[Amount], paid: Iterable[Amount]) -> tuple[Overpaid, ...]:
    """Where more was paid than was committed, by source and currency; in a currency of which the agreement does not say
    all sources, by currency alone, with the source `unspecified`."""
    said = list(committed)
    unsaid = {one.currency for one in said if one.source == UNSPECIFIED}
    limits, sums = _by_source(said, unsaid), _by_source(paid, unsaid)
    return tuple(
        Overpaid(source=source, currency=currency, committed_minor=limits.get((source, currency), 0), paid_minor=amount)
        for (source, currency), amount in sorted(sums.items())
        if amount > limits.get((source, currency), 0)
    )


def added_up(amounts: Iterable[Amount], gone: Iterable[Amount] = ()) -> tuple[Sum, ...]:
    """Amounts by source and currency, without those that are `gone`; of which more are gone than there were, none."""
    come, less = _by_source(amounts, frozenset()), _by_source(gone, frozenset())
    left = ((key, whole - less.get(key, 0)) for key, whole in sorted(come.items()))
    return tuple(Sum(source=source, currency=currency, amount_minor=max(0, sum_)) for (source, currency), sum_ in left)


def _by_source(amounts: Iterable[Amount], unsaid: Set[str]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for one in amounts:
        key = (UNSPECIFIED if one.currency in unsaid else one.source, one.currency)
        sums[key] = sums.get(key, 0) + one.amount_minor
    return sums
