"""Members of commissions: what those are called who sit on one and have no account of their own.

The register knows each of them by an opaque id, which stands in facts in the place of the name; the id is made here
with the form, so that nobody has to type one.
"""

import secrets
from typing import Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from contracts.topics import REGISTRY
from services.desk import forms
from services.desk.forms import Filled
from services.desk.visit import Posted, PostedOf, Visit, VisitOf, new_key

HERE: Final = "/people"
CONTACTS: Final = ("email", "phone")
"""The register does not tell them, so a form that corrects a name begins without: what is left empty stays as kept."""
FIELDS: Final = ("name", *CONTACTS)
ROWS: Final = 50


def make_router() -> APIRouter:
    """`/people`."""
    router = APIRouter()

    @router.get("/{language}/people", response_class=HTMLResponse)
    async def people(visit: VisitOf, done: str = "", id: str = "", saved: str = "") -> Response:
        """Everybody who is known by name, and the form for one more, or for one of them."""
        words = visit.words
        said = words.code("act-done", "person") if done else words.say("form.saved") if saved else ""
        return await _shown(visit, said=said, chosen=id)

    @router.post("/{language}/people", response_class=HTMLResponse)
    async def save(posted: PostedOf) -> Response:
        """A name is kept."""
        if not posted.get("name"):
            await posted.keep()
            missing = {"name": posted.visit.words.say("directory.lacks-name")}
            return await _shown(posted.visit, posted=posted, trouble=forms.Trouble(missing, 422))
        gone = {name: None for name in CONTACTS if posted.get("drop")}
        body = gone | {name: said for name in FIELDS if (said := posted.get(name))}
        path = f"/v1/persons/{quote(posted.get('id') or made(), safe='')}"
        trouble = await forms.sent(posted, REGISTRY, path, body, _place, method="PUT")
        if trouble is None:
            return forms.done(posted.visit, HERE, "person")
        return await _shown(posted.visit, posted=posted, trouble=trouble)

    return router


def made() -> str:
    """The opaque id of somebody who has none yet."""
    return f"m-{secrets.token_hex(6)}"


def _place(pointer: str) -> str | None:
    name = pointer.strip("/")
    return name if name in FIELDS else None


async def _shown(
    visit: Visit,
    *,
    said: str = "",
    chosen: str = "",
    posted: Posted | None = None,
    trouble: forms.Trouble | None = None,
) -> HTMLResponse:
    """The page. Raises Away, Refused."""
    after = visit.request.query_params.get("after", "")
    found = (await visit.ask(REGISTRY, "/v1/persons", after=after, limit=ROWS)).body
    begun = next((one for one in found["items"] if one["id"] == chosen), None)
    begun = {**begun, "known": "1"} if begun else {"id": made(), "name": ""}
    filled = forms.typed_in(posted) if posted else await forms.opened(visit, "", (), tuple(begun.items()))
    if posted is None and chosen and filled["id"] != chosen:  # words that were kept are somebody else's
        filled = Filled(tuple(begun.items()), new_key(), "", ())
    return visit.page(
        "people.html",
        trouble.status if trouble else 200,
        rows=found["items"],
        filled=filled,
        faults=trouble.faults if trouble else {},
        here_again=urlencode({"after": after}) if after else "",
        next=urlencode({"after": found["next"]}) if found["next"] else "",
        told=said,
        count=visit.words.count("people.found", len(found["items"])),
        said=said or visit.words.count("people.found", len(found["items"])),
    )
