"""Whether a report of the executor can be taken: on the course, on spending, on risks, on results, on the end.

Like an application it is looked at part by part, so that a fault in one place hides none in another; what the contract
finds faulty already is passed over here. Days are those of the edition's zone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from contracts.agency import (
    CompletionReportedV1,
    ProgressReportedV1,
    ResultReportedV1,
    RiskReportedV1,
    SpendingReportedV1,
)
from contracts.entered import SENT, Door
from contracts.reference import UNSPECIFIED, OrganisationId, Payment, Period, Problem
from contracts.rules import Edition
from contracts.steps import Report
from contracts.words import problem
from services.intake.domain.report_history import MOST_BYTES, MOST_PROGRESS, ReportHistory, mark_of, size_of
from services.intake.domain.shape import all_told, blocks, data_of, day_of, door_of, read, rows_of
from services.intake.domain.standing import not_carried_out
from services.intake.domain.state import CarryingOut, Pilot
from services.law.budget import overpaid
from services.law.faults import amount_faults, future_faults, organisation_faults, scheme_faults, zero_faults

REPORTS: Final = frozenset(
    {
        ProgressReportedV1.TYPE,
        SpendingReportedV1.TYPE,
        RiskReportedV1.TYPE,
        ResultReportedV1.TYPE,
        CompletionReportedV1.TYPE,
    }
)
"""The types of the executor's reports."""
LATE: Final = frozenset({SpendingReportedV1.TYPE, ResultReportedV1.TYPE})
"""Of these, what still comes when carrying out is over: final settlements, and what was measured afterwards."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What a report was found to be: a report, with problems that are only told, or problems that it is refused
    for."""

    problems: tuple[Problem, ...]
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What a report is held against: today, what is known of carrying out, and what was reported before."""

    today: date
    carried: CarryingOut
    history: ReportHistory
    door: Door

    @property
    def started(self) -> date | None:
        """The first day of carrying out."""
        return self.carried.started

    @property
    def agreed(self) -> bool:
        """Whether it is known which indicators there are."""
        return self.carried.launched or bool(self.carried.indicators)


def judge_report(event: Mapping[str, Any], state: Pilot, edition: Edition, now: datetime) -> Reported:
    """Checks a report against the contract, the edition, and what is known of the pilot's carrying out."""
    found = read(event, state.agency, now, edition)
    carried = state.carrying_out or CarryingOut()
    bounds = _Bounds(now.astimezone(ZoneInfo(edition.zone)).date(), carried, state.taken, door_of(edition))
    kind, data, payload = str(event.get("type")), data_of(event), found.payload
    assert payload is None or isinstance(payload, Report)
    rules = [*_values(data, bounds), *_by_kind(kind, data, bounds, edition), *_size(payload, state.taken)]
    problems = all_told(found, rules, edition)
    if not carried.reporting and not (kind in LATE and carried.launched):
        problems.append(not_carried_out(state))
    elif kind == CompletionReportedV1.TYPE and state.finished is not None:
        problems.append(problem("/subject", "completed.already", finished=state.finished))
    return Reported(tuple(problems), None if blocks(problems) else payload)


def _size(report: Report | None, history: ReportHistory) -> Iterator[Problem]:
    size = 0 if report is None else size_of(report)
    if history.size + size > MOST_BYTES:
        yield problem("/data", "reports.too-large", most=MOST_BYTES, taken=history.size, have=size)


def _count(history: ReportHistory) -> Iterator[Problem]:
    if len(history.periods) >= MOST_PROGRESS:
        yield problem("/data", "reports.too-many", most=MOST_PROGRESS)


def _by_kind(kind: str, data: Mapping[str, Any], bounds: _Bounds, edition: Edition) -> Iterator[Problem]:
    match kind:
        case ProgressReportedV1.TYPE:
            yield from _count(bounds.history)
            yield from _period(data, bounds)
        case SpendingReportedV1.TYPE:
            yield from _payments(data, bounds, edition)
        case RiskReportedV1.TYPE:
            yield from _risks(data, edition)
        case CompletionReportedV1.TYPE:
            yield from _day(data.get("finished"), "/data/finished", bounds, bounds.started)
        case ResultReportedV1.TYPE:
            return  # it has values alone, and these are looked at in every report
        case _:
            raise AssertionError(f"{kind} is no report")


# ---- parts of reports


def _values(data: Mapping[str, Any], bounds: _Bounds) -> Iterator[Problem]:
    """Measured values, each once for a day: of the indicators of the agreement, where there is one."""
    seen, codes = set[tuple[str, date | None]](), bounds.carried.indicators
    known = frozenset(codes)
    for n, row in rows_of(data, "values"):
        code, measured, where = row.get("indicator"), day_of(row.get("measured"), bounds.door), f"/data/values/{n}"
        yield from _day(row.get("measured"), f"{where}/measured", bounds, bounds.started)
        if not isinstance(code, str):
            continue
        if bounds.agreed and code not in known:
            yield problem(f"{where}/indicator", "indicator.unknown", codes=codes)
        elif measured is not None and (code, measured) in seen:
            yield problem(f"{where}/indicator", "value.twice")
        seen.add((code, measured))


