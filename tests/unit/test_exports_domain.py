"""Lists that are taken out: what may be asked for, how an export ends, and files that no spreadsheet carries out."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import Actor
from contracts.reference import Role
from contracts.registry import ListReadyV1, ListTakenV1, PilotFact, PilotLaunchedV1
from contracts.words import LANGUAGES, Language, wordings
from deploy.samples.common import BOOK, NOW
from services.chassis.exports.files import harmless
from services.chassis.exports.worker import Gathered
from services.law.exporting import Export, Finish, Format
from services.registry.domain.export import FILTERS, List, Take
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import Mover, Stage
from services.registry.exports import columns
from services.registry.exports import files as sheets
from services.registry.exports.columns import COLUMNS as KNOWN
from services.registry.exports.names import FACTS, MONEY_STAGES, MOVERS, ROLES
from services.registry.service import SERVICE
from services.registry.views import ZONE
from tests.kit.common import Story

story = Story(SERVICE.aggregates["export"])
REGISTRAR = Actor(id="u-6001", organisation="o-1", role="registrar")
TAKE = Take(list=List.PILOTS, filters={"stage": "running", "sector": "health"}, format=Format.CSV, why="Отчёт за год.")
FINISH = Finish(rows=10, bytes=2000, digest="ab" * 32)
GOOD: dict[List, dict[str, str]] = {
    List.PILOTS: {"year": "2026", "stage": "running"},
    List.MONEY: {"year": "unspecified", "stage": "paid", "currency": "BYN"},
    List.TIMELINE: {"type": PilotLaunchedV1.TYPE, "since": "2026-01-31", "until": "2100-12-31"},
}


def taken() -> Export:
    state = story.given(*story.when(None, TAKE, actor=REGISTRAR))
    assert isinstance(state, Export)
    return state


def test_asking_for_a_list_is_a_fact_that_says_who_what_when_and_why() -> None:
    [fact] = story.when(None, TAKE, actor=REGISTRAR)
    assert fact == ListTakenV1(
        actor=REGISTRAR,
        list="pilots",
        filters={"sector": "health", "stage": "running"},
        format="csv",
        why="Отчёт за год.",
        asked=NOW,
    )


def test_an_open_export_knows_who_asked_in_which_role_and_for_whom() -> None:
    state = taken()
    assert (state.by, state.role, state.organisation) == ("u-6001", "registrar", "o-1")
    assert not state.done


def test_a_finished_export_has_its_rows_bytes_and_digest() -> None:
    [fact] = story.when(taken(), FINISH)
    assert isinstance(fact, ListReadyV1)
    state = story.given(fact, state=taken())
    assert (state.done, state.rows, state.bytes, state.digest, state.failed) == (True, 10, 2000, "ab" * 32, None)


def test_a_failed_export_says_why_and_has_no_file() -> None:
    state = story.given(*story.when(taken(), Finish.without_file("export.too-long")), state=taken())
    assert (state.done, state.digest, state.failed) == (True, None, "export.too-long")


@pytest.mark.parametrize("first", [FINISH, Finish.without_file("export.failed")])
@pytest.mark.parametrize(
    "second", [Finish(rows=11, bytes=1, digest="cd" * 32), Finish.without_file("export.too-old"), TAKE]
)
def test_an_export_ends_once(first: object, second: object) -> None:
    ended = story.given(*story.when(taken(), first), state=taken())
    assert story.when(ended, second) == ()


@pytest.mark.parametrize("command", [FINISH, Finish.without_file("export.failed")])
def test_nothing_ends_that_was_not_asked_for(command: object) -> None:
    assert story.when(None, command) == ()


@pytest.mark.parametrize(("of", "name"), [(of, name) for of, some in FILTERS.items() for name in some])
def test_each_list_is_cut_down_by_its_own_filters(of: List, name: str) -> None:
    assert story.when(
        None, Take(list=of, filters={name: GOOD[of].get(name, "health")}, format=Format.JSONL, why="Проверка.")
    )


@pytest.mark.parametrize(
    ("of", "name", "value", "rule"),
    [
        (List.PILOTS, "colour", "red", "export.filter-unknown"),
        (List.PILOTS, "currency", "BYN", "export.filter-unknown"),
        (List.MONEY, "currency", "byn", "export.filter-value"),
        (List.MONEY, "year", "26", "export.filter-value"),
        (List.MONEY, "year", "2026\n", "export.filter-value"),
        (List.MONEY, "stage", "running", "export.filter-value"),
        (List.PILOTS, "stage", "paid", "export.filter-value"),
        (List.PILOTS, "stage", "Running", "export.filter-value"),
        (List.PILOTS, "year", "unspecified", "export.filter-value"),
        (List.PILOTS, "year", "2101", "export.filter-value"),
        (List.TIMELINE, "since", "2026-13-01", "export.filter-value"),
        (List.TIMELINE, "until", "2026-02-30", "export.filter-value"),
        (List.TIMELINE, "until", "1999-12-31", "export.filter-value"),
        (List.TIMELINE, "since", "20260131", "export.filter-value"),
        (List.TIMELINE, "type", "pilots.registry.pilot-sold.v1", "export.filter-value"),
        (List.TIMELINE, "type", ListTakenV1.TYPE, "export.filter-value"),
        (List.TIMELINE, "pilot", "", "export.filter-value"),
        (List.TIMELINE, "pilot", "p\x00", "export.filter-value"),
    ],
)
def test_a_filter_that_the_list_does_not_have_or_cannot_read_is_refused_with_its_place(
    of: List, name: str, value: str, rule: str
) -> None:
    refusal = story.refused(
        None, Take(list=of, filters={name: value, "agency": "minzdrav"}, format=Format.CSV, why="Проверка.")
    )
    assert refusal.status == 422
    assert [(one.pointer, one.rule) for one in refusal.problems] == [(f"/filters/{name}", rule)]


@pytest.mark.parametrize(
    ("of", "name", "named"),
    [
        (List.PILOTS, "stage", list(Stage)),
        (List.MONEY, "stage", list(MoneyStage)),
        (List.PILOTS, "year", ["2000", "2100"]),
        (List.MONEY, "year", ["2000", "2100", "unspecified"]),
        (List.TIMELINE, "until", ["2026-05-01"]),
        (List.PILOTS, "colour", list(FILTERS[List.PILOTS])),
    ],
)
def test_who_is_refused_is_told_in_every_language_what_may_stand_there(of: List, name: str, named: list[str]) -> None:
    [problem] = story.refused(None, Take(list=of, filters={name: "?"}, format=Format.CSV, why="Проверка.")).problems
    said = [problem.message, problem.message_ru, str(problem.message_be)]
    assert all(one in words for one in named for words in said)


def test_everything_that_is_wrong_with_the_filters_is_said_at_once() -> None:
    filters = {"stage": "?", "year": "unspecified", "a/b": "x", "sector": "health"}
    refusal = story.refused(None, Take(list=List.PILOTS, filters=filters, format=Format.CSV, why="Проверка."))
    assert {one.pointer for one in refusal.problems} == {"/filters/stage", "/filters/year", "/filters/a~1b"}
    assert {one.action for one in refusal.problems} == {"fix"}


def test_days_that_end_before_they_begin_are_refused_and_a_single_day_is_not() -> None:
    def take(until: str) -> Take:
        return Take(
            list=List.TIMELINE, filters={"since": "2026-05-02", "until": until}, format=Format.CSV, why="Проверка."
        )

    [problem] = story.refused(None, take("2026-05-01")).problems
    assert (problem.pointer, problem.rule) == ("/filters/until", "export.filter-order")
    assert story.when(None, take("2026-05-02"))


# ---- files

COLUMNS = ("number", "title", "amount", "public")
cells = st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.text(max_size=30))
rows_of_cells = st.lists(st.fixed_dictionaries({}, optional={name: cells for name in COLUMNS}), max_size=20)


def made(
    folder: Path,
    format: Format,
    rows: list[dict[str, Any]],
    name: str = "list",
    of: List = List.TIMELINE,
    columns: Sequence[str] = COLUMNS,
    language: Language = "ru",
) -> bytes:
    path = folder / name
    about = {"filters": {"agency": "minzdrav"}, "why": "Отчёт за год.", "language": language, "asked": NOW}
    export = Export(list=of, format=format, by="u-6001", role="registrar", rows=0, bytes=0, digest=None, **about)
    sheet = sheets.begin(path, export, Gathered(columns, len(rows)))
    for start in range(0, len(rows), 3):
        sheet.write(rows[start : start + 3])
    sheet.close()
    return path.read_bytes()


def sheet_of(content: bytes, number: int = 1) -> ElementTree.Element:
    with ZipFile(io.BytesIO(content)) as file:
        return ElementTree.fromstring(file.read(f"xl/worksheets/sheet{number}.xml"))


def workbook(content: bytes, number: int = 1) -> list[dict[str, tuple[str, str]]]:
    """The cells of each row of a sheet: the letter of the column, the kind of the cell and its text."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    root = sheet_of(content, number)
    assert not list(root.iter(f"{space}f")), "nothing in it is a formula"
    return [
        {str(c.get("r"))[0]: (str(c.get("t")), "".join(c.itertext())) for c in row} for row in root.iter(f"{space}row")
    ]


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_no_cell_of_a_text_with_commas_begins_like_a_formula(tmp_path: Path, begins: str) -> None:
    bad = f'{begins}HYPERLINK("http://example.org","x")'
    content = made(tmp_path, Format.CSV, [{"title": bad, "amount": -5}])
    [_, row] = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert row == ["", f"'{bad}", "-5", ""]


