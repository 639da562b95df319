"""How cases of the expertise end, and go on: conclusions, rounds, appeals, the end from outside, what happens beside.

Its stories count for `test_expertise_graph` like those of `test_expertise_scenarios`.
"""

import pytest

from contracts.expertise import (
    AppealDecidedV1,
    AppealOpenedV1,
    Closure,
    ConclusionAnnulledV1,
    ConclusionApprovedV1,
    ConclusionIssuedV1,
    ConclusionSentBackV1,
    ReviewClosedV1,
    ReviewKind,
    ReviewOpenedV1,
    TermEndedV1,
    TermResumedV1,
    TermStartedV1,
    TermSuspendedV1,
)
from contracts.reference import Met, OnExpiry, Standing, Verdict
from contracts.steps import Appeal, AppealOutcome, DeclaredConflict, EarlierRemark, Question, TermExtension
from deploy.moves.expertise import aged
from deploy.samples.common import APPLICATION, TIMER, with_switches
from deploy.samples.expertise import (
    APPEALS,
    APPROVER,
    CHAIR,
    COLLEAGUE,
    GRIEVANCE,
    HEAD,
    INTAKE,
    ITEMS,
    OPERATOR,
    REASONS,
    REMARKS,
    answers,
    conclusion,
    decide_appeal,
    entry,
    judged,
    opened,
)
from services.expertise.domain import decide
from services.expertise.domain.commands import (
    AcceptAssignment,
    Approve,
    Assign,
    CancelRequest,
    Claim,
    CloseFor,
    Confirm,
    Dismiss,
    EndWithout,
    Number,
    Recalendar,
    Recheck,
    SendBack,
    TakeAnswers,
    Tick,
    Unclaim,
)
from tests.kit.common import minsk, with_numbers
from tests.kit.expertise.play import FIRST, NEWCOMER, SECOND, SIXTH, THIRD, WAYS, Play, actor, approver, at, kinds, one


@pytest.fixture
def play() -> Play:
    """A case that is not open yet."""
    return Play()


# ---- the conclusion


def test_neither_the_author_nor_an_expert_of_the_case_approves(play: Play) -> None:
    play.to_approve()
    for command in (Approve(), SendBack(why="Нет.")):
        assert play.refused(command, approver(OPERATOR.id)).code == "conclusion.second-person", "its author"
        assert play.refused(command, approver(FIRST)).code == "duty.another", "who judged"
    [back] = play.do(SendBack(why="Мало."), APPROVER)
    assert isinstance(back, ConclusionSentBackV1) and back.notify == ("op-1",)
    assert play.status == "to-conclude" and play.case.draft is None
    play.do(conclusion(), COLLEAGUE)
    play.do(Approve(), APPROVER)


def test_a_number_that_arrives_after_a_closure_still_issues_the_conclusion(play: Play) -> None:
    play.numbering().do(CloseFor(Closure.WITHDRAWN, "Передумали."), INTAKE)
    assert play.status == "closed" and play.case.approved is not None
    [issued] = play.number()
    assert isinstance(issued, ConclusionIssuedV1)
    assert play.status == "closed" and play.case.approved is None
    assert [found.number for found in play.case.conclusions] == ["ЗЭ-2026-0001"]
    assert play.do(Number("ЗЭ-2026-0002"), APPROVER) == [], "there is nothing left to number"


def test_a_number_that_arrives_after_a_new_round_began_goes_to_the_round_that_was_concluded(play: Play) -> None:
    play.numbering()
    play.do(opened(submission=2), INTAKE)
    assert play.status == "numbering" and play.case.round == 2 and [o.what for o in play.case.owed] == ["number"]
    play.do(TermExtension(term="expertise", why="Ждём номера."))
    play.tick()
    play.do(Recheck(entry(FIRST, "700000138", version=2).seat()), INTAKE)
    play.number()
    assert play.status == "unassigned" and play.case.conclusions[0].round == 1
    closed = Play().numbering()
    closed.do(CloseFor(Closure.STOPPED, "Решение."), INTAKE)
    closed.do(opened(submission=2), INTAKE)
    assert closed.status == "numbering" and closed.case.round == 2
    play.steps |= closed.steps


