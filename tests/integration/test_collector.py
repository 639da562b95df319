"""The collector of deploy/monitoring/collector.yml before a real Jaeger: what failed or was slow arrives whole, and of
the rest its share; what fails late arrives, too.

Both are programs of one file: `LOTSMAN_COLLECTOR` and `LOTSMAN_JAEGER` name them, or PATH has `otelcol-contrib` (or
`otelcol`, with the tail sampling in it) and `jaeger`. Without them these are skipped.
"""

import random
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from contracts.event import wire_moment
from deploy.local.home import ROOT
from services.chassis.run import utc_now
from services.chassis.told_traces import Span
from tests.conftest import Eventually
from tests.kit import tracing

pytestmark = [pytest.mark.soak]
CONFIG: Final = ROOT / "deploy" / "monitoring" / "collector.yml"
WAIT: Final = 3
"""Seconds until it decides, here; in the file they are thirty."""
QUICK: Final = 3000
SOME: Final = 40
FAILED, SLOW, APART, LATE_FAILED, LATE_SLOW = 1, 2, 3, 4, 5


@pytest.fixture
def at(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A collector before a Jaeger: where spans are sent to, and where they are asked for."""
    where = tracing.program(*tracing.COLLECTOR)
    with tracing.jaeger(tmp_path) as (sent, asked):
        (port,) = tracing.free_ports(1)
        env = {
            "LOTSMAN_COLLECTOR_ENDPOINT": f"127.0.0.1:{port}",
            "LOTSMAN_JAEGER_OTLP_URL": sent,
            "LOTSMAN_COLLECTOR_WAIT": f"{WAIT}s",
        }
        with tracing.running("collector", [where, f"--config={CONFIG}"], tmp_path, port, env):
            yield f"http://127.0.0.1:{port}", asked


def two(trace: str, took: float, *, failed: bool = False, apart: float = 0.0) -> list[Span]:
    """A trace of two services, each of which works for so many milliseconds; the second so much later."""
    now = time.time_ns() - int((took + apart) * 1e6) - 10**9
    at = [now, now + int(apart * 1e6)]
    ends = [one + int(took * 1e6) for one in at]
    return [
        Span(trace, f"{1:016x}", "", "intake", "process", "consumer", at[0], ends[0], "unset", {}, []),
        Span(
            trace,
            f"{2:016x}",
            f"{1:016x}",
            "registry",
            "process",
            "consumer",
            at[1],
            ends[1],
            "error" if failed else "unset",
            {},
            [],
        ),
    ]


def of_kind(kind: int, n: int) -> str:
    """A trace id that begins with what kind of trace it is; the rest is chance, for by it the share is drawn."""
    return f"{kind:02x}{random.Random(kind * 10**6 + n).getrandbits(120):030x}"


def kept(url: str) -> dict[str, int]:
    """How many spans of each trace a Jaeger has."""
    now, found = utc_now(), dict[str, set[str]]()
    for service in ("intake", "registry"):
        asked = {
            "query.serviceName": service,
            "query.startTimeMin": wire_moment(now - timedelta(hours=1)),
            "query.startTimeMax": wire_moment(now),
            "query.searchDepth": 10_000,
        }
        answer = httpx.get(f"{url}/api/v3/traces", params=asked, timeout=60, trust_env=False)
        some = answer.json()["result"]["resourceSpans"] if answer.status_code == 200 else []
        for one in [span for resource in some for scope in resource["scopeSpans"] for span in scope["spans"]]:
            found.setdefault(one["traceId"], set()).add(one["spanId"])
    return {trace: len(spans) for trace, spans in found.items()}


def sent(url: str, traces: Sequence[list[Span]]) -> None:
    """Sends the first halves, then the others, as two services do."""
    for half in ([one[0] for one in traces], [one[-1] for one in traces]):
        for n in range(0, len(half), 500):
            tracing.send(url, half[n : n + 500])


async def test_what_failed_or_was_slow_arrives_whole_and_of_the_rest_its_share(
    at: tuple[str, str], eventually: Eventually
) -> None:
    to, asked = at
    kinds: dict[int, dict[str, Any]] = {
        0: {"took": 5},
        FAILED: {"took": 5, "failed": True},
        SLOW: {"took": 1500},
        APART: {"took": 5, "apart": 2000},
    }
    for kind, form in kinds.items():
        sent(to, [two(of_kind(kind, n), **form) for n in range(SOME if kind else QUICK)])
    late: dict[int, dict[str, Any]] = {LATE_FAILED: {"took": 5, "failed": True}, LATE_SLOW: {"took": 1500}}
    halves = {kind: [two(of_kind(kind, n), **form) for n in range(SOME)] for kind, form in late.items()}
    for some in halves.values():
        tracing.send(to, [one[0]._replace(end_ns=one[0].start_ns + 10**6) for one in some])
    wanted = {of_kind(kind, n) for kind in (FAILED, SLOW, APART) for n in range(SOME)}
    await eventually(lambda: wanted <= kept(asked).keys(), within=60, every=0.5)
    sent(to, [two(of_kind(0, QUICK + n), **kinds[0]) for n in range(SOME)])  # life goes on: the last one is remembered
    await eventually(lambda: _settled(asked), within=60, every=WAIT + 1)
    found = kept(asked)
    assert {found[one] for one in wanted} == {2}, "each whole"
    share = sum(one.startswith("00") for one in found) / (QUICK + SOME)
    assert 0.07 < share < 0.13, share
    for some in halves.values():
        tracing.send(to, [one[1] for one in some])
    late_ones = {of_kind(kind, n) for kind in late for n in range(SOME)}
    await eventually(lambda: late_ones <= kept(asked).keys(), within=30, every=0.5)
    assert {one[:2] for one in kept(asked)} == {"00", "01", "02", "03", "04", "05"}


_before: list[int] = []


def _settled(url: str) -> bool:
    """Whether nothing more has come since it was asked before."""
    _before.append(len(kept(url)))
    return len(_before) > 1 and _before[-1] == _before[-2]
