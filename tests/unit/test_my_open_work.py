"""My open work from expertise's facts alone: what is whose, what is owed, until when, through every turn of a case."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import Actor, Event, Fact, Skipped
from contracts.expertise import (
    AnswersTakenV1,
    AppealDecidedV1,
    AppealOpenedV1,
    CaseClaimedV1,
    CaseReleasedV1,
    Closure,
    ConclusionAnnulledV1,
    ConclusionApprovedV1,
    ConclusionDraftedV1,
    ConclusionIssuedV1,
    ConclusionSentBackV1,
    Conflict,
    ConflictConfirmedV1,
    ConflictDismissedV1,
    ConflictFoundV1,
    ConflictKind,
    ExpertAcceptedV1,
    ExpertAssignedV1,
    ExpertDeclinedV1,
    ExpertEnteredV1,
    ExpertReleasedV1,
    FurtherOpinionCalledV1,
    InformationRequestedV1,
    OpinionGivenV1,
    RequestClosedV1,
    RequestOutcome,
    ReviewClosedV1,
    ReviewKind,
    ReviewOpenedV1,
    Seat,
    Signer,
    TermBreachedV1,
    TermEndedV1,
    TermExtendedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermResumedV1,
    TermStartedV1,
    TermSuspendedV1,
)
from contracts.reference import (
    Clock,
    LegalEffect,
    OnExpiry,
    OrganisationId,
    RequestItem,
    Term,
    TermUnit,
    Verdict,
)
from contracts.steps import AppealOutcome
from deploy.samples.common import APPLICATION, NOW, SUBJECT, basis
from examples.my_open_work import CLARIFICATION, Hole, Owed, Work, fold, mine

ACTOR = Actor(id="u-1", role="operator")
OPERATOR, OTHER_OPERATOR = "op-1", "op-2"
ANNA, BORIS, VERA = "ex-1", "ex-2", "ex-3"
EXPERTS = (ANNA, BORIS, VERA)
HOME = OrganisationId(scheme="BY-UNP", value="700000140")
BASIS = basis(NOW.date(), "3", "Комиссия по жалобам")
DUE = datetime(2026, 5, 12, 21, tzinfo=UTC)
LATER = datetime(2026, 5, 26, 21, tzinfo=UTC)
ANSWERS_DUE = datetime(2026, 5, 5, 21, tzinfo=UTC)
INTEREST = Conflict(kind=ConflictKind.INTEREST, party="initiator")
DECLARED = Conflict(kind=ConflictKind.DECLARED, text="Родственник работает у заказчика.")


def event(fact: Fact, sequence: int, subject: str = SUBJECT) -> Event:
    return Event(f"e-{sequence}", "expertise", fact.TYPE, subject, NOW, sequence, "c", {}, fact)


def worked(*facts: Fact, work: Work | None = None) -> Work:
    """The work after these facts, numbered from where it stands."""
    start = work.sequence if work else 0
    for place, fact in enumerate(facts, start + 1):
        work = fold(work, event(fact, place))
    assert work is not None
    return work


def opened(round_: int = 1, needed: int = 2) -> ReviewOpenedV1:
    return ReviewOpenedV1(
        actor=ACTOR,
        agency="vedomstvo-primer",
        number="ПП-2026-000123",
        edition="by-2024",
        round=round_,
        kind=ReviewKind.FIRST if round_ == 1 else ReviewKind.REPEAT,
        submission=round_,
        opened=NOW,
        application=APPLICATION,
        needed=needed,
    )


def started(due: datetime | None = DUE, kind: str = "expertise") -> TermStartedV1:
    term = Term(
        kind=kind,
        budget=15,
        unit=TermUnit.WORKING_DAYS,
        calendar="BY",
        calendar_version="BY-2026.1",
        legal_effect=LegalEffect.ALARM,
        started=NOW,
        zone="Europe/Minsk",
        origin="assumption",
    )
    return TermStartedV1(actor=ACTOR, term=term, clock=Clock(due_at=due))


def claimed(who: str = OPERATOR) -> CaseClaimedV1:
    return CaseClaimedV1(actor=ACTOR, round=1, operator_id=who)


def assigned(who: str, instead_of: str | None = None) -> ExpertAssignedV1:
    seat = Seat(expert_id=who, organisation=HOME, entry=1)
    return ExpertAssignedV1(actor=ACTOR, at=NOW, round=1, expert_id=who, seat=seat, instead_of=instead_of)


def accepted(who: str) -> ExpertAcceptedV1:
    return ExpertAcceptedV1(actor=ACTOR, round=1, expert_id=who)


def opinion(who: str, version: int = 1) -> OpinionGivenV1:
    said = {"verdict": Verdict.POSITIVE, "text": "Рекомендую."}
    return OpinionGivenV1(actor=ACTOR, at=NOW, round=1, expert_id=who, version=version, **said)


def found(who: str, *conflicts: Conflict) -> ConflictFoundV1:
    return ConflictFoundV1(actor=ACTOR, at=NOW, round=1, expert_id=who, conflicts=conflicts)


def dismissed(who: str, *conflicts: Conflict) -> ConflictDismissedV1:
    return ConflictDismissedV1(actor=ACTOR, at=NOW, round=1, expert_id=who, conflicts=conflicts, why="Однофамилец.")


def requested(request: str = "1") -> InformationRequestedV1:
    return InformationRequestedV1(
        actor=ACTOR,
        at=NOW,
        round=1,
        request=request,
        items=(RequestItem(id="effect", text="Чем измерен эффект?", field="expected_effect"),),
        on_expiry=OnExpiry.DECIDE,
        due_at=ANSWERS_DUE,
        stops_clock=True,
    )


def request_closed(request: str = "1", outcome: RequestOutcome = RequestOutcome.ANSWERED) -> RequestClosedV1:
    return RequestClosedV1(actor=ACTOR, round=1, request=request, outcome=outcome)


def drafted() -> ConclusionDraftedV1:
    return ConclusionDraftedV1(actor=ACTOR, at=NOW, round=1, verdict=Verdict.POSITIVE, text="Рекомендовать.")


def approved() -> ConclusionApprovedV1:
    return ConclusionApprovedV1(
        actor=ACTOR,
        round=1,
        edition="by-2024",
        series="series:by:2026",
        date=NOW.date(),
        verdict=Verdict.POSITIVE,
        text="Рекомендовать.",
        signers=(Signer(person_id=OPERATOR, role="author"),),
    )


def issued() -> ConclusionIssuedV1:
    return ConclusionIssuedV1(
        actor=ACTOR,
        agency="vedomstvo-primer",
        round=1,
        number="ЗЭ-2026-0001",
        date=NOW.date(),
        verdict=Verdict.POSITIVE,
        text="Рекомендовать.",
        signers=(Signer(person_id=OPERATOR, role="author"),),
        rounds_left=2,
    )


def appealed() -> AppealOpenedV1:
    said = {"number": "ЗЭ-2026-0001", "grounds": "Не учтено приложение 3.", "basis": BASIS}
    return AppealOpenedV1(actor=ACTOR, at=NOW, round=1, **said)


def decided(outcome: AppealOutcome) -> AppealDecidedV1:
    said = {"number": "ЗЭ-2026-0001", "outcome": outcome, "why": "Довод обоснован.", "basis": BASIS}
    return AppealDecidedV1(actor=ACTOR, round=1, **said)


def closed(outcome: Closure) -> ReviewClosedV1:
    return ReviewClosedV1(actor=ACTOR, at=NOW, agency="vedomstvo-primer", round=1, outcome=outcome, rounds_left=2)


BEGUN = (opened(), started(), claimed())
SEATED = (*BEGUN, assigned(ANNA), accepted(ANNA), assigned(BORIS), accepted(BORIS))
JUDGED = (*SEATED, opinion(ANNA), opinion(BORIS))
AMENDED = (drafted(), approved(), issued(), appealed(), decided(AppealOutcome.AMENDED), drafted())


# ---- an operator


def test_a_review_that_nobody_claimed_is_nobodys_work() -> None:
    work = worked(opened(), started())
    assert [work.owed(who) for who in (OPERATOR, ANNA)] == [None, None]
    assert work.until(OPERATOR) is None


def test_who_claimed_a_case_must_assign_experts_until_the_end_of_the_expertise() -> None:
    work = worked(*BEGUN)
    assert (work.number, work.title, work.round) == ("ПП-2026-000123", APPLICATION.title, 1)
    assert (work.owed(OPERATOR), work.until(OPERATOR)) == (Owed.ASSIGN, DUE)
    assert work.owed(OTHER_OPERATOR) is None


def test_a_case_that_is_handed_over_is_the_other_operators_alone() -> None:
    released = CaseReleasedV1(actor=ACTOR, round=1, operator_id=OPERATOR, why="Отпуск.")
    back = worked(*BEGUN, released)
    assert (back.owed(OPERATOR), back.owed(OTHER_OPERATOR)) == (None, None)
    over = worked(claimed(OTHER_OPERATOR), work=back)
    assert (over.owed(OPERATOR), over.owed(OTHER_OPERATOR)) == (None, Owed.ASSIGN)
    at_once = worked(*BEGUN, claimed(OTHER_OPERATOR))
    assert (at_once.owed(OPERATOR), at_once.owed(OTHER_OPERATOR)) == (None, Owed.ASSIGN)


def test_an_operator_waits_for_the_experts_and_then_writes_the_conclusion() -> None:
    assert worked(*BEGUN, assigned(ANNA)).owed(OPERATOR) is Owed.ASSIGN
    assert worked(*SEATED, opinion(ANNA)).owed(OPERATOR) is Owed.EXPERTS
    assert worked(*JUDGED).owed(OPERATOR) is Owed.CONCLUSION


def test_a_changed_opinion_counts_once() -> None:
    assert worked(*SEATED, opinion(ANNA), opinion(ANNA, 2)).owed(OPERATOR) is Owed.EXPERTS


def test_a_further_opinion_sends_the_operator_back_to_the_experts() -> None:
    called = FurtherOpinionCalledV1(actor=ACTOR, round=1, needed=3, why="Мнения расходятся.")
    work = worked(*JUDGED, called)
    assert work.owed(OPERATOR) is Owed.ASSIGN
    assert worked(assigned(VERA), work=work).owed(OPERATOR) is Owed.EXPERTS


def test_a_draft_waits_for_approval_and_comes_back_when_it_is_sent_back() -> None:
    work = worked(*JUDGED, drafted())
    assert (work.owed(OPERATOR), work.until(OPERATOR)) == (Owed.APPROVAL, DUE)
    sent_back = ConclusionSentBackV1(actor=ACTOR, round=1, why="Нет оценки эффекта.")
    assert worked(sent_back, work=work).owed(OPERATOR) is Owed.CONCLUSION
    work = worked(sent_back, drafted(), work=work)
    assert work.owed(OPERATOR) is Owed.APPROVAL
    assert worked(approved(), work=work).owed(OPERATOR) is Owed.NUMBER


def test_what_an_expert_has_not_said_by_the_draft_is_not_asked_for_any_more_unless_it_is_sent_back() -> None:
    work = worked(*SEATED, drafted())
    assert work.owed(ANNA) is None
    sent_back = ConclusionSentBackV1(actor=ACTOR, round=1, why="Нет оценки эффекта.")
    assert worked(sent_back, work=work).owed(ANNA) is Owed.OPINION


# ---- an expert


def test_an_assigned_expert_accepts_then_gives_an_opinion_then_is_done() -> None:
    work = worked(*BEGUN, assigned(ANNA))
    assert (work.owed(ANNA), work.until(ANNA)) == (Owed.ACCEPT, DUE)
    work = worked(accepted(ANNA), work=work)
    assert (work.owed(ANNA), work.until(ANNA)) == (Owed.OPINION, DUE)
    work = worked(opinion(ANNA), work=work)
    assert (work.owed(ANNA), work.until(ANNA)) == (None, None)


def test_an_opinion_may_come_without_a_word_of_acceptance() -> None:
    assert worked(*BEGUN, assigned(ANNA), opinion(ANNA)).owed(ANNA) is None


@pytest.mark.parametrize("before", [(), (accepted(ANNA),)], ids=["assigned", "accepted"])
@pytest.mark.parametrize(
    "leaving",
    [
        ExpertDeclinedV1(actor=ACTOR, round=1, expert_id=ANNA, why="Занята."),
        ExpertReleasedV1(actor=ACTOR, round=1, expert_id=ANNA, why="Долго нет мнения.", to=VERA),
        assigned(VERA, instead_of=ANNA),
        ConflictConfirmedV1(actor=ACTOR, round=1, expert_id=ANNA, why="Так и есть."),
    ],
    ids=["declined", "released", "taken over", "conflict confirmed"],
)
def test_who_left_a_case_owes_nothing_in_it_and_the_seat_is_free(before: Sequence[Fact], leaving: Fact) -> None:
    work = worked(*BEGUN, assigned(BORIS), assigned(ANNA), *before, leaving)
    assert work.owed(ANNA) is None
    assert work.owed(BORIS) is Owed.ACCEPT
    assert ANNA not in work.seats
    assert len(work.seats) == (2 if VERA in work.seats else 1)


def test_who_was_released_may_be_assigned_again() -> None:
    released = ExpertReleasedV1(actor=ACTOR, round=1, expert_id=ANNA, why="По ошибке.")
    assert worked(*BEGUN, assigned(ANNA), accepted(ANNA), released, assigned(ANNA)).owed(ANNA) is Owed.ACCEPT


# ---- conflicts of interest


def test_a_conflict_freezes_the_opinion_until_it_is_dismissed() -> None:
    work = worked(*SEATED, found(ANNA, INTEREST))
    assert work.owed(ANNA) is None
    assert work.owed(BORIS) is Owed.OPINION
    assert worked(dismissed(ANNA, INTEREST), work=work).owed(ANNA) is Owed.OPINION


def test_every_one_of_several_conflicts_must_be_dismissed() -> None:
    work = worked(*SEATED, found(ANNA, INTEREST), found(ANNA, DECLARED), dismissed(ANNA, INTEREST))
    assert work.owed(ANNA) is None
    assert worked(dismissed(ANNA, DECLARED), work=work).owed(ANNA) is Owed.OPINION


def test_an_opinion_counts_again_when_the_conflict_is_dismissed_and_never_when_it_is_confirmed() -> None:
    work = worked(*JUDGED, found(ANNA, INTEREST))
    assert (work.owed(OPERATOR), work.owed(ANNA)) == (Owed.EXPERTS, None)
    assert worked(dismissed(ANNA, INTEREST), work=work).owed(OPERATOR) is Owed.CONCLUSION
    confirmed = ConflictConfirmedV1(actor=ACTOR, round=1, expert_id=ANNA, why="Доля в уставном фонде.")
    assert worked(confirmed, work=work).owed(OPERATOR) is Owed.ASSIGN


def test_a_conflict_that_was_found_and_dismissed_before_the_assignment_freezes_nothing() -> None:
    assert worked(*BEGUN, found(ANNA, INTEREST), assigned(ANNA)).owed(ANNA) is None
    cleared = worked(*BEGUN, found(ANNA, INTEREST), dismissed(ANNA, INTEREST), assigned(ANNA))
    assert cleared.owed(ANNA) is Owed.ACCEPT


# ---- requests for information, and the clock


def test_while_a_request_is_open_the_operator_waits_for_the_applicant_until_the_answers_are_due() -> None:
    suspended = TermSuspendedV1(actor=ACTOR, kind="expertise", since=NOW, why="Запрос сведений.")
    work = worked(*SEATED, requested(), started(ANSWERS_DUE, CLARIFICATION), suspended)
    assert (work.owed(OPERATOR), work.until(OPERATOR)) == (Owed.APPLICANT, ANSWERS_DUE)
    assert (work.owed(ANNA), work.until(ANNA)) == (Owed.OPINION, None)
    resumed = TermResumedV1(actor=ACTOR, kind="expertise", at=NOW, clock=Clock(due_at=LATER))
    ended = TermEndedV1(actor=ACTOR, kind=CLARIFICATION, ended=NOW, late=False)
    work = worked(request_closed(), ended, resumed, work=work)
    assert (work.owed(OPERATOR), work.until(OPERATOR)) == (Owed.EXPERTS, LATER)
    assert (work.owed(ANNA), work.until(ANNA)) == (Owed.OPINION, LATER)


def test_the_request_itself_says_when_answers_are_due_and_an_extension_moves_that() -> None:
    work = worked(*BEGUN, requested())
    assert work.until(OPERATOR) == ANSWERS_DUE
    longer = {"kind": CLARIFICATION, "at": NOW, "days": 5, "why": "По просьбе.", "clock": Clock(due_at=LATER)}
    assert worked(TermExtendedV1(actor=ACTOR, **longer), work=work).until(OPERATOR) == LATER


@pytest.mark.parametrize("outcome", RequestOutcome)
def test_the_wait_is_over_when_the_last_request_is_closed_however_that_came(outcome: RequestOutcome) -> None:
    work = worked(*BEGUN, requested("1"), requested("2"), request_closed("1", outcome))
    assert work.owed(OPERATOR) is Owed.APPLICANT
    assert worked(request_closed("2", outcome), work=work).owed(OPERATOR) is Owed.ASSIGN


def test_answers_to_some_items_leave_the_request_open_and_may_change_the_title() -> None:
    renamed = APPLICATION.model_copy(update={"title": "Запись к врачу: вторая очередь"})
    answers = {"round": 1, "request": "1", "answers": (), "open_items": ("effect",), "application": renamed}
    work = worked(*BEGUN, requested(), AnswersTakenV1(actor=ACTOR, **answers))
    assert (work.owed(OPERATOR), work.title) == (Owed.APPLICANT, renamed.title)


@pytest.mark.parametrize(
    "moved",
    [
        TermExtendedV1(actor=ACTOR, kind="expertise", at=NOW, days=10, why="Сложно.", clock=Clock(due_at=LATER)),
        TermRecalendaredV1(
            actor=ACTOR,
            kind="expertise",
            calendar="BY",
            version_before="BY-2026.1",
            version="BY-2026.2",
            due_before=DUE,
            due_at=LATER,
            clock=Clock(due_at=LATER),
        ),
    ],
    ids=["extended", "counted anew"],
)
def test_a_term_that_moved_moves_what_is_due(moved: Fact) -> None:
    assert worked(*BEGUN, moved).until(OPERATOR) == LATER


def test_a_reminder_and_a_breach_leave_the_work_and_its_time_as_they_were() -> None:
    nearing = TermNearingV1(actor=ACTOR, kind="expertise", rungs=(5,), due_at=DUE, clock=Clock(due_at=DUE))
    work = worked(*SEATED, nearing, TermBreachedV1(actor=ACTOR, kind="expertise", due_at=DUE))
    assert (work.owed(ANNA), work.until(ANNA)) == (Owed.OPINION, DUE)


# ---- the end, and the next round

ENDINGS: dict[str, tuple[Fact, ...]] = {
    "issued": (drafted(), approved(), issued()),
    "upheld on appeal": (drafted(), approved(), issued(), appealed(), decided(AppealOutcome.UPHELD)),
    "amended on appeal": (*AMENDED, approved(), issued()),
    **{outcome: (closed(outcome),) for outcome in Closure},
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_nobody_owes_anything_in_a_review_that_is_over(ending: Sequence[Fact]) -> None:
    work = worked(*SEATED, *ending)
    assert [work.owed(who) for who in (OPERATOR, *EXPERTS)] == [None] * 4
    assert mine({SUBJECT: work}, OPERATOR) == {}


def test_while_an_appeal_is_open_the_operator_waits_for_others_and_the_experts_owe_nothing() -> None:
    work = worked(*SEATED, opinion(ANNA), drafted(), approved(), issued(), appealed(), started(LATER, "appeal"))
    ended = TermEndedV1(actor=ACTOR, kind="expertise", ended=NOW, late=False)
    work = worked(ended, work=work)
    assert (work.owed(OPERATOR), work.until(OPERATOR)) == (Owed.APPEAL, LATER)
    assert [work.owed(who) for who in EXPERTS] == [None] * 3


def test_an_amendment_waits_for_approval_and_if_that_is_not_given_the_appeal_is_open_again() -> None:
    work = worked(*JUDGED, *AMENDED)
    assert work.owed(OPERATOR) is Owed.APPROVAL
    assert worked(approved(), work=work).owed(OPERATOR) is Owed.NUMBER
    sent_back = ConclusionSentBackV1(actor=ACTOR, round=1, why="Не учтено приложение 3.")
    assert worked(sent_back, work=work).owed(OPERATOR) is Owed.APPEAL


def test_an_annulment_brings_work_back_with_a_new_round_alone() -> None:
    annulled = ConclusionAnnulledV1(actor=ACTOR, agency="vedomstvo-primer", round=1, number="ЗЭ-2026-0001")
    work = worked(*JUDGED, approved(), issued(), appealed(), decided(AppealOutcome.ANNULLED), annulled)
    assert [work.owed(who) for who in (OPERATOR, *EXPERTS)] == [None] * 4
    work = worked(opened(2, needed=1), started(LATER), claimed(OTHER_OPERATOR), work=work)
    assert (work.owed(OTHER_OPERATOR), work.until(OTHER_OPERATOR)) == (Owed.ASSIGN, LATER)
    assert work.owed(OPERATOR) is None


def test_a_repeat_round_begins_anew_and_nothing_of_the_round_before_is_owed() -> None:
    work = worked(*SEATED, found(ANNA, INTEREST), requested(), drafted(), issued(), opened(2, needed=1))
    assert work.round == 2
    assert [work.owed(who) for who in (OPERATOR, *EXPERTS)] == [None] * 4
    assert (work.seats, work.requests, work.drafted, work.due) == ({}, frozenset(), False, {})
    work = worked(claimed(), assigned(VERA), accepted(VERA), work=work)
    assert (work.owed(OPERATOR), work.owed(VERA), work.owed(ANNA)) == (Owed.EXPERTS, Owed.OPINION, None)


def test_a_conflict_that_is_not_decided_outlives_its_round() -> None:
    work = worked(*SEATED, found(ANNA, INTEREST), issued(), opened(2, needed=1), claimed(), assigned(ANNA))
    assert work.owed(ANNA) is None
    assert worked(dismissed(ANNA, INTEREST), work=work).owed(ANNA) is Owed.ACCEPT


def test_the_number_of_a_conclusion_that_comes_after_the_next_round_began_does_not_end_that_round() -> None:
    work = worked(*JUDGED, drafted(), approved(), opened(2, needed=1), claimed(), issued())
    assert (work.over, work.owed(OPERATOR)) == (False, Owed.ASSIGN)


# ---- the order of reading


def test_what_is_read_again_changes_nothing() -> None:
    work: Work | None = None
    for place, fact in enumerate(JUDGED, 1):
        work = fold(work, event(fact, place))
        for again, earlier in enumerate(JUDGED[:place], 1):
            assert fold(work, event(earlier, again)) == work


def test_the_opening_of_a_review_that_is_over_does_not_open_it_again() -> None:
    work = worked(opened(), closed(Closure.WITHDRAWN))
    again = fold(work, event(opened(), 1))
    assert again is not None and again.over


def test_a_type_that_is_not_known_yet_only_counts() -> None:
    work = worked(*BEGUN)
    after = fold(work, Skipped("expertise", "pilots.expertise.heard-of-later.v1", SUBJECT, work.sequence + 1, {}))
    assert after is not None
    assert (after.sequence, after.owed(OPERATOR)) == (work.sequence + 1, Owed.ASSIGN)


def test_a_hole_is_told() -> None:
    work = worked(*BEGUN)
    with pytest.raises(Hole):
        fold(work, event(assigned(ANNA), work.sequence + 2))


@pytest.mark.parametrize(
    "fact",
    [
        ExpertEnteredV1(
            actor=ACTOR, expert_id=ANNA, edition="by-2024", organisation=HOME, competences=("health",), capacity=3
        ),
        assigned(ANNA),
    ],
)
def test_what_is_no_review_is_nobodys_work(fact: Fact) -> None:
    assert fold(None, event(fact, 1)) is None


def test_of_many_reviews_only_ones_own_are_found() -> None:
    works = {"a": worked(*BEGUN), "b": worked(*BEGUN, assigned(ANNA)), "c": worked(opened(), claimed(OTHER_OPERATOR))}
    assert mine(works, OPERATOR).keys() == {"a", "b"}
    assert mine(works, ANNA).keys() == {"b"}
    assert mine(works, "nobody") == {}


STEPS: tuple[Fact, ...] = (
    opened(2, needed=1),
    claimed(),
    claimed(OTHER_OPERATOR),
    CaseReleasedV1(actor=ACTOR, round=1, operator_id=OPERATOR, why="Отпуск."),
    *(step(who) for who in EXPERTS for step in (assigned, accepted, opinion)),
    ExpertDeclinedV1(actor=ACTOR, round=1, expert_id=ANNA, why="Занята."),
    ExpertReleasedV1(actor=ACTOR, round=1, expert_id=BORIS, why="По ошибке."),
    found(ANNA, INTEREST),
    dismissed(ANNA, INTEREST),
    ConflictConfirmedV1(actor=ACTOR, round=1, expert_id=ANNA, why="Так и есть."),
    requested(),
    request_closed(),
    TermSuspendedV1(actor=ACTOR, kind="expertise", since=NOW, why="Запрос сведений."),
    TermResumedV1(actor=ACTOR, kind="expertise", at=NOW, clock=Clock(due_at=LATER)),
    drafted(),
    approved(),
    issued(),
    appealed(),
    decided(AppealOutcome.AMENDED),
    closed(Closure.STOPPED),
)


@given(st.lists(st.sampled_from(STEPS), max_size=20), st.sampled_from([OPERATOR, OTHER_OPERATOR, *EXPERTS]))
def test_whatever_happens_a_person_owes_only_what_the_persons_part_in_it_is(steps: list[Fact], person: str) -> None:
    work = worked(*BEGUN, *steps)
    owed = work.owed(person)
    if owed in (Owed.ACCEPT, Owed.OPINION):
        assert person in work.seats and person not in work.conflicts
    elif owed is not None:
        assert person == work.operator
    assert (owed is Owed.APPLICANT) == (person == work.operator and bool(work.requests) and not work.over)
    assert owed is not None or work.until(person) is None


@given(st.lists(st.sampled_from(STEPS), max_size=20), st.data())
def test_a_series_that_is_sent_in_pieces_again_and_again_gives_the_same_work(
    steps: list[Fact], data: st.DataObject
) -> None:
    series = [event(fact, place) for place, fact in enumerate((*BEGUN, *steps), 1)]
    work: Work | None = None
    for place, one in enumerate(series, 1):
        back = data.draw(st.integers(0, place))
        for again in (*series[place - back : place], one):
            work = fold(work, again)
    assert work == worked(*BEGUN, *steps)