# ---- rounds


def test_a_repeat_shows_what_changed_and_judges_every_remark_by_other_experts(play: Play) -> None:
    play.concluded(verdict=Verdict.NEGATIVE, remarks=REMARKS)
    after = APPLICATION.model_copy(update={"title": "Запись к врачу", "executor": NEWCOMER})
    met = (Met(place=1, text="Описали."),)
    facts = play.do(opened(after, 2, met=met), INTAKE)
    review = one(ReviewOpenedV1, facts)
    assert isinstance(review, ReviewOpenedV1)
    assert (review.kind, review.round, review.earlier, review.met) == (ReviewKind.REPEAT, 2, "ЗЭ-2026-0001", met)
    assert {change.field: change.after for change in review.changes}["title"] == "Запись к врачу"
    assert [change.field for change in review.changes] == ["title", "executor"]
    assert play.case.needed == 1 and play.case.past[0].places[0].opinions, "the round before stays readable"
    refused = play.refused(Assign(expert_id=FIRST))
    assert [problem.rule for problem in refused.problems] == ["conflict.earlier-round"]
    play.judge(THIRD)
    unmet = play.refused(conclusion(earlier_remarks=judged(False)))
    assert unmet.code == "verdict.remarks-unmet"
    missing = play.refused(conclusion(earlier_remarks=judged(True, 1)))
    assert [problem.rule for problem in missing.problems] == ["remark.not-judged"]
    wrong = (*judged(True), EarlierRemark(place=2, met=True), EarlierRemark(place=3, met=True))
    refused = play.refused(conclusion(earlier_remarks=wrong))
    assert [(p.pointer, p.rule) for p in refused.problems] == [
        ("/earlier_remarks/2/place", "remark.unknown"),
        ("/earlier_remarks/3/place", "remark.unknown"),
    ]
    optional = (EarlierRemark(place=1, met=True), EarlierRemark(place=2, met=False, text="Не учли."))
    play.do(conclusion(earlier_remarks=optional))
    play.do(Approve(), APPROVER)
    [issued] = play.number()
    assert isinstance(issued, ConclusionIssuedV1)
    assert (issued.round, issued.rounds_left, issued.earlier_remarks) == (2, 1, optional)


def test_the_same_experts_may_do_the_repeat_where_the_edition_says_so(play: Play) -> None:
    play.book = with_switches("by-2024", other_expert_in_repeat=False)
    play.concluded(verdict=Verdict.NEGATIVE)
    play.do(opened(submission=2), INTAKE)
    play.judge(FIRST)
    assert play.status == "to-conclude"


@pytest.mark.parametrize("most", [0, 1, 3])
def test_each_conclusion_says_how_many_rounds_the_edition_still_allows(most: int) -> None:
    play = Play(with_numbers("by-2024", repeat_expertise_max=most))
    play.concluded(verdict=Verdict.NEGATIVE)
    left = []
    for submission in range(2, most + 3):
        issued = play.facts[-1]
        assert isinstance(issued, ConclusionIssuedV1)
        left.append(issued.rounds_left)
        if not issued.rounds_left:
            break
        play.do(opened(submission=submission), INTAKE)
        play.judge(f"e-{submission + 1}").do(conclusion(Verdict.NEGATIVE))
        play.do(Approve(), APPROVER)
        play.number()
    assert left == list(range(most, -1, -1))
    assert [past.kind for past in (*play.case.past, play.case)] == [ReviewKind.FIRST] + [ReviewKind.REPEAT] * most


def test_after_a_repeat_the_conclusion_before_is_superseded_and_none_of_an_appeal_before_comes_back(play: Play) -> None:
    play.concluded(verdict=Verdict.NEGATIVE)
    play.do(opened(submission=2), INTAKE)
    assert [one.standing for one in play.case.conclusions] == [Standing.IN_FORCE], "until the new one has its number"
    play.judge(THIRD).do(conclusion())
    play.do(Approve(), APPROVER)
    assert [one.standing for one in play.case.conclusions] == [Standing.IN_FORCE]
    play.number()
    assert [one.standing for one in play.case.conclusions] == [Standing.SUPERSEDED, Standing.IN_FORCE]
    in_force = play.case.in_force()
    assert in_force is not None and in_force.round == 2


