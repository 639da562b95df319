"""Cases of the expertise from their beginning to their end, as people live them.

Every test here that takes a `play` notes the steps that it goes; `test_expertise_graph` demands that together they
go every step that the domain allows.
"""

import pytest

from contracts.expertise import (
    Closure,
    ConclusionApprovedV1,
    ConclusionIssuedV1,
    ConflictFoundV1,
    ConflictKind,
    FurtherOpinionCalledV1,
    InformationRequestedV1,
    OpinionGivenV1,
    RequestClosedV1,
    RequestOutcome,
    ReviewClosedV1,
    ReviewKind,
    TermEndedV1,
)
from contracts.reference import OnExpiry, Procedure, Verdict
from contracts.steps import Appeal, DeclaredConflict, Question, TermExtension
from deploy.samples.common import APPLICATION
from deploy.samples.expertise import (
    APPROVER,
    CHAIR,
    COLLEAGUE,
    GRIEVANCE,
    INTAKE,
    ITEMS,
    OPERATOR,
    REASONS,
    REMARKS,
    answers,
    conclusion,
    entry,
    opened,
    opinion,
    scores,
)
from services.expertise.domain import decide
from services.expertise.domain.commands import (
    Approve,
    Assign,
    CancelRequest,
    Claim,
    Confirm,
    Decline,
    Dismiss,
    EndWithout,
    HandOver,
    Recheck,
    Release,
    SendBack,
    TakeAnswers,
    Unclaim,
)
from services.expertise.domain.parts import PlaceStatus
from services.law import reasons
from tests.kit.common import minsk, with_numbers
from tests.kit.expertise.play import (
    FIFTH,
    FIRST,
    FOURTH,
    INSIDER,
    NEWCOMER,
    SECOND,
    SIXTH,
    THIRD,
    Play,
    actor,
    at,
    kinds,
    one,
)


@pytest.fixture
def play() -> Play:
    """A case that is not open yet."""
    return Play()


# ---- opening


@pytest.mark.parametrize(
    ("procedure", "kind", "needed", "days"),
    [
        (Procedure.PILOT, ReviewKind.FIRST, 2, "2026-05-12"),
        (Procedure.CREDIT, ReviewKind.CREDIT, 2, "2026-05-05"),
        (Procedure.REPLICATION, ReviewKind.REPLICATION, 1, "2026-04-26"),
    ],
)
def test_a_procedure_asks_for_its_own_kind_of_review_with_its_number_of_opinions_and_its_term(
    procedure: Procedure, kind: ReviewKind, needed: int, days: str
) -> None:
    play = Play()
    facts = play.do(opened(APPLICATION.model_copy(update={"procedure": procedure})), INTAKE)
    assert kinds(facts) == ["ReviewOpened", "TermStarted"]
    assert (play.case.kind, play.case.needed, play.case.round) == (kind, needed, 1)
    assert play.case.due_at == minsk(days, 0) and play.status == "unassigned"


def test_the_demonstration_edition_needs_one_opinion_without_scores_and_counts_its_own_days() -> None:
    play = Play()
    play.open(opened(edition="demo-us"))
    assert play.case.needed == 1 and play.case.terms[0].ledger.term.zone == "America/New_York"
    assert play.case.calendars[0].startswith("US-")
    play.seat(FIRST).do(opinion(scores=()), actor(FIRST))
    assert play.case.counted()[0].total is None and play.status == "to-conclude"
    play.do(conclusion())
    play.do(Approve(), APPROVER)
    assert play.case.approved is not None
    assert one(ConclusionApprovedV1, play.facts[-1:]).series == "series:demo-us:2026"
    assert play.refused(Appeal(grounds="Нет.", basis=GRIEVANCE)).code == "appeal.off"


# ---- opinions


