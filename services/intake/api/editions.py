"""The rule editions as they are in force: whole for all who sign in, their code lists and all labels for everybody."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from contracts.data import Entitled, Titled
from contracts.reference import ROLES
from contracts.rules import Edition, RuleBook, UnknownEdition
from contracts.text import sought
from contracts.words import wordings
from services.chassis.auth import allow
from services.chassis.problems import Problematic
from services.chassis.public import OPEN, conditional_response
from services.intake.api.answers import CodeLists, EditionLine, Editions, Labels

Of = Annotated[str | None, Query(max_length=100), sought(100)]
EVERYBODY: Final = Depends(allow(*ROLES))
PUBLIC: Final = f"{OPEN}v1"
LISTS: Final = ("sectors", "regions", "offices", "return_reasons")
"""The code lists of an edition that stand in it under their own names."""


def add(router: APIRouter, rules: RuleBook) -> None:
    """The rule book, for all who sign in."""

    @router.get("/editions", tags=["rules"], dependencies=[EVERYBODY])
    async def editions() -> Editions:
        """The rule editions that there are, with the days on which each is in force."""
        return Editions(items=[EditionLine.made_of(one) for one in rules.values()])

    @router.get("/editions/{edition}", tags=["rules"], dependencies=[EVERYBODY])
    async def edition(edition: str) -> Edition:
        """A rule edition: every number and list of it, each with its origin (law or assumption)."""
        return _edition(rules, edition)


def open_routes(rules: RuleBook) -> APIRouter:
    """What everybody may read of the rule book, without a token."""
    router = APIRouter(prefix=PUBLIC, tags=["public"])

    async def editions(request: Request) -> Response:
        """The editions whose code lists can be read."""
        return conditional_response(request, {"items": [_said(one) for one in rules.values()]})

    async def code_lists(request: Request, edition: str) -> Response:
        """The code lists of an edition: each code with its title in three languages (справочники)."""
        found = _edition(rules, edition)
        return conditional_response(request, {**_said(found), "lists": _lists(found)})

    async def labels(request: Request, of: Of = None) -> Response:
        """The words by their ids, in three languages: what stages, codes and rules are called. `of` is how the ids
        begin, e.g. `stage`."""
        known = wordings()
        asked = {one: known[one] for one in sorted(known) if of is None or one == of or one.startswith(f"{of}.")}
        return conditional_response(request, {"labels": {one: asdict(said) for one, said in asked.items()}})

    _open(router, "/code-lists", editions, Editions)
    _open(router, "/code-lists/{edition}", code_lists, CodeLists)
    _open(router, "/labels", labels, Labels)
    return router


def _open(router: APIRouter, path: str, answer: Callable[..., Any], model: type[BaseModel]) -> None:
    router.add_api_route(path, answer, methods=["GET"], response_model=model, name=f"public_{answer.__name__}")
    router.add_api_route(path, answer, methods=["HEAD"], include_in_schema=False, response_model=None)


def _edition(rules: RuleBook, id_: str) -> Edition:
    try:
        return rules.edition(id_)
    except UnknownEdition as error:
        raise Problematic(404, "edition.unknown", edition=id_, editions=sorted(rules)) from error


def _said(edition: Edition) -> dict[str, Any]:
    names = {"id", "title_ru", "title_be", "title_en", "in_force_from", "in_force_to"}
    return edition.model_dump(mode="json", include=names)


def _lists(edition: Edition) -> dict[str, list[dict[str, str]]]:
    found = {name: _titles(getattr(edition, name).entries) for name in LISTS}
    found["criteria"] = _titles(edition.criteria.entries)
    found["effectiveness"] = _titles(edition.effectiveness.entries)
    found["money_sources"] = _titles(edition.money.sources.entries) if edition.money else []
    found["terms"] = [_titled(kind, rule) for kind, rule in edition.terms.items()]
    found["schemes"] = [_entitled(one.scheme, one) for one in edition.schemes]
    return found


def _titles(entries: Iterable[Any]) -> list[dict[str, str]]:
    return [_titled(one.code, one) for one in entries]


def _titled(code: str, one: Titled) -> dict[str, str]:
    return {"code": code, "ru": one.ru, "be": one.be, "en": one.en}


def _entitled(code: str, one: Entitled) -> dict[str, str]:
    return {"code": code, "ru": one.title_ru, "be": one.title_be, "en": one.title_en}
