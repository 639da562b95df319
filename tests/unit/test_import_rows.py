"""Files of many layouts as events: what is found of them, what a row becomes, and that its id is what the row says."""

import csv
import io
import json
import random
import tomllib
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.reference import Problem
from contracts.rules import load as rule_book
from contracts.steps import EditionFrom
from deploy.cli import importing as verb
from deploy.local.home import ROOT
from services.intake.domain.agency import Agency
from services.intake.importing import judging, mapping, report, rows, tables
from services.intake.importing.faulty import FaultyFile
from services.intake.importing.forms import Cell
from services.intake.importing.mapping import Described
from services.intake.importing.rows import Row
from services.intake.importing.work import Found
from services.intake.importing.workbooks import Line, Most

MAPPINGS = ROOT / "deploy" / "mappings"
NOW = datetime(2026, 11, 2, tzinfo=UTC)
HEAD = ("Номер", "Название", "Сумма", "Дата")
LINE = ("17-04", "Запись к врачу", "1 234,56", "01.10.2026")
SIMPLE: dict[str, Any] = {
    "name": "simple",
    "agency": {"code": {"value": "vedomstvo-primer"}},
    "type": {"value": "application-submitted.v2"},
    "time": {"column": "Дата"},
    "fields": {
        "title": "Название",
        "own_number": "Номер",
        "costs.0.source": {"value": "own-money"},
        "costs.0.currency": {"value": "BYN"},
        "costs.0.amount_minor": {"column": "Сумма", "kind": "money"},
    },
}


def described(**more: Any) -> Described:
    return mapping.read({**SIMPLE, **more})


def text(lines: Sequence[Sequence[str]], separator: str = ";") -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator).writerows(lines)
    return file.getvalue()


def file_of(folder: Path, body: str | bytes, encoding: str = "utf-8", name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(body if isinstance(body, bytes) else body.encode(encoding))
    return path


def book_of(folder: Path, lines: Sequence[Sequence[Cell]], name: str = "file.xlsx") -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    for line in lines:
        sheet.append(list(line))
    book.save(folder / name)
    return folder / name


def read(path: Path, how: Described | None = None) -> list[Row]:
    how = how or described()
    return [*rows.rows(tables.read(path, how.headings(), how.file), how)]


def data(row: Row) -> dict[str, Any]:
    assert row.event is not None, [one.problem for one in row.faults]
    found: dict[str, Any] = row.event["data"]
    return found


def judged(row: Row, edition: str) -> Sequence[Problem]:
    """What intake would say of a row of an agency that is entered by this edition."""
    entry = Agency(code="a", name="A", editions=(EditionFrom(edition=edition, since=date(2025, 1, 1)),))
    return judging.problems(row, entry, rule_book(), NOW)


def rules(row: Row) -> list[tuple[str | None, str]]:
    return [(one.column, one.problem.rule) for one in row.faults]


# ---- what is found of a file


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16", "koi8-r"])
def test_encodings_and_separators_are_found(tmp_path: Path, encoding: str, separator: str) -> None:
    [row] = read(file_of(tmp_path, text([HEAD, LINE], separator), encoding))
    assert data(row)["title"] == "Запись к врачу"
    assert data(row)["costs"] == [{"source": "own-money", "currency": "BYN", "amount_minor": 123_456}]


def test_western_letters_are_found_and_a_given_encoding_is_taken(tmp_path: Path) -> None:
    how = described(fields={"title": "Titre"}, time={"value": "2026-10-01"})
    path = file_of(tmp_path, "Nr;Titre\n1;Déjà vu à l’école\n", "cp1252")
    [row] = read(path, how)
    assert data(row) == {"title": "Déjà vu à l’école"}
    given_ = described(fields={"title": "Titre"}, time={"value": "2026-10-01"}, file={"encoding": "cp1251"})
    assert data(read(path, given_)[0])["title"] != "Déjà vu à l’école", "what is given is not doubted"


def test_letters_that_come_late_in_a_long_file_are_looked_at(tmp_path: Path) -> None:
    how = described(fields={"title": "Title"}, time={"value": "2026-10-01"})
    body = "No;Title\n" + "1;plain\n" * 20_000 + "2;Запись к врачу без очереди\n"
    assert data(read(file_of(tmp_path, body, "cp1251"), how)[-1])["title"] == "Запись к врачу без очереди"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "of the old kind"),
        (b"PK\x03\x04nonsense", "no workbook that can be read"),
        ("Номер;Название\n1;Имя\n".encode() + b"\xd0;\n" + "2;Имя\n".encode() * 20, "line 3"),
        ('Номер;Название;Сумма;Дата\n1;"Без конца;5,00;01.10.2026\n2;б;1;1\n'.encode(), "never closed"),
        ("Номер;Названия;Сумма;Дата\n".encode(), "Названия is probably meant"),
        (b"", "has no column"),
        ("Номер;Название;Название;Сумма;Дата\n".encode(), "stands there several times"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_sentence(tmp_path: Path, body: bytes, words: str) -> None:
    with pytest.raises(FaultyFile) as complaint:
        read(file_of(tmp_path, body))
    assert words in str(complaint.value)


def test_a_damaged_text_of_a_given_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"a;b\n\xff;\n")
    with pytest.raises(FaultyFile, match="line 2"):
        read(path, described(file={"encoding": "utf-8"}))
    with pytest.raises(FaultyFile, match="no encoding 'utf-9'"):
        read(path, described(file={"encoding": "utf-9"}))


