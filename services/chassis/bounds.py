"""What the body of a request may have, for each route: so many bytes, and as JSON so many elements so deep."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

F = TypeVar("F", bound=Callable[..., Any])
_MARK: Final = "lotsman_bounds"


class Bounds(BaseModel):
    """The bounds of a body; None: what holds for all routes. `json_body` is false where the route itself says what is
    wrong with what it is sent, or takes no JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int | None = Field(default=None, ge=0)
    elements: int | None = Field(default=None, ge=1)
    depth: int | None = Field(default=None, ge=1)
    json_body: bool = True

    def over(self, others: "Bounds") -> "Bounds":
        """These bounds, and where they say nothing the others."""
        return others.model_copy(update=self.model_dump(exclude_unset=True))


def bounded(bounds: Bounds) -> Callable[[F], F]:
    """Marks the function of a route whose body has bounds of its own; it stands below the line of the router."""

    def marked(function: F) -> F:
        function.__dict__[_MARK] = bounds
        return function

    return marked


def bounds_of(function: object) -> Bounds:
    """The bounds that the function of a route was marked with."""
    found = getattr(function, "__dict__", {}).get(_MARK)
    return found if isinstance(found, Bounds) else Bounds()
