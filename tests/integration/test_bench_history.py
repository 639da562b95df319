"""The measurement of a pilot's history works: a row for each number, its ratio to the first, small documents."""

import pytest

from bench.history import run
from deploy.local.backends import Backends

pytestmark = pytest.mark.slow


@pytest.mark.soak
async def test_the_measurement_has_a_row_for_each_size_and_its_ratio_to_the_first(backends: Backends) -> None:
    found = await run(backends, reports=(0, 50), stored=(60, 600), pilots=4, rounds=2)
    reports, stored = found["by_reports"], found["by_stored"]
    assert [row["reports"] for row in reports] == [0, 50]
    assert [row["stored"] for row in stored] == [60, 600]
    assert reports[1]["document_kb"] == pytest.approx(reports[0]["document_kb"], abs=1)
    assert stored[0]["document_kb"] == stored[1]["document_kb"]
    for rows in (reports, stored):
        assert rows[0]["ratio"] == 1
        for row in rows:
            assert row["client_us"] > 0
            assert row["cpu_us_per_fact"] == pytest.approx(row["client_us"] + row["mongod_us"], abs=2)
            assert row["ratio"] == pytest.approx(row["cpu_us_per_fact"] / rows[0]["cpu_us_per_fact"], abs=0.01)