def test_the_headings_are_found_below_a_title_and_empty_rows_are_none(tmp_path: Path) -> None:
    lines = [
        ("Отчёт", "", "", ""),
        ("", "", "", ""),
        (" номер", "НАЗВАНИЕ\n", "Сумма", "Дата"),
        ("", " ", "", ""),
        LINE,
    ]
    [row] = read(file_of(tmp_path, text([*lines, ("", "", "", "")])))
    assert (row.number, data(row)["title"]) == (5, "Запись к врачу")


def test_headings_in_two_rows_are_named_one_below_another(tmp_path: Path) -> None:
    lines = [
        ("Номер", "Название", "Деньги", "", "Даты", ""),
        ("", "", "Сумма", "Валюта", "Дата", "Другая"),
        ("17-04", "Запись к врачу", "5,00", "BYN", "01.10.2026", ""),
    ]
    path = file_of(tmp_path, text(lines))
    how = described(time={"column": "Даты / Дата"})
    [row] = read(path, how)
    assert data(row)["costs"][0]["amount_minor"] == 500
    assert row.number == 3


def test_a_heading_that_stands_twice_is_named_by_its_count(tmp_path: Path) -> None:
    lines = [("Номер", "Название", "Название", "Сумма", "Дата"), ("1", "первое", "второе", "5", "01.10.2026")]
    for name, wanted in (("Название (1)", "первое"), ("Название (2)", "второе")):
        [row] = read(file_of(tmp_path, text(lines)), described(fields={"title": name}))
        assert data(row)["title"] == wanted


def test_what_is_needed_leaves_out_what_it_stands_in_though_a_column_says_more_of_it(tmp_path: Path) -> None:
    sum_of = {"column": "Сумма", "kind": "money", "unreadable": "leave-out"}
    source = {"column": "Источник", "codes": {"Бюджет": "republican-budget"}}
    money = {"costs.0.source": source, "costs.0.currency": {"value": "BYN"}}
    lines = [("Название", "Сумма", "Источник", "Дата")]
    lines += [(f"Проект {given}", given, "Бюджет", "01.10.2026") for given in ("5", "н/д", "")]
    path = file_of(tmp_path, text(lines))
    for needed, left in ((False, [True, True, True]), (True, [True, False, False])):
        costs = {**money, "costs.0.amount_minor": {**sum_of, "needed": needed}}
        found = read(path, described(fields={"title": "Название", **costs}))
        assert ["costs" in data(row) for row in found] == left
        assert rules(found[1]) == [("Сумма", "import.left-out")]


