"""What every service's HTTP side shares: the app, health, commands with If-Match, keyset pages, parked records.

It is one thing: what a service has over HTTP before it adds anything of its own.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final

from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, Field

from contracts import VERSION
from contracts.event import peek
from contracts.reference import Role
from contracts.rules import load
from contracts.steps import RecordSkipping
from contracts.text import prose, sought
from services.chassis import (
    ends,
    parking,
    passed_over,
    problems,
    redriving,
    stalled,
    supervised,
    telemetry,
    watching,
    whose,
    withheld,
)
from services.chassis.answers import (
    Alive,
    Balance,
    LookedThrough,
    OwnFacts,
    Page,
    ParkedGroups,
    ParkedRecord,
    ReadPartition,
    Redriven,
    SkippedRecord,
    Skipping,
    WithheldTopic,
    in_all,
)
from services.chassis.asked import known_query, take_no_query
from services.chassis.auth import Caller, Keys, NoDirectory, allow
from services.chassis.body import Body
from services.chassis.choosing import Asked, Redrive
from services.chassis.described import LICENCE, OPERATIONS, Health, called, describe
from services.chassis.engine import Engine
from services.chassis.gate import Gate
from services.chassis.masking import MASK, is_code, masked, opaque
from services.chassis.numbered import named_by_number
from services.chassis.problems import Problematic
from services.chassis.public import OpenDoor
from services.chassis.readiness import NOT_READY, OK, Check, Started, Watched, in_a_word, serves, told
from services.chassis.settings import Settings
from services.chassis.shares import Threads, Turns
from services.chassis.sight import Sight, seeing
from services.chassis.store import BY_ID, OF_AGENCY, OF_GROUP, Row, Store
from services.chassis.store import Keys as IndexKeys
from services.chassis.subject import Document

UNWATCHED: Final = ("/health/", "/metrics", "/static/", "/docs/assets/")
"""What machines ask over and over, and the files of pages, leave no span: nobody would find a page beside them."""
SPAN_OF_A_REQUEST: Final[TelemetryConfig] = {
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "exclude": lambda scope: scope["path"].startswith(UNWATCHED),
}
"""Of the framework's telemetry one span for each request, and nothing else."""
BEGUN: Final = frozenset({"kafka", "reading"})
"""What a process does, beside what it needs to answer, once it has started."""
PROMETHEUS: Final = "Prometheus/"
"""How the program that asks for metrics over and over calls itself; a person may ask with another token."""
FeedingKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=128,
        description="The caller's own id of this feeding: sent again, it means the records that it meant first",
    ),
]
OfAgency = Annotated[
    str | None,
    sought(whose.LONGEST),
    Query(description="Of this agency, by its code; `-`: of those of which none is known"),
]
PAGE: Final = 50
MOST: Final = 200
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
MOMENT: Final = "ms"
"""Under which name a cursor has a moment, as milliseconds since 1970."""

