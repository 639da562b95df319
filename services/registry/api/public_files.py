"""What is found as files that are open to all (выгрузка открытых данных): text with commas, or a JSON value on each
line, written while it is read; and the description of what is open, for programs.

Of exactly what was asked for, to the last row, however many there are: it is read page by page, each after the key of
the one before. In the order that was asked for; only where more is found than relevance can order (`DEEPEST`), in that
of entry. Nothing is kept, and nobody is asked for what: it is what everybody sees.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.responses import StreamingResponse

from contracts.words import Language
from services.chassis.described import files
from services.chassis.engine import Engine
from services.chassis.exports.files import MEDIA, Cell, as_csv, as_lines
from services.chassis.gate import ShareOf
from services.chassis.public import OPEN, conditional_response
from services.chassis.settings import Settings
from services.chassis.shares import Turns
from services.chassis.web import MOST, EngineOf, cursor_text
from services.law.exporting import Format
from services.registry.api.answers import OpenDescription, TableSchema
from services.registry.api.figures import FiguresOf, MoneyOf
from services.registry.api.finding import AskedOf, Asking, AskingOf
from services.registry.api.money import axes
from services.registry.api.public import opened, some_of
from services.registry.api.public_figures import money
from services.registry.exports import open_rows, open_schema
from services.registry.figures.questions import Axis
from services.registry.finding import questions
from services.registry.finding.entries import Order
from services.registry.finding.questions import Asked
from services.registry.views import View

TOGETHER: Final = 1000
"""Sums that are asked for at once."""
REFERENCE: Final = "$ref"
Pages = AsyncIterator[Sequence[Mapping[str, Cell]]]
Write = Callable[[Sequence[Mapping[str, Cell]]], bytes]
In = Annotated[Language, Query(description="In which language codes are named in the columns beside them")]


def routes() -> APIRouter:
    """Files, for everyone."""
    router = APIRouter(prefix="/public/v1", tags=["public"])
    for path, answer, kind in (
        ("/search.csv", _search_csv, MEDIA[Format.CSV]),
        ("/search.jsonl", _search_jsonl, MEDIA[Format.JSONL]),
        ("/money.csv", _money_csv, MEDIA[Format.CSV]),
    ):
        opened(router, path, answer, None, response_class=Response, responses={200: files(kind)})
    opened(router, "/search.schema.json", _search_schema, TableSchema)
    opened(router, "/money.schema.json", _money_schema, TableSchema)
    opened(router, "/openapi.json", _openapi, OpenDescription)
    return router


async def _search_csv(
    request: Request,
    what: AskedOf,
    engine: EngineOf,
    asking: AskingOf,
    who: ShareOf,
    sort: Order = "relevance",
    language: In = "ru",
) -> Response:
    """All public pilots that fit the words and the filters, as a table: codes with what they mean beside them, amounts
    as decimal numbers and in minor units. Whole, whatever its length; more than 10,000 in the order of entry, where
    relevance was asked for."""
    rows = _found(request.app, engine, asking, what, sort, who, partial(open_rows.pilot, language=language))
    return await _file(request, "pilots.csv", Format.CSV, rows, partial(as_csv, open_rows.PILOTS), open_rows.PILOTS)


async def _search_jsonl(
    request: Request, what: AskedOf, engine: EngineOf, asking: AskingOf, who: ShareOf, sort: Order = "relevance"
) -> Response:
    """The same, each pilot on a line of its own, as lists show it."""
    rows = _found(request.app, engine, asking, what, sort, who, lambda line: line)
    return await _file(request, "pilots.jsonl", Format.JSONL, rows, as_lines)


async def _money_csv(
    request: Request,
    figures: FiguresOf,
    by: Annotated[tuple[Axis, ...], Depends(axes)],
    of: MoneyOf,
    who: ShareOf,
    language: In = "ru",
) -> Response:
    """The sums of the public register's money by these axes, as a table."""
    columns = open_rows.money_columns(by)

    async def rows() -> Pages:
        after = None
        async with _turns(request.app).of(who):
            while True:
                found = await money(request, figures, by, of, after, TOGETHER)
                yield [open_rows.sum_of(one, language) for one in found["items"]]
                if (after := found["next"]) is None:
                    return

    return await _file(request, "money.csv", Format.CSV, rows(), partial(as_csv, columns), columns)


