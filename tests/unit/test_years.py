"""The years that anything of a pilot may lie in are said once, as numbers and as a pattern of texts."""

import re

from contracts.entered import LAST_DAY, YEAR, YEARS


def test_the_pattern_of_a_year_takes_the_years_and_no_others() -> None:
    fitting = [year for year in range(1_000, 10_000) if re.fullmatch(YEAR, str(year))]
    assert fitting == list(YEARS)
    assert (LAST_DAY.year, LAST_DAY.month, LAST_DAY.day) == (YEARS[-1], 12, 31)
