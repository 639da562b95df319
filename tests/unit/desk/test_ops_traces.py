"""Traces on the pages: one waterfall from the collector of the embedded stack and from a Jaeger, for ops alone."""

import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from contracts.words import LANGUAGES
from services.desk.settings import DeskSettings
from tests.kit.desk.bench import Bench, bench
from tests.kit.desk.ops import PILOT, TRACE, Ops
from tests.kit.desk.services import HARMFUL
from tests.kit.desk.traces import AFTER, AT, BEFORE, OTHER, collected, jaeger

OWN: Mapping[str, str] = {"collector_url": "http://127.0.0.1:4318"}
ELSEWHERE: Mapping[str, str] = {"traces_url": "http://jaeger:16686/"}
BOTH = pytest.mark.parametrize("where", [OWN, ELSEWHERE], ids=["collector", "jaeger"])
OTHER_TRACE = "d" * 32
BAR = re.compile(r'<rect class="ops-bar ops-bar--(\w+)[^"]*" x="([\d.]+)" y="2" width="([\d.]+)"')


def kept(request: httpx.Request) -> httpx.Response:
    """The services, and where traces are kept."""
    if request.url.host == "jaeger":
        return jaeger(request)
    return collected(request) if request.url.port == 4318 else Ops()(request)


async def shown(at: Bench, path: str, status: int = 200) -> str:
    """A page of somebody of ops."""
    answer = await at.browser.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


@BOTH
async def test_a_trace_is_one_waterfall_over_all_services_with_what_came_before_and_after(
    where: Mapping[str, str],
) -> None:
    async with bench(kept, where) as at:
        await at.enter("ops")
        for language in LANGUAGES:
            page = await shown(at, f"/{language}/ops/traces/{TRACE}")
            assert HARMFUL not in page and "Тайный" not in page, "a store may hold what is not ours"
        bars = [(service, float(x), float(width)) for service, x, width in BAR.findall(page)]
        assert [one[0] for one in bars] == ["expertise", "expertise", "registry", "expertise"], "below their causes"
        assert bars[0][1:] == (0.0, 1000.0) and bars[2][1:] == (492.6, 492.6)
        assert f"/en/ops/traces/{BEFORE}" in page and f"/en/ops/traces/{AFTER}" in page
        assert page.index(BEFORE) < page.index('id="after"') < page.index(AFTER)
        assert "messaging.system" not in page and "error.type" in page and ">error<" in page


@BOTH
async def test_a_trace_is_found_by_pilot_event_receipt_and_id_and_cut_to_what_was_asked_for(
    where: Mapping[str, str],
) -> None:
    async with bench(kept, where) as at:
        await at.enter("ops")
        page = await shown(at, f"/ru/ops/traces?q={PILOT.upper()}")
        order = [page.index(f"row-{one}") for one in (BEFORE, TRACE, AFTER)] if where is ELSEWHERE else [1]
        assert order == sorted(order), "in the order in which they began"
        assert f"/ru/ops/traces/{TRACE}?of={PILOT}" in page
        by_number = await shown(at, "/ru/ops/traces?q=пп-2026-000123")
        assert f"/ru/ops/traces/{TRACE}?of={PILOT}" in by_number, "people name pilots by their numbers"
        whole, cut = await shown(at, f"/ru/ops/traces/{TRACE}"), await shown(at, f"/ru/ops/traces/{TRACE}?of={OTHER}")
        assert ("span-c2" in whole, "span-c2" in cut, "span-c4" in cut) == (True, False, True)
        assert 'id="cut"' in cut and 'id="cut"' not in whole
        led = await at.browser.get(f"/ru/ops/traces?q={TRACE}")
        assert led.headers["location"] == f"/ru/ops/traces/{TRACE}"
        assert "app-1" in str((await at.browser.get("/ru/ops/traces?q=app-1.receipt")).url) and at.asked
        assert [one for one in at.asked if "app-1.receipt" in str(one.url)] == [], "the fact's id is asked for"
        parked = await shown(at, f"/ru/ops/traces?q=parked:{'/'.join(AT)}")
        assert f"/ru/ops/traces/{BEFORE}?of=parked" in parked, "the receipt of a parked event names its record"


