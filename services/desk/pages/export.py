"""The list of work taken out as a file (выгрузка): what for is asked first and kept with who took it; the file is made
in the background, and said in the reader's words when it is fetched."""

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from contracts.topics import EXPERTISE
from services.chassis.exports.files import ENDINGS, MEDIA, harmless
from services.desk import forms
from services.desk.clients import Away, Refused
from services.desk.forms import Filled
from services.desk.pages import work
from services.desk.visit import PostedOf, Visit, VisitOf
from services.desk.words import Words
from services.law.exporting import Format

HERE: Final = "/export"
WHY: Final = "why"
LEAST: Final = 3
"""Letters of a reason, as the service wants it."""
FILE: Final = Format.CSV_SEMICOLON
COLUMNS: Final = (
    "number",
    "title",
    "agency",
    "sector",
    "kind",
    "round",
    "status",
    "severity",
    "due",
    "left",
    "unit",
    "move",
    "operator",
    "experts",
    "needed",
    "address",
)
SOME: Final = 200
"""Rows that are sent at once."""


def make_router() -> APIRouter:
    """`/export`."""
    router = APIRouter()

    @router.get("/{language}/export", response_class=HTMLResponse)
    async def begin(visit: VisitOf) -> Response:
        """What will be taken out, and the question what for."""
        if not visit.may(*work.OVERSEERS):
            return visit.page("not_found.html", 404)
        return _shown(visit, await forms.opened(visit, "", ()))

    @router.post("/{language}/export", response_class=HTMLResponse)
    async def ask(posted: PostedOf) -> Response:
        """Asks the service for it; from there on its page says how far it is."""
        visit, filled = posted.visit, forms.typed_in(posted)
        if len(posted.get(WHY)) < LEAST:
            return _shown(visit, filled, {WHY: visit.words.say("export.missing-why")}, 422)
        body = {"list": "cases", "filters": _asked(visit), "format": Format.JSONL, "language": visit.language}
        try:
            answer = await visit.send(EXPERTISE, "/v1/exports", {**body, "why": posted.get(WHY)}, key=posted.key)
        except Away as away:
            await posted.keep()
            return _shown(visit, filled, {"-away": visit.is_away(away)}, 503)
        except Refused as error:
            await posted.keep()
            if error.status == 401:
                raise
            return _shown(visit, filled, forms.faults_of(error, _place, visit.words), error.status)
        await posted.done()
        return RedirectResponse(visit.address(f"{HERE}/{answer.body['subject'].partition(':')[2]}"), 303)

    @router.get("/{language}/export/{id}", response_class=HTMLResponse)
    async def one(id: str, visit: VisitOf) -> Response:
        """How far it is, and the file when it is made."""
        card = (await visit.ask(EXPERTISE, f"/v1/exports/{quote(id, safe='')}")).body
        said = visit.words.code("export-state", card["state"])
        return visit.page("export_made.html", card=card, filters=_in_words(visit, card["filters"]), said=said)

    @router.get("/{language}/export/{id}/file")
    async def file(id: str, visit: VisitOf) -> Response:
        """The file, in the words of the page's language."""
        lines = await visit.lines(EXPERTISE, f"/v1/exports/{quote(id, safe='')}/file")
        name = quote(f"{visit.words.say('work.title')}-{visit.desk.now():%Y-%m-%d}.{ENDINGS[FILE]}")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return StreamingResponse(_table(visit, lines), headers=headers, media_type=MEDIA[FILE])

    return router


def _shown(visit: Visit, filled: Filled, faults: Mapping[str, str] | None = None, status: int = 200) -> HTMLResponse:
    return visit.page(
        "export.html", status, filled=filled, faults=faults or {}, filters=_in_words(visit, _asked(visit))
    )


def _asked(visit: Visit) -> dict[str, str]:
    """The filters of the list that the address names."""
    return {"view": work.OPEN, **work.filters(visit.request.url.query)}


def _in_words(visit: Visit, asked: Mapping[str, str]) -> list[tuple[str, str]]:
    """By what the list is cut down."""
    sectors, words = dict(work.sectors(visit.language)), visit.words
    said = {"view": "view", "kind": "kind", "status": "status"}
    label = {"view": "work.queue", "number": "work.number"}
    return [
        (
            words.say(label.get(name, f"work.by-{name}")),
            words.code(said[name], value) if name in said else sectors.get(value, value),
        )
        for name, value in asked.items()
    ]


def _place(pointer: str) -> str | None:
    return WHY if pointer == f"/{WHY}" else None


# ---- the file


async def _table(visit: Visit, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Text with semicolons, in UTF-8 with its mark, so that spreadsheets of Russian and Belarusian desks open it."""
    sectors = dict(work.sectors(visit.language))
    some: list[list[Any]] = [[visit.words.say(f"export.column-{name}") for name in COLUMNS]]
    yield "\ufeff".encode()
    async for line in lines:
        if line.strip():
            some.append(_row(visit, sectors, json.loads(line)))
        if len(some) >= SOME:
            yield _text(some)
            some = []
    yield _text(some)


def _text(rows: list[list[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _row(visit: Visit, sectors: Mapping[str, str], case: Mapping[str, Any]) -> list[Any]:
    words = visit.words
    due = None if case["suspended"] or not case["due_at"] else words.last_day(case["due_at"])
    cells = {
        **{name: case[name] for name in ("number", "title", "agency", "round", "operator", "experts", "needed")},
        "sector": sectors.get(case["sector"], case["sector"]),
        "kind": words.code("kind", case["kind"]),
        "status": words.code("status", case["status"]),
        "severity": words.code("group", work.group_of(case)),
        "due": due and due.isoformat(),
        "left": case["left"],
        "unit": words.code("unit", case["unit"]) if case["unit"] else None,
        "move": _moves(words, case["owed"]),
        "address": f"{visit.desk.settings.origin}{visit.address('/case/' + case['id'])}",
    }
    return [cells[name] for name in COLUMNS]


def _moves(words: Words, owed: str) -> str:
    """Whose move it is, and which."""
    steps = (one.partition(":") for one in owed.split())
    return ", ".join(f"{words.code('by', by)}: {words.code('debt', what)}" for by, _, what in steps)
