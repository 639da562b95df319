"""The working-day calendars as data: whose holidays, which days an act moved, and what overrides them.

A calendar is a TOML file in `rules/calendars/`; a deployment adds what was published since by files of its own
(`CalendarUpdate`).
"""

import tomllib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import Field, StrictBool, StrictInt, ValidationError, model_validator

from . import own
from .data import CalendarId, Data, Origin, Text, texts, unique
from .entered import YEARS


class MovedDay(Data):
    """A transfer of a working day (перенос рабочего дня): `off` is free, `worked` is worked for it."""

    off: date
    worked: date


class Transfers(Data):
    """The transfers of a year as a government act published them; `moved` may be empty, the act may not."""

    year: StrictInt = Field(ge=1991, le=YEARS[-1])
    moved: tuple[MovedDay, ...] = ()
    origin: Origin


class Override(Data):
    """A single day that is working or free against all other rules, with the reason and the act.

    `reason_be` may be left out, as the files of deployments from before it do: then the Russian reason stands for it.
    """

    day: date
    working: StrictBool
    reason_ru: Text
    reason_be: Text | None = None
    reason_en: Text
    act: Text


class CalendarDays(Data):
    """Days of a calendar that are not as the holidays of its country have them, and where that comes from."""

    id: CalendarId
    origin: Origin
    transfers: tuple[Transfers, ...] = ()
    overrides: tuple[Override, ...] = ()


class CalendarRules(CalendarDays):
    """A working-day calendar: the country whose holidays it takes, and what overrides them.

    `yearly_act`: working days are moved by an act for each year, so that a year without its act in
    `transfers` is provisional (предварительно). `language_*` are names of the holiday library's languages.
    """

    version: str = Field(pattern=r"^[0-9]{4}\.[0-9]+$")
    country: str = Field(pattern=r"^[A-Z]{2}$")
    language_ru: str | None = None
    language_be: str | None = None
    language_en: str
    yearly_act: StrictBool

    @model_validator(mode="after")
    def _each_day_is_said_once(self) -> Self:
        unique("year", tuple(str(t.year) for t in self.transfers))
        moved = [m for t in self.transfers for m in t.moved]
        unique("moved day", tuple(str(day) for m in moved for day in (m.off, m.worked)))
        unique("override", tuple(str(o.day) for o in self.overrides))
        return self

    def updated(self, update: "CalendarUpdate") -> "CalendarRules":
        """These rules after an update: its years and its days stand instead of what was said of them before.

        Raises pydantic.ValidationError when together they speak twice of a day.
        """
        years = {t.year: t for t in (*self.transfers, *update.transfers)}
        days = {o.day: o for o in (*self.overrides, *update.overrides)}
        changed = {"transfers": tuple(years.values()), "overrides": tuple(days.values())}
        return CalendarRules.model_validate({**dict(self), **changed})


class CalendarUpdate(CalendarDays):
    """What an act changed in a calendar after the release: a file of a deployment's own, as operators write them
    (`LOTSMAN_CALENDARS`). A file that was good for an older release stays good.

    `dated` is the date of the act; updates of one calendar take effect in that order.
    """

    dated: date

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.transfers or self.overrides):
            raise ValueError("neither transfers nor overrides are given")
        unique("year", tuple(str(t.year) for t in self.transfers))
        unique("override", tuple(str(o.day) for o in self.overrides))
        return self


class FaultyUpdate(ValueError):
    """A file of calendar updates that cannot be used; the message is one sentence that names file and fault."""


def read_calendar(text: str) -> CalendarRules:
    """A calendar from TOML. Raises tomllib.TOMLDecodeError, and pydantic.ValidationError with every fault."""
    return CalendarRules.model_validate(tomllib.loads(text))


@cache
def load_calendars() -> tuple[CalendarRules, ...]:
    """The calendars that the package carries, and those of the deployment's own folder: of one id the own one. Raises
    like `read_calendar` when a packaged one is faulty, and FaultyOwn with every fault of the own ones."""
    packaged = tuple(read_calendar(text) for text in texts("calendars"))
    unique("calendar", tuple(rules.id for rules in packaged))
    ours, faults = own_calendars()
    if faults:
        raise own.FaultyOwn(faults)
    return tuple({**{rules.id: rules for rules in packaged}, **ours}.values())


def own_calendars(folder: Path | None = None) -> tuple[dict[str, CalendarRules], list[str]]:
    """The calendars of a folder of own editions by id, and every fault in them; None: of the deployment's own."""
    return own.read(CalendarRules, {}, own.CALENDARS, top=folder)


def read_update(text: str) -> CalendarUpdate:
    """An update from TOML. Raises tomllib.TOMLDecodeError, and pydantic.ValidationError with every fault."""
    return CalendarUpdate.model_validate(tomllib.loads(text))


def load_updates(folder: Path) -> tuple[CalendarUpdate, ...]:
    """The calendar updates in the `.toml` files of a folder, in the order of their dates.

    Raises FaultyUpdate: no such folder, a file that cannot be read, an unknown calendar, two files of one date
    and calendar, or one that does not fit what stands before it.
    """
    if not folder.is_dir():
        raise FaultyUpdate(f"There is no folder {folder} with calendar updates.")
    files, others = own.files(folder)
    if others:
        raise _faulty(others[0], own.NO_DATA)
    read = [(path, _update(path)) for path in files]
    rules = {one.id: one for one in load_calendars()}
    places = dict[tuple[str, date], Path]()
    for path, update in sorted(read, key=lambda pair: pair[1].dated):
        if update.id not in rules:
            raise _faulty(path, f"there is no calendar {update.id}; known: {', '.join(sorted(rules))}")
        other = places.setdefault((update.id, update.dated), path)
        if other is not path:
            raise _faulty(path, f"{other.name} is of the same date and calendar, {update.dated} and {update.id}")
        try:
            rules[update.id] = rules[update.id].updated(update)
        except ValidationError as error:
            raise _faulty(path, _faults(error)) from None
    return tuple(sorted((update for _, update in read), key=lambda update: update.dated))


def _update(path: Path) -> CalendarUpdate:
    try:
        return read_update(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise _faulty(path, _faults(error)) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _faulty(path, str(error)) from None


def _faulty(path: Path, fault: str) -> FaultyUpdate:
    return FaultyUpdate(f"The calendar update {path} cannot be used: {fault}.")


def _faults(error: ValidationError) -> str:
    said = [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors(include_url=False)]
    return "; ".join(f"{place}: {message}" if place else message for place, message in said)
