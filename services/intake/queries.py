"""What intake shows: applications, the directory, receipts. Lists are kept fast by the indexes named here."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.event import wire_moment
from contracts.rules import RuleBook
from contracts.topics import EXPERTISE
from services.chassis import recalendar
from services.chassis.auth import KEY_BEGINS
from services.chassis.hooks import rows as hooks
from services.chassis.parking import PERSONAL
from services.chassis.sight import Sight
from services.chassis.store import BY_ID, PARKED, SUBJECTS, Keys, Row, Store
from services.chassis.subject import Document
from services.chassis.watching import COUNTED
from services.intake import balance, broken, receipts, sent
from services.intake.contacts import LATEST, READINGS
from services.intake.domain.agency import Agency, edition_for
from services.intake.domain.agency_keys import ApiKey
from services.intake.domain.state import FINAL, LOOKED_OVER, Pilot, Status
from services.intake.domain.state import KIND as PILOT_KIND
from services.intake.following import WaitsFor, next_of, waits_for
from services.intake.importing import asked
from services.law.standing import KIND as AGENCY_KIND

BY_DUE: Final = (("state.due_at", 1), ("_id", 1))
BY_AGE: Final = (("state.received", -1), ("_id", -1))
OWN_NUMBER: Final[Keys] = (("state.agency", 1), ("state.application.own_number", 1), ("_id", 1))
STATUS_THEN_DUE: Final = (("state.status", 1), *BY_DUE)
BY_STATUS: Final[Keys] = (("kind", 1), ("state.status", 1), *BY_DUE)
NEARING: Final = timedelta(days=2)
"""How long before its end a term is counted as nearly over (assumption: the reminders of an edition may differ)."""
INDEXES: Final[Mapping[str, Sequence[Keys]]] = {
    SUBJECTS: [
        BY_STATUS,
        (("kind", 1), ("state.agency", 1), ("state.status", 1), *BY_DUE),
        (("kind", 1), ("state.received", -1), ("_id", -1)),
        (("kind", 1), ("state.agency", 1), ("state.received", -1), ("_id", -1)),
        (("kind", 1), ("_id", 1)),
        OWN_NUMBER,
        recalendar.INDEX,
    ],
    PARKED: [PERSONAL, (("event_id", 1), ("topic", 1))],
    READINGS: [LATEST],
    receipts.JOURNAL: receipts.INDEXES,
    **hooks.INDEXES,
    broken.BROKEN: [broken.COUNTED],
    **balance.INDEXES,
    **asked.INDEXES,
    **sent.INDEXES,
}


_ASKED: Final[Mapping[str, Any]] = {"$elemMatch": {"outcome": None}}
"""Requests of which one at least waits for answers."""
_FIXED: Final[Mapping[str, Any]] = {"state.fixing": {"$ne": None}, "state.fixing.ended": None}
"""The applicant has time for changes."""
_WAITING: Final[Mapping[WaitsFor, Mapping[str, Any]]] = {
    WaitsFor.OFFICER: {"state.status": Status.REGISTERED},
    WaitsFor.APPLICANT: {
        "state.status": {"$in": [Status.RETURNED, Status.ACCEPTED, Status.CONCLUDED]},
        "$nor": [
            {"state.status": Status.ACCEPTED, "state.requests": {"$not": _ASKED}},
            {"state.status": Status.CONCLUDED, "$nor": [_FIXED]},
        ],
    },
    WaitsFor.EXPERTISE: {"state.status": Status.ACCEPTED, "state.requests": {"$not": _ASKED}},
    WaitsFor.COUNCIL: {"state.status": Status.CONCLUDED, "$nor": [_FIXED]},
    WaitsFor.EXECUTOR: {"state.status": Status.DECIDED, "state.carrying_out.over": {"$ne": True}},
}
"""The applications that wait for each: what `following.next_of` says of one, as a query."""


def applications(
    status: str | None, agency: str | None, eyes: Sight, waiting: WaitsFor | None = None, ids: Sequence[str] = ()
) -> tuple[dict[str, Any], Keys]:
    """The query and the order of the list: by id where some are named; by due date where a status is asked for; by
    status, then by due date, where it is asked whom they wait for; else the newest first."""
    query: dict[str, Any] = {"kind": PILOT_KIND, "version": {"$gt": 0}, **eyes.but()}
    if not eyes.whole(agency or eyes.agency or ""):
        query["_id"] = {"$in": []}
    if (asked := agency or eyes.agency) is not None:
        query["state.agency"] = asked
    if status is not None:
        query["state.status"] = status
    if ids:
        waited = _WAITING[waiting] if waiting is not None else {}
        return {"$and": [query, waited, {"_id": {"$in": sorted(ids)}}]}, BY_ID
    if waiting is not None:
        return {"$and": [query, _WAITING[waiting]]}, STATUS_THEN_DUE
    return query, BY_DUE if status is not None else BY_AGE


async def terms(store: Store, now: datetime) -> Mapping[str, int]:
    """How many applications wait for intake or their agency, and of how many of these the term is over, or nearly."""
    then, soon = wire_moment(now), wire_moment(now + NEARING)
    running = {"kind": PILOT_KIND, "state.status": {"$in": LOOKED_OVER}}
    asked = {
        "running": running,
        "nearing": {**running, "state.due_at": {"$gt": then, "$lte": soon}},
        "breached": {**running, "state.due_at": {"$lte": then}},
    }
    return {name: await store.count(SUBJECTS, one, COUNTED, hint=BY_STATUS) for name, one in asked.items()}


def agencies() -> tuple[dict[str, Any], tuple[tuple[str, int], ...]]:
    """The query and the order of the directory."""
    return {"kind": AGENCY_KIND, "version": {"$gt": 0}}, BY_ID


def application_row(row: Row) -> dict[str, Any]:
    """A line of the list."""
    state = row["state"]
    asked = state.get("application") or {}
    runs = any((state.get(place) or {"ended": ...})["ended"] is None for place in ("look_over", "fixing"))
    requests = [one for one in state.get("requests", ()) if one["outcome"] is None]
    carried = state.get("carrying_out") or {}
    waits = next_of(Status(state["status"]), running=runs, asked=bool(requests), over=bool(carried.get("over")))
    answers = [one["due_at"] for one in requests if one.get("due_at")]
    expertise = (state.get(EXPERTISE) or {}).get("due_at") if waits is WaitsFor.EXPERTISE else None
    return {
        "id": row["_id"],
        "status": state["status"],
        "submission": state.get("submission", 1),
        "number": state["number"],
        "agency": state["agency"],
        "title": asked.get("title"),
        "sector": asked.get("sector"),
        "submitted": state["submitted"],
        "received": state["received"],
        "due_at": state["due_at"] if runs else None,
        "edition": state["edition"],
        "own_number": asked.get("own_number"),
        "waits_for": waits,
        "next_due": state["due_at"] if runs else min(answers, default=expertise),
        "open_requests": [one["id"] for one in requests],
    }


TAKEN: Final = ("periods", "payments", "paid")
"""What is remembered of reports, and not shown: the register shows the reports."""
ASIDE: Final = ("terms", "hidden_from", "tied", "alone")
"""What of an application's state is for others than who reads its card."""


