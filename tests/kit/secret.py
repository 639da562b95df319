"""Something that nobody but its sender may see, put into every place of an event."""

import copy
import json
from collections.abc import Iterator
from typing import Any

SECRET = "Тайна Примеровна, +375 00 000-00-00, tajna@example.test"
"""A person's name, a telephone and an address of mail, all of them fictional."""
PARTS = ("Тайна", "Примеровна", "+375", "000-00", "tajna", "example.test", "\\u0422\\u0430\\u0439")
"""What must show nowhere, also not as JSON escapes it."""


def revealed(text: str) -> list[str]:
    """Those parts of the secret that a text shows."""
    return [part for part in PARTS if part in text]


def with_secret(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The event with the secret in each of its places in turn: in the place of a value, of a name, and beside it."""
    for place in _places(event):
        for how in ("value", "name", "beside", "inside a list"):
            changed = copy.deepcopy(event)
            if _put(changed, place, how):
                yield f"{how} {'/'.join(map(str, place))}", changed


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([at] if at else []), *(place for key, part in inner for place in _places(part, (*at, key)))]


def _put(event: Any, place: tuple[Any, ...], how: str) -> bool:
    for part in place[:-1]:
        event = event[part]
    last = place[-1]
    match how:
        case "value":
            event[last] = SECRET
        case "name" if isinstance(event, dict):
            event[SECRET] = event.pop(last)
        case "beside" if isinstance(event, dict):
            event[SECRET] = SECRET
        case "inside a list":
            event[last] = [SECRET, {SECRET: SECRET}]
        case _:
            return False
    return True


def bytes_of(event: Any) -> bytes:
    """An event as it stands on the wire."""
    return json.dumps(event, ensure_ascii=False).encode()
