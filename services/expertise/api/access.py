"""Who may come in, and what a case is to whom: for a caller who may not see it, it does not exist."""

from typing import Annotated, Final

from fastapi import Depends, Path, Response

from contracts.forms import PERSON
from contracts.reference import Role
from contracts.steps import MOST_PERSON
from services.chassis.auth import Caller, allow
from services.chassis.engine import Engine
from services.chassis.hand import Hand, hand
from services.chassis.subject import Document
from services.chassis.web import document, not_found
from services.expertise.domain.state import KIND, Case
from services.expertise.sight import sight

READERS: Final = (Role.OPERATOR, Role.EXPERT, Role.APPROVER, Role.AUDITOR)
OVERSEERS: Final = (Role.OPERATOR, Role.APPROVER, Role.AUDITOR)
EVERYONE: Final = (*READERS, Role.ADMIN)
"""Every role of this service."""

Reader = Annotated[Caller, Depends(allow(*READERS))]
Overseer = Annotated[Caller, Depends(allow(*OVERSEERS))]
AnOperator = Annotated[Caller, Depends(allow(Role.OPERATOR))]

Operator = Annotated[Hand, Depends(hand(Role.OPERATOR))]
Approver = Annotated[Hand, Depends(hand(Role.APPROVER))]
Expert = Annotated[Hand, Depends(hand(Role.EXPERT))]

ExpertPath = Annotated[str, Path(min_length=1, max_length=MOST_PERSON, pattern=PERSON)]


async def seen(engine: Engine, pilot: str, caller: Caller) -> tuple[Document, Case]:
    """A case that the caller may see. Raises Problematic 404 for any other."""
    found = await document(engine, pilot, KIND)
    assert isinstance(found.state, Case)
    if not sight(caller).sees(found.state):
        raise not_found()
    return found, found.state


async def act(by: Hand, pilot: str, what: object) -> Response:
    """A command to a case that the caller may see in the state that is decided on. Raises Problematic like
    `Hand.give`."""
    return await by.give(pilot, KIND, what, sees=sight(by.caller).sees)
