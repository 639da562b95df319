"""The issued papers (выданные документы): the bytes of each conclusion as it was signed, in a collection of their own.

A paper is an original, no view of anything: the names of its signers stand in it alone, and nothing makes it anew. It
is written before the fact that carries its digests, never changed, copied by a rebuild and by a backup. Its `_id` is
the case and the number, so whoever prints it first has printed it for all. What is to be printed: `PRINTING`.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from contracts.event import Event
from contracts.expertise import ConclusionNumberedV1, PaperDigest, PaperForm
from services.chassis.store import Keys, Row, Store

PAPERS: Final = "papers"
PRINTING: Final = "printing"
"""The jobs: conclusions that have a number and are not issued yet."""
FREE: Final[Keys] = (("until", 1),)
"""The index of the jobs that are free."""


def job_of(service: str, event: Event, fact: ConclusionNumberedV1) -> Row:
    """The job that a number asks for: whose conclusion, and as whose deed it is issued."""
    return {
        "_id": name_of(fact.pilot, fact.number),
        "pilot": fact.pilot,
        "number": fact.number,
        "actor": fact.actor.model_dump(mode="json"),
        "owner": f"fact:{service}",
        "place": f"{event.subject}/{event.sequence}>{fact.pilot}",
        "event": event.id,
        "correlation": event.correlation,
        "trace": dict(event.trace),
        "by": None,
        "until": event.time,
        "tries": 0,
    }


class Missing(Exception):
    """The bytes of an issued paper are not there."""


class Altered(Exception):
    """The bytes are not those that the fact tells of."""


def name_of(pilot: str, number: str) -> str:
    """Under which `_id` the papers of a conclusion lie."""
    return f"{pilot}/{number}"


def digest_of(form: PaperForm, content: bytes) -> PaperDigest:
    """What a fact says of a paper."""
    return PaperDigest(form=form, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


async def laid(store: Store, names: Collection[str]) -> dict[str, tuple[PaperDigest, ...]]:
    """The digests of the papers that lie under these names, taken from the bytes; nothing of one for which nothing was
    printed. Raises StoreAway."""
    if not names:
        return {}
    rows = await store.rows(PAPERS, {"_id": {"$in": sorted(names)}}, sort=[("_id", 1)], limit=len(names))
    return {row["_id"]: tuple(digest_of(form, bytes(row[form])) for form in PaperForm if form in row) for row in rows}


async def lay(
    store: Store, made: Mapping[str, Mapping[PaperForm, bytes]], at: datetime
) -> dict[str, tuple[PaperDigest, ...]]:
    """Lays all forms of each of these conclusions down, each in one write, unless others were first; the digests of
    what lies there. Raises StoreAway."""
    if made:
        rows = [{"_id": name, "at": at, **{str(one): it for one, it in forms.items()}} for name, forms in made.items()]
        await store.add(PAPERS, rows)
    return await laid(store, list(made))


async def take(store: Store, name: str, form: PaperForm, known: Sequence[PaperDigest]) -> bytes:
    """The bytes of a paper, held against the digests of its fact. Raises Missing, Altered and StoreAway."""
    row = await store.get(PAPERS, name)
    if row is None or form not in row:
        raise Missing
    content = bytes(row[form])
    if known and digest_of(form, content) not in known:
        raise Altered
    return content


async def lay_again(
    store: Store, name: str, content: bytes, known: Sequence[PaperDigest], at: datetime
) -> PaperForm | None:
    """Lays down a copy of a paper that was lost or altered, if it is what the fact tells of; of which form it is, or
    None. Raises StoreAway."""
    form = next((one.form for one in known if digest_of(one.form, content) == one), None)
    if form is not None:
        row: Row = {"_id": name, "at": at, str(form): content}
        await store.put_new(PAPERS, [row], renewed=(str(form),))
    return form
