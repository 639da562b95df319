"""Anything happens to a pilot at any time: what must always be so is looked at after every step."""

import json
from collections import Counter
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from contracts.event import Event, Fact
from contracts.reference import Effectiveness, Expediency, Period, SectorShare, Verdict
from contracts.registry import (
    REGISTRY,
    EntryCorrectedV1,
    TermBreachedV1,
    TermExtendedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermStartedV1,
    TermSuspendedV1,
)
from contracts.steps import (
    AgreementEntry,
    Commission,
    Completion,
    Correctable,
    Correction,
    CreditDecision,
    EarlyStop,
    Launch,
    PilotExtension,
    PilotResumption,
    PilotSuspension,
    Progress,
    Scaling,
    Spending,
)
from deploy.moves.registry import aged, moves
from deploy.samples.common import APPLICATION, BOOK, NOW, SUBJECT, basis, party
from deploy.samples.registry import (
    ACCEPTED,
    AGREEMENT,
    ALL_ON,
    CREDIT,
    INDICATOR,
    MEMBERS,
    UNSEEN,
    conclusion,
    cost,
    decide,
    enter,
    judge,
    paid,
    propose,
    scale,
    value,
    votes,
)
from services.law.decision import Refusal
from services.registry import handlers
from services.registry.domain import corrections
from services.registry.domain import decide as pilot
from services.registry.domain.commands import Recalendar, RecordAmendment, RecordReport, Tick
from services.registry.domain.evolve import evolve
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import FINAL, NEXT_MOVE, Stage
from services.registry.domain.state import CARRYING_OUT, SUSPENSION, Pilot
from tests.effort import examples
from tests.kit.recount import counted
from tests.kit.registry.life import Life, content

SEEDS = st.integers(0, 2**32 - 1)
DEEDS = {"forward": 45, "paid": 8, "corrected": 12, "anything": 12, "waited": 13, "fired": 5, "recalendared": 5}
"""What may happen, and how often it does in a stretch of work."""
OFFICIAL = {
    "ExpediencyDecidedV1",
    "CreditDecidedV1",
    "AgreementRecordedV1",
    "AgreementFailedV1",
    "PilotLaunchedV1",
    "PilotSuspendedV1",
    "PilotResumedV1",
    "PilotExtendedV1",
    "PilotStoppedV1",
    "CommissionNamedV1",
    "EffectivenessProposedV1",
    "EffectivenessJudgedV1",
    "ScalingDecidedV1",
    "EntryCorrectedV1",
}
SECTORS = BOOK.edition("by-2024").sectors.codes
SOURCES = ("own-money", "local-budget", "unspecified")


