"""Whether a report of the executor can be taken: on the course, on spending, on risks, on results, on the end.

Like an application it is looked at part by part, so that a fault in one place hides none in another; what the contract
finds faulty already is passed over here. Days are those of the edition's zone.
"""

from collections.abc import Iterator, Mapping, Sequence
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
from contracts.reference import OrganisationId, Payment, Period, Problem
from contracts.rules import Edition
from contracts.steps import Report
from services.intake.domain.application import organisation
from services.intake.domain.report_history import MOST_BYTES, MOST_PROGRESS, ReportHistory, mark_of, size_of
from services.intake.domain.shape import data_of, day_of, listed, problem, read, rows_of, unless_covered
from services.intake.domain.state import FINAL, CarryingOut, Pilot
from services.intake.domain.validation import STANDS

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
    """What a report was found to be: a report, or problems. Never both."""

    problems: tuple[Problem, ...]
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What a report is held against: today, what is known of carrying out, and what was reported before."""

    today: date
    carried: CarryingOut
    history: ReportHistory

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
    found = read(event, state.agency, now)
    carried = state.carrying_out or CarryingOut()
    bounds = _Bounds(now.astimezone(ZoneInfo(edition.zone)).date(), carried, state.taken)
    kind, data, payload = str(event.get("type")), data_of(event), found.payload
    assert payload is None or isinstance(payload, Report)
    rules = [*_values(data, bounds), *_by_kind(kind, data, bounds, edition), *_size(payload, state.taken)]
    problems = [*found.problems, *unless_covered(rules, found.problems)]
    if not carried.reporting and not (kind in LATE and carried.launched):
        problems.append(_not_carried_out(state))
    elif kind == CompletionReportedV1.TYPE and state.finished is not None:
        problems.append(_completed(state.finished))
    return Reported(tuple(problems), None if problems else payload)


def _size(report: Report | None, history: ReportHistory) -> Iterator[Problem]:
    size = 0 if report is None else size_of(report)
    if history.size + size > MOST_BYTES:
        yield problem(
            "/data",
            "reports.too-large",
            f"All reports of one pilot have at most {MOST_BYTES} bytes together; {history.size} are taken, and this one"
            f" has {size}. Name the documents that prove it instead of quoting them; hand to the registrar what"
            " still has no room.",
            f"Все отчёты по одному пилоту вместе не больше {MOST_BYTES} байт; принято {history.size}, в этом отчёте"
            f" {size}. Укажите подтверждающие документы, не приводя их текст; что и так не помещается, передайте"
            " регистратору.",
        )


def _count(history: ReportHistory) -> Iterator[Problem]:
    if len(history.periods) >= MOST_PROGRESS:
        yield problem(
            "/data",
            "reports.too-many",
            f"One pilot has at most {MOST_PROGRESS} reports on its course, and they are taken. Later values come as"
            " results (result-reported).",
            f"По одному пилоту принимается не больше {MOST_PROGRESS} отчётов о ходе, и они уже приняты. Новые значения"
            " передаются отчётом о результатах (result-reported).",
        )


def _not_carried_out(state: Pilot) -> Problem:
    """A report that comes too early may come again, one that comes too late may not."""
    en, ru, may_come = _stands(state)
    later = (" Send this later, under a new id.", " Отправьте отчёт позже под новым id.") if may_come else ("", "")
    return problem(
        "/subject",
        "pilot.not-carried-out",
        f"Reports are taken while the pilot is carried out; it is {en}.{later[0]}",
        f"Отчёты принимаются, пока пилот реализуется; сейчас: {ru}.{later[1]}",
        "retry" if may_come else "fix",
    )


def _stands(state: Pilot) -> tuple[str, str, bool]:
    """How the pilot stands, in words, and whether it may still be carried out."""
    carried = state.carrying_out
    if carried is None:
        en, ru = STANDS[state.status]
        return en, f"заявка {ru}", state.status not in FINAL
    if carried.over and carried.launched:
        en = "judged or stopped, so that spending and results alone are taken"
        ru = "его эффективность уже оценена либо реализация прекращена, принимаются только расходы и результаты"
        return en, ru, False
    if carried.over:
        return "not to be carried out any more", "реализации не будет", False
    if carried.indicators:
        return "agreed on, and its start is not entered yet", "соглашение есть, начало ещё не внесено", True
    return "decided on, and no agreement is entered yet", "решение Совета есть, соглашение ещё не внесено", True


def _completed(finished: date) -> Problem:
    return problem(
        "/subject",
        "completed.already",
        f"The completion was reported before, with {finished} as the last day.",
        f"О завершении уже сообщено: последний день {finished}.",
    )


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


# ---- parts of reports


def _values(data: Mapping[str, Any], bounds: _Bounds) -> Iterator[Problem]:
    """Measured values, each once for a day: of the indicators of the agreement, where there is one."""
    seen, codes = set[tuple[str, date | None]](), bounds.carried.indicators
    known, words = frozenset(codes), listed(codes)
    for n, row in rows_of(data, "values"):
        code, measured, where = row.get("indicator"), day_of(row.get("measured")), f"/data/values/{n}"
        yield from _day(row.get("measured"), f"{where}/measured", bounds, bounds.started)
        if not isinstance(code, str):
            continue
        if bounds.agreed and code not in known:
            en, ru = f"Indicators of the agreement: {words}.", f"Показатели соглашения: {words}."
            yield problem(f"{where}/indicator", "indicator.unknown", en, ru)
        elif measured is not None and (code, measured) in seen:
            en, ru = "This indicator has two values for one day.", "У этого показателя два значения за один день."
            yield problem(f"{where}/indicator", "value.twice", en, ru)
        seen.add((code, measured))


def _period(data: Mapping[str, Any], bounds: _Bounds) -> Iterator[Problem]:
    """The days that a report speaks of have passed, at least some of them since the pilot's start."""
    raw = data.get("period")
    given = raw if isinstance(raw, dict) else {}
    since, until = day_of(given.get("since")), day_of(given.get("until"))
    if until is None:
        return
    if since is not None and until < since:
        en, ru = "The end lies before the start.", "Окончание раньше начала."
        yield problem("/data/period/until", "period.order", en, ru)
    if until > bounds.today:
        en, ru = f"The day {until} has not come yet.", f"День {until} ещё не наступил."
        yield problem("/data/period/until", "period.future", en, ru)
    yield from _not_before(until, "/data/period/until", bounds.started)
    if since is not None and Period(since=since, until=until) in bounds.history.periods:
        yield problem(
            "/data/period",
            "period.twice",
            f"The days from {since} to {until} were reported on before. Later values come as results"
            " (result-reported).",
            f"За период с {since} по {until} отчёт уже принят. Новые значения передаются отчётом о результатах"
            " (result-reported).",
        )


