"""The ops view: what each page tells, that it is there for ops alone, and what is sent by its forms."""

import html
import json
import math
import re
from zoneinfo import ZoneInfo

import httpx
import pytest
from prometheus_client import Histogram

from contracts.words import LANGUAGES
from services.chassis.telemetry import HTTP_BOUNDS
from services.desk.pages.ops import own
from services.desk.visit import KEY, TOKEN
from services.desk.words import Words
from tests.kit.desk.bench import Bench, bench
from tests.kit.desk.ops import PILOT, TOPIC, WHY, Ops, proposal
from tests.kit.desk.services import HARMFUL

PLACE = f"/ops/parked/intake/record/{TOPIC}/0/1"
GROUP = "/ops/parked/intake?status=broken&cause=x&topic=y"
REPAIRS = "/ops/parked/intake/repairs"
PATHS = [
    *("/ops", "/ops/parked", "/ops/services", GROUP, PLACE),
    *(f"{PLACE}/edit", f"{PLACE}/discard", REPAIRS, f"{REPAIRS}/1"),
]


async def posted(at: Bench, path: str, form: str, **fields: str) -> tuple[int, str]:
    """Sends a form of a page, with what a person puts into it; the status, and the page that answers."""
    page = (await at.browser.get(f"/ru{path}")).text
    answer = await at.browser.post(f"/ru{path.partition('?')[0]}", data={**at.form(page, form), **fields})
    return answer.status_code, answer.text or answer.headers.get("location", "")


def figures(page: str, row: str) -> dict[str, int]:
    """The figures of one row of the balance, by part."""
    inside = re.search(rf"<th scope=\"row\">{row}</th>(.*?)</tr>", page, re.DOTALL)
    assert inside
    found = re.findall(r'data-part="(\w+)">([^<]*)<', inside[1])
    return {part: int(re.sub(r"\D", "", text)) for part, text in found}


async def test_every_page_is_there_for_ops_and_for_nobody_else() -> None:
    services = Ops()
    services.proposals.append(proposal("1", {"record": f"{TOPIC}/0/1", "kind": "discard", "why": HARMFUL}))
    async with bench(services) as at:
        await at.enter("ops")
        for language in LANGUAGES:
            for path in PATHS:
                answer = await at.browser.get(f"/{language}{path}")
                assert answer.status_code == 200, (path, answer.text)
                assert HARMFUL not in answer.text, path
                assert ("desk-tabs" in answer.text) == ("Europe/Minsk" in answer.text), "the terminal says UTC"
        for path in ("/ops/parked/desk", f"{PLACE}/burn", "/ops/parked/intake/repairs/9"):
            assert (await at.browser.get(f"/ru{path}")).status_code == 404, path
        await at.enter("operator")
        at.asked.clear()
        assert {(await at.browser.get(f"/ru{path}")).status_code for path in PATHS} == {404}
        assert at.asked == [], "nothing is asked for who may not know of it"


async def test_the_balance_on_the_page_is_that_of_the_api_and_what_is_missing_has_its_name() -> None:
    services = Ops(difference=1)
    async with bench(services) as at:
        await at.enter("ops")
        page = (await at.browser.get("/ru/ops")).text
        told = services.balance("intake")["agencies"]
        for row in told:
            assert figures(page, row["agency"]) == {part: row[part] for part in figures(page, row["agency"])}
        assert figures(page, "Всего")["received"] == sum(row["received"] for row in told)
        assert "app-17" in page and "прочитано, но решения нет" in page
        assert page.count("2 ч<") == 3, "timers are two hours late"
        assert "1 234" in page.replace("\xa0", " "), "the lag of all partitions"
        assert 'hx-trigger="every 2s"' in page
        assert 'hx-trigger="every 2s"' not in (await at.browser.get("/ru/ops?paused=1")).text


COLUMNS = ("lag_records", "outbox_oldest_seconds", "withheld", "timer_late_seconds", "held_pilots", "loop_late_seconds")


def told_of(version: str, *values: float) -> str:
    """Metrics of a service: its version, and a figure for each column of what waits."""
    lines = [f"lotsman_{column} {value}" for column, value in zip(COLUMNS, values, strict=True)]
    return "\n".join([f'lotsman_build_info{{service="x",version="{version}"}} 1.0', *lines, ""])


