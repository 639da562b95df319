"""Connections within bounds: how many, how many from one address, and how long they may keep others waiting.

The server bounds the pause between two requests, and nothing else (uvicorn 0.54 with httptools): a connection that
never says a word, a head without end, a body that drips and a reader that takes nothing would stay for ever. Here each
has its time. At the bound of connections the one that has had no request in hand for longest makes room for a new one,
so that whoever only holds sockets open disturbs nobody; where all are at work, a new one is told to come again.
"""

import asyncio
import logging
import resource
import time
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from services.chassis import telemetry
from services.chassis.public import network_of
from services.chassis.settings import Settings
from services.chassis.timed import OTHER
from services.chassis.turned_away import TurnedAway

log = logging.getLogger(__name__)

PIECE: Final = 32 * 1024
"""Bytes that are taken from a connection at once: what one holds that nobody reads is bounded by it. The event loop has
256 KB by itself, and a thousand connections a quarter of a gigabyte."""
BACKLOG: Final = 256
"""Connections that wait to be accepted, and so many are accepted in one turn of the loop at most."""
OTHER_FILES: Final = 400
"""Files that the process has open beside its connections at most: database, Kafka, indexes, what is being accepted."""
BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
LATE: Final = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
"""What is said where no request is there that could be answered in words."""
TURNED_AWAY: Final = b"HTTP/1.1 429 Too Many Requests\r\n"
CLOSE: Final = (b"connection", b"close")
SELDOM: Final = (
    "socket.accept() out of system resource",
    "Invalid HTTP request received",
    "Unsupported upgrade request",
    "No supported WebSocket library",
)
"""How lines of the log begin that anybody on the network can cause without end."""
SAID_EVERY: Final = 60.0


class Connections:
    """All connections of a server. `most`, and so many `of_one` address; None: behind a proxy, where all come from one.

    `body_within` counts from the head, with all waiting for a turn; a request whose body is read has the time of its
    own that the gate gives it.
    """

    def __init__(self, settings: Settings, turned_away: TurnedAway) -> None:
        self.settings = settings
        self.turned_away = turned_away
        self.body_within = settings.body_within + settings.turn_within + 5
        self._most = settings.connections
        self._of_one = None if settings.trusted_hops else settings.connections_of_one
        self._there: dict[str, OrderedDict[Connection, None]] = {}
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        self._count = 0

    def come(self, one: "Connection") -> bool:
        """Takes a new connection in, where there is room or can be made."""
        near = self._there.get(one.address, OrderedDict())
        if self._of_one is not None and len(near) >= self._of_one and not self._make_room(near):
            return False
        if self._count >= self._most and not self._make_room(self._idle):
            return False
        self._there.setdefault(one.address, OrderedDict())[one] = None
        self._count += 1
        self.rests(one)
        telemetry.CONNECTIONS.set(self._count)
        return True

    def rests(self, one: "Connection") -> None:
        """It has no request in hand from now on."""
        near = self._there.get(one.address)
        if near is not None and one in near:
            self._idle[one] = None
            self._idle.move_to_end(one)
            near.move_to_end(one)

    def works(self, one: "Connection") -> None:
        """It has a request in hand from now on."""
        self._idle.pop(one, None)

    def gone(self, one: "Connection") -> None:
        """It is no more."""
        near = self._there.get(one.address)
        if near is None or one not in near:
            return
        del near[one]
        if not near:
            del self._there[one.address]
        self._idle.pop(one, None)
        self._count -= 1
        telemetry.CONNECTIONS.set(self._count)

    def _make_room(self, among: Mapping["Connection", None]) -> bool:
        """Ends the one that has had no request in hand for longest; False where all have."""
        oldest = next((one for one in among if one in self._idle), None)
        if oldest is None:
            return False
        self.gone(oldest)
        oldest.end("room", BUSY if oldest.cycle is None else b"")  # an idle client knows that it may be left
        return True


