"""The register's own terms (сроки): by which facts they are told, and how a corrected day moves one."""

from datetime import timedelta
from typing import Final, TypeAlias

from contracts.reference import TermKind
from contracts.registry import (
    TermBreachedV1,
    TermEndedV1,
    TermExtendedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermResumedV1,
    TermStartedV1,
    TermSuspendedV1,
)
from services.law.decision import Decision
from services.law.ledger import ONE_DAY, day_of, last_day, remaining
from services.law.terms import TermFacts, Terms
from services.registry.domain.state import Pilot

PilotDecision: TypeAlias = Decision[Pilot]
TERMS: Final = Terms[Pilot](
    of=lambda pilot: pilot.own_terms,
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
)


def move(decision: PilotDecision, kind: TermKind, by: int) -> None:
    """Lets an open term of calendar days end later, or for `by` below zero earlier.

    One that began with the same day and ends with the new one starts in its place. The days on which its clock stood
    stay won; one that stands goes on standing since the same day.
    """
    found = decision.state.own_term(kind)
    if found is None or by == 0:
        return
    ledger, zone, days = found.ledger, found.ledger.term.zone, decision.calendars[found.ledger.term.calendar]
    begun, last = day_of(ledger.term.started, zone), last_day(ledger, days)
    if not ledger.stopped and last is not None:
        TERMS.start_until(decision, kind, last + timedelta(days=by), begun)
        return
    stood = ledger.suspensions[-1]
    since = day_of(stood.since, zone)
    left = remaining(ledger, decision.now, days) + by
    counted = max(begun, since - ONE_DAY)  # the last day before the stop; that of the start does not count
    TERMS.start_until(decision, kind, counted + timedelta(days=left), begun)
    TERMS.stop_since(decision, kind, since, stood.why)
