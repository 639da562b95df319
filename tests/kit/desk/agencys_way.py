"""What somebody of an agency does at the portal of a whole running system, step by step; each step looks at what it is
told."""

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from playwright.sync_api import Page, expect

from services.desk.words import words_of
from tests.kit.desk.furnished import COLUMNS, sheet
from tests.kit.desk.keyboard import MOST_STEPS, Keyboard

SENT: Final = "Отправлено и принято"
LIKE: Final = "Распознавание снимков"
"""How the title of each application of these agencies begins."""
RU: Final = words_of("Europe/Minsk")["ru"]
FIELDS: Final = ("INPUT", "TEXTAREA", "SELECT")
FAULTY_ROWS: Final = {9, 21, 30, 43, 57}
"""Where `furnished.sheet` is faulty, as a spreadsheet counts its rows."""


def pressed(page: Page, name: str) -> None:
    """A button."""
    page.get_by_role("button", name=name, exact=True).click()


def pasted(page: Page, portal: str, event: Mapping[str, Any]) -> str:
    """An event is pasted with three faults, each of which is told at its place and its line; mended, it is checked,
    with what is like it in the register, and sent. Its pilot."""
    data: dict[str, Any] = {**event["data"], "sector": "mars", "planned_end": "2020-01-01"}
    del data["problem"]
    page.goto(f"{portal}/send/event")
    page.locator("#event").fill(json.dumps({**event, "data": data}, ensure_ascii=False, indent=1))
    pressed(page, "Проверить")
    faults = page.locator("#faults li")
    expect(page.locator("#faults")).to_be_focused()
    told = {str(one.locator("code").text_content()): one for one in faults.all()}
    assert told.keys() == {"/data/sector", "/data/planned_end", "/data/problem"}
    for pointer, line in (("/data/sector", '"sector": "mars"'), ("/data/planned_end", '"planned_end"')):
        at = told[pointer].locator("a").get_attribute("href")
        expect(page.locator(f"{at} mark")).to_contain_text(line)
    page.locator("#event").fill(json.dumps(event, ensure_ascii=False, indent=1))
    pressed(page, "Проверить")
    expect(page.locator("#outcome-title")).to_contain_text("Ошибок нет")
    expect(page.locator("#similar")).to_contain_text(LIKE)
    pressed(page, "Отправить")
    expect(page.locator("#outcome-title")).to_contain_text(SENT)
    return page.url.partition("/mine/")[2].partition("?")[0]


def answered(page: Page, mine: str) -> None:
    """A request is answered in its form, to which its submission leads."""
    page.goto(mine)
    page.get_by_role("link", name="Ответить на запрос").click()
    page.locator("#item1-text").fill("По журналу поликлиники.")
    page.locator("#item1-expected_effect").fill("Срок описания снимка: станет один день.")
    pressed(page, "Отправить")
    expect(page.locator("#outcome-title")).to_contain_text(SENT)


def reported(keys: Keyboard, mine: str, what: str, day: date, said: Mapping[str, str]) -> None:
    """A report in its form by keyboard alone: sent empty first, so that all that is missing is told at its fields."""
    page = keys.page
    page.goto(mine)
    keys.on(RU.code("write", what), "A")
    keys.on("Отправить", "BUTTON")
    expect(page.locator("#faults")).to_be_focused()
    keys.press("Tab", "Enter")
    assert keys.at()["tag"] in FIELDS, "the first fault leads to its field"
    _fields(keys, day, dict(said))
    keys.on("Отправить", "BUTTON")
    expect(page.locator("#outcome-title")).to_contain_text(SENT)
    keys.until(RU.code("reported", what))


def _fields(keys: Keyboard, day: date, said: dict[str, str]) -> None:
    """Goes by Tab once around the page and fills in its form: what is said into the first field of such a name, a day
    where one is asked for, the first of each list."""
    seen = [""]
    for _ in range(MOST_STEPS):
        at = keys.at()
        if at["id"] in seen[:-1] and at["tag"] in FIELDS:
            return
        if at["tag"] in FIELDS and at["id"] != seen[-1]:  # a day has several places for Tab
            seen.append(at["id"])
            if at["type"] == "date":
                keys.parts_of(day)
            elif at["tag"] == "SELECT":
                keys.press("Home", "ArrowDown")
            elif (name := next((one for one in said if at["id"].endswith(one)), None)) is not None:
                keys.press("Control+a")
                keys.type(said.pop(name))
        keys.press("Tab")
    raise AssertionError(f"{keys.page.url}: Tab comes to no end")


def spreadsheet(page: Page, portal: str) -> None:
    """Sixty rows with five faulty ones: their columns chosen by keys, tried, mended, tried and sent."""
    _tried(page, portal, faulty=True)
    told = page.locator("#wrong tbody tr td:first-child")
    assert {int(one) for one in told.all_text_contents()} == FAULTY_ROWS
    expect(page.locator("#made")).to_contain_text("Ничего не отправлено")
    _tried(page, portal, faulty=False)
    expect(page.locator("#wrong")).to_have_count(0)
    pressed(page, "Отправить по-настоящему")
    expect(page.locator("#made")).to_contain_text("60 из 60")
    expect(page.locator("#counts")).to_contain_text(re.compile(r"Принято\s*60|Зарегистрировано\s*60"))


def _tried(page: Page, portal: str, *, faulty: bool) -> None:
    page.goto(f"{portal}/spreadsheets")
    page.locator("#file").set_input_files({"name": "план.csv", "mimeType": "text/csv", "buffer": sheet(faulty=faulty)})
    pressed(page, "Загрузить")
    for name, value in COLUMNS.items():
        field = page.locator(f"#{name}")
        if page.evaluate("one => one.tagName", field.element_handle()) == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    pressed(page, "Попробовать")
    expect(page.locator("#made")).to_contain_text("60 из 60")


def columns_by_keys(keys: Keyboard) -> None:
    """The columns of that spreadsheet by keyboard alone: the row of the headings is put wrong and right again, a column
    chosen by hand, and what the plan does not say itself; then it is tried."""
    heading = "Строка, с которой начинаются заголовки"
    for row in ("3", "2"):
        keys.write(heading, row, tag="INPUT")
        keys.on("Прочитать заново", "BUTTON")
        expect(keys.page.locator("#header")).to_have_value(row)
    expect(keys.page.locator("#from-title")).to_have_value("Наименование проекта")
    keys.pick("Столбец: Территория", "Заказчик")
    keys.press("Home")
    keys.write("Одно для всех строк: Инициатор", COLUMNS["same-initiator-id-value"], tag="INPUT")
    keys.pick("Одно для всех строк: Источник", "Собственные средства")
    keys.write("Одно для всех строк: Год", COLUMNS["same-costs-0-year"], tag="INPUT")
    keys.on("Попробовать", "BUTTON")
