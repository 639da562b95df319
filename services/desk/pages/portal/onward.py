"""How submissions go on once the Council has decided: whose move it is, by which day, and until when it is carried out.

Then it is the register that counts. It is asked for all submissions of a page at once; where it does not answer, the
page stands without these days, and says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from contracts.topics import INTAKE, REGISTRY
from services.desk.pages import steps
from services.desk.pages.portal import agency
from services.desk.visit import Visit
from services.desk.words import Words

DECIDED: Final = "decided"
"""How a submission stands at intake that goes on in the register."""
CARRIED_OUT: Final = ("agreed", *steps.CARRIED_OUT)
"""The stages at which it matters until when a pilot is carried out."""
EXECUTOR: Final = "executor"
"""Who carries a pilot out, and has the next move"""
OF_EXECUTOR: Final = ("expedient", *CARRIED_OUT)
"""at these stages."""

Row = Mapping[str, Any]


async def joined(visit: Visit, rows: Sequence[Row]) -> tuple[list[dict[str, Any]], bool]:
    """Rows of a list with what the register says of those that go on there, and whether it says it of all of them."""
    ids = [one["id"] for one in rows if one["status"] == DECIDED]
    lines = await visit.rows_if_let_in(REGISTRY, "/v1/pilots", id=ids, limit=len(ids)) if ids else ()
    known = {one["id"]: told(visit.words, one) for one in lines}
    return [{**one, **known.get(one["id"], {})} for one in rows], known.keys() >= {*ids}


async def of_executor(visit: Visit, after: str, limit: int) -> tuple[list[dict[str, Any]], str]:
    """A page of the agency's pilots in which the executor has the next move, as rows of the list, and what leads to the
    next: over all pages what is due first comes first, what has no day last. Its order may be a moment behind: what has
    gone on meanwhile is left out. Raises Away, Refused."""
    asked = {"agency": agency.of(visit), "stage": [*OF_EXECUTOR], "sort": "due", "after": after, "limit": limit}
    found = (await visit.ask(REGISTRY, "/v1/search", **asked)).body
    known = {one["id"]: told(visit.words, one) for one in found["items"] if one["next_move"] == EXECUTOR}
    if not known:
        return [], found["next"] or ""
    lines = await visit.ask(INTAKE, "/v1/applications", id=[*known], limit=len(known))
    rows = {one["id"]: one for one in lines.body["items"]}
    return [{**rows[id_], **said} for id_, said in known.items() if id_ in rows], found["next"] or ""


def move(words: Words, whose: str | None) -> str:
    """Whose move it is; None: nobody's any more."""
    return words.code("waits", whose) if whose else words.say("waits.nobody")


def told(words: Words, pilot: Row) -> dict[str, Any]:
    """What the register's line of a pilot, or its card, says of the next move."""
    term = pilot["term"]
    return {
        "move": move(words, pilot["next_move"]),
        "next_due": term and term["due_at"],
        "term": steps.terms(words.language).get(term["kind"], "") if term else "",
        "stands": term is not None and term["due_at"] is None,
        "until": pilot["until"] if pilot["stage"] in CARRIED_OUT else None,
    }
