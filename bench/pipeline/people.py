"""Everybody outside the three services: the agency that submits, and the officials and experts who act on each fact.

They stand for callers over HTTP without HTTP: this process has an engine of each service, on the service's own
database and topics, as a replica that only answers commands would; and gives it the commands in batches. Each batch is
one step of many pilots. Run as `python -m bench.pipeline.people PLAN`.
"""

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.pipeline.plan import AGENCY, BATCH, PARTITIONS, PEOPLE, Plan
from contracts import expertise, intake, registry, topics
from contracts.agency import ApplicationSubmittedV2
from contracts.event import SPECVERSION, Actor, agency_source, wire_moment
from contracts.reference import Party, Role, Verdict
from contracts.rules import load
from contracts.steps import (
    AgreementEntry,
    ExpertEntry,
    Launch,
    WrittenConclusion,
)
from contracts.topics import SERVICES
from deploy.samples.common import basis, body, party
from deploy.samples.expertise import opinion, scores
from deploy.samples.registry import AGREEMENT, cost, decide
from services.chassis import telemetry
from services.chassis.bus import Bus
from services.chassis.engine import Engine
from services.chassis.run import utc_now
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.store import Store, open_client
from services.chassis.subject import Claimed, Done, Input, Record
from services.expertise.domain.commands import AcceptAssignment, Approve, Assign, Claim
from services.expertise.domain.expert import EnterExpert
from services.expertise.domain.expert import subject_of as expert_subject
from services.expertise.service import SERVICE as EXPERTISE
from services.intake.domain.commands import Accept
from services.intake.service import SERVICE as INTAKE
from services.law.calendar import Calendars
from services.registry.service import SERVICE as REGISTRY

EDITION: Final = load().edition("by-2024")
TYPE_HEADER: Final = "ce_type"
ALL: Final = (INTAKE, EXPERTISE, REGISTRY)
PAIRS: Final = tuple((f"expert-{n}a", f"expert-{n}b") for n in range(50))
"""Experts by twos: each pilot is judged by one of these pairs."""
OFFICER: Final = Actor(id="officer-1", role=Role.OFFICER)
OPERATOR: Final = Actor(id="operator-1", role=Role.OPERATOR)
APPROVER: Final = Actor(id="approver-1", role=Role.APPROVER)
SECRETARY: Final = Actor(id="secretary-1", role=Role.COUNCIL_SECRETARY)
REGISTRAR: Final = Actor(id="registrar-1", role=Role.REGISTRAR)
CLINIC: Final = body(party("790000016", "Поликлиника № 0 города Примерска"))
DEVELOPER: Final = body(party("790000029", "ООО «Пример-Разработка»"))
REASON: Final = "По представленным материалам."


def submission(agency: str, event_id: str) -> bytes:
    """One application as an agency publishes it, about 1 KB; organisations are fictional."""
    data = {
        "title": "Распознавание снимков в районных поликлиниках",
        "problem": "Снимок ждёт описания до пяти дней, пациент приходит второй раз.",
        "solution": "Предварительная разметка снимков с подтверждением врачом; очередь по срочности.",
        "sector": "health",
        "initiator": DEVELOPER,
        "customer": CLINIC,
        "own_number": event_id,
        "costs": [{"source": "own-money", "year": datetime.now(UTC).year, "amount_minor": 900_000, "currency": "BYN"}],
    }
    event = {
        "specversion": SPECVERSION,
        "id": event_id,
        "source": agency_source(agency),
        "type": ApplicationSubmittedV2.TYPE,
        "time": wire_moment(datetime.now(UTC)),
        "data": data,
    }
    return json.dumps(event, ensure_ascii=False).encode()


# ---- who does what when

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Moment:
    """When the `nth` fact of a type is seen of a pilot, these people give a service these commands."""

    fact: str
    nth: int
    service: str
    commands: Callable[[Pair], Sequence[tuple[Actor, object]]]


def _opinions(pair: Pair) -> list[tuple[Actor, object]]:
    said = opinion(text=REASON, scores=scores(4, REASON))
    return [(_expert(one), said) for one in pair]