def test_cells_of_several_lines_quotation_marks_and_ragged_rows(tmp_path: Path) -> None:
    body = (
        'Номер;Название;Сумма;Дата\r\n1;"Две\r\nстроки, ""в кавычках"" и ;";5;01.10.2026\r\n'
        "2;Без суммы;;01.10.2026;;\r\n3;Короткая\r\n4;Лишнее;5;01.10.2026;;хвост\r\n5;Как есть_x000D_;5;01.10.2026\r\n"
    )
    first, second, third, fourth, fifth = read(file_of(tmp_path, body))
    assert data(first)["title"] == 'Две\nстроки, "в кавычках" и ;'
    assert data(second) == {"title": "Без суммы", "own_number": "2"}, "a line of costs without an amount is none"
    assert rules(third) == [("Дата", "import.missing")]
    assert rules(fourth) == [(None, "import.ragged")]
    assert data(fifth)["title"] == "Как есть"
    assert [one.number for one in (first, second, third)] == [2, 3, 4]


def test_totals_are_no_rows(tmp_path: Path) -> None:
    lines = [HEAD, LINE, ("", "Итого: 1", "1 234,56", "")]
    assert len(read(file_of(tmp_path, text(lines)), described(file={"skip": {"Название": "Итого.*"}}))) == 1


# ---- workbooks


def test_a_workbook_says_the_same_as_a_text(tmp_path: Path) -> None:
    typed: tuple[Cell, ...] = ("17-04", "Запись к врачу", 1234.56, datetime(2026, 10, 1))
    [book] = read(book_of(tmp_path, [("План", None), HEAD, typed]))
    [plain] = read(file_of(tmp_path, text([HEAD, LINE])))
    assert book.event == plain.event and book.event is not None
    assert book.number == 3


def test_the_sheet_with_the_headings_is_taken_and_another_can_be_named(tmp_path: Path) -> None:
    path = book_of(tmp_path, [("Пояснения",)])
    book = openpyxl.load_workbook(path)
    for name, title in (("Данные", "Первый"), ("Другие", "Второй")):
        sheet = book.create_sheet(name)
        sheet.append(HEAD)
        sheet.append(("1", title, 5, datetime(2026, 10, 1)))
    book.save(path)
    assert data(read(path)[0])["title"] == "Первый"
    assert data(read(path, described(file={"sheet": "Другие"}))[0])["title"] == "Второй"
    with pytest.raises(FaultyFile, match="has no sheet 'Нет'"):
        read(path, described(file={"sheet": "Нет"}))


def test_merged_headings_and_errors_of_a_workbook(tmp_path: Path) -> None:
    path = book_of(tmp_path, [("Номер", "Название", "Деньги", None, "Дата"), (None, None, "Сумма", "Валюта", None)])
    book = openpyxl.load_workbook(path)
    for cells in ("A1:A2", "B1:B2", "C1:D1", "E1:E2"):
        book.active.merge_cells(cells)
    book.active.append(("1", "Имя", "#REF!", "BYN", datetime(2026, 10, 1)))
    book.active.append((2, True, 5, "BYN", datetime(2026, 10, 1, 9, 30)))
    book.save(path)
    first, second = read(path)
    assert rules(first) == [("Сумма", "import.cell-error")]
    assert data(second)["title"] == "TRUE" and data(second)["own_number"] == "2"
    assert second.event is not None and second.event["time"] == "2026-10-01T09:30:00.000Z"


def test_a_formula_without_its_result_is_refused_and_not_taken_for_an_empty_cell(tmp_path: Path) -> None:
    [row] = read(book_of(tmp_path, [HEAD, ("1", "Имя", "=2+3", datetime(2026, 10, 1))]))
    assert rules(row) == [("Сумма", "import.no-result")] and "=2+3" in row.faults[0].problem.message
    [joined] = read(
        book_of(tmp_path, [HEAD, ("1", "Имя", "=2+3", datetime(2026, 10, 1))]),
        described(fields={"title": {"columns": ["Название", "Сумма"]}}),
    )
    assert rules(joined) == [("Название", "import.no-result")]


