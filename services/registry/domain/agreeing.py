"""The agreement of executor and customer (соглашение): whole, and within the bounds of the edition."""

from collections.abc import Sequence
from datetime import timedelta

from dateutil.relativedelta import relativedelta

from contracts.entered import LAST_DAY
from contracts.reference import Problem
from contracts.registry import AgreementFailedV1, AgreementRecordedV1
from contracts.steps import Agreement, AgreementEntry, AgreementFailure
from contracts.words import problem
from services.law import faults
from services.law.decision import Refusal, together
from services.registry.domain import order
from services.registry.domain.money import Line
from services.registry.domain.stages import Stage
from services.registry.domain.state import AGREEING, LAUNCHING
from services.registry.domain.terms import TERMS, PilotDecision


def agree(decision: PilotDecision, command: AgreementEntry) -> None:
    """The agreement of executor and customer, whole and within the edition's bounds."""
    order.at(decision, Stage.EXPEDIENT)
    together(
        lambda: order.day(decision, command.basis.date, order.decided_on(decision)),
        lambda: need_sound(decision, command.agreement),
    )
    decision.then(AgreementRecordedV1.made_of(command, actor=decision.actor, at=decision.now))
    TERMS.end(decision, AGREEING)
    TERMS.start_until(decision, LAUNCHING, command.agreement.starts)


def fail_to_agree(decision: PilotDecision, command: AgreementFailure) -> None:
    """Executor and customer did not agree: the pilot ends here, and stays in the register."""
    order.at(decision, Stage.EXPEDIENT)
    order.day(decision, command.basis.date, order.decided_on(decision))
    decision.then(AgreementFailedV1.made_of(command, actor=decision.actor, at=decision.now))
    TERMS.end(decision, AGREEING)


def need_sound(decision: PilotDecision, agreement: Agreement) -> None:
    """Raises Refusal with everything that is wrong with an agreement, each at its place."""
    problems = [*_parties(decision, agreement), *_time(decision, agreement), *_shares(decision, agreement)]
    problems += faults.region_faults(agreement.region, "/agreement/region", decision.edition)
    problems += amount_faults(decision, "/agreement/costs", agreement.costs)
    codes = [one.code for one in agreement.indicators]
    problems += [
        problem(f"/agreement/indicators/{n}/code", "indicator.twice")
        for n, code in enumerate(codes)
        if codes.index(code) != n
    ]
    if problems:
        raise Refusal("agreement.invalid", status=422, problems=problems)


def _parties(decision: PilotDecision, agreement: Agreement) -> list[Problem]:
    rules = decision.edition.parties
    found = [
        *faults.party_faults(agreement.customer, "/agreement/customer", rules.customer, decision.edition),
        *faults.party_faults(agreement.executor, "/agreement/executor", rules.executor, decision.edition),
    ]
    executor = decision.state.executor
    if executor is not None and agreement.executor.id != executor.id:
        found.append(problem("/agreement/executor", "executor.other"))
    return found


def _time(decision: PilotDecision, agreement: Agreement) -> list[Problem]:
    starts, until = "/agreement/starts", "/agreement/until"
    if max(agreement.starts, agreement.until) > LAST_DAY:
        return [problem(until, "date.too-far", last=LAST_DAY)]
    launch, prolonged = decision.state.launch, decision.state.prolongations
    numbers = decision.edition.numbers
    longest = agreement.starts + relativedelta(months=numbers.pilot_max_months.value) - timedelta(days=1)
    farthest = agreement.until + relativedelta(months=numbers.pilot_extension_months.value)
    if agreement.until < agreement.starts:
        return [problem(until, "dates.order")]
    if agreement.until > longest:
        return [problem(until, "pilot.too-long", longest=longest)]
    # Only a correction meets a pilot that was launched or extended.
    if launch is not None and agreement.until < launch.started:
        return [problem(until, "agreement.ends-before-launch", launched=launch.started)]
    if launch is not None and launch.started < agreement.starts:
        return [problem(starts, "agreement.starts-after-launch", launched=launch.started)]
    if prolonged and not agreement.until < prolonged[0].until <= farthest:
        return [problem(until, "agreement.does-not-fit-extension", extended=prolonged[0].until)]
    return []


def _shares(decision: PilotDecision, agreement: Agreement) -> list[Problem]:
    shares = [(n, one.sector, one.basis_points) for n, one in enumerate(agreement.sector_shares)]
    main = decision.state.application.sector
    return list(faults.share_faults(shares, main, "/agreement/sector_shares", decision.edition))


def amount_faults(decision: PilotDecision, pointer: str, lines: Sequence[Line]) -> list[Problem]:
    """What is wrong with sources and currencies of amounts, each at its place."""
    amounts = [(f"{pointer}/{n}", line.source, line.currency) for n, line in enumerate(lines)]
    return list(faults.amount_faults(amounts, decision.edition))
