"""What intake would say of a row's event, found out beforehand without a running system, by the same rules."""

from datetime import datetime
from typing import Final

from contracts.agency import ApplicationSubmittedV1, ApplicationSubmittedV2
from contracts.reference import Problem
from contracts.rules import Edition, RuleBook
from services.intake.domain.agency import Agency, edition_for, first_day, shut
from services.intake.domain.shape import by_edition, read, time_of
from services.intake.domain.validation import judge
from services.intake.importing.rows import Row

APPLICATIONS: Final = frozenset({ApplicationSubmittedV1.TYPE, ApplicationSubmittedV2.TYPE})


def is_application(row: Row) -> bool:
    """Whether a row's event begins a pilot; any other is about one that is there already."""
    return row.event is not None and row.event["type"] in APPLICATIONS


def edition_of(row: Row, entry: Agency | None, rules: RuleBook, now: datetime) -> Edition | None:
    """The edition by which the event of a row is judged where its agency has this entry; None where none holds, or no
    entry is known."""
    if row.event is None or entry is None:
        return None
    return edition_for(entry, time_of(row.event) or now, rules)


def problems(row: Row, entry: Agency | None, rules: RuleBook, now: datetime) -> tuple[Problem, ...]:
    """Everything that is wrong with the event of a row, and what it would only be told. Of an application all is
    known; of an event about a pilot that is there already, what its contract says. Where no entry of its agency is
    known only the contract is asked."""
    if row.event is None or row.agency is None:
        return ()
    if entry is not None and (closed := shut(entry, now, rules)) is not None:
        return (closed,)
    edition = edition_of(row, entry, rules, now)
    if is_application(row) and entry is not None:
        return judge(row.event, row.agency, edition, now, since=first_day(entry)).problems
    found = read(row.event, row.agency, now, edition)
    return (*found.problems, *(by_edition(found.unknown, edition) if edition else found.unknown))