SMALL = Most(lines=60, cells=400, megabytes=1)
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
NAMED = "".join(f'<c r="{at}1" t="inlineStr"><is><t>{name}</t></is></c>' for at, name in zip("ABCD", HEAD, strict=True))


def sheet_of(folder: Path, rows_of_sheet: str) -> Path:
    """A workbook with these rows, as its XML says them."""
    path = book_of(folder, [HEAD])
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts["xl/worksheets/sheet1.xml"] = SHEET.format(rows_of_sheet).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, body in parts.items():
            book.writestr(name, body)
    return path


def test_a_formula_that_came_to_an_empty_text_is_an_empty_cell(tmp_path: Path) -> None:
    cells = '<c t="inlineStr"><is><t>Имя</t></is></c><c t="str"><f>IF(A2="","","x")</f><v></v></c><c><v>46296</v></c>'
    path = sheet_of(tmp_path, f"<row>{NAMED}</row><row><c><f>1+1</f><v>2</v></c>{cells}</row>")
    [row] = read(path, described(time={"column": "Дата", "forms": ["excel"]}))
    assert data(row) == {"title": "Имя", "own_number": "2"}


@pytest.mark.parametrize(
    "rows_of_sheet",
    [
        pytest.param("<row><c><v>1</v></c></row>" * 2_000, id="more cells than may be"),
        pytest.param(" " * 2 * 2**20, id="larger than may be when it is unpacked"),
        pytest.param('<row r="2000000000"><c><v>1</v></c></row>', id="a row far below all others"),
        pytest.param('<row><c r="ZZZ1"><v>1</v></c></row>', id="a cell far beside all others"),
    ],
)
def test_a_workbook_that_would_become_more_than_may_be_is_refused(tmp_path: Path, rows_of_sheet: str) -> None:
    path = sheet_of(tmp_path, f"<row>{NAMED}</row>{rows_of_sheet}")
    how = described()
    with pytest.raises(FaultyFile) as refused:
        tables.read(
            path, how.headings(), how.file, most=SMALL._replace(cells=4_000) if "ZZZ" in rows_of_sheet else SMALL
        )
    assert [one.rule for one in refused.value.problems] == ["import.too-much"]


def test_a_text_of_too_many_rows_is_refused_however_short_they_are(tmp_path: Path) -> None:
    how = described()
    for body in (text([HEAD]) + "\n" * 60, text([HEAD]) + ";" * 400):
        with pytest.raises(FaultyFile, match="more than 60 rows, empty ones among them, 400 cells or 1 MB unpacked"):
            tables.read(file_of(tmp_path, body), how.headings(), how.file, most=SMALL)


# ---- the id


def test_an_id_is_of_the_mapping_the_agency_and_what_the_row_says(tmp_path: Path) -> None:
    [row] = read(file_of(tmp_path, text([HEAD, LINE])))
    assert row.event is not None
    assert row.event["id"] == "f3943470-3db4-5fa9-b2ba-3c4620086a8c", (
        "an id that changes makes other events of the same rows"
    )
    assert UUID(row.event["id"]).version == 5
    others = [
        read(file_of(tmp_path, text([HEAD, LINE])), described(name="other")),
        read(file_of(tmp_path, text([HEAD, LINE])), described(agency={"code": {"value": "another"}})),
        read(file_of(tmp_path, text([HEAD, ("17-05", *LINE[1:])]))),
    ]
    assert len({row.event["id"], *(one[0].event["id"] for one in others if one[0].event)}) == 4


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 12))
def test_the_order_of_rows_and_columns_changes_no_event(chance: random.Random, count: int) -> None:
    folder = Path(__file__).parent
    lines = [(f"{n}", f"Проект {n % 5}", f"{n} 000,50", "01.10.2026") for n in range(1, count + 1)]
    how = described()

    def events(order: Sequence[int], some: Sequence[tuple[str, ...]]) -> set[str]:
        shuffled = [HEAD, *some]
        head = tuple(HEAD[at] for at in order)
        cells: list[Line] = [(n, tuple(line[at] for at in order)) for n, line in enumerate(shuffled, start=1)]
        table = tables.Table(
            folder / "x.csv", head, {name: head.index(name) for name in HEAD}, cells[1:], cells, 1, separator=";"
        )
        return {json.dumps(row.event, sort_keys=True) for row in rows.rows(table, how)}

    order = [0, 1, 2, 3]
    mixed = lines.copy()
    straight = events(order, lines)
    chance.shuffle(order)
    chance.shuffle(mixed)
    assert events(order, mixed) == straight


