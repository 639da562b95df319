"""Asks the services of a running system for what the view shows, none of them for longer than a moment."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from services.chassis.figures import Answers, samples_of

ANSWERS_WITHIN: Final = 3.0
"""Seconds for one answer."""

Bearer = Callable[[], str]
"""A token with the role ops, good now."""


async def answers_of(
    urls: Mapping[str, str], bearer: Bearer, transport: Any = None, now: Callable[[], float] = time.monotonic
) -> dict[str, Answers]:
    """What each service answers, by its name. `transport` is another way to them than the network, for tests; `now` a
    clock that only goes on."""
    limits = httpx.Timeout(ANSWERS_WITHIN)
    async with httpx.AsyncClient(timeout=limits, trust_env=False, transport=transport) as client:
        found = await asyncio.gather(*(_answers(client, url, bearer(), now) for url in urls.values()))
    return dict(zip(urls, found, strict=True))


async def _answers(client: httpx.AsyncClient, url: str, token: str, now: Callable[[], float]) -> Answers:
    head = {"Authorization": f"Bearer {token}"}
    try:
        ready, metrics, parked = await asyncio.gather(
            client.get(f"{url}/health/ready"),
            client.get(f"{url}/metrics", headers=head),
            client.get(f"{url}/v1/parked/groups", headers=head),
        )
        if metrics.is_error:
            return Answers(now(), fault=f"answers {metrics.status_code}")
        groups = () if parked.is_error else tuple(parked.json()["items"])
        return Answers(now(), samples_of(metrics.text), ready.json(), groups)
    except httpx.ConnectError:
        return Answers(now(), fault="does not listen")
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return Answers(now(), fault=f"does not answer properly ({type(error).__name__})")
