"""How much a JSON text makes of itself is found in its bytes, and never found to be less than it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.agency import AGENCY
from contracts.extent import EVENT, Extent, beyond
from contracts.freeze import example

TEXTS = st.text(alphabet=st.sampled_from('[]{},:"\\\n aя\N{GRINNING FACE}\u2200'), max_size=8)
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


def elements(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(elements, inside))


def depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)


@given(VALUES, st.booleans(), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_what_is_within_bounds_passes_and_what_is_beyond_does_not(value: Any, escaped: bool, encoding: str) -> None:
    text = json.dumps(value, ensure_ascii=escaped).encode(encoding)
    many, deep = elements(value), depth(value)
    # Each list or object that is empty is counted with the one value that it might have.
    assert beyond(text, Extent(2 * many, max(1, deep))) is None
    if many > 1:
        assert beyond(text, Extent(many - 1, 99)) == "elements"
    if deep > 1:
        assert beyond(text, Extent(999, deep - 1)) == "depth"


@pytest.mark.parametrize("text", [b'"[[[[', b'["a', b"]]]]", b"[}[}[}", b'\\"[', b"", b"\xff\xfe", b"\x00[\x00["])
def test_what_is_no_json_raises_nothing(text: bytes) -> None:
    beyond(text, Extent(1, 1))


@pytest.mark.parametrize("kind", AGENCY.classes)
def test_a_tenth_of_the_bounds_is_enough_for_every_example(kind: str) -> None:
    text = json.dumps(example(kind)).encode()
    assert beyond(text, Extent(EVENT.elements // 10, EVENT.depth // 3)) is None
