"""Names and contacts of persons: personal data, in a collection of their own, where they can be erased for good.

They stand in no fact, no case and no log; what refers to a person is the opaque id.
"""

from typing import Any, Final

from contracts.reference import Role
from contracts.steps import Erasure
from services.chassis import persons
from services.chassis.auth import Caller
from services.chassis.engine import Engine
from services.chassis.hand import Hand
from services.chassis.persons import ErasureDone
from services.chassis.web import document
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


async def erase(by: Hand, id_: str, said: Erasure) -> ErasureDone:
    """Erases an expert's data on a document; the entry stays, inactive. Safe to repeat.

    Raises Problematic 404 for who is not in the directory, and like `persons.erase_for`.
    """
    await document(by.engine, subject_of(id_), KIND)
    done = await persons.erase_for(by, id_, said)
    await retire(by, id_)
    return done


async def retire(by: Hand, id_: str) -> None:
    """Makes the entry of who was erased inactive, where there is one. Raises Problematic like `Hand.give_if_there`."""
    await by.give_if_there(subject_of(id_), KIND, Retire())
