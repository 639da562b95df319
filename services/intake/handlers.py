"""What intake makes of the other services' facts: fact -> command; and what its decisions are given."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from contracts.event import (
    Event,
)
from contracts.expertise import (
    ConclusionAnnulledV1,
    ConclusionIssuedV1,
    InformationRequestedV1,
    RequestClosedV1,
    ReviewClosedV1,
    TermExtendedV1,
)
from contracts.registry import (
    AgreementFailedV1,
    AgreementRecordedV1,
    CreditDecidedV1,
    EffectivenessJudgedV1,
    EntryCorrectedV1,
    ExpediencyDecidedV1,
    PilotLaunchedV1,
    PilotStoppedV1,
    TermBreachedV1,
    TermNearingV1,
)
from contracts.rules import RuleBook
from contracts.steps import Correctable
from services.chassis.store import Store
from services.chassis.subject import Input
from services.intake.domain.agency import Agency, Given, edition_for, subject_of
from services.intake.domain.commands import CLARIFICATION, REMINDED, Forward, Later, Note, Remind, Submit
from services.intake.domain.shape import time_of


def translate(event: Event) -> Forward | Note | Remind | None:
    """What another service's fact asks of intake: to pass it on to the applicant, to note how the pilot stands, or to
    remind the executor."""
    match event.fact:
        case TermExtendedV1(kind=kind) as fact if kind == CLARIFICATION:
            return Forward(fact)
        case (
            InformationRequestedV1()
            | RequestClosedV1()
            | ConclusionIssuedV1()
            | ConclusionAnnulledV1()
            | ReviewClosedV1() as fact
        ):
            return Forward(fact)
        case EntryCorrectedV1(what=what) as fact if what in (Correctable.AGREEMENT, Correctable.LAUNCH):
            return Note(fact)
        case (
            ExpediencyDecidedV1()
            | CreditDecidedV1()
            | AgreementRecordedV1()
            | AgreementFailedV1()
            | PilotLaunchedV1()
            | EffectivenessJudgedV1()
            | PilotStoppedV1() as fact
        ):
            return Note(fact)
        case TermNearingV1(kind=kind) | TermBreachedV1(kind=kind) as fact if kind in REMINDED:
            return Remind(fact)
    return None


# ---- what decisions are given


def preparing(rules: RuleBook, now: Callable[[], datetime]) -> Callable[[Store, Sequence[Input]], Any]:
    """What a batch of decisions is given: directory entries with one query, numbers with one draw per series."""

    async def prepare(store: Store, inputs: Sequence[Input]) -> list[Given]:
        submits = {n: i.command for n, i in enumerate(inputs) if isinstance(i.command, Submit)}
        codes = {n: i.command.agency for n, i in enumerate(inputs) if isinstance(i.command, (Submit, Later))}
        agencies = await _agencies(store, set(codes.values()))
        series: dict[tuple[str, int], list[int]] = {}
        for place, command in submits.items():
            agency = agencies.get(command.agency)
            edition = edition_for(agency, time_of(command.event) or now(), rules) if agency else None
            if edition is not None:
                year = now().astimezone(ZoneInfo(edition.zone)).year
                series.setdefault((edition.id, year), []).append(place)
        numbers: dict[int, str] = {}
        for (edition_id, year), places in series.items():
            edition = rules.edition(edition_id)
            drawn = await store.draw(f"registration:{edition.registration.prefix}:{year}", len(places))
            numbers.update({p: edition.number(year, n) for p, n in zip(places, drawn, strict=True)})
        return [Given(rules, agencies.get(codes.get(n, "")), numbers.get(n)) for n in range(len(inputs))]

    return prepare


async def _agencies(store: Store, codes: set[str]) -> dict[str, Agency]:
    if not codes:
        return {}
    loaded = await store.load([subject_of(code) for code in codes], lambda _subject: Agency)
    return {a.code: a for d in loaded.values() if isinstance(a := d.state, Agency)}
