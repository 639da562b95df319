"""The measurement of the register works, and finding in it grows no faster than what there is to find."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

from bench.pilots import AGENCIES, OFFICES, REGIONS, SECTORS, SOURCES, Shelf
from bench.register import FAR, FILTERS, FOUND_BY, run
from deploy.local.backends import Backends
from services.registry.finding import questions
from services.registry.finding.entries import FACETS, entry
from services.registry.finding.index import Index
from services.registry.finding.questions import Asked


@pytest.mark.soak
@pytest.mark.timeout(240)
async def test_the_measurement_asks_every_question_and_leaves_nothing_behind(backends: Backends) -> None:
    found = await run(backends, 2600, 20)
    assert (found["pilots"], found["growth"]["pilots"]) == (2600, 2600)
    asked = found["p95_ms"]
    assert {f"list by {names or 'nothing'}, page 1" for names in FILTERS} <= asked.keys()
    assert {f"{question}, by {names} alone" for question in ("search", "facets") for names in FOUND_BY} <= asked.keys()
    assert {name for names in FOUND_BY for name in names.split("+")} | {"stage"} == {*FACETS}
    assert f"list by nothing, page {FAR}" in asked and len(asked) > 30
    assert all(0 < spent < 10_000 for spent in asked.values())
    assert found["index_mb"] > 0 and found["rss_mb"] > 0
    assert not list(backends.folder.glob("bench_*"))


@pytest.mark.soak
@pytest.mark.timeout(240)
def test_search_and_facets_among_ten_times_as_many_take_no_more_than_in_proportion() -> None:
    """Linear growth is 10; the bound leaves room for a busy machine and none for anything steeper."""
    small, large = _index(4_000), _index(40_000)
    words = [Asked("система данные"), Asked("запись", {"sector": ["health"]}), Asked("forecast model")]
    words.append(Asked(None, {"region": ["minsk"], "source": ["own-money"], "office": ["office-health"]}))

    def search(index: Index) -> Callable[[], Any]:
        return lambda: [questions.search(index, one, "relevance", None, 50) for one in words]

    def newest(index: Index) -> Callable[[], Any]:
        return lambda: [questions.search(index, one, "entered", None, 50) for one in words]

    def facets(index: Index) -> Callable[[], Any]:
        return lambda: [questions.facets(index, one) for one in [*words, Asked()]]

    for question in (search, newest, facets):
        assert _spent(question(large)) <= 20 * _spent(question(small)), question.__name__


LINE = {"stage": "planned", "currency": "BYN", "amount_minor": 1}


def _index(count: int) -> Index:
    """Entries made straight from views with few fields: it is their number that is looked at."""
    shelf, index, batch = Shelf(), Index(), list[Any]()
    for n in range(count):
        application = {"problem": " ".join(shelf._some(12)), "solution": ""}
        batch.append(
            {
                "id": f"p{n}",
                "title": " ".join(shelf._some(6)),
                "sector": SECTORS[n % 13],
                "agency": AGENCIES[n % 60],
                "stage": "council",
                "entered": f"2026-04-{1 + n % 28:02d}T09:00:00.000Z",
                "application": {**application, "office": OFFICES[n % len(OFFICES)]},
                "region": REGIONS[n % len(REGIONS)],
                "money": [{**LINE, "source": SOURCES[n % len(SOURCES)]}],
            }
        )
        if len(batch) == 5000:
            index.add(entry(view) for view in batch)
            batch = []
    index.add(entry(view) for view in batch)
    index.commit()
    return index


def _spent(call: Callable[[], Any]) -> float:
    """Seconds of this process's own work, in all its threads: what runs beside it has no say."""
    call()
    times = []
    for _ in range(9):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return statistics.median(times)
