"""Values at paths as one nested document: objects that a row says nothing of are left out, lists close up.

A mapping may say `costs.0.currency` for every row; where the row names no amount there is no cost line, not one of a
currency alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from contracts.event import json_pointer

Step = str | int


class State(Enum):
    """Whether a value was read in the row, is the same in every row, or was looked for and is not there."""

    SAID = auto()
    CONSTANT = auto()
    EMPTY = auto()


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value, and the column that it is from. `needed`: where it is not there, what it stands in is left out."""

    state: State
    value: Any = None
    column: str | None = None
    needed: bool = False


Node = Leaf | dict[Step, "Node"]


def put(tree: dict[Step, Node], steps: tuple[Step, ...], leaf: Leaf) -> None:
    """Puts a value at its place; no place is within another value, which the mapping was asked for."""
    for step in steps[:-1]:
        below = tree.setdefault(step, {})
        assert isinstance(below, dict)
        tree = below
    tree[steps[-1]] = leaf


def document(tree: Mapping[Step, Node], at: tuple[Step, ...], places: dict[str, str]) -> Any:
    """The document, which stands `at` this place; from which column each value is, is noted in `places`."""
    kept = {step: node for step, child in tree.items() if (node := _kept(child)[1]) is not None}
    return _made(kept, at, places)


def _kept(node: Node) -> tuple[State, Node | None]:
    """What is left of a node. An object is left out where all that was looked for in it is not there, unless an object
    within it is the same in every row; or where one thing is not there that is needed."""
    if isinstance(node, Leaf):
        return node.state, None if node.state is State.EMPTY else node
    if any(isinstance(child, Leaf) and child.needed and child.state is State.EMPTY for child in node.values()):
        return State.EMPTY, None
    found = {step: _kept(child) for step, child in node.items()}
    states = {state for state, _ in found.values()}
    whole = any(state is State.CONSTANT and isinstance(child, dict) for state, child in found.values())
    if State.SAID not in states and State.EMPTY in states and not whole:
        return State.EMPTY, None
    left = {step: child for step, (_, child) in found.items() if child is not None}
    return State.SAID if State.SAID in states else State.CONSTANT, left


def _made(node: Node, at: tuple[Step, ...], places: dict[str, str]) -> Any:
    if isinstance(node, Leaf):
        if node.column is not None:
            places[json_pointer(at)] = node.column
        return node.value
    if node and all(isinstance(step, int) for step in node):
        inside = [node[step] for step in sorted(node, key=int)]
        return [_made(child, (*at, place), places) for place, child in enumerate(inside)]
    return {str(step): _made(child, (*at, step), places) for step, child in node.items()}
