"""The packaged calendars, which most tests count by."""

from typing import Final

from services.law.calendar import Calendars

CALENDARS: Final = Calendars.load()
BY: Final = CALENDARS["BY"]
US: Final = CALENDARS["US"]
