"""Many people do anything at any time on several cases: what must always be so is looked at after every step."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from contracts.event import Actor, Fact, wire_moment
from contracts.expertise import (
    Closure,
    ConclusionApprovedV1,
    ConclusionNumberedV1,
    ExpertAssignedV1,
    ExpertReleasedV1,
    OpinionGivenV1,
)
from contracts.reference import Procedure, Verdict
from contracts.steps import Appeal, AppealOutcome
from deploy.moves.expertise import moves
from deploy.samples.common import APPLICATION, NOW, TIMER
from deploy.samples.expertise import (
    APPEALS,
    APPROVER,
    CHAIR,
    COLLEAGUE,
    GRIEVANCE,
    HEAD,
    INTAKE,
    OPERATOR,
    answers,
    conclusion,
    decide_appeal,
    entry,
    judged,
    opened,
    opinion,
)
from services.expertise.domain import decide
from services.expertise.domain.commands import (
    AcceptAssignment,
    Approve,
    Assign,
    Claim,
    CloseFor,
    Confirm,
    Dismiss,
    Number,
    Open,
    Recalendar,
    Recheck,
    SendBack,
    TakeAnswers,
    Tick,
)
from services.expertise.domain.parts import PlaceStatus
from services.expertise.domain.series import Series, TakeNumber
from services.expertise.domain.state import FINAL, Case, Owed
from services.law.decision import Refusal
from tests.effort import examples
from tests.kit.expertise.play import EXPERTS, NEWCOMER, NUMBERS, OUTSIDE, Play, actor
from tests.kit.recount import announced_once, counted

ALL = (OPERATOR, COLLEAGUE, APPROVER, CHAIR, HEAD, *EXPERTS)
DECIDERS = (APPROVER, CHAIR, HEAD)
BY_ITSELF = (Open, CloseFor, Number, Tick, Recalendar)
CASES = st.integers(0, 1)
SEEDS = st.integers(0, 2**32 - 1)
DEEDS = {
    "owed": 50,
    "anything": 15,
    "answered": 3,
    "from_outside": 8,
    "entry_changed": 2,
    "asked_for_a_number": 8,
    "brought_a_number": 8,
    "fired": 3,
    "waited": 3,
}
"""What may happen, and how often it does in a stretch of work."""


class Expertise(RuleBasedStateMachine):
    """Two cases, six experts, the directory, and the series of numbers, under a clock that only goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.plays = [Play(APPEALS), Play(APPEALS)]
        self.series: dict[str, Series | None] = {}
        self.numbered: list[ConclusionNumberedV1] = []
        self.brought: set[int] = set()
        self.now = NOW

    @initialize(procedures=st.tuples(st.sampled_from(Procedure), st.sampled_from(Procedure)))
    def begin(self, procedures: tuple[Procedure, Procedure]) -> None:
        """Intake accepts two applications."""
        for n, procedure in enumerate(procedures):
            self.step(n, opened(APPLICATION.model_copy(update={"procedure": procedure})), INTAKE)

    def step(self, n: int, command: object, who: Actor) -> bool:
        """Somebody tries something; whether anything came of it."""
        play = self.plays[n]
        play.now = self.now
        play.loads = {
            one.id: sum(p.state is not None and one.id in p.case.working for p in self.plays) for one in EXPERTS
        }
        before, known = play.state, len(play.facts)
        try:
            facts = play.do(command, who)
        except Refusal:
            assert play.state is before and len(play.facts) == known
            return False
        sound(play, self.now)
        for fact in facts:
            quiet(play.case, fact)
        return bool(facts)

    # ---- what people do

    def owed(self, n: int, chance: Random) -> None:
        """Somebody does what is owed, or tries to."""
        case = self.plays[n].case
        owed = chance.choice(case.owed) if case.owed else None
        if owed is not None and owed.what == "number":
            self.asked_for_a_number(n, chance)
            self.brought_a_number(n, chance)
        elif owed is not None:
            self.step(n, *fitting(case, owed, chance))

    def anything(self, n: int, chance: Random) -> None:
        """Anybody, anything, whether it is theirs to do or not."""
        case = self.plays[n].case
        tries = [one for one in moves(case, self.now) if one.state is case and not isinstance(one.command, BY_ITSELF)]
        tried = chance.choice(tries)
        command, who = tried.command, tried.who
        who = chance.choice((who, who, who, *ALL))
        if not (isinstance(command, Claim) and who in EXPERTS):  # who is an operator is told by the token
            self.step(n, command, who)

    def answered(self, n: int, chance: Random) -> None:
        """The applicant answers, also too late, also naming another executor."""
        case = self.plays[n].case
        if case.requests:
            items = chance.choice([("who",), ("why",), ("who", "why")])
            application = case.application.model_copy(
                update={"executor": chance.choice([APPLICATION.executor, NEWCOMER])}
            )
            self.step(
                n,
                TakeAnswers(request=chance.choice(case.requests).id, answers=answers(*items), application=application),
                INTAKE,
            )

    def from_outside(self, n: int, chance: Random) -> None:
        """A new submission, an appeal, a withdrawal; a submission also overtakes what is open, if seldom."""
        case = self.plays[n].case
        what = chance.random()
        if what < 0.5:
            self.step(n, Appeal(grounds="Не согласны.", basis=GRIEVANCE), OPERATOR)
        elif what < 0.9 and (case.status in FINAL or what > 0.85):
            self.step(n, opened(case.application, case.submission + chance.randint(0, 1)), INTAKE)
        elif what > 0.97:
            self.step(n, CloseFor(Closure.WITHDRAWN, "Передумали."), INTAKE)

    def entry_changed(self, _n: int, chance: Random) -> None:
        """An expert moves to another organisation, seldom to the executor's, and every case is looked at."""
        one = chance.choice(EXPERTS)
        organisation = chance.choice((*OUTSIDE, "700000138", NEWCOMER.id.value))
        version = self.plays[0].entries[one.id].version + 1
        changed = entry(one.id, organisation, version=version, active=chance.random() < 0.9)
        for n, play in enumerate(self.plays):
            play.entries[one.id] = changed
            if one.id in play.case.seated:
                self.step(n, Recheck(changed.seat()), OPERATOR)
                place = play.case.place_of(one.id)
                assert place is not None and place.seat.entry >= version

    # ---- what goes by itself

    def asked_for_a_number(self, n: int, chance: Random) -> None:
        """An approval's fact reaches its series through the process manager, perhaps again, in any order."""
        facts = self.plays[n].facts
        asked = [(place, fact) for place, fact in enumerate(facts, 1) if isinstance(fact, ConclusionApprovedV1)]
        if asked:
            place, fact = chance.choice(asked)
            command = TakeNumber(f"p{n}", place, fact.edition, fact.date.year)
            given = NUMBERS.when(self.series.get(fact.series), command, actor=fact.actor)
            self.series[fact.series] = NUMBERS.given(*given, state=self.series.get(fact.series))
            self.numbered += [one for one in given if isinstance(one, ConclusionNumberedV1)]
            self.numbers()

    def brought_a_number(self, _n: int, chance: Random) -> None:
        """The number goes to its case; that it does so once is the claim's, kept by the engine."""
        waiting = [n for n in range(len(self.numbered)) if n not in self.brought]
        if waiting:
            at = chance.choice(waiting)
            self.brought.add(at)
            assert self.step(int(self.numbered[at].pilot[1]), Number(self.numbered[at].number), OPERATOR)
            self.numbers()

    def fired(self, n: int, chance: Random) -> None:
        """Time goes on to when the timer must fire, or somewhat later."""
        due = decide.due(self.plays[n].case)
        if due is not None:
            self.now = max(self.now, due) + timedelta(hours=chance.choice((0, 0, 1, 30)))
            assert self.step(n, Tick(due), TIMER), "a timer that fires has something to say"
            after = decide.due(self.plays[n].case)
            assert after is None or after > self.now

    def waited(self, _n: int, chance: Random) -> None:
        """Nothing happens meanwhile."""
        self.now += timedelta(hours=chance.randint(1, 60))

    @rule(n=CASES, what=st.sampled_from(sorted(DEEDS)), chance=SEEDS)
    def one_thing(self, n: int, what: str, chance: int) -> None:
        """One thing happens."""
        getattr(self, what)(n, Random(chance))

    @rule(n=CASES, chance=SEEDS, steps=st.integers(1, 20))
    def the_work_goes_on(self, n: int, chance: int, steps: int) -> None:
        """A stretch of work on one case, mostly in the order in which it is owed."""
        going = Random(chance)
        for _ in range(steps):
            [what] = going.choices(list(DEEDS), list(DEEDS.values()))
            getattr(self, what)(n, going)

    # ---- what must be so across cases

    def numbers(self) -> None:
        """Numbers of a series run from one on, without a gap, none twice, and each is of one conclusion."""
        for name, series in self.series.items():
            assert series is not None
            places = [one.place for one in self.numbered if f"-{name[-4:]}-" in one.number]
            assert places == list(range(1, series.last + 1))
        given = [one.number for play in self.plays for one in play.case.conclusions]
        assert len(given) == len(set(given)) and set(given) <= {one.number for one in self.numbered}
        for n, play in enumerate(self.plays):
            approvals = sum(isinstance(fact, ConclusionApprovedV1) for fact in play.facts)
            assert len(play.case.conclusions) + (play.case.approved is not None) == approvals
            assert sum(one.pilot == f"p{n}" for one in self.numbered) <= approvals

    def teardown(self) -> None:
        """What each term announced, it announced once."""
        for play in self.plays:
            announced_once(play.facts)


