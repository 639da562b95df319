"""Contact persons of an application (контактные лица): how long their data is kept, and what erases it.

The data itself stands in the collection `persons` alone; the domain knows opaque ids. Whoever asks for it is told that
it was erased by a fact, and so is the journal when the edition's term is over.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts.event import Fact
from contracts.intake import ContactErasedV1, ErasedFor
from contracts.rules import Edition
from services.intake.domain.agency import Given
from services.intake.domain.state import Pilot
from services.law.decision import Context


def kept_until(edition: Edition, received: datetime) -> datetime:
    """When the data of a contact person goes by itself, who was named by what was received then (assumption)."""
    return received + timedelta(days=edition.numbers.contact_kept_days.value)


def erased(state: Pilot | None, context: Context[Given]) -> Sequence[Fact]:
    """All of them are erased, for it is asked for; no fact where nobody is kept."""
    return () if state is None else _erased(state, state.persons, ErasedFor.ASKED, context)


def expired(state: Pilot | None, moment: datetime, context: Context[Given]) -> Sequence[Fact]:
    """Those go whose term is over at the moment of a timer."""
    if state is None:
        return ()
    over = tuple(one.person_id for one in state.contacts if one.until <= moment)
    return _erased(state, over, ErasedFor.TERM, context)


def _erased(state: Pilot, persons: tuple[str, ...], why: ErasedFor, context: Context[Given]) -> Sequence[Fact]:
    if not persons or state.number is None:
        return ()
    return (
        ContactErasedV1(actor=context.actor, agency=state.agency, number=state.number, person_ids=persons, why=why),
    )