def application_card(document: Document) -> dict[str, Any]:
    """An application as an officer sees it, with the requests that wait for answers and the last conclusion; of the
    contact person only the opaque id, of the reports that were taken only how many bytes they have."""
    assert isinstance(document.state, Pilot)
    state = document.state
    shown = state.model_dump(mode="json", exclude={**dict.fromkeys(ASIDE, True), "taken": set(TAKEN)})
    return {
        "id": document.subject,
        "version": document.version,
        **shown,
        "open_requests": [one.model_dump(mode="json") for one in state.open_requests],
        "waits_for": waits_for(state),
    }


AGENCY_LINE: Final = (
    "code",
    "name",
    "name_ru",
    "name_be",
    "name_en",
    "organisation",
    "editions",
    "active_from",
    "active_to",
    "disabled",
)
"""What of an entry stands in the list."""
BY_ITSELF: Final = ("keys", "password")
"""What of an entry is shown elsewhere."""


def agency_row(entry: Agency, kafka: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the directory, and how the agency stands at Kafka."""
    return {**entry.model_dump(mode="json", include={*AGENCY_LINE}), "kafka": kafka}


def agency_card(entry: Agency, now: datetime, rules: RuleBook, kafka: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the directory with the edition that is in force for it now, and how it stands at Kafka; its keys are
    asked for by themselves."""
    edition = edition_for(entry, now, rules)
    return {**entry.model_dump(mode="json", exclude={*BY_ITSELF}), "in_force": edition and edition.id, "kafka": kafka}


def key_row(key: ApiKey, last_used: str | None) -> dict[str, Any]:
    """A key as it is shown: what it begins with, and nothing from which it could be made."""
    said = key.model_dump(mode="json", exclude={"digest"})
    issued = {"issued": wire_moment(key.issued), "issued_by": key.issued_by}
    return {**said, **issued, "begins": f"{KEY_BEGINS}{key.id}", "last_used": last_used}


def of_living(agency: str, person: str, own_numbers: Sequence[str]) -> dict[str, Any]:
    """The query of an agency's applications that have one of these numbers of its own, have not come to their end, and
    are not hidden from this person."""
    return {
        "kind": PILOT_KIND,
        "state.agency": agency,
        "state.application.own_number": {"$in": [*own_numbers]},
        "state.number": {"$type": "string"},
        "state.status": {"$nin": sorted(FINAL)},
        "state.carrying_out.over": {"$ne": True},
        "state.hidden_from": {"$ne": person},
    }


def of_own_number(agency: str, own_number: str) -> dict[str, Any]:
    """The query of an agency's applications that have this number of its own."""
    return {"kind": PILOT_KIND, "state.agency": agency, "state.application.own_number": own_number}
