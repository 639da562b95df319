"""Working-day calendars: which day counts, which does not, and by which rule.

Holidays come from the `holidays` library, transfers of working days (переносы рабочих дней) and single
overrides from the files in `contracts/rules/calendars/` and from the dated updates of the deployment. A day is
decided by the first that speaks of it: override, transfer of an act, holiday, transfer of the library, weekend. A
year whose act is known takes no transfer from the library. A holiday that falls on a weekend is moved only where
the country's own law does so (not in Belarus). Days are calendar dates; zones are the caller's.
The composition root makes the calendars once (`Calendars.load`) and hands them on; nothing is read after that, and
there is no clock.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal, Self

import holidays
from holidays.version import __version__ as library_version

from contracts.calendars import CalendarRules, CalendarUpdate, MovedDay, Override, load_calendars
from contracts.event import Harmless
from contracts.reference import TermUnit
from contracts.words import Wording, wording

DAY: Final = timedelta(days=1)

SkipRule = Literal["weekend", "holiday", "moved-day", "override"]


class UnknownCalendar(Harmless, LookupError):
    """There is no calendar of this id. It is never replaced by another: wrong days are worse than none."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a day does not count: the rule, its words in three languages, and the act where one is known."""

    rule: SkipRule
    ru: str
    be: str
    en: str
    act: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a walk: it counts, or `skip` says why it does not. A Saturday with no skip is a worked one."""

    day: date
    skip: Skip | None


@dataclass(frozen=True, slots=True)
class _Year:
    working: tuple[int, ...]
    """The ordinals of the working days, ascending."""
    skips: dict[date, Skip]


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar of working days. `version` names all that its days follow from: the data file's version, the
    date of the last update with a fingerprint of the days of all, and the version of the holiday library.

    Years are worked out when they are first asked for and kept.
    """

    id: str
    version: str
    _rules: CalendarRules = field(repr=False)
    _years: dict[int, _Year] = field(default_factory=dict, repr=False, compare=False)

    def is_working(self, day: date) -> bool:
        """Whether the day is a working day (рабочий день)."""
        return day not in self._year(day.year).skips

    def explain(self, day: date) -> Skip | None:
        """Why the day does not count as a working day; None when it does."""
        return self._year(day.year).skips.get(day)

    def provisional(self, year: int) -> bool:
        """Whether the act that moves working days in this year is not in the data (yet)."""
        return self._rules.yearly_act and all(t.year != year for t in self._rules.transfers)

    def add(self, start: date, days: int, unit: TermUnit) -> date:
        """The last of `days` days that follow `start`; the day of the start does not count, working or not.

        Zero days give `start` itself. Raises ValueError for fewer.
        """
        if days < 0:
            raise ValueError("a number of days cannot be negative")
        if unit is TermUnit.CALENDAR_DAYS or days == 0:
            return start + days * DAY
        year, left = start.year, days
        working = self._year(year).working
        left += bisect_right(working, start.toordinal())
        while left > len(working):
            left -= len(working)
            year += 1
            working = self._year(year).working
        return date.fromordinal(working[left - 1])

    def count(self, start_exclusive: date, end_inclusive: date, unit: TermUnit) -> int:
        """How many days count after the first date up to and with the second; 0 when none lies between."""
        if end_inclusive <= start_exclusive:
            return 0
        if unit is TermUnit.CALENDAR_DAYS:
            return (end_inclusive - start_exclusive).days
        whole = sum(len(self._year(y).working) for y in range(start_exclusive.year, end_inclusive.year))
        return whole + self._through(end_inclusive) - self._through(start_exclusive)

    def walk(self, start_exclusive: date, end_inclusive: date, unit: TermUnit) -> Iterator[Day]:
        """Each day after the first date up to and with the second, and why it does not count."""
        for ordinal in range(start_exclusive.toordinal() + 1, end_inclusive.toordinal() + 1):
            day = date.fromordinal(ordinal)
            yield Day(day, self.explain(day) if unit is TermUnit.WORKING_DAYS else None)

    def _through(self, day: date) -> int:
        return bisect_right(self._year(day.year).working, day.toordinal())

    def _year(self, year: int) -> _Year:
        found = self._years.get(year)
        if found is None:
            # Two threads may both work it out; they come to the same result, so no lock is needed.
            found = self._years[year] = _work_out(self._rules, year)
        return found


