"""What is done for many together, and for each alone where something that nobody foresaw came of one of them: so that
one holds up no other."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from services.chassis.store import StoreAway

S = TypeVar("S")
T = TypeVar("T")


async def apart(
    some: Sequence[S],
    together: Callable[[Sequence[S]], Awaitable[T]],
    alone: Callable[[S, Exception], Awaitable[T]],
    *passing: type[Exception],
) -> list[T]:
    """What comes of them together; or else of each, where `alone` is told of the one that raises. Raises StoreAway and
    what is `passing`: of those nobody is at fault, and all are tried again."""
    nobodys: tuple[type[Exception], ...] = (StoreAway, *passing)
    try:
        return [await together(some)]
    except nobodys:
        raise
    except Exception as error:
        if len(some) == 1:
            return [await alone(some[0], error)]
        return [told for one in some for told in await apart([one], together, alone, *passing)]
