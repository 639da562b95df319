"""The stages of a pilot (этапы): where it can stand, what they are called, and who has the next move at each."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from contracts.reference import Role, TermKind


class Stage(StrEnum):
    """Where a pilot stands: рассмотрение, возвращён, экспертиза, отрицательное заключение, у Совета,
    целесообразен, нецелесообразен, соглашение заключено, соглашения нет, реализация, приостановлен, прекращён
    досрочно, завершён, у комиссии, эффективен, частично эффективен, неэффективен, тиражируется, не тиражируется,
    в каталоге, зачтён, не зачтён, отозван, прекращён, утратил силу, отказано в экспертизе."""

    LOOK_OVER = "look-over"
    RETURNED = "returned"
    EXPERTISE = "expertise"
    NEGATIVE = "negative-conclusion"
    COUNCIL = "council"
    EXPEDIENT = "expedient"
    NOT_EXPEDIENT = "not-expedient"
    AGREED = "agreed"
    NOT_AGREED = "not-agreed"
    RUNNING = "running"
    SUSPENDED = "suspended"
    STOPPED_EARLY = "stopped-early"
    FINISHED = "finished"
    AT_COMMISSION = "at-commission"
    EFFECTIVE = "effective"
    PARTLY_EFFECTIVE = "partly-effective"
    INEFFECTIVE = "ineffective"
    SCALED = "scaled"
    NOT_SCALED = "not-scaled"
    CATALOGUED = "catalogued"
    CREDITED = "credited"
    NOT_CREDITED = "not-credited"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"
    LAPSED = "lapsed"
    REFUSED = "refused"


FINAL: Final = frozenset(
    {
        Stage.NOT_EXPEDIENT,
        Stage.NOT_AGREED,
        Stage.STOPPED_EARLY,
        Stage.INEFFECTIVE,
        Stage.SCALED,
        Stage.NOT_SCALED,
        Stage.CATALOGUED,
        Stage.CREDITED,
        Stage.NOT_CREDITED,
        Stage.WITHDRAWN,
        Stage.STOPPED,
        Stage.LAPSED,
        Stage.REFUSED,
    }
)
"""Where nothing follows any more but corrections, and replicas of what was scaled."""
LOOKED_OVER: Final = frozenset({Stage.LOOK_OVER, Stage.RETURNED})
"""Where the application is in intake's hands, and the expertise has no case."""
CARRIED_OUT: Final = frozenset({Stage.RUNNING, Stage.SUSPENDED})
REPORTING: Final = CARRIED_OUT | {Stage.FINISHED, Stage.AT_COMMISSION}
"""While reports are recorded: also late ones, until the commission has judged."""
JUDGED: Final = frozenset({Stage.EFFECTIVE, Stage.PARTLY_EFFECTIVE})
"""Where scaling is to be decided."""
SETTLED: Final = FINAL | REPORTING | JUDGED | {Stage.EXPEDIENT, Stage.AGREED}
"""Where nothing that intake or the expertise says moves the pilot: it is recorded, and the pilot stays (assumption)."""
CONCLUDED: Final = frozenset({Stage.NEGATIVE, Stage.COUNCIL})
"""Where a conclusion has brought the pilot."""

NAMES: Final[Mapping[Stage, str]] = {
    Stage.LOOK_OVER: "stage.look-over",
    Stage.RETURNED: "stage.returned",
    Stage.EXPERTISE: "stage.expertise",
    Stage.NEGATIVE: "stage.negative-conclusion",
    Stage.COUNCIL: "stage.council",
    Stage.EXPEDIENT: "stage.expedient",
    Stage.NOT_EXPEDIENT: "stage.not-expedient",
    Stage.AGREED: "stage.agreed",
    Stage.NOT_AGREED: "stage.not-agreed",
    Stage.RUNNING: "stage.running",
    Stage.SUSPENDED: "stage.suspended",
    Stage.STOPPED_EARLY: "stage.stopped-early",
    Stage.FINISHED: "stage.finished",
    Stage.AT_COMMISSION: "stage.at-commission",
    Stage.EFFECTIVE: "stage.effective",
    Stage.PARTLY_EFFECTIVE: "stage.partly-effective",
    Stage.INEFFECTIVE: "stage.ineffective",
    Stage.SCALED: "stage.scaled",
    Stage.NOT_SCALED: "stage.not-scaled",
    Stage.CATALOGUED: "stage.catalogued",
    Stage.CREDITED: "stage.credited",
    Stage.NOT_CREDITED: "stage.not-credited",
    Stage.WITHDRAWN: "stage.withdrawn",
    Stage.STOPPED: "stage.stopped",
    Stage.LAPSED: "stage.lapsed",
    Stage.REFUSED: "stage.refused",
}
"""The ids of the stages' names."""


class Mover(StrEnum):
    """Who can have the next move: регистратор заявок, инициатор, оператор экспертизы, Совет, исполнитель, головная
    организация, комиссия, регулятор."""

    OFFICER = Role.OFFICER.value
    INITIATOR = "initiator"
    EXPERTISE_OPERATOR = "expertise-operator"
    COUNCIL = "council"
    EXECUTOR = "executor"
    HEAD_ORGANISATION = Role.HEAD_ORGANISATION.value
    COMMISSION = "commission"
    REGULATOR = "regulator"


NEXT_MOVE: Final = {
    Stage.LOOK_OVER: Mover.OFFICER,
    Stage.RETURNED: Mover.INITIATOR,
    Stage.EXPERTISE: Mover.EXPERTISE_OPERATOR,
    Stage.NEGATIVE: Mover.INITIATOR,
    Stage.COUNCIL: Mover.COUNCIL,
    Stage.EXPEDIENT: Mover.EXECUTOR,
    Stage.AGREED: Mover.EXECUTOR,
    Stage.RUNNING: Mover.EXECUTOR,
    Stage.SUSPENDED: Mover.EXECUTOR,
    Stage.FINISHED: Mover.HEAD_ORGANISATION,
    Stage.AT_COMMISSION: Mover.COMMISSION,
    Stage.EFFECTIVE: Mover.REGULATOR,
    Stage.PARTLY_EFFECTIVE: Mover.REGULATOR,
}
"""Who has the ball at each stage that is not final (за кем следующий шаг); `next_move` knows more."""


def next_move(stage: Stage, running: Iterable[str]) -> Mover | None:
    """Who has the ball (за кем следующий шаг), given the kinds of the terms that run. None: nobody any more.

    While a request for information is open in the expertise, the initiator has it.
    """
    asked = stage is Stage.EXPERTISE and TermKind.CLARIFICATION in running
    return Mover.INITIATOR if asked else NEXT_MOVE.get(stage)
