"""What is read of the services' metrics: what stands there now, and how fast what only grows has grown since."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]

HTTP: Final = "http_server_request_duration_seconds"
TO_REGISTER: Final = "lotsman_event_to_register_seconds"
QUICKEST: Final = 0.95
"""Of how many answers the time is told that none of them took longer."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a service has answered at a moment (`at`, seconds of a clock that only goes on). Where it did not, `fault`
    says so in a few words, and all else is empty."""

    at: float
    samples: Mapping[str, Mapping[Labels, float]] = field(default_factory=dict)
    ready: Mapping[str, Any] = field(default_factory=dict)
    parked: tuple[Mapping[str, Any], ...] = ()
    fault: str | None = None

    def sum(self, name: str, **labels: str) -> float:
        """The sum of all samples of a name that have these labels."""
        wanted = set(labels.items())
        return sum(value for has, value in self.samples.get(name, {}).items() if wanted <= has)

    def by(self, name: str, label: str) -> dict[str, float]:
        """The same by the values of a label, in their order."""
        found: dict[str, float] = {}
        for has, value in self.samples.get(name, {}).items():
            if (key := dict(has).get(label)) is not None:
                found[key] = found.get(key, 0.0) + value
        return dict(sorted(found.items()))

    def label(self, name: str, label: str) -> str | None:
        """The value of a label of the first sample of a name."""
        return next((dict(has).get(label) for has in self.samples.get(name, {})), None)

    @property
    def state(self) -> str:
        """How the service is: what its readiness says, with each check that does not hold; or why it says nothing."""
        if self.fault is not None:
            return self.fault
        failed = [f"{name}: {why}" for name, why in self.ready.get("checks", {}).items() if why != "ok"]
        return " · ".join([str(self.ready.get("status", "?")), *failed])


def samples_of(text: str) -> dict[str, dict[Labels, float]]:
    """The samples of a page of metrics. Raises ValueError for what is none."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found.setdefault(one.name, {})[frozenset(one.labels.items())] = float(one.value)
    return found


@dataclass(frozen=True, slots=True)
class Since:
    """Two answers of one service, the later one last; the earlier is None at first, and when it did not answer."""

    before: Answers | None
    now: Answers

    def rate(self, name: str, **labels: str) -> float | None:
        """How much a counter has grown in a second; None where that is not known yet, or the service began anew."""
        grown = self._grown(name, **labels)
        return None if grown is None or self.before is None else grown / (self.now.at - self.before.at)

    def _grown(self, name: str, **labels: str) -> float | None:
        before = self.before
        if before is None or before.fault or self.now.fault or self.now.at <= before.at:
            return None
        grown = self.now.sum(name, **labels) - before.sum(name, **labels)
        return grown if grown >= 0 else None

    def failures(self) -> float | None:
        """Answers that were failures (5xx), for each second."""
        codes = [code for code in self.now.by(f"{HTTP}_count", "http_response_status_code") if code.startswith("5")]
        rates = [self.rate(f"{HTTP}_count", http_response_status_code=code) for code in codes]
        known = [one for one in rates if one is not None]
        return sum(known) if len(known) == len(rates) and self.before is not None else None

    def quick(self, name: str) -> float | None:
        """Within how many seconds nearly all were done that were done meanwhile; None where none was. It is no more
        exact than the buckets of the histogram."""
        bounds = sorted((_bound(text), text) for text in self.now.by(f"{name}_bucket", "le"))
        grown = [(bound, self._grown(f"{name}_bucket", le=text)) for bound, text in bounds]
        if not grown or grown[-1][1] is None or grown[-1][1] <= 0:
            return None
        wanted = QUICKEST * grown[-1][1]
        return next(bound for bound, count in grown if count is not None and count >= wanted)


def _bound(text: str) -> float:
    return float(text.replace("+Inf", "inf"))
