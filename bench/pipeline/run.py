"""Carries out one run of the pipeline after another, all on one MongoDB and one Kafka."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib import import_module
from threading import Event
from typing import Any, Final
from uuid import uuid4

import httpx

from bench.pipeline.people import ALL
from bench.pipeline.plan import AGENCY, PARTIES, PEOPLE, Plan
from bench.pipeline.playing import group_of, sources, topic_of
from bench.pipeline.postgres import Postgres
from bench.pipeline.script import Script, label_of, wanted
from bench.pipeline.watch import Seen, Watch, verdict
from bench.surroundings import SAMPLED
from bench.usage import cpu_of, peak_mb
from contracts.reference import Role
from contracts.steps import EditionFrom
from contracts.topics import FACT_TOPICS, INTAKE, REGISTRY, SERVICES, agency_topic, fact_topic, group, receipts_topic
from deploy import access
from deploy.cli.agencies import enter_at
from deploy.complaint import Complaint, Interrupted
from deploy.local import databases
from deploy.local.process import Process
from deploy.local.stack import Stack
from deploy.progress import Say, Task, task
from deploy.topics import ensure, until
from services.chassis.bus import AGENCIES
from services.expertise.documents.press import LEASE
from services.registry.domain.stages import Stage

GRACE: Final = 20.0
LOOK_EVERY: Final = 0.2
"""Seconds between two looks at how far a run is."""
BEGIN_WITHIN: Final = 60.0
HALF_WAY: Final = 20
"""How many facts a pilot has on about half of its way."""
STALLED: Final = 120.0
"""Seconds without a new fact after which a run is given up."""
PATIENCE: Final = LEASE.total_seconds() + 30
"""The same after an accident, when all is read: what has not come by then is lost. Conclusions that the killed service
was printing are printed by the next one when its lease is over."""
ALL_SPANS: Final = SAMPLED | {"OTEL_TRACES_SAMPLER": "parentbased_always_on"}
NO_SPANS: Final = SAMPLED | {"LOTSMAN_OTLP_URL": ""}
"""Nothing is traced: what the other two are held against."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A run: how many seconds it took, how many facts came, and the processor time of each process in seconds."""

    seconds: float
    facts: int
    pilots: int
    cpu: Mapping[str, float]

    @property
    def cpu_us_per_fact(self) -> float:
        """Microseconds of processor time for each fact, of all processes together."""
        return 1e6 * sum(self.cpu.values()) / self.facts

    @property
    def per_second(self) -> float:
        """Facts in the topics for each second."""
        return self.facts / self.seconds

    def json(self) -> dict[str, Any]:
        """As it is printed."""
        return {
            "events_per_second": round(self.per_second, 1),
            "cpu_us_per_fact": round(self.cpu_us_per_fact),
            "cpu_us_per_fact_by_process": {name: round(1e6 * spent / self.facts) for name, spent in self.cpu.items()},
            "seconds": round(self.seconds, 1),
            "facts": self.facts,
            "pilots": self.pilots,
        }


@dataclass(slots=True)
class Attempt:
    """One run that is under way. `unread` says how much its readers have still to read, `whole` whether what shall be
    there at the end is there; `accident` happens once, as soon as so many facts (`accident_at`) are there."""

    plan: Plan
    watch: Watch
    processes: Mapping[str, Process]
    unread: Callable[[], int]
    whole: Callable[[], bool]
    stopping: Event
    expected: int | None = None
    accident: Callable[[], None] | None = None
    accident_at: int = 0
    was_hurt: bool = False

    def pids(self) -> dict[str, int]:
        """The processes whose time counts."""
        return {name: process.pid for name, process in self.processes.items() if process.pid is not None}


def carried_out(one: Attempt, parties: Sequence[str], say: Say, what: str) -> Measured:
    """Lets the parties begin and follows the run to its end. Raises Complaint when one fails or nothing goes on, and
    Interrupted when it shall stop."""
    _await(one, parties)
    with task(say, what, one.expected) as doing:
        before, began = cpu_of(one.pids()), time.monotonic()
        one.plan.go.touch()
        ended = _followed(one, doing)
        after = cpu_of(one.pids())
    spent = {name: after[name] - before.get(name, 0.0) for name in after}
    return Measured(ended - began, one.watch.facts(), one.plan.pilots, spent)


def _await(one: Attempt, parties: Sequence[str]) -> None:
    deadline = time.monotonic() + BEGIN_WITHIN
    while not all(one.plan.ready(party).exists() for party in parties):
        for party in parties:
            one.processes[party].need_running()
        if time.monotonic() > deadline:
            raise Complaint(f"The parties of {one.plan.run} did not begin within {BEGIN_WITHIN:.0f} s.")
        time.sleep(0.02)


