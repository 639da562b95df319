"""Services with a directory of one expert and one team, for tests of the pages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

EXPERT: Final[dict[str, Any]] = {
    "id": "expert-17",
    "organisation": {"scheme": "BY-UNP", "value": "790000031"},
    "affiliated": [],
    "interests": [{"scheme": "RU-INN", "value": "7707083893"}],
    "edition": "by-2024",
    "competences": ["health"],
    "capacity": 5,
    "absences": [{"since": "2026-01-01", "until": "2099-12-31"}],
    "active": True,
}
PERSON: Final = {"name": "Вера Пробная", "email": "vera@example.org", "phone": None}
TEAM: Final[dict[str, Any]] = {
    "code": "health-a",
    "name": "Здравоохранение «А»",
    "members": ["op-1", "op-2"],
    "sectors": ["health"],
}
Answers = Callable[[httpx.Request], httpx.Response]


@dataclass
class Directory:
    """What the desk asks; `personal`: whether names are told; `command` answers what is entered; `empty`: nobody is
    entered yet."""

    personal: bool = True
    empty: bool = False
    capacity: int = 5
    command: Answers | None = None
    posts: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """An answer."""
        if request.method != "GET":
            self.posts.append(request)
            return self.command(request) if self.command else _json({"subject": "expert:17", "version": 2}, '"8"')
        entry = {**EXPERT, "capacity": self.capacity}
        match request.url.path.split("/")[2:]:
            case ["experts" | "teams"] if self.empty:
                return _json({"items": [], "next": None, "persons": {}})
            case ["experts"]:
                if ":" not in request.url.params.get("organisation", ":"):
                    return httpx.Response(422, json={"title": "request.invalid", "detail": "Не организация."})
                persons = {EXPERT["id"]: PERSON["name"]} if self.personal else {}
                return _json({"items": [{**entry, "etag": '"7"'}], "next": "more", "persons": persons})
            case ["experts", "expert-17"]:
                person = {"person": PERSON} if self.personal else {}
                return _json({**entry, "load": 3, **person}, '"7"')
            case ["teams"]:
                return _json({"items": [{**TEAM, "etag": '"3"'}], "next": None})
            case ["teams", "health-a"]:
                return _json(TEAM, '"3"')
            case _:
                return httpx.Response(404, json={"title": "not-found", "detail": "Нет."})


def _json(body: Any, etag: str = '"7"') -> httpx.Response:
    return httpx.Response(200, json=body, headers={"ETag": etag})
