"""What expertise shows: reviews and their queues. Lists are kept fast by the indexes named here."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.chassis.store import Keys, Row
from services.chassis.subject import Document
from services.expertise.domain.pilot import KIND, Review

BY_AGE: Final = (("state.opened", 1), ("_id", 1))
INDEXES: Final[Mapping[str, Sequence[Keys]]] = {
    "subjects": [
        (("kind", 1), *BY_AGE),
        (("kind", 1), ("state.status", 1), *BY_AGE),
        (("kind", 1), ("state.experts", 1), *BY_AGE),
    ]
}


def reviews(status: str | None, expert: str | None) -> dict[str, Any]:
    """The query of the list; an expert sees only what is assigned to that expert."""
    query: dict[str, Any] = {"kind": KIND, "version": {"$gt": 0}}
    if status is not None:
        query["state.status"] = status
    if expert is not None:
        query["state.experts"] = expert
    return query


def review_row(row: Row) -> dict[str, Any]:
    """A line of the list."""
    state = row["state"]
    return {
        "id": row["_id"],
        "status": state["status"],
        "number": state["number"],
        "agency": state["agency"],
        "title": state["application"]["title"],
        "sector": state["application"]["sector"],
        "round": state["round"],
        "opened": state["opened"],
        "experts": state["experts"],
        "verdict": state["verdict"],
    }


def review_card(document: Document) -> dict[str, Any]:
    """A review as operators and its expert see it."""
    assert isinstance(document.state, Review)
    return {"id": document.subject, "version": document.version, **document.state.model_dump(mode="json")}
