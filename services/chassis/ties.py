"""Who is tied to a party of an application by an entry of the directory of experts (связи), in each service that keeps
entries."""

from collections.abc import Sequence
from typing import Final, TypeVar

from contracts.event import Contract
from contracts.reference import Application
from services.chassis.store import BY_ID, SUBJECTS, Keys, Store
from services.law.parties import EXPERT, keys_of

E = TypeVar("E", bound=Contract)
TIED: Final[Keys] = (("kind", 1), ("state.organisations", 1), *BY_ID)
"""By an organisation: the entries that name it, and what else is stored with it under this name."""


async def of_parties(store: Store, applications: Sequence[Application], entry: type[E]) -> dict[str, list[E]]:
    """The entries that are tied to a party of these applications, by the party: one query for all of them. Raises
    StoreAway."""
    keys = frozenset[str]().union(*map(keys_of, applications))
    found: dict[str, list[E]] = {}
    if not keys:
        return found
    where = {"kind": EXPERT, "state.organisations": {"$in": sorted(keys)}}
    async for row in store.scan(SUBJECTS, where, fields=["state"], hint=TIED):
        one = entry.model_validate(row["state"])
        for key in row["state"]["organisations"]:
            found.setdefault(key, []).append(one)
    return found