def _payments(data: Mapping[str, Any], bounds: _Bounds, edition: Edition) -> Iterator[Problem]:
    """Money that was paid; an advance may lie before the start, so that no bound is set there (assumption)."""
    rows, money = list(rows_of(data, "payments")), edition.money
    if money is None:
        if rows:
            en, ru = "This edition has no money.", "В этой редакции деньги не указываются."
            yield problem("/data/payments", "costs.refused", en, ru)
        return
    yield from _paid_twice(rows, bounds.history.payments)
    currencies = [one.code for one in money.currencies]
    for n, row in rows:
        where, source, currency = f"/data/payments/{n}", row.get("source"), row.get("currency")
        if isinstance(source, str) and source not in money.sources:
            codes = ", ".join(money.sources.codes)
            yield problem(f"{where}/source", "source.unknown", f"Sources: {codes}.", f"Источники: {codes}.")
        if isinstance(currency, str) and currency not in currencies:
            codes = ", ".join(currencies)
            yield problem(f"{where}/currency", "currency.unknown", f"Currencies: {codes}.", f"Валюты: {codes}.")
        if row.get("amount_minor") == 0:
            en, ru = "Nothing was paid here.", "Сумма платежа не может быть нулевой."
            yield problem(f"{where}/amount_minor", "amount.zero", en, ru)
        yield from _day(row.get("paid"), f"{where}/paid", bounds, None)


def _paid_twice(rows: Sequence[tuple[int, Mapping[str, Any]]], before: Sequence[str]) -> Iterator[Problem]:
    """A payment counts once: one that is equal in everything to another is that one (assumption)."""
    seen = set(before)
    for n, row in rows:
        try:
            mark = mark_of(Payment.model_validate(row))
        except ValidationError:
            continue
        if mark in seen:
            yield problem(
                f"/data/payments/{n}",
                "payment.twice",
                "This payment was reported already. Another one differs in its document; a wrong entry is corrected"
                " by the registrar.",
                "Об этом платеже уже сообщено. Другой платёж отличается документом; ошибочную запись исправляет"
                " регистратор.",
            )
        seen.add(mark)


def _risks(data: Mapping[str, Any], edition: Edition) -> Iterator[Problem]:
    """Each risk once, and whose it is: an organisation, by any scheme that the edition knows."""
    schemes = tuple(scheme.scheme for scheme in edition.schemes)
    seen = set[str]()
    for n, row in rows_of(data, "risks"):
        id_ = row.get("id")
        if isinstance(id_, str):
            if id_ in seen:
                en, ru = "This risk is named twice.", "Этот риск указан дважды."
                yield problem(f"/data/risks/{n}/id", "risk.twice", en, ru)
            seen.add(id_)
        try:
            owner = OrganisationId.model_validate(row.get("owner"))
        except ValidationError:
            continue
        yield from organisation(owner, f"/data/risks/{n}/owner", schemes, edition, legal_entity=True)


def _day(raw: Any, pointer: str, bounds: _Bounds, not_before: date | None) -> Iterator[Problem]:
    day = day_of(raw)
    if day is not None and day > bounds.today:
        en, ru = f"The day {day} has not come yet.", f"День {day} ещё не наступил."
        yield problem(pointer, "date.future", en, ru)
    yield from _not_before(day, pointer, not_before)


def _not_before(day: date | None, pointer: str, started: date | None) -> Iterator[Problem]:
    if day is not None and started is not None and day < started:
        yield problem(
            pointer,
            "date.before-launch",
            f"Carrying out began on {started}: {day} lies before it.",
            f"Реализация началась {started}: {day} раньше этого дня.",
        )
