"""Notices: what a person was told, unread first; marked as read here."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse, Response

from contracts.topics import EXPERTISE
from services.desk.visit import PostedOf, Visit, VisitOf

ROWS: Final = 50
HERE: Final = "/notices"


def make_router() -> APIRouter:
    """`/notices`."""
    router = APIRouter()

    @router.get("/{language}/notices", response_class=HTMLResponse)
    async def notices(visit: VisitOf, all: str = "", after: str = "") -> Response:
        """Those that are not read; with `all` every one, the newest first."""
        unread = "" if all else "true"
        found = (await visit.ask(EXPERTISE, "/v1/me/notices", unread=unread, after=after, limit=ROWS)).body
        query = {"all": all, "after": found["next"]} if found["next"] else {}
        return visit.page(
            "notices.html",
            rows=found["items"],
            told=lambda one: told(visit, one, found["persons"]),
            all=bool(all),
            next=urlencode(query),
            said=visit.words.count("notice.found", len(found["items"])),
        )

    @router.post("/{language}/notices")
    async def read(posted: PostedOf) -> Response:
        """Marks those on the page as read."""
        ids = posted.all("notice")
        if ids:
            await posted.visit.send(EXPERTISE, "/v1/me/notices/read", {"ids": ids}, key=posted.key)
        asked = posted.visit.request.query_params
        at = {name: asked[name] for name in ("all", "after") if asked.get(name)} if asked.get("all") else {}
        return RedirectResponse(posted.visit.address(HERE, **at), 303)

    return router


def told(visit: Visit, one: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """A notice in words: what happened, by whom, and why, as far as it says."""
    words, what = visit.words, one["what"]
    parts = [words.code("notice", one["kind"])]
    if one.get("by"):
        parts.append(names.get(one["by"], one["by"]))
    why = what.get(f"why_{visit.language}") or what.get("why")
    return " – ".join([*parts, *([str(why)] if why else [])])
