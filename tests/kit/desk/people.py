"""People at the desk of a running system: they open pages and send the forms that stand there, without a script."""

import asyncio
import html
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import httpx

from deploy.local.demo_desk import DemoPeople
from deploy.local.stack import Stack
from services.chassis.store import Store
from services.desk.app import make_pages
from services.desk.clients import Clients
from services.desk.forms import STALE
from services.desk.process import make_desk
from services.desk.session import SignedIn
from services.desk.settings import DeskSettings
from services.desk.visit import Desk
from tests.kit.desk.bench import HIDDEN, URL
from tests.kit.desk.memory import Memory

PATIENCE: Final = 60.0


@dataclass
class Person:
    """Somebody's browser."""

    browser: httpx.AsyncClient

    async def open(self, path: str, *has: str) -> str:
        """A page, once it is there and has these words: what services tell each other takes a moment."""
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = await self.browser.get(f"/ru{path}")
            page = html.unescape(answer.text)
            if answer.status_code == 200 and all(one in page for one in has):
                return answer.text
            assert time.monotonic() < deadline, f"{path}: {answer.status_code} without {has}: {page[-3000:]}"
            await asyncio.sleep(0.1)

    async def send(self, path: str, form: str, /, **fields: Any) -> httpx.Response:
        """Opens a page and sends the form of this id with these fields; it must be taken, the second time at most: a
        look at somebody's ties may have changed the case between, and the page then asks for another look."""
        answer = await self._sent(path, form, fields)
        if answer.status_code == STALE:
            answer = await self._sent(path, form, fields)
        assert answer.status_code in (200, 303), html.unescape(re.sub("<[^>]+>", " ", answer.text))[:3000]
        return answer

    async def _sent(self, path: str, form: str, fields: Mapping[str, Any]) -> httpx.Response:
        page = await self.open(path, f'id="{form}"')
        start = page.rindex("<form", 0, page.index(f'id="{form}"'))
        hidden = dict(HIDDEN.findall(page[start : page.index("</form>", start)]))
        values = {name: html.unescape(value) for name, value in hidden.items()}
        at = path.partition("?")[0] if form != "written" else path
        return await self.browser.post(f"/ru{at}", data={**values, **fields})


@dataclass
class People:
    """Everybody at one desk."""

    desk: Desk
    app: Any
    stack: Stack

    async def enter(self, person: str, role: str) -> Person:
        """Signs somebody in with a token of the stack."""
        token = self.stack.token([role], sub=person)
        session = await self.desk.sessions.begin(SignedIn(person, person, (role,), None, token, time.time() + 3600))
        cookies = {self.desk.cookie: session.cookie}
        return Person(httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=URL, cookies=cookies))


@asynccontextmanager
async def at_the_desk(stack: Stack) -> AsyncIterator[People]:
    """A desk in this process before the services of a stack."""
    urls: Mapping[str, str] = {f"{name}_url": url for name, url in stack.urls.items()}
    own = DeskSettings(url=URL, asked_within=30, read_within=30, **urls)  # type: ignore[arg-type]
    clients = Clients.of(own)
    desk = make_desk(own, cast(Store, Memory()), clients, DemoPeople())
    try:
        yield People(desk, make_pages(desk, []), stack)
    finally:
        await clients.close()
