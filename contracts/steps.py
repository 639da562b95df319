"""What people enter and what executors report (шаги и отчёты): each said once.

A step is the HTTP body that brings it, a part of the fact that records it, and the entry that is stored:
`class EffectivenessJudgedV1(Judgement, Fact)`. Its bounds are asked when it is entered or sent (`contracts.entered`),
never when it is read again.
"""

from typing import Annotated

from contracts.entered import Entered
from contracts.event import Basis, Contract, Day
from contracts.reference import IndicatorValue, ItemAnswer, Payment, Period, ReturnReason, Risk


class Step(Contract):
    """Something that a person enters, or an executor reports."""


# ---- what executors report while a pilot is carried out


class Progress(Step):
    """The course of a pilot in a period (отчёт о ходе реализации)."""

    period: Period
    summary: Annotated[str, Entered(most=8000)]
    values: Annotated[tuple[IndicatorValue, ...], Entered(most=100)] = ()


class Spending(Step):
    """Money that was paid since the report before (отчёт о расходах)."""

    payments: Annotated[tuple[Payment, ...], Entered(least=1, most=200)]


class Risks(Step):
    """Risks, new or as they stand now (отчёт о рисках)."""

    risks: Annotated[tuple[Risk, ...], Entered(least=1, most=100)]


class Results(Step):
    """Measured results (отчёт о результатах)."""

    values: Annotated[tuple[IndicatorValue, ...], Entered(least=1, most=100)]


class Completion(Step):
    """Carrying out is finished (отчёт о завершении), with the last results. `finished`: its last day."""

    finished: Day
    summary: Annotated[str, Entered(most=8000)]
    values: Annotated[tuple[IndicatorValue, ...], Entered(most=100)] = ()


Report = Progress | Spending | Risks | Results | Completion
"""All that executors report."""


# ---- what applicants send about their application, and what officers decide on it


class Answers(Step):
    """Answers to a request for information (ответ на запрос): to all of its items, or to some."""

    request: Annotated[str, Entered(most=60)]
    answers: Annotated[tuple[ItemAnswer, ...], Entered(least=1, most=100)]


class Withdrawal(Step):
    """The applicant takes the application back (отзыв заявки)."""

    reason: Annotated[str, Entered(most=4000)]


class ApplicationReturn(Step):
    """An officer sends the application back (возврат), with coded reasons of the edition."""

    reasons: Annotated[tuple[ReturnReason, ...], Entered(least=1, most=50)]


class ApplicationStop(Step):
    """An officer stops the procedure on a document (прекращение), e.g. the initiator was dissolved."""

    reason: Annotated[str, Entered(most=4000)]
    basis: Basis


# ---- the directory of agencies


class EditionFrom(Contract):
    """Which rule edition holds for an agency's applications from a day on (a day in the edition's zone)."""

    edition: str
    since: Day


class AgencyEntry(Step):
    """An agency's entry (справочник ведомств): its name, and which rule edition holds for it since when."""

    name: Annotated[str, Entered(most=300)]
    editions: Annotated[tuple[EditionFrom, ...], Entered(least=1, most=50)]