def _followed(one: Attempt, doing: Task) -> float:
    """The moment at which everything was there and read, as far as two looks can tell."""
    moved = quiet = time.monotonic()
    seen, still = 0, False
    while True:
        if one.stopping.wait(LOOK_EVERY):
            raise Interrupted
        facts, now = one.watch.facts(), time.monotonic()
        if facts != seen:
            seen, moved, still = facts, now, False
            doing.done = facts if one.expected is None else min(facts, one.expected)  # copies come, too
        if one.accident is not None and facts > one.accident_at:
            one.accident()
            one.accident, one.was_hurt = None, True
        if now - moved > STALLED:
            words = {name: process.last_words() for name, process in one.processes.items() if name in PARTIES}
            raise Complaint(f"{one.plan.run} stands still with {facts} facts and {one.unread()} unread: {words}")
        if now - moved < LOOK_EVERY or one.unread():
            continue
        if not one.whole() and not (one.was_hurt and now - moved > PATIENCE):
            continue
        if still:
            return quiet
        still, quiet = True, now


# ---- our three services


class Ours:
    """The three services of a stack, as they run anywhere, with an agency that follows the current edition."""

    def __init__(self, stack: Stack, say: Say) -> None:
        self.stack, self._say = stack, say
        backends = stack.backends
        access.add_agency(backends.kafka.admin(), AGENCY, None)
        entry = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
        enter_at(stack.urls[INTAKE], stack.token([Role.ADMIN]), AGENCY, "Ведомство для измерений", entry)
        topics = {name: fact_topic(name) for name in SERVICES}
        self.groups = [(group(one.name, source), topics[source]) for one in ALL for source in one.sources]
        self.groups.append((group(INTAKE, AGENCIES), agency_topic(AGENCY).name))

    def run(
        self,
        pilots: int,
        what: str,
        *,
        env: Mapping[str, str],
        expected: int | None = None,
        killing: str | None = None,
    ) -> tuple[Measured, Watch, Plan]:
        """Carries so many new pilots to their launch; `killing` names a service that is killed half way."""
        stack = self.stack
        plan = Plan(
            run=f"ours-{uuid4().hex[:8]}",
            pilots=pilots,
            kafka=stack.backends.kafka,
            mongo_url=stack.backends.mongo_url,
            postgres="",
            topics={name: fact_topic(name) for name in SERVICES},
            submissions=agency_topic(AGENCY).name,
            receipts=receipts_topic(AGENCY).name,
            databases={name: databases.current(stack.folder, name) for name in SERVICES},
            folder=stack.folder,
        )
        people = party_of("people", "bench.pipeline.people", plan, env)
        until(lambda: self._launched() is not None, "The register does not say how many pilots are launched")
        wanted = (self._launched() or 0) + pilots
        watch = Watch(plan.kafka, list(plan.topics.values()))
        submissions = Watch(plan.kafka, [plan.submissions])
        people.start()
        try:
            one = Attempt(
                plan,
                watch,
                {**{process.name: process for process in stack.processes()}, PEOPLE: people},
                lambda: watch.unread(self.groups) + submissions.unread(self.groups),
                lambda: (self._launched() or 0) >= wanted,
                stack.stopping,
                expected,
                (lambda: self._kill(killing)) if killing else None,
                HALF_WAY * pilots,
            )
            return carried_out(one, [PEOPLE], self._say, what), watch, plan
        finally:
            people.stop(GRACE)

    def _kill(self, service: str) -> None:
        """A power cut; the supervisor starts it again."""
        pid = self.stack.services[service].pid
        if pid is not None:
            self._say(f"killing {service}")
            os.kill(pid, signal.SIGKILL)

    def _launched(self) -> int | None:
        """How many launched pilots are found in the register; None while it cannot say for sure."""
        headers = {"Authorization": f"Bearer {self.stack.token([Role.AUDITOR])}"}
        asked = {"stage": Stage.RUNNING, "limit": "1"}
        try:
            url = f"{self.stack.urls[REGISTRY]}/v1/search"
            answer = httpx.get(url, params=asked, headers=headers, timeout=10, trust_env=False)
        except httpx.TransportError:  # it is being started again
            return None
        said = answer.json() if answer.status_code == 200 else {}
        return int(said["count"]["value"]) if said.get("complete") else None

    def seen(self, watch: Watch) -> list[Seen]:
        """What stands in the topics of a run, in the words of `verdict`: a fact is named by its type."""
        found = list[Seen]()
        for record in watch.records():
            body = json.loads(record.value())
            pilot, subject, sequence = body["correlationid"], body["subject"], int(body["sequence"])
            found.append(Seen(record.topic(), pilot, subject, body["type"], body["id"], sequence))
        return found

    def peaks_mb(self) -> dict[str, int]:
        """The most memory that each service has had."""
        return {name: peak_mb(pid) for name, one in self.stack.services.items() if (pid := one.pid) is not None}


