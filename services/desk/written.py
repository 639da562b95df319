"""What the pages have in common on which somebody writes: about a case (opinion, request, conclusion), into the
directory, or into the register.

One may come back to each: what was typed is a draft until it is sent. A row more, a preview and the saving of the draft
work without a script.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts.reference import Severity, Verdict
from contracts.topics import EXPERTISE
from services.desk import forms
from services.desk.clients import Answer, Away
from services.desk.drafts import Fields
from services.desk.forms import Filled, Trouble
from services.desk.pages import case
from services.desk.visit import Posted, PostedOf, Visit, VisitOf, new_key
from services.desk.words import Words

MOST_ROWS: Final = 50
Card = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """What is written about: below which address of the desk its pages are, where the service has it, how it is read,
    what it is like in a few words, where one goes on after that, and which service it is."""

    at: str
    api: str
    read: Callable[[Visit, str], Awaitable[Answer]]
    facts: Callable[[Words, Card], forms.Facts]
    onward: str
    service: str = EXPERTISE

    def place(self, where: str, id_: str) -> str:
        """An address of it: on the desk, or at the service."""
        return where.format(id=quote(id_, safe=""))


CASE: Final = About("/case/{id}", "/v1/reviews/{id}", case.read, case.facts_of, "/case/{id}")


@dataclass(frozen=True, slots=True)
class Written:
    """A page on which somebody writes: its name, where it is sent, and what it makes of what was typed.

    `lacks` are the fields in which something must stand, with words for each; `shows` is what its template asks for.
    `says`: the title of the page, and what its button says.
    """

    name: str
    path: str
    body: Callable[[Card, Filled], dict[str, Any]]
    lacks: Callable[[Words, Card, Filled], dict[str, str]]
    shows: Callable[[Words, Card, Filled], dict[str, Any]]
    place: Callable[[Card, Filled], forms.Place]
    first: Callable[[Words, Card], Fields] = lambda _words, _card: ()
    of: About = CASE
    method: str = "POST"
    template: str = ""
    says: Callable[[Words], tuple[str, str]] | None = None


def make_router(page: Written) -> APIRouter:
    """Below the address of what is written about: `/<name>`."""
    router, of = APIRouter(), page.of

    @router.get(f"/{{language}}{of.at}/{page.name}", response_class=HTMLResponse)
    async def write(id: str, visit: VisitOf, saved: str = "") -> Response:
        """The form, with the draft that was kept of it."""
        return await opened(visit, page, id, saved=bool(saved))

    @router.post(f"/{{language}}{of.at}/{page.name}", response_class=HTMLResponse)
    async def send(id: str, posted: PostedOf) -> Response:
        """A row more, a preview, or the whole sent."""
        return await sent(posted, page, id)

    return router


async def opened(visit: Visit, page: Written, id_: str, *, saved: bool = False) -> HTMLResponse:
    """The form, with the draft that was kept of it. Raises Away, Refused."""
    found = await page.of.read(visit, id_)
    facts = page.of.facts(visit.words, found.body)
    filled = await forms.opened(visit, found.etag, facts, page.first(visit.words, found.body))
    return _shown(visit, page, found.body, filled, said=visit.words.say("form.saved") if saved else "")


async def sent(posted: Posted, page: Written, id_: str) -> Response:
    """What was typed: a row more, a preview, or the whole sent. Raises Away, Refused."""
    visit, filled, of = posted.visit, forms.typed_in(posted), page.of
    try:
        found = await of.read(visit, id_)
    except Away:
        await posted.keep()  # the page that says so opens the form again with what was typed
        raise
    if posted.get("more") or posted.get("preview"):
        await posted.keep()
        return _shown(visit, page, found.body, filled, more=bool(posted.get("more")))
    trouble = await _sent(posted, page, id_, found.body, filled)
    if trouble is None:
        return forms.done(visit, of.place(of.onward, id_), page.name)
    if not trouble.stale:
        return _shown(visit, page, found.body, filled, trouble=trouble)
    newer = await of.read(visit, id_)
    return _shown(visit, page, newer.body, filled, trouble=trouble, etag=newer.etag)


async def _sent(posted: Posted, page: Written, id_: str, card: Card, filled: Filled) -> Trouble | None:
    if missing := page.lacks(posted.visit.words, card, filled):
        await posted.keep()
        return Trouble(missing, 422)
    path = page.of.place(page.of.api, id_) + (f"/{page.path}" if page.path else "")
    place = page.place(card, filled)
    return await forms.sent(posted, page.of.service, path, page.body(card, filled), place, page.method)


def _shown(
    visit: Visit,
    page: Written,
    card: Card,
    filled: Filled,
    *,
    trouble: Trouble | None = None,
    etag: str = "",
    more: bool = False,
    said: str = "",
) -> HTMLResponse:
    """The form. After a 412 it goes on from the newer revision, which stands beside what it was before."""
    words = visit.words
    now = page.of.facts(words, card)
    stale = trouble is not None and trouble.stale
    if stale:
        filled = Filled(filled.fields, new_key(), etag, filled.then)
    title, button = page.says(words) if page.says else (words.code("act", page.name), words.code("send", page.name))
    return visit.page(
        page.template or f"{page.name}.html",
        trouble.status if trouble else 200,
        what=page.name,
        title=title,
        button=button,
        home=page.of.place(page.of.onward, str(card.get("id", ""))),
        card=card,
        filled=filled,
        rows=min(rows_of(filled) + more, MOST_ROWS),
        missing=list(page.lacks(words, card, filled).values()) if filled.kept or trouble else [],
        preview=page.body(card, filled) if filled["preview"] else None,
        faults=trouble.faults if trouble else {},
        changed=forms.changed(filled.then, now) if stale else [],
        as_it_was=forms.remembered(now if stale else filled.then or now),
        said=said or (next(iter(trouble.faults.values())) if trouble else ""),
        **page.shows(words, card, filled),
    )


def rows_of(filled: Filled) -> int:
    """How many rows of one kind a form has."""
    said = filled["rows"]
    return max(1, int(said)) if said.isdecimal() and len(said) < 4 else 1


# ---- a verdict in words, which opinions and conclusions have in common


def verdicts(words: Words) -> list[tuple[str, str]]:
    """The verdicts that there are."""
    return [(str(one), words.code("verdict", one)) for one in Verdict]


def verdict_of(filled: Filled) -> dict[str, Any]:
    """Verdict, text and remarks as they are sent."""
    found = [
        {
            "code": f"remark-{n}",
            "text": filled[f"remark-{n}"].strip(),
            "severity": filled[f"severity-{n}"] or str(Severity.MAJOR),
            "must_fix": bool(filled[f"must-{n}"]),
        }
        for n in range(1, rows_of(filled) + 1)
        if filled[f"remark-{n}"].strip()
    ]
    return {"verdict": filled["verdict"], "text": filled["text"].strip(), "remarks": found}


def lacks_verdict(words: Words, filled: Filled) -> dict[str, str]:
    """What of it is missing."""
    missing = dict[str, str]()
    if not filled["verdict"]:
        missing["verdict"] = words.say("form.lacks-verdict")
    if not filled["text"].strip():
        missing["text"] = words.say("form.lacks-text")
    return missing


def place_of(pointer: str) -> str | None:
    """The field to which a pointer into a verdict leads."""
    parts = pointer.strip("/").split("/")
    if parts[0] == "remarks" and len(parts) > 1 and parts[1].isdecimal():
        return f"remark-{int(parts[1]) + 1}"
    return parts[0] if parts[0] in ("verdict", "text", "why_changed", "on_expiry") else None