def test_a_submission_that_is_known_already_opens_nothing(play: Play) -> None:
    play.concluded()
    assert play.do(opened(), INTAKE) == [] and play.do(opened(submission=1), INTAKE) == []


def test_a_returned_application_comes_again_as_a_first_review(play: Play) -> None:
    play.closed()
    play.do(opened(submission=2), INTAKE)
    assert (play.case.kind, play.case.round, play.case.needed) == (ReviewKind.FIRST, 2, 2)
    closed = play.case.past[0].closed
    assert closed is not None and closed.reasons == REASONS


# ---- appeals


def test_an_appeal_is_an_edition_s_switch_and_one_for_each_conclusion(play: Play) -> None:
    assert Play().concluded().refused(Appeal(grounds="Нет.", basis=GRIEVANCE)).code == "appeal.off"
    play.book = APPEALS
    play.concluded()
    facts = play.do(Appeal(grounds="Не согласны.", basis=GRIEVANCE))
    assert kinds(facts) == ["AppealOpened", "TermStarted"]
    assert one(AppealOpenedV1, facts).number == "ЗЭ-2026-0001"
    assert play.refused(Appeal(grounds="Ещё.", basis=GRIEVANCE)).code == "appeal.no-conclusion"
    facts = play.do(decide_appeal(AppealOutcome.UPHELD), CHAIR)
    assert kinds(facts) == ["AppealDecided", "TermEnded"] and play.status == "concluded"
    assert play.refused(Appeal(grounds="Снова.", basis=GRIEVANCE)).code == "appeal.decided"
    appeal = play.case.appeals[0]
    assert (appeal.outcome, appeal.decided_by, appeal.decided_basis) == (AppealOutcome.UPHELD, CHAIR.id, GRIEVANCE)


def test_an_appeal_is_decided_by_others_than_those_who_made_the_conclusion(play: Play) -> None:
    play.book = APPEALS
    play.appealed()
    for who in (OPERATOR, APPROVER):
        assert play.refused(decide_appeal(AppealOutcome.UPHELD), who).code == "appeal.others"
    assert play.refused(decide_appeal(AppealOutcome.UPHELD), approver(FIRST)).code == "duty.another"
    plain = decide_appeal(AppealOutcome.UPHELD)
    bare = type(plain)(outcome=AppealOutcome.AMENDED, why="Так.", basis=GRIEVANCE)
    full = plain.model_copy(update={"amended": conclusion()})
    for wrong in (bare, full):
        assert play.refused(wrong, CHAIR).code == "appeal.amendment"


def test_an_amendment_is_approved_by_another_and_the_conclusion_before_stays_readable(play: Play) -> None:
    play.book = APPEALS
    play.appealed()
    due = play.case.due_at
    facts = play.do(decide_appeal(AppealOutcome.AMENDED, verdict=Verdict.NEGATIVE), CHAIR)
    assert kinds(facts) == ["AppealDecided", "ConclusionDrafted"] and play.status == "to-approve"
    assert play.case.due_at == due, "the appeal's term runs until the amendment is approved"
    assert play.refused(Approve(), CHAIR).code == "conclusion.second-person", "its author"
    assert play.refused(Approve(), APPROVER).code == "appeal.others", "who signed what it amends"
    assert play.refused(EndWithout(outcome=Closure.RETURNED, reasons=REASONS)).code == "review.not-working"
    facts = play.do(Approve(), HEAD)
    assert kinds(facts) == ["TermEnded", "ConclusionApproved"] and play.status == "numbering"
    [issued] = play.number()
    assert isinstance(issued, ConclusionIssuedV1)
    assert (issued.number, issued.replaces, issued.verdict) == ("ЗЭ-2026-0002", "ЗЭ-2026-0001", Verdict.NEGATIVE)
    old, new = play.case.conclusions
    assert (old.standing, old.verdict, new.standing) == ("replaced", Verdict.POSITIVE, "in-force")
    assert play.case.in_force() == new and play.status == "concluded"
    play.do(Appeal(grounds="И с этим.", basis=GRIEVANCE))
    assert play.status == "appealed", "the amended conclusion is another one"


