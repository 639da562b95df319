"""What stands in the columns of a list that is taken out: for people, who read headings and labels, not codes.

A list's columns are named here once, in their order. Files for programs have the names, codes and whole minor units; a
workbook has headings in the language that was asked for, a label beside each code, days as days, money in units.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Final, Literal

from contracts.data import Titled
from contracts.reference import Role
from contracts.rules import CodeList, Edition, load
from contracts.words import Language, say
from services.registry.domain.export import List
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import NAMES, Mover, Stage
from services.registry.exports.names import FACTS, MONEY_STAGES, MOVERS, ROLES

Kind = Literal["text", "day", "moment", "amount", "yes-no", "entry", "any"]
Labels = Callable[[str, Language, str | None], str | None]
"""What a code means, in a language, by an edition; None where nobody says."""
SEVERAL: Final = "several"
"""Stands for the currency where a sum would have several."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, the id of its heading, what stands in it, how wide it is in characters.

    `labels` says what its codes mean, one or several with blanks between them; `currency` is the column that says in
    which currency an amount is; `about` is the id of what must be known of it.
    """

    name: str
    heading: str = ""
    kind: Kind = "text"
    width: int = 16
    labels: Labels | None = None
    currency: str = ""
    about: str = ""


def _worded(ids: Mapping[str, str]) -> Labels:
    return lambda code, language, _edition: say(ids[code], language) if code in ids else None


def _listed(list_of: Callable[[Edition], CodeList | None]) -> Labels:
    def label(code: str, language: Language, edition: str | None) -> str | None:
        return _titles(list_of, edition, language).get(code)

    return label


@cache
def _titles(
    list_of: Callable[[Edition], CodeList | None], edition: str | None, language: Language
) -> Mapping[str, str]:
    """The titles of a code list in an edition; of one that is not known, in all of them, the first first."""
    book = load()
    editions = [book[edition]] if edition is not None and edition in book else [*book.values()]
    entries = chain.from_iterable(found.entries for one in reversed(editions) if (found := list_of(one)) is not None)
    return {entry.code: _title(entry, language) for entry in entries}


def _title(entry: Titled, language: Language) -> str:
    return {"ru": entry.ru, "be": entry.be, "en": entry.en}[language]


STAGE: Final = _worded({stage.value: NAMES[stage] for stage in Stage})
MONEY_STAGE: Final = _worded({stage.value: MONEY_STAGES[stage] for stage in MoneyStage})
MOVER: Final = _worded({mover.value: MOVERS[mover] for mover in Mover})
ROLE: Final = _worded({role.value: ROLES[role] for role in Role})
FACT: Final = _worded(FACTS)
SECTOR: Final = _listed(lambda edition: edition.sectors)
REGION: Final = _listed(lambda edition: edition.regions)
SOURCE: Final = _listed(lambda edition: edition.money.sources if edition.money else None)


@cache
def _terms(language: Language) -> Mapping[str, str]:
    """What terms are called; where editions differ, by the first."""
    return {kind: _title(rule, language) for one in reversed([*load().values()]) for kind, rule in one.terms.items()}


def _term(code: str, language: Language, _edition: str | None) -> str | None:
    return _terms(language).get(code)


TERM: Final[Labels] = _term
OFFICE: Final = _listed(lambda edition: edition.offices)


def edition_title(code: str, language: Language, _edition: str | None) -> str | None:
    """What an edition is called."""
    found = load().get(code)
    return None if found is None else {"ru": found.title_ru, "be": found.title_be, "en": found.title_en}[language]


ID: Final = Column("id", "export.column.id", width=38, about="export.about.id")
PILOT: Final = Column("pilot", "export.column.id", width=38, about="export.about.id")
NUMBER: Final = Column("number", "export.column.number", width=18)
TITLE: Final = Column("title", "export.column.title", width=60)
AGENCY: Final = Column("agency", "export.column.agency", width=20)
AGENCY_NAME: Final = Column("agency_name", "export.column.agency-name", width=40, about="export.about.agency-name")
EDITION: Final = Column(
    "edition", "export.column.edition", width=40, labels=edition_title, about="export.about.edition"
)
COLUMNS: Final[Mapping[List, Sequence[Column]]] = {
    List.PILOTS: (
        NUMBER,
        TITLE,
        Column("stage", "export.column.stage", width=26, labels=STAGE),
        Column("next_move", "export.column.next-move", width=24, labels=MOVER),
        Column("sector", "export.column.sector", width=26, labels=SECTOR),
        Column("sectors", "export.column.sectors", width=30, labels=SECTOR),
        AGENCY,
        AGENCY_NAME,
        Column("region", "export.column.region", width=22, labels=REGION),
        Column("entered", "export.column.entered", "moment", 17),
        Column("started", "export.column.started", "day", 12),
        Column("until", "export.column.until", "day", 12),
        Column("planned_minor", "export.column.planned", "amount", 18, currency="planned_currency"),
        Column("planned_currency", "export.column.planned-currency", width=10, about="export.about.currency"),
        Column("committed_minor", "export.column.committed", "amount", 18, currency="committed_currency"),
        Column("committed_currency", "export.column.committed-currency", width=10),
        Column("paid_minor", "export.column.paid", "amount", 18, currency="paid_currency"),
        Column("paid_currency", "export.column.paid-currency", width=10),
        Column("overpaid", "export.column.overpaid", "yes-no", 14, about="export.about.overpaid"),
        EDITION,
        ID,
    ),
    List.MONEY: (
        NUMBER,
        TITLE,
        AGENCY,
        AGENCY_NAME,
        Column("stage", "export.column.money-stage", width=20, labels=MONEY_STAGE),
        Column("sector", "export.column.sector", width=26, labels=SECTOR, about="export.about.parts"),
        Column("source", "export.column.source", width=36, labels=SOURCE),
        Column("year", "export.column.year", "any", 8, about="export.about.year"),
        Column("amount_minor", "export.column.amount", "amount", 18, currency="currency"),
        Column("currency", "export.column.currency", width=10),
        EDITION,
        PILOT,
    ),
    List.TIMELINE: (
        NUMBER,
        TITLE,
        Column("sequence", "export.column.sequence", "any", 9, about="export.about.sequence"),
        Column("time", "export.column.time", "moment", 17, about="export.about.time"),
        Column("date", "export.column.date", "day", 12, about="export.about.date"),
        Column("type", "export.column.type", width=34, labels=FACT),
        Column("role", "export.column.role", width=24, labels=ROLE),
        Column("organisation", "export.column.organisation", width=20),
        Column("body", "export.column.body", width=26),
        Column("kind", "export.column.kind", width=18),
        Column("document", "export.column.document", width=18),
        Column("document_date", "export.column.document-date", "day", 12),
        Column("what", "export.column.what", "entry", 60, about="export.about.what"),
        PILOT,
    ),
}
"""The columns of each list."""


FILTERS: Final[Mapping[str, Column]] = {
    "agency": AGENCY,
    "office": Column("office", "export.column.office", labels=OFFICE),
    "region": Column("region", "export.column.region", labels=REGION),
    "year": Column("year", "export.column.year-of-entry"),
    "since": Column("since", "export.column.since"),
    "until": Column("until", "export.column.until-day"),
}
"""By what a list can be cut down and does not show in a column of its own."""


def names(of: List) -> tuple[str, ...]:
    """The names of a list's columns, in their order."""
    return tuple(column.name for column in COLUMNS[of])


def columns_of(of: List, wanted: Iterable[str]) -> list[Column]:
    """The columns of these names; one that an earlier program gathered, and this one does not know, as it stands."""
    known = {column.name: column for column in COLUMNS[of]}
    return [known.get(name, Column(name, kind="any")) for name in wanted]


def labelled(column: Column, value: str, language: Language, edition: str | None) -> str:
    """What the codes in a cell mean; a code of which nobody says it stands for itself."""
    assert column.labels is not None
    return "; ".join(column.labels(code, language, edition) or code for code in value.split())


def filtered(of: List, name: str, value: str, language: Language) -> str:
    """By what a list was cut down, in words: what the code means, and the code beside it."""
    column = next((one for one in COLUMNS[of] if one.name == name), FILTERS.get(name))
    heading = say(column.heading, language) if column else name
    label = labelled(column, value, language, None) if column and column.labels else value
    return f"{heading}: {value if label == value else f'{label} ({value})'}"
