"""From whom a pilot is hidden for a conflict of interest (конфликт интересов), as every service keeps it.

The expertise decides on conflicts. Before it has a case the directory of experts speaks alone: from who is tied to a
party by the own entry (`tied`) the pilot is hidden, until the entry says otherwise or the expertise has spoken of that
person. What the expertise said no entry takes back here.
"""

from collections.abc import Sequence

from contracts.event import Contract
from contracts.reference import Hiding


class Hidden(Contract):
    """What a service keeps of it: opaque ids of the persons from whom a pilot is hidden, and of those among them from
    whom an entry alone hides it."""

    hidden_from: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()


def says_anew(known: Hidden, said: Hiding) -> bool:
    """Whether what is said of a person changes what is known."""
    by_entry_alone = said.person_id in known.tied
    if said.by_entry and not said.hidden:
        return by_entry_alone
    return said.hidden != (said.person_id in known.hidden_from) or (by_entry_alone and not said.by_entry)


def hidden_after(known: Hidden, said: Hiding) -> dict[str, tuple[str, ...]]:
    """What is known after what was said of one person, by the names of its fields."""
    hidden, tied = (_without(some, said.person_id) for some in (known.hidden_from, known.tied))
    return {
        "hidden_from": (*hidden, said.person_id) if said.hidden else hidden,
        "tied": (*tied, said.person_id) if said.hidden and said.by_entry else tied,
    }


def _without(some: Sequence[str], person: str) -> tuple[str, ...]:
    return tuple(one for one in some if one != person)
