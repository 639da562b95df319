"""Which rules agencies' events broke, kept by agency: what a rule that only warns would refuse if it blocked.

A row for each event and rule, made of the fact that tells of the event, so that a rebuild makes all of them again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from contracts.event import Contract, Event, Moment, wire_moment
from contracts.reference import Problem, ProblemSeverity
from services.chassis.sight import Sight
from services.chassis.store import Keys, Row, Store
from services.intake.receipts import receipt_of

BROKEN: Final = "broken_rules"
"""The collection of the rules that events broke."""
BY: Final = ("agency", "rule", "severity")
"""By what they are counted."""
COUNTED: Final[Keys] = (("at", 1), *((name, 1) for name in BY), ("pilot", 1), ("event_id", 1))
"""The index that has all that is counted: no row is fetched."""
COUNTS_NOTHING: Final = frozenset({"problems.more"})
"""What is no rule, and only says that there is more."""


class RuleCount(Contract):
    """How many events of an agency broke a rule and were told so (`warn`), or were refused for it (`block`): from the
    first to the last of them, whose id is given."""

    agency: str
    rule: str
    severity: ProblemSeverity
    events: int
    first: Moment
    last: Moment
    last_event: str


def projection(event: Event) -> list[tuple[str, Row]]:
    """A row for each rule that an event broke, however often it did."""
    receipt = receipt_of(event)
    if receipt is None:
        return []
    of = {"agency": receipt.agency, "pilot": receipt.pilot, "event_id": receipt.event_id, "at": wire_moment(event.time)}
    return [
        (BROKEN, {"_id": f"{event.id}:{rule}:{severity}", **of, "rule": rule, "severity": severity})
        for rule, severity in sorted(_rules(receipt.problems))
    ]


def _rules(problems: Sequence[Problem]) -> set[tuple[str, str]]:
    return {(one.rule, one.severity) for one in problems if one.rule not in COUNTS_NOTHING}


async def counts(
    store: Store, eyes: Sight, *, agency: str | None, rule: str | None, severity: str | None, since: datetime
) -> list[RuleCount]:
    """The rules that were broken since a moment, by agency. Raises StoreAway."""
    wanted = {"agency": agency, "rule": rule, "severity": severity}
    query: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    if not eyes.whole(agency or eyes.agency or ""):
        return []
    if eyes.agency is not None:
        query["agency"] = eyes.agency
    query = {"at": {"$gte": wire_moment(since)}, **query, **eyes.but("pilot")}
    found = await store.counted(BROKEN, query, BY, first="at", last=("at", "event_id"), hint=COUNTED)
    return [_count(row) for row in sorted(found, key=lambda row: [row["_id"][name] for name in BY])]


def _count(row: Row) -> RuleCount:
    said = {"first": row["first_at"], "last": row["last_at"], "last_event": row["last_event_id"]}
    return RuleCount.model_validate({**row["_id"], **said, "events": row["rows"]})