def test_a_text_with_commas_begins_with_a_mark_and_its_heading(tmp_path: Path) -> None:
    content = made(tmp_path, Format.CSV, [{"number": "ПП-1", "title": 'Кавычки " и, запятая', "public": True}])
    assert content.startswith(b"\xef\xbb\xbfnumber,title,amount,public\r\n")
    assert content.decode("utf-8-sig").splitlines()[1] == 'ПП-1,"Кавычки "" и, запятая",,True'


@given(rows=rows_of_cells)
def test_each_line_of_json_says_every_column_exactly(rows: list[dict[str, Any]], tmp_path_factory: Any) -> None:
    content = made(tmp_path_factory.mktemp("f"), Format.JSONL, rows).decode()
    assert [json.loads(line) for line in content.split("\n")[:-1]] == [
        {name: row.get(name) for name in COLUMNS} for row in rows
    ]


@given(cell=cells)
def test_only_text_is_changed_to_be_harmless_and_nothing_is_lost(cell: Any) -> None:
    shown = harmless(cell)
    assert shown in (cell, f"'{cell}")
    assert not (isinstance(shown, str) and shown[:1] in set("=+-@\t\r"))


def test_a_workbook_holds_text_as_text_and_numbers_as_numbers(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"number": "=1+1", "title": "http://example.org", "amount": 10**15 - 1, "public": False},
        {"number": "", "title": "я" * 40_000, "amount": 10**15},
    ]
    [_, _, heading, first, second] = workbook(made(tmp_path, Format.XLSX, rows))
    assert [text for _, text in heading.values()] == ["Регистрационный номер", "Название", "amount", "public"]
    assert first["A"] == ("inlineStr", "=1+1")
    assert first["B"] == ("inlineStr", "http://example.org")
    assert first["C"] == ("None", "999999999999999")
    assert first["D"] == ("b", "0")
    assert second["B"][1] == "я" * 32_766 + "…", "a cell holds no more, and says so"
    assert second["C"] == ("inlineStr", "1000000000000000"), "a spreadsheet would show it rounded"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("я" * 32_767, "я" * 32_767),
        ("🚑" * 16_383 + "я", "🚑" * 16_383 + "я"),
        ("🚑" * 16_384, "🚑" * 16_383 + "…"),
        ("я" + "🚑" * 16_384, "я" + "🚑" * 16_382 + "…"),
    ],
)
def test_a_text_is_cut_where_a_spreadsheet_would_call_the_file_damaged(tmp_path: Path, text: str, shown: str) -> None:
    row = workbook(made(tmp_path, Format.XLSX, [{"number": text}]))[-1]
    assert row["A"] == ("inlineStr", shown)


