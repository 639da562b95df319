"""The forms of codes, numbers and ids: each a pattern of a whole text, and the id of the words that say what it asks.

Free text has no form (`contracts.text`).
"""

import re
from collections.abc import Mapping
from typing import Final

from .entered import YEAR
from .text import SAYS_SOMETHING

CODE: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
SCHEME: Final = r"^[A-Z]{2}(-[A-Z0-9]+)+$"
ORGANISATION: Final = r"^[A-Z0-9-]+:.+$"
CURRENCY: Final = r"^[A-Z]{3}$"
DECIMAL: Final = r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$"
ITEM_ID: Final = r"^[a-z0-9][a-z0-9-]{0,29}$"
OPAQUE_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._:@|-]{0,127}$"
PERSON: Final = r"^[^\x00-\x1f\x7f]+$"
"""The form of an opaque id of a person. With its kind before it, it must still fit into an event's subject."""
EMAIL: Final = (
    r"^[^\s@<>()\[\],;:\u0022\u0000-\u0020\u007f]+@[^\s@<>()\[\],;:\u0022\u0000-\u0020\u007f]+"
    r"\.[^\s@<>()\[\],;:\u0022.\u0000-\u0020\u007f]+$"
)
"""The form of one address and nothing beside it: no name before it, no second one, nothing that a letter's head could
take for its own (RFC 5322, without its comments and quoted parts; RFC 6531 for letters of any script)."""
RECORDED_ID: Final = r"^[^\x00-\x1f\x7f]{1,128}$"
_PLAIN: Final = r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*"
USABLE_ID: Final = f"^{_PLAIN}{SAYS_SOMETHING}{_PLAIN}$"
"""The form of an id that comes in: it shows something and turns nothing round."""
SOURCE: Final = r"^/(services|agencies)/[a-z0-9-]{2,20}$"
EVENT_TYPE: Final = r"^[a-z0-9]+(\.[a-z0-9-]+)*\.v[1-9][0-9]*$"
JSON_TYPE: Final = r"^[Aa][Pp][Pp][Ll][Ii][Cc][Aa][Tt][Ii][Oo][Nn]/[Jj][Ss][Oo][Nn][ \t]*(;[^\u0000-\u001f\u007f]*)?$"
"""The media type of JSON in any case, and with parameters (RFC 9110, 8.3.1)."""
SEQUENCE: Final = r"^[0-9]{20}$"
ETAG: Final = r'^(?:W/)?"?[0-9]{1,18}"?$'
FILE_ID: Final = "^[0-9a-f]{32}$"
KEY_ID: Final = "^[0-9a-f]{12}$"
AGENCY: Final = "^[a-z0-9-]{2,20}$"
MONEY_YEAR: Final = f"^({YEAR}|unspecified)$"

MOST_NUMBER: Final = 60
_number: Final = re.compile(r"[^\W\d_]+-\d{4}-\d+")
_pilot_id: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2212"
"""What people and their programs write for a hyphen."""
_dashes: Final = str.maketrans(dict.fromkeys(DASHES, "-"))


def as_number(named: str) -> str | None:
    """What names a pilot, in the form of a registration number, whatever dashes and letters it was typed with; None
    where it has not that form."""
    said = named.strip()[:MOST_NUMBER].translate(_dashes).upper()
    return said if _number.fullmatch(said) else None


def as_pilot_id(named: str) -> str | None:
    """What names a pilot, in the form of an id; None where it has not that form. A UUID in capital letters, as some
    databases write it, is the same one (RFC 9562, 4)."""
    said = named.strip().lower()
    return said if _pilot_id.fullmatch(said) else None


def pilot_named(named: str) -> str:
    """What names a pilot, in the form in which it is known: its registration number, its id, or what it was."""
    return as_number(named) or as_pilot_id(named) or named


OTHER: Final = "form.other"
"""The words for a pattern that is none of these: they show it."""
FORMS: Final[Mapping[str, str]] = {
    CODE: "form.code",
    SCHEME: "form.scheme",
    ORGANISATION: "form.organisation",
    CURRENCY: "form.currency",
    DECIMAL: "form.decimal",
    ITEM_ID: "form.item",
    OPAQUE_ID: "form.opaque-id",
    PERSON: "form.person",
    EMAIL: "form.email",
    RECORDED_ID: "form.id",
    USABLE_ID: "form.id",
    SOURCE: "form.source",
    EVENT_TYPE: "form.type",
    JSON_TYPE: "form.content-type",
    SEQUENCE: "form.sequence",
    ETAG: "form.etag",
    FILE_ID: "form.export",
    KEY_ID: "form.key",
    AGENCY: "form.agency-code",
    MONEY_YEAR: "form.year",
}
