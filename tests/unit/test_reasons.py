"""A reason that the law itself gives, as people read it: on the card of a case, in a notice, in the timeline and on the
paper of a conclusion; of facts of today, which have its id, and of earlier ones, which have a sentence."""

from typing import Any

import pytest

from contracts.expertise import TermSuspendedV1
from contracts.words import LANGUAGES, wordings
from deploy.samples.common import BOOK
from services.chassis.subject import Document
from services.expertise.cards import operator_card
from services.expertise.documents.content import paper
from services.expertise.domain.evolve import evolve
from services.expertise.domain.state import Case
from services.expertise.rows import notice_row
from services.law import reasons
from tests.kit.expertise.play import FIRST, Play, one

SENTENCES = {
    reasons.WAITING_APPLICANT: "waiting for the applicant",
    reasons.SUSPENDED: "carrying out is suspended",
    reasons.VERDICTS_APART: "verdicts: for and against",
}
"""What facts up to version 0.2.0 say."""


def said(rule: str) -> dict[str, str]:
    return {f"why_{language}": wordings()[rule].text(language) for language in LANGUAGES}


def stopped(why: str) -> Play:
    """A case that waits for the applicant, with this reason in the fact that stopped its clock."""
    play = Play().open().judge(FIRST)
    facts = play.asked().facts
    assert one(TermSuspendedV1, facts).why == reasons.WAITING_APPLICANT
    state: Case | None = None
    for fact in facts:
        stops = isinstance(fact, TermSuspendedV1)
        state = evolve(state, fact.model_copy(update={"why": why}) if stops else fact)
    play.state = state
    return play


@pytest.mark.parametrize("why", [reasons.WAITING_APPLICANT, SENTENCES[reasons.WAITING_APPLICANT]])
def test_a_card_says_why_the_clock_stands_in_three_languages(why: str) -> None:
    play = stopped(why)
    document = Document("p", "review", state=play.case)
    card = operator_card(document, BOOK.edition(play.case.edition), play.now, play.calendars)
    [stop] = card["terms"][0]["ledger"]["suspensions"]
    assert stop == {**stop, "why": why, **said(reasons.WAITING_APPLICANT)}


@pytest.mark.parametrize("why", [reasons.WAITING_APPLICANT, SENTENCES[reasons.WAITING_APPLICANT]])
def test_the_paper_says_in_russian_why_the_clock_stood(why: str) -> None:
    play = stopped(why)
    play.later(days=2)
    play.answer("who", "why")
    concluded = Play().concluded()
    names = {signer.person_id: "И. И. Образцов" for signer in concluded.case.conclusions[-1].signers}
    case = concluded.case.model_copy(update={"terms": play.case.terms})
    made = paper(case, case.conclusions[-1], BOOK.edition(case.edition), names, play.now, play.calendars)
    assert [line.why for line in made.term_lines if line.state == "stopped"] == ["ожидание сведений от заявителя"]
    assert (made.verdict, made.kind) == ("Положительное", "первичная экспертиза")


@pytest.mark.parametrize("rule", SENTENCES)
def test_a_notice_says_the_reason_in_words_whatever_its_fact_has(rule: str) -> None:
    for why in (rule, SENTENCES[rule]):
        assert notice(why=why)["what"] == {"round": 1, "why": why, **said(rule)}
        assert said(rule)["why_en"] == SENTENCES[rule], "an earlier sentence is read as it was"


def test_a_notice_without_such_a_reason_is_shown_as_it_is() -> None:
    for what in ({}, {"why": "Довод обоснован."}, {"why": "totals: 2000 and 8000 of 10000"}):
        assert notice(**what)["what"] == {"round": 1, **what}


def notice(**what: str) -> dict[str, Any]:
    row = {"pilot": "p", "kind": "further-opinion-called", "fact": "f", "time": "t", "read": None}
    return notice_row({"_id": "n", **row, "what": {"round": 1, **what}}, persons=True)
