"""The three services as the desk asks them: with the signed-in person's own token, within a time, in one trace.

A service that does not answer is `Away`, with since when; what it says is handed on as it is.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

import httpx
from opentelemetry import propagate

from contracts.topics import EXPERTISE, INTAKE, REGISTRY
from contracts.words import Language
from services.desk.settings import DeskSettings
from services.desk.traces import KEPT

log = logging.getLogger(__name__)

LATER: Final = frozenset({502, 503, 504})
"""With what a service, or whatever stands before it, says that it cannot answer now."""
ON_THE_WAY: Final = 1.0
"""By so many seconds before the desk gives up a service is to say that it has no turn for it (assumption)."""
ALIVE: Final = "/health/live"
CONNECTIONS: Final = httpx.Limits(max_connections=60, max_keepalive_connections=20)


class Away(Exception):
    """A service that did not answer, or said that it cannot now. What was asked may have been done all the same: it is
    sent again under the same key."""

    def __init__(self, service: str, since: datetime) -> None:
        super().__init__(service)
        self.service, self.since = service, since


class Refused(Exception):
    """A service's answer that something cannot be: its problem document, in the language that was asked for."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('title')}")
        self.status, self.problem = status, problem

    @property
    def rule(self) -> str:
        """The id of what stands in the way."""
        return str(self.problem.get("title", ""))

    @property
    def detail(self) -> str:
        """The same in words."""
        return str(self.problem.get("detail", ""))

    @property
    def whole(self) -> str:
        """The same with all that is wrong in its parts."""
        parts = "; ".join(str(one.get("message") or one.get("detail")) for one in self.problem.get("problems", ()))
        between = " " if self.detail.endswith(".") else "; "
        return f"{self.detail}{between}{parts}" if self.detail and parts else self.detail


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered: the body, and the revision that it speaks of."""

    body: Any
    etag: str = ""


@dataclass
class Clients:
    """One client for each service; `away` is since when one of them has not answered; `read_within`: for how many
    seconds what a page reads is waited for."""

    http: Mapping[str, httpx.AsyncClient]
    read_within: float
    away: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: DeskSettings, transport: httpx.AsyncBaseTransport | None = None) -> Self:
        """The clients that the settings name."""
        urls = {INTAKE: settings.intake_url, EXPERTISE: settings.expertise_url, REGISTRY: settings.registry_url}
        if kept := settings.traces_url or settings.collector_url:
            urls[KEPT] = kept
        within = httpx.Timeout(settings.asked_within, connect=settings.connected_within)
        return cls(
            {
                name: httpx.AsyncClient(
                    base_url=url, timeout=within, limits=CONNECTIONS, trust_env=False, transport=transport
                )
                for name, url in urls.items()
            },
            settings.read_within,
        )

    async def close(self) -> None:
        """Closes the connections."""
        for one in self.http.values():
            await one.aclose()

    async def send(
        self,
        service: str,
        method: str,
        path: str,
        *,
        token: str = "",
        language: Language,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        takes: float = 0.0,
        at_once: bool = False,
    ) -> Answer:
        """One request; bytes are sent as they are, all else as JSON; what takes so many seconds is waited for longer,
        what is answered `at_once`, for it only reads, less long; the service is told for how long. Raises Away, and
        Refused for all but success."""
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        said = {**bearer, "Accept-Language": language, **(headers or {})}
        propagate.inject(said)
        asked = {name: value for name, value in (params or {}).items() if value not in (None, "")}
        try:
            sent = {"content": body} if isinstance(body, bytes) else {"json": body}
            client = self.http[service]
            usual = client.timeout
            bound = self.read_within if at_once else usual.read or 0.0
            pool = bound if at_once else usual.pool
            within = httpx.Timeout(connect=usual.connect, read=bound + takes, write=usual.write, pool=pool)
            said["Prefer"] = f"wait={max(0, int(bound + takes - ON_THE_WAY))}"
            found = await client.request(method, path, params=asked, headers=said, timeout=within, **sent)
        except httpx.InvalidURL:  # whatever somebody has typed into the address: nothing is called so
            raise Refused(404, {}) from None
        except httpx.TransportError as error:
            log.warning("%s did not answer: %s", service, type(error).__name__)
            raise self._away(service) from None
        if found.status_code in LATER:
            log.warning("%s cannot answer now: %s", service, found.status_code)
            raise self._away(service)
        self.away.pop(service, None)
        if found.is_error:
            raise Refused(found.status_code, _problem(found))
        try:
            return Answer(_body(found), found.headers.get("ETag", ""))
        except (ValueError, RecursionError):
            log.warning("%s said something that is no JSON", service)
            raise self._away(service) from None

    async def peek(
        self, service: str, path: str, *, token: str, language: Language, within: float
    ) -> httpx.Response | None:
        """What a service answers just now, whatever its status says; None where it does not within so many seconds.
        For who watches it: that nothing comes is an answer, too."""
        said = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        try:
            found = await self.http[service].get(path, headers=said, timeout=within)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            log.warning("%s did not answer: %s", service, type(error).__name__)
            self._away(service)
            return None
        self.away.pop(service, None)
        return found

    async def answers(self, service: str) -> None:
        """Raises, with whatever says why, unless a service answers anything but that it cannot."""
        found = await self.http[service].get(ALIVE)
        if found.is_server_error:
            found.raise_for_status()
        self.away.pop(service, None)

    async def lines(self, service: str, path: str, *, token: str, language: Language) -> AsyncIterator[bytes]:
        """The lines of a file as they come, however large it is. Raises Away, Refused before the first."""
        said = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        propagate.inject(said)
        client = self.http[service]
        try:
            found = await client.send(client.build_request("GET", path, headers=said), stream=True)
            if found.is_error:
                await found.aread()
        except (httpx.TransportError, httpx.InvalidURL) as error:
            log.warning("%s did not answer: %s", service, type(error).__name__)
            raise self._away(service) from None
        if found.status_code in LATER:
            raise self._away(service)
        if found.is_error:
            raise Refused(found.status_code, _problem(found))
        return _lines(found)

    async def handed(
        self, service: str, method: str, path: str, query: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        """The answer to what is open to all, whatever it is, as it comes: whoever takes it closes it. Raises Away."""
        said = dict(headers)
        propagate.inject(said)
        client = self.http[service]
        raw = client.base_url.raw_path.rstrip(b"/") + path.encode() + (b"?" + query if query else b"")
        url = client.base_url.copy_with(raw_path=raw)
        try:
            found = await client.send(client.build_request(method, url, headers=said), stream=True)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            log.warning("%s did not answer: %s", service, type(error).__name__)
            raise self._away(service) from None
        self.away.pop(service, None)
        return found

    def _away(self, service: str) -> Away:
        return Away(service, self.away.setdefault(service, datetime.now(UTC)))


def _problem(found: httpx.Response) -> Mapping[str, Any]:
    try:
        said = found.json()
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {"title": f"http.{found.status_code}", "detail": ""}


def _body(found: httpx.Response) -> Any:
    if not found.content:
        return None
    return found.json() if "json" in found.headers.get("Content-Type", "") else found.content


async def _lines(found: httpx.Response) -> AsyncIterator[bytes]:
    """Cut at line feeds alone: a text may hold what else ends a line."""
    left = b""
    try:
        async for some in found.aiter_bytes():
            *whole, left = (left + some).split(b"\n")
            for line in whole:
                yield line
        if left:
            yield left
    finally:
        await found.aclose()
