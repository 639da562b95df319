"""Which columns of a spreadsheet that nobody has described yet are likely which fields of an application.

A guess by how headings are usually worded, in Russian, Belarusian and English (assumption); who sends the file corrects
it by hand.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from services.intake.importing import tables
from services.intake.importing.asked import OVER_HTTP
from services.intake.importing.forms import text_of
from services.intake.importing.mapping import FileHints
from services.intake.importing.tables import Table

SAMPLES: Final = 5
"""So many rows are shown beside the headings."""
LONGEST: Final = 80
"""Characters of a cell that are shown of it."""
DIFFERENT: Final = 30
"""So many different texts a column may have whose words may stand for codes."""
WORDED: Final[Mapping[str, tuple[str, ...]]] = {
    "title": ("наименование проекта", "название проекта", "наименование", "название", "проект", "назва", "title"),
    "problem": ("проблема", "суть проблемы", "описание проблемы", "праблема", "problem"),
    "solution": ("решение", "что предлагается", "предлагаемое решение", "рашэнне", "solution"),
    "sector": ("отрасль", "галіна", "сфера", "sector", "направление", "напрамак"),
    "customer.id.value": ("унп заказчика", "заказчик / унп", "унп заказчыка", "customer number"),
    "customer.name": ("заказчик", "заказчик / название", "наименование заказчика", "заказчык", "customer"),
    "initiator.id.value": ("унп инициатора", "инициатор / унп", "унп ініцыятара", "initiator number"),
    "initiator.name": ("инициатор", "инициатор / название", "ініцыятар", "initiator"),
    "executor.id.value": ("унп исполнителя", "исполнитель / унп", "унп выканаўцы", "executor number"),
    "executor.name": ("исполнитель", "исполнитель / название", "выканаўца", "executor"),
    "territory": ("территория", "тэрыторыя", "territory"),
    "region": ("регион", "область", "рэгіён", "region"),
    "planned_start": ("начало", "дата начала", "начало по плану", "срок / с", "пачатак", "start"),
    "planned_end": (
        "окончание",
        "дата окончания",
        "окончание по плану",
        "срок / по",
        "заканчэнне",
        "end",
        "конец",
        "канец",
    ),
    "expected_effect": ("ожидаемый эффект", "эффект", "чаканы эфект", "expected effect", "effect"),
    "own_number": ("номер ведомства", "номер заявителя", "наш номер", "номер", "нумар", "own number", "number"),
    "costs.0.amount_minor": ("стоимость", "сумма", "стоимость, руб.", "сумма, руб.", "кошт", "amount", "cost"),
    "costs.0.source": ("источник финансирования", "источник", "крыніца фінансавання", "source"),
    "costs.0.year": ("год", "year"),
    "time": ("дата заявки", "дата подачи", "дата", "дата заяўкі", "date"),
}
"""How the headings of each field are worded, the likeliest first. What counts the rows of a plan («№ п/п») is no number
of an application: next year's plan has the same."""
WANTED: Final = tuple(dict.fromkeys(one for words in WORDED.values() for one in words))
ALONE: Final = frozenset(
    re.findall(
        r"\w+",
        "номер нумар number дата date год year проект наименование название назва title область region решение рашэнне "
        "solution эффект effect источник source начало пачатак start конец канец end направление напрамак",
    )
)
"""Words that name a field where they are the whole heading, and within one anything: «Решение совета» is none."""
UNSAID: Final = frozenset(
    re.findall(
        r"\w+",
        "и в на по для с руб рублей белорусских бел byn пилотного пилотный пилотнага пилота пілотнага проекта праекта "
        "the of in project pilot",
    )
)
"""Words of a heading that say nothing of what stands below it."""
OTHERWISE: Final = re.compile(
    r"\b(тыс|млн|млрд|thousand|million|контакт|телефон|почт|лиц|фио|должност|contact|phone|mail)"
)
"""What makes another thing of the words beside it: other units, and who is to be called."""
ENDING: Final = 3
"""Letters that the ends of one word differ by at most."""
COVERED: Final = 0.5
"""So much of a heading's words must be those by which a field is called."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A table as it was found, and for each field the heading under which it likely stands; none stands for two."""

    table: Table
    columns: Mapping[str, str]

    @property
    def headings(self) -> list[str]:
        """The headings that there are."""
        return [one for one in self.table.headings if one]

    @property
    def samples(self) -> list[list[str]]:
        """The first of its rows, each with a cell for every heading."""
        at = [place for place, one in enumerate(self.table.headings) if one]
        return [[text_of(cells[n])[:LONGEST] for n in at] for _number, cells in self.table.rows[:SAMPLES]]

    @property
    def texts(self) -> dict[str, list[str]]:
        """The different texts below each heading, where they are few and short: words that may stand for codes."""
        found = dict[str, list[str]]()
        for at, heading in enumerate(self.table.headings):
            cells = (text_of(row[at]).strip() for _number, row in self.table.rows)
            texts = list(islice(dict.fromkeys(one for one in cells if one), DIFFERENT + 1))
            if heading and 0 < len(texts) <= DIFFERENT and max(map(len, texts)) <= LONGEST:
                found[heading] = texts
        return found


def guessed(path: Path, hints: FileHints) -> Guess:
    """What stands in a file. Raises FaultyFile for one that cannot be read."""
    table = tables.read(path, WANTED, hints, likely=True, most=OVER_HTTP)
    columns, taken = dict[str, str](), set[int]()
    for field, place in (*_called_so(table), *_alike(table.headings)):
        if field not in columns and place not in taken:
            columns[field] = table.headings[place]
            taken.add(place)
    return Guess(table, columns)


def _called_so(table: Table) -> Iterator[tuple[str, int]]:
    """The fields whose headings are worded as here, the likeliest wordings of all fields before the others."""
    for rank in range(max(map(len, WORDED.values()))):
        for field, words in WORDED.items():
            place = table.columns.get(words[rank]) if rank < len(words) else None
            if place is not None:
                yield field, place


def _alike(headings: Sequence[str]) -> Iterator[tuple[str, int]]:
    """The fields whose wordings stand within a heading, in other forms of the words too, and make up most of it: the
    headings that are made up of one the most come first."""
    found = [
        (-share, -len(wording), field, place)
        for place, heading in enumerate(headings)
        if not OTHERWISE.search(heading.casefold())
        for there in [_words(heading)]
        for field, wordings in WORDED.items()
        for wording in wordings
        if wording not in ALONE and (share := _share(_words(wording), there)) >= COVERED
    ]
    yield from ((field, place) for _, _, field, place in sorted(found))


def _share(asked: Sequence[str], there: Sequence[str]) -> float:
    """How much of a heading's words those of a wording make up; 0 where one of them is not in it."""
    if not all(any(_same(word, one) for one in there) for word in asked):
        return 0.0
    saying = [one for one in there if one not in UNSAID]
    return sum(any(_same(word, one) for word in asked) for one in saying) / len(saying) if saying else 0.0


def _same(word: str, other: str) -> bool:
    """Whether two words are one but for their ends, which differ from case to case: «проблема», «проблемы»."""
    root = max(3, len(word) - 2)
    return word[:root] == other[:root] and abs(len(word) - len(other)) <= ENDING


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("ё", "е"))
