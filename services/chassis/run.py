"""Runs one service: store, engine, bus, loops and HTTP in one process, started and stopped in order.

It is one thing, and so one file: what a process begins with and what it lets go of are read side by side.
"""

import asyncio
import ctypes
import gc
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import uuid4

import uvicorn
from aiokafka.errors import KafkaError
from fastapi import APIRouter, FastAPI

from contracts.calendars import FaultyUpdate, load_updates
from contracts.moments import to_millisecond
from contracts.own import FaultyOwn
from contracts.rules import load
from services.chassis import certificates, logs, standing, telemetry, whose
from services.chassis.auth import Agencies, Keys
from services.chassis.balance import Balancing
from services.chassis.bus import Bus
from services.chassis.cluster import Cluster
from services.chassis.connections import BACKLOG, calm_logs, guarded, with_files
from services.chassis.ending import REFUSES, STARTS_ANEW
from services.chassis.engine import Engine
from services.chassis.marks import Behind, Exchanged, Marks
from services.chassis.own_topic import Kinds
from services.chassis.pace import pace_of, unknown
from services.chassis.pulse import Pulse
from services.chassis.recalendar import again, recalendar
from services.chassis.saying import why
from services.chassis.sending import CLOSED, TOO_LARGE
from services.chassis.service import Service, nothing_beside
from services.chassis.settings import Settings
from services.chassis.stalled import LOOK_EVERY, Stalls
from services.chassis.store import Store, StoreAway, open_client
from services.chassis.subject import Record
from services.chassis.turned_away import TurnedAway
from services.chassis.watching import Watch
from services.chassis.web import make_app
from services.law.calendar import Calendars

log = logging.getLogger(__name__)
T = TypeVar("T")
FLUSH_WITHIN = 5.0
AWAY: Final = (StoreAway, KafkaError, OSError)
COLLECT_AFTER = (5_000, 50, 100)
"""Python's collector looks through new objects after so many of them, and through older ones after so many looks. With
its own (700, 10, 10) it took a third of a service's time: the documents of a batch live until the batch is done."""
ALLOCATOR: Final = {-8: 2, -3: 256 * 1024, -1: 1024 * 1024}
"""What glibc's `mallopt` is told: M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD (malloc.h)."""
RECALENDAR_SWEEPS = 20
"""After how many sweeps it is looked again for terms that are counted by another calendar."""


Beside = Callable[[FastAPI, Store, Settings], Coroutine[Any, Any, None]]
"""Work beside the engine for the life of a process that answers HTTP: it may show what it keeps to the routes as
`app.state`. It rides out outages by itself; if it ends, so does the process. Readiness does not ask it."""


def main(service: Service, sources: Sequence[str], routers: Sequence[APIRouter], beside: Sequence[Beside] = ()) -> None:
    """The whole life of a service process; returns its exit code through SystemExit."""
    settings = Settings()
    few_arenas()
    calendars = need_rules(settings)
    logs.log_to_stdout(service.name, settings.log_level)
    provider = telemetry.start(service.name, settings.otlp_url)
    try:
        code = asyncio.run(_serve(service, sources, routers, beside, settings, calendars))
    except Behind as error:
        print(error, file=sys.stderr, flush=True)
        code = REFUSES
    finally:
        provider.shutdown()
    raise SystemExit(code)


def need_rules(settings: Settings) -> Calendars:
    """The calendars, once it is known that all editions and calendars of the deployment's own can be used; else the
    process ends in words. To be asked before a service is put together: it reads the editions as it is loaded."""
    try:
        load()
        calendars = Calendars.load(load_updates(Path(settings.calendars)) if settings.calendars else ())
        this_year = utc_now().year
        calendars.work_out(range(this_year - 1, this_year + 3))
    except (FaultyOwn, FaultyUpdate) as error:
        raise SystemExit(str(error)) from None
    except NotImplementedError as error:  # of the library of public holidays
        raise SystemExit(f"A calendar of {settings.editions} cannot be used: country: {error}") from None
    return calendars