def fitting(case: Case, owed: Owed, chance: Random) -> tuple[object, Actor]:
    """What the one who owes it does, or somebody who may not."""
    who = actor(owed.who) if owed.who else OPERATOR
    verdict = chance.choice([Verdict.POSITIVE, Verdict.NEGATIVE])
    earlier = case.earlier_conclusion()
    paper = conclusion(verdict, earlier_remarks=judged(True, len(earlier.remarks) if earlier else 0))
    decider, expert = chance.choice(DECIDERS), chance.choice(EXPERTS).id
    undecided = [one.expert_id for one in case.conflicts if one.status == "open"]
    match owed.what:
        case "assign":
            return Assign(expert_id=expert), Actor(id=case.operator or OPERATOR.id, role="operator")
        case "accept":
            return AcceptAssignment(), who
        case "opinion":
            return opinion(verdict, chance.randint(0, 5)), who
        case "conclusion":
            return paper, Actor(id=case.operator or OPERATOR.id, role="operator")
        case "approval":
            return chance.choice([Approve(), Approve(), SendBack(why="Не так.")]), decider
        case "conflict":
            return chance.choice([Dismiss, Confirm])(expert_id=undecided[0], why="Так."), decider
        case "appeal":
            outcome = chance.choice(list(AppealOutcome))
            return decide_appeal(outcome, verdict=verdict, earlier_remarks=paper.earlier_remarks), decider
        case "answers":
            waiting = case.request()
            assert waiting is not None
            return TakeAnswers(
                request=waiting.id, answers=answers(*waiting.open_items), application=case.application
            ), INTAKE
    raise AssertionError(owed.what)


