"""What intake remembers of the reports that it has taken: as much as is needed so that none counts twice, and so that
all of them together stay within bounds: in bytes, and in the number of those that end a term in the register."""

import hashlib
import json
from typing import Any, Final

from pydantic import BaseModel

from contracts.event import Contract, Fact
from contracts.intake import PaymentsCorrected, ProgressRegisteredV1, SpendingRegisteredV1
from contracts.reference import Payment, Period
from services.law.budget import Sum, added_up

MOST_BYTES: Final = 2 * 1024 * 1024
"""How many bytes all reports of one pilot may have together. A technical bound, not one of the edition: the register
shows them on one card, and MongoDB bounds a document, which holds the risks among them, at 16 MiB."""
MOST_PROGRESS: Final = 1_000
"""How many reports on its course a pilot may have. Technical as well: intake's document keeps the period of each."""
ADDRESSED: Final = {"actor", "cause", "after", "agency", "number", "event_id", "received", "came", "problems"}
"""What a fact that takes a report says besides the report."""


class ReportHistory(Contract):
    """The reports taken so far: their bytes, the periods that were reported on, a digest of each payment, and what all
    payments come to (`paid`; of those that an earlier program took nothing is added up)."""

    size: int = 0
    periods: tuple[Period, ...] = ()
    payments: tuple[str, ...] = ()
    paid: tuple[Sum, ...] = ()


def size_of(report: BaseModel) -> int:
    """The bytes of a report's data as registered, in UTF-8: the same of a report and of the fact that takes it."""
    return len(report.model_dump_json(exclude=ADDRESSED).encode())


def mark_of(payment: Payment) -> str:
    """A short digest by which a payment is known again: equal for what is equal in all that a payment says."""
    said = [payment.document, payment.paid.isoformat(), payment.source, payment.year, payment.amount_minor]
    text = json.dumps([*said, payment.currency], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def with_correction(before: ReportHistory, corrected: PaymentsCorrected) -> ReportHistory:
    """What is remembered after the register corrected payments. What was wrong is not forgotten: sent once more, it is
    no payment of its own."""
    marks = dict.fromkeys([*before.payments, *map(mark_of, corrected.now)])
    paid = added_up([*before.paid, *corrected.now], corrected.was)
    return before.model_copy(update={"payments": (*marks,), "paid": paid})


def with_report(before: ReportHistory, fact: Fact) -> ReportHistory:
    """What is remembered after a fact that took a report."""
    changes: dict[str, Any] = {"size": before.size + size_of(fact)}
    if isinstance(fact, ProgressRegisteredV1):
        changes["periods"] = (*before.periods, fact.period)
    if isinstance(fact, SpendingRegisteredV1):
        changes["payments"] = (*before.payments, *map(mark_of, fact.payments))
        changes["paid"] = added_up([*before.paid, *fact.payments])
    return before.model_copy(update=changes)
