"""How many examples a property is tried with: all of them in the whole suite, a fifth in the fast lane."""

import os
from typing import Any, Final

from hypothesis import settings

FAST: Final = os.environ.get("LOTSMAN_TESTS") == "fast"
"""`./lotsman test --fast` sets it."""
USUAL: Final = 100
FEWEST: Final = 10


def share(most: int) -> int:
    """So many of `most` examples as this run has time for."""
    return min(most, max(most // 5, FEWEST)) if FAST else most


def examples(most: int, **other: Any) -> settings:
    """A property that is tried with so many examples in the whole suite; a slow machine is no failure."""
    return settings(max_examples=share(most), deadline=None, **other)


def settle() -> None:
    """Properties that say nothing of it are tried with the usual number; a slow machine is no failure."""
    settings.register_profile("lotsman", max_examples=share(USUAL), deadline=None)
    settings.load_profile("lotsman")
