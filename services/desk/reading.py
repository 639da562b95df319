"""One request for the public register: nobody is signed in, nobody is looked for, and the answer is the same for all.

So it can be kept by whoever passes it on: each page says for how long, and has a tag made of what it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.responses import Response

from contracts.topics import REGISTRY
from contracts.words import Language
from services.chassis.problems import document
from services.chassis.public import is_known, tag_of
from services.desk.clients import Away, Refused
from services.desk.visit import REGISTER, Asking, desk_of, show

API: Final = "/public/v1"
HTML: Final = "text/html; charset=utf-8"
OK: Final = 200


@dataclass(frozen=True)
class Reader(Asking):
    """Somebody who reads the public register."""

    @property
    def address(self) -> str:
        """The whole address of the page without its query, as other sites name it."""
        return f"{self.desk.settings.origin}{self.request.url.path}"

    @property
    def api(self) -> str:
        """Where everybody reaches the register's interface: through the desk, or where a setting says."""
        return f"{self.desk.settings.public_api.rstrip('/')}{API}"

    async def ask(self, path: str, **params: Any) -> Any:
        """What the register says to everybody. Raises Away, Refused."""
        found = await self.desk.clients.send(
            REGISTRY, "GET", f"{API}{path}", language=self.language, params=params, at_once=True
        )
        return found.body

    async def ask_if_it_answers(self, path: str, **params: Any) -> Any:
        """The same beside what the page is about: None where it cannot be said now."""
        try:
            return await self.ask(path, **params)
        except Away:
            return None

    def page(self, template: str, status: int = OK, *, keep: bool = True, **values: Any) -> Response:
        """A page, to be kept for a while where it says all that it should."""
        shown = show(self.desk, self.request, self.language, template, status, **self._shared(), **values)
        return self.answer(bytes(shown.body), HTML) if status == OK and keep else shown

    def answer(self, body: bytes, media: str) -> Response:
        """What everybody may keep for a while, and ask again for by its tag: nothing is sent then.

        The tag is a weak one (RFC 9110, 8.8.1): the same words go out compressed and not.
        """
        tag = tag_of(body)
        headers = {"ETag": f"W/{tag}", "Cache-Control": f"public, max-age={self.desk.settings.public_age}"}
        if is_known(self.request, tag):
            return Response(status_code=304, headers={**headers, "Vary": "Accept-Encoding"})
        return Response(body, media_type=media, headers=headers)

    def _shared(self) -> Mapping[str, Any]:
        return {"api": self.api, "address": self.address, "site": self.desk.settings.origin}


async def reading(request: Request, language: Language) -> Reader:
    """The dependency of every page of the public register. Raises Refused where an address asks too often."""
    count(request, language)
    return Reader(desk_of(request), request, language)


def count(request: Request, language: Language) -> None:
    """Counts a reader. Raises Refused."""
    exceeded = desk_of(request).readers.refused(request.scope)
    if exceeded is not None:
        again = {"retry_after": exceeded.headers["Retry-After"]} if exceeded.headers else {}
        raise Refused(exceeded.status, {**document(exceeded, language), **again})


ReaderOf = Annotated[Reader, Depends(reading)]


def local(language: Language, path: str = "", query: str = "") -> str:
    """An address in the register."""
    return f"/{language}{REGISTER}{quote(path)}" + (f"?{query}" if query else "")