async def _search_schema(request: Request, language: In = "ru") -> Response:
    """The columns of `search.csv`: a Table Schema (Frictionless Data 2.0), with titles in the language."""
    return conditional_response(request, open_schema.pilots(language))


async def _money_schema(
    request: Request, by: Annotated[tuple[Axis, ...], Depends(axes)], language: In = "ru"
) -> Response:
    """The columns of `money.csv` by these axes: a Table Schema (Frictionless Data 2.0)."""
    return conditional_response(request, open_schema.sums(by, language))


async def _openapi(request: Request) -> Response:
    """This description: what is open to all, and the forms of its answers (OpenAPI)."""
    app = request.app
    if not hasattr(app.state, "openapi_of_all"):
        app.state.openapi_of_all = open_part(app.openapi())
    return conditional_response(request, app.state.openapi_of_all)


def open_part(whole: Mapping[str, Any]) -> dict[str, Any]:
    """What of an OpenAPI document speaks of what is open, with the forms that it names."""
    paths = {path: said for path, said in whole["paths"].items() if path.startswith(OPEN)}
    schemas: Mapping[str, Any] = whole["components"]["schemas"]
    needed, ahead = dict[str, Any](), [*_named(paths)]
    while ahead:
        name = ahead.pop()
        if name in schemas and name not in needed:
            needed[name] = schemas[name]
            ahead += _named(schemas[name])
    components = {"schemas": dict(sorted(needed.items()))}
    return {"openapi": whole["openapi"], "info": whole["info"], "paths": paths, "components": components}


def _named(said: Any) -> Iterator[str]:
    if isinstance(said, Mapping):
        if isinstance(name := said.get(REFERENCE), str):
            yield name.rpartition("/")[2]
        for one in said.values():
            yield from _named(one)
    elif isinstance(said, list):
        for one in said:
            yield from _named(one)


async def _found(
    app: FastAPI,
    engine: Engine,
    asking: Asking,
    what: Asked,
    sort: Order,
    who: str,
    row: Callable[[View], Mapping[str, Cell]],
) -> Pages:
    """What is found, page by page, to the last row."""
    after = None
    async with _turns(app).of(who):
        while True:
            hits, lines = await some_of(engine, asking, what, sort, after, MOST)
            if after is None and sort == "relevance" and hits.count > questions.DEEPEST:
                sort = "entered"
                continue
            yield [row(line) for line in lines]
            if hits.next is None:
                return
            after = cursor_text(hits.next)


async def _file(
    request: Request, name: str, kind: Format, rows: Pages, write: Write, columns: Sequence[str] = ()
) -> Response:
    """The file, once its first rows are there: until then a refusal can be said."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    first = await anext(rows, ())
    if request.method == "HEAD":
        return Response(media_type=MEDIA[kind], headers=headers)

    async def written() -> AsyncIterator[bytes]:
        if columns:
            yield b"\xef\xbb\xbf" + write([dict(zip(columns, columns, strict=True))])
        yield write(first)
        async for some in rows:
            yield write(some)

    return StreamingResponse(written(), media_type=MEDIA[kind], headers=headers)


def _settings(app: FastAPI) -> Settings:
    settings: Settings = app.state.settings
    return settings


def _turns(app: FastAPI) -> Turns:
    """Room for those who take a file: for one caller all but one place."""
    if not hasattr(app.state, "public_files"):
        most = _settings(app).public_files
        app.state.public_files = Turns("public-files", most, max(1, most - 1), waiting=most)
    turns: Turns = app.state.public_files
    return turns
