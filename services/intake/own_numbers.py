"""Which of an agency's own numbers (собственный номер) applications that live have already: asked once for a batch.

Two that come at the same moment by two replicas do not find each other here: the second is not written (`Pilot.alone`
is unique), and is judged again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from services.chassis.store import SUBJECTS, Store
from services.chassis.subject import Input
from services.intake.domain.application import Used, own_number
from services.intake.domain.commands import Later, Submit
from services.intake.domain.shape import data_of, rows_of
from services.intake.queries import OWN_NUMBER, of_living

Asker = tuple[str, str]
"""An agency and the person who publishes for it: what is hidden from a person is not told to that person."""


class OwnNumbers:
    """The own numbers of applications that live, of those agencies and numbers that a batch names."""

    def __init__(self) -> None:
        self._found: dict[Asker, dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))

    async def look(self, store: Store, asker: Asker, numbers: list[str]) -> None:
        """Looks for these, which one agency's person names."""
        while numbers:
            most = 2 * len(numbers)  # of each one, and another where the first is the same application
            query = of_living(*asker, numbers)
            fields = ["state.number", "state.application.own_number"]
            rows = await store.rows(SUBJECTS, query, sort=OWN_NUMBER, limit=most, fields=fields)
            for row in rows:
                self._add(asker, row["state"]["application"]["own_number"], row["_id"], row["state"]["number"])
            last = rows[-1]["state"]["application"]["own_number"] if len(rows) == most else numbers[-1]
            numbers = [one for one in numbers if one > last]

    def take(self, one: Input, number: str | None) -> None:
        """An application of this batch has this number from now on."""
        if number is not None:
            self._add(_asker(one), number, one.subject, one.cause_id)

    def _add(self, asker: Asker, number: str, subject: str, called: str) -> None:
        known = self._found[asker][number]
        if len(known) < 2:
            known.append((subject, called))

    def of(self, one: Input) -> Used:
        """The numbers of this event that are not free for it, by what has them."""
        found = self._found.get(_asker(one), {})
        used = dict[str, str]()
        for number in _named(one):
            for subject, called in found.get(number, ()):
                if subject != one.subject:
                    used.setdefault(number, called)
        return used


def _asker(one: Input) -> Asker:
    command = one.command
    return (command.agency if isinstance(command, Submit | Later) else "", one.actor.id)


def _named(one: Input) -> Iterator[str]:
    """The own numbers that an application has, or that an answer may give it."""
    if not isinstance(one.command, Submit | Later):
        return
    data = data_of(one.command.event)
    said: list[Any] = [data.get("own_number"), *(row.get("value") for _, row in rows_of(data, "answers"))]
    yield from (number for raw in said if isinstance(raw, str) and (number := own_number(raw)) is not None)


async def look(store: Store, inputs: Sequence[Input]) -> OwnNumbers:
    """Looks for all that these name: once for each agency and person, at the same time."""
    asked: dict[Asker, set[str]] = defaultdict(set)
    for one in inputs:
        if numbers := {*_named(one)}:
            asked[_asker(one)] |= numbers
    own = OwnNumbers()
    await asyncio.gather(*(own.look(store, asker, sorted(numbers)) for asker, numbers in asked.items()))
    return own