def _expert(name: str) -> Actor:
    return Actor(id=name, role=Role.EXPERT)


def _today() -> date:
    """The day in the zone of the edition, by which the services hold days."""
    return utc_now().astimezone(ZoneInfo(EDITION.zone)).date()


def _agreement() -> AgreementEntry:
    said = {
        "customer": Party.model_validate(CLINIC),
        "executor": Party.model_validate(DEVELOPER),
        "starts": _today(),
        "until": _today() + timedelta(days=240),
        "costs": (cost(900_000, year=_today().year),),
        "sector_shares": (),
        "region": None,
    }
    return AgreementEntry(agreement=AGREEMENT.model_copy(update=said), basis=basis(_today()))


MOMENTS: Final = (
    Moment(intake.ApplicationRegisteredV1.TYPE, 1, topics.INTAKE, lambda _pair: [(OFFICER, Accept())]),
    Moment(expertise.ReviewOpenedV1.TYPE, 1, topics.EXPERTISE, lambda _pair: [(OPERATOR, Claim())]),
    Moment(
        expertise.CaseClaimedV1.TYPE,
        1,
        topics.EXPERTISE,
        lambda pair: [(OPERATOR, Assign(expert_id=one)) for one in pair],
    ),
    Moment(
        expertise.ExpertAssignedV1.TYPE,
        2,
        topics.EXPERTISE,
        lambda pair: [(_expert(one), AcceptAssignment()) for one in pair],
    ),
    Moment(expertise.ExpertAcceptedV1.TYPE, 2, topics.EXPERTISE, _opinions),
    Moment(
        expertise.OpinionGivenV1.TYPE,
        2,
        topics.EXPERTISE,
        lambda _pair: [(OPERATOR, WrittenConclusion(verdict=Verdict.POSITIVE, text=REASON))],
    ),
    Moment(expertise.ConclusionDraftedV1.TYPE, 1, topics.EXPERTISE, lambda _pair: [(APPROVER, Approve())]),
    Moment(
        registry.ConclusionRecordedV1.TYPE,
        1,
        topics.REGISTRY,
        lambda _pair: [(SECRETARY, decide(day=_today()))],
    ),
    Moment(registry.ExpediencyDecidedV1.TYPE, 1, topics.REGISTRY, lambda _pair: [(REGISTRAR, _agreement())]),
    Moment(
        registry.AgreementRecordedV1.TYPE,
        1,
        topics.REGISTRY,
        lambda _pair: [(REGISTRAR, Launch(started=_today(), basis=basis(_today(), body="Стороны")))],
    ),
)
"""The way of a pilot from its application to its launch: every step that a person takes."""
WHERE: Final = "person"


def cause(moment: Moment, place: int, subject: str) -> str:
    """The id under which a command stands as the cause of its facts."""
    return f"{WHERE}:{MOMENTS.index(moment)}.{place}:{subject}"


def moment_of(cause_id: str) -> Moment | None:
    """The moment that a cause belongs to; None for a cause of any other kind."""
    who, _, rest = cause_id.partition(":")
    return MOMENTS[int(rest.partition(".")[0])] if who == WHERE else None


