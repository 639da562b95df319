"""The agency's portal: forms made from contracts, places in a pasted event, what comes first, and who is let in."""

import html
import json
import re
import tomllib
from datetime import date
from typing import Any, Final

import httpx
import pytest

from contracts.agency import AGENCY, RECEIPTS, ApplicationSubmittedV2
from contracts.freeze import example
from contracts.reference import Role
from contracts.rules import load
from services.desk import fields
from services.desk.forms import Filled
from services.desk.pages.portal import contract_form, contracts, mapping, mine, pointers, submission
from services.desk.words import words_of
from tests.kit.desk.bench import Answers, bench

RU = words_of("Europe/Minsk")["ru"]
BY = load().edition("by-2024")
WRITTEN = [name for name, cls in AGENCY.classes.items() if name == AGENCY.newest_type(name) and "clarif" not in name]


def filled(said: dict[str, str]) -> Filled:
    return Filled(tuple(said.items()), "k", "", ())


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_an_events_form_begins_with_is_what_it_says_again(kind: str) -> None:
    parts = contract_form.parts_of(kind, BY)
    assert {one.name for one in parts} == AGENCY.classes[kind].model_fields.keys() - contract_form.LEFT_OUT
    data = {name: value for name, value in example(kind)["data"].items() if name not in contract_form.LEFT_OUT}
    said = fields.body(parts, filled(fields.first(parts, data)))
    assert {name: value for name, value in said.items() if value != []} == data


def test_what_may_be_left_out_of_an_application_and_is_not_filled_in_is_not_sent() -> None:
    parts = contract_form.parts_of(ApplicationSubmittedV2.TYPE, BY)
    said = fields.body(parts, filled({"title": "Запись", "executor-name": " "}))
    assert said.keys() & {"title", "customer", "executor", "contact", "location"} == {"title", "customer"}
    assert fields.body(parts, filled({"contact-email": "a@example.test"}))["contact"] == {"email": "a@example.test"}


@pytest.mark.parametrize("edition", load())
@pytest.mark.parametrize("kind", WRITTEN)
def test_each_field_of_each_form_is_called_something_in_every_language(kind: str, edition: str) -> None:
    parts = contract_form.parts_of(kind, load().edition(edition))
    for words in words_of("UTC").values():
        labels = fields.names(words, parts, filled({}))
        assert labels and not [one for one in labels.values() if "_" in one or "." in one], words.language


READING = {
    "header": 3,
    "headings": ["Отрасль", "Деньги"],
    "texts": {"Отрасль": ["медицина", "Транспарт", "ТРАНСПОРТ", "trade", "Магия"]},
    "columns": {"sector": "Отрасль"},
}


def test_words_of_a_file_that_stand_for_no_code_are_asked_for_and_what_is_said_of_them_is_in_the_mapping() -> None:
    begun = mapping.first(READING, {})
    [sector] = [one for one in mapping.TARGETS if one.codes == "sector"]
    asked = {text: name for name, text in mapping.unknown(filled(begun), BY, sector, READING)}
    assert [*asked] == ["медицина", "Магия"], "labels of every language and codes are known, however they are typed"
    said = filled({**begun, asked["медицина"]: "health"})
    codes = tomllib.loads(mapping.text(said, "demo", BY, READING, "be"))["fields"]["sector"]["codes"]
    assert codes["медицина"] == "health" and "Магия" not in codes
    assert next(iter(codes)) == BY.sectors.entries[0].be, "those of the reader's language are named first"
    again = mapping.first(READING, {**dict(said.fields), "from-sector": "Отрасль"})
    assert again[asked["медицина"]] == "health", "the next file has the same words"


def test_each_type_of_event_says_what_it_is_for_in_every_language() -> None:
    types = [*AGENCY.classes, *RECEIPTS.classes]
    for words in words_of("UTC").values():
        said = [contracts.purpose(words, one) for one in types]
        assert [one for one in said if " " not in one] == [], words.language
        assert len(set(said)) == len(types), "two versions of one type say different things"