def waiting(page: str) -> dict[str, list[str]]:
    """What the table of waits says of each service: its version, and by column what waits; late ones have a mark."""
    table = page.partition('id="waits"')[2].partition("</table>")[0]
    rows = re.findall(r'<tr class="desk-row">(.*?)</tr>', table, re.DOTALL)
    found = {}
    for row in rows:
        name = row.partition('<code class="ops-code">')[2].partition("<")[0]
        version = re.findall(r'data-label="Version">([^<]*)<', row)
        figures = re.findall(r'<td class="ops-number( desk-due--late)?"[^>]*>([^<]*)<', row)
        found[name] = [*version, *(f"{text}!" if late else text for late, text in figures)]
    return found


async def test_what_waits_stands_with_each_service_as_that_tells_it_and_what_is_late_is_marked() -> None:
    services = Ops(away=frozenset({"registry"}))
    services.metrics = {
        "intake": told_of("1.5.0", 1200, 0.3, 7, 7300, 3, 61),
        "expertise": told_of("1.4.9", 5, 125, 0, 60, 11, 0.5),
    }
    async with bench(services) as at:
        await at.enter("ops")
        assert waiting((await at.browser.get("/en/ops")).text) == {
            "intake": ["1.5.0", "1,200", "0.3 s", "7", "2 h!", "3", "61 s!"],
            "expertise": ["1.4.9", "5", "2 min!", "0", "60 s", "11", "0.5 s"],
            "registry": ["–"] * 7,
        }


async def test_a_service_that_says_nothing_leaves_the_others_told_and_its_reasons_are_told() -> None:
    services = Ops(away=frozenset({"expertise"}), ready=False)
    async with bench(services) as at:
        await at.enter("ops")
        page = (await at.browser.get("/en/ops")).text
        assert re.search(r"No answer since [^<]+: expertise\. Its figures are missing here", page)
        assert "minzdrav" in page and "no answer" in page
        page = (await at.browser.get("/en/ops/parked")).text
        assert (
            re.search(r"No answer since [^<]+: expertise", page) and "60 records in the services that answered" in page
        )
        page = (await at.browser.get("/en/ops/services")).text
        assert WHY in page and "No answer since" in page and "by-2024" in page
        own = page[page.index('id="desk-title"') :]
        assert "The desk" in own and "degraded" in own and "ConnectError" in own, "whom the desk cannot reach"
        assert own.count("holds") == 4, "its database, signing in, and the two that answer"
        services.away = frozenset({"intake", "expertise", "registry"})
        for path in ("/ops", "/ops/services", "/ops/parked"):
            answer = await at.browser.get(f"/en{path}")
            assert answer.status_code == 200
            for false in ("Nothing is parked.", "No agency has sent anything"):
                assert false not in answer.text, "nobody knows"


async def test_what_a_service_that_is_there_does_not_tell_is_said_with_its_reason_and_old_figures_with_their_age() -> (
    None
):
    services, untold = Ops(many=0), {"/v1/balance", "/v1/reading"}
    services.metrics = {"intake": "lotsman_lag_records 0.0\nlotsman_watched_seconds 42.0\n"}

    def without_kafka(request: httpx.Request) -> httpx.Response:
        if request.url.path in untold:
            return httpx.Response(
                503, json={"title": "kafka.away", "detail": "Kafka cannot be asked now; send the same again."}
            )
        return services(request)

    async with bench(without_kafka) as at:
        await at.enter("ops")
        page = (await at.browser.get("/en/ops")).text
        assert page.count("Not everything is answered: ") == 3 and "Kafka does not answer." in page
        assert "No answer since" not in page and "No agency has sent" not in page and "Nothing is parked." in page
        assert page.count("figures counted") == 1 and "42 s ago" in page
        page = (await at.browser.get("/en/ops/services")).text
        assert page.count("Not to be seen just now: what it reads, and which partitions stand still.") == 3
        untold.clear()
        assert "Not to be seen" not in (await at.browser.get("/en/ops/services")).text


async def test_who_must_sign_in_again_is_led_there_and_comes_back() -> None:
    async with bench(lambda _request: httpx.Response(401, json={"title": "auth.invalid"})) as at:
        for path in ("/ops?paused=1", "/ops/parked", "/ops/services"):
            await at.enter("ops")
            answer = await at.browser.get(f"/ru{path}")
            assert answer.status_code == 303 and answer.headers["location"].startswith("/ru/sign-in?then=/ops")


