"""One decision on a case, on its way (ход решения): with the experts of the directory, and whose case it is."""

from collections.abc import Mapping
from typing import Final

from contracts.rules import Edition
from contracts.words import Wording, wording
from services.expertise.domain import duties, ties
from services.expertise.domain.duties import Duty
from services.expertise.domain.evolve import evolve
from services.expertise.domain.expert import Given, Known
from services.expertise.domain.state import Case, Status
from services.law.decision import Context, Decision, Refusal

STANDS: Final[Mapping[Status, str]] = {
    Status.UNASSIGNED: "case.unassigned",
    Status.WITH_EXPERTS: "case.with-experts",
    Status.TO_CONCLUDE: "case.to-conclude",
    Status.TO_APPROVE: "case.to-approve",
    Status.NUMBERING: "case.numbering",
    Status.CONCLUDED: "case.concluded",
    Status.APPEALED: "case.appealed",
    Status.CLOSED: "case.closed",
}
"""Which words say where a case stands."""


class CaseDecision(Decision[Case]):
    """A decision on its way, and what a case is decided by beside its own state."""

    def __init__(self, case: Case | None, edition: Edition, context: Context[Given]) -> None:
        super().__init__(case, evolve, edition, context)
        self._given = context.given

    @property
    def case(self) -> Case:
        """The case as it stands after the facts so far."""
        return self.state

    @property
    def stands(self) -> Wording:
        """Where the case stands, in words."""
        return wording(STANDS[self.case.status])

    def known(self, expert: str) -> Known:
        """An expert of the directory. Raises Refusal for one who is not in it."""
        found = self._given.experts.get(expert)
        if found is None:
            raise Refusal("expert.unknown", status=422, experts=expert)
        return found

    def need_duty(self, duty: Duty) -> None:
        """Raises Refusal when the acting person has another duty in this case, or is tied to it by the own entry. Who
        judges is asked for ties with the assignment and at each change of entry or application."""
        duties.need(self.case, self.edition, self.actor.id, duty)
        own = self._given.experts.get(self.actor.id)
        if own is not None and duty is not Duty.JUDGES:
            ties.need_none(own.entry.seat(), self.case, self.edition)

    def need_own_case(self) -> None:
        """Raises Refusal when another operator has the case in hand, or the acting person may not prepare it."""
        self.need_duty(Duty.PREPARES)
        self.need_in_hand()

    def need_in_hand(self) -> None:
        """Raises Refusal when another operator has the case in hand."""
        operator = self.case.operator
        if operator is not None and operator != self.actor.id:
            raise Refusal("review.claimed", operator=operator)
