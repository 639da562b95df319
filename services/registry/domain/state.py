"""A pilot as the register knows it (запись реестра): its stage, its papers, its money, and what it measured."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from math import inf
from typing import Any, Final, Self

from pydantic import Field, TypeAdapter, computed_field, model_validator

from contracts.event import PILOT, Basis, Contract, Day, Moment
from contracts.reference import (
    Code,
    Effectiveness,
    IndicatorValue,
    Party,
    Procedure,
    ReturnReason,
    Risk,
    SectorShare,
    Standing,
    TermKind,
)
from contracts.registry import Entry
from contracts.steps import (
    AgreementEntry,
    Commission,
    Conclusion,
    CreditDecision,
    ExpediencyDecision,
    Judgement,
    Launch,
    PilotExtension,
    PilotSuspension,
    Proposal,
    ScalingDecision,
    Words,
)
from contracts.terms import TermEnded
from services.law.budget import Overpaid, overpaid
from services.law.hiding import Hidden
from services.law.terms import CountedTerm, calendar_versions, running
from services.registry.domain.money import MoneyLine, MoneyStage, lines, shares_of
from services.registry.domain.reported import Entries, Report, Reported, SpendingEntry
from services.registry.domain.stages import Mover, Stage, next_move

KIND: Final = PILOT
CLARIFICATION: Final = TermKind.CLARIFICATION
"""The term in which the initiator answers a request for information (запрос сведений)."""
COUNCIL_ALARM: Final = TermKind.COUNCIL_ALARM
AGREEING: Final = TermKind.AGREEMENT
LAUNCHING: Final = TermKind.LAUNCH
"""Runs until the agreed first day: nobody forgets a pilot that was agreed on and not begun."""
CARRYING_OUT: Final = TermKind.CARRYING_OUT
REPORT: Final = TermKind.PROGRESS_REPORT
SUSPENSION: Final = TermKind.SUSPENSION
"""Runs while carrying out stands still: nobody forgets a pilot that was suspended."""
PROPOSAL: Final = TermKind.EFFECTIVENESS_PROPOSAL
JUDGING: Final = TermKind.JUDGEMENT
SCALING: Final = TermKind.SCALING_DECISION


FAR: Final = 1_000_000
"""Beyond this many percent of the way, either way, nothing more precise is said."""


class RunningTerm(Contract):
    """A term that runs, is suspended (`due_at` None), or ran out and still waits for what it bounds."""

    kind: str
    due_at: Moment | None
    breached: bool = False


class PastTerms(Contract):
    """How many terms of a kind have ended in time, and how many had run out before."""

    kind: str
    kept: int = 0
    broken: int = 0


class OwnTerm(CountedTerm):
    """A term of the register's own. `late`: it ended too late, as was seen when it ended."""

    late: bool = False

    def after(self, fact: TermEnded) -> Self:
        """The term once it has ended."""
        return super().after(fact).model_copy(update={"late": fact.late})


OWN_TERMS: Final = TypeAdapter(tuple[OwnTerm, ...])


def _has_ended(one: Any) -> bool:
    """Whether a term, as it is or as it is stored, has ended."""
    if isinstance(one, OwnTerm):
        return not one.open
    ledger = one.get("ledger") if isinstance(one, dict) else None
    return isinstance(ledger, dict) and ledger.get("ended") is not None


def past_of(terms: Iterable[OwnTerm], before: tuple[PastTerms, ...] = ()) -> tuple[PastTerms, ...]:
    """The counts of ended terms with those of these that have ended."""
    for one in terms:
        if not one.open:
            before = counted(before, one.kind, broken=one.late)
    return before


def counted(past: tuple[PastTerms, ...], kind: str, *, broken: bool) -> tuple[PastTerms, ...]:
    """The counts of ended terms with one more, in the order of their kinds."""
    before = next((one for one in past if one.kind == kind), PastTerms(kind=kind))
    more = {"broken": before.broken + 1} if broken else {"kept": before.kept + 1}
    others = [one for one in past if one.kind != kind]
    return tuple(sorted([*others, before.model_copy(update=more)], key=lambda one: one.kind))