@pytest.mark.parametrize(
    ("pointer", "field"),
    [
        ("/title", "title"),
        ("/customer/id/value", "customer-id-value"),
        ("/costs/0/amount_minor", "costs-2-amount_minor"),
        ("/costs", "costs-2-amount_minor"),
        ("/contact/email", "contact-email"),
        ("/unknown", None),
    ],
)
def test_a_fault_of_an_application_has_its_field_also_behind_an_empty_row(pointer: str, field: str | None) -> None:
    parts = contract_form.parts_of(ApplicationSubmittedV2.TYPE, BY)
    form = filled({"rows-costs": "2", "costs-2-amount_minor": "10"})
    assert fields.place(parts, form)(pointer) == field


def test_each_place_of_a_pasted_event_has_the_line_on_which_it_stands() -> None:
    text = json.dumps(example(ApplicationSubmittedV2.TYPE), ensure_ascii=False, indent=1)
    known = pointers.lines(text)
    lines = text.splitlines()
    assert '"sector"' in lines[known["/data/sector"] - 1] and '"year": 2027' in lines[known["/data/costs/1/year"] - 1]
    assert pointers.nearest(known, "/data/costs/1/nothing/at/all") == known["/data/costs/1"]


@pytest.mark.parametrize("text", ["", "{", '{"a": ', '{"a": 1,, }', "[1, 2", "nonsense", "[" * 1000, '{"a~/b": tru}'])
def test_what_is_no_json_has_the_places_that_it_has_and_raises_nothing(text: str) -> None:
    assert all(line == 1 for line in pointers.lines(text).values())
    assert pointers.lines('{"a~/b":\n[1]}')["/a~0~1b/0"] == 2


def test_what_is_due_first_comes_first_and_what_has_no_day_last() -> None:
    rows: list[dict[str, Any]] = [{"id": n, "next_due": due} for n, due in enumerate((None, "2026-05", "2026-04"))]
    assert [one["id"] for one in mine.by_due(rows)] == [2, 1, 0]


def test_read_by_other_headings_what_was_chosen_stays_where_they_have_it_and_the_rest_is_guessed_anew() -> None:
    right = {"headings": ["Имя", "Дата", "УНП"], "columns": {"title": "Имя", "time": "Дата"}}
    wrong = {"headings": ["Проект 1", "20.11", "УНП"], "columns": {}}
    begun = tuple({**mapping.first(right, {}), "from-customer-id-value": "УНП", "thousands": "1"}.items())
    astray = mapping.anew(wrong, begun)
    assert {"from-title": "", "from-customer-id-value": "УНП", "from-time": ""}.items() <= dict(astray).items()
    again = mapping.anew(right, (*astray, ("key", "k")))
    assert {"from-title": "Имя", "from-time": "Дата", "thousands": "1", "key": "k"}.items() <= dict(again).items()
    assert "same-time" not in dict(again) and len(again) == len(dict(again))
    written = (*((name, value) for name, value in astray if name != "same-time"), ("same-time", "2026-11-20"))
    assert dict(mapping.anew(right, written))["same-time"] == "2026-11-20", "what a person wrote stays"


SHEET: Final[dict[str, Any]] = {
    "id": "a" * 32,
    "file": "план.csv",
    "sheet": None,
    "sheets": [],
    "header": 1,
    "headings": ["Имя"],
    "samples": [["Запись"]],
    "texts": {},
    "rows": 1,
    "columns": {"title": "Имя"},
    "kept_until": "2099-01-01T00:00:00.000Z",
}
"""A file that has no dates, as intake reads it."""
CHOSEN: Final = {
    "from-title": "Имя",
    "same-problem": "Очереди.",
    "same-solution": "Запись.",
    "same-sector": "health",
    "same-customer-id-value": "700000125",
    "same-initiator-id-value": "790000029",
}


async def test_the_date_of_a_file_that_has_none_is_written_by_a_person_and_never_taken_from_the_clock() -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.startswith("/v1/import-files/"):
            return httpx.Response(200, json=SHEET)
        if path == "/v1/imports":
            return httpx.Response(202, json={"id": "b" * 32})
        entry = {"in_force": BY.id, "editions": [{"edition": BY.id, "since": "2026-01-01"}]}
        return httpx.Response(200, json=entry) if path.startswith("/v1/agencies/") else httpx.Response(404)

    path = f"/ru/portal/spreadsheets/files/{SHEET['id']}"
    async with bench(answers) as desk:
        await desk.enter(Role.PUBLISHER)
        page = (await desk.browser.get(path)).text
        assert re.search(r'name="same-time" id="same-time" value=""', page)
        form = {**desk.form(page, "written"), **CHOSEN, "do": "try"}
        lacking = await desk.browser.post(path, data=form)
        assert lacking.status_code == 422 and RU.say("sheet.choose-time") in html.unescape(lacking.text)
        assert not [one for one in desk.asked if one.url.path == "/v1/imports"], "nothing is sent under a date of ours"
        sent = await desk.browser.post(path, data={**form, "same-time": "2026-11-20"})
        assert sent.status_code == 303
        [asked] = [one for one in desk.asked if one.url.path == "/v1/imports"]
        assert tomllib.loads(json.loads(asked.content)["toml"])["time"] == {"value": date(2026, 11, 20)}
        page = (await desk.browser.get(path.replace("a" * 32, "c" * 32))).text
        assert re.search(r'name="same-time" id="same-time" value=""', page), "nor from the file before"
        assert re.search(r'name="same-initiator-id-value" id="same-initiator-id-value" value="790000029"', page)


