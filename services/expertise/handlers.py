"""What expertise makes of intake's facts: fact -> command."""

from contracts.event import Event
from contracts.intake import ApplicationAcceptedV1
from services.expertise.domain.pilot import Open


def translate(event: Event) -> object | None:
    """A review is opened for an accepted application; everything else only passes by."""
    match event.fact:
        case ApplicationAcceptedV1() as accepted:
            return Open(
                agency=accepted.agency,
                number=accepted.number,
                edition=accepted.edition,
                application=accepted.application,
            )
    return None
