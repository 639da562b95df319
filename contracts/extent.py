"""How much a JSON text makes of itself, found in its bytes before a single object is made of them.

A megabyte of `[{},{},...]` is a third of a million objects: 25 times as much memory. What may be read is bounded in
bytes, in elements and in depth, and here the last two are counted.
"""

import json
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal

Excess = Literal["elements", "depth"]
_BRACKETS: Final = b"[]{}"
_OTHERS: Final = bytes(one for one in range(256) if one not in _BRACKETS)
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


@dataclass(frozen=True, slots=True)
class Extent:
    """What a JSON text may have: `elements`, values at any depth, and `depth`, objects and lists in one another."""

    elements: int
    depth: int


EVENT: Final = Extent(elements=20_000, depth=32)
"""What an agency's event may have. Not law: the largest that its contract allows has a few thousand elements, and eight
objects and lists in one another (assumption: there is room for what comes)."""
RECORD: Final = Extent(elements=100_000, depth=64)
"""What is looked into of a record that nobody could read, to show or to park it."""


def beyond(text: bytes, most: Extent) -> Excess | None:
    """Of what a JSON text has more than it may; None for one that has not.

    Every value but the first of a list or an object has a comma before it, and each list or object opens with a bracket
    of its own, so there are at most one value more than commas and brackets. Those within texts are only told apart
    where all together are too many. A reader of what is no JSON makes objects no further than to its first fault, and
    up to there the count is right.
    """
    opened = _opened(text)
    if opened + text.count(b",") < most.elements and opened <= most.depth:
        return None
    bare = _bare(_utf8(text))
    opened = _opened(bare)
    if opened + bare.count(b",") >= most.elements:
        return "elements"
    return "depth" if opened > most.depth and _depth(bare, opened) > most.depth else None


def _opened(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _depth(bare: bytes, opened: int) -> int:
    """How deep it goes; of as many closing brackets as opening ones no JSON has more."""
    brackets = bare.translate(None, _OTHERS)[: 2 * opened]
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def _bare(text: bytes) -> bytes:
    """What stands between the texts within a JSON text: without pairs of backslashes and quotation marks behind one,
    the marks that are left are those that texts begin and end with."""
    return b"".join(text.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2])


def _utf8(text: bytes) -> bytes:
    """The text in the encoding in which a quotation mark is a byte that is part of nothing else: Python's reader takes
    UTF-16 and UTF-32 as well."""
    encoding = json.detect_encoding(text)
    if encoding.startswith("utf-8"):
        return text
    return text.decode(encoding, "replace").encode("utf-8", "replace")
