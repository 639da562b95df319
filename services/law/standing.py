"""Whether an agency is let in at a moment: asked by every service that has a door for agencies."""

from datetime import date, datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from contracts.reference import Problem
from contracts.words import problem

KIND: Final = "agency"
"""The kind of an agency's entry; its subject is `agency:<code>` in each service that has one."""


class Standing(Protocol):
    """What is known of an agency: since when it is cut off, and the days that are its own."""

    @property
    def disabled(self) -> datetime | None:
        """Since when it is cut off."""

    @property
    def active_from(self) -> date | None:
        """Its first day."""

    @property
    def active_to(self) -> date | None:
        """Its last day."""


def shut(agency: Standing, now: datetime, zone: str) -> Problem | None:
    """Why an agency is not let in at this moment, or None: it is cut off, or the day is not one of its own. Days are
    those of the zone, and both the first and the last are its own."""
    if agency.disabled is not None:
        return problem("", "agency.disabled")
    day = now.astimezone(ZoneInfo(zone)).date()
    if agency.active_from is not None and day < agency.active_from:
        return problem("", "agency.not-yet", since=agency.active_from)
    if agency.active_to is not None and day > agency.active_to:
        return problem("", "agency.over", until=agency.active_to)
    return None
