"""The rows of the view, as texts: one table of the services, and one of each thing that may wait."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.chassis.figures import HTTP, TO_REGISTER, Answers, Since

Row = tuple[str, ...]

SERVICES: Final = ("service", "state", "version", "up", "in/s", "out/s", "http/s", "5xx/s", "http p95", "MB")
WAITING: Final = ("service", "lag", "outbox", "withheld", "timer late", "waiting", "broken", "pilots held", "loop late")
LAG: Final = ("service", "topic", "behind", "of one partition at most")
PARKED: Final = ("service", "status", "agency", "records", "oldest", "topic", "cause")
TERMS: Final = ("service", "running", "nearing", "breached", "suspended")
STATES: Final = TERMS[1:]
WORDS: Final = frozenset({"service", "state", "version", "status", "agency", "topic", "cause"})
"""The columns that hold words; all others hold figures."""
MOST_CAUSES: Final = 12
UNKNOWN: Final = "–"


def services(found: Mapping[str, Since]) -> list[Row]:
    """How each service is, and how much comes and goes."""
    return [
        (
            name,
            one.now.state,
            one.now.label("lotsman_build_info", "version") or UNKNOWN,
            _up(one.now),
            _rate(one.rate("lotsman_inputs_total")),
            _rate(one.rate("lotsman_sent_total")),
            _rate(one.rate(f"{HTTP}_count")),
            _rate(one.failures()),
            _age(one.quick(HTTP)),
            _count(one.now, "process_resident_memory_bytes", 1e-6),
        )
        for name, one in found.items()
    ]


def waiting(found: Mapping[str, Since]) -> list[Row]:
    """What waits in each service: how much, and for how long."""
    return [
        (
            name,
            _count(one.now, "lotsman_lag_records"),
            _seconds(one.now, "lotsman_outbox_oldest_seconds"),
            _count(one.now, "lotsman_withheld"),
            _seconds(one.now, "lotsman_timer_late_seconds"),
            _count(one.now, "lotsman_parked", status="waiting"),
            _count(one.now, "lotsman_parked", status="broken"),
            _count(one.now, "lotsman_held_pilots"),
            _seconds(one.now, "lotsman_loop_late_seconds"),
        )
        for name, one in found.items()
    ]


def lag(found: Mapping[str, Since]) -> list[Row]:
    """Where each reader is behind: by topic, those that are furthest behind first; nothing where nobody is."""
    rows = list[tuple[float, Row]]()
    for name, one in found.items():
        for topic, behind in one.now.by("lotsman_lag_records", "topic").items():
            of_one = [v for k, v in one.now.samples["lotsman_lag_records"].items() if ("topic", topic) in k]
            if behind:
                rows.append((behind, (name, topic, _number(behind), _number(max(of_one)))))
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def parked(found: Mapping[str, Since]) -> list[Row]:
    """What is parked, in groups, the largest first; of many only the first."""
    groups = [(name, group) for name, one in found.items() for group in one.now.parked]
    groups.sort(key=lambda pair: -pair[1]["records"])
    return [(name, *(_text(group[column]) for column in PARKED[1:])) for name, group in groups[:MOST_CAUSES]]


def terms(found: Mapping[str, Since]) -> list[Row]:
    """How many terms run in each service, and how they stand."""
    return [
        (name, *(_number(by[state]) if state in by else UNKNOWN for state in STATES))
        for name, one in found.items()
        if (by := one.now.by("lotsman_terms", "state"))
    ]


def to_register(found: Mapping[str, Since]) -> str:
    """How long an agency's event takes to the register since it came, in one line."""
    times = [quick for one in found.values() if (quick := one.quick(TO_REGISTER)) is not None]
    return f"event → register p95: {_age(max(times, default=None), above='> 1 d')}"


def as_found(found: Mapping[str, Since]) -> dict[str, list[dict[str, str]]]:
    """The same as a program is told it."""
    tables: Sequence[tuple[str, Row, list[Row]]] = (
        ("services", SERVICES, services(found)),
        ("waiting", WAITING, waiting(found)),
        ("lag", LAG, lag(found)),
        ("parked", PARKED, parked(found)),
        ("terms", TERMS, terms(found)),
    )
    return {name: [dict(zip(columns, row, strict=True)) for row in rows] for name, columns, rows in tables}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def _rate(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.1f}".replace(",", " ")


def _count(of: Answers, name: str, share: float = 1.0, **labels: str) -> str:
    return _number(of.sum(name, **labels) * share) if name in of.samples else UNKNOWN


def _seconds(of: Answers, name: str) -> str:
    return _age(of.sum(name)) if name in of.samples else UNKNOWN


def _up(of: Answers) -> str:
    began = of.sum("process_start_time_seconds")
    return _age(max(0.0, time.time() - began)) if began else UNKNOWN


def _age(seconds: float | None, above: str = "> 10 s") -> str:
    """A time as one reads it at a glance: 0.3 s, 41 s, 12 min, 5 h, 3 d; `above` what lies beyond the last bound."""
    if seconds is None:
        return UNKNOWN
    if seconds == float("inf"):
        return above
    for least, length, unit in ((2 * 86_400, 86_400, "d"), (2 * 3600, 3600, "h"), (120, 60, "min")):
        if seconds >= least:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 or seconds == 0 else f"{seconds:.2g} s"
