"""Events that somebody writes at the portal: how one is made of a form, tried, and sent.

Each has one id and one moment from the opening of its form on, so that sending again after an outage is the same
event. It is tried before it is sent: what is faulty uses up no id and is no refused application.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from contracts.event import SPECVERSION, agency_source, wire_moment
from contracts.topics import INTAKE, REGISTRY
from services.desk.clients import Answer, Away, Refused
from services.desk.pages.portal import agency
from services.desk.visit import Posted, Visit
from services.desk.words import Words

PUBLISH: Final = "/v1/events"
TRY: Final = "/v1/events/validate"
EVENT: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
AT: Final = "at"
"""The field of a form in which stands when the form was opened: the moment of its event."""
LIKE: Final = 5
GOOD: Final = ("accepted", "duplicate")
"""Verdicts on an event of several that is taken, or was before."""
OF_A_DRAFT: Final = ("title", "problem", "solution", "expected_effect", "sector", "region")


@dataclass(frozen=True)
class Tried:
    """What came of trying or sending: what is wrong and what is told, both as problems; the receipt; pilots that are
    like it (None: the register cannot say). `published`: it was sent, and not only tried. `away`: a service did not
    answer, in words."""

    status: int = 200
    published: bool = False
    faults: Sequence[Mapping[str, Any]] = ()
    told: Sequence[Mapping[str, Any]] = ()
    receipt: Mapping[str, Any] = field(default_factory=dict)
    verdicts: Sequence[Mapping[str, Any]] = ()
    similar: Sequence[Mapping[str, Any]] | None = ()
    away: str = ""
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether it would be taken, or was."""
        return self.status < 400


def made(posted: Posted, kind: str, data: Mapping[str, Any], subject: str | None = None) -> dict[str, Any]:
    """The event that a form says."""
    at = posted.get(AT) or wire_moment(posted.visit.desk.now())
    about = {"subject": subject} if subject else {}
    return {
        "specversion": SPECVERSION,
        "id": f"portal-{posted.key}",
        "source": agency_source(agency.of(posted.visit)),
        "type": kind,
        **about,
        "time": at,
        "datacontenttype": "application/json",
        "data": data,
    }


async def tried(visit: Visit, body: Any, key: str, media: str = EVENT) -> Tried:
    """What would become of it; nothing is taken. Raises Refused 401 and 404."""
    return await _asked(visit, TRY, body, key, media)


async def sent(visit: Visit, body: Any, key: str, media: str = EVENT) -> Tried:
    """Publishes it, if nothing is wrong with it. Raises Refused 401 and 404."""
    before = await tried(visit, body, key, media)
    faulty = not before.good or any(one["verdict"] not in GOOD for one in before.verdicts)
    return before if faulty else await _asked(visit, PUBLISH, body, key, media)


async def _asked(visit: Visit, path: str, body: Any, key: str, media: str) -> Tried:
    try:
        found = await visit.send(INTAKE, path, body, key=key, media=media)
    except Away as away:
        return Tried(503, away=visit.is_away(away))
    except Refused as error:
        if error.status in (401, 404):
            raise
        return _refused(error)
    return _taken(found, published=path == PUBLISH)


def _taken(found: Answer, *, published: bool) -> Tried:
    body = found.body
    if "items" in body:
        return Tried(207, published, verdicts=body["items"])
    return Tried(200, published, told=body["problems"], receipt=body)


def _refused(error: Refused) -> Tried:
    problems: Sequence[Mapping[str, Any]] = error.problem.get("problems", ())
    faults = [one for one in problems if one.get("severity", "block") == "block"]
    told = [one for one in problems if one.get("severity") == "warn"]
    return Tried(error.status, faults=faults, told=told, receipt=error.problem, detail=error.detail)


async def similar(visit: Visit, data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    """Pilots of the register that are like an application, each with its page (`address`); None where the register
    cannot say now."""
    draft = {name: data[name] for name in OF_A_DRAFT if isinstance(data.get(name), str) and data[name].strip()}
    if "title" not in draft:
        return ()
    try:
        found = await visit.send(REGISTRY, f"/v1/similar?limit={LIKE}", draft, key="")
    except (Away, Refused):
        return None
    own = agency.of(visit)
    return [{**one, "address": _page_of(one, own)} for one in found.body["items"]]


def _page_of(pilot: Mapping[str, Any], own: str) -> str:
    """Where a pilot of the register is read: an own one in the portal, another agency's, of which an agency is told
    only where the public sees it, in the public register."""
    return f"{'/portal/mine' if pilot['agency'] == own else '/register'}/{quote(pilot['id'], safe='')}"


def said(problem: Mapping[str, Any], words: Words) -> str:
    """A problem in the reader's words."""
    return str(problem.get(f"message_{words.language}") or problem["message"])
