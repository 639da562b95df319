"""The events that an agency sends, each made by one function: what is said, as bytes for Kafka or `POST /v1/events`.

    application_submitted("minzdrav", id="17-04/2026", time=now, title="...", problem="...", ...)

The fields of an event are those of its class in `agency.py`, given by their names: as models of this package or as
what JSON has. Everything that is wrong with their shape is told at once (`pydantic.ValidationError`), a field that
there is not is a TypeError. What only an edition of the rules knows, is told by the receipt.

`id` is the agency's own and stays the same when the event is sent again: then it is known as the same. `time` is when
it was made. `pilot` of a later event is the pilot's id or number, as the receipts name it.
"""

import json
from datetime import datetime
from typing import Any

from .agency import (
    ApplicationResubmittedV1,
    ApplicationSubmittedV2,
    ApplicationWithdrawnV1,
    ClarificationProvidedV1,
    CompletionReportedV1,
    ProgressReportedV1,
    ResultReportedV1,
    RiskReportedV1,
    SpendingReportedV1,
)
from .entered import SENT
from .event import SPECVERSION, Payload, agency_source, wire_moment


def application_submitted(
    agency: str, *, id: str, time: datetime, traceparent: str | None = None, **fields: Any
) -> bytes:
    """An application for a pilot (заявка): see `ApplicationSubmittedV2`."""
    return _event(ApplicationSubmittedV2, agency, id, time, None, traceparent, fields)


def application_resubmitted(
    agency: str, pilot: str, *, id: str, time: datetime, traceparent: str | None = None, **fields: Any
) -> bytes:
    """A returned or negatively concluded application, sent again after changes: see `ApplicationResubmittedV1`."""
    return _event(ApplicationResubmittedV1, agency, id, time, pilot, traceparent, fields)


def clarification_provided(
    agency: str, pilot: str, *, id: str, time: datetime, traceparent: str | None = None, **fields: Any
) -> bytes:
    """Answers to a request for information (ответ на запрос): see `ClarificationProvidedV1`."""
    return _event(ClarificationProvidedV1, agency, id, time, pilot, traceparent, fields)


def application_withdrawn(
    agency: str, pilot: str, *, id: str, time: datetime, traceparent: str | None = None, **fields: Any
) -> bytes:
    """The application is taken back (отзыв): see `ApplicationWithdrawnV1`."""
    return _event(ApplicationWithdrawnV1, agency, id, time, pilot, traceparent, fields)


def progress_reported(
    agency: str, pilot: str, *, id: str, time: datetime, traceparent: str | None = None, **fields: Any
) -> bytes:
    """The periodic report (отчёт о ходе): see `ProgressReportedV1`."""
    return _event(ProgressReportedV1, agency, id, time, pilot, traceparent, fields)


def spending_reported(
    agency: str, pilot: str, *, id: str, time: datetime, traceparent: str | None = None, **fields: Any
) -> bytes:
    """Money that was paid (отчёт о расходах): see `SpendingReportedV1`."""
    return _event(SpendingReportedV1, agency, id, time, pilot, traceparent, fields)


def risk_reported(
    agency: str, pilot: str, *, id: str, time: datetime, traceparent: str | None = None, **fields: Any
) -> bytes:
    """Risks as they stand now (отчёт о рисках): see `RiskReportedV1`."""
    return _event(RiskReportedV1, agency, id, time, pilot, traceparent, fields)


def result_reported(
    agency: str, pilot: str, *, id: str, time: datetime, traceparent: str | None = None, **fields: Any
) -> bytes:
    """Measured results (отчёт о результатах): see `ResultReportedV1`."""
    return _event(ResultReportedV1, agency, id, time, pilot, traceparent, fields)


def completion_reported(
    agency: str, pilot: str, *, id: str, time: datetime, traceparent: str | None = None, **fields: Any
) -> bytes:
    """Carrying out is finished (отчёт о завершении): see `CompletionReportedV1`."""
    return _event(CompletionReportedV1, agency, id, time, pilot, traceparent, fields)


def _event(
    kind: type[Payload],
    agency: str,
    id: str,
    time: datetime,
    pilot: str | None,
    traceparent: str | None,
    fields: dict[str, Any],
) -> bytes:
    if unknown := sorted(fields.keys() - kind.model_fields.keys()):
        raise TypeError(f"{kind.__name__} has no field {', '.join(unknown)}; it has {', '.join(kind.model_fields)}")
    said = kind.model_validate(fields, context=SENT)
    attributes = {
        "specversion": SPECVERSION,
        "id": id,
        "source": agency_source(agency),
        "type": kind.TYPE,
        "subject": pilot,
        "time": wire_moment(time),
        "datacontenttype": "application/json",
        "traceparent": traceparent,
    }
    named = {name: value for name, value in attributes.items() if value is not None}
    event = {**named, "data": said.model_dump(mode="json", exclude_unset=True)}
    return json.dumps(event, ensure_ascii=False).encode()
