"""The agency of whoever is at the portal: its code, its entry, and the edition by which it is judged today."""

from typing import Any

from contracts.reference import Role
from contracts.rules import Edition, load
from contracts.topics import INTAKE
from services.desk.clients import Refused
from services.desk.visit import Visit


def of(visit: Visit) -> str:
    """The code of the agency that the person publishes for. Raises Refused 403 for who publishes for none."""
    code = visit.session.who.organisation
    if not visit.may(Role.PUBLISHER) or not code:
        raise Refused(403, {"title": "auth.organisation", "detail": visit.words.say("portal.no-agency")})
    return code


async def entry(visit: Visit) -> Any:
    """Its entry in the directory. Raises Away, Refused: 403 with words where it has none yet."""
    found = await visit.ask_if_there(INTAKE, f"/v1/agencies/{of(visit)}")
    if found is None:
        detail = visit.words.say("portal.not-entered", code=of(visit))
        raise Refused(403, {"title": "agency.unknown", "detail": detail})
    return found


async def edition(visit: Visit) -> Edition:
    """The edition by which what it sends now is judged, as intake says; before any is in force, the first that will
    be: what is sent then is refused, and its form can be filled in. Raises Away, Refused."""
    said = await entry(visit)
    first = min(said["editions"], key=lambda one: str(one["since"]))
    return load().edition(said["in_force"] or first["edition"])
