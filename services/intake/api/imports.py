"""Spreadsheets over HTTP: a publisher sends a file and how it is read, and follows what becomes of its rows."""

import base64
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from contracts.event import Contract, Moment, wire_moment
from contracts.forms import FILE_ID
from contracts.reference import Problem, Role, Scope
from contracts.text import line, prose
from contracts.words import problem
from services.chassis.answers import Page
from services.chassis.auth import Caller, allow
from services.chassis.body import Body
from services.chassis.bounds import Bounds, bounded
from services.chassis.described import files
from services.chassis.problems import Problematic
from services.chassis.store import Row
from services.chassis.web import PAGE, After, EngineOf, Limit, not_found, page
from services.intake.importing import asked, mapping
from services.intake.importing.asked import IMPORTS, State, What
from services.intake.importing.faulty import FaultyFile

MOST_BYTES: Final = 4 * 1024 * 1024
"""The largest file (assumption: five thousand rows have a fifth of it)."""
BOUNDS: Final = Bounds(bytes=6 * 1024 * 1024)
"""Of the request: the file as base64, with its mapping."""
OPEN_OF_ONE: Final = 3
"""So many imports of an agency may be open at once (assumption)."""
MEDIA: Final = "application/octet-stream"
CSV: Final = "text/csv"
Publisher = Annotated[Caller, Depends(allow(Role.PUBLISHER, scope=Scope.PUBLISH))]
Id = Annotated[str, Path(pattern=FILE_ID)]


class ImportAsked(BaseModel):
    """A file, and how it is read: by a mapping that ships (`mapping`), or by the text of one (`toml`)."""

    # Not in contracts.steps: a word to this service about a file, of which no fact tells.

    file: Annotated[str, line(200)] = Field(description="The name of the file: plan.xlsx")
    content: Annotated[str, line(6_000_000, exact=True)] = Field(description="The bytes of the file as base64")
    mapping: Annotated[str | None, line(100)] = None
    toml: Annotated[str | None, prose(100_000)] = None
    dry_run: bool = Field(default=False, description="Nothing is published; what would become of each row is told")


class Counts(Contract):
    """What became of the rows that are done: `rows = published + refused` when all are, and `published` is the sum of
    the following; `balance` is the difference."""

    rows: int
    published: int
    refused: int
    reasons: dict[str, int]
    registered: int
    duplicates: int
    rejected: int
    parked: int
    in_flight: int
    balance: int


class Import(Contract):
    """An import: where it is, how many of its rows are done, and what became of them. `problems`: why the file or its
    mapping cannot be used as a whole. `report` and `marked` are where the list of faults and the marked file are."""

    id: str
    asked: Moment
    file: str
    mapping: str
    dry_run: bool
    state: State
    stopping: bool
    rows: int | None
    done: int
    counts: Counts | None
    problems: list[Problem]
    report: str | None
    marked: str | None
    kept_until: Moment


class Mappings(BaseModel):
    """The mappings that ship, by their names."""

    items: list[str]


def add(router: APIRouter) -> None:
    """Imports of one's own agency."""

    @router.get(
        "/import-mappings", tags=["agencies"], dependencies=[Depends(allow(Role.PUBLISHER, scope=Scope.PUBLISH))]
    )
    async def mappings(request: Request) -> Mappings:
        """The mappings that ship."""
        return Mappings(items=sorted(_shipped(request)))

    @router.post("/imports", tags=["agencies"], status_code=202, response_model=Import, responses={429: {}})
    @bounded(BOUNDS)
    async def ask(wanted: Body[ImportAsked], request: Request, engine: EngineOf, caller: Publisher) -> Response:
        """Sends a spreadsheet (CSV, XLSX), whose rows become events of one's own agency. It is made in the background;
        Location says where to follow it. 422 with all that is wrong with the mapping."""
        agency = _agency(caller)
        text = _mapping(wanted, request)
        try:
            name = mapping.loads(text).name
        except FaultyFile as error:
            raise Problematic(422, "request.invalid", problems=error.problems) from None
        file = _bytes(wanted)
        query = {"agency": agency, "state": {"$in": [*asked.OPEN]}}
        if await engine.store.count(IMPORTS, query, OPEN_OF_ONE) >= OPEN_OF_ONE:
            raise Problematic(429, "import.share", action="retry", headers={"Retry-After": "10"}, most=OPEN_OF_ONE)
        named = FilePath(wanted.file).name
        said = {"file": named if named.strip(".") else "file", "mapping": name, "toml": text, "dry_run": wanted.dry_run}
        id_ = await asked.ask(engine.store, agency, caller.id, engine.now(), file, **said)
        engine.pace.stir()
        row = await _row(engine, id_, agency)
        return JSONResponse(_said(row), 202, headers={"Location": f"/v1/imports/{id_}"})

    @router.get("/imports", tags=["agencies"])
    async def listed(engine: EngineOf, caller: Publisher, after: After = None, limit: Limit = PAGE) -> Page[Import]:
        """The imports of one's own agency, the newest first."""
        query = {"agency": _agency(caller)}
        return await page(engine.store, IMPORTS, query, asked.NEWEST, after=after, limit=limit, show=_said)

    @router.get("/imports/{id}", tags=["agencies"], response_model=Import)
    async def one(id: Id, engine: EngineOf, caller: Publisher) -> Response:
        """How far it is, and what became of its rows."""
        return JSONResponse(_said(await _row(engine, id, _agency(caller))), headers={"Cache-Control": "no-store"})

    @router.post("/imports/{id}/stop", tags=["agencies"], status_code=202, response_model=Import, responses={409: {}})
    async def stop(id: Id, engine: EngineOf, caller: Publisher) -> Response:
        """Stops it between two pieces of a hundred rows. What is published stays."""
        return await _turned(engine, id, caller, {"stop": True}, asked.OPEN)

    @router.post("/imports/{id}/resume", tags=["agencies"], status_code=202, response_model=Import, responses={409: {}})
    async def resume(id: Id, engine: EngineOf, caller: Publisher) -> Response:
        """Goes on with one that was stopped. Its rows are gone through anew: what was registered is a duplicate."""
        answer = await _turned(engine, id, caller, {"state": State.WAITING, "stop": False, "done": 0}, (State.STOPPED,))
        engine.pace.stir()
        return answer

    @router.get(
        "/imports/{id}/report",
        tags=["agencies"],
        response_class=StreamingResponse,
        responses={200: files(CSV), 409: {}},
    )
    async def report(id: Id, engine: EngineOf, caller: Publisher) -> Response:
        """What is wrong: row, column, rule, words in three languages (CSV)."""
        return await _file(engine, id, caller, "report", CSV)

    @router.get(
        "/imports/{id}/marked",
        tags=["agencies"],
        response_class=StreamingResponse,
        responses={200: files(MEDIA), 409: {}},
    )
    async def marked(id: Id, engine: EngineOf, caller: Publisher) -> Response:
        """The file as it was sent, with every fault marked."""
        return await _file(engine, id, caller, "marked", MEDIA)


