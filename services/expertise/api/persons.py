"""Names and contacts of persons: personal data, in a collection of their own, where they can be erased for good.

They stand in no fact, no case and no log; what refers to a person is the opaque id.
"""

from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse

from contracts.steps import Person
from services.chassis.engine import Engine
from services.chassis.hand import Hand
from services.chassis.store import PERSONS
from services.chassis.web import not_found
from services.expertise.domain.expert import KIND, ErasePerson, subject_of


async def person(engine: Engine, id_: str) -> dict[str, Any] | None:
    """What is kept of a person, or None."""
    row = await engine.store.get(PERSONS, id_)
    return {name: row[name] for name in Person.model_fields} if row is not None else None


async def tell(engine: Engine, id_: str) -> Response:
    """What is kept of a person. Raises Problematic 404 where nothing is."""
    found = await person(engine, id_)
    if found is None:
        raise not_found()
    return JSONResponse(found)


async def save(engine: Engine, id_: str, said: Person) -> Response:
    """Keeps a person's data; the same twice is the same as once."""
    await engine.store.put(PERSONS, [{"_id": id_, **said.model_dump()}])
    return JSONResponse(said.model_dump())


async def erase(by: Hand, id_: str) -> Response:
    """Erases an expert's data: first the fact that says so, then the data itself. Safe to repeat.

    Raises Problematic like `Hand.give`.
    """
    answer = await by.give(subject_of(id_), KIND, ErasePerson())
    await by.engine.store.remove(PERSONS, [id_])
    return answer


async def erase_own(by: Hand) -> Response:
    """Erases the caller's own data, with the fact that says so for one who is in the directory of experts: there is
    nothing in the entry to be seen before. Safe to repeat.

    Raises Problematic like `Hand.give_if_there`.
    """
    await by.give_if_there(subject_of(by.caller.id), KIND, ErasePerson())
    await by.engine.store.remove(PERSONS, [by.caller.id])
    return Response(status_code=204)
