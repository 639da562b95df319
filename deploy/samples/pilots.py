"""Sixty fictional pilots of fictional Belarusian bodies over all sectors, and where the demo leads each of them."""

import tomllib
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from contracts.agency import ApplicationSubmittedV2
from contracts.event import SPECVERSION, agency_source, wire_moment
from contracts.reference import OrganisationId, Party

SAMPLE: Final = Path(__file__).with_name("pilots.toml")


class End(StrEnum):
    """Where the demo leads a pilot; what stands here in no other way is refused at the door."""

    REJECTED = "rejected"
    LOOK_OVER = "look-over"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    EXPERTISE = "expertise"
    CLOCK_STOPPED = "clock-stopped"
    NEGATIVE = "negative"
    COUNCIL = "council"
    NOT_EXPEDIENT = "not-expedient"
    RUNNING = "running"
    SUSPENDED = "suspended"
    STOPPED_EARLY = "stopped-early"
    FINISHED = "finished"
    EFFECTIVE = "effective"
    SCALED = "scaled"
    REPLICA = "replica"


class Organisation(BaseModel, frozen=True, extra="forbid"):
    """Nobody's name and a number that is valid and nobody's."""

    unp: str
    name: str

    def party(self) -> Party:
        """As an application names it."""
        return Party(id=OrganisationId(scheme="BY-UNP", value=self.unp), name=self.name)


class Pilot(BaseModel, frozen=True, extra="forbid"):
    """A fictional pilot. `wrong`: what a faulty application says instead; `again`: it is sent a second time."""

    own: str
    end: End
    title: str
    problem: str
    solution: str
    cost: int
    effect: str | None = None
    region: str | None = None
    replicates: str | None = None
    adaptation: str | None = None
    again: bool = False
    wrong: dict[str, Any] = {}


class Agency(BaseModel, frozen=True, extra="forbid"):
    """A fictional agency with the pilots of one sector."""

    code: str
    name: str
    sector: str
    customer: Organisation
    initiator: Organisation
    pilots: tuple[Pilot, ...]


@cache
def agencies() -> tuple[Agency, ...]:
    """The whole sample."""
    found = tomllib.loads(SAMPLE.read_text(encoding="utf-8"))["agencies"]
    return tuple(Agency.model_validate(one) for one in found)


def pilots() -> Iterator[tuple[Agency, Pilot]]:
    """Every pilot with its agency."""
    return ((agency, pilot) for agency in agencies() for pilot in agency.pilots)


def event_id(agency: Agency, pilot: Pilot) -> str:
    """The id of the event with which an agency applies for a pilot."""
    return f"{agency.code}-{1 + agency.pilots.index(pilot)}"


def submitted(
    agency: Agency, pilot: Pilot, now: datetime, *, replicates: str | None = None, traceparent: str | None = None
) -> dict[str, Any]:
    """The event with which an agency applies; `replicates` is the registered number of the case that it copies."""
    share, rest = pilot.cost * 3 // 4, pilot.cost - pilot.cost * 3 // 4
    data = {
        "title": pilot.title,
        "problem": pilot.problem,
        "solution": pilot.solution,
        "sector": agency.sector,
        "initiator": agency.initiator.party().model_dump(mode="json"),
        "customer": agency.customer.party().model_dump(mode="json"),
        "planned_start": "2027-01-11",
        "planned_end": "2027-09-30",
        "expected_effect": pilot.effect,
        "own_number": pilot.own,
        "region": pilot.region,
        "contact": {"name": "Образцова Мария Примеровна", "email": "m.obraztsova@example.test"},
        "costs": [
            {"source": "republican-budget", "year": 2027, "amount_minor": share, "currency": "BYN"},
            {"source": "own-money", "year": 2027, "amount_minor": rest, "currency": "BYN"},
        ],
        "replicates": replicates,
        "adaptation": pilot.adaptation,
        **pilot.wrong,
    }
    event = {
        "specversion": SPECVERSION,
        "id": event_id(agency, pilot),
        "source": agency_source(agency.code),
        "type": ApplicationSubmittedV2.TYPE,
        "time": wire_moment(now),
        "data": {name: value for name, value in data.items() if value is not None},
    }
    return event | ({"traceparent": traceparent} if traceparent else {})
