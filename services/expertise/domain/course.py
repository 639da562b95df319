"""One decision on its way (ход решения): the facts so far, and the case as it stands after them."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from contracts.event import Actor, Fact
from contracts.rules import Edition
from services.chassis.subject import Context, Refusal
from services.expertise.domain.evolve import evolve
from services.expertise.domain.expert import Given, Known
from services.expertise.domain.state import Case


class Course:
    """Gathers the facts of a decision, each decided on the case as the ones before have left it."""

    def __init__(self, case: Case | None, edition: Edition, context: Context[Given]) -> None:
        self._case = case
        self.edition = edition
        self.now: datetime = context.now
        self.actor: Actor = context.actor
        self._given = context.given
        self.facts: list[Fact] = []

    @property
    def case(self) -> Case:
        """The case as it stands after the facts so far."""
        assert self._case is not None, "the case is open"
        return self._case

    @property
    def today(self) -> date:
        """The day of the decision in the zone of the edition."""
        return self.now.astimezone(ZoneInfo(self.edition.zone)).date()

    def then(self, *facts: Fact) -> None:
        """What follows next."""
        for fact in facts:
            self.facts.append(fact)
            self._case = evolve(self._case, fact)

    def known(self, expert: str) -> Known:
        """An expert of the directory. Raises Refusal for one who is not in it."""
        found = self._given.experts.get(expert)
        if found is None:
            raise Refusal("expert.unknown", f"There is no expert {expert} in the directory.", status=422)
        return found

    def count(self, number: str) -> int:
        """A number of the edition."""
        return self.edition.numbers[number].value

    def need_own_case(self) -> None:
        """Raises Refusal when another operator has the case in hand."""
        operator = self.case.operator
        if operator is not None and operator != self.actor.id:
            raise Refusal("review.claimed", f"The operator {operator} has this case in hand.")
