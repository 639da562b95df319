"""Runs the desk of the embedded stack: `python -m deploy.local.demo_desk`. A page of demo people stands for a provider.

It is not a setting of the desk but another program: `python -m services.desk` has no way to it. What it makes are
tokens of the key that one embedded stack has made for itself (`deploy/local/keys.py`), which opens no other system; and
it listens on this machine alone.
"""

import secrets
import time
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from contracts.words import Language
from deploy.complaint import Complaint
from deploy.local import keys
from deploy.local.demo_people import PEOPLE, DemoPerson
from deploy.local.home import home
from services.chassis.auth import Keys
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.desk.process import main
from services.desk.session import SignedIn, is_form_token
from services.desk.settings import DeskSettings, is_loopback
from services.desk.visit import TOKEN, NotOurs, desk_of, form_of, show
from services.desk.way_in import Door
from services.desk.ways import FIRST, signed_in, with_cookie

HOURS: Final = 12.0


class DemoPeople:
    """The way in of the embedded stack."""

    async def renewed(self, who: SignedIn) -> SignedIn | None:
        """Nothing is renewed: whoever it is signs in again."""
        return None

    async def left(self, who: SignedIn, back: str) -> str | None:
        """Nobody else has to be told."""
        return None

    async def ready(self) -> None:
        """People choose themselves on a page of this process."""

    async def sweep(self) -> None:
        """Nothing is left unfinished."""


def make_door(own: DeskSettings, settings: Settings, _store: Store, _keys: Keys) -> tuple[Door, Sequence[APIRouter]]:
    """The page of demo people. Raises SystemExit anywhere but on the embedded stack of this machine."""
    if not is_loopback(settings.http_host) or own.secure or own.provider:
        raise SystemExit("Demo people are let in on this machine alone, and only where there is no identity provider.")
    if settings.issuer != keys.ISSUER or not (home() / "signing-key.pem").is_file():
        raise SystemExit("Demo people are let in on the embedded stack alone: this is none.")
    return DemoPeople(), [routes()]


def routes() -> APIRouter:
    """The page of demo people."""
    router = APIRouter()

    @router.get("/{language}/sign-in", response_class=HTMLResponse)
    async def people(request: Request, language: Language, then: str = FIRST) -> Response:
        """Who may be chosen."""
        desk = desk_of(request)
        cookie = secrets.token_urlsafe(32)
        page = show(desk, request, language, "demo_people.html", people=PEOPLE, then=then, cookie=cookie)
        return with_cookie(desk, page, cookie, before=True)

    @router.post("/{language}/sign-in")
    async def choose(request: Request, language: Language) -> Response:
        """Signs one of them in."""
        desk, fields = desk_of(request), dict(await form_of(request))
        if not is_form_token(request.cookies.get(f"{desk.cookie}_before", ""), fields.get(TOKEN, "")):
            raise NotOurs
        chosen = next((one for one in PEOPLE if one.id == fields.get("person")), PEOPLE[0])
        return await signed_in(desk, _as(chosen), language, fields.get("then", FIRST))

    return router


def _as(one: DemoPerson) -> SignedIn:
    roles = [str(role) for role in one.roles]
    token = keys.token(home(), roles, one.organisation, one.id, HOURS)
    return SignedIn(one.id, one.name, tuple(roles), one.organisation, token, time.time() + HOURS * 3600)


if __name__ == "__main__":
    try:
        main(make_door)
    except Complaint as error:
        raise SystemExit(str(error)) from None
