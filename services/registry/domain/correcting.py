"""A correction (исправление): what an entry must be when it is first made, it must be when it is corrected."""

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Final, assert_never

from contracts.event import Basis
from contracts.reference import Problem
from contracts.registry import EntryCorrectedV1
from contracts.steps import (
    Agreement,
    AgreementEntry,
    Commission,
    Correction,
    CreditDecision,
    ExpediencyDecision,
    Judgement,
    Launch,
    PilotExtension,
    Proposal,
    ScalingDecision,
)
from contracts.words import problem
from services.law import faults
from services.law.decision import Refusal, together
from services.registry.domain import agreeing, carrying_out, corrections, judging, order
from services.registry.domain.corrections import Mendable
from services.registry.domain.reported import SpendingEntry
from services.registry.domain.stages import Stage
from services.registry.domain.state import CARRYING_OUT, LAUNCHING, REPORT, Ending, Pause, Pilot
from services.registry.domain.terms import PilotDecision, move

CONTENT: Final = "/content"
DATED: Final = "/content/basis/date"
PAYMENTS: Final = "/content/payments"


def correct(decision: PilotDecision, command: Correction) -> None:
    """A new entry in the place of a wrong one. The terms that rest on it are counted anew."""
    before = corrections.entry(decision.state, command.what, command.place)
    if before is None:
        raise Refusal("correction.no-entry", status=404)
    order.day(decision, command.basis.date, None)
    after = corrections.read(command.what, command.content, before, decision.edition)
    if after == before:
        return
    together(
        lambda: _need_fitting(decision, command, after),
        lambda: _need_order(decision, command, after),
    )
    until, starts, launched = decision.state.until, _starts(decision), order.launched_on(decision)
    decision.then(
        EntryCorrectedV1.made_of(
            command,
            actor=decision.actor,
            at=decision.now,
            was=before.model_dump(mode="json"),
            now=after.model_dump(mode="json"),
        )
    )
    if until is not None and decision.state.until is not None:
        move(decision, CARRYING_OUT, (decision.state.until - until).days)
    if starts is not None and (now := _starts(decision)) is not None:
        move(decision, LAUNCHING, (now - starts).days)
    reports = decision.state.reported.reports
    if launched is not None and (first := order.launched_on(decision)) is not None and not reports:
        move(decision, REPORT, (first - launched).days)


def _starts(decision: PilotDecision) -> date | None:
    """The agreed first day."""
    return decision.state.agreement.agreement.starts if decision.state.agreement else None


def _need_fitting(decision: PilotDecision, command: Correction, after: Mendable) -> None:
    """What an entry must be when it is first made, it must be when it is corrected."""
    match after:
        case AgreementEntry():
            together(
                lambda: agreeing.need_sound(decision, after.agreement),
                lambda: _need_same_targets(decision, after.agreement),
            )
        case PilotExtension():
            _need_each_bounds(decision, command.place, after)
        case SpendingEntry():
            if problems := [*_payment_faults(after), *agreeing.amount_faults(decision, PAYMENTS, after.payments)]:
                raise Refusal("correction.invalid", status=422, problems=problems)
        case Judgement() | Proposal():
            judging.need_values(decision, after.values)
        case ScalingDecision():
            judging.need_plan(decision, after.decision, after.windows, after.replicas)
        case ExpediencyDecision() | CreditDecision() | Launch() | Pause() | Ending() | Commission():
            pass  # nothing but their documents and days, which are looked at in their order
        case _:
            assert_never(after)


def _payment_faults(after: SpendingEntry) -> Iterator[Problem]:
    for n, payment in enumerate(after.payments):
        yield from faults.zero_faults(payment.amount_minor, f"{PAYMENTS}/{n}/amount_minor")


def _need_same_targets(decision: PilotDecision, agreement: Agreement) -> None:
    """By what the commission has judged is not changed afterwards."""
    agreed = decision.state.agreement
    if decision.state.judgement is not None and agreed and agreement.indicators != agreed.agreement.indicators:
        raise Refusal("correction.judged", status=422)


