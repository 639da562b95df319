"""What stands in the columns of the files that are open to all, for programs: a Table Schema (Frictionless Data 2.0).

It is made of the very columns that the files are written with, so a column that a file has and this does not know is a
fault of the program, which a test finds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from contracts.reference import Procedure
from contracts.words import Language, say
from services.registry import views
from services.registry.domain.export import List
from services.registry.domain.money import MoneyStage
from services.registry.exports import open_rows
from services.registry.exports.columns import COLUMNS, SEVERAL, Column
from services.registry.exports.open_rows import TITLE

PROFILE: Final = "https://datapackage.org/profiles/2.0/tableschema.json"
TYPES: Final[Mapping[str, str]] = {"day": "date", "moment": "datetime", "amount": "integer"}
"""What of the kinds of columns has a type of its own; all else is text."""
CURRENCY: Final = "[A-Z]{3}"
AMOUNT: Final = "_amount"
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A column as programs read it: its type, the ids of what it is called and of what must be known of it, and what
    its values keep to."""

    heading: str
    type: str = "string"
    about: str = ""
    constraints: Mapping[str, Any] | None = None
    of_code: bool = False
    """It says what the code beside it means."""

    def said(self, name: str, language: Language) -> Schema:
        """Its place in a schema."""
        heading = say(self.heading, language)
        found: Schema = {
            "name": name,
            "type": self.type,
            "title": say("open.column.of-code", language, {"name": heading}) if self.of_code else heading,
        }
        if self.about:
            found["description"] = say(self.about, language)
        if self.constraints:
            found["constraints"] = dict(self.constraints)
        return found


def _of(column: Column) -> Field:
    return Field(column.heading, TYPES.get(column.kind, "string"), column.about)


def _known(of: List) -> dict[str, Field]:
    """The columns that a list inside the house has, too, with those that say what its codes mean."""
    found = {column.name: _of(column) for column in COLUMNS[of]}
    coded = {column.name for column in COLUMNS[of] if column.labels}
    return found | {f"{name}{TITLE}": replace(found[name], about="", of_code=True) for name in coded}


def _one_of(known: Mapping[str, Field], name: str, values: Sequence[str]) -> dict[str, Field]:
    return {name: replace(known[name], constraints={"required": True, "enum": [*values]})}


def _sums(known: Mapping[str, Field]) -> dict[str, Field]:
    """Of each stage of money what was said of it: a decimal number, a currency, whole smallest units."""
    found = dict[str, Field]()
    for stage in MoneyStage:
        minor, currency = known[f"{stage}_minor"], known[f"{stage}_currency"]
        found[f"{stage}{AMOUNT}"] = replace(minor, type="number", about="open.about.amount")
        found[f"{stage}_minor"] = replace(minor, about="open.about.minor")
        pattern = {"pattern": f"{CURRENCY}|{SEVERAL}"}
        found[f"{stage}_currency"] = replace(currency, about="open.about.several", constraints=pattern)
    return found


LIST: Final = _known(List.PILOTS)
SHARES: Final = _known(List.MONEY)
REGION: Final = {name: LIST[name] for name in ("region", f"region{TITLE}")}
PILOTS: Final[Mapping[str, Field]] = {
    **LIST,
    **_sums(LIST),
    **_one_of(LIST, "stage", views.public_stages("always", "once-concluded")),
    "procedure": Field("open.column.procedure", constraints={"required": True, "enum": [*Procedure]}),
    "number": replace(LIST["number"], constraints={"required": True}),
    "sectors": replace(LIST["sectors"], about="open.about.sectors"),
    "entered": replace(LIST["entered"], about="open.about.moment", constraints={"required": True}),
    "id": replace(LIST["id"], constraints={"required": True, "unique": True}),
}
MONEY: Final[Mapping[str, Field]] = {
    **SHARES,
    **REGION,
    **_one_of(SHARES, "stage", [*MoneyStage]),
    "sector": replace(SHARES["sector"], constraints={"required": True}),
    "year": replace(SHARES["year"], type="year"),
    "currency": replace(SHARES["currency"], constraints={"required": True, "pattern": CURRENCY}),
    "amount": Field("export.column.amount", "number", "open.about.amount", {"required": True}),
    "amount_minor": Field("export.column.amount", "integer", "open.about.minor", {"required": True}),
    "pilots": Field("open.column.pilots", "integer", "", {"required": True, "minimum": 1}),
}


def pilots(language: Language) -> Schema:
    """Of the list of public pilots: a row for each, known by its id."""
    return {**_schema(open_rows.PILOTS, PILOTS, language), "primaryKey": ["id"]}


def sums(by: Sequence[str], language: Language) -> Schema:
    """Of a table of sums by these axes."""
    return _schema(open_rows.money_columns(by), MONEY, language)


def _schema(columns: Sequence[str], known: Mapping[str, Field], language: Language) -> Schema:
    return {
        "$schema": PROFILE,
        "fields": [known[name].said(name, language) for name in columns],
        "missingValues": [""],
    }
