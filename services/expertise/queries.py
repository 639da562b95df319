"""What expertise shows: the query, the order and the index of every list. Whose eyes see what is said in `sight`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from contracts.event import wire_moment
from contracts.expertise import ReviewKind
from contracts.reference import OrganisationId
from services.chassis import own_editions, recalendar
from services.chassis.sight import Query
from services.chassis.store import BY_ID, SUBJECTS, Keys, Store
from services.chassis.ties import TIED
from services.chassis.watching import COUNTED
from services.expertise.documents.shelf import FREE, PRINTING
from services.expertise.domain.expert import KIND as EXPERT_KIND
from services.expertise.domain.state import CLARIFICATION, Status, View
from services.expertise.domain.state import KIND as CASE
from services.expertise.domain.team import KIND as TEAM_KIND
from services.expertise.handlers import NOTICES
from services.expertise.sight import Sight

# ---- orders and indexes

BY_DUE: Final = (("state.order", 1), ("_id", 1))
BY_ANSWERS: Final = (("state.answers_due", 1), ("_id", 1))
NEWEST: Final = (("state.opened", -1), ("_id", -1))
LATEST: Final = (("time", -1), ("_id", -1))

FILTERS: Final = (
    ("state.application.sector", 1),
    ("state.agency", 1),
    ("state.kind", 1),
    ("state.round", 1),
    ("state.status", 1),
)
"""What a queue is filtered by: kept at the end of its index, so that only what fits is fetched."""
OPEN: Final[Keys] = (
    ("kind", 1),
    ("state.views", 1),
    *BY_DUE,
    ("state.nearing_at", 1),
    ("state.answers_due", 1),
    ("state.operator", 1),
    *FILTERS,
)
WAITING: Final[Keys] = (("kind", 1), ("state.views", 1), *BY_ANSWERS, *FILTERS)
SEATED: Final[Keys] = (("kind", 1), ("state.seated", 1), *BY_DUE)
WORKING: Final[Keys] = (("kind", 1), ("state.working", 1), *BY_DUE)
OWED_BY: Final[Keys] = (("kind", 1), ("state.owed.by", 1), *BY_DUE)
OWED_WHO: Final[Keys] = (("kind", 1), ("state.owed.who", 1), *BY_DUE)
ALL: Final[Keys] = (("kind", 1), *NEWEST, *FILTERS)
NUMBERED: Final[Keys] = (("kind", 1), ("state.number", 1), *BY_DUE)
OF_EXPERT: Final[Keys] = (("kind", 1), ("state.visible_to", 1), *NEWEST)
OF_AGENCY: Final[Keys] = (("kind", 1), ("state.agency", 1), *NEWEST)
OF_SECTOR: Final[Keys] = (("kind", 1), ("state.application.sector", 1), *NEWEST)
OF_STATUS: Final[Keys] = (("kind", 1), ("state.status", 1), *NEWEST)
ENTRIES: Final[Keys] = (("kind", 1), *BY_ID)
COMPETENT: Final[Keys] = (("kind", 1), ("state.competences", 1), *BY_ID)
MEMBERS: Final[Keys] = (("kind", 1), ("state.members", 1), *BY_ID)
PERSONS_NOTICES: Final[Keys] = (("person", 1), *LATEST)
UNREAD_NOTICES: Final[Keys] = (("person", 1), ("read", 1), *LATEST)

INDEXES: Final[Mapping[str, Sequence[Keys]]] = {
    SUBJECTS: [
        OPEN,
        WAITING,
        SEATED,
        WORKING,
        OWED_BY,
        OWED_WHO,
        ALL,
        NUMBERED,
        OF_EXPERT,
        OF_AGENCY,
        OF_SECTOR,
        OF_STATUS,
        ENTRIES,
        COMPETENT,
        TIED,
        MEMBERS,
        recalendar.INDEX,
        own_editions.BY_EDITION,
    ],
    NOTICES: [PERSONS_NOTICES, UNREAD_NOTICES, (("mailed.until", 1), ("time", 1))],
    PRINTING: [FREE],
}


# ---- the lists of cases


FOR_EXPERTS: Final = (View.OPEN, View.MINE, View.WAITING_APPLICANT, View.NEAR, View.PAST, View.SUSPENDED)
"""The queues of an expert; the others tell of what other experts did, and of their conflicts."""


@dataclass(frozen=True, slots=True)
class Filters:
    """By what a list is narrowed. `expert`: who sits on the case."""

    sector: str | None = None
    agency: str | None = None
    kind: ReviewKind | None = None
    round: int | None = None
    expert: str | None = None
    status: Status | None = None
    number: str | None = None

    def where(self) -> Query:
        """The query of all but `expert`, which depends on the list."""
        asked = {
            "state.application.sector": self.sector,
            "state.agency": self.agency,
            "state.kind": self.kind,
            "state.round": self.round,
            "state.status": self.status,
            "state.number": self.number,
        }
        return {name: value for name, value in asked.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as it is asked of the store: the query, its order, and the index that gives it."""

    query: Query
    order: tuple[tuple[str, int], ...]
    index: Keys


