"""rebuild: folds a service's own topic into a new database and, if it is the same, puts it in place."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import ConsumerGroupTopicPartitions

from contracts.event import Fact, Language
from contracts.expertise import EXPERTISE
from contracts.intake import INTAKE
from contracts.registry import REGISTRY
from contracts.topics import INTAKE as INTAKE_NAME
from contracts.topics import SERVICES, agency_of, group, source_of
from deploy import topics
from deploy.cli.common import Found, out, port_base, progress, stop_signals
from deploy.cli.run import Base
from deploy.complaint import Complaint
from deploy.local import databases, state
from deploy.local.backends import Backends
from deploy.local.home import home
from deploy.local.ports import Ports
from deploy.login import TIMEOUT, Login
from deploy.progress import Task, task
from services.chassis.bus import record_of
from services.chassis.rebuild import NotPrepared, Report, rebuild
from services.chassis.service import Service
from services.chassis.store import Store, open_client
from services.chassis.subject import Record
from services.intake import balance

app = typer.Typer()
LANGUAGES: Final[dict[str, Language[Fact]]] = dict(zip(SERVICES, (INTAKE, EXPERTISE, REGISTRY), strict=True))


@app.command("rebuild")
def command(
    service: Annotated[str, typer.Argument(help="intake, expertise or registry")],
    base: Base = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare only; keep the old database.")] = False,
    behind: Annotated[
        bool,
        typer.Option("--behind", help="The old database was lost or is an older backup: switch to what has more."),
    ] = False,
) -> Found:
    """Fold a stopped service's topic into a new database, compare both ways, and switch to it.

    Documents are compared, and the rows that facts make beside them, such as the register's timelines. Rows that are
    lacking or were changed keep it from nothing, for the new database has them; with --dry-run they are a difference.
    """
    if service not in SERVICES:
        raise Complaint(f"There is no service {service}; there are {', '.join(SERVICES)}.")
    folder = home()
    name = f"{databases.first(service)}_{datetime.now(UTC):%Y%m%d%H%M%S}"
    with state.take(folder), stop_signals() as stopping:
        say = progress()
        backends = Backends(folder, Ports(port_base(base)), say=say, stopping=stopping)
        with task(say, "starting MongoDB and Kafka"):
            backends.start()
        try:
            old = databases.current(folder, service)
            try:
                with task(say, f"rebuilding {service}") as rebuilding:
                    report = asyncio.run(run(backends, service, old, name, rebuilding, behind=behind))
            except NotPrepared as error:
                raise Complaint(f"The rebuild of {service} stopped: {error}.") from error
            found = _told(report, old, name, behind)
            if dry_run and report.torn:
                raise Complaint(
                    f"Rows that facts make are not whole in {old}; ./lotsman rebuild {service} makes them anew.",
                    found={"service": service, **found, "switched": False},
                )
            if not dry_run:
                databases.switch(folder, service, name)
                out.print(f"{service} works on {name} from its next start on; {old} is kept")
            return {"service": service, **found, "switched": not dry_run}
        finally:
            if dry_run:
                databases.drop(backends.mongo_url, name)  # a copy of persons that no erasure would reach
            backends.stop()


async def run(
    backends: Backends, service: str, old: str, new: str, doing: Task | None = None, *, behind: bool = False
) -> Report:
    """The rebuild itself, with the administrator's logins."""
    doing = doing or Task("")
    found: Service = importlib.import_module(f"services.{service}.service").SERVICE
    store = Store(open_client(backends.mongo_url), old)
    target = store.sibling(new)
    try:
        own, foreign = Reader(backends.kafka), Reader(backends.kafka, service)
        report = await rebuild(found, LANGUAGES[service], store, target, own, foreign, doing.go_on, behind=behind)
        if report.good or (behind and report.covers):
            doing.go_on("building indexes", 0)
            await databases.build_indexes(target, found.indexes)
            if behind and service == INTAKE_NAME:
                await balance.begin_anew(target, datetime.now(UTC), _taken(backends.kafka))
        return report
    finally:
        await store.close()


def _taken(login: Login) -> dict[str, int]:
    """How far intake's group has committed of each agency's topic, by agency."""
    admin, asked = login.admin(), ConsumerGroupTopicPartitions(balance.GROUP)  # it answers while it is held
    [found] = admin.list_consumer_group_offsets([asked]).values()
    places = found.result(timeout=TIMEOUT).topic_partitions
    return {agency: one.offset for one in places if one.offset > 0 and (agency := agency_of(one.topic)) is not None}


class Reader:
    """Reads a partition from its beginning: to the end, or to where a service's group has committed."""

    def __init__(self, login: Login, committed_by: str | None = None) -> None:
        self._login = login
        self._service = committed_by

    async def __call__(self, topic: str, partition: int) -> AsyncIterator[Record]:
        """Every record of a partition, in order. Raises NotPrepared where there is none."""
        if topics.existing(self._login.admin()).get(topic, 0) <= partition:
            raise NotPrepared(f"there is no partition {partition} of the topic {topic}")
        named = {"group_id": group(self._service, source_of(topic))} if self._service else {}
        consumer = AIOKafkaConsumer(
            **self._login.aiokafka(), **named, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            async for record in self._records(consumer, TopicPartition(topic, partition)):
                yield record
        finally:
            await consumer.stop()

    async def _records(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> AsyncIterator[Record]:
        consumer.assign([partition])
        if self._service:
            end = await consumer.committed(partition) or 0
        else:
            end = (await consumer.end_offsets([partition]))[partition]
        await consumer.seek_to_beginning(partition)
        while end > 0 and await consumer.position(partition) < end:
            for records in (await consumer.getmany(partition, timeout_ms=1000)).values():
                for raw in records:
                    if raw.offset < end:
                        yield record_of(raw)


def _told(report: Report, old: str, new: str, behind: bool) -> Found:
    """What is said of a rebuild. Raises Complaint where the new database may not take the old one's place."""
    out.print(f"{report.facts} facts ({report.duplicates} duplicates) make {report.subjects} documents in {new}")
    for name, count in sorted(report.copied.items()):
        out.print(f"copied {count} rows of {name}")
    found: Found = {"old": old, "new": new, "facts": report.facts, "duplicates": report.duplicates}
    found |= {"documents": report.subjects, "copied": dict(report.copied)}
    found |= {"torn": {name: one.rows for name, one in report.torn.items()}}
    for name, one in sorted(report.torn.items()):
        out.print(f"{name}: {one.rows} rows lack in {old} or say something else there, such as {', '.join(one.such)}")
    if report.good:
        out.print(f"the documents are the same as those of {old}" if report.torn else f"the same as {old}")
        return found
    differences = {
        "different": report.different,
        f"missing in {new}": report.missing,
        f"missing in {old}": report.added,
        f"behind in {old}": report.further,
    }
    for what, subjects in differences.items():
        if subjects:
            out.print(f"{what}: {len(subjects)}, such as {', '.join(subjects[:5])}")
    found |= {"different": list(report.different), "missing": list(report.missing)}
    found |= {"added": list(report.added), "further": list(report.further)}
    if not report.covers:
        raise Complaint(f"{new} is not the same as {old}: nothing was switched.", found=found)
    if not behind:
        raise Complaint(
            f"{new} has more than {old}: nothing was switched. If that database was lost, or is an older backup, run "
            "this again with --behind; docs/standing-up-again.md says what cannot be brought back so.",
            found=found,
        )
    return found
