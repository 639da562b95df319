"""What intake's doors ask of an agency's event beyond its JSON Schema, as a list of rule ids: what no schema can say.

A schema tells the shape of one event. It does not know the edition's code lists, sums, the order of days, what was sent
before, how a pilot stands, or which marks Unicode has. What a rule says stands in `contracts/words` by its id; of those
in `contracts.severities` the edition decides whether they refuse.
"""

from collections.abc import Mapping
from typing import Final

from .agency import (
    AGENCY,
    ApplicationResubmittedV1,
    ApplicationSubmittedV1,
    ApplicationSubmittedV2,
    ApplicationWithdrawnV1,
    ClarificationProvidedV1,
    CompletionReportedV1,
    ProgressReportedV1,
    ResultReportedV1,
    RiskReportedV1,
    SpendingReportedV1,
)

_EVERY: Final = (
    *("event.too-large", "json.invalid", "json.not-an-object", "json.number", "json.too-deep", "json.too-many"),
    *("data.no-base64", "data.twice", "id.reused", "type.unknown", "type.newer-version", "source.not-yours"),
    *("time.missing", "time.future", "attribute.name", "attribute.value", "attribute.capitals", "field.unknown"),
    *("schema.blank", "schema.year-beyond", "schema.bare-year", "schema.day-for-nothing", "schema.leap-second"),
    *("agency.disabled", "agency.not-yet", "agency.over", "problems.more"),
)
"""Of every event: its bytes, its envelope, whether it shows something, its years, whether its agency may publish."""
_PARTIES: Final = (
    *("party.scheme", "party.form", "party.blanks", "party.look-alike", "party.zeros", "party.check-digit"),
    *("party.not-legal-entity", "party.person-name", "party.perhaps-person", "party.bare-name"),
)
_NUMBERS: Final = _PARTIES[:7]
_FIRST_VERSION: Final = (
    *("edition.none", "sector.unknown", "party.required", *_PARTIES, "costs.refused", "costs.required"),
    *("costs.currency", "dates.order", "dates.longest", "start.past", "text.length", "contact.phone"),
    "own-number.used",
)
_APPLICATION: Final = (
    *_FIRST_VERSION,
    *("costs.source", "costs.total", "region.unknown", "office.unknown", "sector.twice", "shares.sum"),
    *("shares.sector", "procedure.off", "evidence.required", "replicates.required", "adaptation.unwanted"),
)
_LATER: Final = ("pilot.unknown", "application.not-open", "pilot.decided")
_REPORT: Final = (
    *("pilot.unknown", "pilot.not-carried-out", "reports.too-large", "indicator.unknown", "value.twice"),
    *("date.future", "date.before-launch"),
)
BEYOND_SCHEMA: Final[Mapping[str, tuple[str, ...]]] = {
    name: (*_EVERY, *rules)
    for name, rules in {
        ApplicationSubmittedV1.TYPE: _FIRST_VERSION,
        ApplicationSubmittedV2.TYPE: _APPLICATION,
        ApplicationResubmittedV1.TYPE: (*_LATER, *_APPLICATION, "initiator.changed", "met.unknown", "met.twice"),
        ClarificationProvidedV1.TYPE: (
            *_LATER,
            *("request.unknown", "request.closed", "item.unknown", "item.twice", "item.answered"),
            *("value.no-field", "value.twice", *_APPLICATION),
        ),
        ApplicationWithdrawnV1.TYPE: _LATER,
        ProgressReportedV1.TYPE: (*_REPORT, "period.order", "period.future", "period.twice", "reports.too-many"),
        SpendingReportedV1.TYPE: (
            *(*_REPORT, "costs.refused", "source.unknown", "currency.unknown", "amount.zero", "payment.twice"),
            "spending.over-budget",
        ),
        RiskReportedV1.TYPE: (*_REPORT, "risk.twice", *_NUMBERS),
        ResultReportedV1.TYPE: _REPORT,
        CompletionReportedV1.TYPE: (*_REPORT, "completed.already"),
    }.items()
}
"""By type of event, the rules that its schema does not say."""
assert BEYOND_SCHEMA.keys() == AGENCY.classes.keys()
