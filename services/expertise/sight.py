"""Which cases a caller may see: said here alone.

Lists, counts, cards, clocks, documents, notices, proposals and bulk answers all ask it. For whom a case is hidden it
does not exist: nothing is left out visibly.
"""

from dataclasses import dataclass
from typing import Any, Final

from contracts.reference import Role
from services.chassis.auth import Caller
from services.expertise.domain.state import KIND, Case

Query = dict[str, Any]
"""A query as the store takes it."""
SEE_ALL: Final = frozenset({Role.OPERATOR, Role.APPROVER, Role.AUDITOR})
"""Who sees every case that no conflict hides; an expert sees those that the expert is on."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose eyes see. `all_cases`: every case but those that a conflict hides from this very person.

    `hindered` False: it was just seen that nothing is hidden from the person, so a count need not look again.
    """

    id: str
    all_cases: bool
    expert: bool = False
    hindered: bool = True

    def where(self) -> Query:
        """The cases that this caller may see."""
        own = {} if self.all_cases else {"state.visible_to": self.id}
        but = {"state.hidden_from": {"$ne": self.id}} if self.hindered else {}
        return {"kind": KIND, **but, **own}

    def sees(self, case: Case) -> bool:
        """The same of one case."""
        return self.id not in case.hidden_from and (self.all_cases or self.id in case.visible_to)

    def as_expert(self, case: Case) -> bool:
        """Whether the case is shown as its experts see it: to who sits on it, whatever roles else the person has."""
        return not self.all_cases or case.place_of(self.id) is not None


def sight(caller: Caller) -> Sight:
    """The eyes of a caller."""
    return Sight(caller.id, bool(caller.roles & SEE_ALL), Role.EXPERT in caller.roles)