# ---- what must be so of one case


def sound(play: Play, now: datetime) -> None:
    """Everything that must be so of a case after any step."""
    case = play.case
    for running in case.terms:
        if running.open:
            counted(running, now)
    staffed(case)
    signed(case)
    listed(case)
    if case.status in FINAL:
        assert case.seated == case.working == case.calendars == ()
        assert {one.what for one in case.owed} <= {"conflict"}, "what came to light too late is still decided"
        assert decide.due(case) is None and case.request() is None and case.appeal() is None
        assert not any(running.open for running in case.terms)
    else:
        assert case.owed, "nobody owes anything, and yet the case is open"
    kinds = [running.kind for running in case.terms if running.open]
    assert len(kinds) == len(set(kinds)), "a term runs twice"
    assert (case.request() is not None) == (case.term("clarification") is not None)


def staffed(case: Case) -> None:
    """No more seats than are needed, and no eye and no vote for who has an undecided or confirmed conflict."""
    seats = [place for place in case.places if place.status in (PlaceStatus.OFFERED, PlaceStatus.ACCEPTED)]
    assert len(seats) <= case.needed and len({place.expert for place in seats}) == len(seats)
    barred = {one.expert_id for one in case.conflicts if one.status in ("open", "confirmed")}
    assert set(case.visible_to) == {place.expert for place in seats} - barred
    free = [place for place in seats if place.opinions and place.expert not in barred]
    assert case.counted() == [place.opinions[-1] for place in free]
    confirmed = {one.expert_id for one in case.conflicts if one.status == "confirmed"}
    assert not confirmed & {place.expert for place in seats}
    for place in case.places:
        assert [one.version for one in place.opinions] == list(range(1, len(place.opinions) + 1))


