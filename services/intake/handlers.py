"""What intake makes of the other services' facts: fact -> command; and what its decisions are given."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, assert_never
from zoneinfo import ZoneInfo

from contracts import expertise, registry
from contracts.event import Event
from contracts.rules import Edition, RuleBook
from contracts.steps import Correctable
from services.chassis.service import Prepare
from services.chassis.store import Store
from services.chassis.subject import Document, Input
from services.chassis.turns import in_turns
from services.intake.domain.agency import Agency, Given, edition_for, first_day, shut, subject_of
from services.intake.domain.application import Used
from services.intake.domain.commands import (
    CLARIFICATION,
    EXPERTISE,
    REMINDED,
    Forward,
    Later,
    Note,
    NoteHiding,
    NoteTerm,
    Remind,
    Submit,
)
from services.intake.domain.shape import time_of
from services.intake.domain.state import Pilot, refused
from services.intake.domain.validation import Judged, judge
from services.intake.own_numbers import OwnNumbers
from services.intake.taken import read_before

NOTED: Final = frozenset({Correctable.AGREEMENT, Correctable.LAUNCH, Correctable.SPENDING})
"""The entries by which reports are judged: of no other a correction is noted."""


def translate(event: Event) -> Forward | Note | NoteHiding | NoteTerm | Remind | None:
    """What another service's fact asks of intake: to pass it on to the applicant, to note how the pilot stands or from
    whom it is hidden, or to remind the executor."""
    fact = event.fact
    if isinstance(fact, expertise.CaseFact):
        return _of_expertise(fact)
    return _of_register(fact) if isinstance(fact, registry.PilotFact) else None


def _of_expertise(fact: expertise.CaseFact) -> Forward | NoteHiding | NoteTerm | None:
    match fact:
        case expertise.TermExtendedV1(kind=kind) if kind == CLARIFICATION:
            return Forward(fact)
        case expertise.TermStartedV1():
            return NoteTerm(fact) if fact.term.kind == EXPERTISE else None
        case (
            expertise.TermExtendedV1()
            | expertise.TermSuspendedV1()
            | expertise.TermResumedV1()
            | expertise.TermRecalendaredV1()
            | expertise.TermEndedV1()
        ):
            return NoteTerm(fact) if fact.kind == EXPERTISE else None
        case (
            expertise.InformationRequestedV1()
            | expertise.RequestClosedV1()
            | expertise.ConclusionIssuedV1()
            | expertise.ConclusionAnnulledV1()
            | expertise.ReviewClosedV1()
        ):
            return Forward(fact)
        case (
            expertise.ConflictFoundV1()
            | expertise.ConflictDismissedV1()
            | expertise.ConflictConfirmedV1()
            | expertise.TiesCheckedV1()
        ):
            return NoteHiding(person_id=fact.expert_id, hidden=expertise.hides(fact))
        case (
            expertise.ReviewOpenedV1()
            | expertise.TermNearingV1()
            | expertise.TermBreachedV1()
            | expertise.CaseClaimedV1()
            | expertise.CaseReleasedV1()
            | expertise.ExpertAssignedV1()
            | expertise.ExpertAcceptedV1()
            | expertise.ExpertDeclinedV1()
            | expertise.ExpertReleasedV1()
            | expertise.ExpertRecheckedV1()
            | expertise.OpinionGivenV1()
            | expertise.FurtherOpinionCalledV1()
            | expertise.AnswersTakenV1()
            | expertise.ConclusionDraftedV1()
            | expertise.ConclusionSentBackV1()
            | expertise.ConclusionApprovedV1()
            | expertise.AppealOpenedV1()
            | expertise.AppealDecidedV1()
        ):
            return None
        case _:
            assert_never(fact)


def _of_register(fact: registry.PilotFact) -> Note | NoteHiding | Remind | None:
    match fact:
        case registry.EntryCorrectedV1():
            return Note(fact) if fact.what in NOTED else None
        case (
            registry.ExpediencyDecidedV1()
            | registry.CreditDecidedV1()
            | registry.AgreementRecordedV1()
            | registry.AgreementFailedV1()
            | registry.PilotLaunchedV1()
            | registry.EffectivenessJudgedV1()
            | registry.PilotStoppedV1()
            | registry.ScalingDecidedV1()
        ):
            return Note(fact)
        case registry.TermNearingV1() | registry.TermBreachedV1():
            return Remind(fact) if fact.kind in REMINDED else None
        case registry.ConflictNotedV1():
            # The others are known from the expertise, which found them.
            return NoteHiding.made_of(fact) if fact.by_entry else None
        case (
            registry.PilotEnteredV1()
            | registry.ApplicationOutcomeRecordedV1()
            | registry.ApplicationAmendedV1()
            | registry.TermRecordedV1()
            | registry.ConclusionRecordedV1()
            | registry.AnnulmentRecordedV1()
            | registry.TermStartedV1()
            | registry.TermSuspendedV1()
            | registry.TermResumedV1()
            | registry.TermExtendedV1()
            | registry.TermRecalendaredV1()
            | registry.TermEndedV1()
            | registry.ProgressRecordedV1()
            | registry.SpendingRecordedV1()
            | registry.RiskRecordedV1()
            | registry.ResultRecordedV1()
            | registry.PilotSuspendedV1()
            | registry.PilotResumedV1()
            | registry.PilotExtendedV1()
            | registry.PilotCompletedV1()
            | registry.CommissionNamedV1()
            | registry.EffectivenessProposedV1()
            | registry.ReplicaLinkedV1()
            | registry.ReplicaResultNotedV1()
        ):
            return None
        case _:
            assert_never(fact)


# ---- what decisions are given


def beside(one: Input) -> str | None:
    """The directory entry of the agency whose event it is; None for what is none's."""
    return subject_of(one.command.agency) if isinstance(one.command, (Submit, Later)) else None


