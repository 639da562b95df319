"""What is behind a figure: the pilots whose money a sum is made of, and those in which a term was kept or broken."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from services.desk.pages.register import said
from services.desk.pages.register.money import FILTERS
from services.desk.reading import Reader, ReaderOf
from services.desk.visit import REGISTER

MONEY: Final = f"{REGISTER}/money/pilots"
TERMS: Final = f"{REGISTER}/terms"
ROWS: Final = 50
OF_MONEY: Final = ("currency", "stage", *FILTERS)
OF_TERMS: Final = ("kind", "how")


def make_router() -> APIRouter:
    """`/register/money/pilots`, `/register/terms`."""
    router = APIRouter()

    async def of_money(reader: ReaderOf) -> Response:
        """The pilots behind a sum."""
        asked = _asked(reader, OF_MONEY)
        if not {"currency", "stage"} <= asked.keys():
            return _to(reader, f"{REGISTER}/money")
        found = await _found(reader, "/money/pilots", asked)
        words = reader.words
        parts = [said.money_stage(words, asked.get("stage", ""))]
        parts += [said.title(words, one, asked[one]) for one in FILTERS if one in asked]
        currency = asked.get("currency", "")
        whole = words.money(found["whole"], currency)
        return _page(reader, found, asked, MONEY, ", ".join(parts), whole, lambda part: words.money(part, currency))

    async def of_terms(reader: ReaderOf) -> Response:
        """The pilots in which a term was kept, or broken."""
        asked = _asked(reader, OF_TERMS)
        if not {*OF_TERMS} <= asked.keys():
            return _to(reader, REGISTER)
        found = await _found(reader, "/terms/pilots", asked)
        words = reader.words
        title = f"{said.term(words, asked.get('kind', ''))}: {words.code('how', asked.get('how', ''))}"
        whole = words.count("register.terms-behind", found["whole"])
        return _page(reader, found, asked, TERMS, title, whole, words.number)

    router.add_api_route(f"/{{language}}{MONEY}", of_money, methods=["GET", "HEAD"])
    router.add_api_route(f"/{{language}}{TERMS}", of_terms, methods=["GET", "HEAD"])
    return router


def _to(reader: Reader, page: str) -> Response:
    """An address that was cut short leads to the page with the figures themselves."""
    return RedirectResponse(f"/{reader.words.language}{page}", 303)


def _asked(reader: Reader, names: tuple[str, ...]) -> dict[str, str]:
    params = reader.request.query_params
    return {name: params[name].strip() for name in names if params.get(name, "").strip()}


async def _found(reader: Reader, path: str, asked: Mapping[str, str]) -> Mapping[str, Any]:
    after = reader.request.query_params.get("after", "")
    found: Mapping[str, Any] = await reader.ask(path, **asked, after=after, limit=ROWS)
    return found


def _page(
    reader: Reader, found: Mapping[str, Any], asked: Mapping[str, str], path: str, title: str, whole: str, told: Any
) -> Response:
    words, after = reader.words, reader.request.query_params.get("after", "")
    return reader.page(
        "register/behind.html",
        title=title,
        of_money=path == MONEY,
        whole=whole,
        pilots=found["pilots"],
        rows=[{**one, "told": told(one["part"])} for one in found["items"]],
        here_path=path,
        first=urlencode(asked) if after else "",
        next=urlencode({**asked, "after": found["next"]}) if found["next"] else "",
        said=words.count("register.found", found["pilots"]),
        **said.shown(reader),
    )
