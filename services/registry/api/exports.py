"""Giving out over HTTP (выгрузка): who may asks for a list, and fetches its file when it is made; who took what."""

from collections.abc import Collection
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response
from fastapi.responses import JSONResponse, StreamingResponse

from contracts.forms import FILE_ID
from contracts.reference import Role
from services.chassis.answers import Named
from services.chassis.auth import Caller, allow
from services.chassis.body import Body
from services.chassis.described import GONE, CommandAnswer, files
from services.chassis.engine import Engine
from services.chassis.exports import given, worker
from services.chassis.exports.files import MEDIA
from services.chassis.hand import Hand, hand
from services.chassis.shares import Turns
from services.chassis.sight import Sight, hidden_pilots, seeing
from services.chassis.store import SUBJECTS, Row, Store
from services.chassis.web import PAGE, After, EngineOf, Limit, document, not_found, page
from services.law.exporting import KIND, Export, subject_of
from services.registry import queries
from services.registry.api.answers import ExportCard, TakenExport
from services.registry.api.persons import NamingOf
from services.registry.domain.export import Take
from services.registry.views import View

ASKERS: Final = (Role.HEAD_ORGANISATION, Role.REGISTRAR, Role.AUDITOR, Role.ADMIN)
"""Who may take lists out."""
OVERSEERS: Final = (Role.REGISTRAR, Role.AUDITOR, Role.ADMIN)
"""Who may see what others took."""
ASKING: Final = 64
"""How many ask for a list at the same moment."""
TELLING: Final = ("rows", "bytes", "digest", "why")
"""What another's list tells beside the codes that it was cut down by: how large it is, and free words on what it is
for, which may name a pilot."""
Asker = Annotated[Caller, Depends(allow(*ASKERS))]
Asking = Annotated[Hand, Depends(hand(*ASKERS))]
Id = Annotated[str, Path(pattern=FILE_ID)]


def routes() -> APIRouter:
    """Asking for lists, and the list of who did."""
    router = APIRouter(prefix="/v1/exports", tags=["exports"])
    one_by_one = Turns("exports", ASKING, 1, waiting=ASKING)

    @router.post("", status_code=202, response_model=CommandAnswer, responses={429: {}})
    async def ask(wanted: Body[Take], by: Asking) -> Response:
        """Asks for a list. It is made in the background, in turn between those who ask; Location says where to look.
        That it was asked for is a fact of the register. 429 while too many of the same person are on their way."""
        return await given.ask(by, wanted, one_by_one)

    @router.get("", response_model=Named[TakenExport])
    async def listed(
        engine: EngineOf,
        names: NamingOf,
        eyes: Annotated[Sight, Depends(seeing(*OVERSEERS))],
        after: After = None,
        limit: Limit = PAGE,
    ) -> Named[Any]:
        """Who took which list, when, why, and how many rows it had; the newest first."""
        query = {"kind": KIND, "state.asked": {"$gt": ""}, **eyes.but("state.filters.pilot")}
        found = await page(
            engine.store, SUBJECTS, query, worker.NEWEST, after=after, limit=limit, show=_entry, fields=["state"]
        )
        called = await queries.called(engine.store, (one["filters"].get("pilot", "") for one in found.items))
        told = [_measured(one, eyes.id, eyes.hidden) for one in found.items]
        items = [{**one, "pilot": called.get(one["filters"].get("pilot"))} for one in told]
        return Named[Any](items=items, next=found.next, persons=await names.of(items))

    @router.get("/{export}", response_model=ExportCard)
    async def one(export: Id, engine: EngineOf, names: NamingOf, caller: Asker) -> Response:
        """How far it is: for the person who asked, and for those who may see what others took."""
        state = await _seen(engine, export, caller)
        body = await given.how_far(engine.store, export, state, caller.id)
        body["pilot"] = await _called(engine.store, state, caller.id)
        if state.by != caller.id:
            body = _measured(body, caller.id, await hidden_pilots(engine.store, caller.id))
        body["persons"] = await names.of([body])
        return JSONResponse(body, headers={"Cache-Control": "private, no-store"})

    @router.get(
        "/{export}/file",
        response_class=StreamingResponse,
        responses={200: files(*MEDIA.values()), 409: {}, **GONE},
    )
    async def file(export: Id, engine: EngineOf, caller: Asker) -> Response:
        """The file, for the person who asked alone."""
        state = await _seen(engine, export, caller)
        return await given.file(engine, export, state, caller.id)

    return router


async def _seen(engine: Engine, id_: str, caller: Caller) -> Export:
    """An export that this caller may know of. Raises Problematic 404 otherwise: it does not exist for others."""
    found = await document(engine, subject_of(id_), KIND)
    assert isinstance(found.state, Export)
    if found.state.by == caller.id:
        return found.state
    named = found.state.filters.get("pilot")
    if not caller.roles & set(OVERSEERS) or named in await hidden_pilots(engine.store, caller.id):
        raise not_found()
    return found.state


async def _called(store: Store, state: Export, person: str) -> View | None:
    """Number and title of the pilot whose list it is; None where it is of many, or hidden from the person by now."""
    named = state.filters.get("pilot")
    if named is None or named in await hidden_pilots(store, person):
        return None
    return (await queries.called(store, [named])).get(named)


def _measured(said: dict[str, Any], person: str, hidden: Collection[str] | None) -> dict[str, Any]:
    """A list with how large it is and what it is for; of another's list that is not told to a person from whom a pilot
    is hidden: the own list beside it, without that pilot, would tell of it, and so may the words."""
    return said if said["by"] == person or not hidden else {**said, **dict.fromkeys(TELLING)}


def _entry(row: Row) -> dict[str, Any]:
    state = Export.model_validate(row["state"])
    shown = given.said(row["_id"].removeprefix(f"{KIND}:"), state)
    return {
        **shown,
        "state": "open" if not state.done else "failed" if state.digest is None else "done",
        "rows": state.rows,
    }
