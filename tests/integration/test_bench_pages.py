"""The measurement of the pages works: every page is there, and what a first view sends is counted as it is sent."""

import pytest

from bench.pages import PAGES, run, target
from deploy.local.backends import Backends


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_every_page_is_measured_and_a_first_view_weighs_what_is_sent(backends: Backends) -> None:
    found = await run(backends, 200, 20, requests=20, experts=20, applications=60)
    assert set(found["p95_ms"]) >= {one.name for one in PAGES} and min(found["p95_ms"].values()) > 0
    assert 0 < found["script_kb"] < found["first_view_kb"], "a first view has its scripts, and more"
    assert found["over_target"] == [name for name, took in found["p95_ms"].items() if took > target(name)]
    assert not list(backends.folder.glob("bench_*"))
