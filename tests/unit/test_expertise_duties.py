"""Separation of duties: whoever prepares, judges or decides in a case has no other duty in it."""

from datetime import date

import pytest

from contracts.event import Actor
from contracts.expertise import Closure, hides
from contracts.reference import OrganisationId, TermKind
from contracts.steps import Absence, AppealOutcome, DeclaredConflict, ExpertEntry, TermExtension
from deploy.samples.common import NOW, with_switches
from deploy.samples.expertise import (
    APPROVER,
    CHAIR,
    COLLEAGUE,
    HEAD,
    INTAKE,
    OPERATOR,
    REASONS,
    appeal,
    conclusion,
    decide_appeal,
    entry,
    opened,
    opinion,
    question,
)
from services.expertise.domain.commands import (
    AcceptAssignment,
    Approve,
    Assign,
    Claim,
    CloseFor,
    Confirm,
    Dismiss,
    EndWithout,
    HandOver,
    Recheck,
    Release,
    SendBack,
    Unclaim,
    experts_asked,
)
from services.expertise.domain.expert import EnterExpert
from services.expertise.domain.parts import Request
from services.expertise.domain.state import View
from services.expertise.proposals import Candidate, Piece, propose, spread
from tests.kit.expertise.play import DIRECTORY, FIRST, NEWCOMER, OUTSIDE, SECOND, THIRD, Play, at, kinds

ME = Actor(id=FIRST, role="expert")


def as_operator(id_: str) -> Actor:
    return Actor(id=id_, role="operator")


def as_approver(id_: str) -> Actor:
    return Actor(id=id_, role="approver")


PREPARING = (
    Claim(),
    Assign(expert_id=THIRD),
    Release(expert_id=SECOND, why="Так."),
    HandOver(expert_id=SECOND, to=THIRD, why="Так."),
    question(),
    EndWithout(outcome=Closure.RETURNED, reasons=REASONS),
)
DECIDING = (Dismiss(expert_id=SECOND, why="Так."), Confirm(expert_id=SECOND, why="Так."))


@pytest.mark.parametrize("command", PREPARING, ids=lambda one: type(one).__name__)
def test_who_sits_on_a_case_as_an_expert_prepares_nothing_in_it(command: object) -> None:
    play = at("open").seat(FIRST, SECOND)
    assert play.refused(command, as_operator(FIRST)).code == "duty.another"
    assert play.refused(command, as_operator(FIRST)).status == 403


def test_who_judged_writes_no_conclusion_and_approves_none() -> None:
    play = at("to_conclude")
    assert play.refused(conclusion(), as_operator(FIRST)).code == "duty.another"
    play.do(conclusion())
    for command in (Approve(), SendBack(why="Нет.")):
        assert play.refused(command, as_approver(FIRST)).code == "duty.another"


def test_who_had_the_case_in_hand_or_assigned_its_judges_approves_nothing_also_where_another_wrote() -> None:
    play = Play().open().judge(FIRST, SECOND)  # OPERATOR assigned both, and gave the case to nobody
    play.do(conclusion(), COLLEAGUE)
    assert play.refused(Approve(), as_approver(OPERATOR.id)).code == "duty.another"
    assert play.refused(Approve(), as_approver(COLLEAGUE.id)).code == "conclusion.second-person"
    play.do(Approve(), APPROVER)


def test_who_asked_the_applicant_and_gave_the_case_away_neither_judges_nor_approves_it() -> None:
    play = Play().open()
    for command in (Claim(), question(), Unclaim(why="Так.")):
        play.do(command, as_operator(THIRD))
    assert play.refused(Assign(expert_id=THIRD)).code == "expert.another-duty"
    play = Play().open().judge(FIRST, SECOND)
    play.state = play.case.model_copy(update={"requests": (request(asked_by="asker"),)})
    play.do(conclusion(), COLLEAGUE)
    assert play.refused(Approve(), as_approver("asker")).code == "duty.another"


def test_who_wrote_a_draft_that_was_sent_back_and_gave_the_case_away_does_not_approve_anothers() -> None:
    play = Play().open().judge(FIRST, SECOND)
    writer = as_operator("writer")
    play.do(conclusion(), writer)
    play.do(SendBack(why="Нет."), APPROVER)
    play.do(conclusion(), COLLEAGUE)
    assert play.refused(Approve(), as_approver("writer")).code == "duty.another"
    assert play.refused(SendBack(why="Нет."), as_approver("writer")).code == "duty.another"


