"""What intake answers, for its document alone: answers are made by `queries.py` and not checked again at run time.

The tests hold every answer to these models.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from contracts.agency import ContactPerson, ReceiptConclusion, ReceiptOutcome
from contracts.event import Moment
from contracts.reference import Problem, ReturnReason
from services.intake.domain.state import Pilot, Request, Status


class Receipt(BaseModel):
    """What became of an agency's event, and how its pilot stands: a receipt (квитанция)."""

    pilot: str = Field(examples=["7f841494-a5a7-5cad-89a9-dc08e49b30fa"])
    agency: str = Field(examples=["vedomstvo-primer"])
    status: Status
    number: str | None = Field(examples=["ПП-2026-000123"])
    edition: str | None = Field(examples=["by-2024"])
    due_at: Moment | None
    event_id: str = Field(examples=["17-04/2026"])
    outcome: ReceiptOutcome
    problems: list[Problem]
    own_number: str | None = Field(examples=["17-04/2026"])
    reasons: list[ReturnReason]
    open_requests: list[Request]
    conclusion: ReceiptConclusion | None


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
