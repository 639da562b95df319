"""The lines of lists: what a row of the store is shown as, and to whom. What depends on the time is decided here."""

from collections.abc import Mapping
from typing import Any, Final

from services.chassis.store import Row
from services.expertise.domain.state import LAST, View
from services.expertise.sight import Sight
from services.law import reasons

ROW: Final = (
    "rev",
    "state.number",
    "state.agency",
    "state.application.title",
    "state.application.sector",
    "state.status",
    "state.kind",
    "state.round",
    "state.opened",
    "state.order",
    "state.operator",
    "state.needed",
    "state.seated",
    "state.due_at",
    "state.nearing_at",
    "state.answers_due",
    "state.views",
)
"""The fields that a line is made of: a case with its rounds may be large."""


def case_row(row: Row, now: str, eyes: Sight) -> dict[str, Any]:
    """A line of a queue. Who else is on the case is told to nobody who only judges it."""
    state = row["state"]
    shown = {
        "id": row["_id"],
        "etag": f'"{row["rev"]}"',
        "number": state["number"],
        "agency": state["agency"],
        "title": state["application"]["title"],
        "sector": state["application"]["sector"],
        "status": state["status"],
        "kind": state["kind"],
        "round": state["round"],
        "opened": state["opened"],
        "operator": state["operator"],
        **flags(state, now),
        "answers_due": None if state["answers_due"] == LAST else state["answers_due"],
    }
    if eyes.all_cases and eyes.id not in state["seated"]:
        shown |= {"needed": state["needed"], "experts": state["seated"]}
    return shown


def flags(state: Mapping[str, Any], now: str) -> dict[str, Any]:
    """When a case is due and how it stands, decided at reading: right even if no timer ran."""
    due, near = state["due_at"], state["nearing_at"]
    return {
        "due_at": due,
        "nearing": due is not None and near is not None and near <= now < due,
        "breached": due is not None and due <= now,
        "suspended": View.SUSPENDED in state["views"],
    }


def expert_row(row: Row) -> dict[str, Any]:
    """A line of the directory."""
    shown = ("organisation", "competences", "capacity", "absences", "active", "edition")
    return {
        "id": row["state"]["expert_id"],
        "etag": f'"{row["rev"]}"',
        **{name: row["state"][name] for name in shown},
    }


def team_row(row: Row) -> dict[str, Any]:
    """A line of the list of teams."""
    return {"etag": f'"{row["rev"]}"', **row["state"]}


def notice_row(row: Row, *, persons: bool) -> dict[str, Any]:
    """A notice; a reason that the law itself gave is said in words, too. `persons`: with who acted (`by`), and of whom
    it tells; who judges a case is not told who else does."""
    shown = {name: row[name] for name in ("pilot", "kind", "fact", "time", "read")}
    what = {name: value for name, value in row["what"].items() if persons or name != "expert_id"}
    by = {"by": row.get("by")} if persons else {}  # a notice of an earlier program does not say it
    return {"id": row["_id"], **shown, **by, "what": reasons.beside(what)}
