"""The traces of another system, as `trace` asks for them: of a Jaeger, or of the collector of another `up`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

import httpx

from contracts.reference import Role
from deploy.cli import reach
from deploy.cli.reach import ACTOR, COLLECTOR, JAEGER
from deploy.complaint import Complaint
from services.chassis.told_traces import Trace, traces_in
from services.desk.clients import Refused
from services.desk.traces import Kept, Listing, NotTold
from services.desk.traces.collector import Collector
from services.desk.traces.jaeger import TRACE_ID, Jaeger

T = TypeVar("T")
ANSWERS_WITHIN: Final = 20.0
"""Seconds for one answer: a search goes through days."""


@dataclass(frozen=True, slots=True)
class KeptElsewhere:
    """Where another system's traces are kept. A Jaeger is sent no token: it is not one of ours."""

    url: str
    token: str
    of_jaeger: bool

    def of(self, name: str) -> list[Trace]:
        """Those of a pilot or an event, each cut to it, or one trace. Raises Complaint."""

        async def asked(kept: Kept) -> list[Trace]:
            is_trace = TRACE_ID.fullmatch(name) is not None
            ids = [name] if is_trace else [one["trace"] for one in (await kept.of(name)).items]
            whole = await asyncio.gather(*(kept.whole(id_) for id_ in ids))
            spans = [span for one in whole if one is not None for span in one.spans]
            return traces_in(spans, name)

        return self._answered(asked)

    def listed(self, *, slowest: bool, errors: bool, most: int) -> list[dict[str, Any]]:
        """The newest, or those that worked longest. Raises Complaint."""

        async def asked(kept: Kept) -> list[dict[str, Any]]:
            found, after = list[dict[str, Any]](), ""
            while len(found) < most:
                some = await kept.listed(Listing(slowest, errors, after))
                found += map(dict, some.items)
                if not (after := some.next):
                    break
            return found[:most]

        return self._answered(asked)

    def _answered(self, what: Callable[[Kept], Awaitable[T]]) -> T:
        try:
            return asyncio.run(self._asked(what))
        except Refused as error:
            sent = "" if self.of_jaeger else " Its token needs the role ops."
            raise Complaint(f"{self.url} refused this ({error.status}): {error.detail or error.rule}{sent}") from error
        except (NotTold, ValueError, LookupError, TypeError) as error:
            raise Complaint(f"What answers at {self.url} keeps no traces: is that its address?") from error
        except httpx.HTTPError as error:
            raise Complaint(f"{self.url}, where traces are kept, does not answer ({type(error).__name__}).") from error

    async def _asked(self, what: Callable[[Kept], Awaitable[T]]) -> T:
        async with httpx.AsyncClient(timeout=ANSWERS_WITHIN, trust_env=False) as client:
            ask = partial(_ask, client, self.url, self.token)
            return await what(Jaeger(ask, lambda: datetime.now(UTC)) if self.of_jaeger else Collector(ask))


async def _ask(client: httpx.AsyncClient, url: str, token: str, path: str, **params: Any) -> Any:
    head = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await client.get(f"{url}{path}", params=params, headers=head)
    said = answer.json()
    if answer.is_error:
        raise Refused(answer.status_code, said if isinstance(said, dict) else {})
    return said


def kept_elsewhere() -> KeptElsewhere | None:
    """Where traces are kept of another system that is named; None where none is. Raises Complaint where nobody said."""
    if (other := reach.named()) is None:
        return None
    if JAEGER in other.urls:
        return KeptElsewhere(other.urls[JAEGER], "", True)
    if COLLECTOR in other.urls:
        return KeptElsewhere(other.urls[COLLECTOR], other.token([Role.OPS], sub=ACTOR), False)
    raise Complaint(
        "Where are its traces kept? --url jaeger=ADDRESS or LOTSMAN_JAEGER_URL names the Jaeger, "
        "--url collector=ADDRESS the collector of another machine's ./lotsman up."
    )