After = Annotated[str | None, Query(description="The `next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=MOST)]


def make_app(
    title: str,
    keys: Keys,
    engine: Engine,
    checks: Mapping[str, Check],
    settings: Settings | None = None,
    lesser: Mapping[str, Check] | None = None,
) -> FastAPI:
    """The app of one service with what all of them have; the service adds its own routes. `checks` are what it needs
    for an answer; `lesser` tell of what may stand still while requests are answered."""
    settings = settings or Settings()
    app = make_bare_app(title, keys, checks, settings, lesser)
    app.add_middleware(OpenDoor, settings=settings)
    app.state.engine = engine
    app.state.places = _reads_nothing
    app.state.balance, app.state.through = _nothing_balanced, _nothing_looked_through
    app.state.settings = settings
    waits = settings.turn_within
    app.state.papers = Threads("papers", 1, waiting=settings.papers_waiting, within=waits)
    app.state.questions = Threads("questions", settings.questions, waiting=settings.requests_of_one, within=waits)
    # One at a time: each takes a processor as long as it is worked on, so two are not answered sooner; and what a batch
    # makes of itself is thirty times its bytes: two of the worst took intake above 400 MB (measured; one: 300 MB).
    app.state.batches = Turns("batches", 1, 1, waiting=settings.batches_waiting, within=settings.batch_within)
    app.include_router(operations())
    describe(app)
    return app


def make_bare_app(
    title: str,
    keys: Keys,
    checks: Mapping[str, Check],
    settings: Settings,
    lesser: Mapping[str, Check] | None = None,
) -> FastAPI:
    """The app of a process beside the services: health and metrics alone."""
    app = FastAPIOffline(
        redoc_url=None,
        title=title,
        version=VERSION,
        license_info=LICENCE,
        static_url="/docs/assets",
        telemetry=SPAN_OF_A_REQUEST,
        dependencies=[Depends(known_query), Depends(named_by_number)],
        generate_unique_id_function=called(OPERATIONS),
        redirect_slashes=False,  # the redirect would be made of what the caller says that this host is called
    )
    take_no_query(app)
    app.state.keys = keys
    app.state.agencies = NoDirectory()
    problems.install(app)
    app.add_middleware(Gate, settings=settings)
    needed = {name: Watched(check) for name, check in checks.items()}
    every = needed | {name: Watched(check) for name, check in (lesser or {}).items()}
    app.state.watch = _nothing_counted
    app.include_router(_health(needed, every))
    app.include_router(_metrics(every))
    return app


async def _reads_nothing() -> list[stalled.Place]:
    return []


async def _nothing_balanced() -> Balance:
    facts = OwnFacts(writer="", written=0, sent=0, unsent=0, difference=0)
    return Balance(agencies=[], in_all=in_all(()), services=[], facts=facts, unsent=0)


async def _nothing_looked_through(_after: str | None) -> LookedThrough:
    return LookedThrough(looked=0, found=0, next=None)


async def _nothing_counted() -> None:
    """Only what a process counts is told."""


async def engine_of(request: Request) -> Engine:
    """The engine behind a request. A coroutine, like all that reads from the request alone: FastAPI would send a plain
    function to a thread."""
    engine: Engine = request.app.state.engine
    return engine


EngineOf = Annotated[Engine, Depends(engine_of)]


# ---- reading


def not_found() -> Problematic:
    """The one answer for what is not there, and for what the caller may not see."""
    return Problematic(404, "not-found")


def unreadable() -> Problematic:
    """What is said where a stored state is not what this program reads."""
    return Problematic(500, "state.unreadable")


async def document(engine: Engine, subject: str, kind: str) -> Document:
    """A subject with a state. Raises Problematic 404 if there is none of this kind."""
    found = (await engine.documents([subject])).get(subject)
    if found is None or found.kind != kind or found.version == 0:
        raise not_found()
    if found.fault is not None:
        raise unreadable()
    return found


def card(body: Mapping[str, Any], rev: int) -> JSONResponse:
    """A resource with its revision as the ETag."""
    return JSONResponse(dict(body), headers={"ETag": f'"{rev}"'})


async def page(
    store: Store,
    collection: str,
    query: Mapping[str, Any],
    order: Sequence[tuple[str, int]],
    *,
    after: str | None,
    limit: int,
    show: Callable[[Row], dict[str, Any]],
    fields: Sequence[str] | None = None,
    hint: IndexKeys | None = None,
) -> Page[Any]:
    """One keyset page in an order that an index (`hint`, where several could be taken) gives and that ends in `_id`. Of
    a row these `fields` are read, and those of the order, without which no cursor would lead on.

    Raises Problematic for a bad cursor.
    """
    if fields is not None:
        fields = [*fields, *(name for name, _ in order if not any(_holds(one, name) for one in fields))]
    where = {"$and": [query, _beyond(order, cursor_values(after, len(order), moments=True))]} if after else query
    rows = await store.rows(collection, where, sort=order, limit=limit + 1, fields=fields, hint=hint)
    shown, more = rows[:limit], len(rows) > limit
    last = [_at(shown[-1], name) for name, _ in order] if more else None
    return Page[Any](items=[show(row) for row in shown], next=cursor_text(last) if last else None)


def _holds(field: str, name: str) -> bool:
    """Whether who reads a field has read another with it."""
    return name == field or name.startswith(f"{field}.")


def _beyond(order: Sequence[tuple[str, int]], last: Sequence[Any]) -> dict[str, Any]:
    """Rows after `last`: greater in the first field, or equal there and greater in the next, and so on.

    That the first field is no less says nothing new, but it is what lets an index begin there.
    """
    branches = []
    for place, (name, way) in enumerate(order):
        equal = {order[i][0]: last[i] for i in range(place)}
        branches.append({**equal, name: _past(last[place], way)})
    if last[0] is None:
        return {"$or": branches}
    first, way = order[0]
    return {first: {"$gte": last[0]} if way > 0 else {"$not": {"$gt": last[0]}}, "$or": branches}


def _past(value: Any, way: int) -> dict[str, Any]:
    """Greater or less than a value, where null stands before all values, as in MongoDB's sort order.

    `$lt` would leave the nulls out, for it compares within one type only.
    """
    if value is None:
        return {"$ne": None} if way > 0 else {"$in": []}
    return {"$gt": value} if way > 0 else {"$not": {"$gte": value}}


def _at(row: Row, name: str) -> Any:
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def cursor_text(values: Sequence[Any]) -> str:
    """A cursor as it is given out: where the next page begins."""
    return base64.urlsafe_b64encode(json.dumps(values, default=_as_milliseconds).encode()).decode().rstrip("=")


def cursor_values(text: str, length: int, *, moments: bool = False) -> list[Any]:
    """The values of a cursor that was given out, with `moments` of a list that may be in the order of stored ones.
    Raises Problematic 400 for anything else."""
    hook = _as_moment if moments else None
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), object_hook=hook)
    except (ValueError, RecursionError):
        values = None
    good = isinstance(values, list) and len(values) == length
    if not good or not all(map(_storable, values)):
        raise Problematic(400, "cursor.bad")
    return list(values)


