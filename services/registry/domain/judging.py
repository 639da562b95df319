"""Effectiveness (оценка эффективности): commission, proposal, judgement, and what follows from it."""

from collections.abc import Sequence
from math import ceil

from contracts.entered import LAST_DAY
from contracts.reference import Effectiveness
from contracts.registry import (
    CommissionNamedV1,
    CriterionValue,
    EffectivenessJudgedV1,
    EffectivenessProposedV1,
    FundingWindow,
    ReplicaPlan,
    Scaling,
    ScalingDecidedV1,
)
from services.law.decision import Refusal, together
from services.registry.domain import agreeing, order
from services.registry.domain.commands import DecideScaling, Judge, NameCommission, Propose
from services.registry.domain.state import CARRIED_OUT, JUDGED, JUDGING, PROPOSAL, SCALING, Stage
from services.registry.domain.terms import TERMS, PilotDecision


def name_commission(decision: PilotDecision, command: NameCommission) -> None:
    """The head organisation names members and secretary beforehand (Resolution 4 of 23 Feb 2024: at least nine)."""
    order.at(decision, *CARRIED_OUT, Stage.FINISHED, Stage.AT_COMMISSION)
    agreed = decision.state.agreement
    together(
        lambda: order.day(decision, command.basis.date, agreed.basis.date if agreed else None, "The document"),
        lambda: _need_members(decision, command.members),
    )
    decision.then(
        CommissionNamedV1(
            actor=decision.actor,
            at=decision.now,
            basis=command.basis,
            members=command.members,
            secretary=command.secretary,
        )
    )


def _need_members(decision: PilotDecision, members: Sequence[str]) -> None:
    least = decision.edition.numbers.commission_min_members.value
    if len(set(members)) != len(members):
        raise Refusal("commission.twice", "A member is named twice.", status=422)
    if len(members) < least:
        detail = f"The commission has {len(members)} members of {least} needed."
        raise Refusal("commission.too-small", detail, status=422)


def propose(decision: PilotDecision, command: Propose) -> None:
    """The head organisation's information and proposal."""
    order.at(decision, Stage.FINISHED)
    ended = decision.state.ending
    # A day of finishing that has not come yet is the executor's word alone: it must not bar the way for ever.
    after = ended.on if ended is not None and ended.on <= decision.today else None
    together(
        lambda: order.day(decision, command.basis.date, after, "The proposal"),
        lambda: _need_outcome(decision, command.outcome),
        lambda: need_values(decision, command.values),
    )
    decision.then(
        EffectivenessProposedV1(
            actor=decision.actor,
            at=decision.now,
            outcome=command.outcome,
            text=command.text,
            values=command.values,
            basis=command.basis,
        )
    )
    TERMS.end(decision, PROPOSAL)
    TERMS.start(decision, JUDGING)


def judge(decision: PilotDecision, command: Judge) -> None:
    """The commission's judgement: named beforehand, with a quorum, by a majority of those present."""
    order.at(decision, Stage.AT_COMMISSION)
    before = [one.basis.date for one in (decision.state.proposal, decision.state.commission) if one is not None]
    together(
        lambda: order.day(decision, command.basis.date, max(before, default=None), "The minutes"),
        lambda: _need_outcome(decision, command.outcome),
        lambda: need_values(decision, command.values),
        lambda: _need_quorum(decision, command),
        lambda: _need_majority(decision, command),
    )
    decision.then(
        EffectivenessJudgedV1(
            actor=decision.actor,
            at=decision.now,
            outcome=command.outcome,
            text=command.text,
            values=command.values,
            present=command.present,
            votes=command.votes,
            basis=command.basis,
        )
    )
    TERMS.end_all(decision)
    if decision.state.stage in JUDGED:
        TERMS.start(decision, SCALING)


def _need_outcome(decision: PilotDecision, outcome: Effectiveness) -> None:
    if outcome is Effectiveness.PARTLY and not decision.edition.switches.partly_effective.on:
        raise Refusal("effectiveness.partly", "This edition knows no partly effective pilot.", status=422)