def party_of(name: str, module: str, plan: Plan, env: Mapping[str, str], *words: str) -> Process:
    """A process that takes part in a run."""
    command = [sys.executable, "-m", module, str(plan.write()), *words]
    return Process(f"{plan.run}-{name}", f"{name} of {plan.run}", command, plan.folder, env)


# ---- the ways that play the script


class Played:
    """Ways without rules of their own, on the same MongoDB and Kafka, each run with topics and databases of its own."""

    def __init__(self, stack: Stack, script: Script, say: Say) -> None:
        self._stack, self._script, self._say = stack, script, say
        self._path = stack.folder / "script.pickle"
        script.write(self._path)

    def _plan(self, way: str, pilots: int, postgres: str) -> Plan:
        """Topics as the real ones are, and names of databases that nobody else has."""
        backends, run = self._stack.backends, f"{way}-{uuid4().hex[:8]}"
        names = {name: f"{run}.{name}" for name in (*SERVICES, "submissions", "receipts")}
        real = {topic.name: topic for topic in FACT_TOPICS}
        single = agency_topic(AGENCY)
        topics = [real[fact_topic(name)].model_copy(update={"name": names[name]}) for name in SERVICES]
        topics += [single.model_copy(update={"name": names[name]}) for name in ("submissions", "receipts")]
        ensure(backends.kafka.admin(), topics)
        return Plan(
            run=run,
            pilots=pilots,
            kafka=backends.kafka,
            mongo_url=backends.mongo_url,
            postgres=postgres,
            topics={name: names[name] for name in SERVICES},
            submissions=names["submissions"],
            receipts=names["receipts"],
            databases={name: f"{run}-{name}" for name in SERVICES},
            folder=self._stack.folder,
        )

    def run(
        self, way: str, pilots: int, *, postgres: Postgres | None = None, killing: str | None = None
    ) -> tuple[Measured, dict[str, int]]:
        """Plays the script for so many pilots, each fact counted once; and what was lost, doubled and reordered.

        `killing` names a party that is killed half way and started again.
        """
        plan = self._plan(way, pilots, postgres.url if postgres else "")
        backends = {one.name: one for one in self._stack.processes() if one.name not in SERVICES}
        if postgres is not None and postgres.process is not None:
            asyncio.run(import_module(f"bench.pipeline.{way}").prepare(plan))
            backends = {"kafka": backends["kafka"], "postgres": postgres.process}
        parties = {name: party_of(name, f"bench.pipeline.{way}", plan, {}, str(self._path), name) for name in PARTIES}
        watch = Watch(plan.kafka, list(plan.topics.values()))
        submissions = Watch(plan.kafka, [plan.submissions])
        groups = [
            (group_of(plan, party, source), topic_of(plan, source)) for party in PARTIES for source in sources(party)
        ]
        expected = plan.pilots * len(self._script.lines)

        def kill(party: str) -> None:
            self._say(f"killing {party}")
            parties[party].kill()
            parties[party].start()

        try:
            for one in parties.values():
                one.start()
            attempt = Attempt(
                plan,
                watch,
                {**backends, **parties},
                lambda: watch.unread(groups) + submissions.unread(groups),
                lambda: watch.facts() >= expected,
                self._stack.stopping,
                expected,
                (lambda: kill(killing)) if killing else None,
                expected // 2,
            )
            what = f"{way}, {killing} killed half way" if killing else way
            found = carried_out(attempt, PARTIES, self._say, what)
        finally:
            for one in parties.values():
                one.ask_to_stop()
            for one in parties.values():
                one.stop(GRACE)
        seen = self._seen(watch)
        pilots_of = {one.pilot for one in seen}
        judged = verdict(seen, pilots_of, wanted(self._script, plan.topics))
        judged["lost"] += (pilots - len(pilots_of)) * len(self._script.lines)
        return replace(found, facts=len({one.id for one in seen})), judged

    def _seen(self, watch: Watch) -> list[Seen]:
        """What stands in the topics of a run, in the words of `verdict`."""
        found = list[Seen]()
        for record in watch.records():
            body = json.loads(record.value())
            label = str(label_of(body["id"]))
            pilot, subject, sequence = body["correlationid"], body["subject"], int(body["sequence"])
            found.append(Seen(record.topic(), pilot, subject, label, body["id"], sequence))
        return found
