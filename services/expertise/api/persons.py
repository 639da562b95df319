"""Names and contacts of persons: personal data, in a collection of their own, where they can be erased for good.

They stand in no fact, no case and no log; what refers to a person is the opaque id.
"""

from typing import Any, Final

from fastapi import Response
from fastapi.responses import JSONResponse

from contracts.reference import Role
from contracts.steps import Erasure, Person
from services.chassis import persons
from services.chassis.auth import Caller
from services.chassis.engine import Engine
from services.chassis.hand import Hand
from services.chassis.persons import ErasureDone
from services.chassis.web import document, not_found
from services.expertise.domain.expert import KIND, Retire, subject_of

FIELDS: Final = frozenset(
    {
        "by",
        "operator",
        "expert",
        "expert_id",
        "experts",
        "judges",
        "who",
        "author",
        "approver",
        "approved_by",
        "assigned_by",
        "raised_by",
        "asked_by",
        "opened_by",
        "decided_by",
    }
)
"""Where persons stand in what is shown of cases."""


async def names(engine: Engine, caller: Caller, shown: Any) -> dict[str, str]:
    """The display names of those whom an answer mentions, by their ids, for operators alone, as in the directory: they
    call and assign. Raises StoreAway."""
    return await persons.names(engine.store, shown, FIELDS) if Role.OPERATOR in caller.roles else {}


async def tell(engine: Engine, id_: str) -> Response:
    """What is kept of a person. Raises Problematic 404 where nothing is."""
    found = await persons.kept(engine.store, id_)
    if found is None:
        raise not_found()
    return JSONResponse(found)


async def save(engine: Engine, id_: str, said: Person) -> Response:
    """Keeps a person's data; the same twice is the same as once."""
    await persons.keep(engine.store, id_, said, engine.now())
    return JSONResponse(said.model_dump())


async def erase(by: Hand, id_: str, said: Erasure) -> ErasureDone:
    """Erases an expert's data on a document; the entry stays, inactive. Safe to repeat.

    Raises Problematic 404 for who is not in the directory, and like `persons.erase_for`.
    """
    await document(by.engine, subject_of(id_), KIND)
    done = await persons.erase_for(by, id_, said)
    await retire(by, id_)
    return done


async def erase_own(by: Hand) -> Response:
    """Erases the caller's own data, with a fact that says so; an entry in the directory of experts becomes inactive:
    there is nothing in the entry to be seen before. Safe to repeat.

    Raises Problematic like `Hand.give_if_there`.
    """
    await persons.erase(by, by.caller.id, Erasure())
    await retire(by, by.caller.id)
    return Response(status_code=204)


async def retire(by: Hand, id_: str) -> None:
    """Makes the entry of who was erased inactive, where there is one. Raises Problematic like `Hand.give_if_there`."""
    await by.give_if_there(subject_of(id_), KIND, Retire())