def preparing(rules: RuleBook, now: Callable[[], datetime]) -> Prepare:
    """What a batch of decisions is given: directory entries (`beside`), numbers with one draw per series.

    Only what will be registered draws a number (регистрационный номер): no application that has faults, none that
    is registered already, and none a second time. A number is lost where the process ends between its draw and the
    write, or where two replicas take the same application at the same moment.
    """

    async def prepare(
        store: Store, inputs: Sequence[Input], loaded: Mapping[str, Document], own: OwnNumbers
    ) -> list[Given]:
        again = await _coming_again(store, inputs, loaded)
        fresh = {i.subject: n for n, i in reversed([*enumerate(inputs)]) if n in again or _is_new(i, loaded)}
        submits = {n: c for n in sorted(fresh.values()) if isinstance(c := inputs[n].command, Submit)}
        codes = {n: i.command.agency for n, i in enumerate(inputs) if isinstance(i.command, (Submit, Later))}
        agencies = {a.code: a for d in loaded.values() if isinstance(a := d.state, Agency)}
        judged: dict[int, Judged] = {}
        series: dict[tuple[str, int], list[int]] = {}
        async for place, command in in_turns(submits.items()):
            agency = agencies.get(command.agency)
            if agency is None:
                continue
            if (closed := shut(agency, now(), rules)) is not None:
                judged[place] = Judged((closed,))
                continue
            edition = edition_for(agency, time_of(command.event) or now(), rules)
            if (found := _judged(command, edition, now(), own.of(inputs[place]), first_day(agency))) is None:
                continue
            judged[place] = found
            if found.submission is not None:
                own.take(inputs[place], found.submission.own_number)
            if edition is not None and found.submission is not None:
                year = now().astimezone(ZoneInfo(edition.zone)).year
                series.setdefault((edition.id, year), []).append(place)
        numbers: dict[int, str] = {}
        for (edition_id, year), places in series.items():
            edition = rules.edition(edition_id)
            drawn = await store.draw(series_of(edition.registration.prefix, year), len(places))
            numbers.update({p: edition.number(year, n) for p, n in zip(places, drawn, strict=True)})
        return [
            Given(rules, agencies.get(codes.get(n, "")), numbers.get(n), judged.get(n), own.of(one), n in again)
            for n, one in enumerate(inputs)
        ]

    return prepare


def series_of(prefix: str, year: int) -> str:
    """The name of a series of registration numbers, each of which is given out once."""
    return f"registration:{prefix}:{year}"


def number(data: Mapping[str, Any]) -> tuple[str, int] | None:
    """The registration number in the JSON of a fact, as its series and its place there."""
    match = re.fullmatch(r"(\S{1,10})-([0-9]{4})-([0-9]{1,18})", str(data.get("number")))
    return (series_of(match[1], int(match[2])), int(match[3])) if match else None


def _is_new(one: Input, loaded: Mapping[str, Document]) -> bool:
    known = loaded.get(one.subject)
    return isinstance(one.command, Submit) and (known is None or known.state is None)


async def _coming_again(store: Store, inputs: Sequence[Input], loaded: Mapping[str, Document]) -> set[int]:
    """The places of events that stand refused and have come again. A record that was read before has its answer,
    whatever has become of its reasons: where all of a topic is read once more, nothing is judged anew."""
    found = set[int]()
    for place, one in enumerate(inputs):
        known = loaded.get(one.subject)
        if known is None or not isinstance(known.state, Pilot) or not isinstance(one.command, Submit | Later):
            continue
        if refused(known.state, one.command.event_id) and known.decided(one) is None:
            found.add(place)
    records = {place: record.id for place in found if (record := inputs[place].record) is not None}
    before = await read_before(store, [*records.values()]) if records else set[str]()
    return {place for place in found if records.get(place) not in before}


def _judged(command: Submit, edition: Edition | None, now: datetime, used: Used, since: date | None) -> Judged | None:
    """What an application was found to be. None where that fails: its own decision fails then, and no other's."""
    try:
        return judge(command.event, command.agency, edition, now, used, since)
    except Exception:
        return None