def test_two_rows_that_say_the_same_are_one_event(tmp_path: Path) -> None:
    other = ("17-04", " Запись к врачу ", "1234,560", "1.10.2026")
    first, second, third = read(file_of(tmp_path, text([HEAD, LINE, LINE, other])))
    assert first.event == second.event == third.event


# ---- what a mapping can say


def one(tmp_path: Path, cell: str, **source: Any) -> Row:
    how = described(fields={"title": {"column": "Название", **source}})
    [row] = read(file_of(tmp_path, text([HEAD, ("1", cell, "1", "01.10.2026")])), how)
    return row


def test_codes_are_found_however_they_are_typed(tmp_path: Path) -> None:
    codes = {"Учёт и отчётность": "a", "Связь": "b"}
    assert data(one(tmp_path, " учет  и отчетность", codes=codes))["title"] == "a"
    assert rules(one(tmp_path, "Почта", codes=codes)) == [("Название", "import.code")]
    [fault] = one(tmp_path, "Почта", codes={**codes, "Communication": "b", "b": "b"}).faults
    assert fault.problem.message.endswith("codes: Учёт и отчётность (a), Связь (b)"), "each once"
    told = one(tmp_path, "Почта", codes=codes, otherwise="b")
    assert data(told)["title"] == "b" and rules(told) == [("Название", "import.replaced")]
    assert data(one(tmp_path, "Почта", codes=codes, unreadable="as-it-is"))["title"] == "Почта"
    left = one(tmp_path, "Почта", codes=codes, unreadable="leave-out")
    assert "title" not in data(left) and rules(left) == [("Название", "import.left-out")]
    assert "title" not in data(one(tmp_path, "", codes=codes))
    assert data(one(tmp_path, "", codes=codes, missing="a"))["title"] == "a"
    assert rules(one(tmp_path, "", required=True)) == [("Название", "import.missing")]


def test_patterns_cases_and_several_columns(tmp_path: Path) -> None:
    assert data(one(tmp_path, "ab", case="upper", pattern="[A-Z]+"))["title"] == "AB"
    assert rules(one(tmp_path, "7", pattern="[A-Z]+")) == [("Название", "import.pattern")]
    path = file_of(tmp_path, text([HEAD, LINE]))
    joined = described(fields={"title": {"columns": ["Номер", "Название"], "join": ": "}})
    assert data(read(path, joined)[0])["title"] == "17-04: Запись к врачу"
    first = described(fields={"title": [{"column": "Номер", "pattern": "x", "unreadable": "leave-out"}, "Название"]})
    [row] = read(path, first)
    assert data(row)["title"] == "Запись к врачу" and not row.faults, "what stands in for another is not complained of"


