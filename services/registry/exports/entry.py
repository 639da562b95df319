"""What an entry of the timeline says, for people: its fields by their names, codes by their labels, days as days, money
in units. Files for programs have the same as JSON.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from contracts.words import Language, say
from services.registry import views
from services.registry.amounts import decimals
from services.registry.exports.columns import OFFICE, REGION, SECTOR, SOURCE, TERM, Labels, edition_title
from services.registry.exports.entry_words import CODES, FIELDS

LABELS: Final[Mapping[str, Labels]] = {
    "sector": SECTOR,
    "region": REGION,
    "office": OFFICE,
    "source": SOURCE,
    "kind": TERM,
    "edition": edition_title,
}
"""The fields whose codes are of an edition's lists."""
CODED: Final = frozenset(
    {"verdict", "severity", "outcome", "decision", "impact", "probability", "unit", "legal_effect", "origin"}
    | {"procedure", "stage", "what"}
)
"""The fields whose codes are of a closed list of the contracts."""
BELOW: Final = "\n  – "
"""Before each part of a list that has parts of its own."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]{5})")


def in_words(entry: str, language: Language) -> str:
    """What an entry says, a line for each of its fields; `entry` is JSON. What is no object stays as it stands."""
    said = json.loads(entry)
    return "\n".join(_Words(language).lines(said)) if isinstance(said, dict) else entry


@dataclass(frozen=True, slots=True)
class _Words:
    language: Language

    def lines(self, said: Mapping[str, Any]) -> Iterator[str]:
        """Each field that says something, under its name."""
        for name, value in said.items():
            if text := self.text(name, value):
                heading = say(FIELDS[name], self.language) if name in FIELDS else name
                yield f"{heading[:1].upper()}{heading[1:]}:{'' if text.startswith(BELOW) else ' '}{text}"

    def text(self, name: str, value: Any) -> str:
        """A value of a field of this name; empty where it says nothing."""
        match value:
            case None:
                return ""
            case bool():
                return say("export.yes" if value else "export.no", self.language)
            case int() if name == "basis_points":
                return f"{value / 100:g} %"
            case str():
                return self._word(name, value)
            case list():
                return self._several(name, value)
            case dict():
                return self._part(value)
            case _:
                return str(value)

    def _word(self, name: str, value: str) -> str:
        if name in LABELS:
            return LABELS[name](value, self.language, None) or value
        if name in CODED and value in CODES:
            return say(CODES[value], self.language)
        try:
            if _DAY.fullmatch(value):
                return self._day(date.fromisoformat(value))
            if _MOMENT.fullmatch(value):
                when = datetime.fromisoformat(value).astimezone(views.ZONE)
                return f"{self._day(when)} {when:%H:%M}"
        except ValueError:
            pass
        return value

    def _day(self, day: date) -> str:
        return f"{day:%Y-%m-%d}" if self.language == "en" else f"{day:%d.%m.%Y}"

    def _several(self, name: str, values: Sequence[Any]) -> str:
        texts = [text for one in values if (text := self.text(name, one))]
        if any(isinstance(one, dict) for one in values):
            return "".join(f"{BELOW}{text}" for text in texts)
        return ", ".join(texts)

    def _part(self, value: Mapping[str, Any]) -> str:
        """A part of an entry: an amount, a number of an organisation, a party, or its fields one behind the other."""
        if {"amount_minor", "currency"} <= value.keys():
            return self._beside(self._amount(value["amount_minor"], str(value["currency"])), value)
        if value.keys() == {"scheme", "value"}:
            return f"{value['scheme']} {value['value']}"
        if isinstance(value.get("id"), dict) and value.get("name"):
            return f"{value['name']} ({self.text('id', value['id'])})"
        return "; ".join(self.lines(value))

    def _beside(self, amount: str, value: Mapping[str, Any]) -> str:
        others = {name: one for name, one in value.items() if name not in ("amount_minor", "currency")}
        said = "; ".join(self.lines(others))
        return f"{amount} ({said})" if said else amount

    def _amount(self, minor: int, currency: str) -> str:
        digits = decimals(currency)
        whole, rest = divmod(abs(minor), 10**digits)
        grouped = f"{whole:,}" if self.language == "en" else f"{whole:,}".replace(",", "\u00a0")
        point = "." if self.language == "en" else ","
        return f"{'-' if minor < 0 else ''}{grouped}{f'{point}{rest:0{digits}d}' if digits else ''} {currency}"
