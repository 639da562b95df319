"""The ids of the names of what stands in lists as a code: who has the next move, roles, stages of money, facts."""

from collections.abc import Mapping
from typing import Final

from contracts import registry
from contracts.reference import Role
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import Mover

MOVERS: Final[Mapping[Mover, str]] = {
    Mover.OFFICER: "role.officer",
    Mover.INITIATOR: "mover.initiator",
    Mover.EXPERTISE_OPERATOR: "mover.expertise-operator",
    Mover.COUNCIL: "mover.council",
    Mover.EXECUTOR: "mover.executor",
    Mover.HEAD_ORGANISATION: "role.head-organisation",
    Mover.COMMISSION: "mover.commission",
    Mover.REGULATOR: "mover.regulator",
}
ROLES: Final[Mapping[Role, str]] = {
    Role.PUBLISHER: "role.publisher",
    Role.OFFICER: "role.officer",
    Role.OPERATOR: "role.operator",
    Role.EXPERT: "role.expert",
    Role.APPROVER: "role.approver",
    Role.COUNCIL_SECRETARY: "role.council-secretary",
    Role.HEAD_ORGANISATION: "role.head-organisation",
    Role.COMMISSION_SECRETARY: "role.commission-secretary",
    Role.REGISTRAR: "role.registrar",
    Role.AUDITOR: "role.auditor",
    Role.OPS: "role.ops",
    Role.ADMIN: "role.admin",
    Role.SUBSCRIBER: "role.subscriber",
}
MONEY_STAGES: Final[Mapping[MoneyStage, str]] = {
    MoneyStage.PLANNED: "money.planned",
    MoneyStage.COMMITTED: "money.committed",
    MoneyStage.PAID: "money.paid",
}
FACTS: Final[Mapping[str, str]] = {
    registry.PilotEnteredV1.TYPE: "fact.pilot-entered",
    registry.ApplicationOutcomeRecordedV1.TYPE: "fact.application-outcome-recorded",
    registry.ApplicationAmendedV1.TYPE: "fact.application-amended",
    registry.TermRecordedV1.TYPE: "fact.term-recorded",
    registry.ConclusionRecordedV1.TYPE: "fact.conclusion-recorded",
    registry.AnnulmentRecordedV1.TYPE: "fact.annulment-recorded",
    registry.ExpediencyDecidedV1.TYPE: "fact.expediency-decided",
    registry.PilotLaunchedV1.TYPE: "fact.pilot-launched",
    registry.TermStartedV1.TYPE: "fact.term-started",
    registry.TermSuspendedV1.TYPE: "fact.term-suspended",
    registry.TermResumedV1.TYPE: "fact.term-resumed",
    registry.TermExtendedV1.TYPE: "fact.term-extended",
    registry.TermNearingV1.TYPE: "fact.term-nearing",
    registry.TermBreachedV1.TYPE: "fact.term-breached",
    registry.TermRecalendaredV1.TYPE: "fact.term-recalendared",
    registry.TermEndedV1.TYPE: "fact.term-ended",
    registry.AgreementRecordedV1.TYPE: "fact.agreement-recorded",
    registry.AgreementFailedV1.TYPE: "fact.agreement-failed",
    registry.ProgressRecordedV1.TYPE: "fact.progress-recorded",
    registry.SpendingRecordedV1.TYPE: "fact.spending-recorded",
    registry.RiskRecordedV1.TYPE: "fact.risk-recorded",
    registry.ResultRecordedV1.TYPE: "fact.result-recorded",
    registry.PilotSuspendedV1.TYPE: "fact.pilot-suspended",
    registry.PilotResumedV1.TYPE: "fact.pilot-resumed",
    registry.PilotExtendedV1.TYPE: "fact.pilot-extended",
    registry.PilotStoppedV1.TYPE: "fact.pilot-stopped",
    registry.PilotCompletedV1.TYPE: "fact.pilot-completed",
    registry.CommissionNamedV1.TYPE: "fact.commission-named",
    registry.EffectivenessProposedV1.TYPE: "fact.effectiveness-proposed",
    registry.EffectivenessJudgedV1.TYPE: "fact.effectiveness-judged",
    registry.ScalingDecidedV1.TYPE: "fact.scaling-decided",
    registry.ReplicaLinkedV1.TYPE: "fact.replica-linked",
    registry.ReplicaResultNotedV1.TYPE: "fact.replica-result-noted",
    registry.ConflictNotedV1.TYPE: "fact.conflict-noted",
    registry.CreditDecidedV1.TYPE: "fact.credit-decided",
    registry.EntryCorrectedV1.TYPE: "fact.entry-corrected",
}
"""Every fact of a pilot."""
