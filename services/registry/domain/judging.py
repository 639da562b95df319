"""Effectiveness (оценка эффективности): commission, proposal, judgement, and what follows from it."""

from collections.abc import Iterator, Sequence
from math import ceil

from contracts.entered import LAST_DAY
from contracts.reference import Effectiveness, Problem
from contracts.registry import CommissionNamedV1, EffectivenessJudgedV1, EffectivenessProposedV1, ScalingDecidedV1
from contracts.steps import (
    Commission,
    CriterionValue,
    FundingWindow,
    Judgement,
    Proposal,
    ReplicaPlan,
    Scaling,
    ScalingDecision,
)
from contracts.words import problem
from services.law import faults
from services.law.decision import Refusal, together
from services.registry.domain import order
from services.registry.domain.stages import CARRIED_OUT, JUDGED, Stage
from services.registry.domain.state import JUDGING, PROPOSAL, SCALING
from services.registry.domain.terms import TERMS, PilotDecision


def name_commission(decision: PilotDecision, command: Commission) -> None:
    """The head organisation names members and secretary beforehand (Resolution 4 of 23 Feb 2024: at least nine)."""
    order.at(decision, *CARRIED_OUT, Stage.FINISHED, Stage.AT_COMMISSION)
    agreed = decision.state.agreement
    together(
        lambda: order.day(decision, command.basis.date, agreed.basis.date if agreed else None),
        lambda: _need_members(decision, command.members),
    )
    decision.then(CommissionNamedV1.made_of(command, actor=decision.actor, at=decision.now))


def _need_members(decision: PilotDecision, members: Sequence[str]) -> None:
    least = decision.edition.numbers.commission_min_members.value
    if len(set(members)) != len(members):
        raise Refusal("commission.twice", status=422)
    if len(members) < least:
        raise Refusal("commission.too-small", status=422, have=len(members), least=least)


def propose(decision: PilotDecision, command: Proposal) -> None:
    """The head organisation's information and proposal."""
    order.at(decision, Stage.FINISHED)
    ended = decision.state.ending
    # A day of finishing that has not come yet is the executor's word alone: it must not bar the way for ever.
    after = ended.on if ended is not None and ended.on <= decision.today else None
    together(
        lambda: order.day(decision, command.basis.date, after),
        lambda: _need_outcome(decision, command.outcome),
        lambda: need_values(decision, command.values),
    )
    decision.then(EffectivenessProposedV1.made_of(command, actor=decision.actor, at=decision.now))
    TERMS.end(decision, PROPOSAL)
    TERMS.start(decision, JUDGING)


def judge(decision: PilotDecision, command: Judgement) -> None:
    """The commission's judgement: named beforehand, with a quorum, by a majority of those present."""
    order.at(decision, Stage.AT_COMMISSION)
    before = [one.basis.date for one in (decision.state.proposal, decision.state.commission) if one is not None]
    together(
        lambda: order.day(decision, command.basis.date, max(before, default=None)),
        lambda: _need_outcome(decision, command.outcome),
        lambda: need_values(decision, command.values),
        lambda: _need_quorum(decision, command),
        lambda: _need_majority(decision, command),
    )
    decision.then(EffectivenessJudgedV1.made_of(command, actor=decision.actor, at=decision.now))
    TERMS.end_all(decision)
    if decision.state.stage in JUDGED:
        TERMS.start(decision, SCALING)


def _need_outcome(decision: PilotDecision, outcome: Effectiveness) -> None:
    if outcome is Effectiveness.PARTLY and not decision.edition.switches.partly_effective.on:
        raise Refusal("effectiveness.partly", status=422)


def need_values(decision: PilotDecision, values: Sequence[CriterionValue]) -> None:
    """Raises Refusal unless every criterion of the edition has one value on its scale."""
    criteria = decision.edition.effectiveness
    wanted = [entry.code for entry in criteria.entries]
    given = [one.criterion for one in values]
    least, most = criteria.scale_min, criteria.scale_max
    problems = [
        problem(f"/values/{n}/criterion", "criterion.unknown", codes=wanted)
        for n, code in enumerate(given)
        if code not in wanted or given.index(code) != n
    ]
    problems += [
        problem(f"/values/{n}/value", "score.off-scale", least=least, most=most)
        for n, one in enumerate(values)
        if not least <= one.value <= most
    ]
    problems += [problem("/values", "criterion.missing", code=code) for code in wanted if code not in given]
    if problems:
        raise Refusal("values.invalid", status=422, problems=problems)


def _need_quorum(decision: PilotDecision, command: Judgement) -> None:
    commission = decision.state.commission
    if commission is None:
        raise Refusal("commission.not-named")
    strangers = sorted(set(command.present) - set(commission.members))
    if strangers or len(set(command.present)) != len(command.present):
        raise Refusal("commission.strangers", status=422)
    needed = ceil(decision.edition.numbers.commission_quorum.share * len(commission.members))
    if len(command.present) < needed:
        raise Refusal("commission.no-quorum", status=422, have=len(command.present), needed=needed)


def _need_majority(decision: PilotDecision, command: Judgement) -> None:
    votes, present = command.votes, len(command.present)
    if (voted := votes.in_favour + votes.against + votes.abstained) != present:
        raise Refusal("votes.sum", status=422, votes=voted, present=present)
    if votes.in_favour <= decision.edition.numbers.commission_majority.share * present:
        raise Refusal("votes.no-majority", status=422, votes=votes.in_favour, present=present)


def scaling(decision: PilotDecision, command: ScalingDecision) -> None:
    """What follows from an effective pilot: copies with money and a window, the catalogue alone, or nothing."""
    order.at(decision, *JUDGED)
    judged = decision.state.judgement
    together(
        lambda: order.day(decision, command.basis.date, judged.basis.date if judged else None),
        lambda: need_plan(decision, command.decision, command.windows, command.replicas),
    )
    decision.then(ScalingDecidedV1.made_of(command, actor=decision.actor, at=decision.now))
    TERMS.end(decision, SCALING)


def need_plan(
    decision: PilotDecision, said: Scaling, windows: Sequence[FundingWindow], replicas: Sequence[ReplicaPlan]
) -> None:
    """Raises Refusal with everything that is wrong with where a pilot is to be copied, and with which money."""
    problems = [
        problem(f"/windows/{n}", "window.invalid")
        for n, window in enumerate(windows)
        if not window.opens <= window.closes <= LAST_DAY
        or decision.edition.money is None
        or window.source not in decision.edition.money.sources
    ]
    customer = decision.edition.parties.customer
    for n, replica in enumerate(replicas):
        problems += faults.region_faults(replica.region, f"/replicas/{n}/region", decision.edition)
        problems += faults.party_faults(replica.customer, f"/replicas/{n}/customer", customer, decision.edition)
    problems += _plan_faults(said, bool(windows), bool(replicas), with_money=decision.edition.money is not None)
    if problems:
        raise Refusal("scaling.invalid", status=422, problems=problems)


def _plan_faults(said: Scaling, windows: bool, replicas: bool, *, with_money: bool) -> Iterator[Problem]:
    """Only what is scaled names replicas and windows, and it does."""
    scales = said is Scaling.SCALE
    if scales and not replicas:
        yield problem("/replicas", "replicas.missing")
    if scales and not windows and with_money:
        yield problem("/windows", "windows.missing")
    if not scales and (replicas or windows):
        yield problem("/replicas", "replicas.unwanted")
