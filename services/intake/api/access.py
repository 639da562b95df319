"""Who may ask what of intake, and what a pilot is to whom: for a caller who may not see it, it does not exist."""

from typing import Annotated, Final

from fastapi import Depends, Query

from contracts.forms import AGENCY
from contracts.reference import Role, Scope
from services.chassis.engine import Engine
from services.chassis.hand import Hand, hand
from services.chassis.sight import Sight, seeing
from services.chassis.subject import Document
from services.chassis.web import document, not_found
from services.intake.domain.state import KIND

Officer = Annotated[Hand, Depends(hand(Role.OFFICER))]
Admin = Annotated[Hand, Depends(hand(Role.ADMIN))]
READERS: Final = (Role.OFFICER, Role.AUDITOR, Role.ADMIN)
"""Who reads applications and the directory."""
AgencyAsked = Annotated[str | None, Query(pattern=AGENCY)]
"""The agency that is asked for, by its code."""
Eyes = Annotated[Sight, Depends(seeing(*READERS))]
AgencysEyes = Annotated[Sight, Depends(seeing(Role.PUBLISHER, *READERS, scope=Scope.APPLICATIONS))]
"""Those of officials, who see the applications of all agencies, and of an agency, which sees its own."""


async def seen(engine: Engine, pilot: str, eyes: Sight) -> Document:
    """An application that the caller may see. Raises Problematic 404 for any other."""
    found = await document(engine, pilot, KIND)
    if not eyes.knows(found.state) or not eyes.whole(getattr(found.state, "agency", "")):
        raise not_found()
    return found