def test_a_column_says_whose_rows_these_are_and_what_they_are(tmp_path: Path) -> None:
    head = ("Кто", "Что", "Номер", "Дата", "Текст")
    lines = [
        head,
        ("MIN-A", "заявка", "", "01.10.2026", "Имя"),
        ("min-b", "отзыв", "ПП-2026-000001", "01.10.2026", "Передумали"),
        ("?", "подарок", "", "вчера", ""),
        ("", "", "", "", "Имя"),
    ]
    how = described(
        agency={"code": {"column": "Кто", "case": "lower"}},
        type={"column": "Что", "codes": {"заявка": "application-submitted.v2", "отзыв": "application-withdrawn.v1"}},
        time="Дата",
        subject="Номер",
        fields={},
        **{
            "fields-of": {
                "application-submitted.v2": {"title": "Текст"},
                "application-withdrawn.v1": {"reason": "Текст"},
            }
        },
    )
    first, second, third, fourth = read(file_of(tmp_path, text(lines)), how)
    assert first.event is not None and first.event["source"] == "/agencies/min-a" and "subject" not in first.event
    assert second.event is not None and second.event["data"] == {"reason": "Передумали"}
    assert (second.event["subject"], second.event["type"]) == (
        "ПП-2026-000001",
        "pilots.agency.application-withdrawn.v1",
    )
    assert rules(third) == [("Кто", "import.agency-code"), ("Что", "import.code"), ("Дата", "import.date")]
    assert [rule for _, rule in rules(fourth)] == ["import.missing"] * 3


def test_an_event_that_is_too_large_for_its_topic_is_refused(tmp_path: Path) -> None:
    [row] = read(book_of(tmp_path, [HEAD, ("1", "я" * 30_000, 1, datetime(2026, 10, 1))]), described())
    assert row.event is not None
    wide = described(fields={"title": {"columns": ["Название"] * 40}})
    [row] = read(book_of(tmp_path, [HEAD, ("1", "я" * 30_000, 1, datetime(2026, 10, 1))]), wide)
    assert [rule for _, rule in rules(row)] == ["import.too-large"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"fields": {"titel": "Название"}}, "title is probably meant"),
        ({"fields": {"initiator.id.valeu": "Название"}}, "no field initiator.id.valeu. value is probably meant"),
        ({"fields": {"initiator": "Название", "initiator.name": "Название"}}, "initiator is a value"),
        ({"fields": {"title": {"column": "a", "value": "b"}}}, "exactly one of"),
        ({"fields": {"title": {"colunm": "a"}}}, "colunm"),
        ({"fields": {"sector": {"column": "a", "codes": "sectors"}}}, "no table codes.sectors"),
        ({"fields": {"planned_start": {"column": "a", "kind": "date", "forms": ["DD"]}}}, "no form of a date"),
        ({"type": {"value": "application-sent.v1"}}, "none that agencies send"),
        ({"time": {"value": "yesterday"}}, "is no time"),
        ({"zone": "Minsk"}, "no zone"),
        ({"name": "Мой файл"}, "name"),
        ({"agency": {}}, "/agency/code"),
    ],
)
def test_mistakes_of_a_mapping_are_told_before_anything_is_read(more: dict[str, Any], words: str) -> None:
    with pytest.raises(FaultyFile) as complaint:
        described(**more)
    assert words in str(complaint.value)


def test_a_row_counts_once_for_each_rule_that_refuses_it_by_the_verb_and_over_http(tmp_path: Path) -> None:
    fields = {**SIMPLE["fields"], "costs.1.amount_minor": {"column": "Номер", "kind": "money"}}
    lines = [HEAD, ("много", "Имя", "дорого", "01.10.2026"), ("много", "Имя", "5", "когда-то"), ("7", "Имя", "5", "x")]
    found = read(file_of(tmp_path, text(lines)), described(fields=fields))
    assert [len(row.faults) for row in found] == [2, 2, 1]
    expected = {"import.money": 2, "import.date": 2}
    over_http = Found(len(found))
    for row in found:
        over_http.refuse(row)
    assert over_http.counts(len(found))["reasons"] == verb.counted_rows(found)["reasons"] == expected


# ---- what ships


def test_every_mapping_that_ships_is_right() -> None:
    shipped = sorted(MAPPINGS.glob("*.toml"))
    assert len(shipped) >= 2
    for path in shipped:
        assert mapping.load(path).headings()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
