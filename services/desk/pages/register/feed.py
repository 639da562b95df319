"""What is found as a feed (Atom, RFC 4287): the pilots that fit and came to be public last, for those who wait for more
of them. A pilot is entered long before it is public: by its entry it would come up where nobody looks any more. Older
entries are on further pages (paged feeds, RFC 5005, 3): who has been away for long follows `next` to what is known."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from fastapi import APIRouter
from starlette.responses import Response

from services.desk.pages.register import said
from services.desk.pages.register.find import HERE as FIND
from services.desk.pages.register.find import asked_of
from services.desk.reading import Reader, ReaderOf
from services.desk.visit import REGISTER
from services.desk.words import Words

HERE: Final = f"{REGISTER}/feed"
ATOM: Final = "http://www.w3.org/2005/Atom"
MEDIA: Final = "application/atom+xml; charset=utf-8"
ENTRIES: Final = 50
BEFORE: Final = "1970-01-01T00:00:00.000Z"
"""When a feed was last changed in which nothing stands."""
NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What cannot stand in XML 1.0, whatever it is written as."""


def make_router() -> APIRouter:
    """`/register/feed`."""
    router = APIRouter()

    async def feed(reader: ReaderOf) -> Response:
        """A page of those that fit, the newest first."""
        asked = {name: values for name, values in asked_of(reader).items() if name != "sort"}
        after = reader.request.query_params.get("after", "")
        found = await reader.ask("/search", **asked, sort="published", after=after, limit=ENTRIES)
        return reader.answer(_written(reader, asked, after, found), MEDIA)

    router.add_api_route(f"/{{language}}{HERE}", feed, methods=["GET", "HEAD"])
    return router


def _written(reader: Reader, asked: Mapping[str, list[str]], after: str, found: Mapping[str, Any]) -> bytes:
    words, rows = reader.words, found["items"]
    site, own = reader.desk.settings.origin, f"/{reader.language}"
    whole = f"{site}{own}{HERE}{_query(asked)}"
    register_namespace("", ATOM)
    feed = Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": reader.language})
    _said(feed, "title", _about(words, asked, rows))
    _said(feed, "id", whole)  # of every page: together they are one feed
    _said(feed, "updated", max((said.published(one) for one in rows), default=BEFORE))
    _link(feed, "self", f"{site}{own}{HERE}{_query(asked, after)}")
    _link(feed, "first", whole)
    if found["next"]:
        _link(feed, "next", f"{site}{own}{HERE}{_query(asked, found['next'])}")
    _link(feed, "alternate", f"{site}{own}{FIND}{_query(asked)}")
    author = SubElement(feed, f"{{{ATOM}}}author")
    _said(author, "name", words.say("register.name"))
    for one in rows:
        entry = SubElement(feed, f"{{{ATOM}}}entry")
        address = f"{site}{own}{REGISTER}/{quote(one['id'], safe='')}"
        _said(entry, "title", f"{one['number']} {one['title']}")
        _said(entry, "id", address)
        _said(entry, "published", said.published(one))
        _said(entry, "updated", said.published(one))
        _link(entry, "alternate", address)
        _said(entry, "summary", f"{said.stage(words, one['stage'])}; {said.sectors(words, one)}; {said.agency(one)}")
    return bytes(tostring(feed, encoding="utf-8", xml_declaration=True))


def _query(asked: Mapping[str, list[str]], after: str = "") -> str:
    """What an address of a page of the feed asks for."""
    query = urlencode({**asked, **({"after": after} if after else {})}, doseq=True)
    return f"?{query}" if query else ""


def _about(words: Words, asked: Mapping[str, list[str]], rows: list[Mapping[str, Any]]) -> str:
    """What a feed is of, by which a reader of several tells them apart."""
    named = {one["agency"]: said.agency(one) for one in rows}
    titles = [
        named.get(value, value) if name == "agency" else value if name == "q" else said.title(words, name, value)
        for name, values in asked.items()
        for value in values
    ]
    whole = words.say("register.feed-title", name=words.say("register.name"))
    return f"{whole}: {', '.join(titles)}" if titles else whole


def _said(parent: Element, name: str, text: str) -> None:
    SubElement(parent, f"{{{ATOM}}}{name}").text = NO_XML.sub("", text)


def _link(parent: Element, rel: str, href: str) -> None:
    SubElement(parent, f"{{{ATOM}}}link", {"rel": rel, "href": href})