async def test_the_log_lines_of_a_trace_stand_below_it_or_it_is_said_where_they_are() -> None:
    async with bench(kept, OWN) as at:
        await at.enter("ops")
        page = await shown(at, f"/ru/ops/traces/{TRACE}")
        assert 'id="lines"' in page and "parked as broken" in page and "15:00:00.412" in page
        assert "её строк нет" in await shown(at, f"/ru/ops/traces/{BEFORE}")
    async with bench(kept, ELSEWHERE) as at:
        await at.enter("ops")
        assert "в вашем хранилище журналов" in await shown(at, f"/ru/ops/traces/{TRACE}")
    async with bench(kept, {**ELSEWHERE, "logs_url": "https://logs.example.test/?q={trace}"}) as at:
        await at.enter("ops")
        assert f'href="https://logs.example.test/?q={TRACE}"' in await shown(at, f"/ru/ops/traces/{TRACE}")


async def test_jaeger_lists_the_newest_the_slowest_and_those_that_failed_and_is_told_no_token() -> None:
    async with bench(kept, ELSEWHERE) as at:
        await at.enter("ops")

        async def order(query: str) -> list[str]:
            return re.findall(r'id="row-(\w{32})"', await shown(at, f"/ru/ops/traces{query}"))

        assert await order("") == [AFTER, TRACE, BEFORE]
        assert await order("?order=slowest") == [AFTER, TRACE, BEFORE]
        assert await order("?failed=1") == [TRACE]


