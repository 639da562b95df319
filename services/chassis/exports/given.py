"""What routes on which lists are asked for and fetched have in common: whose turn, how far it is, and the file."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from fastapi.responses import StreamingResponse
from starlette.responses import Response

from contracts.event import wire_moment
from contracts.words import wording
from services.chassis.engine import Engine
from services.chassis.exports import worker
from services.chassis.exports.files import ENDINGS, MEDIA
from services.chassis.exports.waiting import open_of
from services.chassis.hand import Hand
from services.chassis.problems import Problematic
from services.chassis.shares import Turns
from services.chassis.sight import hidden_pilots
from services.chassis.store import Store, StoreAway
from services.law.exporting import Export, subject_of

FAULT: Final = "export.why.fault"
WHY_FAILED: Final[Mapping[str | None, str]] = {
    "export.too-long": "export.why.too-long",
    "export.too-old": "export.why.too-old",
}
"""The id of the words for why there is no file, by the code that the fact has; any other code tells of a fault."""
SHOWN: Final = (
    "list",
    "filters",
    "format",
    "language",
    "why",
    "asked",
    "by",
    "role",
    "organisation",
    "bytes",
    "digest",
    "failed",
)


async def ask(by: Hand, wanted: object, one_by_one: Turns) -> Response:
    """Asks for a list, under an id that follows from the caller and the Idempotency-Key; `Location` says where to look.
    Raises Problematic 429 for one more list than a person may have on their way."""
    id_ = hashlib.sha256(f"{by.caller.id}\0{by.key}".encode()).hexdigest()[:32]
    async with one_by_one.of(by.caller.id):
        await _need_share(by, subject_of(id_))
        answer = await by.put(subject_of(id_), wanted)
    answer.status_code = 202
    answer.headers["Location"] = f"/v1/exports/{id_}"
    return answer


async def _need_share(by: Hand, subject: str) -> None:
    """The same list again is none more."""
    most: int = by.request.app.state.settings.exports_of_one
    if await open_of(by.engine.store, by.caller.id, most) < most:
        return
    if subject not in await by.engine.documents([subject]):
        raise Problematic(429, "export.share", action="retry", headers={"Retry-After": "5"}, most=most)


async def how_far(store: Store, id_: str, state: Export, person: str) -> dict[str, Any]:
    """An export with how far it is, until when its file is kept, and where it is fetched by who asked."""
    mine = state.by == person
    until = await worker.kept_until(store, id_)
    gone = until is None or (mine and await _tells_more(store, id_, person))
    how = _standing(state, gone=gone)
    return {
        **said(id_, state),
        "state": how,
        "rows": state.rows if state.done else await worker.progress(store, id_),
        "kept_until": wire_moment(until) if until else None,
        "file": f"/v1/exports/{id_}/file" if how == "ready" and mine else None,
    }


async def _tells_more(store: Store, id_: str, person: str) -> bool:
    """Whether a pilot may stand in the file that has come to be hidden from the person since it was begun."""
    row = await store.get(worker.WORK, id_)
    known = row.get("hidden", ()) if row else ()
    return not await hidden_pilots(store, person) <= {*known}


def _standing(state: Export, *, gone: bool) -> str:
    """How far an export is."""
    if not state.done:
        return "open"
    if state.digest is None:
        return "failed"
    return "gone" if gone else "ready"


def said(id_: str, state: Export) -> dict[str, Any]:
    """An export as it is shown."""
    shown = state.model_dump(mode="json")
    return {"id": id_, **{name: shown[name] for name in SHOWN}}


async def file(engine: Engine, id_: str, state: Export, person: str) -> Response:
    """The file, for the person who asked alone. Raises Problematic 403, 409 while there is none, 410 once it is
    gone."""
    if state.by != person:
        raise Problematic(403, "export.not-yours")
    if not state.done:
        raise Problematic(409, "export.open", action="retry", headers={"Retry-After": "2"})
    if state.digest is None:
        raise Problematic(409, "export.failed", why=wording(WHY_FAILED.get(state.failed, FAULT)))
    first = await _first_piece(engine.store, id_, state.digest)
    if first is None or await _tells_more(engine.store, id_, person):
        raise Problematic(410, "export.gone")
    name = f"{state.list}-{state.asked:%Y-%m-%d}.{ENDINGS[state.format]}"
    headers = {
        "Content-Length": str(state.bytes),
        "Content-Disposition": f'attachment; filename="{name}"',
        "ETag": f'"{state.digest}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    streamed = _pieces(engine.store, id_, state.digest, first, state.bytes)
    return StreamingResponse(streamed, headers=headers, media_type=MEDIA[state.format])


async def _first_piece(store: Store, id_: str, digest: str) -> bytes | None:
    """How the file begins; None where it was thrown away."""
    row = await store.get(worker.FILES, worker.piece(id_, digest, 1))
    return bytes(row["data"]) if row else None


async def _pieces(store: Store, id_: str, digest: str, first: bytes, size: int) -> AsyncIterator[bytes]:
    """The file, piece by piece. Raises StoreAway where it is thrown away meanwhile: the answer then breaks off short
    of the length that it announced."""
    yield first
    sent, place = len(first), 1
    while sent < size:
        place += 1
        row = await store.get(worker.FILES, worker.piece(id_, digest, place))
        if row is None:
            raise StoreAway("a piece of an export is gone")
        yield bytes(row["data"])
        sent += len(row["data"])