def test_two_blind_opinions_agree_and_a_second_person_approves_the_conclusion(play: Play) -> None:
    play.open().seat(FIRST, SECOND)
    assert play.status == "with-experts"
    [given] = play.do(opinion(), actor(FIRST))
    assert isinstance(given, OpinionGivenV1) and given.notify == (), "nobody but the operator hears of it"
    assert play.case.views == ("open", "second-opinion", "unclaimed")
    play.do(opinion(value=5), actor(SECOND))
    assert [found.total for found in play.case.counted()] == [8000, 10_000] and play.status == "to-conclude"
    play.do(conclusion(Verdict.POSITIVE_WITH_REMARKS, remarks=REMARKS))
    facts = play.do(Approve(), APPROVER)
    assert kinds(facts) == ["TermEnded", "ConclusionApproved"]
    [issued] = play.number()
    assert isinstance(issued, ConclusionIssuedV1)
    assert (issued.number, issued.rounds_left, issued.verdict) == ("ЗЭ-2026-0001", 2, Verdict.POSITIVE_WITH_REMARKS)
    assert [(signer.person_id, signer.role) for signer in issued.signers] == [("op-1", "author"), ("ap-1", "approver")]
    assert play.status == "concluded" and play.case.owed == () and decide.due(play.case) is None


def test_opinions_for_and_against_call_a_third_expert(play: Play) -> None:
    play.open().judge(FIRST).seat(SECOND)
    facts = play.do(opinion(Verdict.NEGATIVE), actor(SECOND))
    assert one(FurtherOpinionCalledV1, facts).why == reasons.VERDICTS_APART
    assert play.case.needed == 3 and play.status == "with-experts"
    assert [(o.what, o.by) for o in play.case.owed] == [("assign", "operator")]
    play.judge(THIRD)
    assert play.status == "to-conclude", "three is the most, however they disagree"


def test_totals_too_far_apart_call_a_third_expert_and_the_bound_itself_does_not(play: Play) -> None:
    play.open().judge(FIRST, value=4).seat(SECOND)
    facts = play.do(opinion(value=1), actor(SECOND))
    assert one(FurtherOpinionCalledV1, facts).why == reasons.TOTALS_APART and play.case.needed == 3
    for effect, needed in ((0, 2), (1, 2)):
        near = Play().open().judge(FIRST, value=5)
        said = tuple(s.model_copy(update={"value": effect}) if s.criterion == "effect" else s for s in scores(5))
        near.seat(SECOND).do(opinion(scores=said), actor(SECOND))
        assert near.case.needed == needed, "the effect weighs a quarter of all: exactly the bound"


def test_a_changed_opinion_keeps_the_old_one_and_may_turn_agreement_into_a_call(play: Play) -> None:
    play.to_conclude()
    play.later(hours=1)
    assert play.refused(opinion(Verdict.NEGATIVE), actor(SECOND)).code == "opinion.needs-reason"
    play.do(opinion(value=5, why_changed="Уточнил."), actor(FIRST))
    assert play.status == "to-conclude"
    play.do(opinion(Verdict.NEGATIVE, why_changed="Увидел смету."), actor(SECOND))
    assert play.status == "with-experts" and play.case.needed == 3
    place = play.case.place_of(SECOND)
    assert place is not None
    assert [(o.version, o.verdict, o.why_changed) for o in place.opinions] == [
        (1, Verdict.POSITIVE, None),
        (2, Verdict.NEGATIVE, "Увидел смету."),
    ]
    assert place.opinions[0].given < place.opinions[1].given


# ---- people


def test_an_expert_declines_another_is_released_and_others_come(play: Play) -> None:
    play.open()
    play.do(Assign(expert_id=FIRST))
    play.do(Decline(why="Некогда."), actor(FIRST))
    assert play.status == "unassigned"
    play.do(Assign(expert_id=SECOND))
    play.do(Release(expert_id=SECOND, why="Ошибка."))
    assert play.status == "unassigned" and [*play.case.visible_to] == []
    play.seat(THIRD, FOURTH)
    play.do(Decline(why="Заболел."), actor(FOURTH))
    play.do(Assign(expert_id=FIFTH))
    play.do(Release(expert_id=FIFTH, why="Не тот."))
    assert play.status == "with-experts" and [*play.case.visible_to] == [THIRD]
    assert [place.status.value for place in play.case.places] == [
        "declined",
        "released",
        "accepted",
        "declined",
        "released",
    ]
    play.do(Assign(expert_id=FIRST))
    assert play.case.place_of(FIRST) is not None, "who declined may be asked again"


