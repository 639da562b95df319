"""One request of somebody at the desk: who it is, in which language, what was posted; the way to a page or a service.

Pages never see a cookie or a token: they ask with the visit's own `ask` and `send`, and show with `page`. Long and
one thing: whatever a page may do with a request goes through here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import uuid4

from fastapi import Depends, Request
from starlette.responses import HTMLResponse

from contracts.words import LANGUAGES, Language
from services.chassis.public import OPEN, Callers
from services.chassis.readiness import Watched
from services.desk.clients import Answer, Away, Clients, Refused
from services.desk.drafts import Chosen, Drafts, Fields, all_of, field_of
from services.desk.session import Session, Sessions, form_token, is_form_token
from services.desk.settings import DeskSettings
from services.desk.shown import render
from services.desk.way_in import Door
from services.desk.words import Words

RENEW_BEFORE: Final = 30.0
"""Seconds before its end at which a token is renewed."""
TOKEN: Final = "form_token"
KEY: Final = "key"
SEEN: Final = "seen"
"""The revision of what the form speaks of, as it was when it was opened."""
SWITCH: Final = "switch_language"
SAVE: Final = "save_draft"
OWN: Final = frozenset({TOKEN, SWITCH, SAVE})
"""Fields that say something of the form itself, and are no words of its writer."""
MOST_FIELDS: Final = 2_000
MOST_FILES: Final = 1
MOST_UPLOADED: Final = 5 * 1024 * 1024
"""Bytes of a form with its file: the largest spreadsheet that intake takes (4 MB), with what is typed beside it."""
REGISTER: Final = "/register"
"""Where the public register begins."""


class SignInNeeded(Exception):
    """Nobody is signed in; `then`: where to go on after that, an address without its language."""

    def __init__(self, then: str) -> None:
        super().__init__(then)
        self.then = then


class Elsewhere(Exception):
    """The answer is at another address of the desk."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class NotOurs(Exception):
    """A form that no page of this session has made; with it may come what was typed."""


@dataclass(frozen=True)
class Desk:
    """What the process consists of."""

    settings: DeskSettings
    clients: Clients
    sessions: Sessions
    drafts: Drafts
    door: Door
    words: Mapping[Language, Words]
    now: Callable[[], datetime]
    readers: Callers
    """Who reads the public register, by address."""
    checks: Mapping[str, Watched]
    """What it needs itself, as the page Services tells it."""
    began: datetime
    """When the process began."""
    renewing: dict[str, asyncio.Lock] = field(default_factory=dict)
    """One renewal at a time for each session: a provider takes a refresh token once."""

    @property
    def cookie(self) -> str:
        """What the cookie of a session is called: several desks of one machine share its name, but no port."""
        return "__Host-lotsman" if self.settings.secure else f"lotsman_{self.settings.origin.rpartition(':')[2]}"


@dataclass(frozen=True)
class Asking:
    """Whoever asks for a page, and in which language."""

    desk: Desk
    request: Request
    language: Language

    @property
    def words(self) -> Words:
        """The language of the page."""
        return self.desk.words[self.language]


