"""The rows of the files that are open to all: lines of public lists and sums of money, flat, with a column beside each
code that says what it means. Names of columns are codes. An amount stands twice: `amount` as a decimal number of the
currency beside it, `minor` in whole smallest units of it, which programs add up exactly."""

from collections.abc import Mapping, Sequence
from typing import Final

from contracts.words import Language
from services.chassis.exports.files import Cell
from services.registry.amounts import in_units
from services.registry.domain.money import MoneyStage
from services.registry.exports.columns import MONEY_STAGE, REGION, SECTOR, SOURCE, STAGE, Column, Labels, labelled
from services.registry.exports.rows import sums
from services.registry.views import View

TITLE: Final = "_title"
CODED: Final[Mapping[str, Labels]] = {"stage": STAGE, "sectors": SECTOR, "region": REGION}
PILOTS: Final = (
    "number",
    "title",
    "stage",
    f"stage{TITLE}",
    "sectors",
    f"sectors{TITLE}",
    "procedure",
    "agency",
    "agency_name",
    "region",
    f"region{TITLE}",
    "entered",
    "started",
    "until",
    *(f"{stage}_{part}" for stage in MoneyStage for part in ("amount", "currency", "minor")),
    "id",
)
"""The columns of a list of public pilots. A pilot with sums in several currencies has `several` and no amount."""
CODED_MONEY: Final[Mapping[str, Labels]] = {
    "stage": MONEY_STAGE,
    "sector": SECTOR,
    "source": SOURCE,
    "region": REGION,
}


def pilot(line: View, language: Language) -> dict[str, Cell]:
    """A row of a line of the public list."""
    flat: dict[str, Cell] = {name: line.get(name) for name in PILOTS if name in line and name != "sectors"}
    flat["sectors"] = " ".join(line["sectors"] or [line["sector"]])
    return {**flat, **_titles(flat, CODED, language), **_amounts(sums(line["totals"]))}


def _amounts(flat: Mapping[str, Cell]) -> dict[str, Cell]:
    """Sums with what each is as a decimal number."""
    units: dict[str, Cell] = {
        f"{stage}_amount": in_units(minor, str(flat[f"{stage}_currency"]))
        for stage in MoneyStage
        if isinstance(minor := flat[f"{stage}_minor"], int)
    }
    return {**flat, **units}


def money_columns(by: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table of sums by these axes."""
    named = (*by, *(one for one in ("currency", "stage") if one not in by))
    beside = {**{one: f"{one}{TITLE}" for one in CODED_MONEY}, "agency": "agency_name"}
    coded = [part for one in named for part in ((one, beside[one]) if one in beside else (one,))]
    return (*coded, "amount", "amount_minor", "pilots")


def sum_of(said: View, language: Language) -> dict[str, Cell]:
    """A row of a sum."""
    return {**said, **_titles(said, CODED_MONEY, language)}


def _titles(said: Mapping[str, Cell], coded: Mapping[str, Labels], language: Language) -> dict[str, Cell]:
    """What the codes of a row mean."""
    return {
        f"{name}{TITLE}": labelled(Column(name, labels=labels), str(said[name]), language, None)
        for name, labels in coded.items()
        if said.get(name)
    }
