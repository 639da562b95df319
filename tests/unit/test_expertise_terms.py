"""The terms of a case, whatever stops, extends or recounts them, are those of a naive count through its own facts."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from contracts.calendars import CalendarUpdate, Override
from contracts.data import Origin
from contracts.expertise import TermBreachedV1, TermExtendedV1, TermNearingV1, TermRecalendaredV1, TermResumedV1
from contracts.reference import OnExpiry
from contracts.steps import Question, TermExtension
from deploy.samples.common import TIMER
from deploy.samples.expertise import ITEMS, OPERATOR, opened
from services.expertise.domain import decide
from services.expertise.domain.commands import CancelRequest, Recalendar, Tick
from services.law.calendar import Calendars
from services.law.decision import Refusal
from services.law.terms import CountedTerm
from tests.effort import examples
from tests.kit.common import minsk
from tests.kit.expertise.play import Play
from tests.kit.recount import announced_once, counted, naive_due

ORIGIN = Origin(kind="assumption", note="A day of the test.")


def changed(n: int, day: date, working: bool, id_: str = "BY") -> CalendarUpdate:
    """An act that makes a day a working one, or a free one."""
    override = Override(day=day, working=working, reason_ru="Перенос.", reason_en="Moved.", act="№ 1")
    return CalendarUpdate(id=id_, dated=date(2026, 1, 1) + timedelta(days=n), origin=ORIGIN, overrides=(override,))


deeds = st.lists(
    st.tuples(
        st.sampled_from(["ask", "answer", "cancel", "extend", "wait", "tick", "calendar", "silently"]),
        st.integers(1, 90),
    ),
    min_size=3,
    max_size=14,
)


UNDONE = [("tick", 1)] * 3
"""The term has run out; a day that becomes free without being told of may undo that."""


@pytest.mark.parametrize("edition", ["by-2024", "demo-us"])
def test_used_and_remaining_are_the_budget_and_the_extensions_in_any_order_of_what_may_happen(edition: str) -> None:
    @examples(60, suppress_health_check=list(HealthCheck))
    @given(deeds)
    @example([*UNDONE, ("silently", 13), ("extend", 1)])
    @example([*UNDONE, ("silently", 10), ("extend", 1)])
    def check(deeds: list[tuple[str, int]]) -> None:
        play, updates = Play().open(opened(edition=edition)), list[CalendarUpdate]()
        for what, amount in deeds:
            done(play, what, amount, updates)
            if play.status == "closed":
                break
            for running in _open(play):
                counted_by = running.ledger.term
                if play.calendars[counted_by.calendar].version == counted_by.calendar_version:
                    counted(running, play.now, play.calendars)
        announced_once(play.facts)

    check()


def _open(play: Play) -> list[CountedTerm]:
    return [one for one in play.case.terms if one.open]


def done(play: Play, what: str, amount: int, updates: list[CalendarUpdate]) -> None:
    """One thing happens, if it may."""
    request, days = play.case.request(), play.case.terms[0].ledger.term.calendar
    try:
        if what == "ask":
            play.do(Question(items=ITEMS, on_expiry=OnExpiry.DECIDE))
        elif what == "answer" and request is not None:
            play.answer("who", "why", request=request.id)
        elif what == "cancel" and request is not None:
            play.do(CancelRequest(request.id))
        elif what == "extend":
            play.do(TermExtension(term="clarification" if request and amount % 2 else "expertise", why="Надо."))
        elif what == "wait":
            play.later(hours=amount)
        elif what == "tick" and (due := decide.due(play.case)) is not None:
            play.now = max(play.now, due)
            play.do(Tick(due), TIMER)
            after = decide.due(play.case)
            assert after is None or after > play.now
        elif what in ("calendar", "silently"):
            updates.append(changed(len(updates), date(2026, 4, 10) + timedelta(days=amount), amount % 3 == 0, days))
            play.calendars = Calendars.load(updates)
            if what == "calendar":
                play.do(Recalendar(), OPERATOR)
    except Refusal:
        return


def test_a_day_that_becomes_free_moves_the_due_date_and_says_from_which_to_which() -> None:
    play = Play().open()
    play.calendars = Calendars.load([changed(1, date(2026, 5, 7), working=False)])
    [moved] = play.do(Recalendar(), OPERATOR)
    assert isinstance(moved, TermRecalendaredV1)
    assert (moved.due_before, moved.due_at) == (minsk("2026-05-12", 0), minsk("2026-05-13", 0))
    assert play.case.due_at == minsk("2026-05-13", 0) and play.case.calendars == (moved.version,)


def test_a_timer_of_an_older_calendar_moves_the_term_before_it_announces_anything() -> None:
    play = Play().open()
    play.calendars = Calendars.load([changed(1, date(2026, 5, 4), working=False)])
    facts = play.tick()
    assert [type(fact) for fact in facts] == [TermRecalendaredV1]
    [nearing] = play.tick()
    assert isinstance(nearing, TermNearingV1) and nearing.rungs == (5,)


def test_a_breach_that_a_new_calendar_undoes_is_announced_again_at_its_new_time() -> None:
    play = Play().open()
    play.run_out("expertise")
    assert decide.due(play.case) is None
    play.calendars = Calendars.load(
        [changed(n, day, working=False) for n, day in enumerate([date(2026, 5, 7), date(2026, 5, 8)])]
    )
    play.do(Recalendar(), OPERATOR)
    assert decide.due(play.case) == play.case.due_at == minsk("2026-05-14", 0)
    [again] = play.tick()
    assert isinstance(again, TermBreachedV1) and again.due_at == minsk("2026-05-14", 0)


def test_an_extension_of_a_term_whose_calendar_has_changed_says_so_first() -> None:
    play = Play().open()
    play.run_out("expertise")
    play.calendars = Calendars.load([changed(1, date(2026, 5, 7), working=False)])
    play.now = minsk("2026-05-12")
    moved, extended = play.do(TermExtension(term="expertise", why="Надо."))
    assert isinstance(moved, TermRecalendaredV1) and isinstance(extended, TermExtendedV1)
    assert (moved.due_before, moved.due_at) == (minsk("2026-05-12", 0), minsk("2026-05-13", 0))
    running = play.case.terms[0]
    assert running.ledger.term.calendar_version == moved.version, "no clock is set by another calendar than is named"
    counted(running, play.now, play.calendars)
    announced_once(play.facts)


def test_a_clock_that_runs_again_is_set_by_the_calendar_as_it_stands_and_says_so_first() -> None:
    play = Play().open()
    play.do(Question(items=ITEMS, on_expiry=OnExpiry.DECIDE))
    play.calendars = Calendars.load([changed(1, date(2026, 5, 7), working=False)])
    request = play.case.request()
    assert request is not None
    facts = play.do(CancelRequest(request.id))
    told = [type(fact) for fact in facts if isinstance(fact, TermRecalendaredV1 | TermResumedV1)]
    assert told == [TermRecalendaredV1, TermResumedV1]
    counted(play.case.terms[0], play.now, play.calendars)


def test_reminders_come_on_their_days_and_once() -> None:
    play = Play().open()
    moments = []
    while decide.due(play.case) is not None:
        facts = play.tick()
        moments += [(play.now, type(fact).__name__, getattr(fact, "rungs", ())) for fact in facts]
    assert moments == [
        (minsk("2026-05-05", 0), "TermNearingV1", (5,)),
        (minsk("2026-05-09", 0), "TermNearingV1", (1,)),
        (minsk("2026-05-12", 0), "TermBreachedV1", ()),
    ]
    assert play.case.due_at == naive_due(play.case.terms[0].ledger), "it stays overdue until it is done"
    assert play.case.nearing_at == minsk("2026-05-05", 0)


def test_a_timer_that_is_late_announces_at_once_what_it_has_missed() -> None:
    play = Play().open()
    due = decide.due(play.case)
    assert due is not None
    play.now = minsk("2026-05-11")
    [nearing] = play.do(Tick(due), TIMER)
    assert isinstance(nearing, TermNearingV1) and nearing.rungs == (5, 1)


def test_an_extension_begins_the_ladder_anew() -> None:
    play = Play().open()
    play.tick()
    [extended] = play.do(TermExtension(term="expertise", why="Надо."))
    assert extended.clock.alarm_at is not None and extended.clock.alarm_at > play.now
    [nearing] = play.tick()
    assert isinstance(nearing, TermNearingV1) and nearing.rungs == (5,)
