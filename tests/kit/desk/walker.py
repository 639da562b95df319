"""Somebody at the pages without a browser: follows links, and sends forms as they stand or with something typed in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

CHOSEN: Final = ("checkbox", "radio")
NO_WORDS: Final = ("submit", "button", "file", "image", "reset")
Pairs = list[tuple[str, str]]


@dataclass
class Form:
    """A form with what stands in it; `buttons`: name and value of each by which it can be sent."""

    id: str
    action: str
    method: str
    fields: Pairs = field(default_factory=list)
    buttons: Pairs = field(default_factory=list)


@dataclass
class Seen:
    """An answer: where it stands, and what is on the page. `said`: what a screen reader is told of what was done."""

    address: str
    status: int
    text: str
    moved: bool = False
    links: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    forms: list[Form] = field(default_factory=list)
    said: str = ""

    def form(self, button: str) -> Form:
        """The form that has a button of this value."""
        return next(one for one in self.forms if button in [value for _name, value in one.buttons])


class _Reader(HTMLParser):
    """Takes links, ids and forms out of a page."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen
        self._at: Form | None = None
        self._select, self._options = "", list[tuple[str, bool]]()
        self._area, self._text = "", ""
        self._alien = list[tuple[str, str, str]]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag with what it says of itself."""
        said = {name: value or "" for name, value in attrs}
        if "id" in said:
            self.seen.ids.add(said["id"])
        name, value = said.get("name", ""), said.get("value", "")
        if tag == "a" and "href" in said:
            self.seen.links.append(said["href"])
        elif tag == "main":
            self.seen.said = said.get("data-said", "")
        elif tag == "form":
            self._at = Form(said.get("id", ""), said.get("action", ""), said.get("method", "get").lower())
            self.seen.forms.append(self._at)
        elif tag == "button" and said.get("type") != "button":
            if "form" in said:
                self._alien.append((said["form"], name, value))
            elif self._at is not None:
                self._at.buttons.append((name, value))
        elif tag == "input" and said.get("type") not in NO_WORDS:
            if self._at is not None and name and (said.get("type") not in CHOSEN or "checked" in said):
                self._at.fields.append((name, value))
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select:
            self._options.append((value, "selected" in said))
        elif tag == "textarea":
            self._area, self._text = name, ""

    def handle_data(self, data: str) -> None:
        """Words, of which those of a text field are kept."""
        self._text += data if self._area else ""

    def handle_endtag(self, tag: str) -> None:
        """The end of a form, a list, a text field."""
        if tag == "form":
            self._at = None
        elif tag == "select" and self._at is not None and self._select:
            chosen = [value for value, selected in self._options if selected] or [v for v, _ in self._options[:1]]
            self._at.fields += [(self._select, value) for value in chosen]
            self._select = ""
        elif tag == "textarea" and self._at is not None:
            self._at.fields.append((self._area, self._text))
            self._area = ""

    def close(self) -> None:
        """Buttons that stand outside of their forms are theirs."""
        super().close()
        for id_, name, value in self._alien:
            next(one for one in self.seen.forms if one.id == id_).buttons.append((name, value))


@contextmanager
def walking(url: str, person: str) -> Iterator["Walker"]:
    """A demo person, signed in, with an own cookie jar."""
    with httpx.Client(base_url=url, trust_env=False, timeout=60, follow_redirects=True) as http:
        walker = Walker(http)
        way_in = walker.get("/ru/sign-in?then=/portal/mine")
        walker.press(way_in, way_in.form(person), ("person", person))
        yield walker


@dataclass
class Walker:
    """Whoever is signed in."""

    http: httpx.Client

    def get(self, address: str) -> Seen:
        """Follows a link."""
        return _read(self.http.get(address))

    def press(
        self,
        page: Seen,
        form: Form,
        button: tuple[str, str],
        typed: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> Seen:
        """Sends a form by one of its buttons, with other words in some of its fields."""
        said = [(name, value) for name, value in form.fields if name not in (typed or {})]
        said += [*(typed or {}).items(), *([button] if button[0] else [])]
        to = urljoin(page.address, form.action)
        if form.method == "get":
            return _read(self.http.get(f"{to}?{urlencode(said)}"))
        names = dict.fromkeys(name for name, _value in said)
        data = {name: [value for at, value in said if at == name] for name in names}
        return _read(self.http.post(to, data=data, files=files))

    def walk(self, first: str, within: str) -> list[Seen]:
        """Every page that links lead to from the first one on, as far as their paths begin so."""
        waiting, seen = [first], dict[str, Seen]()
        while waiting:
            address = waiting.pop()
            if address in seen:
                continue
            seen[address] = page = self.get(address)
            for link in page.links:
                to = urlsplit(urljoin(page.address, link))
                if to.path.startswith(within):
                    waiting.append(f"{to.path}?{to.query}" if to.query else to.path)
        return list(seen.values())


def _read(answer: httpx.Response) -> Seen:
    at = urlsplit(str(answer.url))
    seen = Seen(f"{at.path}?{at.query}" if at.query else at.path, answer.status_code, answer.text, bool(answer.history))
    if "html" in answer.headers.get("Content-Type", ""):
        reader = _Reader(seen)
        reader.feed(answer.text)
        reader.close()
    return seen
