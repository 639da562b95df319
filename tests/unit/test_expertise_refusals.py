"""Every refusal of the expertise: who is told what, at least once each, and that nothing changes by it."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from contracts.event import Actor
from contracts.expertise import Closure
from contracts.reference import OnExpiry, OrganisationId, RequestItem, ReturnReason, Verdict
from contracts.steps import (
    Absence,
    Appeal,
    AppealDecision,
    AppealOutcome,
    DeclaredConflict,
    EarlierRemark,
    ExpertEntry,
    Opinion,
    Question,
    TermExtension,
    WrittenConclusion,
)
from contracts.words import problem_of
from deploy.samples.common import APPLICATION, BOOK, with_switches
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
    conclusion,
    decide_appeal,
    entry,
    judged,
    opened,
    opinion,
    scores,
)
from services.expertise import domain
from services.expertise.domain.commands import (
    AcceptAssignment,
    Approve,
    Assign,
    CancelRequest,
    Claim,
    Confirm,
    Decline,
    Dismiss,
    EndWithout,
    HandOver,
    Release,
    SendBack,
)
from services.expertise.domain.expert import EnterExpert, Retire
from services.law.decision import Refusal
from tests.kit.expertise.play import DIRECTORY, FIRST, INSIDER, SECOND, THIRD, WAYS, Play, actor, at
from tests.kit.wording import in_every_language

ASK = Question(items=ITEMS, on_expiry=OnExpiry.DECIDE)
Try = tuple[str, int, Callable[[], Play], object, Actor]


def assigned() -> Play:
    """An expert is asked and has not answered."""
    play = Play().open()
    play.do(Assign(expert_id=FIRST))
    return play


def judged_once() -> Play:
    """One of two opinions is in."""
    return Play().open().judge(FIRST)


def claimed_by_third() -> Play:
    """An expert of the directory, being an operator too, has taken in hand a case that another one is to judge."""
    play = at("open").seat(FIRST)
    play.do(Claim(), Actor(id=THIRD, role="operator"))
    return play


def frozen() -> Play:
    """The first expert's opinion is frozen by a conflict that an operator declared."""
    play = judged_once()
    play.do(DeclaredConflict(expert_id=FIRST, text="Есть связь."))
    return play


def dismissed() -> Play:
    """The chair has dismissed an insider's conflict ahead."""
    play = Play().open()
    play.do(Dismiss(expert_id=INSIDER, why="Ушёл оттуда."), CHAIR)
    return play


def repeat() -> Play:
    """A repeat whose expert has given an opinion."""
    play = Play().concluded(verdict=Verdict.NEGATIVE, remarks=REMARKS)
    play.do(opened(submission=2), INTAKE)
    return play.judge(THIRD)


def worn_out() -> Play:
    """An expert has changed an opinion as often as it can be changed."""
    play = judged_once()
    for turn in range(9):
        play.do(opinion(why_changed=f"{turn}"), actor(FIRST))
    return play


def last_round() -> Play:
    """The second repeat, after which no further one is allowed."""
    play = repeat()
    play.do(conclusion(Verdict.NEGATIVE, remarks=REMARKS, earlier_remarks=judged(True)))
    play.do(Approve(), APPROVER)
    play.number()
    play.do(opened(submission=3), INTAKE)
    return play


TOO_LONG = WrittenConclusion(verdict=Verdict.POSITIVE, text="а" * 50_001)


def with_entry(**changes: Any) -> Play:
    """The first expert's entry says something else."""
    play = Play().open()
    play.entries[FIRST] = entry(FIRST, "700000140", **changes)
    return play


def loaded() -> Play:
    """The first expert has no room."""
    play = Play().open()
    play.loads[FIRST] = 3
    return play


def claimed() -> Play:
    """A colleague has the case in hand."""
    play = Play().open()
    play.do(Claim(), COLLEAGUE)
    return play


def breached(kind: str = "expertise") -> Play:
    """A term ran out."""
    play = Play().open()
    play.run_out(kind)
    return play


def extended() -> Play:
    """The term was extended."""
    play = Play().open()
    play.do(TermExtension(term="expertise", why="Надо."))
    return play


def before_its_time() -> Play:
    """A replica whose clock is behind."""
    play = extended().asked()
    play.later(hours=-1)
    return play


def upheld() -> Play:
    """The appeal was decided."""
    play = at("appealed")
    play.do(decide_appeal(AppealOutcome.UPHELD), CHAIR)
    return play


def no_positive_with_remarks() -> Play:
    """An edition without that verdict."""
    return Play(with_switches("by-2024", remarks_with_positive=False)).to_conclude()