def test_an_amendment_that_is_sent_back_leaves_the_appeal_open_on_its_term(play: Play) -> None:
    play.book = APPEALS
    play.amending()
    due = play.case.due_at
    play.do(SendBack(why="Не так."), HEAD)
    assert play.status == "appealed" and play.case.due_at == due is not None
    assert [(o.what, o.by, o.due_at) for o in play.case.owed] == [("appeal", "approver", due)]
    assert play.case.appeals[0].decided_by is None
    play.run_out("appeal")
    play.do(decide_appeal(AppealOutcome.UPHELD), CHAIR)
    assert play.status == "concluded" and decide.due(play.case) is None


def test_a_conflict_confirmed_while_an_amendment_waits_does_not_lose_the_amendment(play: Play) -> None:
    play.book = APPEALS
    play.amending().do(DeclaredConflict(expert_id=FIRST, text="Вспомнил."), actor(FIRST))
    play.do(Confirm(expert_id=FIRST, why="Да."), CHAIR)
    assert play.status == "to-approve"
    play.do(Approve(), HEAD)
    play.number()
    assert play.status == "concluded" and play.case.conclusions[-1].replaces == "ЗЭ-2026-0001"


def test_late_answers_do_not_change_an_application_whose_conclusion_is_in_force(play: Play) -> None:
    play.book = APPEALS
    play.open().asked().do(CancelRequest("r1-1"))
    play.judge(FIRST, SECOND).do(conclusion())
    play.do(Approve(), APPROVER)
    play.number()
    play.do(Appeal(grounds="Не согласны.", basis=GRIEVANCE))
    play.do(decide_appeal(AppealOutcome.AMENDED), CHAIR)
    late = APPLICATION.model_copy(update={"title": "Другое"})
    assert play.do(TakeAnswers(request="r1-1", answers=answers("who"), application=late), INTAKE) == []


def test_an_annulled_conclusion_is_followed_by_a_round_of_the_same_application(play: Play) -> None:
    play.book = APPEALS
    play.appealed(verdict=Verdict.NEGATIVE, remarks=REMARKS)
    facts = play.do(decide_appeal(AppealOutcome.ANNULLED), CHAIR)
    assert kinds(facts) == ["AppealDecided", "TermEnded", "ConclusionAnnulled", "ReviewOpened", "TermStarted"]
    assert one(AppealDecidedV1, facts).outcome is AppealOutcome.ANNULLED
    assert one(ConclusionAnnulledV1, facts).number == "ЗЭ-2026-0001"
    assert play.case.conclusions[0].standing == "annulled" and play.case.in_force() is None
    assert (play.case.round, play.case.kind, play.case.submission) == (2, ReviewKind.REPEAT, 1)
    assert play.status == "unassigned"
    play.judge(THIRD).do(conclusion(earlier_remarks=judged(True)))
    play.do(Approve(), APPROVER)
    [issued] = play.number()
    assert issued.rounds_left == 1


# ---- the end from outside

EVERYWHERE = ("with-experts", *WAYS)


@pytest.mark.parametrize("outcome", [Closure.WITHDRAWN, Closure.STOPPED])
@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("way", EVERYWHERE)
def test_a_withdrawal_or_a_stop_closes_all_that_is_open_at_every_status(
    way: str, asked: bool, outcome: Closure
) -> None:
    play = at(way)
    before = play.status
    if asked:
        if before not in ("unassigned", "with-experts", "to-conclude"):
            assert play.refused(Question(items=ITEMS, on_expiry=OnExpiry.DECIDE)).code == "review.not-working"
            return
        play.asked()
    facts = play.do(CloseFor(outcome, "Передумали."), INTAKE)
    if before in ("concluded", "closed"):
        assert facts == [] and play.status == before
        return
    assert one(ReviewClosedV1, facts).outcome is outcome
    assert play.status == "closed" and play.case.owed == () and play.case.views == ()
    assert decide.due(play.case) is None and play.case.request() is None
    assert not any(running.open for running in play.case.terms) and play.case.calendars == ()