def test_who_sent_a_draft_back_takes_the_case_not_in_hand_and_writes_no_conclusion_of_it() -> None:
    play = Play().open().judge(FIRST, SECOND)
    play.do(conclusion(), COLLEAGUE)
    play.do(SendBack(why="Нет."), as_approver("checker"))
    for command in (Claim(), conclusion()):
        assert play.refused(command, as_operator("checker")).code == "duty.another"


def test_who_extended_a_term_does_not_approve() -> None:
    play = Play().open()
    play.do(TermExtension(term=TermKind.EXPERTISE, why="Объём."), as_operator("extender"))
    play.judge(FIRST, SECOND).do(conclusion(), COLLEAGUE)
    assert play.refused(Approve(), as_approver("extender")).code == "duty.another"


def request(asked_by: str) -> Request:
    """A request for information that was answered, or not, long ago."""
    asked = Play().open().do(question())[0]
    return Request.model_validate(
        {**asked.model_dump(include={"items", "on_expiry"}), "id": "r1-1", "asked": NOW, "asked_by": asked_by}
        | {"outcome": "answered"}
    )


def test_nobody_assigns_oneself_by_whatever_way() -> None:
    play = Play().open()
    assert play.refused(Assign(expert_id=FIRST), as_operator(FIRST)).code == "expert.oneself"
    play.seat(SECOND)
    handed = play.refused(HandOver(expert_id=SECOND, to=FIRST, why="Так."), as_operator(FIRST))
    assert handed.code == "expert.oneself"
    known = [Candidate(one, 0) for one in play.given().experts.values()]
    edition = play.given().rules.edition(play.case.edition)
    proposed = {one.expert_id: one for one in propose(play.case, edition, known, FIRST, play.now)}
    assert [one.rule for one in proposed[FIRST].against] == ["expert.oneself"]
    assert not proposed[THIRD].against
    alone = [one for one in known if one.known.entry.expert_id == FIRST]
    [move] = spread([Piece("p", 1, play.case, edition)], alone, FIRST, play.now, competent_only=False)
    assert move.to is None and dict(move.against) == {"expert.oneself": 1}


def test_who_prepares_a_case_becomes_no_expert_of_it_and_who_was_one_by_an_earlier_program_does_not_judge() -> None:
    play = Play().open().seat(SECOND)
    play.do(Claim(), as_operator(FIRST))
    assert play.refused(HandOver(expert_id=SECOND, to=FIRST, why="Так."), COLLEAGUE).code == "expert.another-duty"
    play = Play().open().seat(FIRST)
    assert play.state is not None
    play.state = play.state.model_copy(update={"operator": FIRST})
    assert play.refused(opinion(), ME).code == "duty.another"
    play = Play().open()
    play.do(Assign(expert_id=FIRST))
    play.state = play.case.model_copy(update={"operator": FIRST})
    assert play.refused(AcceptAssignment(), ME).code == "duty.another"


@pytest.mark.parametrize("command", DECIDING, ids=lambda one: type(one).__name__)
def test_a_conflict_is_decided_by_none_who_judges_or_prepares_the_case(command: object) -> None:
    play = at("open").seat(FIRST, SECOND)
    play.do(DeclaredConflict(expert_id=SECOND, text="Есть связь."), COLLEAGUE)
    assert play.refused(command, as_approver(FIRST)).code == "duty.another", "who judges"
    assert play.refused(command, as_approver(OPERATOR.id)).code == "duty.another", "who assigned"
    assert play.refused(command, as_approver(COLLEAGUE.id)).code == "conflict.second-person", "who declared it"
    assert play.refused(command, as_approver(SECOND)).code == "conflict.second-person", "whom it is about"
    play.do(command, CHAIR)


def test_an_appeal_is_decided_by_none_who_opened_it_signed_judged_or_prepared() -> None:
    play = at("concluded")
    play.do(appeal(), COLLEAGUE)
    ruling = decide_appeal(AppealOutcome.UPHELD)
    assert play.refused(ruling, as_approver(COLLEAGUE.id)).code == "appeal.others"
    assert play.refused(ruling, APPROVER).code == "appeal.others"
    assert play.refused(ruling, as_approver(FIRST)).code == "duty.another"
    play.do(ruling, CHAIR)


