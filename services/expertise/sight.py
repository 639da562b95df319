"""Which cases a caller may see: what the chassis says of conflicts, and of experts what they are on.

Lists, counts, cards, clocks, documents, notices, proposals and bulk answers all ask it. For whom a case is hidden it
does not exist: nothing is left out visibly.
"""

from dataclasses import dataclass
from typing import Final

from contracts.reference import Role
from services.chassis import sight as chassis
from services.chassis.auth import Caller
from services.chassis.sight import Query
from services.expertise.domain.state import KIND, Case

SEE_ALL: Final = frozenset({Role.OPERATOR, Role.APPROVER, Role.AUDITOR})
"""Who sees every case that no conflict hides; an expert sees those that the expert is on."""


@dataclass(frozen=True, slots=True)
class Sight(chassis.Sight):
    """Whose eyes see. `all_cases`: every case but those that a conflict hides from this very person."""

    all_cases: bool = False
    expert: bool = False

    def where(self) -> Query:
        """The cases that this caller may see."""
        own = {} if self.all_cases else {"state.visible_to": self.id}
        return {"kind": KIND, **self.but(), **own}

    def sees(self, case: Case) -> bool:
        """The same of one case."""
        return self.knows(case) and (self.all_cases or self.id in case.visible_to)

    def as_expert(self, case: Case) -> bool:
        """Whether the case is shown as its experts see it: to who sits on it, whatever roles else the person has."""
        return not self.all_cases or case.place_of(self.id) is not None


def sight(caller: Caller) -> Sight:
    """The eyes of a caller."""
    return Sight(caller.id, all_cases=bool(caller.roles & SEE_ALL), expert=Role.EXPERT in caller.roles)