def _named(text: str) -> str:
    """What a cursor names that was given out for one name. Raises Problematic 400."""
    (value,) = cursor_values(text, 1)
    if not isinstance(value, str):
        raise Problematic(400, "cursor.bad")
    return value


def _as_milliseconds(moment: datetime) -> dict[str, int]:
    """A stored moment as a cursor has it: MongoDB keeps whole milliseconds."""
    return {MOMENT: (moment - EPOCH) // MILLISECOND}


def _as_moment(value: dict[str, Any]) -> datetime:
    """The moment that a cursor names. Raises ValueError for anything else."""
    try:
        return EPOCH + int(value.pop(MOMENT)) * MILLISECOND
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError("no moment") from error


def _storable(value: Any) -> bool:
    """Whether a value of a cursor can stand in a query: null, a moment, a 64-bit number, text that can be encoded."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
    return value is None or isinstance(value, datetime) or (isinstance(value, int) and abs(value) < 2**63)


# ---- health, metrics, parked records


def _health(needed: Mapping[str, Watched], every: Mapping[str, Watched]) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["health"])
    editions = load().digests
    started = Started({name: one for name, one in every.items() if name in needed or name in BEGUN})

    @router.get("/live")
    async def live() -> Alive:
        """The process runs. Open to all."""
        return Alive(status="live")

    @router.get("/start", response_model=Health, responses={503: {"model": Health, "description": "Starting."}})
    async def start() -> JSONResponse:
        """Whether the process has begun all of its work: its database is held against its topic, and it reads. Once it
        has, it stays so. Open to all."""
        found = await started.told()
        good = set(found.values()) <= {OK}
        status = "started" if good else "starting"
        return JSONResponse({"status": status, "checks": found, "editions": editions}, 200 if good else 503)

    @router.get("/ready", response_model=Health, responses={503: {"model": Health, "description": "Not ready."}})
    async def ready() -> JSONResponse:
        """Whether this process does all of its work, told within a second. Not ready, with the reason, is a process
        without its database, and one that reads nothing from Kafka, does not get its facts out, is far behind other
        services, or whose event loop is held. Degraded, which is ready, is where anything else fails. Requests may be
        answered all the same: whoever sends them asks `/health/serving`. `editions`: by what each edition is known to
        this process; services that say different things of one are told other rules. Open to all."""
        found = await told(every)
        status = in_a_word(found, needed, every)
        code = 503 if status == NOT_READY else 200
        return JSONResponse({"status": status, "checks": found, "editions": editions}, code)

    @router.get("/serving", response_model=Health, responses={503: {"model": Health, "description": "Not serving."}})
    async def serving() -> JSONResponse:
        """Whether requests shall be sent to this process, for proxies and what starts containers. It serves though
        Kafka is away, when it takes events and answers questions as ever; it does not without its database, or where
        it is at fault itself, so that another one would do better. Told within a second, with the same checks as
        `/health/ready`. Open to all."""
        found = await told(every)
        good = serves(found, needed, every)
        status = "serving" if good else "not serving"
        return JSONResponse({"status": status, "checks": found, "editions": editions}, 200 if good else 503)

    return router


class Skip(BaseModel):
    """The record at which a partition stands still, to be passed over, and why."""

    # Not in contracts.steps: a word to this service about its own reader; what the fact tells of it is there.

    record: Asked = Field(description="Where it stands: `topic/partition/offset`")
    why: Annotated[str, prose(500)]


def _metrics(checks: Mapping[str, Watched]) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics(request: Request, ops: Annotated[Caller, Depends(allow(Role.OPS))]) -> Response:
        """Prometheus metrics of this process and of what is stored of its service; as OpenMetrics, with traces as
        exemplars, for who asks for that form."""
        for look in (request.app.state.watch, partial(watching.tell_readiness, checks)):
            await look()
        supervised.tell()
        if ops.until is not None and request.headers.get("user-agent", "").startswith(PROMETHEUS):
            ends.TOKEN_ENDS.set(ops.until)
        encoded, form = choose_encoder(request.headers.get("accept", ""))
        return PlainTextResponse(encoded(REGISTRY), media_type=form)

    return router


def operations() -> APIRouter:
    """What those who run a service are shown of it, and do with it."""
    router = APIRouter(tags=["operations"])

    @router.get("/v1/parked")
    async def parked(
        engine: EngineOf,
        eyes: Annotated[Sight, Depends(seeing(Role.OPS))],
        status: Annotated[str | None, sought(20)] = None,
        cause: Annotated[str | None, sought(2000)] = None,
        topic: Annotated[str | None, sought(300)] = None,
        agency: OfAgency = None,
        after: After = None,
        limit: Limit = PAGE,
    ) -> Page[ParkedRecord]:
        """Records that wait or are broken, oldest position first; of each what is known to be harmless. `status`,
        `cause`, `topic` and `agency`, as a group says them, choose the records of that group."""
        if status not in (None, parking.WAITING, parking.BROKEN):
            raise Problematic(422, "status.unknown")
        asked = {"cause": None if cause is None else parking.of_cause(cause), "topic": topic}
        query: dict[str, Any] = {"status": status or {"$in": [parking.WAITING, parking.BROKEN]}}
        query |= {name: value for name, value in asked.items() if value is not None} | eyes.but("subject")
        if agency is not None:
            query["agency"] = whose.asked(agency)
        hint = OF_GROUP if status and cause and topic else OF_AGENCY if agency else None
        order, rows = (("status", 1), ("_id", 1)), parking.COLLECTION
        return await page(engine.store, rows, query, order, after=after, limit=limit, show=_parked, hint=hint)

    @router.get("/v1/withheld", dependencies=[Depends(allow(Role.OPS))])
    async def what_is_withheld(engine: EngineOf) -> Page[WithheldTopic]:
        """The topics that do not take what is sent to them, each with why, since when, and how much waits for it. They
        are tried again with growing pauses, and go from here by themselves."""
        return Page[Any](items=await withheld.shown(engine.store))

    @router.get("/v1/reading", dependencies=[Depends(allow(Role.OPS))])
    async def reading(request: Request, engine: EngineOf) -> Page[ReadPartition]:
        """Where this service is in the topics that it reads: for each partition the record that comes next, how many
        are behind it, and since when and why it stands still, if it does."""
        try:
            return Page[Any](items=await stalled.shown(engine.store, request.app.state.places))
        except (ConnectionError, KafkaError) as error:
            raise _without_kafka(error) from error

    @router.get("/v1/reading/skipped", dependencies=[Depends(allow(Role.OPS))])
    async def skipped(engine: EngineOf, after: After = None, limit: Limit = PAGE) -> Page[SkippedRecord]:
        """The records that were passed over by hand: by whom, when and why."""
        return await page(engine.store, stalled.SKIPPED, {}, BY_ID, after=after, limit=limit, show=_skipped)

    @router.post("/v1/reading/skip", responses={409: {}})
    async def skip(engine: EngineOf, what: Body[Skip], ops: Annotated[Caller, Depends(allow(Role.OPS))]) -> Skipping:
        """Has the record at which a partition stands still passed over: it is parked by its offset without its content,
        which stays in the topic. Who asked for it and why is a fact. Nothing else can be passed over."""
        if not await passed_over.ask(engine, ops, RecordSkipping(record=what.record, why=what.why)):
            raise Problematic(409, "reading.goes-on", place=what.record)
        return Skipping(skips=what.record)

    @router.get("/v1/balance", dependencies=[Depends(allow(Role.OPS))])
    async def balance(request: Request) -> Balance:
        """What was received and what became of it, for each agency that sends events here and in all, and for each
        service whose facts are read here; what makes a difference is named. Counted from what is stored and from
        Kafka."""
        try:
            struck: Balance = await request.app.state.balance()
            return struck
        except (KafkaError, OSError) as error:
            raise _without_kafka(error) from error

    @router.get("/v1/balance/whole", dependencies=[Depends(allow(Role.OPS))])
    async def whole(request: Request, after: After = None) -> LookedThrough:
        """Goes on with a look for lost answers through all that is stored, for a few seconds, from the `next` of the
        part before; the balance then tells of what was found. Each balance looks at a part of it, too."""
        try:
            looked: LookedThrough = await request.app.state.through(_named(after) if after else None)
            return looked.model_copy(update={"next": cursor_text([looked.next]) if looked.next else None})
        except (KafkaError, OSError) as error:
            raise _without_kafka(error) from error

    @router.get("/v1/parked/records/{place:path}", response_model=ParkedRecord, responses={404: {}})
    async def parked_record(
        place: str, engine: EngineOf, eyes: Annotated[Sight, Depends(seeing(Role.OPS))]
    ) -> Response:
        """One parked record, by where it stands: all that may be shown of it, with the trace that it belongs to."""
        row = await engine.store.get(parking.COLLECTION, place)
        if row is None or eyes.passes_by(row["subject"]):
            raise not_found()
        return JSONResponse(_parked(row))

    @router.get("/v1/parked/groups")
    async def parked_groups(
        engine: EngineOf, eyes: Annotated[Sight, Depends(seeing(Role.OPS))], agency: OfAgency = None
    ) -> ParkedGroups:
        """What is parked, by status, cause, topic and agency, the most first: each group can be fed again by what it
        says. The cause of what waits is what it waits for, without its number (`gap: intake`); a record says that as
        well. The agency is that of the pilot, or the one that sent it; null where that is not known."""
        return await redriving.groups(engine.store, eyes, agency)

    @router.post("/v1/parked/redrive")
    async def redrive(
        engine: EngineOf,
        what: Body[Redrive],
        eyes: Annotated[Sight, Depends(seeing(Role.OPS))],
        ops: Annotated[Caller, Depends(allow(Role.OPS))],
        key: FeedingKey = None,
    ) -> Redriven:
        """Feeds parked records to this service again, in order, with a verdict for each; what was held behind them
        follows by itself, and nothing is published to any topic. What is hidden from who asks is passed over like what
        is not there. Asked again under the same key, the same records are meant: those that went are told of as such,
        and no others are fed. Where there are more, the same with `after` goes on at `next`, behind those that stay."""
        return await redriving.redriven(engine, what, eyes, ops, key)

    return router


def _without_kafka(error: Exception) -> Problematic:
    """What is answered where Kafka does not tell what is asked: it is away, or it does not let this service read."""
    if isinstance(error, TopicAuthorizationFailedError):
        topics = {one if isinstance(one, str) else one.topic for one in error.args}
        return Problematic(503, "kafka.closed", action="fix", topics=sorted(topics))
    return Problematic(503, "kafka.away", action="retry")


def _trace_of(row: Row) -> str | None:
    """The id of the trace in which a record was parked; of a row of an earlier program what its headers, or its event,
    say that it belongs to."""
    if row.get("trace"):
        return telemetry.trace_id({"traceparent": row["trace"]}).get("trace")
    said = dict(row["headers"]).get("traceparent") or b""
    named = said.decode("ascii", "replace") or str(peek(row["value"]).get("traceparent"))
    return telemetry.trace_id({"traceparent": named}).get("trace")


def _skipped(row: Row) -> dict[str, Any]:
    at = row["at"].isoformat()
    return {"id": row["_id"], "by": row["by"], "organisation": row["organisation"], "at": at, "why": row["why"]}


def _parked(row: Row) -> dict[str, Any]:
    shown = ("status", "cause", "sequence", "topic", "partition", "offset")
    # Subject and source of what could not be read are what stood in their place.
    subject, source = row["subject"], row["source"]
    ids = {
        "subject": None if subject is None else opaque(subject),
        "source": source if source is None or is_code(source) else MASK,
    }
    return {
        "id": row["_id"],
        **{name: row[name] for name in shown},
        **ids,
        "agency": whose.of_row(row),
        "at": row["at"].isoformat(),
        "tries": row.get("tries") or 0,
        "trace": _trace_of(row),
        "event": masked(row["value"]),
    }