def test_a_duty_lasts_through_all_rounds_where_the_edition_says_so_and_for_one_round_where_not() -> None:
    for lasting in (True, False):
        book = with_switches(appeal=True, one_duty_in_all_rounds=lasting)
        play = at("appealed", book)
        play.do(decide_appeal(AppealOutcome.ANNULLED), CHAIR)
        assert play.case.round == 2
        if lasting:
            assert play.refused(Claim(), as_operator(FIRST)).code == "duty.another"
        else:
            play.do(Claim(), as_operator(FIRST))


def test_in_the_own_entry_only_absences_and_capacity_are_changed_by_oneself() -> None:
    mine = ExpertEntry.made_of(entry(FIRST, "700000140"))
    stored = DIRECTORY.given(*DIRECTORY.when(None, EnterExpert(FIRST, mine)))
    other = OrganisationId(scheme="BY-UNP", value="700000153")
    forbidden = {
        "organisation": other,
        "affiliated": (other,),
        "interests": (other,),
        "competences": ("transport",),
        "active": False,
    }
    for name, value in forbidden.items():
        for role in ("operator", "expert", "admin"):
            changed = EnterExpert(FIRST, mine.model_copy(update={name: value}))
            refused = DIRECTORY.refused(stored, changed, actor=Actor(id=FIRST, role=role))
            assert (refused.code, refused.status, refused.values["fields"]) == ("expert.own-entry", 403, [name])
            assert DIRECTORY.when(stored, changed, actor=Actor(id=SECOND, role=role))
    away = (Absence(since=date(2026, 5, 1), until=date(2026, 5, 9)),)
    own = EnterExpert(FIRST, mine.model_copy(update={"absences": away, "capacity": 1}))
    assert DIRECTORY.when(stored, own, actor=Actor(id=FIRST, role="operator"))
    assert DIRECTORY.refused(None, EnterExpert(FIRST, mine), actor=Actor(id=FIRST, role="operator")).code == (
        "expert.own-entry"
    )


def test_a_head_that_did_nothing_before_may_approve_an_amendment() -> None:
    play = at("amending")
    play.do(Approve(), HEAD)


# ---- ties of who prepares or decides


def tied(play: Play, *people: Actor, **ties: object) -> Play:
    """These people stand in the directory, with an interest in the executor where nothing else is said."""
    said = ties or {"interests": (OrganisationId(scheme="BY-UNP", value="700000138"),)}
    for who in people:
        play.entries[who.id] = entry(who.id, OUTSIDE[0], **said)
    return play


@pytest.mark.parametrize("command", PREPARING, ids=lambda one: type(one).__name__)
def test_who_has_an_interest_in_a_party_prepares_nothing_though_never_seated_nor_declared(command: object) -> None:
    play = tied(at("open").seat(FIRST, SECOND), COLLEAGUE)
    refused = play.refused(command, COLLEAGUE)
    assert (refused.code, refused.status) == ("conflict.own", 403)
    assert [one.rule for one in refused.problems] == ["conflict.interest"]


def test_who_has_an_interest_in_a_party_writes_approves_and_decides_nothing() -> None:
    play = tied(at("to_conclude"), COLLEAGUE, APPROVER)
    assert play.refused(conclusion(), COLLEAGUE).code == "conflict.own"
    play.do(conclusion())
    for command in (Approve(), SendBack(why="Нет.")):
        assert play.refused(command, APPROVER).code == "conflict.own"
    play.do(DeclaredConflict(expert_id=SECOND, text="Родня."), OPERATOR)
    assert [play.refused(one, APPROVER).code for one in DECIDING] == ["conflict.own"] * 2
    play.do(DECIDING[0], CHAIR)
    play.do(Approve(), CHAIR)


def test_an_organisation_of_a_party_ties_as_an_interest_does_and_who_has_the_case_may_give_it_back() -> None:
    play = Play().open()
    play.do(Claim(), COLLEAGUE)
    play.entries[COLLEAGUE.id] = entry(COLLEAGUE.id, "700000138")
    assert play.refused(question(), COLLEAGUE).code == "conflict.own"
    play.do(Unclaim(why="Связан."), COLLEAGUE)
    assert play.refused(Claim(), COLLEAGUE).code == "conflict.own"
    play.do(Claim(), OPERATOR)