@dataclass(frozen=True)
class Visit(Asking):
    """A request of somebody who is signed in."""

    session: Session

    @property
    def here(self) -> str:
        """The address of the page without its language and query: by it a draft is known."""
        return here(self.request)

    @property
    def person(self) -> str:
        """The opaque id of who is signed in."""
        return self.session.who.person

    def may(self, *roles: str) -> bool:
        """Whether the person has one of these roles. The services decide; this is for what is offered."""
        return self.session.may(*roles)

    async def ask(self, service: str, path: str, **params: Any) -> Answer:
        """Reads. Raises Away, Refused."""
        return await self._read(service, path, params, at_once=True)

    async def ask_for_file(self, service: str, path: str, **params: Any) -> Answer:
        """A file that may have to be made first, or what stands in one: it is waited for like a command, for that may
        take seconds (measured: a spreadsheet of 168,000 cells, of the 500,000 that it may have, is read in 1.8 s of a
        processor). Raises Away, Refused."""
        return await self._read(service, path, params, at_once=False)

    async def _read(self, service: str, path: str, params: Mapping[str, Any], *, at_once: bool) -> Answer:
        token = self.session.who.token
        return await self.desk.clients.send(
            service, "GET", path, token=token, language=self.language, params=params, at_once=at_once
        )

    async def ask_if_there(self, service: str, path: str) -> Any:
        """What is read, or None where there is nothing of that name. Raises Away, Refused."""
        try:
            return (await self.ask(service, path)).body
        except Refused as error:
            if error.status != 404:
                raise
            return None

    async def rows_if_let_in(self, service: str, path: str, **params: Any) -> Sequence[Mapping[str, Any]]:
        """The rows of a list beside what the page is about: none where its service is away or does not let this person
        in."""
        try:
            found = await self.ask(service, path, **params)
        except (Away, Refused):
            return ()
        items: Sequence[Mapping[str, Any]] = found.body["items"]
        return items

    def is_away(self, away: Away, sentence: str = "form.away") -> str:
        """That a service does not answer, and since when: otherwise said to who sent it a form."""
        service, since = self.words.code("service", away.service), self.words.moment(away.since)
        return self.words.say(sentence, service=service, since=since)

    async def send(
        self,
        service: str,
        path: str,
        body: Any,
        *,
        key: str,
        etag: str | None = None,
        method: str = "POST",
        media: str | None = None,
        takes: float = 0.0,
    ) -> Answer:
        """A command under a key, on what was seen at a revision; `media` is what kind of thing is sent, where it is not
        JSON; `takes`: for so many seconds it may be worked on. Raises Away, Refused."""
        headers = {"Idempotency-Key": key} | ({"If-Match": etag} if etag else {})
        headers |= {"Content-Type": media} if media else {}
        who = self.session.who
        return await self.desk.clients.send(
            service, method, path, token=who.token, language=self.language, body=body, headers=headers, takes=takes
        )

    async def lines(self, service: str, path: str) -> AsyncIterator[bytes]:
        """The lines of a file, as they come; it is asked for before the first is. Raises Away, Refused."""
        return await self.desk.clients.lines(service, path, token=self.session.who.token, language=self.language)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page for this person."""
        return show(self.desk, self.request, self.language, template, status, session=self.session, **values)

    def address(self, path: str, **query: str) -> str:
        """An address of the desk in the language of the page."""
        asked = "&".join(f"{name}={quote(value)}" for name, value in query.items())
        return f"/{self.language}{path}" + (f"?{asked}" if asked else "")


@dataclass(frozen=True)
class Posted:
    """A form that somebody sent who is signed in; `files` are by their fields."""

    visit: Visit
    fields: Fields
    files: Mapping[str, Chosen] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """What stands in a field, without the blanks around it; empty where it has none."""
        return field_of(self.fields, name).strip()

    def all(self, name: str) -> list[str]:
        """Everything that stands under a name."""
        return all_of(self.fields, name)

    @property
    def key(self) -> str:
        """The key that was made with the form: sending it again has one effect."""
        return self.get(KEY) or new_key()

    @property
    def seen(self) -> str:
        """The revision that the form was opened on."""
        return self.get(SEEN)

    async def keep(self) -> None:
        """Keeps what was typed, and what was chosen, as the writer's draft of this form."""
        await _keep(self.visit.desk, self.visit.person, self.visit.here, self.fields, self.files)

    async def done(self) -> None:
        """What was typed has been taken: there is no draft of it any more."""
        await self.visit.desk.drafts.drop(self.visit.person, self.visit.here)


def show(
    desk: Desk,
    request: Request,
    language: Language,
    template: str,
    status: int = 200,
    *,
    session: Session | None = None,
    cookie: str = "",
    **values: Any,
) -> HTMLResponse:
    """A page for whoever it is; `cookie`: by what its forms are known where nobody is signed in."""
    words = desk.words[language]
    secret = session.cookie if session else cookie
    shared = {
        "_": words.say,
        "n_": words.count,
        "code": words.code,
        "words": words,
        "language": language,
        "here": here(request),
        "query": request.url.query,
        "open": open_to_all(request),
        "session": session,
        "may": session.may if session else lambda *_: False,
        "form_token": form_token(secret) if secret else "",
        "new_key": new_key,
    }
    return render(template, {**shared, **values}, status)


def new_key() -> str:
    """An Idempotency-Key for a form that is opened."""
    return uuid4().hex


def here(request: Request) -> str:
    """The path of a request without its language."""
    path = request.url.path
    return path[3:] if path[1:3] in LANGUAGES and path[3:4] in ("", "/") else path


def open_to_all(request: Request) -> bool:
    """Whether it asks for the public register: the same page for everybody, so nobody is looked for behind it."""
    path = here(request)
    return path == REGISTER or path.startswith((f"{REGISTER}/", OPEN))


def _asked(request: Request) -> str:
    """The same with its query: where somebody goes on who has signed in."""
    return here(request) + (f"?{request.url.query}" if request.url.query else "")


def typed(fields: Fields) -> Fields:
    """The fields of a form without those that speak of the form itself."""
    return tuple((name, value) for name, value in fields if name not in OWN)


