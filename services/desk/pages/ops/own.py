"""The desk's own figures on the page Now: who is signed in, and how soon this process has answered since it began. Of
the services their metrics say it; the desk asks itself nothing over HTTP."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from prometheus_client import Metric

from services.chassis.figures import QUICKEST
from services.chassis.telemetry import HTTP_BOUNDS, HTTP_SECONDS
from services.desk.pages.ops import seen
from services.desk.visit import Visit
from services.desk.words import Words

LONGEST: Final = HTTP_BOUNDS[-1]
"""Seconds beyond which it is not measured how long an answer took."""
PAGES: Final = "/{language}"
"""How the routes of pages begin: health, metrics and what pages are drawn with are none."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How many pages were answered, how many of them with a failure (5xx), and within how many seconds nearly all;
    None where none was, infinity where it was longer than is measured."""

    pages: int
    failed: int
    within: float | None


def answered(told: Iterable[Metric]) -> Answered:
    """What the histogram of requests says of pages."""
    under, pages, failed = dict[float, float](), 0.0, 0.0
    for one in (sample for metric in told for sample in metric.samples):
        if not one.labels.get("http_route", "").startswith(PAGES):
            continue
        if one.name.endswith("_bucket"):
            bound = float(one.labels["le"])
            under[bound] = under.get(bound, 0.0) + one.value
        elif one.name.endswith("_count"):
            pages += one.value
            failed += one.value if one.labels["http_response_status_code"].startswith("5") else 0.0
    within = next((bound for bound in sorted(under) if under[bound] >= QUICKEST * pages), None) if pages else None
    return Answered(int(pages), int(failed), within)


async def of_the_desk(visit: Visit) -> dict[str, Any]:
    """The same in words. Raises StoreAway."""
    words, found = visit.words, answered(HTTP_SECONDS.collect())
    return {
        "sessions": words.number(await visit.desk.sessions.open()),
        "pages": words.number(found.pages),
        "failed": words.number(found.failed),
        "within": within(words, found.within),
        "up": seen.since(words, visit.desk.began, visit.desk.now()),
    }


def within(words: Words, seconds: float | None) -> str:
    """A bound of the histogram as it is: rounded, it would not be what was measured."""
    if seconds is None:
        return seen.UNKNOWN
    told = words.say("ops-age.s", n=words.number(Decimal(str(min(seconds, LONGEST)))))
    return f"> {told}" if math.isinf(seconds) else told
