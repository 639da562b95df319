"""A desk with somebody signed in, before services that a test has answer as it likes."""

import html
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

import httpx

from deploy.local.demo_desk import DemoPeople
from deploy.local.demo_people import PEOPLE
from services.chassis.run import utc_now
from services.chassis.store import Store
from services.desk.app import make_pages
from services.desk.clients import Clients
from services.desk.process import make_desk
from services.desk.session import Session, SignedIn
from services.desk.settings import DeskSettings
from services.desk.visit import Desk
from tests.kit.desk.memory import Memory

URL: Final = "http://127.0.0.1:8100"
HIDDEN: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
Answers = Callable[[httpx.Request], httpx.Response]


@dataclass
class Bench:
    """The desk, a browser at it, and what the desk asked the services."""

    desk: Desk
    browser: httpx.AsyncClient
    memory: Memory
    asked: list[httpx.Request] = field(default_factory=list)

    async def enter(self, role: str) -> Session:
        """Signs in the demo person of a role."""
        one = next(person for person in PEOPLE if role in person.roles)
        until = utc_now().timestamp() + 3600
        who = SignedIn(one.id, one.name, tuple(map(str, one.roles)), one.organisation, "a-token", until)
        session = await self.desk.sessions.begin(who)
        self.browser.cookies.set(self.desk.cookie, session.cookie)
        return session

    def form(self, page: str, name: str) -> dict[str, str]:
        """The hidden fields of the form of this id."""
        start = page.rindex("<form", 0, page.index(f'id="{name}"'))
        found = HIDDEN.findall(page[start : page.index("</form>", start)])
        return {name: html.unescape(value) for name, value in found}


@asynccontextmanager
async def bench(answers: Answers, settings: Mapping[str, Any] | None = None) -> AsyncIterator[Bench]:
    """A desk before such services."""
    memory, own = Memory(), DeskSettings(url=URL, **(settings or {}))
    asked = list[httpx.Request]()

    def heard(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answers(request)

    clients = Clients.of(own, httpx.MockTransport(heard))
    desk = make_desk(own, cast(Store, memory), clients, DemoPeople())
    app = make_pages(desk, [])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as browser:
        yield Bench(desk, browser, memory, asked)
