"""Who may come in, and what a pilot is to whom: for a caller who may not see it, it does not exist."""

from typing import Annotated

from fastapi import Depends, Request, Response

from contracts.reference import Scope
from services.chassis.engine import Engine
from services.chassis.public import conditional_response
from services.chassis.sight import Sight, seeing
from services.chassis.subject import Document
from services.chassis.web import card, document, not_found
from services.registry import history
from services.registry.domain.state import KIND
from services.registry.sight import READERS, is_whole, sees
from services.registry.views import View

Eyes = Annotated[Sight, Depends(seeing(*READERS, scope=Scope.REGISTER))]
"""What the caller sees of the register."""


async def known(engine: Engine, pilot: str, eyes: Sight) -> Document:
    """A pilot that the caller may know of, whole or as the public sees it. Raises Problematic 404 for any other."""
    found = await document(engine, pilot, KIND)
    if not sees(eyes, found):
        raise not_found()
    return found


async def own(engine: Engine, pilot: str, eyes: Sight) -> Document:
    """A pilot that the caller sees whole. Raises Problematic 404 for any other: of what is asked for here the public
    sees nothing."""
    found = await known(engine, pilot, eyes)
    if not is_whole(eyes, found):
        raise not_found()
    return found


async def with_entries(engine: Engine, pilot: Document) -> Document:
    """A pilot with all that was reported. Raises Problematic 500 where not all is there."""
    return await history.whole(engine.store, pilot)


def answer(request: Request, eyes: Sight, shown: View, rev: int) -> Response:
    """A part of a pilot with an ETag: the revision, for who may decide on it; for a publisher, who decides on nothing
    here, one made of what is shown, for a revision moves with what is kept from agencies, too."""
    return card(shown, rev) if eyes.agency is None else conditional_response(request, shown)