async def test_the_portal_is_for_who_publishes_for_an_agency_and_is_their_first_page() -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"items": [], "next": None, "persons": {}})

    async with bench(answers) as desk:
        await desk.enter(Role.PUBLISHER)
        assert (await desk.browser.get("/ru/work")).headers["location"] == "/ru/portal/mine"
        assert (await desk.browser.get("/ru/portal/mine")).status_code == 200
        await desk.enter(Role.OPERATOR)
        for path in ("mine", "send/event"):
            assert (await desk.browser.get(f"/ru/portal/{path}")).status_code == 403


LINE: Final[dict[str, Any]] = {
    "number": "ПП-1",
    "title": "Снимки",
    "own_number": None,
    "open_requests": [],
    "next_due": None,
}
CARRIED: Final = {"stage": "running", "next_move": "executor", "until": "2027-12-31"}


def in_register(id_: str, due: str | None, **changes: Any) -> dict[str, Any]:
    """A pilot as the register's list has it."""
    term = {"kind": "progress-report", "due_at": due, "breached": False}
    return {"id": id_, "term": term, **CARRIED, **changes}


@pytest.mark.parametrize("away", [False, True])
async def test_mine_asks_the_register_once_for_the_days_of_all_that_go_on_there_and_stands_without_it(
    away: bool,
) -> None:
    decided = [{**LINE, "id": f"p-{n}", "status": "decided", "waits_for": "executor"} for n in range(4)]
    rows = [*decided, {**LINE, "id": "early", "status": "registered", "waits_for": "officer"}]
    known = [
        in_register("p-0", "2026-12-09T21:00:00.000Z"),
        in_register("p-1", None, stage="suspended"),
        {**in_register("p-2", "2025-01-09T21:00:00.000Z", stage="finished", next_move="head-organisation")},
        in_register("p-3", None, stage="ineffective", next_move=None, term=None),
    ]

    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.path in ("/v1/pilots", "/v1/search"):
            items = known if request.url.path == "/v1/pilots" else []
            return httpx.Response(503) if away else httpx.Response(200, json={"items": items, "next": None})
        found = rows if request.url.params.get("waits_for") != "applicant" else []
        return httpx.Response(200, json={"items": found, "next": None})

    async with bench(answers) as desk:
        await desk.enter(Role.PUBLISHER)
        said = (await desk.browser.get("/ru/portal/mine")).text
        executors = await desk.browser.get("/ru/portal/mine?waits=executor")
        [asked] = [one.url.params.get_list("id") for one in desk.asked if one.url.path == "/v1/pilots"]
    assert sorted(asked) == ["p-0", "p-1", "p-2", "p-3"], "what is intake's is not asked for"
    cells = {id_: said.partition(f'id="row-{id_}"')[2].partition("</tr>")[0] for id_ in ("p-0", "p-1", "p-2", "p-3")}
    assert ('id="register-away"' in said) is away
    assert (executors.status_code, 'id="away"' in executors.text) == ((503, True) if away else (200, False))
    if away:
        assert "исполнитель" in cells["p-0"] and "2026" not in cells["p-0"] and "Отчёт" not in said
        return
    assert "9 декабря 2026" in cells["p-0"] and "Отчёт о ходе" in cells["p-0"]
    assert "реализация до 31 декабря 2027" in cells["p-0"] and "Срок прошёл" not in cells["p-0"]
    assert "Срок остановлен" in cells["p-1"]
    assert "головная организация" in cells["p-2"] and "9 января 2025" in cells["p-2"]
    assert "Срок прошёл" in cells["p-2"] and "до 31" not in cells["p-2"]
    assert "ничей: путь окончен" in cells["p-3"]