class Watching:
    """Counts the facts of every pilot, and tells whose turn it is. A fact that comes again is told twice: the engine
    knows its commands by their ids."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = defaultdict(int)
        self._by_type: dict[str, list[Moment]] = defaultdict(list)
        for one in MOMENTS:
            self._by_type[one.fact].append(one)

    def moments(self, subject: str, fact: str) -> Iterator[Moment]:
        """What is to be done now that a fact of this type was seen of a subject."""
        if asked := self._by_type.get(fact):
            self._seen[subject, fact] += 1
            yield from (one for one in asked if one.nth == self._seen[subject, fact])


# ---- at work


class People:
    """An engine for each service, and what is to be done by them."""

    def __init__(self, plan: Plan, engines: dict[str, Engine]) -> None:
        self._engines = engines
        self._watching = Watching()
        self._said = [[list(one.commands(pair)) for pair in PAIRS] for one in MOMENTS]

    async def take(self, records: Sequence[Any]) -> None:
        """Answers facts with the commands whose turn has come, those of each service in batches."""
        waiting: dict[str, list[Input]] = defaultdict(list)
        for record in records:
            fact = next(value for name, value in record.headers if name == TYPE_HEADER).decode()
            subject = record.key.decode()
            for moment in self._watching.moments(subject, fact):
                waiting[moment.service] += self._inputs(moment, subject)
        await asyncio.gather(*(self._give(name, inputs) for name, inputs in waiting.items()))

    async def _give(self, service: str, inputs: Sequence[Input]) -> None:
        for start in range(0, len(inputs), BATCH):
            some = inputs[start : start + BATCH]
            for one, outcome in zip(some, await self._engines[service].commands(some), strict=True):
                if not isinstance(outcome, Done):
                    raise RuntimeError(f"{service} did not do {type(one.command).__name__}: {outcome}")

    def _inputs(self, moment: Moment, subject: str) -> Iterator[Input]:
        said = self._said[MOMENTS.index(moment)][int(subject[:8], 16) % len(PAIRS)]
        for place, (actor, command) in enumerate(said):
            id_ = cause(moment, place, subject)
            yield Input(subject, Claimed(f"person:{actor.id}", id_, "0" * 64), command, actor, id_)


async def work(plan: Plan) -> None:
    """Enters the experts, submits, and answers facts until it is stopped."""
    login = plan.kafka
    settings = Settings(kafka_url=login.bootstrap, kafka_username=login.username, kafka_password=login.password)
    client = open_client(plan.mongo_url)

    async def nothing(_records: Sequence[Record]) -> None: ...

    bus = Bus(settings, PEOPLE, [], nothing, lambda: None)
    await bus.start()

    def engine(service: Service) -> Engine:
        store = Store(client, plan.databases[service.name])
        return Engine(service, store, bus.send, now=utc_now, new_id=lambda: str(uuid4()), calendars=Calendars.load())

    engines = {one.name: engine(one) for one in ALL}
    pumps = [asyncio.create_task(one.outbox.pump()) for one in engines.values()]
    await _enter_experts(engines[topics.EXPERTISE])
    consumer = AIOKafkaConsumer(**login.aiokafka(), enable_auto_commit=False, auto_offset_reset="latest")
    await consumer.start()
    parts = [TopicPartition(plan.topics[name], n) for name in SERVICES for n in range(PARTITIONS)]
    consumer.assign(parts)
    await consumer.seek_to_end(*parts)
    people = People(plan, engines)
    events = [submission(AGENCY, one) for one in plan.event_ids()]
    await plan.begin(PEOPLE)
    submitting = asyncio.create_task(submit(plan, events))
    while not any(pump.done() for pump in pumps):
        found = await consumer.getmany(timeout_ms=50, max_records=2 * BATCH)
        await people.take([record for records in found.values() for record in records])
        if submitting.done():
            submitting.result()
    raise RuntimeError("a pump ended")


async def submit(plan: Plan, events: Sequence[bytes]) -> None:
    """Publishes the agency's events on its topic, as fast as Kafka takes them."""
    producer = AIOKafkaProducer(**plan.kafka.aiokafka(), acks="all", enable_idempotence=True, linger_ms=2)
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send(plan.submissions, event) for event in events])
    finally:
        await producer.stop()


async def _enter_experts(engine: Engine) -> None:
    admin = Actor(id="admin", role=Role.ADMIN)
    organisation = Party.model_validate({**CLINIC, "id": {"scheme": "BY-UNP", "value": "790000031"}}).id
    entry = ExpertEntry(edition=EDITION.id, organisation=organisation, competences=("health",), capacity=10_000)
    inputs = [
        Input(expert_subject(one), Claimed("person:admin", one, "0" * 64), EnterExpert(one, entry), admin, f"e:{one}")
        for pair in PAIRS
        for one in pair
    ]
    await engine.commands(inputs)
    await engine.outbox.flush()


if __name__ == "__main__":
    telemetry.start(PEOPLE, None)
    asyncio.run(work(Plan.read(Path(sys.argv[1]))))