def desk_of(request: Request) -> Desk:
    """The desk behind a request."""
    desk: Desk = request.app.state.desk
    return desk


async def visiting(request: Request, language: Language) -> Visit:
    """The dependency of every page that needs somebody. Raises SignInNeeded, StoreAway."""
    desk = desk_of(request)
    session = await session_of(desk, request)
    if session is None:
        raise SignInNeeded(_asked(request))
    return Visit(desk, request, language, session)


async def session_of(desk: Desk, request: Request) -> Session | None:
    """Who is signed in, with a token that is good for a while longer. Raises StoreAway."""
    cookie = request.cookies.get(desk.cookie, "")
    session = await desk.sessions.find(cookie)
    if session is None or not _ending(desk, session):
        return session
    async with desk.renewing.setdefault(cookie, asyncio.Lock()):
        session = await desk.sessions.find(cookie)  # somebody else may have renewed it meanwhile
        if session is not None and _ending(desk, session):
            who = await desk.door.renewed(session.who)
            session = None if who is None else await desk.sessions.renewed(session, who)
            if session is None:
                await desk.sessions.end(cookie)
    desk.renewing.pop(cookie, None)
    return session


def _ending(desk: Desk, session: Session) -> bool:
    return session.who.until - desk.now().timestamp() < RENEW_BEFORE


async def posting(request: Request, language: Language) -> Posted:
    """The dependency of every form: one of ours, from somebody who is signed in.

    When the sign-in has run out meanwhile, what was typed becomes its writer's draft before that person signs in again.
    Raises NotOurs, SignInNeeded, Elsewhere, StoreAway.
    """
    return await _posted(request, language, await form_of(request), {})


async def uploading(request: Request, language: Language) -> Posted:
    """The same of a form in which files are chosen. A file of text whose field is also one that is typed in stands in
    its place there, so that it is kept as what is typed. Raises also Refused for one that is too large."""
    fields, files = await _with_files(request)
    return await _posted(request, language, fields, files)


async def _posted(request: Request, language: Language, fields: Fields, files: Mapping[str, Chosen]) -> Posted:
    desk = desk_of(request)
    cookie = request.cookies.get(desk.cookie, "")
    if not is_form_token(cookie, field_of(fields, TOKEN)):
        raise NotOurs(typed(fields))
    session = await session_of(desk, request)
    if session is None:
        person = await desk.sessions.person_of(cookie)
        if person is not None:
            await _keep(desk, person, here(request), fields, files)
        raise SignInNeeded(_asked(request))
    posted = Posted(Visit(desk, request, language, session), fields, files)
    other = posted.get(SWITCH)
    if other in LANGUAGES or posted.get(SAVE):
        await posted.keep()
        raise Elsewhere(f"/{other}{_asked(request)}" if other else f"/{language}{here(request)}?saved=1")
    request.state.posted = posted
    return posted


async def _keep(desk: Desk, person: str, form: str, fields: Fields, files: Mapping[str, Chosen]) -> None:
    """A file whose words stand among what was typed is kept there."""
    await desk.drafts.keep(person, form, typed(fields))
    named = {name for name, _value in fields}
    for one in (one for name, one in files.items() if name not in named):
        await desk.drafts.hold(person, form, one, field_of(fields, KEY))


async def form_of(request: Request) -> Fields:
    """The fields of a form as they came, in their order; files are nobody's here."""
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        return tuple((name, value) for name, value in form.multi_items() if isinstance(value, str))


async def _with_files(request: Request) -> tuple[Fields, dict[str, Chosen]]:
    """The fields of a form and the files chosen in it. Raises Refused 413, before anything is read."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > MOST_UPLOADED:
        named = request.path_params.get("language")
        words = desk_of(request).words[next((one for one in LANGUAGES if one == named), "en")]
        raise Refused(
            413, {"title": "upload.large", "detail": words.say("told.file-large", most=MOST_UPLOADED // 2**20)}
        )
    async with request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=MOST_UPLOADED) as form:
        fields = tuple((name, value) for name, value in form.multi_items() if isinstance(value, str))
        files = {
            name: Chosen(value.filename, await value.read())
            for name, value in form.multi_items()
            if not isinstance(value, str) and value.filename
        }
    texts = {name: text for name, one in files.items() if (text := _text_of(one)) is not None}
    return tuple((name, texts.get(name, value)) for name, value in fields), files


def _text_of(one: Chosen) -> str | None:
    try:
        return one.content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


VisitOf = Annotated[Visit, Depends(visiting)]
PostedOf = Annotated[Posted, Depends(posting)]
UploadedOf = Annotated[Posted, Depends(uploading)]
