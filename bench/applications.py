"""Applications that wait for their look-over, for measurements: each told to intake's own `decide`, then written."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final

from bench.cases import EDITION, RULES, Story, fold_of, put
from contracts.event import Actor
from contracts.reference import Role
from contracts.steps import EditionFrom
from deploy.samples.pilots import Agency as SampleAgency
from deploy.samples.pilots import Pilot as SamplePilot
from deploy.samples.pilots import pilots
from deploy.samples.pilots import submitted as sent
from services.chassis.fold import Fold
from services.chassis.store import Store
from services.intake.domain.agency import Agency, Given
from services.intake.domain.commands import Submit
from services.intake.domain.state import KIND, Pilot, pilot_id
from services.intake.service import SERVICE

SPREAD: Final = timedelta(days=20)
"""Over how many days before the present they came in."""
FROM: Final = EditionFrom(edition=EDITION.id, since=date(2025, 1, 1))


async def write_applications(store: Store, count: int, now: datetime) -> list[str]:
    """Writes so many; returns the ids of those that wait for an officer."""
    folds = list(_made(count, now))
    await put(store, folds)
    return [fold.after.subject for fold in folds if isinstance(fold.after.state, Pilot) and fold.after.state.number]


def _made(count: int, now: datetime) -> Iterator[Fold]:
    for n in range(count):
        told = application(None, f"bench-{n}", n, now - SPREAD * (n / count))
        yield fold_of(told.subject, told.state, told.facts, SERVICE)


def application(code: str | None, id_: str, n: int, at: datetime) -> Story:
    """The n-th application, of this agency or of one of the sample's, that came at a moment and was registered."""
    agency, pilot = _sample()[n % len(_sample())]
    agency = agency.model_copy(update={"code": code}) if code else agency
    event = sent(agency, pilot, at)
    event |= {"id": id_, "data": {**event["data"], "own_number": id_}}
    entry = Agency(code=agency.code, name=agency.name, editions=(FROM,))
    told = Story(
        SERVICE.aggregates[KIND],
        pilot_id(agency.code, id_),
        Given(RULES, entry, f"{EDITION.registration.prefix}-{at.year}-{n:06d}"),
    )
    told.then(Submit(agency.code, id_, event), Actor(id=agency.code, organisation=agency.code, role=Role.PUBLISHER), at)
    return told


@cache
def _sample() -> list[tuple[SampleAgency, SamplePilot]]:
    return [(agency, pilot) for agency, pilot in pilots() if not pilot.wrong]
