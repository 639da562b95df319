"""Taking the list of cases out over HTTP (выгрузка): who may asks for it, and fetches the file when it is made."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response
from fastapi.responses import JSONResponse, StreamingResponse

from contracts.forms import FILE_ID
from contracts.reference import Role
from services.chassis.answers import Page
from services.chassis.auth import Caller, allow
from services.chassis.body import Body
from services.chassis.described import GONE, CommandAnswer, files
from services.chassis.engine import Engine
from services.chassis.exports import given, worker
from services.chassis.exports.files import MEDIA
from services.chassis.hand import Hand, hand
from services.chassis.shares import Turns
from services.chassis.sight import Sight, seeing
from services.chassis.store import SUBJECTS, Row
from services.chassis.web import PAGE, After, EngineOf, Limit, document, not_found, page
from services.expertise.api.access import OVERSEERS
from services.expertise.api.answers import CasesExport, TakenCases
from services.expertise.domain.export import Take
from services.law.exporting import KIND, Export, Format, subject_of

CONTROLLERS: Final = (Role.AUDITOR, Role.ADMIN)
"""Who may see what others took."""
ASKING: Final = 64
"""How many ask for a list at the same moment."""
OWN: Final = ("csv", "csv-semicolon", "jsonl")

Asker = Annotated[Caller, Depends(allow(*OVERSEERS))]
Asking = Annotated[Hand, Depends(hand(*OVERSEERS))]
Id = Annotated[str, Path(pattern=FILE_ID)]


def add(router: APIRouter) -> None:
    """`/exports`."""
    one_by_one = Turns("exports", ASKING, 1, waiting=ASKING)

    @router.post("/exports", tags=["exports"], status_code=202, response_model=CommandAnswer, responses={429: {}})
    async def ask(wanted: Body[Take], by: Asking) -> Response:
        """Asks for the list of cases. It is made in the background, in turn between those who ask; Location says where
        to look. That it was asked for, and why, is a fact. 429 while too many of the same person are on their way."""
        return await given.ask(by, wanted, one_by_one)

    @router.get("/exports", tags=["exports"])
    async def listed(
        engine: EngineOf,
        eyes: Annotated[Sight, Depends(seeing(*CONTROLLERS))],
        after: After = None,
        limit: Limit = PAGE,
    ) -> Page[TakenCases]:
        """Who took the list, when, why, and by which filters; the newest first."""

        def entry(row: Row) -> dict[str, Any]:
            shown = _entry(row)
            return shown if shown["by"] == eyes.id or not eyes.hidden else {**shown, "why": None}

        query = {"kind": KIND, "state.asked": {"$gt": ""}}
        return await page(
            engine.store, SUBJECTS, query, worker.NEWEST, after=after, limit=limit, show=entry, fields=["state"]
        )

    @router.get("/exports/{export}", tags=["exports"], response_model=CasesExport)
    async def one(export: Id, engine: EngineOf, caller: Asker) -> Response:
        """How far it is: for the person who asked alone."""
        state = await _own(engine, export, caller)
        body = await given.how_far(engine.store, export, state, caller.id)
        return JSONResponse(body, headers={"Cache-Control": "private, no-store"})

    @router.get(
        "/exports/{export}/file",
        tags=["exports"],
        response_class=StreamingResponse,
        responses={200: files(*(MEDIA[Format(one)] for one in OWN)), 409: {}, **GONE},
    )
    async def file(export: Id, engine: EngineOf, caller: Asker) -> Response:
        """The file, for the person who asked alone."""
        return await given.file(engine, export, await _own(engine, export, caller), caller.id)


async def _own(engine: Engine, id_: str, caller: Caller) -> Export:
    """An export that this caller asked for. Raises Problematic 404 otherwise: it does not exist for others."""
    found = await document(engine, subject_of(id_), KIND)
    assert isinstance(found.state, Export)
    if found.state.by != caller.id:
        raise not_found()
    return found.state


def _entry(row: Row) -> dict[str, Any]:
    """What others took: not how large it was, which would tell of a case that is hidden from who reads it here."""
    state = Export.model_validate(row["state"])
    shown = given.said(row["_id"].removeprefix(f"{KIND}:"), state)
    return {name: shown[name] for name in TakenCases.model_fields}
