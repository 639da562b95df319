"""The lines of lists: what a row of the store is shown as, and to whom. What depends on the time is decided here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from contracts.event import wire_moment
from contracts.expertise import ReviewKind
from services.chassis.store import Row
from services.expertise.domain.state import APPEAL, CLARIFICATION, LAST, TERM_OF, Debt, OwedBy, View
from services.expertise.queries import Debtor
from services.expertise.sight import Sight
from services.law import reasons
from services.law.calendar import Calendars
from services.law.ledger import Ledger, remaining

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
    "state.owed",
    "state.terms",
)
"""The fields that a line is made of: a case with its rounds may be large."""


ANYBODY: Final = Debtor()


def case_row(row: Row, at: datetime, eyes: Sight, calendars: Calendars, debtor: Debtor = ANYBODY) -> dict[str, Any]:
    """A line of a queue, with what the debtor owes. Who else is on the case is told to nobody who only judges it."""
    state, now = row["state"], wire_moment(at)
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
        **_clock(state, at, calendars),
        "owed": _owed(state, now, debtor, eyes),
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


def _clock(state: Mapping[str, Any], at: datetime, calendars: Calendars) -> dict[str, Any]:
    """How many days are left of the term that bounds the work, and since when its clock stands."""
    term = _running(state, APPEAL) or _running(state, TERM_OF[ReviewKind(state["kind"])])
    if term is None:
        return {"left": None, "unit": None, "stopped_since": None}
    ledger = Ledger.model_validate(term["ledger"])
    since = ledger.suspensions[-1].since if ledger.stopped else None
    left = remaining(ledger, at, calendars[ledger.term.calendar])
    return {
        "left": left,
        "unit": ledger.term.unit,
        "stopped_since": None if since is None else wire_moment(since),
    }


def _running(state: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The open term of a kind."""
    terms: Sequence[Mapping[str, Any]] = state["terms"]
    open_ones = (one for one in terms if one["ledger"]["ended"] is None)
    return next((one for one in open_ones if one["ledger"]["term"]["kind"] == kind), None)


def _owed(state: Mapping[str, Any], now: str, debtor: Debtor, eyes: Sight) -> list[dict[str, Any]]:
    """What the debtor owes. An answer of the applicant has a term of its own; all else goes by the case's.

    Who sits on the case as an expert is not told what the other experts owe, and who only judges cases is told of the
    own steps and the applicant's alone.
    """
    waiting = _running(state, CLARIFICATION)
    clock = waiting["clock"] if waiting else {"due_at": None, "nearing_at": None}
    main, answers = flags(state, now), flags({**clock, "views": ()}, now)
    found = [one for one in state["owed"] if debtor.owes(one) and _told(one, state, eyes)]
    return [{**one, **(answers if one["what"] == Debt.ANSWERS else main), "due_at": one["due_at"]} for one in found]


def _told(one: Mapping[str, Any], state: Mapping[str, Any], eyes: Sight) -> bool:
    """Whether the reader is told of a debt."""
    if not eyes.all_cases:
        return bool(one["who"] == eyes.id or one["by"] == OwedBy.APPLICANT)
    return not (eyes.id in state["seated"] and one["by"] == OwedBy.EXPERT and one["who"] != eyes.id)


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
