"""What the figures hold of a pilot: the tables, and the rows that a stored pilot has in each of them. Pure.

Rows are made by this program's own reading of the pilot (`Pilot.money`, `Pilot.progress`), never from computed fields
that an earlier program left in a document: figures of one view are all counted the same way.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from services.registry.domain.state import Pilot, Stay
from services.registry.views import public_at

VERSION: Final = 5
"""To be raised whenever the same pilot makes other rows than before: then every view is made anew."""
TABLES: Final[Mapping[str, str]] = {
    "pilots": "pilot VARCHAR, number VARCHAR, agency VARCHAR, sector VARCHAR, region VARCHAR, office VARCHAR, "
    "stage VARCHAR, entered TIMESTAMP, judged VARCHAR, scaling VARCHAR, public BOOLEAN, agency_name VARCHAR",
    "lines": "pilot VARCHAR, agency VARCHAR, region VARCHAR, sector VARCHAR, source VARCHAR, year INTEGER, "
    "stage VARCHAR, currency VARCHAR, amount BIGINT",
    "stays": "pilot VARCHAR, stage VARCHAR, since TIMESTAMP, until TIMESTAMP",
    "terms": "pilot VARCHAR, kind VARCHAR, own BOOLEAN, kept INTEGER, broken INTEGER, running INTEGER, "
    "broken_and_open INTEGER",
    "results": "pilot VARCHAR, indicator VARCHAR, percent INTEGER, reached BOOLEAN",
    "replicas": "pilot VARCHAR, replica VARCHAR, outcome VARCHAR",
    "overpaid": "pilot VARCHAR, source VARCHAR, currency VARCHAR, committed BIGINT, paid BIGINT",
    "unread": "pilot VARCHAR",
}
"""The columns of each table; the first is the pilot whose document the row comes from (of a replica: its parent).

Times are UTC. `lines.stage` is how far the money has come; amounts are whole minor units. `results` has every agreed
indicator, without a value (`reached` null) where none was measured. `terms` counts terms of a kind, some in each row:
`broken` are also those that are open still. `overpaid` has the few sources of a pilot from which more was paid than
committed. `public`: the public sees the pilot. `unread` are pilots whose document this program cannot read: they are in
no other table, and every answer says how many there are.
"""
Line = tuple[Any, ...]


def fingerprint() -> str:
    """Changes with the tables and with `VERSION`."""
    return f"{VERSION}/{hashlib.sha256(repr(sorted(TABLES.items())).encode()).hexdigest()[:16]}"


def rows_of(id_: str, pilot: Pilot) -> dict[str, list[Line]]:
    """The rows of a pilot in each table."""
    return {
        "pilots": [_pilot(id_, pilot)],
        "lines": [
            (id_, pilot.agency, pilot.region, m.sector, m.source, m.year, m.stage.value, m.currency, m.amount_minor)
            for m in pilot.money
        ],
        "stays": [(id_, *stay) for stay in _stays(pilot.history)],
        "terms": [(id_, *one) for one in _terms(pilot)],
        "results": [(id_, *one) for one in _results(pilot)],
        "overpaid": [(id_, one.source, one.currency, one.committed_minor, one.paid_minor) for one in pilot.overpaid],
        "replicas": [(id_, one.pilot, one.outcome.value if one.outcome else None) for one in pilot.replicas],
    }


def _pilot(id_: str, pilot: Pilot) -> Line:
    return (
        id_,
        pilot.number,
        pilot.agency,
        pilot.application.sector,
        pilot.region,
        pilot.application.office,
        pilot.stage.value,
        _utc(pilot.entered),
        pilot.judgement.outcome.value if pilot.judgement else None,
        pilot.scaling.decision.value if pilot.scaling else None,
        public_at(pilot.stage, concluded=bool(pilot.conclusions)),
        pilot.agency_name,
    )


def _stays(history: Iterable[Stay]) -> list[Line]:
    """One row for each stay at a stage: a change of the sector alone does not end a stay."""
    found = list[Line]()
    for one in history:
        stage, since, until = one.stage.value, _utc(one.since), _utc(one.until)
        if found and found[-1][0] == stage and found[-1][2] == since:
            since = found.pop()[1]
        found.append((stage, since, until))
    return found


def _terms(pilot: Pilot) -> Iterator[Line]:
    """Open terms, one in a row; the ended ones of a kind, which are only counted, in one."""
    for one in pilot.own_terms:
        yield (one.kind, True, *_open(one.ledger.breached))
    for other in pilot.foreign_terms:
        yield (other.kind, False, *_open(other.breached))
    for own, ended in ((True, pilot.past_own_terms), (False, pilot.past_terms)):
        for past in ended:
            yield (past.kind, own, past.kept, past.broken, 0, 0)


def _open(breached: bool) -> Line:
    return (0, int(breached), int(not breached), int(breached))


def _results(pilot: Pilot) -> Iterator[Line]:
    measured = {one.indicator: one for one in pilot.progress}
    agreed = pilot.agreement.agreement.indicators if pilot.agreement else ()
    for code in dict.fromkeys(indicator.code for indicator in agreed):
        one = measured.get(code)
        yield (code, one.percent, one.reached) if one else (code, None, None)


def _utc(moment: datetime | None) -> datetime | None:
    """A moment as the tables hold it: UTC, without saying so."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