@pytest.mark.parametrize("format", list(Format))
def test_the_same_rows_always_give_the_same_bytes(tmp_path: Path, format: Format) -> None:
    rows = [{"number": f"ПП-{n}", "amount": n} for n in range(10)]
    assert made(tmp_path, format, rows, "one") == made(tmp_path, format, rows, "two")


# ---- a workbook is for people

PILOT_ROW: dict[str, Any] = {
    "number": "ПП-2026-000001",
    "title": "Запись к врачу",
    "stage": "running",
    "next_move": "executor",
    "sector": "health",
    "sectors": "health education",
    "agency": "minzdrav",
    "region": "minsk-oblast",
    "entered": "2026-04-16T21:30:00.000Z",
    "started": "2026-06-01",
    "until": None,
    "planned_minor": 150_000_05,
    "planned_currency": "BYN",
    "committed_minor": None,
    "committed_currency": "several",
    "paid_minor": 10**16 + 7,
    "paid_currency": "BYN",
    "overpaid": True,
    "edition": "by-2024",
    "id": "p1",
}


def taken_pilots(folder: Path, language: Language = "ru", rows: int = 3) -> bytes:
    return made(
        folder, Format.XLSX, [PILOT_ROW] * rows, of=List.PILOTS, columns=columns.names(List.PILOTS), language=language
    )


