"""Lists that are taken out: people who ask for them, the rows, and workers that make them on a real store."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, cast

import httpx

from services.chassis.engine import Engine
from services.chassis.exports.worker import Options, Part, Worker
from services.chassis.store import Store
from services.chassis.web import make_app
from services.registry.api.exports import routes
from services.registry.exports import files
from services.registry.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import Broker, Clock, numbered
from tests.kit.people import Person, Tokens

REGISTRAR = Person("u-6001", ("registrar",))
HEAD = Person("u-7001", ("head-organisation",))
OTHER_HEAD = Person("u-7002", ("head-organisation",))
AUDITOR = Person("u-8001", ("auditor",))
COLUMNS = ("id", "title", "amount")
ROWS: list[dict[str, Any]] = [{"id": f"p{n:04d}", "title": f"=Проект {n}", "amount": n} for n in range(237)]
OPTIONS = Options(every=0.01, rows=20)
ASK = {"list": "pilots", "filters": {"sector": "health"}, "format": "jsonl", "why": "Отчёт за год."}
Hook = Callable[[], Awaitable[None]]


@dataclass
class Source:
    """Rows as they are given from outside. Before the n-th part (from 1) a hook of that number is called."""

    rows: Sequence[Mapping[str, Any]] = field(default_factory=lambda: list(ROWS))
    hooks: dict[int, Hook] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str], str | None]] = field(default_factory=list)

    async def __call__(self, name: str, _by: str, filters: Mapping[str, str], after: str | None, limit: int) -> Part:
        """At most `limit` rows after an id."""
        self.asked.append((name, filters, after))
        if (hook := self.hooks.pop(len(self.asked), None)) is not None:
            await hook()
        left = [row for row in self.rows if after is None or row["id"] > after]
        return Part(COLUMNS, left[:limit], left[limit - 1]["id"] if len(left) > limit else None)


class World:
    """The register with people who ask for lists and workers that make them."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock, self.broker, self.source = store, Clock(), Broker(), Source()
        self._names, self._keys = count(1), numbered("k")
        self.engine = self.replica()
        self.app = make_app("Lotsman registry", Tokens(), self.engine, {})
        self.app.include_router(routes())

    def replica(self, on: object = None) -> Engine:
        """A further engine on the same store."""
        name = f"e{next(self._names)}"
        return Engine(
            SERVICE,
            cast(Store, on or self.store),
            self.broker,
            now=self.clock,
            new_id=numbered(name),
            calendars=CALENDARS,
        )

    def worker(self, on: object = None, options: Options = OPTIONS) -> Worker:
        """A worker of its own, on an engine of its own."""
        return Worker(self.replica(on), self.source, files.begin, options)

    async def call(
        self, method: str, path: str, who: Person | None = REGISTRAR, body: object = None, key: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {who.token}"} if who else {}
        if method == "post" and key != "":
            headers["Idempotency-Key"] = key or self._keys()
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, f"/v1{path}", headers=headers, json=body)

    async def taken(self, who: Person = REGISTRAR, **other: Any) -> str:
        """The id of an export that was just asked for."""
        answer = await self.call("post", "/exports", who, {**ASK, **other})
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"].removeprefix("/v1/exports/")

    async def card(self, id_: str, who: Person = REGISTRAR) -> dict[str, Any]:
        answer = await self.call("get", f"/exports/{id_}", who)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def file(self, id_: str, who: Person = REGISTRAR) -> bytes:
        answer = await self.call("get", f"/exports/{id_}/file", who)
        assert answer.status_code == 200, answer.text
        return answer.content

    async def ids(self, id_: str) -> list[str]:
        """The ids of the rows of a file of JSON lines, which must be the one that its card tells of."""
        content, card = await self.file(id_), await self.card(id_)
        assert (card["bytes"], card["digest"]) == (len(content), hashlib.sha256(content).hexdigest())
        found = [json.loads(line)["id"] for line in content.decode().splitlines()]
        assert card["rows"] == len(found)
        return found

    async def facts(self, id_: str) -> list[dict[str, Any]]:
        """What stands in the topic on an export, also what a dead worker left to be sent."""
        self.clock.forward(seconds=1)
        await self.engine.sweep(timedelta(0))
        return self.broker.events("pilots.registry.v1", f"export:{id_}")

    async def left(self, collection: str, id_: str) -> int:
        return await self.store.count(collection, {"export": id_}, 10_000)


EXPECTED = [row["id"] for row in ROWS]
