"""The app of the pages: which there are, what each answer says of itself, and what is shown when something is not
there.

Health and metrics are those of every process; they stand before the pages.
"""

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.reference import ROLES
from contracts.topics import DESK as NAME
from contracts.words import LANGUAGES, Language
from services.chassis.problems import language_of
from services.chassis.store import StoreAway
from services.desk import static_files, ways
from services.desk.clients import Away, Refused
from services.desk.forms import NO_WORDS
from services.desk.pages import (
    board,
    case,
    conclusion,
    decisions,
    directory,
    endings,
    entries,
    export,
    look_over,
    notices,
    opinion,
    ops,
    people,
    portal,
    register,
    request,
    work,
)
from services.desk.shown import HEADERS, TRANSPORT
from services.desk.visit import (
    REGISTER,
    Desk,
    Elsewhere,
    NotOurs,
    SignInNeeded,
    desk_of,
    here,
    open_to_all,
    session_of,
    show,
)

log = logging.getLogger(__name__)

PAGES: Final = (
    work,
    export,
    board,
    case,
    opinion,
    request,
    conclusion,
    endings,
    look_over,
    decisions,
    directory,
    entries,
    people,
    notices,
    *ops.PAGES,
    *portal.PAGES,
    *register.PAGES,
)
"""All of them; each makes a router."""
ROLE: Final = re.compile("|".join(re.escape(one) for one in sorted(ROLES, key=len, reverse=True)))
"""A role as the services name it."""
LEAST_PACKED: Final = 1_000
"""Bytes below which an answer is not compressed."""
SWAPPED: Final = "HX-Request"
"""The header by which htmx says that it asks, and not the browser itself."""


class Headed:
    """Says of every answer what browsers may do with it; reports of what a page may not do go to the log."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = {**HEADERS, **({"Strict-Transport-Security": TRANSPORT} if secure else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Leaves alone what an answer says itself."""

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, headed)


def make_pages(desk: Desk, way_in: Sequence[APIRouter]) -> FastAPI:
    """The app of the pages, with the routes of the way in."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.desk = desk
    app.add_middleware(GZipMiddleware, minimum_size=LEAST_PACKED, compresslevel=5)
    app.add_middleware(Headed, secure=desk.settings.secure)
    app.add_route("/static/{digest}/{name:path}", static_files.serve)
    for bare in ("/", *(f"/{one}" for one in LANGUAGES)):
        app.add_route(bare, _entrance)
    for router in (*way_in, ways.make_router(), *(one.make_router() for one in PAGES)):
        app.include_router(router)
    _errors(app)
    return app


async def _entrance(request: Request) -> Response:
    """The address without a page, with a language or without: whoever is signed in is led to the own first page, and
    everybody else to the public register, whose head leads to signing in. The register needs no database of the desk,
    so this needs none."""
    session = None
    with suppress(StoreAway):
        session = await session_of(desk_of(request), request)
    return RedirectResponse(f"/{_language(request)}{'/work' if session else REGISTER}", 303)


def _language(request: Request) -> Language:
    named = request.url.path[1:3]
    return next((one for one in LANGUAGES if one == named), language_of(request.headers))


def _to(request: Request, address: str) -> Response:
    """Sends the browser to another address, also where htmx asked and would put that page into this one."""
    if SWAPPED in request.headers:
        return Response(status_code=200, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


def _errors(app: FastAPI) -> None:
    @app.exception_handler(SignInNeeded)
    async def sign_in(request: Request, error: SignInNeeded) -> Response:
        return _to(request, f"/{_language(request)}/sign-in?then={quote(error.then)}")

    @app.exception_handler(Elsewhere)
    async def elsewhere(request: Request, error: Elsewhere) -> Response:
        return _to(request, error.address)

    @app.exception_handler(NotOurs)
    async def not_ours(request: Request, error: NotOurs) -> Response:
        typed = [text for fields in error.args for name, text in fields if name not in NO_WORDS and text.strip()]
        return await _told(request, "not_ours.html", 403, typed=typed)

    @app.exception_handler(Away)
    async def away(request: Request, error: Away) -> Response:
        await _keep_typed(request)
        return await _told(request, "away.html", 503, service=error.service, since=error.since)

    @app.exception_handler(StoreAway)
    async def store_away(request: Request, _error: StoreAway) -> Response:
        desk = desk_of(request)
        return show(desk, request, _language(request), "away.html", 503, service=NAME, since=desk.now())

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        if error.status == 401:
            await _keep_typed(request)
            await desk_of(request).sessions.end(request.cookies.get(desk_of(request).cookie, ""))
            return await sign_in(request, SignInNeeded(here(request)))
        template, again = "not_found.html" if error.status == 404 else "refused.html", error.problem.get("retry_after")
        told = {"detail": _in_words(request, error), "rule": error.rule, "again": int(again) if again else 0}
        answer = await _told(request, template, error.status, **told)
        if again:
            answer.headers["Retry-After"] = str(again)
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, _error: RequestValidationError) -> Response:
        return await _told(request, "not_found.html", 404)

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return await _told(request, "not_found.html", 404)
        return await _told(request, "refused.html", error.status_code, detail=str(error.detail), rule="")

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        log.error("a page failed: %s", type(error).__name__, exc_info=error)
        return show(desk_of(request), request, _language(request), "refused.html", 500, detail="", rule="unforeseen")


async def _keep_typed(request: Request) -> None:
    """Keeps what was typed into the form that was sent, if one was: it could not be answered by a page with it."""
    if posted := getattr(request.state, "posted", None):
        await posted.keep()


def _in_words(request: Request, error: Refused) -> str:
    """Why not, with roles as people call them."""
    words = desk_of(request).words[_language(request)]
    if error.rule != "auth.role":
        return error.whole
    return ROLE.sub(lambda found: words.code("role", found[0]), error.whole)


async def _told(request: Request, template: str, status: int, **values: Any) -> HTMLResponse:
    """What is shown instead of a page, with the same head for who is signed in."""
    desk, session = desk_of(request), None
    if not open_to_all(request):
        with suppress(StoreAway):
            session = await session_of(desk, request)
    return show(desk, request, _language(request), template, status, session=session, **values)
