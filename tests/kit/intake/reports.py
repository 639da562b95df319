"""Reports of an executor on a pilot that is carried out, and what is wrong with them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from contracts.intake import (
    CompletionRegisteredV1,
    EventRefusedV1,
    ProgressRegisteredV1,
    ResultRegisteredV1,
    RiskRegisteredV1,
    SpendingRegisteredV1,
)
from contracts.reference import Problem
from deploy.samples.common import NOW
from services.intake.domain.commands import Later
from tests.kit.intake.story import (
    STATES,
    completed,
    measured,
    pilots,
    progress,
    risks,
    spent,
)
from tests.kit.wording import in_every_language

CARRIED = STATES["carried out"]
CODES = ("waiting-time", "visits")
ALL: Mapping[str, Later] = {
    "progress": progress(),
    "spending": spent(),
    "risk": risks(),
    "result": measured(),
    "completion": completed("c-9"),
}
REGISTERED = {
    "progress": ProgressRegisteredV1,
    "spending": SpendingRegisteredV1,
    "risk": RiskRegisteredV1,
    "result": ResultRegisteredV1,
    "completion": CompletionRegisteredV1,
}
each = pytest.mark.parametrize("kind", sorted(ALL))


def refused(state: Any, command: Later, now: datetime = NOW) -> list[Problem]:
    """Everything that is wrong with a report; nothing, where it is taken."""
    [fact] = pilots.when(state, command, now=now)
    if not isinstance(fact, EventRefusedV1):
        return []
    assert fact.problems
    for one in fact.problems:
        in_every_language(one)
    return list(fact.problems)


def faults(command: Later, state: Any = CARRIED, now: datetime = NOW) -> list[tuple[str, str]]:
    """The place and the rule of everything that is wrong with a report."""
    return [(one.pointer, one.rule) for one in refused(state, command, now)]
