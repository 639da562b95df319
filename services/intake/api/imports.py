"""Spreadsheets over HTTP: a publisher sends a file and how it is read, and follows what becomes of its rows."""

import asyncio
import base64
import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from contracts.event import wire_moment
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
from services.intake.api.answers import FileKept, Import, Mappings
from services.intake.importing import asked, mapping
from services.intake.importing.asked import IMPORTS, State, What
from services.intake.importing.faulty import FaultyFile
from services.intake.importing.guessing import Guess, guessed
from services.intake.importing.mapping import FileHints
from services.intake.importing.tables import path_in

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


class FileSent(BaseModel):
    """A file of which nothing is asked yet but what its columns are."""

    # Not in contracts.steps, like the next: a word to this service about a file, of which no fact tells.

    file: Annotated[str, line(200)] = Field(description="The name of the file: plan.xlsx")
    content: Annotated[str, line(6_000_000, exact=True)] = Field(description="The bytes of the file as base64")


class ImportAsked(BaseModel):
    """A file, and how it is read: by a mapping that ships (`mapping`), or by the text of one (`toml`)."""

    file: Annotated[str, line(200)] = Field(description="The name of the file: plan.xlsx")
    content: Annotated[str | None, line(6_000_000, exact=True)] = Field(
        default=None, description="The bytes of the file as base64, or"
    )
    kept: Annotated[str | None, Field(pattern=FILE_ID, description="the id of a file that was sent before")] = None
    mapping: Annotated[str | None, line(100)] = None
    toml: Annotated[str | None, prose(100_000)] = None
    dry_run: bool = Field(default=False, description="Nothing is published; what would become of each row is told")


def add(router: APIRouter) -> None:
    """Imports of one's own agency."""

    @router.get(
        "/import-mappings", tags=["agencies"], dependencies=[Depends(allow(Role.PUBLISHER, scope=Scope.PUBLISH))]
    )
    async def mappings(request: Request) -> Mappings:
        """The mappings that ship."""
        return Mappings(items=sorted(_shipped(request)))

    @router.post("/import-files", tags=["agencies"], status_code=201, response_model=FileKept)
    @bounded(BOUNDS)
    async def hold(sent: Body[FileSent], engine: EngineOf, caller: Publisher) -> Response:
        """Sends a spreadsheet (CSV, XLSX) of which nothing is asked yet but what its columns are. An import names it as
        `kept`. The last 20 of an agency are kept, for a week."""
        agency, content = _agency(caller), _bytes(sent.content)
        found = await _guessed(sent.file, content, FileHints())
        id_ = await asked.hold(engine.store, agency, caller.id, engine.now(), content, _named(sent.file))
        said = _reading(await _kept(engine, id_, agency), found)
        return JSONResponse(said, 201, headers={"Location": f"/v1/import-files/{id_}"})

    @router.get("/import-files/{id}", tags=["agencies"], response_model=FileKept)
    async def held(
        id: Id,
        engine: EngineOf,
        caller: Publisher,
        sheet: Annotated[str | None, line(200)] = None,
        header: Annotated[int | None, Query(ge=1, le=1_000)] = None,
    ) -> Response:
        """The same file read anew: another sheet of it, or with the headings in this row. 422 where it has no such."""
        row = await _kept(engine, id, _agency(caller))
        found = await _guessed(row["file"], await _content(engine, id), FileHints(sheet=sheet, header=header))
        return JSONResponse(_reading(row, found), headers={"Cache-Control": "private, no-store"})

    @router.post("/imports", tags=["agencies"], status_code=202, response_model=Import, responses={429: {}})
    @bounded(BOUNDS)
    async def ask(wanted: Body[ImportAsked], request: Request, engine: EngineOf, caller: Publisher) -> Response:
        """Sends a spreadsheet (CSV, XLSX), whose rows become events of one's own agency. It is made in the background;
        Location says where to follow it. 422 with all that is wrong with the mapping. The same again under its
        Idempotency-Key is the import that it was."""
        agency = _agency(caller)
        text = _mapping(wanted, request)
        try:
            name = mapping.loads(text).name
        except FaultyFile as error:
            raise Problematic(422, "request.invalid", problems=error.problems) from None
        file = await _sent(wanted, engine, agency)
        query = {"agency": agency, "state": {"$in": [*asked.OPEN]}}
        if await engine.store.count(IMPORTS, query, OPEN_OF_ONE) >= OPEN_OF_ONE:
            raise Problematic(429, "import.share", action="retry", headers={"Retry-After": "10"}, most=OPEN_OF_ONE)
        said = {"file": _named(wanted.file), "mapping": name, "toml": text, "dry_run": wanted.dry_run}
        said["kept"], key = wanted.kept, _key(request, caller)
        id_ = await asked.ask(engine.store, agency, caller.id, engine.now(), file, key, **said)
        engine.pace.stir()
        row = await _row(engine, id_, agency)
        return JSONResponse(_said(row), 202, headers={"Location": f"/v1/imports/{id_}"})

    @router.get("/imports", tags=["agencies"])
    async def listed(engine: EngineOf, caller: Publisher, after: After = None, limit: Limit = PAGE) -> Page[Import]:
        """The imports of one's own agency, the newest first."""
        query = {"agency": _agency(caller), "state": {"$ne": State.KEPT}}
        return await page(engine.store, IMPORTS, query, asked.NEWEST, after=after, limit=limit, show=_said)

    @router.get("/imports/{id}", tags=["agencies"], response_model=Import)
    async def one(id: Id, engine: EngineOf, caller: Publisher) -> Response:
        """How far it is, and what became of its rows."""
        return JSONResponse(_said(await _row(engine, id, _agency(caller))), headers={"Cache-Control": "no-store"})

    @router.post("/imports/{id}/stop", tags=["agencies"], status_code=202, response_model=Import, responses={409: {}})
    async def stop(id: Id, engine: EngineOf, caller: Publisher) -> Response:
        """Stops it between two pieces of 20 rows. What is published stays."""
        return await _turned(engine, id, caller, {"stop": True}, asked.OPEN)

    @router.post("/imports/{id}/resume", tags=["agencies"], status_code=202, response_model=Import, responses={409: {}})
    async def resume(id: Id, engine: EngineOf, caller: Publisher) -> Response:
        """Goes on with one that was stopped. Its rows are gone through anew: what was registered is a duplicate, and
        what was refused is judged anew."""
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


