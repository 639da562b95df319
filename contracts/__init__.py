"""The published language of Lotsman: events, code lists, rule editions and topics.

Agencies can install this package alone; it needs nothing but pydantic.
"""

from typing import Final

VERSION: Final = "0.2.0"
"""The version of the whole: of both projects, the documents of the interfaces, and the image."""