ME = actor(FIRST)
WITH_REMARKS = conclusion(Verdict.POSITIVE_WITH_REMARKS, remarks=REMARKS)
UNWRITTEN = GRIEVANCE.model_copy(update={"date": date(2099, 1, 1)})
TRIES: list[Try] = [
    ("review.unknown", 404, Play, Claim(), OPERATOR),
    ("review.claimed", 409, claimed, Assign(expert_id=FIRST), OPERATOR),
    ("review.claimed", 409, claimed, EndWithout(outcome=Closure.RETURNED, reasons=REASONS), OPERATOR),
    ("conflict.own", 403, lambda: at("open"), Claim(), Actor(id=INSIDER, role="operator")),
    ("review.not-open", 409, lambda: at("concluded"), Claim(), OPERATOR),
    ("review.not-open", 409, lambda: at("closed"), Claim(), OPERATOR),
    ("review.not-staffing", 409, lambda: at("to_conclude"), Assign(expert_id=THIRD), OPERATOR),
    ("review.not-staffing", 409, lambda: at("to_approve"), Release(expert_id=FIRST, why="Нет."), OPERATOR),
    ("review.not-staffing", 409, lambda: at("to_approve"), Decline(why="Нет."), ME),
    ("review.has-experts", 409, lambda: Play().open().seat(FIRST, SECOND), Assign(expert_id=THIRD), OPERATOR),
    ("review.not-working", 409, lambda: at("to_approve"), ASK, OPERATOR),
    ("review.not-working", 409, lambda: at("to_approve"), opinion(why_changed="Так."), ME),
    (
        "review.not-working",
        409,
        lambda: at("numbering"),
        EndWithout(outcome=Closure.RETURNED, reasons=REASONS),
        OPERATOR,
    ),
    ("review.not-to-conclude", 409, lambda: at("open"), conclusion(), OPERATOR),
    ("review.not-to-conclude", 409, lambda: at("to_approve"), conclusion(), OPERATOR),
    ("expert.unknown", 422, lambda: at("open"), Assign(expert_id="e-nobody"), OPERATOR),
    ("expert.unknown", 422, lambda: at("open"), Dismiss(expert_id="e-nobody", why="Так."), CHAIR),
    ("expert.inactive", 409, lambda: with_entry(active=False), Assign(expert_id=FIRST), OPERATOR),
    (
        "expert.absent",
        409,
        lambda: with_entry(absences=(Absence(since=date(2026, 4, 16), until=date(2026, 4, 16)),)),
        Assign(expert_id=FIRST),
        OPERATOR,
    ),
    ("expert.at-capacity", 409, loaded, Assign(expert_id=FIRST), OPERATOR),
    ("expert.not-on-the-case", 409, lambda: at("open"), Release(expert_id=FIRST, why="Нет."), OPERATOR),
    ("expert.not-on-the-case", 409, lambda: at("open"), HandOver(expert_id=FIRST, to=SECOND, why="Нет."), OPERATOR),
    (
        "expert.on-the-case",
        409,
        lambda: Play().open().seat(FIRST, SECOND),
        HandOver(expert_id=FIRST, to=SECOND, why="Так."),
        OPERATOR,
    ),
    ("assignment.not-yours", 403, assigned, AcceptAssignment(), actor(SECOND)),
    ("assignment.not-yours", 403, frozen, Decline(why="Нет."), ME),
    ("assignment.not-accepted", 409, assigned, opinion(), ME),
    ("opinion.not-yours", 403, assigned, opinion(), actor(SECOND)),
    ("opinion.too-often", 409, worn_out, opinion(why_changed="Опять."), ME),
    ("text.too-long", 422, lambda: at("to_conclude"), TOO_LONG, OPERATOR),
    ("rounds.none-left", 409, last_round, EndWithout(outcome=Closure.RETURNED, reasons=REASONS), OPERATOR),
    ("opinion.not-yours", 403, frozen, opinion(why_changed="Так."), ME),
    ("opinion.given", 409, judged_once, Decline(why="Нет."), ME),
    ("opinion.given", 409, judged_once, Release(expert_id=FIRST, why="Нет."), OPERATOR),
    ("opinion.given", 409, judged_once, HandOver(expert_id=FIRST, to=SECOND, why="Нет."), OPERATOR),
    ("opinion.needs-reason", 422, judged_once, opinion(), ME),
    ("scores.invalid", 422, lambda: Play().open().seat(FIRST), Opinion(verdict=Verdict.POSITIVE, text="Так."), ME),
    ("verdict.unknown", 422, no_positive_with_remarks, WITH_REMARKS, OPERATOR),
    ("verdict.needs-remarks", 422, lambda: at("to_conclude"), conclusion(Verdict.POSITIVE_WITH_REMARKS), OPERATOR),
    ("verdict.has-remarks", 422, lambda: at("to_conclude"), conclusion(remarks=REMARKS), OPERATOR),
    ("verdict.has-remarks", 422, lambda: Play().open().seat(FIRST), opinion(remarks=REMARKS), ME),
    ("verdict.remarks-unmet", 422, repeat, conclusion(earlier_remarks=judged(False)), OPERATOR),
    ("earlier-remarks.invalid", 422, repeat, conclusion(), OPERATOR),
    (
        "earlier-remarks.invalid",
        422,
        lambda: at("to_conclude"),
        conclusion(earlier_remarks=(EarlierRemark(place=1, met=True),)),
        OPERATOR,
    ),
    ("conflict.found", 409, lambda: at("open"), Assign(expert_id=INSIDER), OPERATOR),
    ("conflict.none", 409, lambda: at("open"), Dismiss(expert_id=FIRST, why="Так."), CHAIR),
    ("conflict.none", 409, lambda: at("open"), Confirm(expert_id=FIRST, why="Так."), CHAIR),
    ("conflict.not-yours", 403, lambda: at("open"), DeclaredConflict(expert_id=FIRST, text="Так."), ME),
    ("conflict.not-yours", 403, lambda: at("to_conclude"), DeclaredConflict(expert_id=SECOND, text="Так."), ME),
    ("conflict.second-person", 403, frozen, Dismiss(expert_id=FIRST, why="Так."), OPERATOR),
    ("conflict.second-person", 403, frozen, Dismiss(expert_id=FIRST, why="Так."), ME),
    ("conflict.second-person", 403, frozen, Confirm(expert_id=FIRST, why="Так."), ME),
    ("conflict.second-person", 403, dismissed, Assign(expert_id=INSIDER), CHAIR),
    ("request.open", 409, lambda: at("open").asked(), ASK, OPERATOR),
    ("request.not-open", 409, lambda: at("open"), CancelRequest("r1-1"), OPERATOR),
    ("items.invalid", 422, lambda: at("open"), Question(items=(), on_expiry=OnExpiry.DECIDE), OPERATOR),
    (
        "items.invalid",
        422,
        lambda: at("open"),
        Question(items=(ITEMS[0], ITEMS[0]), on_expiry=OnExpiry.DECIDE),
        OPERATOR,
    ),
    ("reasons.invalid", 422, lambda: at("open"), EndWithout(outcome=Closure.RETURNED, reasons=()), OPERATOR),
    (
        "reasons.invalid",
        422,
        lambda: at("open"),
        EndWithout(outcome=Closure.REFUSED, reasons=(ReturnReason(code="x"),)),
        OPERATOR,
    ),
    ("closure.not-yours", 422, lambda: at("open"), EndWithout(outcome=Closure.WITHDRAWN, reasons=REASONS), OPERATOR),
    ("closure.not-yours", 422, lambda: at("open"), EndWithout(outcome=Closure.OVERTAKEN, reasons=REASONS), OPERATOR),
    ("term.unknown", 404, lambda: at("open"), TermExtension(term="clarification", why="Так."), OPERATOR),
    ("term.cannot-be-extended", 409, extended, TermExtension(term="expertise", why="Ещё."), OPERATOR),
    ("term.cannot-be-extended", 409, lambda: at("appealed"), TermExtension(term="appeal", why="Надо."), OPERATOR),
    ("term.expired", 409, breached, TermExtension(term="expertise", why="Поздно."), OPERATOR),
    ("term.before-last-entry", 409, before_its_time, TermExtension(term="clarification", why="Рано."), OPERATOR),
    ("conclusion.no-draft", 409, lambda: at("to_conclude"), Approve(), APPROVER),
    ("conclusion.no-draft", 409, lambda: at("numbering"), SendBack(why="Так."), APPROVER),
    ("duty.another", 403, lambda: at("to_conclude"), conclusion(), Actor(id=FIRST, role="operator")),
    ("conclusion.second-person", 403, lambda: at("to_approve"), Approve(), OPERATOR),
    ("duty.another", 403, lambda: at("to_approve"), Approve(), Actor(id=FIRST, role="approver")),
    ("expert.oneself", 403, lambda: at("open"), Assign(expert_id=FIRST), Actor(id=FIRST, role="operator")),
    ("expert.another-duty", 409, claimed_by_third, HandOver(expert_id=FIRST, to=THIRD, why="Нет."), COLLEAGUE),
    ("appeal.off", 409, lambda: at("concluded", BOOK), Appeal(grounds="Нет.", basis=GRIEVANCE), OPERATOR),
    ("appeal.no-conclusion", 409, lambda: at("to_approve"), Appeal(grounds="Нет.", basis=GRIEVANCE), OPERATOR),
    ("appeal.no-conclusion", 409, lambda: at("amending"), Appeal(grounds="Нет.", basis=GRIEVANCE), OPERATOR),
    ("appeal.decided", 409, upheld, Appeal(grounds="Нет.", basis=GRIEVANCE), OPERATOR),
    ("appeal.not-open", 409, lambda: at("concluded"), decide_appeal(AppealOutcome.UPHELD), CHAIR),
    ("appeal.others", 403, lambda: at("appealed"), decide_appeal(AppealOutcome.UPHELD), APPROVER),
    ("appeal.others", 403, lambda: at("amending"), Approve(), APPROVER),
    ("date.future", 422, lambda: at("concluded"), Appeal(grounds="Нет.", basis=UNWRITTEN), OPERATOR),
    (
        "date.future",
        422,
        lambda: at("appealed"),
        AppealDecision(outcome=AppealOutcome.UPHELD, why="Так.", basis=UNWRITTEN),
        CHAIR,
    ),
    (
        "appeal.amendment",
        422,
        lambda: at("appealed"),
        AppealDecision(outcome=AppealOutcome.AMENDED, why="Так.", basis=GRIEVANCE),
        CHAIR,
    ),
]


