"""What the register shows: list, card, timeline. Lists are kept fast by the indexes named here."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.chassis.store import Keys, Row
from services.chassis.subject import Document
from services.registry.domain.pilot import KIND, NEXT_MOVE, Pilot, Stage
from services.registry.handlers import TIMELINE

NEWEST: Final = (("state.entered", -1), ("_id", -1))
IN_ORDER: Final = (("pilot", 1), ("sequence", 1))

INDEXES: Final[Mapping[str, Sequence[Keys]]] = {
    "subjects": [
        (("kind", 1), *NEWEST),
        (("kind", 1), ("state.stage", 1), *NEWEST),
        (("kind", 1), ("state.agency", 1), *NEWEST),
        (("kind", 1), ("state.application.sector", 1), *NEWEST),
        (("kind", 1), ("state.agency", 1), ("state.stage", 1), *NEWEST),
        (("kind", 1), ("state.agency", 1), ("state.application.sector", 1), *NEWEST),
        (("kind", 1), ("state.application.sector", 1), ("state.stage", 1), *NEWEST),
        (("state.number", 1),),
    ],
    TIMELINE: [(("pilot", 1), ("sequence", 1))],
}


def pilots(stage: str | None, agency: str | None, sector: str | None, number: str | None) -> dict[str, Any]:
    """The query of the list."""
    asked = {
        "state.stage": stage,
        "state.agency": agency,
        "state.application.sector": sector,
        "state.number": number,
    }
    return {"kind": KIND, "version": {"$gt": 0}, **{k: v for k, v in asked.items() if v is not None}}


def pilot_row(row: Row) -> dict[str, Any]:
    """A line of the list: where the pilot stands, who has the next move, which term runs."""
    state = row["state"]
    return {
        "id": row["_id"],
        "number": state["number"],
        "title": state["application"]["title"],
        "sector": state["application"]["sector"],
        "agency": state["agency"],
        "stage": state["stage"],
        "next_move": NEXT_MOVE[Stage(state["stage"])],
        "term": state["term"],
        "entered": state["entered"],
    }


def pilot_card(document: Document) -> dict[str, Any]:
    """A pilot's card."""
    assert isinstance(document.state, Pilot)
    return {
        "id": document.subject,
        "version": document.version,
        "next_move": NEXT_MOVE[document.state.stage],
        "correlation": document.correlation,
        **document.state.model_dump(mode="json"),
    }


def timeline_row(row: Row) -> dict[str, Any]:
    """A line of the timeline."""
    return {k: v for k, v in row.items() if k not in ("_id", "pilot")}