async def test_a_group_is_tried_and_fed_as_many_as_are_asked_for() -> None:
    services = Ops()
    async with bench(services) as at:
        await at.enter("ops")
        status, page = await posted(at, GROUP, "feed", do="try", many="10")
        assert status == 200 and "прошло бы 9 из 10" in page and "Ничего не сделано" in page and services.many == 60
        status, page = await posted(at, GROUP, "feed", do="feed", many="500")
        assert "прошло 59 из 60" in page and services.many == 1
        asked = [json.loads(one.content) for one in services.posts]
        named = {"status": "broken", "cause": "x", "topic": "y"}
        assert asked == [{**named, "limit": 10, "dry_run": True}, {**named, "limit": 500, "dry_run": False}]
        await posted(at, GROUP, "feed", do="feed", many="100000")
        assert json.loads(services.posts[-1].content)["limit"] == 10, "no more than the page offers"
        services.many = 60
        _, page = await posted(at, GROUP, "feed", do="try", since="2026-04-15", until="2026-04-16")
        sent = json.loads(services.posts[-1].content)
        assert (sent["since"], sent["until"]) == ("2026-04-15T00:00:00+03:00", "2026-04-17T00:00:00+03:00")
        assert 'name="since" value="2026-04-15"' in page and 'name="until" value="2026-04-16"' in page
        many = len(services.posts)
        for bad in ("2026-13-01", "9999-12-31"):
            status, page = await posted(at, GROUP, "feed", do="feed", until=bad)
            assert status == 422 and "существующий день" in page and len(services.posts) == many


async def test_a_group_is_fed_on_behind_what_stays_and_what_came_of_it_is_added_up() -> None:
    services = Ops(many=100)
    async with bench(services) as at:
        await at.enter("ops")
        of_agency = f"{GROUP}&agency=minzdrav"
        for do, said in (("try", "Проверять дальше"), ("feed", "Подавать дальше")):
            page = (await at.browser.get(f"/ru{of_agency}")).text
            fields = {**at.form(page, "feed"), "do": do, "many": "10", "rate": "5", "since": "2026-04-15"}
            answer = (await at.browser.post("/ru/ops/parked/intake", data=fields)).text
            assert said in answer and 'id="in-all"' not in answer
            for n in (2, 3):
                on = {**at.form(answer, "feed-on"), "do": do}
                answer = (await at.browser.post("/ru/ops/parked/intake", data=on)).text
                assert f"Всего пока: {9 * n} из {10 * n}" in answer
                sent = json.loads(services.posts[-1].content)
                assert (sent["after"], sent["agency"], sent["dry_run"]) == ("further", "minzdrav", do == "try")
                assert (sent["limit"], sent["rate"], sent["since"]) == (10, 5, "2026-04-15T00:00:00+03:00")
        on = {**at.form(answer, "feed-on"), "do": "feed"}
        services.away = frozenset({"intake"})
        answer = (await at.browser.post("/ru/ops/parked/intake", data=on)).text
        services.away = frozenset()
        again = at.form(answer, "feed-on")
        assert (again[KEY], again["after"], again["tried"]) == (on[KEY], "further", "30")
        answer = (await at.browser.post("/ru/ops/parked/intake", data={**again, "do": "feed", "many": "500"})).text
        assert 'id="feed-on"' not in answer and 'id="in-all"' in answer, "that was all"


async def test_groups_are_shown_with_their_agency_and_those_of_one_alone() -> None:
    async with bench(Ops()) as at:
        await at.enter("ops")
        page = (await at.browser.get("/en/ops/parked?agency=minzdrav")).text
        assert "agency=minzdrav" in page and 'name="agency" value="minzdrav"' in page and "60 records" in page
        assert '<td data-label="Agency"><code class="ops-code">minzdrav</code></td>' in page
        page = (await at.browser.get("/en/ops/parked?agency=minsport")).text
        assert 'id="groups"' not in page and "0 records" in page
        assert "not known" in (await at.browser.get(f"/en{GROUP}&agency=-")).text


