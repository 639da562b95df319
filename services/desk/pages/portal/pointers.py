"""On which line of a JSON text a JSON pointer leads (RFC 6901), so that a fault can be shown where it stands."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

DEEPEST: Final = 50
"""So deep is looked for places (technical: an event has a handful of levels)."""
BLANKS: Final = " \t\r\n"
_json: Final = json.JSONDecoder()


def lines(text: str) -> Mapping[str, int]:
    """The line (from 1) of every place in a text, as far as it is JSON."""
    found, line, counted = dict[str, int](), 1, 0
    try:
        for pointer, at in _places(text, _blank(text, 0), "", 0):
            line, counted = line + text.count("\n", counted, at), at
            found[pointer] = line
    except (ValueError, IndexError, StopIteration):
        pass  # what comes behind is no JSON, and is told so by who reads it
    return found


def nearest(known: Mapping[str, int], pointer: str) -> int | None:
    """The line of a place, or of what would hold it where it is missing."""
    while pointer not in known:
        if not pointer:
            return None
        pointer = pointer.rpartition("/")[0]
    return known[pointer]


def _blank(text: str, at: int) -> int:
    while text[at] in BLANKS:
        at += 1
    return at


def _places(text: str, at: int, pointer: str, depth: int) -> Iterator[tuple[str, int]]:
    """Each place with where it begins; a member begins with its name."""
    if depth > DEEPEST:
        raise ValueError(depth)
    if depth == 0:
        yield pointer, at
    yield from _inside(text, at, pointer, depth)


def _inside(text: str, at: int, pointer: str, depth: int) -> Iterator[tuple[str, int]]:
    if text[at] not in "{[":
        return
    named, end = text[at] == "{", "}" if text[at] == "{" else "]"
    at, index = _blank(text, at + 1), 0
    while text[at] != end:
        began = at
        if named:
            name, at = _json.raw_decode(text, at)
            if not isinstance(name, str):
                raise ValueError(name)
            at = _blank(text, _blank(text, at) + 1)
        else:
            name = str(index)
        inner = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        yield inner, began
        yield from _places(text, at, inner, depth + 1)
        at = _blank(text, _after(text, at))
        if text[at] == ",":
            at = _blank(text, at + 1)
        index += 1


def _after(text: str, at: int) -> int:
    return _json.raw_decode(text, at)[1]