def test_a_hand_over_checks_conflicts_and_room_and_is_all_or_nothing(play: Play) -> None:
    play.open().seat(FIRST)
    before = play.case
    assert play.refused(HandOver(expert_id=FIRST, to=INSIDER, why="Болезнь."), COLLEAGUE).code == "conflict.found"
    play.loads[SECOND] = 3
    assert play.refused(HandOver(expert_id=FIRST, to=SECOND, why="Болезнь."), COLLEAGUE).code == "expert.at-capacity"
    assert play.refused(Assign(expert_id=FIRST)).code == "expert.on-the-case", "nothing is done, and that is said"
    assert play.refused(HandOver(expert_id=FIRST, to=FIRST, why="Болезнь."), COLLEAGUE).code == "expert.on-the-case"
    assert play.case == before
    play.do(Claim())
    facts = play.do(HandOver(expert_id=FIRST, to=THIRD, why="Болезнь."), COLLEAGUE)
    assert kinds(facts) == ["ExpertReleased", "ExpertAssigned"]
    assert [fact.notify for fact in facts] == [(FIRST,), (THIRD,)]
    assert [*play.case.visible_to] == [THIRD]
    [released, assigned] = play.case.places
    assert (released.status, assigned.status) == (PlaceStatus.RELEASED, PlaceStatus.OFFERED)


def test_a_case_in_hand_is_closed_to_other_operators_until_an_approver_puts_it_back(play: Play) -> None:
    play.open().do(Claim())
    assert play.do(Claim()) == [], "claiming twice changes nothing"
    for command in (
        Claim(),
        Assign(expert_id=FIRST),
        Question(items=ITEMS, on_expiry=OnExpiry.DECIDE),
        Unclaim(why="Моё."),
        TermExtension(term="x", why="y"),
    ):
        assert play.refused(command, COLLEAGUE).code == "review.claimed"
    [released] = play.do(Unclaim(why="Отпуск."), CHAIR)
    assert released.notify == ("op-1",)
    assert play.do(Unclaim(why="Ещё раз."), CHAIR) == []
    play.do(Claim(), COLLEAGUE)
    assert play.case.operator == "op-2"
    [released] = play.do(Unclaim(why="Сам."), COLLEAGUE)
    assert released.notify == ()


# ---- conflicts


def test_a_conflict_found_by_a_changed_entry_freezes_the_opinion_until_it_is_dismissed(play: Play) -> None:
    play.to_conclude()
    changed = entry(SECOND, "700000138", version=2).seat()
    facts = play.do(Recheck(changed), INTAKE)
    assert kinds(facts) == ["ExpertRechecked", "ConflictFound"]
    assert play.status == "with-experts" and [*play.case.visible_to] == [FIRST] and len(play.case.counted()) == 1
    assert "conflict" in play.case.views and [o.what for o in play.case.owed] == ["conflict"]
    assert play.do(Recheck(changed), INTAKE) == [], "the same entry is looked at once"
    assert play.refused(opinion(why_changed="Нет."), actor(SECOND)).code == "opinion.not-yours"
    play.do(Dismiss(expert_id=SECOND, why="Ошибка в базе."), CHAIR)
    assert play.status == "to-conclude" and [*play.case.visible_to] == [FIRST, SECOND]
    assert play.do(Recheck(changed.model_copy(update={"entry": 3})), INTAKE)[1:] == [], "it is not found again"
    assert play.status == "to-conclude"