async def test_a_group_is_fed_at_a_rate_within_its_bounds_and_the_page_waits_for_it() -> None:
    services = Ops()
    async with bench(services) as at:
        await at.enter("ops")
        for bad in ("0", "-1", "2.5", "501", "9" * 5000, "пять", "٣"):
            status, page = await posted(at, GROUP, "feed", do="feed", rate=bad, since="2026-13-01")
            assert status == 422 and 'href="#rate"' in page and 'href="#since"' in page, "all at once"
        assert services.posts == []
        status, page = await posted(at, GROUP, "feed", do="try", many="10", rate="5")
        assert status == 200 and 'id="rate" name="rate" value="5"' in page, "what was tried is fed by the same form"
        status, page = await posted(at, GROUP, "feed", do="feed", many="10", rate="5")
        tried, fed = ((json.loads(one.content)["rate"], one.extensions["timeout"]["read"]) for one in services.posts)
        assert (tried, fed) == ((5, 10.0), (5, 12.0)), "at five a second ten take two seconds"
        services.refusal = httpx.Response(422, json={"title": "redrive.too-slow", "detail": "Не больше 60 за раз."})
        status, page = await posted(at, GROUP, "feed", do="feed", many="100", rate="1")
        assert status == 422 and 'href="#rate"' in page and "Не больше 60 за раз." in page


async def test_a_feeding_that_was_not_answered_is_sent_again_under_its_key_with_what_was_chosen() -> None:
    services = Ops()
    async with bench(services) as at:
        await at.enter("ops")
        for path, form, said in ((GROUP, "feed", {"many": "10", "rate": "5"}), (PLACE, "feed-pilot", {})):
            first = at.form((await at.browser.get(f"/ru{path}")).text, form)
            services.away = frozenset({"intake"})
            answer = await at.browser.post(f"/ru{path.partition('?')[0]}", data={**first, **said, "do": "feed"})
            assert answer.status_code == 503 and re.search("Не отвечает с [^<]+: приём заявок", answer.text)
            services.away = frozenset()
            again = at.form(answer.text, form)
            assert again[KEY] == first[KEY]
            await at.browser.post(f"/ru{path.partition('?')[0]}", data={**again, **said, "do": "feed"})
            assert services.posts[-1].headers["Idempotency-Key"] == first[KEY]
        assert json.loads(services.posts[-1].content)["subjects"] == [PILOT]


async def test_one_record_is_tried_and_fed_alone_or_with_its_pilot() -> None:
    services = Ops()
    async with bench(services) as at:
        await at.enter("ops")
        await posted(at, PLACE, "feed", do="try")
        await posted(at, PLACE, "feed-pilot", do="try")
        asked = [json.loads(one.content) for one in services.posts]
        assert asked == [
            {"ids": [f"{TOPIC}/0/1"], "dry_run": True},
            {"subjects": [PILOT], "limit": 500, "dry_run": True},
        ]
        services.many = 2
        status, page = await posted(at, PLACE, "feed", do="feed")
        assert status == 200 and "прошло 1 из 1" in page and "Записи здесь больше нет" in page


async def test_a_proposal_is_kept_while_the_service_is_away_and_has_one_effect_when_sent_again() -> None:
    services = Ops()
    async with bench(services) as at:
        await at.enter("ops")
        status, page = await posted(at, f"{PLACE}/edit", "written", event="{", why="")
        assert status == 422 and "строка 1, знак 2" in page and "Напишите, почему" in page
        status, page = await posted(at, f"{PLACE}/edit", "written", event="[]", why="Так")
        assert status == 422 and "объект JSON" in page and services.posts == []
        form = at.form((await at.browser.get(f"/ru{PLACE}/edit")).text, "written")
        said = {**form, "event": '{"id": "app-1"}', "why": "Опечатка в типе"}
        services.away = frozenset({"intake"})
        answer = await at.browser.post(f"/ru{PLACE}/edit", data=said)
        assert answer.status_code == 503 and "Опечатка в типе" in answer.text
        services.away = frozenset()
        again = (await at.browser.get(f"/ru{PLACE}/edit")).text
        assert "Опечатка в типе" in again and at.form(again, "written")[KEY] == form[KEY]
        for _ in range(2):
            fields = {**said, TOKEN: at.form(again, "written")[TOKEN]}
            answer = await at.browser.post(f"/ru{PLACE}/edit", data=fields)
            assert answer.status_code == 303
        assert len(services.proposals) == 1
        assert "Опечатка" not in (await at.browser.get(f"/ru{PLACE}/edit")).text


