"""What the pages say, in Russian, Belarusian and English: catalogues of gettext, read as they are; dates, counts and
money as each language writes them.

An id stands for a sentence (`work.title`); `{name}` in it is a value. A check of the project holds that no id lacks one
of the three, and that every id is said somewhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, get_currency_precision, get_decimal_symbol

from contracts.words import LANGUAGES, Language

FOLDER: Final = Path(__file__).with_name("words")
LOCALES: Final[Mapping[Language, Locale]] = {
    "ru": Locale("ru"),
    "be": Locale("be"),
    "en": Locale("en", "GB"),
}
LETTERED: Final[Mapping[Language, str]] = {"ru": "Русский", "be": "Беларуская", "en": "English"}
"""What each language calls itself."""
FORMS: Final[Mapping[Language, tuple[str, ...]]] = {
    "ru": ("one", "few", "many", "other"),
    "be": ("one", "few", "many", "other"),
    "en": ("one", "other"),
}
"""The plural categories of CLDR in the order in which the catalogues have their forms; fractions are not counted."""
MOMENT: Final = timedelta(milliseconds=1)
DOUBLED: Final = re.compile(r"(?<=\d[\s\u00a0\u202f])г\.\.(?!\.)")
"""A year with its «г.», and the full stop of the sentence behind it."""
CODE_THEN_SUM: Final = re.compile(r"(?<=[^\W\d_])(?=\d)")
"""Between a currency that is called by letters and the sum behind it stands a blank, as CLDR has it (UTS 35, spacing of
currencies): babel leaves it out. A sign of its own (US$, €) stands close."""


@cache
def catalogue(language: Language) -> Catalog:
    """The catalogue of a language: of all parts of the pages together, each of which has a folder of its own."""
    whole = Catalog(locale=LOCALES[language])
    for path in sorted(FOLDER.glob(f"*/{language}.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=LOCALES[language]):
                if message.id:
                    whole[message.id] = message
    return whole


@dataclass(frozen=True)
class Words:
    """One language, and the zone in which moments are told."""

    language: Language
    zone: ZoneInfo

    def say(self, id: str, /, **values: object) -> str:
        """A sentence. One that is not there, which a check excludes, is said by its id."""
        found = catalogue(self.language).get(id)
        text = found.string if found is not None and isinstance(found.string, str) else id
        return _closed(text.format_map(values)) if values else text

    def count(self, id: str, number: int, /, **values: object) -> str:
        """A sentence with a number in it, in the form that the number asks for."""
        found = catalogue(self.language).get(id)
        forms = found.string if found is not None and isinstance(found.string, tuple) else (id,)
        form = FORMS[self.language].index(LOCALES[self.language].plural_form(abs(number)))
        return _closed(str(forms[min(form, len(forms) - 1)]).format_map({"n": self.number(number), **values}))

    def has(self, id: str) -> bool:
        """Whether there is such a sentence."""
        return catalogue(self.language).get(id) is not None

    def code(self, family: str, value: object) -> str:
        """What a code of a family is called; one that has no words here stands for itself."""
        id = f"{family}.{value}"
        return self.say(id) if self.has(id) else str(value)

    @property
    def comma(self) -> str:
        """What the decimals of a number stand behind."""
        return get_decimal_symbol(LOCALES[self.language])

    def number(self, value: int | Decimal) -> str:
        """A number with its groups."""
        return format_decimal(value, locale=LOCALES[self.language])

    def decimal(self, value: float) -> str:
        """A number to its tenth."""
        return format_decimal(round(Decimal(value), 1), format="#,##0.0", locale=LOCALES[self.language])

    def money(self, minor: int, currency: str) -> str:
        """An amount of the smallest units of a currency, which no line ends within."""
        digits = get_currency_precision(currency)
        said = format_currency(Decimal(minor).scaleb(-digits), currency, locale=LOCALES[self.language])
        return CODE_THEN_SUM.sub("\u00a0", said)

    def day(self, value: date | str) -> str:
        """A day in words: 23 April 2026."""
        day = date.fromisoformat(value) if isinstance(value, str) else value
        return format_date(day, "long", locale=LOCALES[self.language])

    def moment(self, value: datetime | str) -> str:
        """A moment, with its time."""
        at = _moment(value).astimezone(self.zone)
        return format_datetime(at, "d MMMM y HH:mm", locale=LOCALES[self.language])

    def clock(self, value: datetime) -> str:
        """A moment to the second, for what is looked at while it changes."""
        return format_datetime(value.astimezone(self.zone), "d MMMM y HH:mm:ss", locale=LOCALES[self.language])

    def instant(self, value: datetime | str) -> str:
        """A moment to the millisecond, for what machines do."""
        at = _moment(value).astimezone(self.zone)
        return format_datetime(at, "dd.MM.y HH:mm:ss.SSS", locale=LOCALES[self.language])

    def last_day(self, due: datetime | str) -> date:
        """The last day of a term that runs out at this moment: to its end."""
        return (_moment(due) - MOMENT).astimezone(self.zone).date()


def _closed(sentence: str) -> str:
    """A sentence that ends with a day has one full stop: that of «2026 г.» closes it, too."""
    return DOUBLED.sub("г.", sentence)


def _moment(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def words_of(zone: str) -> Mapping[Language, Words]:
    """The words of every language, with moments told in a zone."""
    return {one: Words(one, ZoneInfo(zone)) for one in LANGUAGES}