def of_executors(many: int, late: int) -> Answers:
    """Intake with so many submissions that are carried out, the newest first, and the register, which has the oldest
    due first; so many of them are late."""
    ids = [f"p-{n}" for n in range(many)]
    lines = [in_register(id_, f"{'2025' if n < late else '2099'}-01-01T00:{n:02}:00.000Z") for n, id_ in enumerate(ids)]
    rows = {id_: {**LINE, "id": id_, "status": "decided", "waits_for": "executor"} for id_ in ids}

    def answers(request: httpx.Request) -> httpx.Response:
        asked, named = request.url.params, request.url.params.get_list("id")
        if request.url.path == "/v1/search":
            assert (asked["agency"], asked["sort"]) == ("demo-health", "due")
            assert asked.get_list("stage") == ["expedient", "agreed", "running", "suspended"]
            found: list[Any] = lines
        elif request.url.path == "/v1/pilots":
            found = [one for one in lines if one["id"] in named]
        else:
            found = [rows[one] for one in named or ids[::-1]] if asked.get("waits_for") != "applicant" else []
        first = int(asked.get("after", 0))
        last = min(len(found), first + int(asked["limit"]))
        next_ = str(last) if last < len(found) else None
        return httpx.Response(200, json={"items": found[first:last], "next": next_})

    return answers


def rows_of(page: str) -> list[int]:
    """The submissions of a page, in their order."""
    return [int(one) for one in re.findall(r'id="row-p-(\d+)"', page)]


async def test_where_the_executor_is_late_comes_first_over_all_pages() -> None:
    async with bench(of_executors(59, late=3)) as desk:
        await desk.enter(Role.PUBLISHER)
        every = (await desk.browser.get("/ru/portal/mine")).text
        first = (await desk.browser.get("/ru/portal/mine?waits=executor")).text
        [further] = re.findall(r'rel="next" href="([^"]*)', first)
        last = (await desk.browser.get(html.unescape(further))).text
    assert rows_of(every) == [0, 1, 2, *range(58, 8, -1)], "the oldest would stand on the second page"
    assert every.index("Срок исполнителя прошёл") < every.index('id="row-p-0"') < every.index("Остальные")
    assert rows_of(first) + rows_of(last) == [*range(59)] and first.count("Срок прошёл") == 3


async def test_of_more_late_executors_than_one_page_has_the_first_page_leads_to_all() -> None:
    async with bench(of_executors(59, late=58)) as desk:
        await desk.enter(Role.PUBLISHER)
        page = (await desk.browser.get("/ru/portal/mine")).text
    assert rows_of(page)[:50] == [*range(50)] and '"/ru/portal/mine?waits=executor">Все' in page
    assert re.search(r'Срок исполнителя прошёл <span class="desk-number">50\+', page)


@pytest.mark.parametrize(
    ("carrying_out", "finished", "said"),
    [
        (None, None, []),
        ({"started": None, "reporting": False}, None, []),
        ({"started": "2026-09-01", "reporting": True}, None, [*submission.REPORTS]),
        ({"started": "2026-09-01", "reporting": True}, "2026-11-01", ["progress", "spending", "risks", "results"]),
        ({"started": "2026-09-01", "reporting": False}, "2026-11-01", ["spending", "results"]),
    ],
)
def test_what_may_be_reported_is_what_intake_takes(
    carrying_out: dict[str, Any] | None, finished: str | None, said: list[str]
) -> None:
    card = {"status": "decided", "waits_for": "executor", "carrying_out": carrying_out, "finished": finished}
    assert submission.allowed(card) == said


async def test_an_agency_that_is_not_entered_yet_is_told_whom_to_ask() -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/agencies/"):
            return httpx.Response(404, json={"title": "not-found", "detail": "Нет."})
        return httpx.Response(200, json={"items": [], "next": None})

    async with bench(answers) as desk:
        await desk.enter(Role.PUBLISHER)
        for path in ("access", "send"):
            told = await desk.browser.get(f"/ru/portal/{path}")
            assert told.status_code == 403 and "скажите администратору" in told.text


