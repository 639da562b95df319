"""What intake answers, for its document alone: answers are made by `queries.py` and not checked again at run time.

The tests hold every answer to these models.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict

from contracts.agency import ContactPerson
from contracts.event import Moment
from services.intake.domain.state import Pilot


class ContactShown(ContactPerson):
    """A contact person of an application, and until when that is kept."""

    person_id: str
    until: Moment | None


class Contacts(BaseModel):
    """The contact persons of an application, the one to be asked first."""

    items: list[ContactShown]


def _as_shown(schema: dict[str, Any]) -> None:
    """What `queries.application_card` leaves out of the state."""
    for name in ("terms", "hidden_from"):
        del schema["properties"][name]
        schema["required"] = [one for one in schema.get("required", ()) if one != name]
    schema["properties"]["taken"] = {"type": "object"}  # how many bytes are remembered of reports


class ApplicationCard(Pilot):
    """An application as an officer sees it (карточка заявки): all of its state but what is for others."""

    model_config = ConfigDict(json_schema_extra=_as_shown)

    id: str
    version: int