class Connection(HttpToolsProtocol):
    """A connection that has its time for each thing that it may keep others waiting with."""

    def __init__(self, all_of_them: Connections, **server: Any) -> None:
        super().__init__(**server)
        self.address = ""
        self._all = all_of_them
        self._settings = all_of_them.settings
        self._due: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._head = 0
        self._in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes it in, or says that there is no room."""
        super().connection_made(transport)
        transport.max_size = PIECE  # type: ignore[attr-defined]
        self.address = network_of(self.client[0] if self.client else "")
        if self._all.come(self):
            self._expect(self._settings.head_within, "head", LATE)
        else:
            telemetry.CONNECTIONS_ENDED.labels("full").inc()
            transport.write(BUSY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets it."""
        self._all.gone(self)
        self._expect(None)
        self._still()
        super().connection_lost(exc)

    def end(self, why: str, said: bytes = b"") -> None:
        """Ends it at once, with a last word where an answer has not begun."""
        if self.transport.is_closing():
            self.transport.abort()
            return
        telemetry.CONNECTIONS_ENDED.labels(why).inc()
        if said and not (self._answering and self.cycle.response_started):
            self.transport.write(said)
            self.transport.close()
            self._watch()
        else:
            self.transport.abort()

    @property
    def _answering(self) -> bool:
        """Whether a request is in hand whose answer is not out."""
        return self.cycle is not None and not self.cycle.response_complete

    # ---- the request comes in

    def data_received(self, data: bytes) -> None:
        """Bounds a head in bytes, and in time from its first."""
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._head > self._settings.head_bytes:
            self.end("head", LARGE)
        elif self._in_head and self._due is None and not self._answering:
            self._expect(self._settings.head_within, "head", LATE)

    def on_headers_complete(self) -> None:
        """The head is there: from now on its body is waited for."""
        self._in_head, self._head = False, 0
        self._all.works(self)
        if (said := self._turned_away()) is None:
            super().on_headers_complete()
        else:
            self._answer(said)
        self._expect(self._all.body_within, "body", LATE)

    def _turned_away(self) -> bytes | None:
        """What is said at once; None where the app is asked, as when answers of its are still to come."""
        usual = self.parser.get_http_version() == "1.1" and not self.parser.should_upgrade()
        if self._answering or not usual or self.expect_100_continue:
            return None
        return self._all.turned_away(self.parser.get_method().decode("ascii"), self.url.decode("latin-1"), self.headers)

    def _answer(self, said: bytes) -> None:
        """Answers a request whose body nobody asks for: what comes of it is let go."""
        self.cycle = RequestResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self.cycle.response_started = self.cycle.response_complete = True
        head = [*self.server_state.default_headers, *(() if self.cycle.keep_alive else (CLOSE,))]
        self.transport.write(b"".join([TURNED_AWAY, *(b"%s: %s\r\n" % one for one in head), said]))
        if not self.cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_message_complete(self) -> None:
        """The request is there: nothing more is waited for."""
        self._in_head = True
        self._expect(None)
        super().on_message_complete()

    def _expect(self, seconds: float | None, what: str = "", said: bytes = b"") -> None:
        """Within so many seconds the next thing has to come."""
        if self._due is not None:
            self._due.cancel()
        self._due = None if seconds is None else self.loop.call_later(seconds, self._late, seconds, what, said)

    def _late(self, seconds: float, what: str, said: bytes) -> None:
        self._due = None
        if self.flow.read_paused:  # it is not its sender that is late
            self._expect(seconds, what, said)
        else:
            self.end(what, said)

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no request of HTTP, as one of a method that it does not have: it reaches no route, and is
        counted here, under the method that stands for all others."""
        telemetry.HTTP_SECONDS.labels(OTHER, "", 400).observe(0.0)
        super().send_400_response(msg)

    def _unsupported_upgrade_warning(self) -> None:
        """Whoever asks for another protocol is answered in this one."""

    # ---- the answer goes out

    def on_response_complete(self) -> None:
        """There is no request in hand any more, unless one waits behind it."""
        waits = bool(self.pipeline)
        super().on_response_complete()
        if not waits:
            self._all.rests(self)

    def shutdown(self) -> None:
        """Ends it when its answer is out; whoever takes nothing of it is not waited for."""
        super().shutdown()
        self._watch()

    def timeout_keep_alive_handler(self) -> None:
        """Ends one that is idle; what it has not taken of the last answer, it has no more time for than others."""
        super().timeout_keep_alive_handler()
        self._watch()

    def pause_writing(self) -> None:
        """Nothing more goes out until the reader takes some."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """The reader took some."""
        super().resume_writing()
        self._still()

    def _watch(self) -> None:
        self._still()
        self._unsent = self.transport.get_write_buffer_size()
        if self._unsent:
            self._stalled = self.loop.call_later(self._settings.write_within, self._check)

    def _check(self) -> None:
        if self.transport.get_write_buffer_size() < self._unsent:
            self._watch()
        else:
            telemetry.CONNECTIONS_ENDED.labels("write").inc()
            self.transport.abort()

    def _still(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


def guarded(settings: Settings, turned_away: TurnedAway) -> Any:
    """What makes each connection of a server of its own; `turned_away` says what requests are told at once."""
    return partial(Connection, Connections(settings, turned_away))


class Seldom(logging.Filter):
    """Lets a line that anybody can cause through once in a while, so that nobody fills a disk with it."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        told = record.getMessage()
        begins = next((one for one in SELDOM if told.startswith(one)), None)
        if begins is None:
            return True
        now = time.monotonic()
        due = now - self._said.get(begins, -SAID_EVERY) >= SAID_EVERY
        if due:
            self._said[begins] = now
        return due


def calm_logs() -> None:
    """Keeps what strangers cause from filling the log."""
    for name in ("asyncio", "uvicorn.error"):
        logger = logging.getLogger(name)
        if not any(isinstance(one, Seldom) for one in logger.filters):
            logger.addFilter(Seldom())


def with_files(settings: Settings) -> Settings:
    """The settings with as many connections as the process may have files for; asks for more files where it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.connections + 2 * BACKLOG + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return settings
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most >= wanted:
        return settings
    room = max(10, most - 2 * BACKLOG - OTHER_FILES)
    log.warning("with %s files open at most, %s connections are taken, not %s", most, room, settings.connections)
    return settings.model_copy(update={"connections": room})