def test_a_confirmed_conflict_takes_the_opinion_out_and_another_expert_comes(play: Play) -> None:
    play.to_conclude().do(DeclaredConflict(expert_id=SECOND, text="Работали вместе."), actor(SECOND))
    assert play.status == "with-experts"
    play.do(Confirm(expert_id=SECOND, why="Подтверждено."), CHAIR)
    assert play.status == "with-experts" and [*play.case.visible_to] == [FIRST]
    assert play.refused(Assign(expert_id=SECOND)).code == "conflict.found", "for this case for good"
    play.judge(THIRD)
    assert play.status == "to-conclude"
    play.do(DeclaredConflict(expert_id=FIRST, text="И я."))
    play.do(Confirm(expert_id=FIRST, why="Да."), CHAIR)
    play.do(DeclaredConflict(expert_id=THIRD, text="И я."))
    play.do(Confirm(expert_id=THIRD, why="Да."), CHAIR)
    assert play.status == "unassigned"


def test_opinions_that_disagree_call_another_also_when_a_dismissal_brings_one_back(play: Play) -> None:
    play.open().seat(FIRST, SECOND).judge(SECOND, verdict=Verdict.NEGATIVE)
    play.do(Recheck(entry(SECOND, "700000138", version=2).seat()), INTAKE)
    play.judge(FIRST)
    assert play.case.needed == 2 and play.status == "with-experts"
    facts = play.do(Dismiss(expert_id=SECOND, why="Ошибка."), CHAIR)
    assert kinds(facts) == ["ConflictDismissed", "FurtherOpinionCalled"]
    assert play.case.needed == 3 and play.status == "with-experts"


def test_a_conflict_may_be_dismissed_before_the_assignment_by_another_than_who_assigns(play: Play) -> None:
    play.open()
    found = play.refused(Assign(expert_id=INSIDER))
    assert (found.code, [p.rule for p in found.problems]) == ("conflict.found", ["conflict.same-organisation"])
    play.do(Claim())
    assert play.refused(Dismiss(expert_id=INSIDER, why="Давно ушёл."), OPERATOR).code == "duty.another"
    play.do(Unclaim(why="Не моё."))
    play.do(Dismiss(expert_id=INSIDER, why="Давно ушёл."), OPERATOR)
    assert play.refused(Assign(expert_id=INSIDER), OPERATOR).code == "conflict.second-person"
    play.do(Assign(expert_id=INSIDER), COLLEAGUE)
    assert [*play.case.visible_to] == [INSIDER] and play.case.conflicts[0].status == "dismissed"


def test_an_answer_that_changes_the_executor_finds_the_conflict_of_an_expert_on_the_case(play: Play) -> None:
    play.entries[FIRST] = entry(FIRST, "700000140", interests=(NEWCOMER.id,))
    play.open().judge(FIRST).asked()
    facts = play.answer("who", executor=NEWCOMER)
    assert kinds(facts) == ["AnswersTaken", "ConflictFound"]
    found = one(ConflictFoundV1, facts)
    assert isinstance(found, ConflictFoundV1)
    assert [(c.kind, c.party) for c in found.conflicts] == [(ConflictKind.INTEREST, "executor")]
    assert [change.field for change in facts[0].changes] == ["executor"]
    assert facts[0].notify == (), "who is not free any more is not told of the answers either"
    assert play.case.counted() == [] and play.case.application.executor == NEWCOMER


def test_a_conflict_found_after_the_draft_bars_its_approval_until_it_is_decided(play: Play) -> None:
    play.to_approve().do(DeclaredConflict(expert_id=FIRST, text="Вспомнил."), actor(FIRST))
    assert play.status == "to-approve"
    assert play.refused(Approve(), APPROVER).code == "conflict.open"
    play.do(Dismiss(expert_id=FIRST, why="Не то."), CHAIR)
    play.do(Recheck(entry(FIRST, "700000140", version=5).seat()), INTAKE)
    play.do(Recheck(entry(FIRST, "700000138", version=6).seat()), INTAKE)
    play.do(SendBack(why="Сначала конфликт."), APPROVER)
    assert play.status == "with-experts"
    play.do(Dismiss(expert_id=FIRST, why="И это не то."), CHAIR)
    play.do(conclusion())
    play.do(DeclaredConflict(expert_id=FIRST, text="Всё же."), actor(FIRST))
    play.do(Confirm(expert_id=FIRST, why="Да."), CHAIR)
    assert play.status == "with-experts" and play.case.draft is None, "it rested on that opinion"
    alone = Play(with_numbers("by-2024", opinions_first=1)).open().judge(FIRST)
    alone.do(conclusion())
    alone.do(DeclaredConflict(expert_id=FIRST, text="Вспомнил."), actor(FIRST))
    alone.do(Confirm(expert_id=FIRST, why="Да."), CHAIR)
    assert alone.status == "unassigned"
    play.steps |= alone.steps