def by_heading(content: bytes) -> dict[str, tuple[str, str]]:
    """The cells of the first row of a list by their headings."""
    heading, first = workbook(content)[2:4]
    return {text: first.get(letter, ("", "")) for letter, (_, text) in heading.items()}


def test_a_workbook_has_labels_beside_codes_days_as_days_and_money_in_units(tmp_path: Path) -> None:
    row = by_heading(taken_pilots(tmp_path))
    assert row["Этап"][1] not in ("", "running")
    assert (row["Этап, код"][1], row["Отрасль, код"][1]) == ("running", "health")
    assert row["Отрасль"][1] == "Здравоохранение"
    assert row["Все отрасли"][1].count(";") == 1
    assert row["За кем следующий шаг"][1] == "Исполнитель"
    assert row["Начало реализации"] == ("None", "46174"), "1 June 2026 as a workbook counts days"
    assert row["Внесён в реестр"][0] == "None"
    assert float(row["Внесён в реестр"][1]) == pytest.approx(46129 + 30 / 1440), "half past midnight in Minsk"
    assert row["Окончание реализации"] == ("", "")
    assert row["Запланировано"] == ("None", "150000.05")
    assert (row["Валюта плана"][1], row["Валюта обязательств"][1]) == ("BYN", "несколько валют")
    assert row["Оплачено"] == ("inlineStr", "100000000000000.07"), "a spreadsheet would show it rounded"
    assert row["Оплачено сверх обязательств"][1] == "да"


@pytest.mark.parametrize(
    ("language", "stage", "pattern"), [("be", "Этап", "dd.mm.yyyy"), ("en", "Stage", "yyyy-mm-dd")]
)
def test_a_workbook_speaks_the_language_that_was_asked_for(
    tmp_path: Path, language: Language, stage: str, pattern: str
) -> None:
    content = taken_pilots(tmp_path, language)
    assert by_heading(content)[stage][1] != "running"
    with ZipFile(io.BytesIO(content)) as file:
        assert pattern in file.read("xl/styles.xml").decode()


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_workbook_has_a_title_a_frozen_heading_a_filter_over_all_rows_and_widths(tmp_path: Path, rows: int) -> None:
    content = taken_pilots(tmp_path, rows=rows)
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    root = sheet_of(content)
    [pane], [filtered] = root.iter(f"{space}pane"), root.iter(f"{space}autoFilter")
    assert (pane.get("state"), pane.get("topLeftCell")) == ("frozen", "A5")
    assert str(filtered.get("ref")).startswith("A4:") and str(filtered.get("ref")).endswith(str(4 + rows))
    assert {float(str(one.get("width"))) for one in root.iter(f"{space}col")} > {60.0 + 0.7109375}
    [title, about, *_] = workbook(content)
    assert title["A"][1] == "Пилотные проекты"
    assert str(rows) in about["A"][1] and len(workbook(content)) == 3 + rows