@pytest.mark.parametrize("way", EVERYWHERE)
def test_a_new_submission_overtakes_what_is_open_at_every_status(way: str) -> None:
    play = at(way)
    before = play.status
    facts = play.do(opened(submission=2), INTAKE)
    closed = [fact for fact in facts if isinstance(fact, ReviewClosedV1)]
    assert [fact.outcome for fact in closed] == ([] if before in ("concluded", "closed") else [Closure.OVERTAKEN])
    assert play.case.round == 2 and play.status == ("numbering" if before == "numbering" else "unassigned")
    assert play.case.appeal() is None, "an appeal of the round before is not one of this"
    assert sum(running.open for running in play.case.terms) == 1 and len(play.case.terms) == 1


def test_a_case_may_end_at_every_status(play: Play) -> None:
    for way in EVERYWHERE:
        for command in (
            CloseFor(Closure.STOPPED, "Решение."),
            opened(submission=2),
        ):
            other = at(way)
            other.do(command, INTAKE)
            play.steps |= other.steps
        for outcome in (Closure.RETURNED, Closure.REFUSED):
            other = at(way)
            if not other.case.undecided():
                assert other.refused(EndWithout(outcome=outcome, reasons=REASONS)).code == "review.not-working"
                continue
            other.do(EndWithout(outcome=outcome, reasons=REASONS))
            assert other.status == "closed"
            play.steps |= other.steps


# ---- what goes on beside the main way


def test_what_does_not_move_a_case_may_happen_at_every_status(play: Play) -> None:
    for way in (*EVERYWHERE, "overtaken"):
        other = beside(way)
        before = other.status
        if before in ("concluded", "closed"):
            other.state = other.case.model_copy(update={"operator": OPERATOR.id})
            other.do(Unclaim(why="Ушёл."), CHAIR)
        else:
            other.do(Claim())
            other.do(Unclaim(why="Ушёл."))
        for kind in [running.kind for running in other.case.terms if running.open]:
            if kind != "appeal":
                other.do(TermExtension(term=kind, why="Надо."))
        if decide.due(other.case) is not None:
            other.tick()
            for found in [running.kind for running in other.case.terms if running.open]:
                other.run_out(found)
        assert other.status == before
        play.steps |= other.steps


def beside(way: str) -> Play:
    """A case on some way; `overtaken`: a new round began while the number of the last was on its way."""
    if way == "overtaken":
        play = at("numbering")
        play.do(opened(submission=2), INTAKE)
        return play
    return at(way)


def test_a_conflict_that_comes_to_light_after_the_end_is_still_decided(play: Play) -> None:
    for decision in (Dismiss, Confirm):
        other = at("with-experts")
        other.do(EndWithout(outcome=Closure.REFUSED, reasons=REASONS))
        other.do(Recheck(entry(FIRST, "700000138", version=2).seat()), INTAKE)
        assert other.case.hidden_from == (FIRST,)
        assert [one.what for one in other.case.owed] == ["conflict"]
        other.do(decision(expert_id=FIRST, why="Так."), CHAIR)
        assert other.case.owed == ()
        assert other.case.hidden_from == (() if decision is Dismiss else (FIRST,))
        play.steps |= other.steps


def test_conflicts_are_found_and_decided_at_every_status_at_which_something_is_open(play: Play) -> None:
    for way in EVERYWHERE:
        for decision in (Dismiss, Confirm):
            other = at(way)
            if other.status in ("concluded", "closed"):
                before = other.status
                assert other.refused(DeclaredConflict(expert_id=FIRST, text="Вспомнил.")).code == "review.not-open"
                nothing = "review.not-open" if decision is Dismiss else "conflict.none"
                assert other.refused(decision(expert_id=FIRST, why="Так."), CHAIR).code == nothing
                other.do(Recheck(entry(FIRST, "700000138", version=2).seat()), INTAKE)
                if other.case.tied_by(FIRST) and decision is Confirm:
                    assert other.refused(decision(expert_id=FIRST, why="Так."), CHAIR).code == "conflict.none"
                elif other.case.hidden_from:
                    other.do(decision(expert_id=FIRST, why="Так."), CHAIR)
                    assert other.case.hidden_from == (() if decision is Dismiss else (FIRST,))
                assert other.status == before, "what comes to light too late changes no conclusion"
                play.steps |= other.steps
                continue
            before = other.status
            other.do(DeclaredConflict(expert_id=SIXTH, text="На всякий случай."))
            other.do(decision(expert_id=SIXTH, why="Так."), CHAIR)
            assert other.status == before, "the sixth expert is not on the case"
            barred = () if decision is Dismiss else (SIXTH,)
            if other.case.place_of(FIRST) is not None:
                other.do(Recheck(entry(FIRST, "700000140", version=2).seat()), INTAKE)
                other.do(Recheck(entry(FIRST, "700000138", version=3).seat()), INTAKE)
                assert other.case.hidden_from == (*barred, FIRST)
                other.do(decision(expert_id=FIRST, why="Так."), CHAIR)
                assert other.case.hidden_from == (() if decision is Dismiss else (SIXTH, FIRST))
            play.steps |= other.steps


