"""From whom a pilot is hidden for a conflict of interest (конфликт интересов), as every service keeps it."""

from collections.abc import Sequence

from contracts.reference import Hiding


def hidden_after(known: Sequence[str], said: Hiding) -> tuple[str, ...]:
    """Opaque ids of the persons from whom a pilot is hidden, after what was said of one of them."""
    others = tuple(one for one in known if one != said.person_id)
    return (*others, said.person_id) if said.hidden else others