class StandingConclusion(Conclusion):
    """A conclusion of the expertise as recorded. `standing`: in force, amended on appeal by another one, annulled,
    or superseded by that of a repeat."""

    standing: Standing = Standing.IN_FORCE


class Pause(PilotSuspension):
    """A suspension of carrying out, until which day it lasted, and the document on which carrying out went on."""

    until: Day | None = None
    resumed: Basis | None = None


class Ending(Contract):
    """How carrying out ended: finished as reported, or stopped early on a document."""

    on: Day
    text: Words
    basis: Basis | None = None


class Replica(Contract):
    """A pilot that copies this one, and how it was judged in the end."""

    pilot: str
    number: str
    adaptation: str | None = None
    outcome: Effectiveness | None = None


class Stay(Contract):
    """A stretch in which the register showed a pilot at one stage and in one sector (recording time)."""

    stage: Stage
    sector: Code
    since: Moment
    until: Moment | None = None


class Progress(Contract):
    """How far an indicator has come: the last value, and the share of the way from baseline to target, in percent."""

    indicator: Code
    value: str
    measured: Day
    percent: int | None
    reached: bool


class Pilot(Entry, Hidden):
    """A pilot as the register knows it.

    `application` is the newest one, until the pilot is settled. `reasons`, `text` and `basis` belong to what became
    of the application last. `foreign_terms` are the open ones of the other services, one of a kind, `own_terms` those
    of the register; `past_terms` and `past_own_terms` count the ended ones. `turn` is the place in intake's series of
    the last word on what became of the application. `entries` are all that the executor reported: they stand in the
    timeline, not in the document (`reported` does), and are None where nobody has asked for them. `of_old`: it was
    read from a document as an earlier program stored it.
    """

    stage: Stage
    entered: Moment
    executor: Party | None = None
    foreign_terms: tuple[RunningTerm, ...] = ()
    past_terms: tuple[PastTerms, ...] = ()
    own_terms: tuple[OwnTerm, ...] = ()
    past_own_terms: tuple[PastTerms, ...] = ()
    reasons: tuple[ReturnReason, ...] = ()
    text: str | None = None
    basis: Basis | None = None
    conclusions: tuple[StandingConclusion, ...] = ()
    decisions: tuple[ExpediencyDecision, ...] = ()
    agreement: AgreementEntry | None = None
    launch: Launch | None = None
    reported: Reported = Reported()
    entries: Entries | None = Field(default=None, exclude=True)
    risks: tuple[Risk, ...] = ()
    pauses: tuple[Pause, ...] = ()
    prolongations: tuple[PilotExtension, ...] = ()
    ending: Ending | None = None
    commission: Commission | None = None
    proposal: Proposal | None = None
    judgement: Judgement | None = None
    scaling: ScalingDecision | None = None
    credit: CreditDecision | None = None
    replicas: tuple[Replica, ...] = ()
    history: tuple[Stay, ...] = ()
    turn: int = 0
    of_old: bool = Field(default=False, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_program(cls, data: Any) -> Any:
        """A document of an earlier program holds all entries and all ended terms.

        Raises ValueError for one that both programs wrote to: what the earlier one wrote is then not all that there is.
        """
        if not isinstance(data, dict):
            return data
        found: dict[str, Any] = {}
        if not Entries.model_fields.keys().isdisjoint(data):
            if "reported" in data:
                raise ValueError("an earlier program wrote reports to what this one had written: it must be rebuilt")
            entries = Entries.model_validate(data)
            found |= {"entries": entries, "reported": Reported.of(entries)}
        own = data.get("own_terms")
        if isinstance(own, (list, tuple)) and any(_has_ended(one) for one in own):
            if data.get("past_own_terms"):
                raise ValueError("an earlier program ended a term in what this one had written: it must be rebuilt")
            own = OWN_TERMS.validate_python(own)
            found |= {"own_terms": [one for one in own if one.open], "past_own_terms": past_of(own)}
        return {**data, **found, "of_old": True} if found else data

    @property
    def reports(self) -> tuple[Report, ...]:
        """The periodic reports, where they were asked for."""
        return self._asked_for.reports

    @property
    def values(self) -> tuple[IndicatorValue, ...]:
        """The measured values, where they were asked for."""
        return self._asked_for.values

    @property
    def spending(self) -> tuple[SpendingEntry, ...]:
        """The payments, where they were asked for."""
        return self._asked_for.spending

    @property
    def _asked_for(self) -> Entries:
        assert self.entries is not None, "the entries were asked for"
        return self.entries

    def own_term(self, kind: str) -> OwnTerm | None:
        """The register's open term of a kind."""
        return running(self.own_terms, kind)

    @property
    def shares(self) -> tuple[SectorShare, ...]:
        """How the pilot is split over sectors: as agreed, else as applied for."""
        agreed = self.agreement.agreement.sector_shares if self.agreement else ()
        return shares_of(self.application.sector, agreed or self.application.sector_shares)

    @property
    def credits(self) -> bool:
        """Whether it goes by the procedure of a credit (зачёт)."""
        return self.application.procedure is Procedure.CREDIT

    @computed_field  # type: ignore[prop-decorator]
    @property
    def terms(self) -> tuple[RunningTerm, ...]:
        """All open terms, the other services' and the register's, in the order of their kinds."""
        own = [
            RunningTerm(kind=one.kind, due_at=one.clock.due_at, breached=one.ledger.breached)
            for one in self.own_terms
            if one.open
        ]
        return tuple(sorted([*self.foreign_terms, *own], key=lambda one: one.kind))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def term(self) -> RunningTerm | None:
        """The term that is due first; a suspended one only where no other is open."""
        return min(self.terms, key=lambda t: t.due_at.timestamp() if t.due_at else inf, default=None)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def conclusion(self) -> StandingConclusion | None:
        """The conclusion in force: the last one of the last round; None where an appeal annulled it."""
        last = max(reversed(self.conclusions), key=lambda c: c.round, default=None)
        return last if last is not None and last.standing is Standing.IN_FORCE else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def started(self) -> date | None:
        """The first day of carrying out."""
        return self.launch.started if self.launch else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def until(self) -> date | None:
        """The last day of carrying out, as agreed and prolonged."""
        if self.prolongations:
            return self.prolongations[-1].until
        return self.agreement.agreement.until if self.agreement else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def region(self) -> str | None:
        """Where it is carried out: as agreed, else as applied for."""
        agreed = self.agreement.agreement.region if self.agreement else None
        return agreed or self.application.region

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sectors(self) -> tuple[str, ...]:
        """Every sector that the pilot touches."""
        return tuple(share.sector for share in self.shares)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def money(self) -> tuple[MoneyLine, ...]:
        """The pilot's money by stage, sector, source and year."""
        committed = self.agreement.agreement.costs if self.agreement else ()
        shares = self.shares
        return (
            *lines(MoneyStage.PLANNED, self.application.costs, shares),
            *lines(MoneyStage.COMMITTED, committed, shares),
            *lines(MoneyStage.PAID, self.reported.paid, shares),
        )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def overpaid(self) -> tuple[Overpaid, ...]:
        """Where more was paid than the agreement commits; nothing, where there is no agreement to compare with."""
        return overpaid(self.agreement.agreement.costs, self.reported.paid) if self.agreement else ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def progress(self) -> tuple[Progress, ...]:
        """How far each agreed indicator has come, by its last value."""
        if self.agreement is None:
            return ()
        last = {one.indicator: one for one in self.reported.last}
        return tuple(
            _progress(Decimal(indicator.baseline), Decimal(indicator.target), last[indicator.code])
            for indicator in self.agreement.agreement.indicators
            if indicator.code in last
        )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def calendars(self) -> tuple[str, ...]:
        """The versions of the calendars that the register's open terms are counted by."""
        return calendar_versions(self.own_terms)

    @property
    def next_move(self) -> Mover | None:
        """Who has the ball (за кем следующий шаг)."""
        return next_move(self.stage, [term.kind for term in self.terms])


def _progress(baseline: Decimal, target: Decimal, last: IndicatorValue) -> Progress:
    value, way = Decimal(last.value), target - baseline
    percent = max(-FAR, min(FAR, int((value - baseline) * 100 / way))) if way else None
    reached = value >= target if way >= 0 else value <= target
    return Progress(
        indicator=last.indicator, value=last.value, measured=last.measured, percent=percent, reached=reached
    )