def test_answers_and_cancellations_come_at_every_status_at_which_opinions_are_gathered(play: Play) -> None:
    for way in ("open", "with-experts", "to_conclude"):
        other = at(way).asked()
        other.answer("who")
        other.answer("why")
        other.asked()
        other.do(CancelRequest("r1-2"))
        play.steps |= other.steps


def test_terms_are_counted_anew_at_every_status_by_a_calendar_that_changed(play: Play) -> None:
    for way in (*EVERYWHERE, "overtaken"):
        other = beside(way)
        if decide.due(other.case) is None:
            assert other.do(Recalendar(), TIMER) == []
            continue
        assert other.do(Recalendar(), TIMER) == [], "by the same calendar nothing changes"
        other.state = aged(other.case)
        before = other.case.due_at
        [moved] = other.do(Recalendar(), TIMER)
        assert (moved.version_before, moved.due_before, moved.due_at) == ("BY-of-the-past", before, before)
        assert other.do(Recalendar(), TIMER) == [] and other.case.due_at == before
        play.steps |= other.steps


def test_what_comes_before_the_case_is_passed_by_and_a_person_is_told_that_there_is_none(play: Play) -> None:
    early = (
        TakeAnswers(request="r1-1", answers=answers("who"), application=APPLICATION),
        CloseFor(Closure.WITHDRAWN, "Передумали."),
        Recheck(entry(FIRST, "700000140").seat()),
        Number("ЗЭ-2026-0001"),
        Tick(play.now),
        Recalendar(),
    )
    for command in early:
        assert play.do(command, INTAKE) == [] and play.state is None
    assert play.refused(Claim()).code == "review.unknown"


def test_accepting_and_assigning_twice_changes_nothing(play: Play) -> None:
    play.open().seat(FIRST)
    assert play.do(AcceptAssignment(), actor(FIRST)) == []
    assert play.refused(Assign(expert_id=FIRST)).code == "expert.on-the-case"


# ---- what it all is worth


def test_terms_are_ended_late_when_they_are_late(play: Play) -> None:
    play.open().judge(FIRST, SECOND)
    play.run_out("expertise")
    play.do(conclusion())
    facts = play.do(Approve(), APPROVER)
    assert one(TermEndedV1, facts).late is True


def test_each_pause_of_the_clock_ends_with_its_own_request(play: Play) -> None:
    play.open()
    for n in (1, 2):
        facts = play.do(Question(items=ITEMS, on_expiry=OnExpiry.DECIDE))
        assert [kind for kind in (TermStartedV1, TermSuspendedV1) if one(kind, facts)]
        play.later(days=3)
        facts = play.answer("who", "why", request=f"r1-{n}")
        assert one(TermResumedV1, facts)
        play.later(days=2)
    main = play.case.main()
    assert main is not None and len(main.ledger.suspensions) == 2 and not main.ledger.stopped


def test_the_year_of_a_number_is_that_of_the_day_in_minsk(play: Play) -> None:
    play.to_approve()
    play.now = minsk("2027-01-01", 0)
    facts = play.do(Approve(), APPROVER)
    approved = one(ConclusionApprovedV1, facts)
    assert (approved.date.isoformat(), approved.series) == ("2027-01-01", "series:by:2027")
