"""The measurement of the pages works: every page is there, and what a first view sends is counted as it is sent."""

import pytest

from bench.pages import PAGES, away, run, target
from deploy.local.backends import Backends


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_every_page_is_measured_and_a_first_view_weighs_what_is_sent(backends: Backends) -> None:
    found = await run(backends, 200, 20, requests=20, experts=20, applications=60)
    assert set(found["p95_ms"]) >= {one.name for one in PAGES} and min(found["p95_ms"].values()) > 0
    assert 0 < found["script_kb"] < found["first_view_kb"], "a first view has its scripts, and more"
    assert found["over_target"] == [name for name, took in found["p95_ms"].items() if took > target(name)]
    assert not list(backends.folder.glob("bench_*"))


def test_a_page_may_name_its_own_public_address_and_no_other_host() -> None:
    own = "http://127.0.0.1:8080"
    named = [
        "/ru/register",
        f"{own}",
        f"{own}/ru/register/feed?after=1",
        "//example.org/x",
        f"{own}9/x",
        f"{own}.example.org/",
    ]
    text = "".join(f'<link href="{one}" />' for one in named)
    assert away(text, own) == away(text, f"{own}/") == named[3:]


def test_a_decided_submission_the_feed_and_a_card_of_a_day_are_measured_against_their_targets() -> None:
    assert {"portal, decided submission", "public feed"} <= {one.name for one in PAGES}
    assert target("public card, as of a day") == 120 and "public card, as of a day" in {one.name for one in PAGES}
    assert all(target(name) == 300 for name in ("portal, decided submission", "public feed"))
