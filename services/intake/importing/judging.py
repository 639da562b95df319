"""What intake would say of a row's event, found out beforehand without a running system, by the same rules."""

from datetime import datetime

from contracts.agency import ApplicationSubmittedV1, ApplicationSubmittedV2
from contracts.reference import Problem
from contracts.rules import Edition
from services.intake.domain.shape import by_edition, read
from services.intake.domain.validation import judge
from services.intake.importing.rows import Row

APPLICATIONS = frozenset({ApplicationSubmittedV1.TYPE, ApplicationSubmittedV2.TYPE})


def problems(row: Row, edition: Edition | None, now: datetime) -> tuple[Problem, ...]:
    """Everything that is wrong with the event of a row, and what it would only be told. Of an application all is
    known; of an event about a pilot that is there already, what its contract says. Without an edition only the
    contract is asked."""
    if row.event is None or row.agency is None:
        return ()
    if row.event["type"] in APPLICATIONS and edition is not None:
        return judge(row.event, row.agency, edition, now).problems
    found = read(row.event, row.agency, now, edition)
    return (*found.problems, *(by_edition(found.unknown, edition) if edition else found.unknown))