def test_the_invented_plan_is_read_whole(tmp_path: Path, encoding: str) -> None:
    body = (MAPPINGS / "plan-of-projects.csv").read_text(encoding="utf-8")
    how = mapping.load(MAPPINGS / "plan-of-projects.toml")
    first, second, withdrawn = read(file_of(tmp_path, body, encoding), how)
    assert not [one for one in (first, second, withdrawn) if one.faults]
    assert not [*judged(first, "by-2024"), *judged(second, "by-2024")]
    assert first.event is not None and first.event["time"] == "2026-09-30T21:00:00.000Z"
    assert data(first)["costs"] == [
        {"amount_minor": 12_050_000, "source": "republican-budget", "year": 2027, "currency": "BYN"}
    ]
    assert [line["amount_minor"] for line in data(second)["costs"]] == [4_025_000, 120_000_000]
    assert (data(second)["planned_start"], data(second)["sector"]) == ("2027-02-01", "education")
    assert data(withdrawn) == {"reason": "Отозвано по решению ведомства"}


def test_the_real_inventory_is_read_row_by_row() -> None:
    path = ROOT.parent / "shared" / "data" / "us-federal-ai-use-cases-2025.csv"
    if not path.exists():
        pytest.skip("the real inventory is not here")
    how = mapping.load(MAPPINGS / "us-federal-ai-use-cases-2025.toml")
    found = read(path, how)
    assert len(found) == 3611 and len({row.agency for row in found}) == 41
    assert all(row.event is not None for row in found)
    refused = [row for row in found if any(one.severity == "block" for one in judged(row, "demo-us"))]
    assert 3611 - len(refused) >= 3000


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("xl/worksheets/sheet1.xml", "</sheetData>", ""),
        ("xl/worksheets/sheet1.xml", "</row>", "<c"),
        ("xl/styles.xml", "<fill><patternFill/></fill>", "<fill/>"),
    ],
)
def test_a_workbook_whose_parts_are_spoilt_is_said_to_be_none(tmp_path: Path, part: str, old: str, new: str) -> None:
    whole, spoilt = book_of(tmp_path, [HEAD, LINE]), tmp_path / "spoilt.xlsx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(spoilt, "w") as target:
        for name in source.namelist():
            body = source.read(name)
            target.writestr(name, body.replace(old.encode(), new.encode()) if name == part else body)
            assert name != part or old.encode() in body
    with pytest.raises(FaultyFile) as error:
        read(spoilt)
    assert [one.rule for one in error.value.problems] == ["import.no-workbook"]


# ---- the report


def test_what_is_wrong_is_listed_and_marked_in_a_text(tmp_path: Path) -> None:
    path = file_of(tmp_path, text([HEAD, LINE, ("2", "Имя", "дорого", "когда-то")]), "cp1251")
    how = described()
    table = tables.read(path, how.headings(), how.file)
    found = [finding for row in rows.rows(table, how) for finding in report.findings(row)]
    where = report.write(tmp_path, table, found)
    with open(where["report"], encoding="utf-8-sig", newline="") as file:
        listed = list(csv.DictReader(file, delimiter=";"))
    assert [(one["row"], one["column"], one["rule"]) for one in listed] == [
        ("3", "Дата", "import.date"),
        ("3", "Сумма", "import.money"),
    ]
    assert all(one["ru"] and one["be"] and one["en"] and one["action"] == "fix" for one in listed)
    marked = Path(where["marked"]).read_bytes().decode("cp1251").splitlines()
    assert marked[0].endswith(";Lotsman") and marked[1].endswith(";")
    assert "import.date" in marked[2]
    assert len(read(Path(where["marked"]), how)) == 2, "the marked file is as good an input as the file was"


def test_what_is_wrong_is_marked_in_a_workbook(tmp_path: Path) -> None:
    path = book_of(tmp_path, [("План",), HEAD, ("1", "Имя", "дорого", datetime(2026, 10, 1))])
    how = described()
    table = tables.read(path, how.headings(), how.file)
    found = [finding for row in rows.rows(table, how) for finding in report.findings(row)]
    where = report.write(tmp_path, table, found)
    cell = openpyxl.load_workbook(where["marked"]).active["C3"]
    assert cell.value == "дорого" and "import.money" in cell.comment.text
    assert cell.fill.fgColor.rgb == report.RED


