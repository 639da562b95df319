"""How the columns of a spreadsheet become fields of applications: chosen by hand in a form, said as a mapping (TOML).

The mapping is what README.md says of spreadsheets; intake reads it, and tells what is wrong with it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from contracts.rules import Edition
from contracts.text import as_compared
from contracts.words import LANGUAGES, Language
from services.desk import fields
from services.desk.drafts import Fields
from services.desk.fields import Options
from services.desk.forms import Filled
from services.desk.words import Words

Reading = Mapping[str, Any]
"""A file as intake has read it."""
TEXT, DATE, MONEY, WHOLE = "text", "date", "money", "whole"
TIME: Final = "time"
AMOUNT: Final = "costs.0.amount_minor"
THOUSANDS: Final = "thousands"
MEANS: Final = "means-"
"""How the fields begin that say what a word of the file stands for."""
OWN: Final = "toml"
"""The field for a mapping of one's own, which stands in the place of what is chosen."""


@dataclass(frozen=True, slots=True)
class Target:
    """A field of an application that a column may become; `codes` are those that it takes, `of`: within what it is."""

    path: str
    kind: str = TEXT
    codes: str = ""
    needed: bool = False

    @property
    def name(self) -> str:
        """What its fields of the form are called after."""
        return self.path.replace(".", "-")


TARGETS: Final = (
    Target(TIME, DATE, needed=True),
    Target("title", needed=True),
    Target("problem", needed=True),
    Target("solution", needed=True),
    Target("sector", codes="sector", needed=True),
    Target("customer.id.value", needed=True),
    Target("customer.name"),
    Target("initiator.id.value", needed=True),
    Target("initiator.name"),
    Target("executor.id.value"),
    Target("executor.name"),
    Target("territory"),
    Target("region", codes="region"),
    Target("planned_start", DATE),
    Target("planned_end", DATE),
    Target("expected_effect"),
    Target("own_number"),
    Target(AMOUNT, MONEY),
    Target("costs.0.source", codes="source"),
    Target("costs.0.year", WHOLE),
)
"""All of them, in the order of the form."""


def called(words: Words, target: Target) -> str:
    """What a target is called."""
    if target.path == TIME:
        return words.say("sheet.time")
    steps = [step for step in target.path.split(".") if not step.isdecimal() and step not in ("id", "costs")]
    steps = ["party-number" if step == "value" else step for step in steps]
    return " – ".join(fields.called(words, fields.Field(step)) for step in steps)


def options(edition: Edition, target: Target) -> Options:
    """The codes that a target takes."""
    entries = {
        "sector": edition.sectors.entries,
        "region": edition.regions.entries,
        "source": edition.money.sources.entries if edition.money else (),
    }.get(target.codes, ())
    return [(one.code, one) for one in entries]


def offered(edition: Edition) -> Sequence[Target]:
    """The targets that an edition has."""
    return [one for one in TARGETS if edition.money or not one.path.startswith("costs.")]


# ---- from the form to the mapping


def text(filled: Filled, agency: str, edition: Edition, reading: Reading, language: Language) -> str:
    """The mapping that a form says of a file. Its name is the agency's, so that a row that is sent again is the same
    event. Where a word stands for no code, those of this language are named."""
    own = filled[OWN].strip()
    return own if own else "\n".join(_lines(filled, agency, edition, reading, language)) + "\n"


def _lines(filled: Filled, agency: str, edition: Edition, reading: Reading, language: Language) -> Iterator[str]:
    yield f"name = {_q(f'portal.{agency}')}"
    yield 'type = { value = "application-submitted.v2" }'
    yield f"zone = {_q(edition.zone)}"
    sources = {one: _source(filled, edition, one, reading, language) for one in offered(edition)}
    for target, source in sources.items():
        if target.path == TIME and source is not None:
            yield f"time = {source}"
    yield "[file]"
    yield f"header = {int(reading['header'])}"
    if reading.get("sheet"):
        yield f"sheet = {_q(reading['sheet'])}"
    yield "[agency]"
    yield f"code = {{ value = {_q(agency)} }}"
    yield "[fields]"
    for target, source in sources.items():
        if source is not None and target.path != TIME:
            yield f"{_q(target.path)} = {source}"
            yield from _beside(target, edition)


def _beside(target: Target, edition: Edition) -> Iterator[str]:
    """What goes with a field and stands in no column: by which scheme a number is, in which currency an amount."""
    party, _, rest = target.path.partition(".")
    if rest == "id.value":
        rule = getattr(edition.parties, party)
        yield f"{_q(f'{party}.id.scheme')} = {{ value = {_q(rule.schemes[0])} }}"
    if target.path == AMOUNT and edition.money:
        currency = next(one.code for one in edition.money.currencies if one.decimals == 2)
        yield f'"costs.0.currency" = {{ value = {_q(currency)} }}'