def _agency(caller: Caller) -> str:
    if not caller.organisation:
        raise Problematic(403, "auth.organisation")
    return caller.organisation


def _shipped(request: Request) -> Mapping[str, FilePath]:
    folder = FilePath(request.app.state.settings.mappings)
    return {path.stem: path for path in folder.glob("*.toml")}


def _mapping(wanted: ImportAsked, request: Request) -> str:
    """The text of the mapping. Raises Problematic 422."""
    if (wanted.mapping is None) == (wanted.toml is None):
        raise _invalid(problem("/mapping", "import.one-mapping"))
    if wanted.toml is not None:
        return wanted.toml
    shipped = _shipped(request)
    found = shipped.get(wanted.mapping or "")
    if found is None:
        raise _invalid(problem("/mapping", "import.unknown-mapping", known=sorted(shipped)))
    return found.read_text(encoding="utf-8")


def _bytes(wanted: ImportAsked) -> bytes:
    """The file. Raises Problematic 422."""
    try:
        found = base64.b64decode(wanted.content, validate=True)
    except ValueError:
        raise _invalid(problem("/content", "import.no-base64")) from None
    if len(found) > MOST_BYTES:
        raise _invalid(problem("/content", "import.file-large", most=MOST_BYTES // 2**20))
    return found


def _invalid(*problems: Problem) -> Problematic:
    return Problematic(422, "request.invalid", problems=problems)


async def _row(engine: EngineOf, id_: str, agency: str) -> Row:
    row = await asked.of_agency(engine.store, id_, agency)
    if row is None:
        raise not_found()
    return row


async def _turned(engine: EngineOf, id_: str, caller: Caller, said: Row, of: tuple[State, ...]) -> Response:
    """An import that is in one of these states is turned. Raises Problematic 404 and 409."""
    agency = _agency(caller)
    await _row(engine, id_, agency)
    if not await engine.store.mark(IMPORTS, {"_id": id_, "state": {"$in": [*of]}}, said):
        row = await _row(engine, id_, agency)
        if not all(row[name] == value for name, value in said.items()):
            raise Problematic(409, "import.not-now")
    return JSONResponse(_said(await _row(engine, id_, agency)), 202)


async def _file(engine: EngineOf, id_: str, caller: Caller, what: What, media: str) -> Response:
    row = await _row(engine, id_, _agency(caller))
    if what not in row["files"]:
        raise Problematic(409, "import.open", action="retry", headers={"Retry-After": "2"})
    headers = {
        "Content-Disposition": f'attachment; filename="{row["files"][what]}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(asked.content(engine.store, id_, what), headers=headers, media_type=media)


def _said(row: Row) -> dict[str, Any]:
    named = ("asked", "file", "mapping", "dry_run", "state", "rows", "done", "counts", "problems")
    where = {
        what: f"/v1/imports/{row['_id']}/{what}" if what in row["files"] else None for what in ("report", "marked")
    }
    said = {name: row[name] for name in named}
    return {"id": row["_id"], **said, "stopping": row["stop"], **where, "kept_until": wire_moment(row["remove_at"])}
