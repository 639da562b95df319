"""Services that make a file of the list of work, for tests of the pages."""

import json
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tests.kit.desk.services import HARMFUL, Services, row

EXPORT: Final = "ab" * 16


def line(number: int, **said: Any) -> dict[str, Any]:
    """A case as the service's file has it; a text may hold what else ends a line."""
    flat = {**row(number), "experts": "expert-17", "owed": "operator:assign applicant:answers", **said}
    return {**flat, "title": f"={HARMFUL}\u2028;"} if number == 1 else flat


@dataclass
class Exports(Services):
    """Services that make a file; `answer` is what they say instead when one is asked for."""

    state: str = "open"
    answer: httpx.Response | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """An answer."""
        path = request.url.path
        if path == "/v1/exports":
            self.posts.append(request)
            return self.answer or httpx.Response(202, json={"subject": f"export:{EXPORT}", "version": 1})
        if path == f"/v1/exports/{EXPORT}":
            card = {"state": self.state, "rows": 2, "why": "<b>Отчёт", "asked": "2026-04-16T09:00:00.000Z"}
            return httpx.Response(200, json={**card, "filters": {"view": "past"}, "kept_until": None})
        if path == f"/v1/exports/{EXPORT}/file":
            if self.state != "ready":
                return httpx.Response(410, json={"title": "export.gone", "detail": "Больше нет."})
            text = "".join(json.dumps(line(n), ensure_ascii=False) + "\n" for n in (1, 2))
            return httpx.Response(200, content=text.encode(), headers={"Content-Type": "application/jsonl"})
        return super().__call__(request)
