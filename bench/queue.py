"""How soon the queues of expertise answer: every view and filter of `GET /v1/reviews`, the counts, the board.

The real service answers over HTTP on a real mongod, without timers, so that no case moves while it is measured. One
request is sent at a time. Quote the ratios to a bare find of one document too: they hold when the machine is slow.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from bench.cases import AGENCIES, EDITION, EXPERTS, OPERATORS, Made, cases, present, write, write_people
from bench.serving import serving
from bench.times import not_exceeded
from contracts.expertise import ReviewKind
from contracts.reference import Role
from contracts.topics import EXPERTISE
from deploy.complaint import Complaint
from deploy.local import keys
from deploy.local.backends import Backends
from deploy.local.ports import Ports
from deploy.progress import Say, Task, silent, task
from services.chassis.store import Store, open_client
from services.expertise.domain.state import OwedBy, View
from services.expertise.queries import FOR_EXPERTS, INDEXES, BoardState

TARGET_MS: Final = 200.0
FAR: Final = 20
"""The later page that is measured beside the first one."""
WARM_UP: Final = 10

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Filled:
    """A running service on a database full of cases, and who asks."""

    url: str
    folder: Path
    store: Store
    operator: str
    expert: str
    some: str
    """A case among them."""

    def client(self, role: Role) -> httpx.Client:
        """A connection in a role."""
        person = {Role.OPERATOR: self.operator, Role.EXPERT: self.expert}[role]
        bearer = f"Bearer {keys.token(self.folder, [role], sub=person)}"
        return httpx.Client(base_url=self.url, headers={"Authorization": bearer}, timeout=60, trust_env=False)


@asynccontextmanager
async def filled(
    backends: Backends,
    opened: int,
    closed: int,
    experts: int = EXPERTS,
    kept: Callable[[Made], None] = lambda _made: None,
    say: Say = silent,
) -> AsyncIterator[Filled]:
    """Makes so many cases in a database of their own and starts the service on it; both are gone afterwards."""
    client, name = open_client(backends.mongo_url), f"bench_{uuid4().hex[:8]}"
    store, now = Store(client, name), present()
    seated, some = Counter[str](), list[str]()

    def seen(one: Made) -> None:
        writing.advance()
        seated.update(one.case.seated)
        some.append(one.subject)
        kept(one)

    await store.prepare(INDEXES)
    known = await write_people(store, now, experts)
    with task(say, "making cases", opened + closed) as writing:
        await write(store, cases(opened, closed, known, now), seen)
    try:
        async with serving(backends, EXPERTISE, name, Ports.free(), say=say) as url:
            yield Filled(url, backends.folder, store, OPERATORS[0], seated.most_common(1)[0][0], some[0])
    finally:
        await client.drop_database(name)
        await store.close()


# ---- what is asked


def filters(expert: str) -> dict[str, Params]:
    """Each filter of the queues with a value that many cases have."""
    return {
        "sector": {"sector": EDITION.sectors.codes[0]},
        "agency": {"agency": AGENCIES[0]},
        "kind": {"kind": ReviewKind.FIRST},
        "kind, rare": {"kind": ReviewKind.REPEAT},
        "round": {"round": "2"},
        "expert": {"expert": expert},
    }


def questions(role: Role, expert: str) -> Iterator[tuple[str, str, Params]]:
    """Everything that is asked in a role: what it is called, the path, the parameters."""
    own = role is Role.EXPERT
    for view in FOR_EXPERTS if own else View:
        yield str(view), "/v1/reviews", {"view": str(view)}
    narrowed = {name: what for name, what in filters(expert).items() if not (own and name == "expert")}
    for name, what in narrowed.items():
        yield f"open by {name}", "/v1/reviews", {"view": "open", **what}
    yield "all", "/v1/reviews", {}
    yield "counts", "/v1/reviews/counts", {}
    if own:
        return
    yield "board", "/v1/board", {}
    more: dict[str, Params] = {
        **{f"role {by}": {"by": by} for by in (OwedBy.OPERATOR, OwedBy.EXPERT, OwedBy.APPROVER, OwedBy.APPLICANT)},
        "who expert": {"who": expert},
        "who operator": {"who": OPERATORS[0]},
        **{state: {"state": state} for state in BoardState},
    }
    for name, what in {**narrowed, **more}.items():
        yield f"board by {name}", "/v1/board", what


def later(client: httpx.Client, path: str, params: Params, number: int) -> Params | None:
    """The parameters of a later page; None where the list is shorter."""
    after: str | None = None
    for _ in range(number - 1):
        after = answered(client, path, {**params, **({"after": after} if after else {})}).get("next")
        if after is None:
            return None
    return {**params, "after": after} if after else None


def answered(client: httpx.Client, path: str, params: Params) -> dict[str, Any]:
    """The answer. Raises Complaint for one that is none."""
    answer = client.get(path, params=dict(params))
    if answer.status_code != 200:
        raise Complaint(f"{path} {dict(params)} was answered with {answer.status_code}: {answer.text[:300]}")
    found: dict[str, Any] = answer.json()
    return found


# ---- measuring


async def run(
    backends: Backends, opened: int, closed: int, requests: int, experts: int = EXPERTS, say: Say = silent
) -> dict[str, Any]:
    """The 95th percentile of each question in milliseconds, and its ratio to that of a bare find of one document."""
    began = time.monotonic()
    async with filled(backends, opened, closed, experts, say=say) as found:
        made = time.monotonic() - began
        before = await _find(found, requests)
        with task(say, "asking each question, answers") as asking:
            p95 = await asyncio.to_thread(_ask, found, requests, asking)
        find = min(before, await _find(found, requests))
    return {
        "cases": opened + closed,
        "open": opened,
        "closed": closed,
        "requests": requests,
        "seconds_to_make_them": round(made),
        "bare_find_p95_ms": round(find, 2),
        "p95_ms": {name: round(value, 1) for name, value in p95.items()},
        "to_bare_find": {name: round(value / find, 1) for name, value in p95.items()},
        "target_ms": TARGET_MS,
        "over_target": [name for name, value in p95.items() if value > TARGET_MS],
    }


def _ask(found: Filled, requests: int, asking: Task) -> dict[str, float]:
    p95 = dict[str, float]()
    for role in (Role.OPERATOR, Role.EXPERT):
        with found.client(role) as client:
            for name, path, params in questions(role, found.expert):
                p95[f"{role}: {name}"] = _measured(client, path, params, requests, asking)
                if path == "/v1/reviews" and (far := later(client, path, params, FAR)):
                    p95[f"{role}: {name}, page {FAR}"] = _measured(client, path, far, requests, asking)
    return p95


def _measured(client: httpx.Client, path: str, params: Params, requests: int, asking: Task) -> float:
    for _ in range(WARM_UP):
        answered(client, path, params)
    took = list[float]()
    for _ in range(requests):
        began = time.perf_counter()
        answered(client, path, params)
        took.append(time.perf_counter() - began)
        asking.advance()
    return percentile(took)


async def _find(found: Filled, requests: int) -> float:
    took = list[float]()
    for _ in range(WARM_UP + requests):
        began = time.perf_counter()
        await found.store.get("subjects", found.some)
        took.append(time.perf_counter() - began)
    return percentile(took[WARM_UP:])


def percentile(took: list[float]) -> float:
    """The 95th percentile in milliseconds: what 95 of 100 did not exceed."""
    return not_exceeded(took) * 1000
