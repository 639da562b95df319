"""Three services as ops see them, for tests of the ops view: balances that move, parked records that can be fed again,
proposals, readiness with reasons."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.kit.desk.services import HARMFUL

AT: Final = "2026-04-16T09:00:00+00:00"
CAUSE: Final = f"NewerVersion: {HARMFUL}"
PILOT: Final = "4fe80acb-8a65-586f-8092-50953a736486"
TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
TOPIC: Final = "pilots.agency.minzdrav.v1"
PARTS: Final = ("registered", "duplicates", "rejected", "conflicts", "parked", "in_flight")
METRICS: Final = """\
# HELP lotsman_lag_records Records
# TYPE lotsman_lag_records gauge
lotsman_lag_records{topic="pilots.intake.v1",partition="0"} 1200.0
lotsman_lag_records{topic="pilots.intake.v1",partition="1"} 34.0
lotsman_outbox_oldest_seconds 0.25
lotsman_withheld 0.0
lotsman_timer_late_seconds 7300.0
lotsman_held_pilots 3.0
lotsman_loop_late_seconds 0.0
lotsman_build_info{service="intake",version="1.5.0"} 1.0
lotsman_terms{state="running"} 41.0
lotsman_terms{state="breached"} 2.0
process_start_time_seconds 1.7e+09
lotsman_batch_seconds_bucket{le="0.1"} 5.0
"""
CHECKS: Final = ("mongo", "journal", "kafka", "reading", "sending", "standing", "draining", "lag", "loop")
NONE: Final = {"value": 0, "exact": True}
WHY: Final = "the event loop was held for 12 s"


@dataclass
class Ops:
    """What the desk asks. `away`: which services do not answer; `many`: how many records are parked of one cause;
    `metrics`: what a service tells instead of `METRICS`."""

    many: int = 60
    received: int = 1000
    difference: int = 0
    away: frozenset[str] = frozenset()
    ready: bool = True
    proposals: list[dict[str, Any]] = field(default_factory=list)
    refusal: httpx.Response | None = None
    posts: list[httpx.Request] = field(default_factory=list)
    keys: dict[str, httpx.Response] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """An answer of the service at this port."""
        service = {8101: "intake", 8102: "expertise", 8103: "registry"}[request.url.port or 0]
        if service in self.away:
            raise httpx.ConnectError("refused")
        if request.method != "GET":
            return self._once(service, request)
        match request.url.path.split("/")[1:]:
            case ["health", "ready"]:
                return self._ready(service)
            case ["metrics"]:
                return httpx.Response(200, text=self.metrics.get(service, METRICS))
            case ["v1", "balance"]:
                return httpx.Response(200, json=self.balance(service))
            case ["v1", "parked", "groups"]:
                mine = request.url.params.get("agency") in (None, "minzdrav")
                groups = [self._group()] if self.many and service == "intake" and mine else []
                return _items(groups, records=self.many if groups else 0)
            case ["v1", "parked", "repairs"]:
                return self._proposed(request.url.params) if service == "intake" else _items([], count=NONE)
            case ["v1", "parked", "repairs", id_]:
                found = [one for one in self.proposals if one["id"] == id_]
                return httpx.Response(200, json=found[0]) if found else _nothing()
            case ["v1", "parked"]:
                return self._list(request.url.params)
            case ["v1", "parked", "records", *place]:
                number = int(place[-1])
                return httpx.Response(200, json=record(number)) if number < self.many else _nothing()
            case ["v1", "reading", *skipped]:
                return _items([] if skipped else [_partition(0), _partition(1)])
            case ["v1", "withheld"]:
                return _items([_withheld()] if service == "intake" else [])
            case ["v1", "applications", number, "id"]:
                return httpx.Response(200, json={"id": PILOT, "number": number})
            case _:
                return _nothing()

    def balance(self, service: str) -> dict[str, Any]:
        """The balance as a service strikes it."""
        if service != "intake":
            flow = {"writer": "intake", "reader": service, "written": 900, "consumed": 880, "parked": 4, "lag": 16}
            flow |= {"sent": 900, "difference": 0, "events": list[Any]()}
            return {"agencies": [], "services": [flow], "facts": _facts(service, 1), "unsent": 1}
        some = dict(zip(PARTS, (self.received - 160 - self.difference, 40, 30, 20, 60, 10), strict=True))
        event = {"place": f"{TOPIC}/0/17", "event_id": "app-17", "why": "no-verdict"}
        row = {"agency": "minzdrav", "received": self.received, **some, "difference": self.difference}
        other = {"agency": "minsport", "received": 2, "registered": 2, **dict.fromkeys(PARTS[1:], 0), "difference": 0}
        rows = [{**row, "events": [event] if self.difference else []}, {**other, "events": []}]
        return {"agencies": rows, "services": [], "facts": _facts("intake", 5), "unsent": 5}

    def _ready(self, service: str) -> httpx.Response:
        bad = not self.ready and service == "intake"
        checks = {one: WHY if bad and one == "loop" else "ok" for one in CHECKS}
        editions = {"by-2024": "aa" if bad else "bb"}
        said = {"status": "not ready" if bad else "ready", "checks": checks, "editions": editions}
        return httpx.Response(503 if bad else 200, json=said)

    def _group(self) -> dict[str, Any]:
        group = {"status": "broken", "cause": CAUSE, "topic": TOPIC, "agency": "minzdrav"}
        return {**group, "records": self.many, "oldest": AT, "newest": AT}

    def _list(self, asked: httpx.QueryParams) -> httpx.Response:
        first = int(asked.get("after") or 0)
        last = min(self.many, first + int(asked["limit"]))
        rows = [record(number) for number in range(first, last)]
        return httpx.Response(200, json={"items": rows, "next": str(last) if last < self.many else None})

    def _proposed(self, asked: httpx.QueryParams) -> httpx.Response:
        """The proposals that are asked for, the newest first, and how many there are where that is asked."""
        wanted = asked.get_list("state")
        rows = [one for one in reversed(self.proposals) if one["state"] in wanted or not wanted]
        first = int(asked.get("after") or 0)
        last = first + int(asked["limit"])
        count = {"value": len(rows), "exact": True} if asked.get("count") else None
        said = {"items": rows[first:last], "next": str(last) if last < len(rows) else None, "count": count}
        return httpx.Response(200, json=said)

    def _once(self, service: str, request: httpx.Request) -> httpx.Response:
        """The same key, the same answer, and one effect."""
        self.posts.append(request)
        if self.refusal is not None:
            return self.refusal
        key = request.headers["Idempotency-Key"]
        if key not in self.keys:
            self.keys[key] = self._done(service, request)
        return self.keys[key]

    def _done(self, service: str, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content or b"null")
        match request.url.path.split("/")[3:]:
            case ["redrive"]:
                return self._fed(body)
            case ["repairs"]:
                self.proposals.append(proposal(str(len(self.proposals) + 1), body))
                return httpx.Response(201, json=self.proposals[-1])
            case ["repairs", id_, what]:
                return self._settled(id_, what)
            case _:
                return _nothing()

    def _fed(self, body: Mapping[str, Any]) -> httpx.Response:
        many = len(body["ids"]) if body.get("ids") else min(self.many, body["limit"])
        ids = body.get("ids") or [f"{TOPIC}/0/{number}" for number in range(many)]
        told = [{"id": one, "verdict": "went", "cause": None} for one in ids]
        if many > 1:
            told[-1] = {"id": ids[-1], "verdict": "broken", "cause": CAUSE}
        went = sum(one["verdict"] == "went" for one in told)
        more = not body.get("ids") and many < self.many
        if not body["dry_run"]:
            self.many -= went
        following = "further" if more else None
        said = {"went": went, "dry_run": body["dry_run"], "records": told, "more": more, "next": following}
        said |= {"followed": 0, "behind": []}
        return httpx.Response(200, json=said)

    def _settled(self, id_: str, what: str) -> httpx.Response:
        one = next(one for one in self.proposals if one["id"] == id_)
        if what == "approval" and one["by"] == "ops-2":
            return httpx.Response(403, json={"title": "handling.second-person", "detail": "Нужен другой человек."})
        state = {"approval": "approved", "refusal": "declined"}[what]
        one |= {"state": state, "settled_by": "ops-2", "settled_at": AT}
        if state == "declined":
            return httpx.Response(204)
        one["verdict"] = "went"
        return httpx.Response(200, json={"id": one["place"], "verdict": "went", "cause": None})


def record(number: int) -> dict[str, Any]:
    """A parked record as the API shows it, masked."""
    event = {"id": f"app-{number}", "type": "•••", "source": "/agencies/minzdrav", "data": "•••", "•••": 2}
    place = {"topic": TOPIC, "partition": 0, "offset": number, "sequence": None}
    said = {"status": "broken", "cause": CAUSE, "subject": PILOT, "source": "minzdrav", "at": AT, "tries": 1}
    said["agency"] = "minzdrav"
    return {"id": f"{TOPIC}/0/{number}", **place, **said, "trace": TRACE, "event": event}


def proposal(id_: str, body: Mapping[str, Any], by: str = "ops-1") -> dict[str, Any]:
    """A proposal as the API shows it."""
    settled = {"state": "proposed", "settled_by": None, "settled_at": None, "verdict": None}
    versions = {"was": {"id": "app-1", "data": "•••"}, "becomes": body.get("event") and {"id": "app-1", "data": "•••"}}
    why = {"kind": body["kind"], "why": body["why"], "by": by, "at": AT}
    return {"id": id_, "place": body["record"], **why, **settled, **versions}


def _partition(number: int) -> dict[str, Any]:
    place = {"topic": "pilots.intake.v1", "partition": number, "offset": 7, "end": 9, "behind": 2}
    return {**place, "stands_since": AT if number else None, "cause": HARMFUL if number else None}


def _withheld() -> dict[str, Any]:
    where = {"topic": "pilots.receipts.minzdrav.v1", "cause": HARMFUL, "takes_nothing": True}
    return {**where, "since": AT, "tries": 3, "next_at": AT, "messages": 2}


def _items(rows: list[dict[str, Any]], **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"items": rows, "next": None, **more})


def _nothing() -> httpx.Response:
    return httpx.Response(404, json={"title": "not-found", "detail": "Нет."})


def _facts(writer: str, unsent: int) -> dict[str, Any]:
    """What a service says of its own facts."""
    told = {"writer": writer, "written": 900 + unsent, "sent": 900, "unsent": unsent}
    return {**told, "difference": 0, "events": list[Any]()}
