"""The ops view's reader of a Jaeger against a real one, and the double that other tests have, held to it.

A Jaeger is a program of one file: `LOTSMAN_JAEGER` names it, or PATH has `jaeger`. Without it these are skipped.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from services.chassis.run import utc_now
from services.chassis.told_traces import Span
from services.desk.clients import Clients
from services.desk.settings import DeskSettings
from services.desk.traces import KEPT, Listed, Listing, Whole
from services.desk.traces.jaeger import ASKED, Jaeger
from tests.conftest import Eventually
from tests.kit import tracing
from tests.kit.desk.ops import PILOT, TRACE
from tests.kit.desk.traces import AFTER, BEFORE, EVENT, NOON, OTHER, SPANS, kept_by_jaeger

pytestmark = [pytest.mark.soak]
GONE: Final = "d" * 32
LISTS: Final = [Listing(slowest, failed) for slowest in (False, True) for failed in (False, True)]


def moved(spans: list[Span], to_ns: int) -> list[Span]:
    """The same so much later, with ids as long as real ones."""

    def long(id_: str) -> str:
        return id_.rjust(16, "0") if id_ else ""

    return [
        one._replace(
            span_id=long(one.span_id),
            parent_id=long(one.parent_id),
            start_ns=one.start_ns - NOON + to_ns,
            end_ns=one.end_ns - NOON + to_ns,
        )
        for one in spans
    ]


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """A running Jaeger."""
    with tracing.jaeger(tmp_path) as urls:
        yield urls


def reader(url: str, transport: httpx.AsyncBaseTransport | None = None) -> tuple[Jaeger, Clients]:
    clients = Clients.of(DeskSettings(traces_url=url), transport)

    async def ask(path: str, **params: Any) -> Any:
        return (await clients.send(KEPT, "GET", path, language="en", params=params)).body

    return Jaeger(ask, utc_now), clients


async def test_a_real_jaeger_tells_what_its_double_tells(at: tuple[str, str], eventually: Eventually) -> None:
    spans = moved(SPANS, time.time_ns() - 60 * 10**9)
    real, client = reader(at[1])
    double, _ = reader("http://double", httpx.MockTransport(lambda request: kept_by_jaeger(spans, request)))
    assert await real.whole(TRACE) is None and (await real.of(PILOT)).items == [], "an empty one"
    assert [(await real.listed(which)).items for which in LISTS] == [[]] * len(LISTS)
    for n in (1, 3, 0, 2, 5, 4):  # as spans of several services come: a cause behind what it has caused
        tracing.send(at[0], [spans[n]])
    await eventually(lambda: _is(real.of(PILOT), lambda found: len(found.items) == 3))
    for which in LISTS:
        assert await real.listed(which) == await double.listed(which), which
    order = [[one["trace"] for one in (await real.listed(which)).items] for which in LISTS]
    assert order == [[AFTER, TRACE, BEFORE], [TRACE], [AFTER, TRACE, BEFORE], [TRACE]]
    for name in (PILOT, OTHER, EVENT, "u-1:k-1", "never"):
        assert await real.of(name) == await double.of(name), name
    assert [one["trace"] for one in (await real.of(PILOT)).items] == [BEFORE, TRACE, AFTER]
    for trace in (BEFORE, TRACE, AFTER, GONE):
        assert await real.whole(trace) == await double.whole(trace), trace
    whole = await real.whole(TRACE)
    assert isinstance(whole, Whole) and [one.span_id[-2:] for one in whole.spans] == ["c1", "c2", "c4", "c3"]
    assert ([one["trace"] for one in whole.before], [one["trace"] for one in whole.after]) == ([BEFORE], [AFTER])
    await client.close()


async def test_the_slow_are_found_behind_more_than_a_list_of_the_newest(
    at: tuple[str, str], eventually: Eventually
) -> None:
    real, client = reader(at[1])
    spans, began = moved(SPANS, time.time_ns() - 60 * 10**9), time.time_ns() - 30 * 10**9
    tracing.send(at[0], [one for one in spans if one.trace_id == AFTER])
    quick = [
        Span(
            f"{n:032x}", f"{n:016x}", "", "expertise", "quick", "server", began + n, began + n + 10**6, "unset", {}, []
        )
        for n in range(1, 3 * ASKED)
    ]
    tracing.send(at[0], quick)
    await eventually(lambda: _is(real.listed(Listing()), lambda found: len(found.items) == ASKED))
    assert AFTER not in [one["trace"] for one in (await real.listed(Listing())).items]
    assert [one["trace"] for one in (await real.listed(Listing(slowest=True))).items][0] == AFTER
    await client.close()


async def _is(asking: Awaitable[Listed], true: Callable[[Listed], bool]) -> bool:
    return true(await asking)
