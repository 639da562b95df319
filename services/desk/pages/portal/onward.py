"""How submissions go on once the Council has decided: whose move it is, by which day, and until when it is carried out.

Then it is the register that counts. It is asked for all submissions of a page at once; where it does not answer, the
page stands without these days, and says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from contracts.topics import REGISTRY
from services.desk.pages import steps
from services.desk.visit import Visit
from services.desk.words import Words

DECIDED: Final = "decided"
"""How a submission stands at intake that goes on in the register."""
CARRIED_OUT: Final = ("agreed", *steps.CARRIED_OUT)
"""The stages at which it matters until when a pilot is carried out."""

Row = Mapping[str, Any]


async def joined(visit: Visit, rows: Sequence[Row]) -> tuple[list[dict[str, Any]], bool]:
    """Rows of a list with what the register says of those that go on there, and whether it says it of all of them."""
    ids = [one["id"] for one in rows if one["status"] == DECIDED]
    lines = await visit.rows_if_let_in(REGISTRY, "/v1/pilots", id=ids, limit=len(ids)) if ids else ()
    known = {one["id"]: told(visit.words, one) for one in lines}
    return [{**one, **known.get(one["id"], {})} for one in rows], known.keys() >= {*ids}


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