async def test_traces_are_there_for_ops_alone_and_what_is_not_kept_is_said() -> None:
    async with bench(kept, OWN) as at:
        await at.enter("auditor")
        for path in ("/ops/traces", f"/ops/traces/{TRACE}"):
            await shown(at, f"/ru{path}", 404)
        assert at.asked == []
        await at.enter("ops")
        assert "Трассы нет" in await shown(at, f"/ru/ops/traces/{'c' * 32}", 404)
        await shown(at, "/ru/ops/traces/none", 404)
    async with bench(kept) as at:
        await at.enter("ops")
        assert "LOTSMAN_TRACES_URL" in await shown(at, "/ru/ops/traces")

    def away(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with bench(away, ELSEWHERE) as at:
        await at.enter("ops")
        assert "хранилище трасс" in await shown(at, "/ru/ops/traces", 503)
        assert "хранилище трасс" in await shown(at, f"/ru/ops/traces/{TRACE}", 503)


def test_addresses_of_traces_and_logs_are_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOTSMAN_TRACES_URL", "http://jaeger:16686/")
    assert DeskSettings().traces_url == "http://jaeger:16686"
    wrongs: list[dict[str, Any]] = [
        {"traces_url": "jaeger:16686"},
        {"logs_url": "https://x.test/"},
        {"logs_url": "javascript:{trace}"},
    ]
    for wrong in wrongs:
        with pytest.raises(ValidationError):
            DeskSettings(**wrong)


HTML: Mapping[str, Any] = {
    "content": b"<!doctype html><title>Sign in</title>",
    "headers": {"Content-Type": "text/html"},
}
ODD: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "a page of a proxy": (200, HTML),
    "a sign-in that is not ours": (302, {**HTML, "headers": {"Location": "https://login.example.test/"}}),
    "a refusal": (401, {"json": {"message": "no"}}),
    "another program's 404": (404, HTML),
    "another program's 404 in JSON": (404, {"json": {"detail": "Not Found"}}),
    "a fault": (500, {"json": {"error": {"httpCode": 500, "message": HARMFUL}}}),
    "a fault in a good answer": (200, {"json": {"error": {"httpCode": 500, "message": HARMFUL}}}),
    "a Jaeger before 2.19": (400, {"json": {"error": {"httpCode": 400, "message": "... are required"}}}),
    "no JSON": (200, {"content": b'{"result": {', "headers": {"Content-Type": "application/json"}}),
    "too deep": (200, {"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}),
    "a list": (200, {"json": []}),
    "no result": (200, {"json": {}}),
    "a result of another kind": (200, {"json": {"result": "none"}}),
    "what older ones said": (200, {"json": {"data": [], "errors": None}}),
    "away": (503, {"content": b""}),
}


@pytest.mark.parametrize(("status", "said"), ODD.values(), ids=ODD)
async def test_what_is_no_answer_of_a_jaeger_is_told_as_that_and_signs_nobody_out(
    status: int, said: Mapping[str, Any]
) -> None:
    def odd(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, **said) if request.url.host == "jaeger" else Ops()(request)

    async with bench(odd, ELSEWHERE) as at:
        await at.enter("ops")
        for path in ("", f"?q={PILOT}", f"/{TRACE}"):
            answer = await at.browser.get(f"/en/ops/traces{path}")
            assert answer.status_code in (502, 503), answer.status_code
            assert "tore of traces" in answer.text and HARMFUL not in answer.text
        assert (await at.browser.get("/en/ops")).status_code == 200, "still signed in"


async def test_spans_of_odd_forms_are_left_out_and_all_others_are_shown() -> None:
    good: dict[str, Any] = {"traceId": TRACE, "spanId": "c1", "name": "decide"}
    good |= {"startTimeUnixNano": "1776340800000000000", "endTimeUnixNano": "1776340800000005000"}
    bad: list[dict[str, Any]] = [
        {"startTimeUnixNano": "1" + 30 * "0"},
        {"startTimeUnixNano": "-1"},
        {"endTimeUnixNano": "5"},
        {"endTimeUnixNano": float("1e308")},
        {"startTimeUnixNano": None},
        {"endTimeUnixNano": "soon"},
        {"traceId": "x"},
        {"traceId": 7.5},
        {"kind": 17},
        {"kind": "server"},
        {"status": {"code": 9}},
        {"links": [{"traceId": "x", "spanId": "y"}]},
    ]
    spans: list[Any] = [
        None,
        "span",
        {},
        *({**good, "spanId": f"bad{n}", **one} for n, one in enumerate(bad)),
        {
            **good,
            "links": [None, {}, {"traceId": TRACE}],
            "attributes": [None, {"key": "x"}, {"value": {"intValue": 1}}],
        },
        {**good, "spanId": "c2", "links": None, "status": None, "attributes": {"key": "x"}},
        {**good, "spanId": "c3", "parentSpanId": "never-sent", "attributes": [{"key": 7, "value": {}}]},
        {**good, "spanId": "d1", "parentSpanId": "d2"},
        {**good, "spanId": "d2", "parentSpanId": "d1"},
        {**good, "spanId": "other", "traceId": OTHER_TRACE},
    ]
    named = {"attributes": [None, {"key": "service.name", "value": {"stringValue": "intake"}}]}
    said: list[Any] = [None, {"resource": None, "scopeSpans": None}, {"resource": named, "scopeSpans": [None, {}]}]
    said += [{"resource": {"attributes": 7}, "scopeSpans": [{"spans": None}]}]
    said += [{"resource": named, "scopeSpans": [{"spans": spans}]}]

    def odd(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"result": {"resourceSpans": said}})

    async with bench(odd, ELSEWHERE) as at:
        await at.enter("ops")
        page = await shown(at, f"/en/ops/traces/{TRACE}")
        assert re.findall(r'id="span-(\w+)"', page) == ["c1", "c2", "c3", "d1", "d2"]
        listed = await shown(at, "/en/ops/traces")
        assert f"row-{TRACE}" in listed and f"row-{OTHER_TRACE}" in listed


async def test_a_trace_that_a_jaeger_does_not_keep_is_said_not_to_be_there() -> None:
    async with bench(kept, ELSEWHERE) as at:
        await at.enter("ops")
        assert "Трассы нет" in await shown(at, f"/ru/ops/traces/{OTHER_TRACE}", 404)