def _source(filled: Filled, edition: Edition, target: Target, reading: Reading, language: Language) -> str | None:
    """Where a field's value is from; None: from nowhere."""
    column, same = filled[f"from-{target.name}"], filled[f"same-{target.name}"].strip()
    if column:
        return "{ " + ", ".join(_read(filled, edition, target, column, reading, language)) + " }"
    if not same:
        return None
    if target.kind == WHOLE and same.isascii() and same.isdecimal():
        return f"{{ value = {int(same)} }}"
    if target.kind == DATE and _is_day(same):
        return f"{{ value = {same} }}"
    return f"{{ value = {_q(same)} }}"


def _is_day(said: str) -> bool:
    try:
        return date.fromisoformat(said).isoformat() == said
    except ValueError:
        return False


def _read(
    filled: Filled, edition: Edition, target: Target, column: str, reading: Reading, language: Language
) -> Iterator[str]:
    yield f"column = {_q(column)}"
    if target.kind in (DATE, MONEY, WHOLE) and target.path != TIME:
        yield f"kind = {_q(target.kind)}"
    if target.kind == MONEY and filled[THOUSANDS]:
        yield "times = 1000"
    if target.path in ("title", TIME):
        yield "required = true"
    if target.codes:
        known = _known(edition, target, language)
        known |= {said: filled[name] for name, said in unknown(filled, edition, target, reading) if filled[name]}
        pairs = ", ".join(f"{_q(said)} = {_q(code)}" for said, code in known.items())
        yield f"codes = {{ {pairs} }}"


def _known(edition: Edition, target: Target, language: Language) -> dict[str, str]:
    """What stands for each code: what it is called, in this language first, and the code itself."""
    found = dict[str, str]()
    for one in (language, *LANGUAGES):
        found |= {str(getattr(named, one)): code for code, named in options(edition, target)}
    return found | {code: code for code, _ in options(edition, target)}


def unknown(filled: Filled, edition: Edition, target: Target, reading: Reading) -> list[tuple[str, str]]:
    """The texts in the chosen column that stand for no code, where they are few, each with the name of the field in
    which somebody says for which it stands."""
    if not target.codes:
        return []
    known = {as_compared(one) for one in _known(edition, target, "ru")}
    texts = reading["texts"].get(filled[f"from-{target.name}"], ())
    return [(f"{MEANS}{target.name}-{_digest(one)}", one) for one in texts if as_compared(one) not in known]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _q(said: object) -> str:
    """A text as TOML writes it, whose basic strings are those of JSON but for one character."""
    return json.dumps(str(said), ensure_ascii=False).replace("\x7f", "\\u007f")


# ---- what the form begins with


def first(reading: Reading, before: Mapping[str, str]) -> dict[str, str]:
    """What stands in the form of a file: what was chosen for the last one, where this one has that heading, too; else
    what was guessed. A date for all rows is of one file alone and never of the clock, for with another date the same
    rows are other events: who sends the file writes it."""
    return _begun(reading, {name: value for name, value in before.items() if name != f"same-{TIME}"})


def _begun(reading: Reading, before: Mapping[str, str]) -> dict[str, str]:
    headings, found = set(reading["headings"]), dict[str, str]()
    for target in TARGETS:
        chosen, same = before.get(f"from-{target.name}", ""), before.get(f"same-{target.name}", "")
        if before and (chosen in headings or (not chosen and same)):
            found |= {f"from-{target.name}": chosen, f"same-{target.name}": same}
        else:
            found[f"from-{target.name}"] = reading["columns"].get(target.path, "")
    kept = [name for name in before if name in (THOUSANDS, OWN) or name.startswith(MEANS)]
    return found | {name: before[name] for name in kept if before[name]}


def anew(reading: Reading, typed: Fields) -> Fields:
    """The form when the file is read by other headings: what was chosen stays where these have it, the rest is guessed
    anew."""
    chosen = _begun(reading, dict(typed))
    others = [(name, value) for name, value in typed if name not in chosen and not name.startswith(("from-", "same-"))]
    return (*chosen.items(), *others)


def place(pointer: str) -> str | None:
    """To which field of the form a fault of the mapping leads: `/fields."title"` names a path."""
    path = pointer.strip("/").removeprefix('fields."').rstrip('"')
    known = next((one for one in TARGETS if one.path == path), None)
    return f"from-{known.name}" if known else None