@dataclass(frozen=True, slots=True)
class Calendars:
    """The calendars by which terms are counted, by their ids."""

    _by_id: Mapping[str, Calendar]

    @classmethod
    def load(cls, updates: Sequence[CalendarUpdate] = ()) -> Self:
        """The packaged calendars with these updates, in the order of their dates.

        Raises UnknownCalendar for an update of none of them, and pydantic.ValidationError for one that does not fit.
        """
        rules = {one.id: one for one in load_calendars()}
        ordered = sorted(updates, key=lambda update: update.dated)
        for update in ordered:
            if update.id not in rules:
                raise _unknown(update.id, rules)
            rules[update.id] = rules[update.id].updated(update)
        return cls({id: from_rules(one, [u for u in ordered if u.id == id]) for id, one in rules.items()})

    def __getitem__(self, id: str) -> Calendar:
        """The calendar of this id. Raises UnknownCalendar, which names the calendars that there are."""
        if id not in self._by_id:
            raise _unknown(id, self._by_id)
        return self._by_id[id]

    def work_out(self, years: Iterable[int]) -> None:
        """Works these years out now, so that nobody's first question waits for the holiday library to come."""
        for year in years:
            for one in self._by_id.values():
                one.is_working(date(year, 1, 1))

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of them all: what was counted by any other must be counted anew."""
        return tuple(sorted(one.version for one in self._by_id.values()))


def from_rules(rules: CalendarRules, updates: Sequence[CalendarUpdate] = ()) -> Calendar:
    """A calendar from rules that were read, e.g. to see what a new version would change; `updates` are in them."""
    changed = f"+{updates[-1].dated.isoformat()}-{_fingerprint(updates)}" if updates else ""
    return Calendar(rules.id, f"{rules.id}-{rules.version}{changed}+holidays-{library_version}", rules)


def _unknown(id: str, known: Iterable[str]) -> UnknownCalendar:
    return UnknownCalendar(f"no calendar {id!r}; known: {', '.join(sorted(known))}")


def _fingerprint(updates: Sequence[CalendarUpdate]) -> str:
    """What the updates say of days. A file that was mended, or came late, makes another version by it."""
    transfers = [(t.year, m.off, m.worked) for u in updates for t in u.transfers for m in t.moved]
    years = [t.year for u in updates for t in u.transfers]
    days = [(o.day, o.working) for u in updates for o in u.overrides]
    return hashlib.sha256(repr((years, transfers, days)).encode()).hexdigest()[:6]


def _work_out(rules: CalendarRules, year: int) -> _Year:
    days = [date(year, 1, 1) + n * DAY for n in range((date(year, 12, 31) - date(year, 1, 1)).days + 1)]
    # What a later layer says of a day stands; None says that the day is worked.
    said: dict[date, Skip | None] = _library_days(rules, year)
    for transfers in rules.transfers:
        said |= {pair.off: _moved(pair, transfers.origin.act) for pair in transfers.moved}
        said |= {pair.worked: None for pair in transfers.moved}
    for o in rules.overrides:
        said[o.day] = None if o.working else _overridden(o)
    skips = {day: skip for day in days if (skip := said.get(day)) is not None}
    return _Year(tuple(day.toordinal() for day in days if day not in skips), skips)


def _library_days(rules: CalendarRules, year: int) -> dict[date, Skip | None]:
    """Weekends and holidays; the library's own transfers only for a year whose act is not in the file.

    The years around are asked for too: an observed day or a transfer may come from another year's holiday.
    """
    english = _book(rules, year, rules.language_en)
    russian = _book(rules, year, rules.language_ru or rules.language_en)
    belarusian = _book(rules, year, rules.language_be or rules.language_ru or rules.language_en)
    published = any(transfers.year == year for transfers in rules.transfers)
    said: dict[date, Skip | None] = {}
    weekend = _skip("weekend", wording("day.weekend"))
    for n in range(366):
        day = date(year, 1, 1) + n * DAY
        if day.weekday() in english.weekend:
            said[day] = weekend
    if not published:
        said |= dict.fromkeys(english.weekend_workdays)
    for day in english:
        holiday = bool(_names(english, day, moved=False))
        if holiday or not published:
            names = [_names(book, day, moved=not holiday) for book in (russian, belarusian, english)]
            said[day] = Skip("holiday" if holiday else "moved-day", *names)
    return said


def _book(rules: CalendarRules, year: int, language: str) -> holidays.HolidayBase:
    around = (year - 1, year, year + 1)
    return holidays.country_holidays(rules.country, years=around, language=language, expand=False)


def _names(book: holidays.HolidayBase, day: date, moved: bool) -> str:
    """The day's holidays, or the library's words for a moved day off; the library keeps both as names."""
    label = getattr(book, "substituted_label", None)
    prefix = book.tr(label).split("%s")[0] if label else None
    names = [name for name in book.get_list(day) if moved == bool(prefix and name.startswith(prefix))]
    return "; ".join(names)


def _moved(pair: MovedDay, act: str | None) -> Skip:
    return _skip("moved-day", wording("day.moved", day=written(pair.worked)), act)


def _skip(rule: SkipRule, words: Wording, act: str | None = None) -> Skip:
    return Skip(rule, words.ru, words.be, words.en, act)


def written(day: date) -> Wording:
    """A day as each language writes it, to go into words."""
    return Wording(f"{day:%d.%m.%Y}", f"{day:%d.%m.%Y}", day.isoformat())


def _overridden(one: Override) -> Skip:
    return Skip("override", one.reason_ru, one.reason_be or one.reason_ru, one.reason_en, one.act)