async def _serve(
    service: Service,
    sources: Sequence[str],
    routers: Sequence[APIRouter],
    beside: Sequence[Beside],
    settings: Settings,
    calendars: Calendars,
) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    code = 0
    refused: Behind | None = None

    def give_up() -> None:
        nonlocal code
        code = STARTS_ANEW
        stopping.set()

    def fail(task: asyncio.Task[None]) -> None:
        nonlocal code, refused
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if isinstance(error, Behind):
            log.critical("it refuses to start: %s", error)
            refused = error
        else:
            log.critical("a loop ended: %s", error, exc_info=error)
            code = STARTS_ANEW if isinstance(error, Exchanged) else 1
        stopping.set()

    client = open_client(settings.mongo_url.get_secret_value(), settings.mongo_driver)
    store = Store(client, settings.database or f"lotsman_{service.name}")
    engine: Engine

    async def take(records: Sequence[Record]) -> None:
        await engine.batches.take(records)

    async def alone(records: Sequence[Record]) -> None:
        await engine.records(records)

    marks, agencies = Marks(store), service.agencies(store, utc_now, settings)
    cluster = Cluster(settings, lambda: bus.broker.config.broker_config.admin_client)
    bus = Bus(
        settings,
        service.name,
        sources,
        take,
        give_up,
        soon=service.soon,
        alone=alone,
        marks=marks,
        rate=agencies.rate,
        ends=cluster.ends,
    )
    agencies.beside(bus.crowds)
    engine = Engine(
        service,
        store,
        bus.send,
        now=utc_now,
        new_id=lambda: str(uuid4()),
        calendars=calendars,
        refusals=Kinds(large=TOO_LARGE, closed=CLOSED),
        pace=pace_of(settings.idle_every, alone=settings.only == "all"),
    )
    engine.closed = True
    standing = Stalls(store, bus.places, bus.skip, utc_now, settings.standing_after)
    pulse = Pulse(settings.ready_late)
    app = _app(service, engine, bus, store, routers, settings, stopping, standing, agencies, pulse, cluster)
    server = serving(app, settings)
    loops = [
        *_loops(engine, bus, store, service, settings, marks),
        looking(standing),
        bus.looking(),
        pulse.beat(),
        certificates.looking(settings),
    ]
    if settings.only != "consumers":
        loops += [one(app, store, settings) for one in beside]
    tasks = [asyncio.create_task(one) for one in loops]
    for task in tasks:
        task.add_done_callback(fail)
    http = asyncio.create_task(server.serve())
    http.add_done_callback(lambda _done: stopping.set())
    calm_collector()
    await stopping.wait()
    if http.done():
        log.critical("the HTTP server ended")
        code = code or 1
    log.info("stopping")
    server.should_exit = True
    await http
    with suppress(asyncio.TimeoutError, StoreAway, Exchanged):
        async with asyncio.timeout(settings.stop_within):
            await bus_stop(engine, bus, tasks)
            await marks.keep()
            await cluster.close()
    await store.close()
    if refused is not None:
        raise refused
    return code


def few_arenas() -> None:
    """Lets all threads of the process share two heaps of the C library, and gives large blocks back when they are free.

    By itself glibc makes a heap for nearly every thread, keeps in each what was freed, and with the first large block
    begins to keep those as well. Another C library is left as it is.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for option, value in ALLOCATOR.items():
            library.mallopt(option, value)


def calm_collector() -> None:
    """Sets aside what the process has at its start, which lives as long as it does; looks for garbage less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