def signed(case: Case) -> None:
    """Whoever wrote a conclusion, or judged in its round, has not approved it; one a round is in force."""
    rounds = {one.round: one for one in (*case.past, case)}
    papers = [*case.conclusions, *([case.approved] if case.approved else [])]
    for paper in papers:
        author, approver = (signer.person_id for signer in paper.signers)
        judges = {place.expert for place in rounds[paper.round].places if place.opinions}
        assert author != approver and approver not in judges
    standing = [one.round for one in case.conclusions if one.standing == "in-force"]
    assert len(standing) == len(set(standing))
    for one in case.conclusions:
        replacement = [other for other in case.conclusions if other.replaces == one.number]
        assert (one.standing == "replaced") == bool(replacement)


def listed(case: Case) -> None:
    """What is stored for lists is what a naive look at the case says."""
    main = next((t for t in case.terms if t.open and t.kind == "appeal"), None) or next(
        (t for t in case.terms if t.open and t.kind.endswith("expertise")), None
    )
    due = main.clock.due_at if main else None
    assert (case.due_at, case.order) == (due, "9999" if due is None else wire_moment(due))
    asked = [request for request in case.requests if request.outcome is None]
    views = set(case.views)
    assert ("open" in views) == (case.status not in FINAL)
    assert ("waiting-applicant" in views) == bool(asked) == any(o.what == "answers" for o in case.owed)
    assert ("unclaimed" in views) == ("open" in views and case.operator is None)
    assert ("unassigned" in views) == any(o.what == "assign" for o in case.owed)
    assert ("to-conclude" in views) == any(o.what == "conclusion" for o in case.owed)
    assert ("to-approve" in views) == any(o.what == "approval" for o in case.owed)
    assert ("appealed" in views) == any(o.what == "appeal" for o in case.owed)
    conflict = any(one.status == "open" for one in case.conflicts)
    assert ("conflict" in views) == any(o.what == "conflict" for o in case.owed) == conflict
    assert ("suspended" in views) == (main is not None and main.ledger.stopped)
    assert set(case.working) == (set() if case.status in FINAL else {p.expert for p in case.active() if not p.opinions})


def quiet(case: Case, fact: Fact) -> None:
    """Opinions reach no other expert, and whoever has an undecided conflict hears nothing but of their own seat."""
    told = set(getattr(fact, "notify", ()))
    if isinstance(fact, OpinionGivenV1):
        assert not told & {one.id for one in EXPERTS}
    if not isinstance(fact, (ExpertReleasedV1, ExpertAssignedV1)):
        assert not told & set(case.hidden_from), type(fact).__name__


TestExpertise: Any = Expertise.TestCase
TestExpertise.settings = examples(40, stateful_step_count=15, suppress_health_check=list(HealthCheck))
