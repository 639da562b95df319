"""Running terms: one story gives the same ledger in every service, and nothing that was stored loses a term."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import expertise, intake, registry
from contracts.calendars import CalendarUpdate, Override
from contracts.data import Origin
from contracts.event import Fact
from contracts.expertise import Closure
from contracts.reference import Clock, LegalEffect, OnExpiry, TermKind
from contracts.rules import Edition
from contracts.steps import Question, TermExtension
from deploy.samples.common import BOOK, NOW, SUBJECT, TIMER
from deploy.samples.expertise import ITEMS, OPERATOR, REASONS
from services.chassis.fold import state_json
from services.expertise.domain import decide as case
from services.expertise.domain import evolve as of_case
from services.expertise.domain.commands import EndWithout, Recalendar, Tick
from services.expertise.domain.terms import TERMS as OF_EXPERTISE
from services.intake.domain.commands import Accept
from services.intake.domain.commands import Tick as OfIntake
from services.intake.domain.evolve import due
from services.intake.domain.state import Pilot, Status
from services.intake.domain.terms import TERMS as OF_INTAKE
from services.law import ledger as law
from services.law.calendar import Calendars
from services.law.decision import Context, Decision, Refusal
from services.law.explanation import explain
from services.law.terms import CountedTerm, CountedTerms, Terms, calendar_versions, evolve, next_alarm, running
from services.registry.domain.state import REPORT
from services.registry.domain.terms import TERMS as OF_REGISTRY
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY, minsk
from tests.kit.expertise.play import Play
from tests.kit.intake.story import STATES, after, pilots
from tests.kit.registry.life import Life

EDITION: Final = BOOK.edition("by-2024")
EXPERTISE: Final = TermKind.EXPERTISE
RULE: Final = EDITION.terms[EXPERTISE]
DAY: Final = timedelta(days=1)


def act(n: int, day: date, *, working: bool) -> CalendarUpdate:
    """An act that makes a day a working one, or a free one."""
    override = Override(day=day, working=working, reason_ru="Перенос.", reason_en="Moved.", act="№ 1")
    origin = Origin(kind="assumption", note="A day of the test.")
    return CalendarUpdate(id="BY", dated=date(2026, 1, 1) + n * DAY, origin=origin, overrides=(override,))


# ---- a service's terms in themselves: the state is the terms alone

Own = Terms[CountedTerms]


def alone(terms: Terms[Any]) -> Own:
    """The terms of a service, told by its own facts, as all that there is."""
    return replace(terms, of=lambda own: own, notify=lambda _own: ())


SERVICES: Final = {"intake": alone(OF_INTAKE), "expertise": alone(OF_EXPERTISE), "registry": alone(OF_REGISTRY)}
every_service = pytest.mark.parametrize("terms", SERVICES.values(), ids=SERVICES.keys())
can_stop = pytest.mark.parametrize(
    "terms", [SERVICES["expertise"], SERVICES["registry"]], ids=["expertise", "registry"]
)


def then(own: CountedTerms | None, fact: Fact) -> CountedTerms:
    """The terms after a fact."""
    return evolve(own or (), fact, CountedTerm)


@dataclass
class Story:
    """What happens to the terms of a service, one after the other."""

    terms: Own
    now: datetime = NOW
    own: CountedTerms = ()
    edition: Edition = EDITION
    calendars: Calendars = CALENDARS
    facts: list[Fact] = field(default_factory=list)

    def decide(self, deed: Callable[[Own, Decision[CountedTerms]], object]) -> list[Fact]:
        """Something is decided; every open term then comes to what its clock says."""
        context = Context(self.now, SUBJECT, SOMEBODY, None, self.calendars)
        decision = Decision(self.own, then, self.edition, context)
        deed(self.terms, decision)
        self.own = decision.state
        self.facts += decision.facts
        self.check()
        return decision.facts

    def start(self, kind: TermKind = EXPERTISE) -> "Story":
        """A term starts."""
        self.decide(lambda terms, decision: terms.start(decision, kind))
        return self

    def tick(self) -> list[Fact]:
        """The timer fires when it must."""
        alarm = next_alarm(self.own)
        assert alarm is not None
        self.now = max(self.now, alarm)
        return self.decide(lambda terms, decision: terms.announce(decision, alarm))

    @property
    def term(self) -> CountedTerm:
        """The last term."""
        return self.own[-1]

    def check(self) -> None:
        """The stored clock is what the ledger comes to, and no breach stands beside an alarm."""
        for one in self.own:
            ledger, days = one.ledger, self.calendars[one.ledger.term.calendar]
            assert CountedTerm.model_validate(one.model_dump(mode="json")) == one
            assert (one.clock.alarm_at is None) == (not one.open or ledger.stopped or ledger.breached)
            if one.open and ledger.term.calendar_version == days.version:
                assert one.clock == law.clock_of(ledger, self.edition.terms[TermKind(one.kind)], days)


common = st.tuples(st.sampled_from(["start", "wait", "tick", "recount", "end", "act"]), st.integers(1, 90))
stopping = st.tuples(
    st.sampled_from(["start", "wait", "tick", "recount", "stop", "resume", "extend", "act", "end"]), st.integers(1, 90)
)


def stop(own: Own, decision: Decision[CountedTerms]) -> None:
    """Stops the clock where the rule lets it."""
    if (said := own.stopped(decision, EXPERTISE, "Ждём.")) is not None:
        decision.then(said)


def happen(story: Story, what: str, amount: int, acts: list[CalendarUpdate]) -> None:
    """One thing happens, if it may."""
    open_ = running(story.own, EXPERTISE)
    try:
        match what:
            case "start" if open_ is None or amount % 7 == 0:
                story.start()
            case "wait":
                story.now += timedelta(hours=amount)
            case "tick" if next_alarm(story.own) is not None:
                story.tick()
            case "recount":
                story.decide(lambda terms, decision: terms.recalendar(decision))
            case "act":
                acts.append(act(len(acts), date(2026, 4, 10) + amount * DAY, working=amount % 3 == 0))
                story.calendars = Calendars.load(acts)
                story.decide(lambda terms, decision: terms.recalendar(decision))
            case "stop":
                story.decide(stop)
            case "stop since":
                since = (story.now - amount % 5 * DAY).date()
                story.decide(lambda terms, decision: terms.stop_since(decision, EXPERTISE, since, "Ждём."))
            case "resume":
                story.decide(lambda terms, decision: terms.resume(decision, EXPERTISE))
            case "resume since":
                on = (story.now - amount % 5 * DAY).date()
                story.decide(lambda terms, decision: terms.resume(decision, EXPERTISE, on))
            case "extend":
                story.decide(lambda terms, decision: terms.extend(decision, EXPERTISE, "Надо."))
            case "end":
                story.decide(lambda terms, decision: terms.end(decision, EXPERTISE))
    except Refusal:
        return


@settings(max_examples=60)
@given(st.lists(common, max_size=12))
def test_one_story_gives_the_same_terms_in_all_three_services(deeds: list[tuple[str, int]]) -> None:
    told = [Story(terms).start() for terms in SERVICES.values()]
    for story in told:
        acts = list[CalendarUpdate]()
        for what, amount in deeds:
            happen(story, what, amount, acts)
    assert told[0].own == told[1].own == told[2].own
    assert [[type(fact).__name__ for fact in one.facts] for one in told[1:]] == [
        [type(fact).__name__ for fact in told[0].facts]
    ] * 2


@settings(max_examples=80)
@given(st.lists(stopping, max_size=14))
def test_one_story_with_stops_and_extensions_gives_the_same_terms_where_there_are_some(
    deeds: list[tuple[str, int]],
) -> None:
    told = [Story(SERVICES[name]).start() for name in ("expertise", "registry")]
    for story in told:
        acts = list[CalendarUpdate]()
        for what, amount in deeds:
            happen(story, what, amount, acts)
    assert told[0].own == told[1].own


dated = st.tuples(
    st.sampled_from(["start", "wait", "tick", "recount", "stop since", "resume since", "extend", "act", "end"]),
    st.integers(1, 90),
)


@settings(max_examples=80)
@given(st.lists(dated, max_size=14))
def test_what_is_entered_as_of_any_day_leaves_a_clock_that_its_ledger_comes_to(deeds: list[tuple[str, int]]) -> None:
    story, acts = Story(SERVICES["registry"]).start(), list[CalendarUpdate]()
    for what, amount in deeds:
        happen(story, what, amount, acts)


@every_service
def test_reminders_come_on_their_days_then_the_breach_and_then_nothing(terms: Own) -> None:
    story, said = Story(terms).start(), list[object]()
    while next_alarm(story.own) is not None:
        [fact] = story.tick()
        said.append((story.now, getattr(fact, "rungs", "breach")))
    assert said == [
        (minsk("2026-05-05", 0), (5,)),
        (minsk("2026-05-09", 0), (1,)),
        (minsk("2026-05-12", 0), "breach"),
    ]
    assert story.term.clock.due_at == minsk("2026-05-12", 0), "it stays overdue until it is done"
    story.decide(lambda own, decision: own.end_all(decision))
    assert (getattr(story.facts[-1], "late", None), story.term.clock, calendar_versions(story.own)) == (
        True,
        Clock(),
        (),
    )


@every_service
def test_a_timer_fired_by_a_machine_that_is_behind_announces_all_the_same(terms: Own) -> None:
    story = Story(terms).start()
    alarm = next_alarm(story.own)
    assert alarm is not None
    story.now = alarm - timedelta(seconds=2)
    [nearing] = story.decide(lambda own, decision: own.announce(decision, alarm))
    assert getattr(nearing, "rungs", None) == (5,)
    assert next_alarm(story.own) != alarm


@every_service
def test_a_ladder_that_changed_since_sets_the_clock_and_reminds_nobody(terms: Own) -> None:
    story = Story(terms).start()
    [fact] = _ticked_by_another_ladder(story)
    assert type(fact).__name__ == "TermRecalendaredV1"
    assert getattr(fact, "version", None) == getattr(fact, "version_before", None)
    assert next_alarm(story.own) == minsk("2026-05-09", 0)


def _ticked_by_another_ladder(story: Story) -> list[Fact]:
    changed = RULE.model_copy(update={"reminders": (1,)})
    story.edition = EDITION.model_copy(update={"terms": {**EDITION.terms, EXPERTISE: changed}})
    return story.tick()


@every_service
def test_one_that_starts_while_one_of_its_kind_runs_stands_in_its_place(terms: Own) -> None:
    story = Story(terms).start()
    story.now += DAY
    story.start()
    assert [one.ledger.term.started for one in story.own] == [story.now]


@every_service
def test_a_fact_of_a_term_that_does_not_run_changes_nothing(terms: Own) -> None:
    story = Story(terms).start()
    [nearing] = story.tick()
    story.decide(lambda own, decision: own.end(decision, EXPERTISE, TermKind.APPEAL))
    assert then(story.own, nearing) == story.own
    assert then((), nearing) == ()
    assert story.decide(lambda own, decision: own.end(decision, EXPERTISE)) == []


@can_stop
def test_an_extension_of_a_term_whose_breach_was_announced_too_early_is_announced_anew(terms: Own) -> None:
    story = Story(terms).start()
    while next_alarm(story.own) is not None:
        story.tick()
    story.now -= timedelta(hours=1)  # the machine that extends is behind the one that told the breach
    story.decide(lambda own, decision: own.extend(decision, EXPERTISE, "Надо."))
    assert not story.term.ledger.breached
    assert getattr(story.tick()[0], "rungs", None) == (5,)


@can_stop
def test_a_breach_that_a_calendar_undid_while_the_clock_stood_is_announced_after_it_runs_again(terms: Own) -> None:
    story = Story(terms).start()
    while next_alarm(story.own) is not None:
        story.tick()
    stopped = law.suspended(story.term.ledger, story.now, "u-1", "Ждём.")
    story.own = (CountedTerm(ledger=stopped, clock=Clock()),)
    story.calendars = Calendars.load([act(1, date(2026, 5, 7), working=False)])
    story.decide(lambda own, decision: own.recalendar(decision))
    story.now += 5 * DAY
    story.decide(lambda own, decision: own.resume(decision, EXPERTISE))
    assert not story.term.ledger.breached
    assert type(story.tick()[0]).__name__ == "TermBreachedV1"


@can_stop
def test_a_clock_is_stopped_once_by_its_rule_and_not_when_it_has_run_out(terms: Own) -> None:
    story = Story(terms).start()
    assert len(story.decide(stop)) == 1
    assert story.decide(stop) == []
    story.decide(lambda own, decision: own.resume(decision, EXPERTISE))
    while next_alarm(story.own) is not None:
        story.tick()
    assert story.decide(stop) == []
    assert Story(terms).decide(stop) == []


def test_what_is_entered_as_of_a_day_begins_and_stops_with_that_day() -> None:
    story = Story(SERVICES["registry"])
    story.decide(lambda own, decision: own.start(decision, EXPERTISE, date(2026, 4, 1)))
    assert story.term.ledger.term.started == minsk("2026-04-01", 0)
    story.decide(lambda own, decision: own.stop_since(decision, EXPERTISE, date(2026, 4, 8), "Ждём."))
    story.decide(lambda own, decision: own.resume(decision, EXPERTISE, date(2026, 4, 10)))
    [stop] = story.term.ledger.suspensions
    assert (stop.since, stop.until, stop.who) == (minsk("2026-04-08", 0), minsk("2026-04-10", 0), SOMEBODY.id)


def test_a_service_whose_facts_say_nothing_of_earlier_days_enters_nothing_as_of_one_that_has_passed_a_reminder() -> (
    None
):
    story = Story(SERVICES["expertise"])
    with pytest.raises(AssertionError, match="no fact for that"):
        story.decide(lambda own, decision: own.start(decision, EXPERTISE, date(2026, 4, 1)))


def test_a_term_that_is_entered_late_reminds_of_nothing_that_has_passed() -> None:
    story = Story(SERVICES["registry"])
    story.decide(lambda own, decision: own.start_until(decision, TermKind.LAUNCH, date(2026, 4, 18), date(2026, 3, 1)))
    assert story.term.ledger.reminded == (7,)
    assert getattr(story.tick()[0], "rungs", None) == (1,)


def test_a_term_that_lapses_ends_by_itself_and_is_no_alarm() -> None:
    story = Story(SERVICES["intake"]).start(TermKind.FIXING_REMARKS)
    assert story.term.ledger.term.legal_effect is LegalEffect.LAPSE
    while next_alarm(story.own) is not None:
        [fact] = story.tick()
    assert isinstance(fact, intake.TermEndedV1)
    assert (fact.late, fact.ended, story.term.open) == (True, story.now, False)
    other = Story(SERVICES["expertise"]).start(TermKind.FIXING_REMARKS)
    while next_alarm(other.own) is not None:
        [fact] = other.tick()
    assert isinstance(fact, expertise.TermBreachedV1)


@pytest.mark.parametrize("suspended", [expertise.TermSuspendedV1, registry.TermSuspendedV1])
def test_facts_that_say_too_little_for_a_ledger_still_evolve(suspended: type[Any]) -> None:
    own = Story(SERVICES["expertise"]).start().own
    stopped = then(own, suspended(actor=SOMEBODY, kind=EXPERTISE, since=NOW, why=""))
    assert (stopped[0].ledger.suspensions[0].why, stopped[0].clock) == (law.UNSAID, Clock())
    again = then(stopped, suspended(actor=SOMEBODY, kind=EXPERTISE, since=NOW + DAY, why="Ещё."))
    assert again[0].ledger == stopped[0].ledger, "one that stands already goes on standing"
    said = {"actor": SOMEBODY, "kind": EXPERTISE, "at": NOW, "why": "", "clock": Clock()}
    none = then(own, expertise.TermExtendedV1(days=0, **said))
    assert none[0].ledger == own[0].ledger
    assert then(own, expertise.TermExtendedV1(days=1, **said))[0].ledger.extensions[0].why == law.UNSAID
    assert then(own, expertise.TermResumedV1(actor=SOMEBODY, kind=EXPERTISE, at=NOW, clock=own[0].clock)) == own


# ---- where the services had drifted apart


def test_an_extension_of_a_case_forgets_the_breach_that_was_announced() -> None:
    play = Play().open()
    play.run_out("expertise")
    play.now -= timedelta(hours=1)
    [extended] = play.do(TermExtension(term="expertise", why="Надо."))
    assert extended.clock.alarm_at is not None and not play.case.terms[0].ledger.breached
    [nearing] = play.tick()
    assert (type(nearing).__name__, nearing.rungs) == ("TermNearingV1", (5,))


def test_a_term_of_a_case_that_ran_out_before_its_clock_stopped_ends_late_as_its_explanation_says() -> None:
    play = Play().open()
    play.now = minsk("2026-05-11")
    play.do(Question(items=ITEMS, on_expiry=OnExpiry.DECIDE))
    play.calendars = Calendars.load([act(1, date(2026, 5, 2), working=True)])
    play.do(Recalendar(), TIMER)
    facts = play.do(EndWithout(outcome=Closure.RETURNED, reasons=REASONS))
    [ended] = [fact for fact in facts if type(fact).__name__ == "TermEndedV1" and fact.kind == "expertise"]
    told = explain(play.case.terms[0].ledger, play.now, play.calendars["BY"])
    assert (ended.late, told.state) == (True, "ended-late")


def test_a_term_of_a_case_that_starts_again_stands_in_the_place_of_the_open_one() -> None:
    state = Play().open().case
    [begun] = state.terms
    again = of_case.evolve(state, expertise.TermStartedV1(actor=OPERATOR, term=begun.ledger.term, clock=begun.clock))
    assert again is not None and len(again.terms) == 1


def test_a_case_and_a_pilot_whose_ladder_changed_send_no_reminder_of_nothing() -> None:
    play = Play().open()
    early = play.now + timedelta(hours=1)
    [begun] = play.case.terms
    set_early = begun.model_copy(update={"clock": begun.clock.model_copy(update={"alarm_at": early})})
    play.state = play.case.model_copy(update={"terms": (set_early,)})
    [set_anew] = play.tick()
    assert (type(set_anew).__name__, set_anew.notify, set_anew.due_at) == (
        "TermRecalendaredV1",
        (),
        set_anew.due_before,
    )
    assert case.due(play.case) == begun.clock.alarm_at

    life = Life().running()
    report = life.pilot.own_term(REPORT)
    assert report is not None
    set_early = report.model_copy(update={"clock": report.clock.model_copy(update={"alarm_at": life.now})})
    others = [one for one in life.pilot.own_terms if one != report]
    life.state = life.pilot.model_copy(update={"own_terms": (*others, set_early)})
    assert [type(fact).__name__ for fact in life.tick()] == ["TermRecalendaredV1"]
    assert life.pilot.own_term(REPORT) == report


def test_a_timer_of_a_case_or_a_pilot_moves_its_due_time_also_on_a_machine_that_is_behind() -> None:
    play = Play().open()
    moment = case.due(play.case)
    assert moment is not None
    play.now = moment - timedelta(seconds=1)
    assert len(play.do(Tick(moment), TIMER)) == 1 and case.due(play.case) != moment


def test_an_application_ends_its_term_late_by_the_present_calendar_and_not_by_the_one_that_was_stored() -> None:
    state = STATES["registered"]
    counted = state.running
    old = CountedTerm(ledger=law.recalendared(counted.ledger, "BY", "BY-2020"), clock=Clock(due_at=NOW, alarm_at=NOW))
    state = state.model_copy(update={"terms": (old,)})
    [ended] = [fact for fact in pilots.when(state, Accept()) if isinstance(fact, intake.TermEndedV1)]
    assert not ended.late


def test_a_fact_of_a_term_of_an_application_that_has_ended_leaves_it_without_a_due_time() -> None:
    state = STATES["registered"]
    moment = due(state)
    assert moment is not None
    [nearing] = pilots.when(state, OfIntake(moment), now=moment)
    accepted = after(Accept(), state=state)
    assert pilots.given(nearing, state=accepted) == accepted and accepted.due_at is None


# ---- what an earlier program has stored


def as_before(state: Pilot) -> dict[str, Any]:
    """The state of an application as the program before stored it: each ledger at a place of its own, one clock."""
    stored = state_json(state)
    del stored["terms"]
    return stored


@pytest.mark.parametrize("name", sorted(name for name, state in STATES.items() if state is not None))
def test_an_application_that_an_earlier_program_stored_keeps_its_terms(name: str) -> None:
    state = STATES[name]
    stored = as_before(state)
    assert {"look_over", "fixing", "clock", "due_at", "calendars"} <= stored.keys(), "an earlier one can read it too"
    assert Pilot.model_validate(stored) == state
    assert due(Pilot.model_validate(stored)) == due(state)


STORED: Final[dict[str, Any]] = {
    "status": "returned",
    "agency": "vedomstvo",
    "event_id": "a-1",
    "received": "2026-04-16T09:00:00.000Z",
    "number": "ПП-2026-000123",
    "edition": "by-2024",
    "look_over": {
        "term": {
            "kind": "look-over",
            "budget": 3,
            "unit": "working-days",
            "calendar": "BY",
            "calendar_version": "BY-2026.1+holidays-0.96",
            "legal_effect": "alarm",
            "started": "2026-04-16T09:00:00.000Z",
            "zone": "Europe/Minsk",
            "origin": "law",
        },
        "suspensions": [],
        "extensions": [],
        "ended": "2026-04-24T09:00:00.000Z",
        "breached": True,
        "reminded": [2, 1],
    },
    "fixing": {
        "term": {
            "kind": "fixing-remarks",
            "budget": 10,
            "unit": "working-days",
            "calendar": "BY",
            "calendar_version": "BY-2026.1+holidays-0.96",
            "legal_effect": "lapse",
            "started": "2026-04-24T09:00:00.000Z",
            "zone": "Europe/Minsk",
            "origin": "assumption",
        },
        "suspensions": [],
        "extensions": [],
        "ended": None,
        "breached": False,
        "reminded": [],
    },
    "clock": {
        "due_at": "2026-05-12T21:00:00.000Z",
        "nearing_at": "2026-05-08T21:00:00.000Z",
        "alarm_at": "2026-05-08T21:00:00.000Z",
    },
    "due_at": "2026-05-12T21:00:00.000Z",
    "decided": "2026-04-24T09:00:00.000Z",
    "calendars": ["BY-2026.1+holidays-0.96"],
}


def test_a_stored_application_of_an_earlier_program_is_read_with_what_runs_and_what_has_ended() -> None:
    read = Pilot.model_validate(STORED)
    assert [(one.kind, one.open) for one in read.terms] == [("look-over", False), ("fixing-remarks", True)]
    assert read.status is Status.RETURNED and read.calendars == ("BY-2026.1+holidays-0.96",)
    assert due(read) == read.clock.alarm_at == minsk("2026-05-09", 0)
    assert {name: state_json(read)[name] for name in STORED} == STORED


@pytest.mark.parametrize(("breached", "alarm"), [(False, minsk("2026-05-13", 0)), (True, None)])
def test_a_stored_application_from_before_there_were_clocks_is_due_when_it_was(
    breached: bool, alarm: datetime | None
) -> None:
    bare = {name: value for name, value in STORED.items() if name != "clock"}
    read = Pilot.model_validate({**bare, "fixing": {**STORED["fixing"], "breached": breached}})
    assert (read.due_at, due(read)) == (minsk("2026-05-13", 0), alarm)