async def _sent(wanted: ImportAsked, engine: EngineOf, agency: str) -> bytes:
    """The file of an import. Raises Problematic 422."""
    if (wanted.content is None) == (wanted.kept is None):
        raise _invalid(problem("/content", "import.one-file"))
    if wanted.content is not None:
        return _bytes(wanted.content)
    try:
        await _kept(engine, wanted.kept or "", agency)
    except Problematic:
        raise _invalid(problem("/kept", "import.file-gone")) from None
    return await _content(engine, wanted.kept or "")


async def _content(engine: EngineOf, id_: str) -> bytes:
    return b"".join([piece async for piece in asked.content(engine.store, id_, "file")])


def _key(request: Request, caller: Caller) -> str | None:
    """The id of an import that is asked for under a key."""
    said = request.headers.get("idempotency-key")
    return None if said is None else hashlib.sha256(f"{caller.id}\0{said}".encode()).hexdigest()[:32]


def _named(file: str) -> str:
    """The name of a file without its folders."""
    named = FilePath(file).name
    return named if named.strip(".") else "file"


async def _guessed(file: str, content: bytes, hints: FileHints) -> Guess:
    """Raises Problematic 422 for a file that cannot be read."""
    try:
        return await asyncio.to_thread(_guess, _named(file), content, hints)
    except FaultyFile as error:
        raise Problematic(422, "request.invalid", problems=error.problems) from None


def _guess(file: str, content: bytes, hints: FileHints) -> Guess:
    with tempfile.TemporaryDirectory(prefix="lotsman-import-") as folder:
        path = path_in(folder, file)
        path.write_bytes(content)
        return guessed(path, hints)


def _reading(row: Row, found: Guess) -> dict[str, Any]:
    table = found.table
    where = {"sheet": table.sheet, "sheets": [*table.sheets], "header": table.header}
    read = {
        "headings": found.headings,
        "samples": found.samples,
        "texts": found.texts,
        "rows": len(table.rows),
        "columns": found.columns,
    }
    return {"id": row["_id"], "file": row["file"], **where, **read, "kept_until": wire_moment(row["remove_at"])}


def _bytes(content: str) -> bytes:
    """The file. Raises Problematic 422."""
    try:
        found = base64.b64decode(content, validate=True)
    except ValueError:
        raise _invalid(problem("/content", "import.no-base64")) from None
    if len(found) > MOST_BYTES:
        raise _invalid(problem("/content", "import.file-large", most=MOST_BYTES // 2**20))
    return found


def _invalid(*problems: Problem) -> Problematic:
    return Problematic(422, "request.invalid", problems=problems)


async def _row(engine: EngineOf, id_: str, agency: str) -> Row:
    row = await asked.of_agency(engine.store, id_, agency)
    if row is None or row["state"] == State.KEPT:
        raise not_found()
    return row


async def _kept(engine: EngineOf, id_: str, agency: str) -> Row:
    """A file of which nothing is asked yet. Raises Problematic 404."""
    row = await asked.of_agency(engine.store, id_, agency)
    if row is None or row["state"] != State.KEPT:
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
    named = ("asked", "file", "mapping", "toml", "dry_run", "state", "rows", "done", "counts", "problems")
    where = {
        what: f"/v1/imports/{row['_id']}/{what}" if what in row["files"] else None for what in ("report", "marked")
    }
    said = {name: row[name] for name in named}
    said["kept"] = row.get("kept")
    return {"id": row["_id"], **said, "stopping": row["stop"], **where, "kept_until": wire_moment(row["remove_at"])}
