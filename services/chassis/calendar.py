"""Calendars for consoles and scripts, which have no composition root: the packaged ones, and what is put over them.

No service asks here: each is handed its calendars at its start (`services/law/calendar.py`), and they never change.
"""

from collections.abc import Sequence

from contracts.calendars import CalendarUpdate
from services.law.calendar import Calendar, Calendars

_at_hand = [Calendars.load()]


def calendar(id: str) -> Calendar:
    """The calendar of this id. Raises UnknownCalendar."""
    return _at_hand[0][id]


def install(updates: Sequence[CalendarUpdate]) -> None:
    """Puts these updates over the packaged calendars, and takes away those before. Raises like `Calendars.load`."""
    _at_hand[0] = Calendars.load(updates)