@dataclass(frozen=True, slots=True)
class Teams:
    """Whose unclaimed cases and whose colleagues' cases a caller looks after."""

    members: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()


def cases(eyes: Sight, view: View | None, filters: Filters, now: datetime, teams: Teams) -> Listing:
    """A queue in the order of what is due first, suspended ones last; without a view all cases, newest first."""
    if view is None:
        return _all_cases(eyes, filters)
    asked = [eyes.where(), filters.where(), _of_view(eyes, view, wire_moment(now), teams)]
    if filters.expert is not None:
        asked.append({"state.seated": filters.expert})
        asked += _but_own(eyes, filters.expert)
    if not eyes.all_cases:
        asked.append({"state.seated": eyes.id})
    seated = filters.expert is not None or not eyes.all_cases
    if view is View.WAITING_APPLICANT:
        return Listing({"$and": asked}, BY_ANSWERS, WAITING)
    return Listing({"$and": asked}, BY_DUE, _index_of_queue(filters, seated))


def _but_own(eyes: Sight, asked_for: str) -> list[Query]:
    """Who sits on a case as an expert does not learn here who else does."""
    return [{"state.seated": {"$ne": eyes.id}}] if eyes.expert and asked_for != eyes.id else []


def _index_of_queue(filters: Filters, seated: bool) -> Keys:
    if filters.number is not None:
        return NUMBERED
    return SEATED if seated else OPEN


def _all_cases(eyes: Sight, filters: Filters) -> Listing:
    # A subject that only passed by has no state: it has not been opened.
    asked = [eyes.where(), filters.where(), {"state.opened": {"$gt": ""}}]
    if filters.expert is not None:
        asked.append({"state.visible_to": filters.expert})
        asked += _but_own(eyes, filters.expert)
    if filters.number is not None:
        return Listing({"$and": asked}, BY_DUE, NUMBERED)
    return Listing({"$and": asked}, NEWEST, _index_of_all(eyes, filters))


def _index_of_all(eyes: Sight, filters: Filters) -> Keys:
    """The index of the filter that leaves the fewest cases, as a rule."""
    by = (
        (filters.expert if eyes.all_cases else eyes.id, OF_EXPERT),
        (filters.agency, OF_AGENCY),
        (filters.sector, OF_SECTOR),
        (filters.status, OF_STATUS),
    )
    return next((index for value, index in by if value is not None), ALL)


def _of_view(eyes: Sight, view: View, now: str, teams: Teams) -> Query:
    match view:
        case View.NEAR:
            return {"state.views": View.OPEN, "state.order": {"$gt": now}, "state.nearing_at": {"$lte": now}}
        case View.PAST:
            return {"state.views": View.OPEN, "state.order": {"$lte": now}}
        case View.MINE if not eyes.all_cases:
            return {"state.views": View.OPEN}
        case View.MINE:
            own = {"state.operator": eyes.id}
            both = {"$or": [own, {"state.visible_to": eyes.id}]}
            return {"state.views": View.OPEN, **(both if eyes.expert else own)}
        case View.TEAM:
            colleagues = {"state.views": View.OPEN, "state.operator": {"$in": list(teams.members)}}
            unclaimed = {"state.views": View.UNCLAIMED, "state.application.sector": {"$in": list(teams.sectors)}}
            return {"$or": [colleagues, unclaimed]}
        case _:
            return {"state.views": view}


def of_open(eyes: Sight, filters: Filters, now: datetime) -> tuple[Query, Mapping[View, Any]] | None:
    """The open cases that fit, and by which expressions over the index `OPEN` further queues are parts of them; None
    where they are better counted one by one: without a filter each is counted up to a bound, and by a number or an
    expert they are few."""
    where = filters.where()
    if not where or filters.expert is not None or filters.number is not None or not eyes.all_cases:
        return None
    at, order, nearing = wire_moment(now), "$state.order", "$state.nearing_at"
    near = {"$and": [{"$gt": [order, at]}, {"$gt": [nearing, None]}, {"$lte": [nearing, at]}]}
    found: dict[View, Any] = {View.OPEN: True, View.NEAR: near, View.PAST: {"$lte": [order, at]}}
    own = {} if eyes.expert else {View.MINE: {"$eq": ["$state.operator", {"$literal": eyes.id}]}}
    return {"$and": [eyes.where(), where, {"state.views": View.OPEN}]}, {**found, **own}


