"""The agreement of executor and customer (соглашение): whole, and within the bounds of the edition."""

from collections.abc import Sequence
from datetime import timedelta

from dateutil.relativedelta import relativedelta

from contracts.entered import LAST_DAY
from contracts.reference import WHOLE, Party, Problem
from contracts.registry import (
    Agreement,
    AgreementFailedV1,
    AgreementRecordedV1,
)
from contracts.rules import PartyRule
from services.law.decision import Refusal, together
from services.law.faults import fault
from services.registry.domain import order
from services.registry.domain.commands import Agree, FailToAgree
from services.registry.domain.money import Line
from services.registry.domain.state import AGREEING, LAUNCHING, Stage
from services.registry.domain.terms import TERMS, PilotDecision


def agree(decision: PilotDecision, command: Agree) -> None:
    """The agreement of executor and customer, whole and within the edition's bounds."""
    order.at(decision, Stage.EXPEDIENT)
    together(
        lambda: order.day(decision, command.basis.date, order.decided_on(decision), "The agreement"),
        lambda: need_sound(decision, command.agreement),
    )
    decision.then(
        AgreementRecordedV1(actor=decision.actor, at=decision.now, basis=command.basis, agreement=command.agreement)
    )
    TERMS.end(decision, AGREEING)
    TERMS.start_until(decision, LAUNCHING, command.agreement.starts)


def fail_to_agree(decision: PilotDecision, command: FailToAgree) -> None:
    """Executor and customer did not agree: the pilot ends here, and stays in the register."""
    order.at(decision, Stage.EXPEDIENT)
    order.day(decision, command.basis.date, order.decided_on(decision), "The document")
    decision.then(AgreementFailedV1(actor=decision.actor, at=decision.now, why=command.why, basis=command.basis))
    TERMS.end(decision, AGREEING)


def need_sound(decision: PilotDecision, agreement: Agreement) -> None:
    """Raises Refusal with everything that is wrong with an agreement, each at its place."""
    problems = [*_parties(decision, agreement), *_time(decision, agreement)]
    problems += [*_shares(decision, agreement), *amount_faults(decision, "/agreement/costs", agreement.costs)]
    codes = [one.code for one in agreement.indicators]
    problems += [
        order.problem(f"/agreement/indicators/{n}/code", "indicator.twice", "Named twice.", "Указано дважды.")
        for n, code in enumerate(codes)
        if codes.index(code) != n
    ]
    if problems:
        raise Refusal("agreement.invalid", "The agreement does not fit.", status=422, problems=problems)


def _parties(decision: PilotDecision, agreement: Agreement) -> list[Problem]:
    rules = decision.edition.parties
    asked = (("customer", agreement.customer, rules.customer), ("executor", agreement.executor, rules.executor))
    found = [
        order.problem(f"/agreement/{role}/id", "organisation.invalid", wrong, "Неверный номер организации.")
        for role, party, rule in asked
        if (wrong := number_fault(decision, party, rule))
    ]
    executor = decision.state.executor
    if executor is not None and agreement.executor.id != executor.id:
        en, ru = "The decision made another organisation the executor.", "Решением назначен другой исполнитель."
        found.append(order.problem("/agreement/executor", "executor.other", en, ru))
    return found


def number_fault(decision: PilotDecision, party: Party, rule: PartyRule) -> str | None:
    """What is wrong with the number of an organisation, by the edition; None where nothing is."""
    if party.id.scheme not in rule.schemes:
        return "scheme"
    return fault(party.id, decision.edition, legal_entity=rule.legal_entity_only)


def _time(decision: PilotDecision, agreement: Agreement) -> list[Problem]:
    if max(agreement.starts, agreement.until) > LAST_DAY:
        return [order.problem("/agreement/until", "date.too-far", f"At most {LAST_DAY}.", f"Не позже {LAST_DAY}.")]
    launch, prolonged = decision.state.launch, decision.state.prolongations
    numbers = decision.edition.numbers
    longest = agreement.starts + relativedelta(months=numbers.pilot_max_months.value) - timedelta(days=1)
    farthest = agreement.until + relativedelta(months=numbers.pilot_extension_months.value)
    if agreement.until < agreement.starts:
        return [
            order.problem("/agreement/until", "dates.order", "It ends before it starts.", "Окончание раньше начала.")
        ]
    if agreement.until > longest:
        return [
            order.problem("/agreement/until", "pilot.too-long", f"At most until {longest}.", f"Не позже {longest}.")
        ]
    # Only a correction meets a pilot that was launched or extended.
    if launch is not None and agreement.until < launch.started:
        en, ru = "It ends before the launch.", "Окончание раньше начала реализации."
        return [order.problem("/agreement/until", "dates.order", en, ru)]
    if launch is not None and launch.started < agreement.starts:
        en, ru = f"It was launched on {launch.started}.", f"Реализация начата {launch.started}."
        return [order.problem("/agreement/starts", "dates.order", en, ru)]
    if prolonged and not agreement.until < prolonged[0].until <= farthest:
        en, ru = f"It was extended until {prolonged[0].until}.", f"Продлён до {prolonged[0].until}."
        return [order.problem("/agreement/until", "dates.order", en, ru)]
    return []


def _shares(decision: PilotDecision, agreement: Agreement) -> list[Problem]:
    shares = agreement.sector_shares
    sectors = [one.sector for one in shares]
    found = [
        order.problem(
            f"/agreement/sector_shares/{n}", "sector.unknown", "Unknown, or named twice.", "Неверная отрасль."
        )
        for n, one in enumerate(shares)
        if one.sector not in decision.edition.sectors or sectors.index(one.sector) != n
    ]
    main = decision.state.application.sector
    if shares and main not in sectors:
        en, ru = f"The pilot's own sector has no share: {main}.", f"Нет доли отрасли проекта: {main}."
        found.append(order.problem("/agreement/sector_shares", "shares.main-sector", en, ru))
    if shares and sum(one.basis_points for one in shares) != WHOLE:
        en, ru = f"The shares must sum to {WHOLE}.", f"Сумма долей должна быть {WHOLE}."
        found.append(order.problem("/agreement/sector_shares", "shares.sum", en, ru))
    return [*found, *region_faults(decision, "/agreement/region", agreement.region)]


def region_faults(decision: PilotDecision, place: str, code: str | None) -> list[Problem]:
    """What is wrong with the code of a region; nothing where none is given."""
    if code is None or code in decision.edition.regions:
        return []
    codes = ", ".join(decision.edition.regions.codes)
    return [order.problem(place, "region.unknown", f"Regions: {codes}.", f"Регионы: {codes}.")]


def amount_faults(decision: PilotDecision, place: str, lines: Sequence[Line]) -> list[Problem]:
    """What is wrong with sources and currencies of amounts, each at its place."""
    money = decision.edition.money
    found = list[Problem]()
    for n, line in enumerate(lines):
        if money is None:
            found.append(order.problem(f"{place}/{n}", "money.none", "No money here.", "Денег здесь нет."))
            continue
        if line.source not in money.sources:
            codes = ", ".join(money.sources.codes)
            found.append(
                order.problem(f"{place}/{n}/source", "source.unknown", f"Sources: {codes}.", f"Источники: {codes}.")
            )
        if line.currency not in [one.code for one in money.currencies]:
            found.append(order.problem(f"{place}/{n}/currency", "currency.unknown", "Unknown.", "Неверная валюта."))
    return found
