"""The terms of a case (сроки): the round's own, that of a request for information, that of an appeal."""

from typing import Final

from contracts.expertise import (
    TermBreachedV1,
    TermEndedV1,
    TermExtendedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermResumedV1,
    TermStartedV1,
    TermSuspendedV1,
)
from contracts.steps import TermExtension
from services.expertise.domain.casework import CaseDecision
from services.expertise.domain.state import Case
from services.law.terms import TermFacts, Terms

TERMS: Final = Terms[Case](
    of=lambda case: case.terms,
    facts=TermFacts(
        started=TermStartedV1,
        suspended=TermSuspendedV1,
        resumed=TermResumedV1,
        extended=TermExtendedV1,
        nearing=TermNearingV1,
        breached=TermBreachedV1,
        recalendared=TermRecalendaredV1,
        ended=TermEndedV1,
    ),
    notify=Case.people,
)
"""Whom an announcement of a term concerns: the operator of the case and the experts on it."""


def extend(decision: CaseDecision, command: TermExtension) -> None:
    """Extends an open term within the edition's bound. Raises Refusal with the ledger's reason."""
    decision.need_own_case()
    TERMS.extend(decision, command.term, command.why)