def test_an_approval_waits_for_the_decision_on_a_conflict() -> None:
    play = at("to_approve")
    play.do(DeclaredConflict(expert_id=FIRST, text="Вспомнил."), ME)
    assert play.refused(Approve(), APPROVER).code == "conflict.open"


@pytest.mark.parametrize(("code", "status", "way", "command", "who"), TRIES)
def test_what_is_not_allowed_is_refused_by_its_code_and_changes_nothing(
    code: str, status: int, way: Callable[[], Play], command: object, who: Actor
) -> None:
    play = way()
    before = play.state
    refusal = play.refused(command, who)
    assert (refusal.code, refusal.status) == (code, status)
    assert play.state == before
    spoken(refusal)


def spoken(refusal: Refusal) -> None:
    """What is refused is said in every language, with nothing left open, and so is each thing that is wrong."""
    said = problem_of("", refusal.rule, refusal.values)
    for one in (said, *refusal.problems):
        in_every_language(one)


def entered(**changes: Any) -> EnterExpert:
    """An entry of the directory, as an administrator writes it."""
    return EnterExpert(FIRST, ExpertEntry.made_of(entry(FIRST, "700000140"), **changes))


def test_the_directory_names_all_that_does_not_fit_at_once() -> None:
    broken = entered(
        organisation=OrganisationId(scheme="BY-UNP", value="79000 0029"),
        affiliated=(
            OrganisationId(scheme="BY-UNP", value="790000028"),
            OrganisationId(scheme="BY-UNP", value="000000000"),
            OrganisationId(scheme="US-FED", value="HHS"),
        ),
        interests=(
            OrganisationId(scheme="RU-INN", value="999900000097"),
            OrganisationId(scheme="BY-UNP", value="МА1953684"),
            OrganisationId(scheme="BY-UNP", value="MA1953684"),
        ),
        competences=("health", "magic"),
        absences=(Absence(since=date(2026, 5, 2), until=date(2026, 5, 1)),),
    )
    refusal = DIRECTORY.refused(None, broken)
    assert (refusal.code, refusal.status) == ("expert.invalid", 422)
    spoken(refusal)
    assert [(problem.pointer, problem.rule) for problem in refusal.problems] == [
        ("/organisation/value", "party.blanks"),
        ("/affiliated/0/value", "party.check-digit"),
        ("/affiliated/1/value", "party.zeros"),
        ("/affiliated/2/scheme", "party.scheme"),
        ("/interests/0/value", "party.not-legal-entity"),
        ("/interests/1/value", "party.look-alike"),
        ("/interests/2/value", "party.not-legal-entity"),
        ("/competences/1", "sector.unknown"),
        ("/absences/0", "absence.dates"),
    ]
    assert DIRECTORY.refused(None, entered(edition="by-1999")).code == "edition.unknown"
    assert DIRECTORY.refused(None, Retire()).status == 404