async def bus_stop(engine: Engine, bus: Bus, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Ends the loops, sends what is gathered, then lets the bus finish its batch, commit and leave."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    with suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_WITHIN):  # the next start sends the rest; stopping the bus must not wait
            await engine.outbox.flush()
    await bus.stop()


def utc_now() -> datetime:
    """The clock of the machine, UTC, to the millisecond; everything below gets the time from here."""
    return to_millisecond(datetime.now(UTC))


class _Server(uvicorn.Server):
    """Leaves signals alone: the process stops its parts in an order of its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures nothing."""
        yield


def _app(
    service: Service,
    engine: Engine,
    bus: Bus,
    store: Store,
    routers: Sequence[APIRouter],
    settings: Settings,
    stopping: asyncio.Event,
    standing: Stalls,
    agencies: Agencies,
    pulse: Pulse,
    cluster: Cluster,
) -> FastAPI:
    keys = Keys.of(settings)

    async def draining() -> None:
        await engine.outbox.drains(utc_now(), settings.ready_unsent, kafka=bus.answers)

    async def behind() -> None:
        await standing.lags(settings.ready_lag, at_fault=bus.answers)

    checks = {"mongo": store.ping, "journal": engine.opened}
    lesser = {"kafka": bus.ping, "reading": bus.reading, "sending": engine.sends}
    lesser |= {"standing": standing.check, "draining": draining, "lag": behind, "loop": pulse.check}
    app = make_app(f"Lotsman {service.name}", keys, engine, checks, settings, lesser)
    app.state.agencies = agencies
    app.state.places = bus.places
    balancing = Balancing(service, store, cluster, utc_now)
    app.state.balance, app.state.through = balancing.struck, balancing.through
    looks = agencies.ends, balancing.tell
    app.state.watch = Watch(service.name, store, utc_now, bus.places, service.terms, *looks).look
    app.state.stopping = stopping
    for router in routers if settings.only != "consumers" else ():  # how it is, such a process tells, and no more
        app.include_router(router)
    return app


def serving(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """A server of the app that leaves signals and logs to its process."""
    calm_logs()
    config = uvicorn.Config(
        app,
        settings.http_host,
        settings.http_port,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # who is believed to pass on a client's address is said by `trusted_hops` alone
        timeout_graceful_shutdown=10,
        timeout_keep_alive=settings.idle_within,
        backlog=BACKLOG,
        http=guarded(with_files(settings), TurnedAway(app)),
        ws="none",
    )
    return _Server(config)


def _loops(
    engine: Engine, bus: Bus, store: Store, service: Service, settings: Settings, marks: Marks
) -> list[Coroutine[Any, Any, None]]:
    opened = asyncio.Event()

    async def connect() -> None:
        await until_done(lambda: store.prepare(service.indexes))
        new = settings.compare and await until_done(lambda: standing.compare(service, store, settings, marks))
        await until_done(lambda: service.begin(store, utc_now()))
        engine.closed = False
        opened.set()
        if new:
            log.info("the database is a new one")
        await bus.connect()
        if settings.compare and settings.only != "http":
            await put_back(bus, service, settings, marks)
        await bus.start()
        await until_done(lambda: whose.fill(store))

    async def keep_marks() -> None:
        await opened.wait()
        looked_at = 0.0
        while True:
            await asyncio.sleep(settings.sweep_every)
            if pace.calm and time.monotonic() - looked_at < settings.idle_every:
                continue
            try:
                await marks.keep()
                looked_at = time.monotonic()
            except StoreAway as error:
                log.warning("marks are kept later: %s", error)

    async def every(
        seconds: float,
        what: str,
        step: Callable[[], Awaitable[object]],
        ahead: Callable[[], Awaitable[float | None]] = unknown,
    ) -> None:
        await opened.wait()
        await pace.every(seconds, what, step, ahead)

    async def count_anew() -> None:
        await opened.wait()
        try:
            await until_done(lambda: recalendar(engine))
        except Exception as error:  # the service works without it, and the next turn tries again
            log.exception("terms could not be counted anew: %s", type(error).__name__)
        pause = settings.sweep_every * RECALENDAR_SWEEPS
        await pace.every(pause, "terms", lambda: again(engine, timedelta(seconds=3 * pause)))

    pace, age = engine.pace, timedelta(seconds=settings.sweep_age)
    loops = [
        connect(),
        keep_marks(),
        engine.outbox.pump(),
        every(settings.sweep_every, "the sweep", lambda: engine.sweep(age)),
    ]
    if service.publications is not nothing_beside:  # else nothing is ever withheld
        withheld = engine.withheld
        loops.append(every(settings.sweep_every, "what is withheld", withheld.again, withheld.ahead))
    if settings.only != "http":
        timers = partial(_all_timers, engine)
        loops.append(every(settings.timers_every, "timers", timers, engine.next_timer))
        loops.append(count_anew())
    return loops


async def put_back(bus: Bus, service: Service, settings: Settings, marks: Marks) -> None:
    """Returns when each group reads again what it has committed and the database has not taken, however long members
    of it take for that; meanwhile the bus says that it reads nothing, and why."""
    first = await until_done(lambda: standing.committed(service, settings))
    while held := await until_done(lambda: standing.put_back(settings, marks, first)):
        if held != bus.held:
            log.error("reading waits: members of %s have not taken what it has committed", ", ".join(held))
        bus.held = held
        await asyncio.sleep(standing.PAUSE)
    bus.held = ()


async def looking(standing: Stalls) -> None:
    """Looks for the life of the process which partitions stand still; what is away then is told of elsewhere."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        with suppress(StoreAway, KafkaError, OSError):
            await standing.look()


async def _all_timers(engine: Engine) -> None:
    while await engine.timers() == 500:
        pass


async def until_done(step: Callable[[], Awaitable[T]]) -> T:
    """What a step answers when MongoDB and Kafka let it."""
    while True:
        try:
            return await step()
        except AWAY as error:
            log.warning("MongoDB or Kafka cannot be reached: %s", why(error))
            await asyncio.sleep(1)
