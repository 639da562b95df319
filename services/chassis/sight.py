"""Who sees which rows (кто что видит): said here alone, for all three services.

Two things bound what a caller sees of pilots. A publisher who has no other role that opens the route sees the rows of
the own agency whole, and of the others' what the public sees. And a conflict of interest hides a pilot from a person
(`hidden_from`, opaque ids), whatever roles the person has: for that person it is not there. What is public is open to
all the same, without a token.

Which pilots are hidden from a caller is asked once for a request, by an index that holds hidden ones alone, and goes
into every query of it; a state at hand is asked itself, in a command that very state that is decided on.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from contracts.reference import Role, Scope
from services.chassis.auth import Caller, allow
from services.chassis.problems import Problematic
from services.chassis.store import BY_ID, HIDDEN, SUBJECTS, Store

Query = dict[str, Any]
"""A query as the store takes it."""
MOST_HIDDEN: Final = 10_000
"""From nobody more pilots are hidden than go into a query; who comes to more is told nothing at all."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose eyes see. `agency`: whose rows alone are seen whole, None: every agency's. `hidden`: the pilots that
    a conflict hides from this person; None: nobody has asked for them yet, so each query looks itself."""

    id: str
    agency: str | None = None
    hidden: frozenset[str] | None = None

    def but(self, field: str = "_id") -> Query:
        """The query of what is not hidden from the person; `field` is where a row names its pilot."""
        if self.hidden is None:
            return {"state.hidden_from": {"$ne": self.id}}
        return {field: {"$nin": sorted(self.hidden)}} if self.hidden else {}

    def passes_by(self, pilot: str | None) -> bool:
        """Whether a row that names this pilot is for the person as if it were not there; `hidden` must be known."""
        return pilot in (self.hidden or ())

    def knows(self, state: Any) -> bool:
        """Whether the person may know of a subject in this state, as far as conflicts go."""
        return not hides(state, self.id)

    def whole(self, agency: str) -> bool:
        """Whether rows of this agency are seen whole, and not as the public sees them."""
        return self.agency in (None, agency)


def hides(state: Any, person: str) -> bool:
    """Whether a subject in this state, a model or as it is stored, is hidden from a person."""
    if isinstance(state, Mapping):
        return person in (state.get("hidden_from") or ())
    return person in getattr(state, "hidden_from", ())


def agency_of(caller: Caller, *roles: Role) -> str | None:
    """Whose rows alone the caller sees whole on a route that these roles open: the own agency's, for a publisher who
    has none of the others. None: every agency's."""
    inside = caller.roles & {*roles} - {Role.PUBLISHER}
    return None if inside else caller.organisation


async def anything_hidden(store: Store, person: str) -> bool:
    """Whether a conflict hides any pilot from a person. Raises StoreAway."""
    return bool(await store.count(SUBJECTS, hidden_from(person), 1, hint=HIDDEN))


def hidden_from(person: str) -> dict[str, Any]:
    """The condition of what a conflict hides from a person, as the index `HIDDEN` wants it."""
    return {"state.hidden_from": {"$eq": person, "$type": "string"}}


async def hidden_pilots(store: Store, person: str) -> frozenset[str]:
    """The pilots that a conflict hides from a person. Raises StoreAway, and Problematic 403 above `MOST_HIDDEN`."""
    rows = await store.rows(
        SUBJECTS, hidden_from(person), sort=BY_ID, limit=MOST_HIDDEN + 1, fields=["_id"], hint=HIDDEN
    )
    if len(rows) > MOST_HIDDEN:
        raise Problematic(403, "sight.too-much-hidden", most=MOST_HIDDEN)
    return frozenset(str(row["_id"]) for row in rows)


def seeing(*roles: Role, scope: Scope | None = None) -> Callable[..., Awaitable[Sight]]:
    """A route's dependency: lets in callers with one of these roles, as `allow` does, and says what they see."""

    async def eyes(request: Request, caller: Annotated[Caller, Depends(allow(*roles, scope=scope))]) -> Sight:
        store: Store = request.app.state.engine.store
        return Sight(caller.id, agency_of(caller, *roles), await hidden_pilots(store, caller.id))

    return eyes