PERSONS: list[tuple[object, Actor]] = [
    (Claim(), OPERATOR),
    (Assign(expert_id=THIRD), OPERATOR),
    (AcceptAssignment(), ME),
    (Decline(why="Нет."), ME),
    (Release(expert_id=FIRST, why="Нет."), OPERATOR),
    (HandOver(expert_id=FIRST, to=THIRD, why="Нет."), OPERATOR),
    (DeclaredConflict(expert_id=FIRST, text="Да."), ME),
    (Dismiss(expert_id=FIRST, why="Нет."), CHAIR),
    (Confirm(expert_id=FIRST, why="Да."), CHAIR),
    (opinion(why_changed="Так."), ME),
    (ASK, OPERATOR),
    (CancelRequest("r1-1"), OPERATOR),
    (TermExtension(term="expertise", why="Надо."), OPERATOR),
    (EndWithout(outcome=Closure.RETURNED, reasons=REASONS), OPERATOR),
    (conclusion(), OPERATOR),
    (SendBack(why="Нет."), HEAD),
    (Approve(), HEAD),
    (Appeal(grounds="Нет.", basis=GRIEVANCE), OPERATOR),
    (decide_appeal(AppealOutcome.UPHELD), CHAIR),
]
ALLOWED = {
    "open": {"Claim", "Assign", "Question", "TermExtension", "EndWithout"},
    "with-experts": {
        "Claim",
        "Assign",
        "AcceptAssignment",
        "Decline",
        "Release",
        "HandOver",
        "DeclaredConflict",
        "Opinion",
    }
    | {"Question", "TermExtension", "EndWithout"},
    "to_conclude": {
        "Claim",
        "AcceptAssignment",
        "DeclaredConflict",
        "Opinion",
        "Question",
        "TermExtension",
        "EndWithout",
    }
    | {"WrittenConclusion"},
    "to_approve": {"Claim", "DeclaredConflict", "TermExtension", "EndWithout", "SendBack", "Approve"},
    "numbering": {"Claim", "DeclaredConflict"},
    "concluded": {"Appeal"},
    "appealed": {"Claim", "DeclaredConflict", "AppealDecision"},
    "amending": {"Claim", "DeclaredConflict", "SendBack", "Approve"},
    "closed": set[str](),
}
"""What a person may do at each status, with nothing else open in the case."""


