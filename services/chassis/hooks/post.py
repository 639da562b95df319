"""One attempt to deliver: a connection to an address that was checked, bounded in time and in what is read.

A host is resolved here, once for each connection, and the connection goes to the very address that was checked; the
host's name stays in the request and in TLS (SNI, certificate). Nothing is redirected, and no proxy of the environment
is asked.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpcore

from contracts import VERSION
from services.chassis.hooks.address import Allowed
from services.chassis.hooks.schedule import Answer
from services.chassis.masking import words_of

RESOLVING: Final = 16
"""Names that are looked up at once, in threads of their own: slow name servers hold nobody else up."""
CONNECT_WITHIN: Final = 5.0
READ: Final = 2_048
"""Bytes of an answer that are read."""
SHOWN: Final = 200
"""Characters of them that are kept."""
RETRY_AFTER: Final = b"retry-after"
HEADERS: Final[Mapping[str, str]] = {"Content-Type": "application/json", "User-Agent": f"Lotsman/{VERSION}"}


class Forbidden(Exception):
    """The host leads to where nothing may be sent."""


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to addresses that are allowed, and to no others."""

    def __init__(self, allowed: Allowed, names: ThreadPoolExecutor, *, plain: bool) -> None:
        self._allowed = allowed
        self._names = names
        self._plain = plain
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first allowed address of the host that takes it. Raises Forbidden where none is."""
        found = [one for one in await self._resolved(host, port) if self._allowed.connects(one, plain=self._plain)]
        if not found:
            raise Forbidden
        failed: Exception | None = None
        for address in found[:2]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        assert failed is not None
        raise failed

    async def sleep(self, seconds: float) -> None:
        """Between tries of the library itself, of which it makes none here."""
        await asyncio.sleep(seconds)

    async def _resolved(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._names, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        return list(dict.fromkeys(str(one[4][0]) for one in found))


class Post:
    """Sends bodies to addresses. `within` are the seconds of one attempt, from the name to the last byte that is
    read."""

    def __init__(self, allowed: Allowed, within: float, *, at_once: int, trust: ssl.SSLContext | None = None) -> None:
        self._within = within
        self._names = ThreadPoolExecutor(RESOLVING, "hook-names")
        trusted = trust or ssl.create_default_context()
        self._pools = {
            plain: httpcore.AsyncConnectionPool(
                trusted,
                max_connections=at_once,
                max_keepalive_connections=at_once // 4,
                keepalive_expiry=within,
                network_backend=_Checked(allowed, self._names, plain=plain),
            )
            for plain in (False, True)
        }

    async def send(self, address: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What came of one attempt; nothing is raised for whatever the receiver does."""
        status, came, wait = None, bytearray(), None
        try:
            async with asyncio.timeout(self._within):
                pool = self._pools[address.startswith("http:")]
                timeouts = {"timeout": {"connect": CONNECT_WITHIN, "pool": self._within}}
                sent = [*{**HEADERS, **headers}.items()]
                async with pool.stream("POST", address, headers=sent, content=body, extensions=timeouts) as answer:
                    status = answer.status
                    wait = next(
                        (_seconds(value) for name, value in answer.headers if name.lower() == RETRY_AFTER), None
                    )
                    async for part in answer.aiter_stream():
                        came += part[: READ - len(came)]
                        if len(came) >= READ:
                            break
        except Exception as error:
            if status is None:
                return Answer(why=_why(error))
        return Answer(status, None, words_of(bytes(came), SHOWN), wait)

    async def close(self) -> None:
        """Ends all connections."""
        for pool in self._pools.values():
            await pool.aclose()
        self._names.shutdown(wait=False, cancel_futures=True)


def _seconds(said: bytes) -> float | None:
    return float(said) if said.isdigit() and len(said) < 7 else None


def _why(error: Exception) -> str:
    """Why there is no status, as a code."""
    codes: list[tuple[type[Exception] | tuple[type[Exception], ...], str]] = [
        (Forbidden, "address-not-allowed"),
        (socket.gaierror, "name-not-known"),
        ((TimeoutError, httpcore.TimeoutException), "too-slow"),
        ((httpcore.ProtocolError, ValueError), "no-http"),
    ]
    if _of_tls(error):
        return "tls"
    return next((code for kinds, code in codes if isinstance(error, kinds)), "not-reached")


def _of_tls(error: BaseException | None) -> bool:
    """Whether TLS failed, as the library's errors have it among their causes."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
