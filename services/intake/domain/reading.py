"""Who read the personal data of an application's contact persons (учёт обращений к персональным данным).

It is a subject of its own beside the application, so that reading changes nothing that another officer has seen.
"""

from collections.abc import Sequence
from typing import Final, assert_never

from contracts.event import Contract, Fact
from contracts.intake import ContactReading, ContactReadV1
from services.intake.domain.agency import Given
from services.law.decision import Context

KIND: Final = "reading"


class Readings(Contract):
    """How often it was read; who and when stands in the facts."""

    count: int = 0


class ReadContacts(ContactReading):
    """Note that the acting person reads the data of these contact persons."""


def subject_of(pilot: str) -> str:
    """The subject of an application's readings."""
    return f"{KIND}:{pilot}"


def decide(_state: Readings | None, command: ReadContacts, context: Context[Given]) -> Sequence[Fact]:
    """Each reading is a fact."""
    match command:
        case ReadContacts():
            return (ContactReadV1.made_of(command, actor=context.actor),)
        case _:
            assert_never(command)


def evolve(state: Readings | None, fact: Fact) -> Readings | None:
    """One reading more; there is one fact of it."""
    return Readings(count=(state.count if state else 0) + 1) if isinstance(fact, ContactReadV1) else state