CARD: Final[dict[str, Any]] = {
    **dict.fromkeys(("due_at", "carrying_out", "conclusion", "decision", "finished", "fixing", "expertise")),
    **dict.fromkeys(("open_requests", "reasons", "problems"), ()),
    **dict(id="p-1", number="ПП-1", status="decided", waits_for="executor", edition="by-2024"),
    "received": "2026-01-01T06:00:00Z",
    "application": {"title": "Снимки"},
}


async def test_the_form_of_an_answer_says_until_when_and_what_happens_then_as_the_submission_does() -> None:
    asked = {"id": "r-1", "due_at": "2026-03-02T21:00:00Z", "on_expiry": "return", "open_items": ["i-1"]}
    items = [{"id": "i-1", "text": "Уточните", "field": None}]
    card = {**CARD, "status": "under-expertise", "waits_for": "applicant", "open_requests": [asked | {"items": items}]}

    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/applications/p-1":
            return httpx.Response(200, json=card)
        if request.url.path.startswith("/v1/pilots/"):
            return httpx.Response(404, json={})
        return httpx.Response(200, json={"items": [], "next": None})

    async with bench(answers) as desk:
        await desk.enter(Role.PUBLISHER)
        pages = [await desk.browser.get(f"/en/portal/mine/p-1{more}") for more in ("", "/answer/r-1")]
    told = [re.findall(r"To be answered by[^<]*", one.text) for one in pages]
    assert (
        told[0] == told[1]
        and len(told[1]) == 1
        and "2 March 2026" in told[1][0]
        and "If nothing is answered" in told[1][0]
    )


KINDS: Final = ("progress", "spending", "risk", "result")


def issued(place: int, many: int) -> dict[str, Any]:
    """The receipt at a place of so many of a pilot's: the first of its registration, the last of the commission's
    judgement, between them of reports of four kinds, of which the oldest do not say which it was."""
    nothing = dict.fromkeys(("conclusion", "decision", "step", "due_at", "event_type"))
    outcome = "registered" if place == 0 else "reported" if place < many - 1 else "judged"
    known = {"outcome": outcome, "number": "ПП-1", "event_id": f"event-{place}.", "reasons": [], "problems": []}
    if outcome == "reported" and place > 10:
        known["event_type"] = f"pilots.agency.{KINDS[place % 4]}-reported.v1"
    return {**nothing, **known, "at": f"2026-01-{2 + place // 1440:02}T{place // 60 % 24:02}:{place % 60:02}:00Z"}