def _period(data: Mapping[str, Any], bounds: _Bounds) -> Iterator[Problem]:
    """The days that a report speaks of have passed, at least some of them since the pilot's start."""
    raw = data.get("period")
    given = raw if isinstance(raw, dict) else {}
    since, until = (day_of(given.get(name), bounds.door) for name in ("since", "until"))
    if until is None:
        return
    if since is not None and until < since:
        yield problem("/data/period/until", "period.order")
    if until > bounds.today:
        yield problem("/data/period/until", "period.future", day=until)
    yield from _not_before(until, "/data/period/until", bounds.started)
    if since is not None and Period(since=since, until=until) in bounds.history.periods:
        yield problem("/data/period", "period.twice", since=since, until=until)


def _payments(data: Mapping[str, Any], bounds: _Bounds, edition: Edition) -> Iterator[Problem]:
    """Money that was paid; an advance may lie before the start, so that no bound is set there (assumption)."""
    rows = list(rows_of(data, "payments"))
    if edition.money is None:
        if rows:
            yield problem("/data/payments", "costs.refused")
        return
    payments = _readable(rows)
    yield from _paid_twice(payments, bounds.history.payments)
    yield from _over_budget(_new(payments.values(), bounds.history.payments), bounds)
    for n, row in rows:
        where = f"/data/payments/{n}"
        yield from amount_faults([(where, row.get("source"), row.get("currency"))], edition)
        yield from zero_faults(row.get("amount_minor"), f"{where}/amount_minor")
        yield from _day(row.get("paid"), f"{where}/paid", bounds, None)


def _readable(rows: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[int, Payment]:
    """The payments by their places; what is none is the contract's to say."""
    found = dict[int, Payment]()
    for n, row in rows:
        with suppress(ValidationError):
            found[n] = Payment.model_validate(row, context=SENT)
    return found


def _new(payments: Iterable[Payment], before: Sequence[str]) -> list[Payment]:
    """The payments that were not reported before, each once."""
    by_mark = {mark_of(one): one for one in payments}
    return [one for mark, one in by_mark.items() if mark not in before]


def _over_budget(payments: Sequence[Payment], bounds: _Bounds) -> Iterator[Problem]:
    """With this report more is paid than the agreement commits, of what this report pays from. What an agreement
    commits that says no money is not known."""
    if not bounds.carried.committed:
        return
    reported = {(one.source, one.currency) for one in payments} | {(UNSPECIFIED, one.currency) for one in payments}
    for one in overpaid(bounds.carried.committed, [*bounds.history.paid, *payments]):
        if (one.source, one.currency) in reported:
            yield problem(
                "/data/payments",
                "spending.over-budget",
                source=one.source,
                paid=one.paid_minor,
                committed=one.committed_minor,
                currency=one.currency,
            )


def _paid_twice(payments: Mapping[int, Payment], before: Sequence[str]) -> Iterator[Problem]:
    """A payment counts once: one that is equal in everything to another is that one (assumption)."""
    seen = set(before)
    for n, payment in payments.items():
        mark = mark_of(payment)
        if mark in seen:
            yield problem(f"/data/payments/{n}", "payment.twice")
        seen.add(mark)


def _risks(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    """Each risk once, and whose it is: an organisation, by any scheme that the edition knows."""
    schemes = tuple(scheme.scheme for scheme in edition.schemes)
    seen = set[str]()
    for n, row in rows_of(data, "risks"):
        id_ = row.get("id")
        if isinstance(id_, str):
            if id_ in seen:
                yield problem(f"/data/risks/{n}/id", "risk.twice")
            seen.add(id_)
        try:
            owner = OrganisationId.model_validate(row.get("owner"), context=SENT)
        except ValidationError:
            yield from scheme_faults(row.get("owner"), f"/data/risks/{n}/owner", schemes)
            continue
        yield from organisation_faults(owner, f"/data/risks/{n}/owner", schemes, edition)


def _day(raw: Any, pointer: str, bounds: _Bounds, not_before: date | None) -> Iterator[Problem]:
    day = day_of(raw, bounds.door)
    yield from future_faults(day, pointer, bounds.today)
    yield from _not_before(day, pointer, not_before)


def _not_before(day: date | None, pointer: str, started: date | None) -> Iterator[Problem]:
    if day is not None and started is not None and day < started:
        yield problem(pointer, "date.before-launch", started=started, day=day)