def test_a_conflict_declared_on_somebody_else_leaves_a_draft_alone(play: Play) -> None:
    play.to_approve().do(DeclaredConflict(expert_id=SIXTH, text="На всякий случай."))
    play.do(Confirm(expert_id=SIXTH, why="Да."), CHAIR)
    assert play.status == "to-approve" and play.case.draft is not None
    play.do(Approve(), APPROVER)


# ---- requests for information


def test_a_request_is_answered_item_by_item_and_the_clock_moves_by_the_days_really_paused(play: Play) -> None:
    """By hand: fifteen working days from 16 April 2026 end with 11 May. The clock stands from Friday the 17th to
    Saturday the 25th, which is worked for Monday the 20th; the 21st is Radunitsa. Five working days (17, 22, 23, 24,
    25) do not count, and the five after 11 May that are added are 12, 13, 14, 15, 18."""
    play.open()
    assert play.case.due_at == minsk("2026-05-12", 0)
    play.now = minsk("2026-04-17")
    facts = play.do(Question(items=ITEMS, on_expiry=OnExpiry.DECIDE))
    assert kinds(facts) == ["InformationRequested", "TermStarted", "TermSuspended"]
    asked = one(InformationRequestedV1, facts)
    assert isinstance(asked, InformationRequestedV1)
    assert (asked.request, asked.stops_clock, asked.due_at) == ("r1-1", True, minsk("2026-05-06", 0))
    assert play.case.due_at is None and play.case.order == "9999"
    assert play.case.answers_due == "2026-05-05T21:00:00.000Z"
    assert play.case.views == ("open", "unassigned", "waiting-applicant", "suspended", "unclaimed")
    play.now = minsk("2026-04-24")
    [taken] = play.answer("who", executor=NEWCOMER)
    assert taken.open_items == ("why",)
    play.now = minsk("2026-04-25")
    facts = play.answer("why")
    assert kinds(facts) == ["AnswersTaken", "RequestClosed", "TermEnded", "TermResumed"]
    assert one(RequestClosedV1, facts).outcome is RequestOutcome.ANSWERED
    assert play.case.due_at == minsk("2026-05-19", 0)
    request = play.case.requests[0]
    assert [answer.item for answer in request.answers] == ["who", "why"] and request.open_items == ()


def test_a_cancelled_request_lets_the_clock_run_and_late_answers_still_count(play: Play) -> None:
    play.open().asked()
    assert play.refused(Question(items=ITEMS, on_expiry=OnExpiry.DECIDE)).code == "request.open"
    assert play.refused(CancelRequest("r1-7")).code == "request.not-open"
    facts = play.do(CancelRequest("r1-1"))
    assert kinds(facts) == ["RequestClosed", "TermEnded", "TermResumed"]
    assert play.case.due_at == minsk("2026-05-12", 0), "stopped and started within a day: nothing moved"
    play.later(days=1)
    [taken] = play.answer("who", title="Запись без очереди")
    assert taken.open_items == ("why",) and play.case.application.title == "Запись без очереди"
    assert play.case.requests[0].outcome is RequestOutcome.CANCELLED
    assert play.do(TakeAnswers(request="r1-9", answers=answers("who"), application=APPLICATION), INTAKE) == []


def test_late_answers_count_until_the_approval_and_are_dropped_after_it(play: Play) -> None:
    play.open().asked().do(CancelRequest("r1-1"))
    play.judge(FIRST)
    play.answer("who", executor=NEWCOMER)
    play.judge(SECOND).do(conclusion())
    play.answer("why")
    assert play.status == "to-approve"
    play.do(Approve(), APPROVER)
    late = TakeAnswers(request="r1-1", answers=answers("who"), application=APPLICATION)
    assert play.do(late, INTAKE) == []
    play.number()
    assert play.do(late, INTAKE) == [] and play.case.application.executor == NEWCOMER