def test_a_second_sheet_says_what_the_list_is_and_what_its_columns_mean(tmp_path: Path) -> None:
    said = [" | ".join(text for _, text in row.values()) for row in workbook(taken_pilots(tmp_path), 2)]
    whole = "\n".join(said)
    assert "Ведомство: minzdrav" in whole and "Отчёт за год." in whole and "Строк | 3" in whole
    assert NOW.astimezone(ZONE).strftime("%d.%m.%Y") in whole
    named = [line.split(" | ")[1] for line in said if " | " in line]
    assert set(columns.names(List.PILOTS)) <= set(named), "each column by its name in files for programs"


@pytest.mark.parametrize("of", List)
@pytest.mark.parametrize("language", LANGUAGES)
def test_by_what_a_list_was_cut_down_is_said_in_words_with_the_code_beside(of: List, language: Language) -> None:
    for name in FILTERS[of]:
        said = columns.filtered(of, name, "x-1", language)
        assert said.endswith(": x-1") and not said.startswith(name)
    told = {
        ("stage", "running"): "Этап: Реализация (running)",
        ("sector", "health"): "Отрасль: Здравоохранение (health)",
        ("office", "ito"): "Отраслевой офис: ito",
    }
    if (of, language) == (List.PILOTS, "ru"):
        assert {one: columns.filtered(of, *one, "ru") for one in told} == told


def test_the_edition_has_a_title_beside_its_code(tmp_path: Path) -> None:
    content = made(tmp_path, Format.XLSX, [{"edition": "by-2024"}], of=List.PILOTS, columns=("edition",))
    [label, code] = [text for _, text in workbook(content)[-1].values()]
    assert code == "by-2024" and label == BOOK.edition("by-2024").title_ru


def test_a_csv_with_semicolons_is_cut_into_columns_by_a_spreadsheet_of_a_russian_desk(tmp_path: Path) -> None:
    content = made(tmp_path, Format.CSV_SEMICOLON, [{"number": "ПП-1", "title": "Одно; другое, третье", "amount": 5}])
    assert content.startswith(b"\xef\xbb\xbfnumber;title;amount;public\r\n")
    [_, row] = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";")
    assert row == ["ПП-1", "Одно; другое, третье", "5", ""]


def test_a_day_that_no_workbook_knows_and_what_is_no_day_stand_as_text(tmp_path: Path) -> None:
    for day in ("0001-01-01", "1899-12-31", "скоро"):
        content = made(tmp_path, Format.XLSX, [{"started": day}], of=List.PILOTS, columns=("started",))
        assert workbook(content)[-1]["A"] == ("inlineStr", day)


def test_every_code_that_a_list_may_hold_and_every_column_has_its_words() -> None:
    assert set(MOVERS) == set(Mover) and set(ROLES) == set(Role) and set(MONEY_STAGES) == set(MoneyStage)
    assert set(FACTS) == {fact.TYPE for fact in get_args(PilotFact)}
    known = wordings()
    assert {*MOVERS.values(), *ROLES.values(), *MONEY_STAGES.values(), *FACTS.values()} <= known.keys()
    for some in KNOWN.values():
        assert all(one.heading in known and (not one.about or one.about in known) for one in some)
    for language in LANGUAGES:
        assert columns.labelled(KNOWN[List.PILOTS][4], "health", language, "by-2024") != "health"
    assert columns.labelled(KNOWN[List.PILOTS][4], "no-such", "ru", None) == "no-such"