def with_receipts(many: int) -> Answers:
    """Intake with a submission of so many receipts, in pages as they are asked for."""
    rows = [issued(place, many) for place in range(many)]

    def answers(request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        match request.url.path:
            case "/v1/applications/p-1":
                return httpx.Response(200, json=CARD)
            case "/v1/receipts":
                chosen = asked.get_list("status")
                found = [one for one in rows if not chosen or one["outcome"] in chosen]
                found = found[::-1] if asked.get("newest") == "true" else found
                first = int(asked.get("after", 0))
                last = min(len(found), first + min(200, int(asked["limit"])))
                next_ = str(last) if last < len(found) else None
                return httpx.Response(200, json={"items": found[first:last], "next": next_})
            case _:
                return httpx.Response(404, json={"title": "not-found", "detail": "Нет."})

    return answers


def way_of(page: str) -> list[str]:
    """The steps of the way, as the page has them."""
    return re.findall(r"<li><strong>(.*?)</li>", page.partition('id="way"')[2].partition("</ol>")[0])


def leads(page: str, before: str) -> str:
    """Where the last link before some words of a page leads."""
    return html.unescape(re.findall(r'href="([^"]*)"', page.partition(before)[0])[-1])


async def test_the_way_has_every_step_however_many_reports_there_are_and_all_reports_page_by_page() -> None:
    async with bench(with_receipts(5_000)) as desk:
        await desk.enter(Role.PUBLISHER)
        page = newest = (await desk.browser.get("/ru/portal/mine/p-1")).text
        asked = [one.url.params for one in desk.asked if one.url.path == "/v1/receipts"]
        assert sorted((len(one.get_list("status")), one["limit"]) for one in asked) == [
            (0, "100"),
            (1, "100"),
            (len(submission.STEPS), "200"),
        ], "three questions, each of one page"
        seen = list[str]()
        for _ in range(3):
            steps = way_of(page)
            assert len(steps) == 103 and "ПП-1" in steps[1] and "Решение комиссии" in steps[-1], "sent to judged"
            seen = [*steps[2:-1], *seen]
            page = (await desk.browser.get(leads(page, "Более ранние отчёты"))).text
        assert len(set(seen)) == 300, "no report twice"
        back = page.index('href="/ru/portal/mine/p-1#way"')
    assert 'href="/ru/portal/mine/p-1#way"' not in newest and back < page.index("desk-way"), "and back"
    assert [re.sub("<.*", "", one) for one in seen[-4:]] == [
        "Отчёт о результатах принят",
        "Отчёт о ходе реализации принят",
        "Отчёт о расходах принят",
        "Отчёт о рисках принят",
    ], "which report it was"


@pytest.mark.parametrize("kind", ["pilots.agency.risk-reported.v1", "pilots.agency.risk-reported.v9", "<b>", "", None])
async def test_a_receipt_of_what_was_not_taken_says_what_it_was_where_there_is_such_a_type(kind: str | None) -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/receipts" and not request.url.params.get("status"):
            refused = {**issued(0, 1), "outcome": "refused", "event_type": kind}
            return httpx.Response(200, json={"items": [refused], "next": None})
        return with_receipts(1)(request)

    async with bench(answers) as desk:
        await desk.enter(Role.PUBLISHER)
        page = (await desk.browser.get("/ru/portal/mine/p-1")).text
    told = page.partition('id="receipts"')[2].partition("</table>")[0]
    assert "Не принято" in told and ("Отчёт о рисках" in told) is (str(kind)[-1:] == "1") and "<b>" not in told


async def test_receipts_stand_the_newest_first_page_by_page_beside_the_whole_way() -> None:
    async with bench(with_receipts(130)) as desk:
        await desk.enter(Role.PUBLISHER)
        newest = (await desk.browser.get("/ru/portal/mine/p-1")).text
        [older] = re.findall(r'rel="next" href="([^"#]*)', newest)
        oldest = (await desk.browser.get(html.unescape(older))).text
    events = [re.findall(r"event-(\d+)\.", page) for page in (newest, oldest)]
    assert events == [[str(n) for n in range(129, 29, -1)], [str(n) for n in range(29, -1, -1)]]
    assert 'rel="next"' not in oldest and way_of(oldest) == way_of(newest)
    assert 'href="/ru/portal/mine/p-1#receipts"' in oldest and 'id="part"' not in oldest
    assert "Отчёт принят" in oldest and "Отчёт принят" not in newest, "a receipt of before does not say which it was"


async def test_each_attempt_of_a_webhooks_message_stands_with_its_moment_status_time_and_what_was_answered() -> None:
    at = "2026-04-16T09:00:00Z"
    tried = [
        {"at": at, "status": 503, "why": None, "milliseconds": 1250, "answer": "<b>later</b>"},
        {"at": "2026-04-16T09:05:07Z", "status": None, "why": "too-slow", "milliseconds": 10_000, "answer": ""},
        {"at": "2026-04-16T11:30:00Z", "status": 204, "why": None, "milliseconds": 41, "answer": "taken"},
    ]
    message = {"id": "m-1", "state": "sent", "at": at, "pilot": "p-1", "next_at": None, "attempts": tried}
    async with bench(lambda _request: httpx.Response(200, json=message)) as desk:
        await desk.enter(Role.PUBLISHER)
        page = (await desk.browser.get("/ru/portal/access/hooks/h-1/m-1")).text
    rows = re.findall(r'<tr class="desk-row">(.*?)</tr>', page.partition('id="attempts"')[2], re.DOTALL)
    cells = [[re.sub("<.*?>", "", one) for one in re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL)] for row in rows]
    assert [[html.unescape(one).replace("\xa0", " ") for one in row] for row in cells] == [
        ["16 апреля 2026 12:00", "503", "1 250 мс", "<b>later</b>"],
        ["16 апреля 2026 12:05", RU.code("hook-why", "too-slow"), "10 000 мс", "–"],
        ["16 апреля 2026 14:30", "204", "41 мс", "taken"],
    ]
    assert "<b>later" not in page and RU.code("hook-why", "too-slow") != "too-slow"


def verdict(index: int, name: str, problems: list[dict[str, Any]], number: str | None = None) -> dict[str, Any]:
    """What is answered for one event of several."""
    receipt = {"pilot": f"p-{index}", "number": number, "problems": problems}
    return {"index": index, "event_id": f"e-{index}", "verdict": name, "receipt": receipt, "problem": None}