def test_a_tie_that_a_second_person_dismissed_as_a_false_alarm_bars_no_more() -> None:
    play = tied(Play().open(), COLLEAGUE)
    play.do(Dismiss(expert_id=COLLEAGUE.id, why="Другая организация."), APPROVER)
    play.do(Claim(), COLLEAGUE)


def test_a_tie_hides_the_case_until_there_is_none_or_a_second_person_dismisses_it_and_owes_nobody_a_decision() -> None:
    play = tied(Play().open(), APPROVER)
    play.do(Claim(), COLLEAGUE)
    tie = entry(COLLEAGUE.id, "700000138", version=2)
    facts = play.do(Recheck(tie.seat()), INTAKE)
    assert kinds(facts) == ["TiesChecked", "CaseReleased"], "nobody works on what is not there for him"
    assert (facts[0].hidden, hides(facts[0]), [*play.case.hidden_from]) == (True, True, [COLLEAGUE.id])
    assert (play.case.operator, play.case.conflicts, facts[1].notify) == (None, (), ())
    assert View.CONFLICT not in play.case.views and [one.what for one in play.case.owed] == ["assign"]
    assert play.do(Recheck(tie.seat()), INTAKE) == [], "it is told once"
    assert play.do(Recheck(entry(COLLEAGUE.id, OUTSIDE[0]).seat()), INTAKE) == [], "an older entry is overtaken"
    facts = play.do(Recheck(entry(COLLEAGUE.id, OUTSIDE[0], version=3).seat()), INTAKE)
    assert [(one.hidden, one.ties) for one in facts] == [(False, ())] and [*play.case.hidden_from] == []

    play.do(Recheck(entry(APPROVER.id, OUTSIDE[0], interests=(tie.organisation,)).seat()), INTAKE)
    assert [*play.case.hidden_from] == [APPROVER.id]
    [dismissed] = play.do(Dismiss(expert_id=APPROVER.id, why="Однофамилец."), CHAIR)
    assert (hides(dismissed), [*play.case.hidden_from]) == (False, [])
    again = entry(APPROVER.id, OUTSIDE[0], version=4, interests=(tie.organisation,))
    assert play.do(Recheck(again.seat()), INTAKE) == [], "what was dismissed is not found again"


def test_a_tie_lasts_over_rounds_ends_and_declared_conflicts_and_follows_the_application() -> None:
    play = Play().open().asked()
    tie = entry("op-tied", OUTSIDE[0], interests=(NEWCOMER.id,))
    play.entries[tie.expert_id] = tie
    assert play.do(Recheck(tie.seat()), INTAKE) == []
    play.answer("who", executor=NEWCOMER)
    play.do(Recheck(tie.seat()), INTAKE)
    play.do(DeclaredConflict(expert_id=tie.expert_id, text="И родня."))
    [dismissed] = play.do(Dismiss(expert_id=tie.expert_id, why="Не родня."), CHAIR)
    assert hides(dismissed) and [*play.case.hidden_from] == [tie.expert_id], "the tie is there all the same"
    play.do(EndWithout(outcome=Closure.RETURNED, reasons=REASONS), OPERATOR)
    assert [*play.case.hidden_from] == [tie.expert_id]
    facts = play.do(opened(submission=2), INTAKE)
    assert kinds(facts)[-1] == "TiesChecked" and [*play.case.hidden_from] == [], "the executor is another one again"
    play.do(CloseFor(Closure.STOPPED, "Решение."), INTAKE)
    play.do(Recheck(entry(tie.expert_id, "700000138", version=2).seat()), INTAKE)
    assert [*play.case.hidden_from] == [tie.expert_id], "also where nothing is owed any more"
    play.do(Dismiss(expert_id=tie.expert_id, why="Ошибка."), CHAIR)
    assert [*play.case.hidden_from] == []


def test_a_declared_conflict_takes_an_open_case_out_of_the_hands_of_its_operator() -> None:
    play = Play().open()
    play.do(Claim(), COLLEAGUE)
    facts = play.do(DeclaredConflict(expert_id=COLLEAGUE.id, text="Родня."), OPERATOR)
    assert kinds(facts) == ["ConflictFound", "CaseReleased"] and play.case.operator is None


def test_every_command_names_the_entry_of_who_gives_it_where_ties_are_asked() -> None:
    asked = (*PREPARING, conclusion(), Approve(), SendBack(why="Нет."), *DECIDING, appeal())
    assert [one for one in asked if "me" not in experts_asked(one, "me")] == []