@pytest.mark.parametrize("on_expiry", list(OnExpiry))
@pytest.mark.parametrize("way", ["open", "with-experts", "to_conclude"])
def test_a_request_that_runs_out_ends_as_was_chosen_when_it_was_made(way: str, on_expiry: OnExpiry) -> None:
    play = at(way).asked(on_expiry)
    before = play.status
    facts = play.run_out("clarification")
    assert play.now == minsk("2026-05-05", 0) and play.case.requests[0].outcome is RequestOutcome.EXPIRED
    if on_expiry is OnExpiry.DECIDE:
        assert kinds(facts) == ["TermBreached", "RequestClosed", "TermEnded", "TermResumed"]
        assert play.status == before and play.case.due_at is not None
    else:
        assert kinds(facts) == [
            "TermBreached",
            "RequestClosed",
            "TermEnded",
            "TermResumed",
            "TermEnded",
            "ReviewClosed",
        ]
        closed = one(ReviewClosedV1, facts)
        assert isinstance(closed, ReviewClosedV1)
        assert closed.outcome == {OnExpiry.RETURN: "returned", OnExpiry.REFUSE: "refused"}[on_expiry]
        assert [reason.code for reason in closed.reasons] == ["no-answer"]
        assert play.status == "closed" and decide.due(play.case) is None


def test_a_request_may_run_out_in_every_status_in_which_it_may_be_made(play: Play) -> None:
    for way in ("open", "with-experts", "to_conclude"):
        for on_expiry in (OnExpiry.RETURN, OnExpiry.DECIDE):
            other = at(way).asked(on_expiry)
            other.run_out("clarification")
            play.steps |= other.steps


def test_an_application_may_be_refused_while_the_applicant_is_asked(play: Play) -> None:
    play.open().asked()
    facts = play.do(EndWithout(outcome=Closure.REFUSED, reasons=REASONS, text="Не ждём."))
    assert kinds(facts) == ["RequestClosed", "TermEnded", "TermEnded", "ReviewClosed"]
    assert one(RequestClosedV1, facts).outcome is RequestOutcome.CLOSED
    assert [fact.late for fact in facts if isinstance(fact, TermEndedV1)] == [False, False]
    assert play.status == "closed" and play.case.owed == ()


def test_no_conclusion_is_written_while_the_applicant_is_asked(play: Play) -> None:
    play.to_conclude().asked()
    assert play.refused(conclusion()).code == "request.open"
    assert [o.what for o in play.case.owed] == ["answers", "conclusion"]
    play.answer("who", "why")
    play.do(conclusion())


def test_the_clock_of_a_review_that_ran_out_is_not_stopped_for_a_request(play: Play) -> None:
    play.open().run_out("expertise")
    facts = play.do(Question(items=ITEMS, on_expiry=OnExpiry.DECIDE))
    assert kinds(facts) == ["InformationRequested", "TermStarted"]
    assert one(InformationRequestedV1, facts).stops_clock is False
    facts = play.do(CancelRequest("r1-1"))
    assert kinds(facts) == ["RequestClosed", "TermEnded"]


# ---- extension


def test_a_term_is_extended_once_and_not_after_it_ran_out(play: Play) -> None:
    play.open()
    [extended] = play.do(TermExtension(term="expertise", why="Сложно."))
    assert extended.days == 10 and play.case.due_at == minsk("2026-05-26", 0)
    assert play.refused(TermExtension(term="expertise", why="Ещё.")).code == "term.cannot-be-extended"
    assert play.refused(TermExtension(term="appeal", why="Нет такого.")).code == "term.unknown"
    play.asked()
    play.do(TermExtension(term="clarification", why="Просят."))
    assert play.case.answers_due == "2026-05-11T21:00:00.000Z"
    late = Play().open()
    late.run_out("expertise")
    assert late.refused(TermExtension(term="expertise", why="Поздно.")).code == "term.expired"
