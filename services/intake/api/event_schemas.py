"""The events that agencies send, for the document of the interface: each with all its parts under names of their own,
so that a program can be made of them."""

import json
from collections.abc import Mapping
from typing import Any, Final

from contracts.agency import AGENCY
from contracts.freeze import published
from services.chassis.described import REFERENCE

AN_EVENT: Final = {"$ref": REFERENCE.format(model="AgencyEvent")}
ITS_DATA: Final = {"$ref": REFERENCE.format(model="EventData")}


LEFT_OUT: Final = frozenset({"$id", "$schema", "if", "then", "else"})
"""What generators and linters of OpenAPI do not read, or read as a closed list of properties: that an event has either
`data` or `data_base64` is said by its schema at `GET /v1/contracts/{type}`."""


def _parts(title: str, name: str) -> dict[str, Any]:
    """The schema of an event under its title, and those of its parts under theirs."""
    text = json.dumps(published(name)).replace('"#/$defs/', f'"{REFERENCE.format(model=title)}')
    schema = {word: said for word, said in json.loads(text).items() if word not in LEFT_OUT}
    parts = {f"{title}{part}": {**said, "title": f"{title}{part}"} for part, said in schema.pop("$defs", {}).items()}
    return {title: {**schema, "title": title}, **parts}


EVENTS: Final = {f"{cls.__name__}Event": name for name, cls in AGENCY.classes.items()}
"""What the schema of each event is called, and the event's type."""
EVENT_SCHEMAS: Final[Mapping[str, Any]] = {
    **{part: said for title, name in EVENTS.items() for part, said in _parts(title, name).items()},
    "AgencyEvent": dict(
        title="AgencyEvent",
        description="An event that an agency sends, as its type says.",
        oneOf=[{"$ref": REFERENCE.format(model=title)} for title in EVENTS],
    ),
    "EventData": dict(
        title="EventData",
        description="The data of an event alone; its attributes stand in the request's `ce-` headers.",
        type="object",
        additionalProperties=True,
    ),
}
