"""Services with a list of cases, for tests of the pages: cases are assigned, and a conflicted expert is refused."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx

HARMFUL: Final = "<script>alert(1)</script> {{7*7}}"
PAGE: Final = 50
GROUPS: Final = ({"breached": True, "left": -3}, {"left": 2}, {"left": 12}, {"suspended": True, "due_at": None})
EXPERTS: Final = {"expert-17": "Вера Пробная", "expert-23": "Глеб Учебный"}
VIEWS: Final = ("open", "unassigned", "mine", "team", "near", "past", "suspended")


def row(number: int, **said: Any) -> dict[str, Any]:
    """A line of the list."""
    return {
        "id": f"p-{number}",
        "etag": '"7"',
        "number": f"ПП-2026-{number:06}",
        "agency": "vedomstvo",
        "title": HARMFUL if number == 1 else f"Распознавание снимков в районных поликлиниках, очередь {number}",
        "sector": "health",
        "status": "unassigned",
        "kind": "first",
        "round": 1,
        "opened": "2026-04-01T08:00:00.000Z",
        "operator": None,
        "due_at": "2026-04-23T21:00:00.000Z",
        "nearing": False,
        "breached": False,
        "suspended": False,
        "left": 9,
        "unit": "working-days",
        "stopped_since": "2026-04-01T08:00:00.000Z" if said.get("suspended") else None,
        "owed": [{"what": "assign", "by": "operator", "who": None, "due_at": None}],
        "answers_due": None,
        "needed": 2,
        "experts": [],
        **said,
    }


@dataclass
class Services:
    """What the desk asks, over as many cases as a test wants; `conflicted` are those that no expert may have."""

    many: int = 60
    conflicted: Sequence[str] = ("p-3", "p-5", "p-8")
    away: bool = False
    stale: bool = False
    posts: list[httpx.Request] = field(default_factory=list)
    assigned: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """An answer."""
        if self.away:
            raise httpx.ConnectError("refused")
        if request.method != "GET":
            self.posts.append(request)
            return self._assign(request)
        match request.url.path.split("/")[2:]:
            case ["reviews"]:
                return self._list(request)
            case ["reviews", "counts"]:
                many = 1 if request.url.params.get("number") else self.many
                return self._json({view: {"count": min(many, 1000), "exact": many < 1000} for view in VIEWS})
            case ["board", "experts"]:
                items = [{"id": one, "load": 3, "capacity": 10, "over": 0} for one in EXPERTS]
                return self._json({"items": items, "next": None, "persons": EXPERTS})
            case ["reviews", pilot]:
                found = row(int(pilot.removeprefix("p-")))
                return self._json({"number": found["number"], "application": {"title": found["title"]}})
            case _:
                return httpx.Response(404, json={"title": "not-found", "detail": "Нет."})

    def _list(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        rows = [self._row(number) for number in range(1, self.many + 1)]
        if asked.get("number"):
            rows = [one for one in rows if one["number"] == asked["number"]]
        first, limit = int(asked.get("after") or 0), int(asked["limit"])
        last = first + limit
        more = str(last) if last < len(rows) else None
        return self._json({"items": rows[first:last], "next": more, "persons": EXPERTS})

    def _row(self, number: int) -> dict[str, Any]:
        expert = self.assigned.get(f"p-{number}")
        group = GROUPS[min(3, number * 4 // (self.many + 1))]
        return row(number, **group, experts=[expert] if expert else [])

    def _assign(self, request: httpx.Request) -> httpx.Response:
        items = []
        for one in json.loads(request.content)["items"]:
            done = one["pilot"] not in self.conflicted
            if done:
                self.assigned[one["pilot"]] = one["expert_id"]
            items.append({"pilot": one["pilot"], "done": done, "problem": {"detail": "У эксперта конфликт интересов."}})
        return self._json({"items": items})

    @staticmethod
    def _json(body: Any) -> httpx.Response:
        return httpx.Response(200, json=body, headers={"ETag": '"7"', "Date": datetime.now(UTC).isoformat()})