def _need_each_bounds(decision: PilotDecision, place: int, after: PilotExtension) -> None:
    """A corrected extension, and the one that follows it, end within their bounds."""
    agreed = decision.state.agreement
    assert agreed is not None, "what was extended had been agreed on"
    ends = [agreed.agreement.until, *(one.until for one in decision.state.prolongations)]
    ends[place] = after.until
    for before, until in pairwise(ends[place - 1 : place + 2]):
        carrying_out.need_bounds(decision, before, until)


def _need_order(decision: PilotDecision, command: Correction, after: Mendable) -> None:
    """No day of a corrected entry is still to come, and the steps stay in their order."""
    for day in _days(after):
        order.day(decision, day, None, CONTENT)
    changed = corrections.corrected(decision.state, command.what, command.place, after.model_dump(mode="json"))
    state = decision.state.model_copy(update=changed)
    if isinstance(after, Launch) and state.agreement is not None:
        carrying_out.within(state.agreement, after.started)
    if isinstance(after, (ExpediencyDecision, CreditDecision)) and state.conclusions:
        order.day(decision, after.basis.date, min(one.date for one in state.conclusions), DATED)
    # What was out of order before, by the executor's word, bars no correction of something else.
    if found := sorted(_disorder(state) - _disorder(decision.state)):
        first, then = found[0]
        problems = [problem(CONTENT, "date.before-the-step-before", day=later, after=day) for day, later in found]
        raise Refusal("date.before-the-step-before", status=422, problems=problems, day=then, after=first)


def _disorder(state: Pilot) -> set[tuple[date, date]]:
    """The days of steps that should follow each other and do not: the earlier step's, and the later one's."""
    chains = (_carried_out(state), *_documents(state), *_ended(state), _judged(state), _by_commission(state))
    return {(earlier, later) for steps in chains for earlier, later in pairwise(steps) if later < earlier}


def _ended(state: Pilot) -> Iterator[list[date]]:
    """What the last day of carrying out must not lie before, and what must not lie before it."""
    if state.ending is None:
        return
    if state.launch is not None:
        yield [state.launch.started, state.ending.on]
    for paused in state.pauses:
        yield [paused.since, state.ending.on]
    if state.proposal is not None:
        yield [state.ending.on, state.proposal.basis.date]


def _carried_out(state: Pilot) -> list[date]:
    """The days of the steps from the council to the first pause or the end, as they must follow each other."""
    found = [one.basis.date for one in (*state.decisions, state.agreement) if one is not None]
    found += [state.launch.started] if state.launch else []
    found += [one.since for one in state.pauses[:1]]
    if state.ending is None or state.stage is not Stage.STOPPED_EARLY:
        return found
    last = state.pauses[-1:]
    return [*found, *((one.until if one.until and one.resumed else one.since) for one in last), state.ending.on]


def _documents(state: Pilot) -> Iterator[list[date]]:
    """What each document of carrying out must not be older than, and its date."""
    agreed, launched = state.agreement, state.launch
    if agreed is None:
        return
    for one in (launched, state.ending, state.commission):
        if one is not None and one.basis is not None:
            yield [agreed.basis.date, one.basis.date]
    first = [launched.started] if launched is not None else []
    for prolonged in state.prolongations:
        yield [*first, prolonged.basis.date]
    for paused in state.pauses:
        yield [*first, *_dates(paused.basis, paused.resumed)]


def _by_commission(state: Pilot) -> list[date]:
    """The commission was named beforehand."""
    return [one.basis.date for one in (state.commission, state.judgement) if one is not None]


def _judged(state: Pilot) -> list[date]:
    """The days of the steps from the proposal to scaling."""
    entries = (state.proposal, state.judgement, state.scaling)
    return [one.basis.date for one in entries if one is not None]


def _days(entry: Mendable) -> list[date]:
    """The days that an entry states as past ones."""
    match entry:
        case SpendingEntry():
            return [one.paid for one in entry.payments]
        case Launch():
            return [entry.basis.date, entry.started]
        case Ending():
            return [entry.on, *_dates(entry.basis)]
        case Pause():
            return _dates(entry.basis, entry.resumed)
        case (
            ExpediencyDecision()
            | AgreementEntry()
            | CreditDecision()
            | PilotExtension()
            | Commission()
            | Proposal()
            | Judgement()
            | ScalingDecision()
        ):
            return [entry.basis.date]
        case _:
            assert_never(entry)


def _dates(*documents: Basis | None) -> list[date]:
    return [one.date for one in documents if one is not None]