@pytest.mark.parametrize(("by", "state"), [("ops-1", "approved"), ("ops-2", "proposed")])
async def test_a_second_person_approves_and_nobody_approves_the_own(by: str, state: str) -> None:
    services = Ops()
    services.proposals.append(proposal("1", {"record": f"{TOPIC}/0/1", "kind": "discard", "why": "Проба"}, by))
    async with bench(services) as at:
        await at.enter("ops")
        path = "/ops/parked/intake/repairs/1"
        page = (await at.browser.get(f"/ru{path}")).text
        assert ("другой человек" in page) is (by == "ops-1"), "who is signed in is ops-1"
        token = at.form(page, "decline")[TOKEN]
        status = (await at.browser.post(f"/ru{path}", data={TOKEN: token, "do": "approve"})).status_code
        assert services.proposals[0]["state"] == state and status == (303 if state == "approved" else 403)
        if state == "proposed":
            assert (await posted(at, path, "decline", do="decline", why=""))[0] == 422
            assert (await posted(at, path, "decline", do="decline", why="Не так"))[0] == 303
            assert services.proposals[0]["state"] == "declined"


async def test_all_that_waits_for_a_second_person_is_counted_and_listed_part_by_part() -> None:
    services = Ops()
    for n in range(73):
        services.proposals.append(proposal(str(n), {"record": f"{TOPIC}/0/{n}", "kind": "discard", "why": "Проба"}))
    services.proposals += [
        {**services.proposals[0], "id": f"new-{n}", "state": ("approved", "declined")[n % 2]} for n in range(30)
    ]
    async with bench(services) as at:
        await at.enter("ops")
        page = (await at.browser.get("/ru/ops/parked")).text
        assert f'href="/ru{REPAIRS}?state=proposed">приём заявок: 73 предложения<' in page
        assert page.count(f'href="/ru{REPAIRS}/') == 20 and f"{REPAIRS}/new-" not in page
        found, where = list[str](), f"/ru{REPAIRS}?state=proposed"
        while where:
            page = (await at.browser.get(where)).text
            assert '<p class="govuk-body desk-count">73 предложения</p>' in page
            assert '<option value="proposed" selected>' in page
            found += re.findall(rf'href="/ru{REPAIRS}/([\w-]+)"', page)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            where = html.unescape(following[1]) if following else ""
        assert found == [str(n) for n in reversed(range(73))], "each once, the newest first"
        assert '<p class="govuk-body desk-count">103 предложения</p>' in (await at.browser.get(f"/ru{REPAIRS}")).text
        services.proposals = services.proposals[-30:]
        assert "Waiting for a second person" not in (await at.browser.get("/en/ops/parked")).text
        assert "There are no such proposals." in (await at.browser.get(f"/en{REPAIRS}?state=proposed")).text


def _took(seconds: list[float], *, route: str = "/{language}/ops", status: str = "200", of: Histogram) -> None:
    for one in seconds:
        of.labels("GET", route, status).observe(one)


def test_the_desks_own_figures_are_of_pages_alone_and_say_how_long_nearly_all_took() -> None:
    names = ["http_request_method", "http_route", "http_response_status_code"]
    told = Histogram("told", "", names, buckets=HTTP_BOUNDS, registry=None)
    assert own.answered(told.collect()) == own.Answered(0, 0, None)
    _took([9.0] * 100, route="/metrics", of=told)
    _took([0.004] * 95, of=told)
    _took([3.0] * 4, route="/{language}/register", of=told)
    _took([0.2], status="503", of=told)
    assert own.answered(told.collect()) == own.Answered(100, 1, 0.005)
    _took([60.0] * 20, of=told)
    assert own.answered(told.collect()) == own.Answered(120, 1, math.inf)
    words = Words("en", ZoneInfo("UTC"))
    said = [own.within(words, one) for one in (None, 0.005, 0.25, 10.0, math.inf)]
    assert said == ["–", "0.005 s", "0.25 s", "10 s", "> 10 s"]


async def test_open_sessions_are_counted_and_one_that_was_left_is_not() -> None:
    async with bench(Ops()) as at:
        for _ in range(2):
            await at.enter("ops")
        page = (await at.browser.get("/ru/ops")).text
        assert "открытых сессий – 2;" in re.search('id="own">([^<]*)<', page)[1]  # type: ignore[index]