async def test_of_several_events_each_fault_has_its_line_and_what_to_do_and_it_is_said_whether_any_was_sent() -> None:
    fault = {"rule": "r", "pointer": "/data/sector", "action": "fix", "message": "Нет такой.", "severity": "block"}
    faulty = True

    def answers(request: httpx.Request) -> httpx.Response:
        second = verdict(1, "refused", [fault]) if faulty else verdict(1, "accepted", [], "ПП-2")
        return httpx.Response(207, json={"items": [verdict(0, "accepted", [], "ПП-1"), second], "counts": {}})

    one = example(ApplicationSubmittedV2.TYPE)
    text = json.dumps([one, one], indent=1)
    async with bench(answers) as desk:
        await desk.enter(Role.PUBLISHER)
        page = (await desk.browser.get("/ru/portal/send/event")).text
        said = {**desk.form(page, "written"), "event": text, "do": "send"}
        refused = (await desk.browser.post("/ru/portal/send/event", data=said)).text
        only_tried = [one.url.path for one in desk.asked]
        faulty = False
        taken = (await desk.browser.post("/ru/portal/send/event", data=said)).text
    assert {*only_tried} == {"/v1/events/validate"}, "one is faulty, so none is sent"
    assert RU.say("sheet.nothing-sent") in refused and RU.say("sheet.is-sent") not in refused
    line = 1 + max(n for n, one in enumerate(text.splitlines()) if '"sector"' in one)
    assert f'href="#line-{line}"' in refused and f'id="line-{line}"' in refused
    assert f"– {RU.code('action', 'fix')}" in refused
    assert RU.say("sheet.is-sent") in taken and RU.say("sheet.nothing-sent") not in taken


@pytest.mark.parametrize("text", ["", "[]", " [ \n ] "])
async def test_where_no_event_is_pasted_either_button_says_so_and_intake_is_not_asked(text: str) -> None:
    async with bench(lambda _request: httpx.Response(500)) as desk:
        await desk.enter(Role.PUBLISHER)
        page = (await desk.browser.get("/ru/portal/send/event")).text
        for do in ("check", "send"):
            said = {**desk.form(page, "written"), "event": text, "do": do}
            answer = await desk.browser.post("/ru/portal/send/event", data=said)
            assert answer.status_code == 422 and RU.say("portal.no-event") in answer.text
        assert desk.asked == []


async def test_what_is_similar_leads_to_its_page_an_own_pilot_in_the_portal_and_anothers_in_the_open_register() -> None:
    shown: dict[str, Any] = {"number": "ПП-7", "title": "Снимки", "agency_name": None, "common": {"words": []}}
    near = [{**shown, "id": id_, "agency": agency} for id_, agency in (("p-own", "demo-health"), ("p-8", "demo-roads"))]

    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/similar":
            return httpx.Response(200, json={"items": near, "complete": True})
        return httpx.Response(200, json={"problems": []})

    async with bench(answers) as desk:
        await desk.enter(Role.PUBLISHER)
        page = (await desk.browser.get("/ru/portal/send/event")).text
        said = {**desk.form(page, "written"), "event": json.dumps(example(ApplicationSubmittedV2.TYPE)), "do": "check"}
        checked = (await desk.browser.post("/ru/portal/send/event", data=said)).text
    links = re.findall(r'href="([^"]*)"', checked.partition('id="similar"')[2].partition("</section>")[0])
    assert links == ["/ru/portal/mine/p-own", "/ru/register/p-8"]


@pytest.mark.parametrize(
    ("status", "known", "public"), [("decided", True, True), ("decided", False, False), ("accepted", True, False)]
)
async def test_a_submission_leads_to_its_public_card_once_the_council_has_decided(
    status: str, known: bool, public: bool
) -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/applications/p-1":
            return httpx.Response(200, json={**CARD, "status": status})
        if request.url.path == "/v1/pilots/p-1" and known:
            return httpx.Response(200, json=in_register("p-1", None))
        return with_receipts(1)(request)

    async with bench(answers) as desk:
        await desk.enter(Role.PUBLISHER)
        page = (await desk.browser.get("/ru/portal/mine/p-1")).text
    assert ('href="/ru/register/p-1"' in page) is public
