"""What the executor has reported (сведения исполнителя): what it comes to, and entry by entry.

What it comes to stays as small as it is after the first report, and decisions, sums and lists are made from it alone:
it is what a pilot's document keeps. The entries get more with every report; they are folded of the pilot's facts,
which stand in its timeline, where somebody asks for them.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias, assert_never

from pydantic import ValidationError

from contracts.event import Contract, Moment
from contracts.reference import IndicatorValue, Payment, Period
from contracts.registry import (
    EntryCorrectedV1,
    PilotCompletedV1,
    ProgressRecordedV1,
    ResultRecordedV1,
    SpendingRecordedV1,
)
from contracts.steps import Correctable, Spending
from services.law.budget import Sum

Telling: TypeAlias = ProgressRecordedV1 | SpendingRecordedV1 | ResultRecordedV1 | PilotCompletedV1 | EntryCorrectedV1
"""The facts that say, or put right, what an executor reported."""
TELLING: Final = tuple(sorted(fact.TYPE for fact in Telling.__args__))


class Report(Contract):
    """A periodic report of the executor."""

    event_id: str
    at: Moment
    period: Period
    summary: str


class SpendingEntry(Spending):
    """Payments of one report."""

    event_id: str


class Entries(Contract):
    """All that was reported, entry by entry, in the order in which it was recorded."""

    reports: tuple[Report, ...] = ()
    values: tuple[IndicatorValue, ...] = ()
    spending: tuple[SpendingEntry, ...] = ()

    def after(self, fact: Telling) -> "Entries":
        """The entries after a fact."""
        match fact:
            case ProgressRecordedV1():
                reports = (*self.reports, Report.made_of(fact))
                return self.model_copy(update={"reports": reports, "values": (*self.values, *fact.values)})
            case SpendingRecordedV1():
                return self.model_copy(update={"spending": (*self.spending, SpendingEntry.made_of(fact))})
            case ResultRecordedV1() | PilotCompletedV1():
                return self.model_copy(update={"values": (*self.values, *fact.values)})
            case EntryCorrectedV1(place=place):
                if (corrected := _corrected(fact)) is None or not 1 <= place <= len(self.spending):
                    return self
                before, now = self.spending[: place - 1], self.spending[place:]
                return self.model_copy(update={"spending": (*before, corrected[1], *now)})
            case _:
                assert_never(fact)


class Paid(Sum):
    """What payments of one source, budget year and currency sum to, and how many they are."""

    year: int
    payments: int


class Reported(Contract):
    """What all that was reported comes to: how many entries there are, sums of payments by source, year and currency,
    the last value of each indicator (of one day, the one said last)."""

    reports: int = 0
    values: int = 0
    spending: int = 0
    paid: tuple[Paid, ...] = ()
    last: tuple[IndicatorValue, ...] = ()

    @classmethod
    def of(cls, entries: Entries) -> "Reported":
        """What these entries come to."""
        payments = [payment for one in entries.spending for payment in one.payments]
        return cls(
            reports=len(entries.reports),
            values=len(entries.values),
            spending=len(entries.spending),
            paid=_summed((), payments),
            last=_last((), entries.values),
        )

    def after(self, fact: Telling) -> "Reported":
        """What it comes to after a fact."""
        match fact:
            case ProgressRecordedV1():
                return self._measured(fact.values).model_copy(update={"reports": self.reports + 1})
            case SpendingRecordedV1():
                paid = _summed(self.paid, fact.payments)
                return self.model_copy(update={"spending": self.spending + 1, "paid": paid})
            case ResultRecordedV1() | PilotCompletedV1():
                return self._measured(fact.values)
            case EntryCorrectedV1(place=place):
                if (corrected := _corrected(fact)) is None or not 1 <= place <= self.spending:
                    return self
                was, now = corrected
                return self.model_copy(update={"paid": _summed(self.paid, now.payments, was.payments)})
            case _:
                assert_never(fact)

    def _measured(self, values: tuple[IndicatorValue, ...]) -> "Reported":
        return self.model_copy(update={"values": self.values + len(values), "last": _last(self.last, values)})

    def counts(self, entries: Entries) -> bool:
        """Whether these are all the entries that there are."""
        there = (len(entries.reports), len(entries.values), len(entries.spending))
        return there == (self.reports, self.values, self.spending)


def _corrected(fact: EntryCorrectedV1) -> tuple[SpendingEntry, SpendingEntry] | None:
    """What a correction of payments says they were, and are. None: it speaks of another entry, or cannot be read as
    one, which no correction made here is."""
    if fact.what != Correctable.SPENDING:
        return None
    try:
        return SpendingEntry.model_validate(fact.was), SpendingEntry.model_validate(fact.now)
    except ValidationError:
        return None


def _summed(paid: Iterable[Paid], come: Iterable[Payment], gone: Iterable[Payment] = ()) -> tuple[Paid, ...]:
    """The sums with these payments, and without those; in an order that does not depend on theirs."""
    sums = {(one.source, one.year, one.currency): (one.amount_minor, one.payments) for one in paid}
    for payments, sign in ((come, 1), (gone, -1)):
        for one in payments:
            key = (one.source, one.year, one.currency)
            amount, count = sums.get(key, (0, 0))
            sums[key] = (amount + sign * one.amount_minor, count + sign)
    return tuple(
        Paid(source=source, year=year, currency=currency, amount_minor=max(amount, 0), payments=count)
        for (source, year, currency), (amount, count) in sorted(sums.items())
        if count > 0
    )


def _last(known: Iterable[IndicatorValue], values: Iterable[IndicatorValue]) -> tuple[IndicatorValue, ...]:
    last = {one.indicator: one for one in known}
    for one in values:
        if one.indicator not in last or one.measured >= last[one.indicator].measured:
            last[one.indicator] = one
    return tuple(last.values())
