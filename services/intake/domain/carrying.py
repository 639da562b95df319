"""What the register says from the Council's decision on (решение Совета, реализация): told to the agency, and noted as
far as what the agency sends is judged by it.

A decision that postpones needs no note, for the application is still with the Council; nor do a suspension, its end and
the completion: reports go on until the commission has judged. What happened there happened: nothing is refused here,
and what says nothing new is not noted again.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, assert_never

from pydantic import TypeAdapter

from contracts.agency import CreditDecision, ReceiptOutcome
from contracts.event import Day, Fact
from contracts.intake import (
    CarryingOutNotedV1,
    DecisionForwardedV1,
    PaymentsCorrected,
    StepForwardedV1,
    TermReminderForwardedV1,
)
from contracts.reference import Expediency
from contracts.registry import (
    AgreementFailedV1,
    AgreementRecordedV1,
    CreditDecidedV1,
    EffectivenessJudgedV1,
    EntryCorrectedV1,
    ExpediencyDecidedV1,
    PilotLaunchedV1,
    PilotStoppedV1,
    ScalingDecidedV1,
    TermBreachedV1,
    TermNearingV1,
)
from contracts.steps import Agreement, Correctable
from services.intake.domain import terms
from services.intake.domain.agency import Given
from services.intake.domain.commands import Noted, Remind
from services.intake.domain.state import CarryingOut, Pilot
from services.law.decision import Context

ENDED: Final = {"reporting": False, "over": True}
_days: Final[TypeAdapter[date]] = TypeAdapter(Day)


def noted(state: Pilot | None, fact: Noted, context: Context[Given]) -> Sequence[Fact]:
    """What follows from a fact of the register: the applicant hears of a decision, and what is new is noted. With the
    first note nothing is due here any more."""
    if state is None or state.number is None:
        return ()
    told = _told(state, fact, context)
    after, corrected = _after(state.carrying_out, fact), _payments(fact)
    if after is None or (after == state.carrying_out and corrected is None):
        return told
    note = CarryingOutNotedV1.made_of(after, actor=context.actor, corrected=corrected)
    return *told, *terms.ended(state, context), note


def reminded(state: Pilot | None, command: Remind, context: Context[Given]) -> Sequence[Fact]:
    """The reminder of a term of carrying out, on its way to the executor."""
    if state is None or state.number is None:
        return ()
    match command.fact:
        case TermNearingV1(kind=kind, due_at=due, rungs=rungs):
            overdue = False
        case TermBreachedV1(kind=kind, due_at=due):
            rungs, overdue = (), True
        case _:
            assert_never(command.fact)
    return (
        TermReminderForwardedV1(
            actor=context.actor,
            agency=state.agency,
            number=state.number,
            kind=kind,
            due_at=due,
            rungs=rungs,
            overdue=overdue,
        ),
    )


def _told(state: Pilot, fact: Noted, context: Context[Given]) -> tuple[Fact, ...]:
    """The decision or step for the applicant, also where the application was taken back before it was known here."""
    match fact:
        case ExpediencyDecidedV1():
            decision = fact.decision.value
        case CreditDecidedV1():
            decision = CreditDecision.CREDITED if fact.granted else CreditDecision.NOT_CREDITED
        case EntryCorrectedV1():
            return ()
        case (
            AgreementRecordedV1()
            | AgreementFailedV1()
            | PilotLaunchedV1()
            | EffectivenessJudgedV1()
            | PilotStoppedV1()
            | ScalingDecidedV1()
        ):
            of = {"actor": context.actor, "agency": state.agency, "number": state.number, "basis": fact.basis}
            return (StepForwardedV1(**of, **_step(fact)),)
        case _:
            assert_never(fact)
    told = DecisionForwardedV1(
        actor=context.actor, agency=state.agency, number=state.number or "", decision=decision, basis=fact.basis
    )
    return (told,)


def _step(
    fact: AgreementRecordedV1
    | AgreementFailedV1
    | PilotLaunchedV1
    | EffectivenessJudgedV1
    | PilotStoppedV1
    | ScalingDecidedV1,
) -> dict[str, Any]:
    match fact:
        case AgreementRecordedV1(agreement=agreed):
            return {"step": ReceiptOutcome.AGREED, "day": agreed.starts, "until": agreed.until}
        case AgreementFailedV1():
            return {"step": ReceiptOutcome.AGREEMENT_FAILED, "text": fact.why}
        case PilotLaunchedV1():
            return {"step": ReceiptOutcome.LAUNCHED, "day": fact.started}
        case EffectivenessJudgedV1():
            return {"step": ReceiptOutcome.JUDGED, "decision": fact.outcome, "text": fact.text}
        case PilotStoppedV1():
            return {"step": ReceiptOutcome.STOPPED_EARLY, "day": fact.stopped, "text": fact.why}
        case ScalingDecidedV1():
            return {"step": ReceiptOutcome.SCALING_DECIDED, "decision": fact.decision, "text": fact.conditions}
        case _:
            assert_never(fact)


def _after(known: CarryingOut | None, fact: Noted) -> CarryingOut | None:
    before = known or CarryingOut()
    match fact:
        case ExpediencyDecidedV1(decision=Expediency.POSTPONED):
            return known
        case ExpediencyDecidedV1(decision=Expediency.EXPEDIENT):
            return before
        case AgreementRecordedV1():
            return before.model_copy(update={**_agreed(fact.agreement), "over": False})
        case PilotLaunchedV1():
            return before.model_copy(update={"reporting": True, "started": fact.started, "over": False})
        case (
            ExpediencyDecidedV1() | CreditDecidedV1() | AgreementFailedV1() | EffectivenessJudgedV1() | PilotStoppedV1()
        ):
            return before.model_copy(update=ENDED)
        case ScalingDecidedV1():
            return known
        case EntryCorrectedV1():
            return known if known is None else _corrected(known, fact)
        case _:
            assert_never(fact)


def _corrected(known: CarryingOut, fact: EntryCorrectedV1) -> CarryingOut:
    """It opens nothing again. Raises ValidationError for an entry that is none: the register lets nothing of the kind
    pass."""
    entry: Mapping[str, Any] = fact.now if isinstance(fact.now, dict) else {}
    match fact.what:
        case Correctable.AGREEMENT:
            if not known.indicators:
                return known
            return known.model_copy(update=_agreed(Agreement.model_validate(entry.get("agreement"))))
        case Correctable.LAUNCH:
            if not known.launched:
                return known
            return known.model_copy(update={"started": _days.validate_python(entry.get("started"))})
        case (
            Correctable.EXPEDIENCY
            | Correctable.CREDIT
            | Correctable.SPENDING
            | Correctable.SUSPENSION
            | Correctable.EXTENSION
            | Correctable.ENDING
            | Correctable.COMMISSION
            | Correctable.PROPOSAL
            | Correctable.JUDGEMENT
            | Correctable.SCALING
        ):
            return known
        case _:
            assert_never(fact.what)


def _payments(fact: Noted) -> PaymentsCorrected | None:
    """What a correction of payments says that they were, and are. Raises ValidationError for an entry that is none."""
    if not isinstance(fact, EntryCorrectedV1) or fact.what is not Correctable.SPENDING:
        return None
    was, now = (one.get("payments") if isinstance(one, dict) else None for one in (fact.was, fact.now))
    return PaymentsCorrected.model_validate({"was": was, "now": now})


def _agreed(agreement: Agreement) -> dict[str, Any]:
    """What reports are judged by: the codes of the indicators, and the money."""
    return {"indicators": tuple(one.code for one in agreement.indicators), "committed": agreement.costs}