class Register(RuleBasedStateMachine):
    """A pilot, under a clock that only goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()

    @initialize(seed=SEEDS)
    def begin(self, seed: int) -> None:
        """Intake registers an application."""
        chance = Random(seed)
        self.life.book = chance.choice([ALL_ON, ALL_ON, UNSEEN, BOOK])
        application = APPLICATION.model_copy(
            update={"costs": costs(chance), "sector_shares": some_shares(chance), "region": "brest"}
        )
        if chance.random() < 0.1:
            application = CREDIT.model_copy(update={"costs": costs(chance)})
        self.life.do(enter(application))
        sound(self.life)

    def attempt(self, command: object) -> None:
        """Somebody tries something."""
        life = self.life
        before, known = life.state, len(life.facts)
        try:
            facts = life.do(command)
        except Refusal:
            assert life.state is before and len(life.facts) == known
            return
        assert len(life.facts) == known + len(facts)
        if not facts:
            assert life.state == before
        in_order(before, facts, life.pilot)
        sound(life)

    # ---- what happens

    def forward(self, chance: Random) -> None:
        """The usual next step, or nearly."""
        for command in following(self.life, chance):
            self.attempt(command)

    def paid(self, chance: Random) -> None:
        """The executor reports money."""
        payments = tuple(
            paid(chance.randint(0, 10**6), chance.choice(SOURCES), chance.choice([2026, 2027]), self.life.day)
            for _ in range(chance.randint(0, 3))
        )
        self.attempt(RecordReport(f"sp-{chance.random()}", Spending(payments=payments)))

    def corrected(self, chance: Random) -> None:
        """An official corrects an entry, well or badly."""
        what = chance.choice(list(Correctable))
        place = chance.randint(1, 3) if what in corrections.LISTS else chance.choice([1, 1, 1, 2])
        entry = corrections.entry(self.life.pilot, what, place)
        said = changed(entry.model_dump(mode="json"), chance) if entry is not None else {}
        self.attempt(
            Correction(
                what=what, place=place, content=said, reason="Опечатка.", basis=basis(some_day(self.life, chance))
            )
        )

    def anything(self, chance: Random) -> None:
        """Anything of a fixed set, at any stage."""
        tries = [one.command for one in moves(self.life.pilot, self.life.now) if not isinstance(one.command, Tick)]
        self.attempt(chance.choice(tries))

    def waited(self, chance: Random) -> None:
        """Time passes, while the timers fire."""
        until = self.life.now + timedelta(days=chance.choice([0, 1, 5, 30, 90]), hours=chance.randint(0, 23))
        while (due := pilot.due(self.life.pilot)) is not None and due <= until:
            self.life.now = max(self.life.now, due)
            self.fire(due)
        self.life.now = until

    def fired(self, chance: Random) -> None:
        """A timer fires, maybe late."""
        due = pilot.due(self.life.pilot)
        if due is not None and due <= self.life.now + timedelta(days=120):
            self.life.now = max(self.life.now, due) + timedelta(days=chance.choice([0, 0, 3, 200]))
            self.fire(due)

    def fire(self, due: datetime) -> None:
        """What is due is announced, and the next alarm lies ahead."""
        self.attempt(Tick(due))
        following_due = pilot.due(self.life.pilot)
        assert following_due is None or following_due > self.life.now

    def recalendared(self, _chance: Random) -> None:
        """A calendar changed: what is open is counted anew."""
        self.life.state = aged(self.life.pilot)
        self.attempt(Recalendar())

    @rule(seed=SEEDS, steps=st.integers(1, 12))
    def work(self, seed: int, steps: int) -> None:
        """A stretch of work."""
        chance = Random(seed)
        for _ in range(steps):
            deed = chance.choices(list(DEEDS), list(DEEDS.values()))[0]
            getattr(self, deed)(chance)

    def teardown(self) -> None:
        """What the register said at a moment is what its facts up to then come to."""
        if self.life.state is None:
            return
        remembered(self.life)
        announced_once(self.life.facts)


# ---- what people may do


def some_day(life: Life, chance: Random) -> date:
    """Mostly today, sometimes not."""
    return life.day + timedelta(days=chance.choice([0, 0, 0, 0, 0, 0, -1, -10, 1]))


def some_shares(chance: Random) -> tuple[SectorShare, ...]:
    """A few sectors that share a pilot; none: all of one."""
    parts = chance.randint(0, 4)
    if parts == 0:
        return ()
    cuts = sorted(chance.sample(range(1, 10_000), parts - 1))
    sizes = [b - a for a, b in zip([0, *cuts], [*cuts, 10_000], strict=True)]
    sectors = chance.sample(SECTORS, parts)
    own = APPLICATION.sector
    if own not in sectors and chance.random() < 0.9:
        sectors[0] = own  # an agreement must leave the pilot's own sector a share
    return tuple(SectorShare(sector=s, basis_points=points) for s, points in zip(sectors, sizes, strict=True))


def costs(chance: Random) -> tuple[Any, ...]:
    """Some lines of cost, also of the same source and year."""
    return tuple(
        cost(chance.randint(0, 10**9), chance.choice(SOURCES), chance.choice([None, 2026, 2027]))
        for _ in range(chance.randint(0, 4))
    )


def agreement(life: Life, chance: Random) -> Any:
    """An agreement, mostly sound."""
    until = life.day + timedelta(days=chance.choice([1, 20, 100, 364, 400]))
    changes = {"starts": life.day, "until": until, "costs": costs(chance), "sector_shares": some_shares(chance)}
    return AGREEMENT.model_copy(update={**changes, "region": chance.choice([None, "minsk", "grodno"])})


def changed(said: dict[str, Any], chance: Random) -> dict[str, Any]:
    """The content of an entry, some of it said otherwise."""
    if "agreement" in said:
        until = date.fromisoformat(said["agreement"]["until"]) + timedelta(days=chance.choice([0, 0, -20, 15, 300]))
        money = [content(one) for one in costs(chance)]
        parts = [content(one) for one in some_shares(chance)]
        said["agreement"] = {
            **said["agreement"],
            "until": str(until),
            "costs": money,
            "sector_shares": parts,
            "executor": content(chance.choice([APPLICATION.initiator, APPLICATION.initiator, party("700000140")])),
        }
    if "payments" in said:
        said["payments"] = [{**one, "amount_minor": chance.randint(0, 999)} for one in said["payments"][1:]]
    if "started" in said:
        said["started"] = str(date.fromisoformat(said["started"]) + timedelta(days=chance.choice([0, -1, 1])))
    if "on" in said:
        said["on"] = str(date.fromisoformat(said["on"]) + timedelta(days=chance.choice([0, -1, 1])))
    if "until" in said and "since" not in said:
        said["until"] = str(date.fromisoformat(said["until"]) + timedelta(days=chance.choice([-20, -1, 1, 30])))
    if "why" in said:
        said["why"] = f"Иначе {chance.randint(1, 99)}."
    if said.get("basis") is not None and chance.random() < 0.1:
        said["basis"] = {**said["basis"], "date": str(date.fromisoformat(said["basis"]["date"]) - timedelta(days=1))}
    if said.get("basis") is not None and chance.random() < 0.5:
        said["basis"] = {**said["basis"], "number": str(chance.randint(1, 99))}
    if chance.random() < 0.1:
        said[chance.choice(["outcome", "decision", "votes", "unheard-of"])] = chance.choice(["effective", "scale", 1])
    return said


def following(life: Life, chance: Random) -> list[object]:
    """What usually comes next at the stage of a pilot."""
    document, today = basis(some_day(life, chance)), life.day
    verdict = chance.choice([Verdict.POSITIVE, Verdict.POSITIVE, Verdict.POSITIVE, Verdict.NEGATIVE])
    outcome = chance.choice([Effectiveness.EFFECTIVE, *Effectiveness])
    present = MEMBERS[: chance.choice([5, 6, 9, 9])]
    state = life.pilot
    number = f"ЗЭ-{len(state.conclusions) + 1}"
    round = max([one.round for one in state.conclusions], default=0) + 1
    match state.stage:
        case Stage.LOOK_OVER | Stage.RETURNED:
            return [ACCEPTED]
        case Stage.EXPERTISE | Stage.NEGATIVE:
            costly = state.application.model_copy(update={"costs": costs(chance)})
            amended = [RecordAmendment("q", costly)] if chance.random() < 0.3 else []
            again = state.conclusion.number if state.stage is Stage.NEGATIVE and state.conclusion else None
            return [*amended, conclusion(verdict, round, number=number, replaces=again)]
        case Stage.COUNCIL if state.credits:
            return [CreditDecision(granted=chance.random() < 0.5, evidence="Работает.", basis=document)]
        case Stage.COUNCIL:
            chosen = chance.choice([Expediency.EXPEDIENT] * 4 + [Expediency.POSTPONED, Expediency.NOT_EXPEDIENT])
            return [decide(chosen, document.date)]
        case Stage.EXPEDIENT:
            return [AgreementEntry(agreement=agreement(life, chance), basis=document)]
        case Stage.AGREED:
            return [Launch(started=some_day(life, chance), basis=document)]
        case Stage.RUNNING:
            return [running(life, chance)]
        case Stage.SUSPENDED:
            return [
                chance.choice([PilotResumption(since=some_day(life, chance), basis=document), running(life, chance)])
            ]
        case Stage.FINISHED:
            return [Commission(members=MEMBERS, secretary="s-1", basis=document), propose(outcome, document.date)]
        case Stage.AT_COMMISSION:
            named = [Commission(members=MEMBERS, secretary="s-1", basis=document)] if state.commission is None else []
            against = chance.choice([0, 0, 3])
            said = votes(len(present) - against, against)
            return [*named, judge(outcome, document.date, present, said)]
        case Stage.EFFECTIVE | Stage.PARTLY_EFFECTIVE:
            return [scale(chance.choice(list(Scaling)), document.date)]
    assert state.stage in FINAL and today
    return []


def running(life: Life, chance: Random) -> object:
    """What happens while a pilot is carried out."""
    document, day = basis(some_day(life, chance)), some_day(life, chance)
    until = (life.pilot.until or day) + timedelta(days=chance.choice([0, 30, 100, 150, 200]))
    measured = (value(f"{chance.randint(0, 9)}", day, chance.choice([INDICATOR.code, "other"])),)
    return chance.choices(
        [
            PilotSuspension(since=day, why="Ремонт.", basis=basis(day)),
            PilotExtension(until=until, why="Задержка.", basis=document),
            RecordReport(
                f"rep-{chance.random()}",
                Progress(period=Period(since=day, until=day), summary="Идёт.", values=measured),
            ),
            RecordReport("done", Completion(finished=day, summary="Готово.", values=measured)),
            EarlyStop(stopped=day, why="Нет денег.", basis=document),
        ],
        [6, 5, 6, 4, 1],
    )[0]


# ---- what must be so


def sound(life: Life) -> None:
    """Everything that must be so of a pilot after any step."""
    state = life.pilot
    kinds = [one.kind for one in state.own_terms if one.open]
    assert len(kinds) == len(set(kinds)), "a term runs twice"
    for one in state.own_terms:
        if one.open:
            counted(one, life.now)
    if state.stage in FINAL:
        assert not kinds and pilot.due(state) is None and state.calendars == ()
    assert (state.next_move is None) == (state.stage in FINAL)
    assert (state.stage in NEXT_MOVE) != (state.stage in FINAL)
    at_work(state)
    no_gap(state)
    documented(life)
    adds_up(state)


def at_work(state: Pilot) -> None:
    """Which terms are open is what the stage says; the carrying out ends with the day of the papers."""
    kinds = {one.kind for one in state.own_terms if one.open}
    wanted = {
        Stage.COUNCIL: {"council-alarm"},
        Stage.EXPEDIENT: {"agreement"},
        Stage.AGREED: {"launch"},
        Stage.RUNNING: {CARRYING_OUT, "progress-report"},
        Stage.SUSPENDED: {CARRYING_OUT, "progress-report", SUSPENSION},
        Stage.FINISHED: {"effectiveness-proposal"},
        Stage.AT_COMMISSION: {"judgement"},
        Stage.EFFECTIVE: {"scaling-decision"},
        Stage.PARTLY_EFFECTIVE: {"scaling-decision"},
    }
    assert kinds == wanted.get(state.stage, set())
    for kind in kinds:
        term = state.own_term(kind)
        stands = state.stage is Stage.SUSPENDED and kind != SUSPENSION
        assert term is not None and term.ledger.stopped == stands
    carrying = state.own_term(CARRYING_OUT)
    if carrying is not None and not carrying.ledger.stopped:
        zone = ZoneInfo(carrying.ledger.term.zone)
        assert carrying.clock.due_at is not None and state.until is not None and state.launch is not None
        due = carrying.clock.due_at.astimezone(zone).date()
        begun = carrying.ledger.term.started.astimezone(zone).date()
        assert due == by_the_papers(state, begun) + timedelta(days=1)
    assert bool(state.pauses and state.pauses[-1].until is None) == (state.stage is Stage.SUSPENDED)


def by_the_papers(state: Pilot, begun: date) -> date:
    """The last day of carrying out: the agreed one, and a day more for each before it on which carrying out stood."""
    assert state.until is not None
    end, days = state.until, set[date]()
    for one in state.pauses:
        assert one.until is not None
        if one.until != one.since:
            days |= {one.since + timedelta(days=n) for n in range((one.until - one.since).days + 1)}
    for day in sorted(days):
        end += timedelta(days=begun < day <= end)
    return end


def no_gap(state: Pilot) -> None:
    """The stays follow each other without a gap, and the last one is the present."""
    first, last = state.history[0], state.history[-1]
    assert (first.stage, first.since) == (Stage.LOOK_OVER, state.entered)
    assert (last.stage, last.sector, last.until) == (state.stage, state.application.sector, None)
    for one, following_stay in zip(state.history, state.history[1:], strict=False):
        assert one.until == following_stay.since >= one.since
        assert (one.stage, one.sector) != (following_stay.stage, following_stay.sector)


def documented(life: Life) -> None:
    """No legal step without a document, none whose day is still to come, and each in its order."""
    state = life.pilot
    for fact in life.facts:
        if type(fact).__name__ in OFFICIAL:
            document = fact.basis  # type: ignore[attr-defined]
            assert document.number and document.body and document.date <= life.day
    approved = any(one.decision is Expediency.EXPEDIENT for one in state.decisions)
    steps: list[tuple[object, object]] = [
        (state.executor, approved),
        (state.agreement, approved),
        (state.launch, state.agreement),
        (state.pauses, state.launch),
        (state.prolongations, state.launch),
        (state.commission, state.launch),
        (state.proposal, state.ending),
        (state.judgement, state.proposal and state.commission),
        (state.scaling, state.judgement),
    ]
    assert all(before or not after for after, before in steps)
    assert not (state.credit and (state.agreement or state.decisions and approved))
    if state.agreement is not None and state.launch is not None:
        first, last = state.agreement.agreement.starts, state.agreement.agreement.until
        assert max(state.agreement.basis.date, first) <= state.launch.started <= min(last, life.day)
        assert state.agreement.basis.date <= state.launch.basis.date
        assert last < first + relativedelta(months=12)
        for longer in state.prolongations:
            assert last < longer.until <= last + relativedelta(months=6)
    if state.judgement is not None and state.commission is not None:
        assert state.judgement.basis.date >= state.commission.basis.date
    if state.judgement is not None and state.proposal is not None:
        assert state.judgement.basis.date >= state.proposal.basis.date
        cast = state.judgement.votes
        assert cast.in_favour + cast.against + cast.abstained == len(state.judgement.present)
        assert 2 * cast.in_favour > len(state.judgement.present) >= 6
    assert len(state.prolongations) <= 1
    if state.pauses and state.stage is not Stage.SUSPENDED:
        last_pause = state.pauses[-1]
        assert last_pause.until is not None and last_pause.until >= last_pause.since
        assert last_pause.resumed is not None or state.ending is not None
    for one, following_pause in zip(state.pauses, state.pauses[1:], strict=False):
        assert one.until is not None and one.until <= following_pause.since
    if state.stage is Stage.STOPPED_EARLY:
        assert state.ending is not None and state.ending.basis is not None


def adds_up(state: Pilot) -> None:
    """The parts over the sectors are the whole, counted naively from what the papers say."""
    whole: Counter[tuple[str, str, int | None, str]] = Counter()
    lines = [(MoneyStage.PLANNED, one) for one in state.application.costs]
    if state.agreement is not None:
        lines += [(MoneyStage.COMMITTED, one) for one in state.agreement.agreement.costs]
    lines += [(MoneyStage.PAID, one) for spent in state.spending for one in spent.payments]  # type: ignore[misc]
    for stage, one in lines:
        whole[(stage, one.source, one.year, one.currency)] += one.amount_minor
    parts: Counter[tuple[str, str, int | None, str]] = Counter()
    for line in state.money:
        parts[(line.stage, line.source, line.year, line.currency)] += line.amount_minor
    assert +parts == +whole and set(parts) == set(whole)
    cells = [(one.stage, one.sector, one.source, one.year, one.currency) for one in state.money]
    assert len(cells) == len(set(cells)), "a cell stands twice"
    assert {one.sector for one in state.money} <= set(state.sectors)
    points = {share.sector: share.basis_points for share in state.shares}
    assert sum(points.values()) == 10_000
    for line in state.money:
        total = whole[(line.stage, line.source, line.year, line.currency)]
        assert abs(10_000 * line.amount_minor - total * points[line.sector]) < 10_000


def in_order(before: Pilot | None, facts: list[Fact], after: Pilot) -> None:
    """A correction moves no stage and changes nothing that was decided."""
    assert before is not None
    if any(isinstance(fact, EntryCorrectedV1) for fact in facts):
        assert after.stage is before.stage and after.history == before.history
        assert [one.decision for one in after.decisions] == [one.decision for one in before.decisions]
        assert [one.event_id for one in after.spending] == [one.event_id for one in before.spending]
        assert (after.judgement and after.judgement.outcome) == (before.judgement and before.judgement.outcome)
        assert (after.scaling and after.scaling.decision) == (before.scaling and before.scaling.decision)
    if before.stage in FINAL:
        assert after.stage is before.stage


def remembered(life: Life) -> None:
    """Folding the facts, and what the timeline keeps of them, up to any moment gives what the pilot was then."""
    folded: list[Pilot | None] = [None]
    told: list[Pilot | None] = [None]
    for place, fact in enumerate(life.facts, 1):
        folded.append(evolve(folded[-1], fact))
        told.append(evolve(told[-1], retold(fact, place)))
    for moment, known, state in life.past:
        assert folded[known] == told[known] == state
        assert state.history[-1].since <= moment


def retold(fact: Fact, place: int) -> Fact:
    """A fact as a reader of the timeline's rows has it."""
    data = fact.model_dump(mode="json")
    event = Event(f"e-{place}", "registry", fact.TYPE, SUBJECT, NOW, place, "c", {}, fact, data)
    [(_, row)] = handlers.projection(event)
    kept = json.loads(json.dumps(row))
    beside = {name: kept[name] for name in ("actor", "after") if kept[name] is not None}
    document = {"basis": kept["basis"]} if kept["basis"] is not None else {}
    return REGISTRY.read(kept["type"], {**kept["what"], **beside, **document})


def announced_once(facts: list[Fact]) -> None:
    """Each rung of a ladder once, in its order, and the breach once and last; an extension begins the ladder anew."""
    rungs: dict[str, list[int]] = {}
    over: set[str] = set()
    for fact in facts:
        match fact:
            case TermStartedV1():
                rungs[fact.term.kind] = []
                over.discard(fact.term.kind)
            case TermRecalendaredV1() if fact.clock.alarm_at is not None:
                over.discard(fact.kind)
            case TermSuspendedV1() if not fact.ran_out:
                over.discard(fact.kind)  # dated back: it stood when it would have run out
            case TermExtendedV1():
                rungs[fact.kind] = []
            case TermNearingV1():
                assert fact.kind not in over and fact.rungs
                rungs[fact.kind] += fact.rungs
                assert rungs[fact.kind] == sorted(set(rungs[fact.kind]), reverse=True)
            case TermBreachedV1():
                assert fact.kind not in over
                over.add(fact.kind)


TestRegister: Any = Register.TestCase
TestRegister.settings = examples(120, stateful_step_count=12, suppress_health_check=list(HealthCheck))
