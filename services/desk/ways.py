"""What every way in has in common: the cookie of a session, where one goes on, and signing out."""

import re
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from contracts.words import Language
from services.desk.session import SignedIn, is_form_token
from services.desk.visit import TOKEN, Desk, NotOurs, desk_of, form_of, session_of, show

ON_THE_DESK: Final = re.compile(r"/[A-Za-z0-9][A-Za-z0-9/_.~%?&=+:,-]*")
"""An address of the desk without its language: never one that leads elsewhere."""
FIRST: Final = "/work"


async def signed_in(desk: Desk, who: SignedIn, language: Language, then: str) -> Response:
    """Begins a session and goes on to where the person was going. Raises StoreAway."""
    session = await desk.sessions.begin(who)
    address = f"/{language}{then if ON_THE_DESK.fullmatch(then) else FIRST}"
    return with_cookie(desk, RedirectResponse(address, 303), session.cookie)


def with_cookie(desk: Desk, response: Response, value: str, *, before: bool = False) -> Response:
    """An answer that leaves the browser its secret: of a session, or of the way to one (`before`)."""
    name = f"{desk.cookie}_before" if before else desk.cookie
    response.set_cookie(name, value, httponly=True, samesite="lax", secure=desk.settings.secure, path="/")
    return response


def make_router() -> APIRouter:
    """Signing out."""
    router = APIRouter()

    @router.post("/{language}/sign-out", response_class=HTMLResponse)
    async def sign_out(request: Request, language: Language) -> Response:
        """Ends the session here, then at the provider if it wants to be told."""
        desk = desk_of(request)
        cookie = request.cookies.get(desk.cookie, "")
        fields = dict(await form_of(request))
        if not is_form_token(cookie, fields.get(TOKEN, "")):
            raise NotOurs
        session = await session_of(desk, request)
        onward = await desk.door.left(session.who, f"/{language}/sign-in") if session else None
        await desk.sessions.end(cookie)
        response = show(desk, request, language, "signed_out.html", onward=onward)
        if onward:
            response.headers["Refresh"] = f"0; url={onward}"  # a redirect would have the form lead elsewhere
        response.delete_cookie(desk.cookie, path="/", secure=desk.settings.secure, httponly=True, samesite="lax")
        return response

    return router