def work_of(eyes: Sight, expert: str) -> Listing:
    """The cases in which an expert owes an opinion, what is due first coming first."""
    return Listing({**eyes.where(), "state.working": expert}, BY_DUE, WORKING)


# ---- the board of everything owed


class BoardState(StrEnum):
    """How it stands with what is owed: near its term, past it, or with the clock stopped."""

    NEARING = "nearing"
    BREACHED = "breached"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Debtor:
    """Of whom something is owed: a role, a person."""

    by: str | None = None
    who: str | None = None

    def owes(self, owed: Mapping[str, Any]) -> bool:
        """Whether an entry is this debtor's."""
        return self.by in (None, owed["by"]) and self.who in (None, owed["who"])

    def where(self) -> Query:
        """The cases in which there is such an entry."""
        asked = {name: value for name, value in (("by", self.by), ("who", self.who)) if value is not None}
        return {"state.owed": {"$elemMatch": asked}} if asked else {}

    def index(self) -> Keys | None:
        """The index by which these cases are found."""
        if self.who is not None:
            return OWED_WHO
        return OWED_BY if self.by is not None else None


def board(eyes: Sight, debtor: Debtor, state: BoardState | None, filters: Filters, now: datetime) -> Listing:
    """Open cases in which something is owed, what is due first coming first."""
    asked = [eyes.where(), filters.where(), debtor.where(), _of_state(state, wire_moment(now))]
    if filters.expert is not None:
        asked.append({"state.seated": filters.expert})
        asked += _but_own(eyes, filters.expert)
    if debtor.who is not None:
        asked += _but_own(eyes, debtor.who)
    return Listing({"$and": asked}, BY_DUE, debtor.index() or _index_of_queue(filters, filters.expert is not None))


def _of_state(state: BoardState | None, now: str) -> Query:
    match state:
        case BoardState.NEARING:
            answers = {
                "ledger.term.kind": CLARIFICATION,
                "ledger.ended": None,
                "clock.nearing_at": {"$lte": now},
                "clock.due_at": {"$gt": now},
            }
            main = {"state.views": View.OPEN, "state.order": {"$gt": now}, "state.nearing_at": {"$lte": now}}
            waiting = {"state.views": View.WAITING_APPLICANT, "state.terms": {"$elemMatch": answers}}
            return {"$or": [main, waiting]}
        case BoardState.BREACHED:
            late = {"$lte": now}
            waiting = {"state.views": View.WAITING_APPLICANT, "state.answers_due": late}
            return {"$or": [{"state.views": View.OPEN, "state.order": late}, waiting]}
        case BoardState.SUSPENDED:
            return {"state.views": View.SUSPENDED}
        case None:
            return {"state.views": View.OPEN}


async def terms(store: Store, now: datetime) -> Mapping[str, int]:
    """How many cases are open, and of how many of these a term is over, is nearly over, or stands still."""
    asked = {"running": None, **{state.value: state for state in BoardState}}
    return {
        name: await store.count(SUBJECTS, {"kind": CASE, **_of_state(state, wire_moment(now))}, COUNTED)
        for name, state in asked.items()
    }


# ---- the directory


def experts(sector: str | None, active: bool | None, organisation: OrganisationId | None) -> Listing:
    """The directory of experts."""
    query: Query = {"kind": EXPERT_KIND, "version": {"$gt": 0}}
    if sector is not None:
        query["state.competences"] = sector
    if active is not None:
        query["state.active"] = active
    if organisation is not None:
        query |= {"state.organisation.scheme": organisation.scheme, "state.organisation.value": organisation.value}
    return Listing(query, BY_ID, ENTRIES if sector is None else COMPETENT)


def teams() -> Listing:
    """All teams."""
    return Listing({"kind": TEAM_KIND, "version": {"$gt": 0}}, BY_ID, ENTRIES)


def teams_of(person: str) -> Listing:
    """The teams that a person is a member of."""
    return Listing({"kind": TEAM_KIND, "state.members": person}, BY_ID, MEMBERS)


# ---- notices


def notices(person: str, unread: bool, about: Query) -> Listing:
    """A person's notices, newest first, about those cases."""
    query = {"person": person, **about, **({"read": None} if unread else {})}
    return Listing(query, LATEST, UNREAD_NOTICES if unread else PERSONS_NOTICES)