def test_a_fault_beneath_merged_cells_is_marked_at_the_first_of_them(tmp_path: Path) -> None:
    path = book_of(tmp_path, [HEAD, ("1", "Имя", "дорого", datetime(2026, 10, 1)), ("2", "Имя", "5", "когда-то")])
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("C2:D3")
    book.save(path)
    how = described()
    table = tables.read(path, how.headings(), how.file)
    found = [finding for row in rows.rows(table, how) for finding in report.findings(row)]
    assert {(one.row, one.column) for one in found} >= {(2, "Сумма"), (2, "Дата"), (3, "Дата")}
    marked = openpyxl.load_workbook(report.write(tmp_path, table, found)["marked"]).active
    assert marked["C2"].value == "дорого" and marked["C2"].fill.fgColor.rgb == report.RED
    assert "import.money" in marked["C2"].comment.text and "Дата: " in marked["C2"].comment.text


def test_of_cells_that_are_merged_downwards_the_first_alone_says_something(tmp_path: Path) -> None:
    lines: list[Sequence[Cell]] = [
        HEAD,
        ("1", "Имя", "5", datetime(2026, 10, 1)),
        ("2", "Имя", "7", datetime(2026, 10, 2)),
    ]
    path = book_of(tmp_path, lines)
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("C2:C3")
    book.active.merge_cells("D2:D3")
    book.save(path)
    first, second = read(path)
    assert data(first)["costs"][0]["amount_minor"] == 500
    assert second.event is None and rules(second) == [("Дата", "import.missing")]


def test_what_intake_would_say_names_the_column(tmp_path: Path) -> None:
    [row] = read(file_of(tmp_path, text([HEAD, LINE])))
    said = judged(row, "by-2024")
    named = {one.problem.pointer: one.column for one in report.findings(row, said)}
    assert "/data/problem" in named and named["/data/problem"] is None
    assert row.column_of("/data/costs/0/amount_minor") == "Сумма"
    assert row.column_of("/data/costs") == "Сумма" and row.column_of("/data/title/x") == "Название"
    assert row.column_of("/time") == "Дата" and row.column_of("") is None


def test_the_mapping_in_the_readme_is_right(tmp_path: Path) -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Spreadsheets")[2].partition("\n## ")[0]
    blocks = [block for block in section.split("\n\n") if block.startswith("    ")]
    written = "\n".join(line[4:] for block in blocks if "./lotsman" not in block for line in block.splitlines())
    how = mapping.read(tomllib.loads(written))
    line = ("Запись к врачу", "Очередь", "Запись", "790000016", "П", "11.01.2027", "медицина", "1 200,5", "01.10.2026")
    said = ("Наименование", "Проблема", "Решение", "УНП заказчика", "Заказчик")
    head = (*said, "Начало", "Отрасль", "Сумма, тыс. руб.", "Дата заявки")
    [row] = read(file_of(tmp_path, text([head, line])), how)
    assert data(row)["costs"] == [{"amount_minor": 120_050_000, "currency": "BYN", "source": "own-money", "year": 2026}]
    assert (data(row)["planned_start"], data(row)["sector"]) == ("2027-01-11", "health")


def test_a_pattern_takes_its_part_of_a_cell_of_whatever_kind(tmp_path: Path) -> None:
    dates = {"column": "Сроки", "kind": "date", "forms": ["MMM YYYY"]}
    fields = {
        "title": {"column": "Название", "pattern": r"(?:ЦД-\d+ )?(.+)"},
        "planned_start": {**dates, "pattern": "(.+) - .+"},
        "planned_end": {**dates, "pattern": ".+ - (.+)"},
    }
    lines = [("Название", "Сроки"), ("ЦД-01 Учёт отходов", "янв 2027 - дек 2027"), ("Очередь", "2027")]
    path = file_of(tmp_path, text(lines))
    good, bad = read(path, described(fields=fields, time={"value": "2026-10-01"}))
    assert data(good) == {"title": "Учёт отходов", "planned_start": "2027-01-01", "planned_end": "2027-12-01"}
    assert rules(bad) == [("Сроки", "import.pattern")] * 2
