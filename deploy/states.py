"""The states of a case and the stages of a pilot as graphs that the domains themselves give, and their pages.

Nothing is drawn by hand: from the first fact on, everything that `deploy/moves` knows to try is decided and evolved by
the domain, breadth first. States that allow the same are one (`key`), so the search ends.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from contracts.event import Actor, Fact
from deploy.samples.common import SUBJECT
from services.law.calendar import Calendars
from services.law.decision import Context, Refusal

S = TypeVar("S")
G = TypeVar("G")
Key = tuple[object, ...]
Step = tuple[str, str, str]
"""From a place, by a command, to a place."""
NOWHERE: Final = "none"
"""The place of what is not there yet."""


@dataclass(frozen=True, slots=True)
class Try(Generic[S]):
    """Something that somebody may try on a state, whether the domain allows it or not."""

    state: S | None
    command: object
    who: Actor
    now: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """What the page of a domain says besides its diagram."""

    title: str
    explored: Sequence[str]
    column: str
    final: Iterable[str]
    notes: Sequence[str] = ()
    unlisted: frozenset[str] = frozenset()
    """Commands that are left out of the table of what moves nothing."""


@dataclass(frozen=True, slots=True)
class Domain(Generic[S, G]):
    """A domain as the search sees it. `starts`: what begins it, each with what decisions are given from there on."""

    decide: Callable[[S | None, Any, Context[G]], Sequence[Fact]]
    evolve: Callable[[S | None, Fact], S | None]
    starts: Sequence[tuple[Try[S], G]]
    moves: Callable[[S, datetime], Iterator[Try[S]]]
    key: Callable[[S, G], Key]
    place: Callable[[S], str]
    places: type[StrEnum]
    named: Callable[[object], str]
    page: Page
    is_explored: Callable[[S], bool] = lambda _state: True
    """Whether it is tried what can be done to a state, or only that it can be reached."""


@dataclass(slots=True)
class Graph(Generic[S]):
    """What was found: steps between places, the types of the facts, and the ways between the abstract states."""

    steps: set[Step] = field(default_factory=set)
    facts: set[str] = field(default_factory=set)
    ways: dict[Key, set[Key]] = field(default_factory=dict)
    sample: dict[Key, S] = field(default_factory=dict)


def explore(domain: Domain[S, G]) -> Graph[S]:
    """The whole graph of a domain from its starts on."""
    calendars = Calendars.load()
    graph, queue = Graph[S](), deque[tuple[S, datetime, G]]()

    def reached(move: Try[S], given: G) -> Key | None:
        state, before = move.state, domain.place(move.state) if move.state is not None else NOWHERE
        try:
            facts = domain.decide(state, move.command, Context(move.now, SUBJECT, move.who, given, calendars))
        except Refusal:
            return None
        if not facts:
            return None
        for fact in facts:
            state = domain.evolve(state, fact)
        assert state is not None, "what has happened to something leaves something"
        graph.steps.add((before, domain.named(move.command), domain.place(state)))
        graph.facts |= {fact.TYPE for fact in facts}
        found = domain.key(state, given)
        if found not in graph.sample:
            graph.sample[found], graph.ways[found] = state, set()
            if domain.is_explored(state):
                queue.append((state, move.now, given))
        return found

    for start, given in domain.starts:
        reached(start, given)
    while queue:
        state, now, given = queue.popleft()
        for move in domain.moves(state, now):
            if (after := reached(move, given)) is not None:
                graph.ways[domain.key(state, given)].add(after)
    return graph


def moving(steps: Iterable[Step]) -> set[Step]:
    """The steps that lead to another place."""
    return {step for step in steps if step[0] != step[2]}


# ---- the pages


def _expertise() -> str:
    from deploy.moves.expertise import CASES, explored

    return drawn(CASES, explored().steps)


def _registry() -> str:
    from deploy.moves.registry import PILOTS, explored

    return drawn(PILOTS, explored().steps)


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "expertise-states.md": _expertise,
    "registry-states.md": _registry,
}
"""Every page by its file name in docs/. A domain is loaded when its page is made."""


def drawn(domain: Domain[S, G], steps: set[Step]) -> str:
    """A page: a diagram of the ways between places, and what may be done without leaving one."""
    page, order = domain.page, [str(place) for place in domain.places]
    lines = [f"# {page.title}", "", "Generated from the domain by `./lotsman docs`; a check fails when it is stale."]
    lines += [*page.explored, "", "```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {_id(to)}: {_words(steps, NOWHERE, to)}" for to in _targets(steps, NOWHERE, order)]
    for place in order:
        lines.append(f"    {_id(place)}: {place}")
        targets = [to for to in _targets(steps, place, order) if to != place]
        lines += [f"    {_id(place)} --> {_id(to)}: {_words(steps, place, to)}" for to in targets]
    lines += [f"    {_id(place)} --> [*]" for place in sorted(page.final)]
    lines += ["```", "", *page.notes, f"| {page.column} | What happens in it without leaving it |", "|---|---|"]
    listed = {step for step in steps if step[1].split()[0] not in page.unlisted}
    lines += [f"| {place} | {_words(listed, place, place) or '—'} |" for place in order]
    return "\n".join(lines) + "\n"


def _targets(steps: set[Step], before: str, order: Sequence[str]) -> Sequence[str]:
    return sorted({to for was, _, to in steps if was == before}, key=order.index)


def _words(steps: set[Step], before: str, after: str) -> str:
    return ", ".join(sorted(command for was, command, to in steps if (was, to) == (before, after)))


def _id(place: str) -> str:
    return place.replace("-", "_")