def need_values(decision: PilotDecision, values: Sequence[CriterionValue]) -> None:
    """Raises Refusal unless every criterion of the edition has one value on its scale."""
    criteria = decision.edition.effectiveness
    wanted = [entry.code for entry in criteria.entries]
    given = [one.criterion for one in values]
    scale = f"From {criteria.scale_min} to {criteria.scale_max}."
    problems = [
        order.problem(f"/values/{n}/criterion", "criterion.unknown", "Unknown, or named twice.", "Неверный критерий.")
        for n, code in enumerate(given)
        if code not in wanted or given.index(code) != n
    ]
    problems += [
        order.problem(f"/values/{n}/value", "score.off-scale", scale, "Оценка вне шкалы.")
        for n, one in enumerate(values)
        if not criteria.scale_min <= one.value <= criteria.scale_max
    ]
    problems += [
        order.problem("/values", "criterion.missing", f"Not valued: {code}.", "Критерий не оценён.")
        for code in wanted
        if code not in given
    ]
    if problems:
        raise Refusal("values.invalid", "Every criterion needs one value.", status=422, problems=problems)


def _need_quorum(decision: PilotDecision, command: Judge) -> None:
    commission = decision.state.commission
    if commission is None:
        raise Refusal("commission.not-named", "The commission must be named beforehand.")
    strangers = sorted(set(command.present) - set(commission.members))
    if strangers or len(set(command.present)) != len(command.present):
        raise Refusal("commission.strangers", "Present are members alone, each once.", status=422)
    needed = ceil(decision.edition.numbers.commission_quorum.share * len(commission.members))
    if len(command.present) < needed:
        raise Refusal(
            "commission.no-quorum", f"{len(command.present)} present of {needed} needed (кворум).", status=422
        )


def _need_majority(decision: PilotDecision, command: Judge) -> None:
    votes = command.votes
    if votes.in_favour + votes.against + votes.abstained != len(command.present):
        raise Refusal("votes.sum", "The votes do not add up to those present.", status=422)
    if votes.in_favour <= decision.edition.numbers.commission_majority.share * len(command.present):
        raise Refusal("votes.no-majority", "There is no majority for this outcome.", status=422)


def scaling(decision: PilotDecision, command: DecideScaling) -> None:
    """What follows from an effective pilot: copies with money and a window, the catalogue alone, or nothing."""
    order.at(decision, *JUDGED)
    judged = decision.state.judgement
    together(
        lambda: order.day(decision, command.basis.date, judged.basis.date if judged else None, "The decision"),
        lambda: need_plan(decision, command.decision, command.windows, command.replicas),
    )
    decision.then(
        ScalingDecidedV1(
            actor=decision.actor,
            at=decision.now,
            decision=command.decision,
            evidence=command.evidence,
            conditions=command.conditions,
            windows=command.windows,
            replicas=command.replicas,
            basis=command.basis,
        )
    )
    TERMS.end(decision, SCALING)


def need_plan(
    decision: PilotDecision, said: Scaling, windows: Sequence[FundingWindow], replicas: Sequence[ReplicaPlan]
) -> None:
    """Raises Refusal with everything that is wrong with where a pilot is to be copied, and with which money."""
    problems = [
        order.problem(f"/windows/{n}", "window.invalid", "Its source or its days are wrong.", "Неверное окно.")
        for n, window in enumerate(windows)
        if window.closes < window.opens
        or window.closes > LAST_DAY
        or decision.edition.money is None
        or window.source not in decision.edition.money.sources
    ]
    for n, replica in enumerate(replicas):
        problems += agreeing.region_faults(decision, f"/replicas/{n}/region", replica.region)
        if wrong := agreeing.number_fault(decision, replica.customer, decision.edition.parties.customer):
            place, ru = f"/replicas/{n}/customer/id", "Неверный номер организации."
            problems.append(order.problem(place, "organisation.invalid", wrong, ru))
    scales = said is Scaling.SCALE
    if scales and not replicas:
        problems.append(
            order.problem("/replicas", "replicas.missing", "Where is it to be copied?", "Где тиражировать?")
        )
    if scales and not windows and decision.edition.money is not None:
        en, ru = "From which source, in which window?", "Из какого источника, в какое окно?"
        problems.append(order.problem("/windows", "windows.missing", en, ru))
    if not scales and (replicas or windows):
        problems.append(order.problem("/replicas", "replicas.unwanted", "Nothing is copied.", "Тиража нет."))
    if problems:
        raise Refusal("scaling.invalid", "The decision does not fit.", status=422, problems=problems)
