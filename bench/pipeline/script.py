"""The script of one pilot's way, taken down from a real run: which input made which facts, what was written and sent.

The ways that have no rules of their own (bare loop, textbook, rival) play it: the same inputs in the same services make
the same facts, of the same size, over documents of the same size. So what they do differs from our services in how
messages are moved alone.
"""

import json
import pickle
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bench.pipeline.people import ALL, moment_of
from bench.pipeline.plan import PEOPLE
from contracts.event import Event, parse_own_fact, service_source
from contracts.topics import fact_topic, source_of
from deploy.complaint import Complaint
from services.chassis.fold import state_json
from services.chassis.service import Service

SUBMISSION: Final = -1
"""The label of what begins it all: the agency's event."""
OWN: Final = {one.name: one for one in ALL}
FACT_TOPICS: Final = {fact_topic(name) for name in OWN}
LABEL: Final = 4
"""How many characters of an id say which fact of the script it is."""


@dataclass(frozen=True, slots=True)
class Line:
    """One fact of the script. `subject` is None where it is the pilot's own; `body` is the whole event, `state` the
    document's state after it and `due` when its timer must fire next, `rows` and `messages` what goes with it into side
    collections and other topics."""

    label: int
    service: str
    subject: str | None
    body: Mapping[str, Any]
    headers: Sequence[tuple[str, bytes]]
    state: Mapping[str, Any]
    due: datetime | None
    rows: Sequence[tuple[str, Mapping[str, Any]]]
    messages: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Cue:
    """One input of a service: what it makes, of which subject, and whether it is claimed by an id."""

    service: str
    subject: str | None
    lines: tuple[int, ...]
    claimed: bool


@dataclass(slots=True)
class Script:
    """All facts of a pilot, and what each of them (by its label) makes whom do: a service, or people."""

    pilot: str
    lines: list[Line] = field(default_factory=list)
    cues: dict[tuple[str, int], list[Cue]] = field(default_factory=lambda: defaultdict(list))

    def asked(self, party: str, label: int) -> Sequence[Cue]:
        """What a party has to do about a fact."""
        return self.cues.get((party, label), ())

    def write(self, path: Path) -> None:
        """Writes it down for the parties."""
        path.write_bytes(pickle.dumps(self))

    @classmethod
    def read(cls, path: Path) -> "Script":
        """The script that was written by this program."""
        found: Script = pickle.loads(path.read_bytes())
        return found


def fact_id(label: int, subject: str) -> str:
    """The id of a fact that is played: as long as a real one, with its label in front."""
    return f"{label:0{LABEL}d}{subject[LABEL:]}"


def label_of(id_: str) -> int:
    """Which fact of the script has this id."""
    return int(id_[:LABEL])


def taken_down(records: Iterable[Any], stored: Mapping[tuple[str, str], Mapping[str, Any]]) -> Script:
    """The script of the first pilot whose way is whole among these records.

    `stored` has the states of other subjects (by service and subject) that are not folded of this way alone. Raises
    Complaint when none is whole, or something came by another way than a record or a command.
    """
    ways = _ways(records)
    sizes = Counter(len(way) for way in ways.values())
    usual = sizes.most_common(1)[0][0] if sizes else 0
    correlation, way = next(((key, way) for key, way in ways.items() if len(way) == usual), ("", []))
    if not way:
        raise Complaint("No pilot came to its end, so there is no script to play.")
    return _Taking(correlation, way).script(stored)


def _ways(records: Iterable[Any]) -> dict[str, list[tuple[dict[str, Any], Any]]]:
    """The facts of every way through all services, each once, those of a service in their order."""
    known = set[str]()
    ways: dict[str, list[tuple[dict[str, Any], Any]]] = defaultdict(list)
    for record in records:
        body = json.loads(record.value())
        if body["id"] not in known:
            known.add(body["id"])
            ways[body["correlationid"]].append((body, record))
    return {key: way for key, way in ways.items() if {record.topic() for _, record in way} >= FACT_TOPICS}


class _Taking:
    """Takes down one way."""

    def __init__(self, correlation: str, way: Sequence[tuple[dict[str, Any], Any]]) -> None:
        self._correlation = correlation
        self._way = sorted(way, key=lambda one: (one[0]["time"], one[0]["sequence"]))
        self._labels = {body["id"]: label for label, (body, _) in enumerate(self._way)}
        self._pilot = Counter(body["subject"] for body, _ in way).most_common(1)[0][0]
        self._states: dict[tuple[str, str], Any] = {}

    def script(self, stored: Mapping[tuple[str, str], Mapping[str, Any]]) -> Script:
        found = Script(self._pilot)
        for label, (body, record) in enumerate(self._way):
            found.lines.append(self._line(label, body, record, stored))
        by_cause: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for label, (body, record) in enumerate(self._way):
            by_cause[source_of(record.topic()), body["subject"], body["causationid"]].append(label)
        for (service, subject, cause), labels in by_cause.items():
            party, label, claimed = self._trigger(service, cause)
            own = None if subject == self._pilot else subject
            found.cues[party, label].append(Cue(service, own, tuple(labels), claimed))
        return found

    def _line(
        self,
        label: int,
        body: dict[str, Any],
        record: Any,
        stored: Mapping[tuple[str, str], Mapping[str, Any]],
    ) -> Line:
        name = source_of(record.topic())
        service, subject = OWN[name], body["subject"]
        event = parse_own_fact(record.value(), service.own)
        state, due = self._evolved(service, event) if subject == self._pilot else (stored[name, subject], None)
        messages = [one.value for one in service.publications(event)]
        headers = record.headers() or []
        own = None if subject == self._pilot else subject
        return Line(label, name, own, body, headers, state, due, service.projection(event), messages)

    def _evolved(self, service: Service, event: Event) -> tuple[dict[str, Any], datetime | None]:
        before = self._states.get((service.name, event.subject))
        aggregate = service.aggregate_of(event.subject)
        after = aggregate.evolve(before, event.fact)
        self._states[service.name, event.subject] = after
        return state_json(after), aggregate.due(after)

    def _trigger(self, service: str, cause: str) -> tuple[str, int, bool]:
        """Who has to act on which label, and whether that is claimed."""
        if cause == self._correlation:
            return service, SUBMISSION, True
        if (label := self._labels.get(cause)) is not None:
            return service, label, self._way[label][0]["source"] == service_source(service)
        moment = moment_of(cause)
        if moment is None:
            raise Complaint(f"{cause} is neither a record nor a command: it cannot be played.")
        seen = [label for label, (body, _) in enumerate(self._way) if body["type"] == moment.fact]
        return PEOPLE, seen[moment.nth - 1], True


def wanted(script: Script, topics: Mapping[str, str], *, by_type: bool = False) -> Counter[tuple[str, str]]:
    """Which facts each pilot must have: their topics, with their types or their labels."""
    return Counter((topics[one.service], one.body["type"] if by_type else str(one.label)) for one in script.lines)