@pytest.mark.parametrize("way", ["with-experts", *WAYS])
def test_at_each_status_a_person_may_do_these_things_and_no_others(way: str) -> None:
    allowed = set()
    for command, who in PERSONS:
        try:
            at(way).do(command, who)
        except Refusal:
            continue
        allowed.add(type(command).__name__)
    assert allowed == ALLOWED[way]


def test_every_code_of_the_domain_is_met_here() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in Path(domain.__path__[0]).glob("*.py"))
    codes = set(re.findall(r'Refusal\(\s*f?"([a-z.-]+[a-z])"', text))
    met = {code for code, *_ in TRIES} | {"conflict.open", "expert.invalid", "edition.unknown", "expert.own-entry"}
    assert codes and codes <= met, codes - met
    assert {"term.expired", "term.cannot-be-extended", "term.before-last-entry"} <= met


def test_items_are_named_where_they_are_named_twice() -> None:
    twice = (ITEMS[0], RequestItem(id="who", text="Ещё раз?", field="executor"), RequestItem(id="x", text="Без поля."))
    refusal = at("open").refused(Question(items=twice, on_expiry=OnExpiry.DECIDE))
    assert [problem.pointer for problem in refusal.problems] == ["/items/1/id", "/items/1/field"]


def test_scores_are_named_with_all_that_is_wrong_with_them() -> None:
    first, second, *rest = scores(4)
    wrong = (first, first, second.model_copy(update={"value": 6}), rest[0].model_copy(update={"criterion": "beauty"}))
    refusal = Play(APPEALS).open().seat(FIRST).refused(opinion(scores=wrong), ME)
    assert [(problem.pointer, problem.rule) for problem in refusal.problems] == [
        ("/scores/1/criterion", "criterion.twice"),
        ("/scores/2/value", "score.off-scale"),
        ("/scores/3/criterion", "criterion.unknown"),
        *[("/scores", "criterion.missing")] * 4,
    ]
    assert (
        Play().open(opened(APPLICATION, edition="demo-us")).seat(FIRST).refused(opinion(), ME).code == "scores.invalid"
    )


def test_a_capacity_is_the_expert_s_own_and_an_absence_ends_with_its_last_day() -> None:
    play = with_entry(capacity=1, absences=(Absence(since=date(2026, 4, 10), until=date(2026, 4, 15)),))
    play.do(Assign(expert_id=FIRST))
    full = with_entry(capacity=0)
    assert full.refused(Assign(expert_id=FIRST)).code == "expert.at-capacity"
