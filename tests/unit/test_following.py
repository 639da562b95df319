"""A receipt alone says where an application stands, whom it waits for, and why: in every state that there is."""

from typing import Any

import pytest

from contracts.agency import ReceiptOutcome
from contracts.registry import ScalingDecidedV1
from contracts.steps import Scaling
from deploy.samples.common import NOW
from services.chassis.subject import Document
from services.intake.domain.commands import Note
from services.intake.domain.state import KIND, pilot_id
from services.intake.following import Receipt, receipt
from tests.kit.common import SOMEBODY
from tests.kit.intake.story import BASIS, CODE, ITEMS, REASONS, STATES, STOP, after

WAITS: dict[str, tuple[str, str | None]] = {
    "registered": ("registered", "officer"),
    "breached": ("registered", "officer"),
    "refused": ("refused", None),
    "accepted": ("accepted", "expertise"),
    "asked": ("accepted", "applicant"),
    "returned": ("returned", "applicant"),
    "resubmitted": ("registered", "officer"),
    "lapsed": ("lapsed", None),
    "withdrawn": ("withdrawn", None),
    "stopped": ("stopped", None),
    "negative": ("concluded", "applicant"),
    "negative for good": ("concluded", "council"),
    "last negative": ("concluded", "council"),
    "positive": ("concluded", "council"),
    "postponed": ("concluded", "council"),
    "decided on": ("decided", "executor"),
    "negative and expedient": ("decided", "executor"),
    "not expedient": ("decided", None),
    "credited": ("decided", None),
    "agreed on": ("decided", "executor"),
    "carried out": ("decided", "executor"),
    "finished": ("decided", "executor"),
    "judged": ("decided", None),
    "stopped early": ("decided", None),
    "stopped before it began": ("decided", None),
    "annulled": ("accepted", "expertise"),
    "returned by the expertise": ("returned", "applicant"),
    "refused by the expertise": ("refused-in-expertise", None),
}
"""Of each state: how it is called in a receipt, and whom it waits for."""
SCALED = after(
    Note(
        ScalingDecidedV1(
            actor=SOMEBODY,
            at=NOW,
            decision=Scaling.SCALE,
            evidence="Показатели достигнуты.",
            conditions="Два района.",
            basis=BASIS,
        )
    ),
    state=STATES["judged"],
)


def told(state: Any) -> Receipt:
    """The receipt of the event that began the pilot."""
    found = receipt(Document(pilot_id(CODE, "a-1"), KIND, state=state), "a-1")
    assert found is not None
    return found


def steps(state: Any) -> dict[str, Any]:
    return {one.step: one for one in told(state).steps}


def test_every_state_is_known_here() -> None:
    assert set(WAITS) == set(STATES) - {"none"}


@pytest.mark.parametrize("name", sorted(WAITS))
def test_a_receipt_says_how_it_stands_and_whom_it_waits_for(name: str) -> None:
    state, (status, waits) = STATES[name], WAITS[name]
    said = told(state)
    assert (said.status, said.waits_for) == (status, waits)
    refused = name == "refused"
    assert said.outcome is (ReceiptOutcome.REFUSED if refused else ReceiptOutcome.REGISTERED)
    assert (said.number is None) == refused and bool(said.problems and said.problems[0].severity == "block") == refused
    assert (said.due_at is not None) == (state.running is not None)


def test_a_return_and_a_refusal_say_their_coded_reasons_and_a_stop_its_words_and_document() -> None:
    assert told(STATES["returned"]).reasons == REASONS
    for name in ("returned by the expertise", "refused by the expertise"):
        assert [one.code for one in told(STATES[name]).reasons] == ["no-answer"]
    stopped = told(STATES["stopped"]).stopped
    assert stopped is not None and (stopped.reason, stopped.basis) == (STOP.reason, STOP.basis)
    assert told(STATES["resubmitted"]).reasons == () and told(STATES["resubmitted"]).submission == 2


def test_an_open_request_is_told_whole_and_one_that_fell_away_not_at_all() -> None:
    [asked] = told(STATES["asked"]).open_requests
    assert (asked.items, asked.on_expiry, asked.open_items) == (ITEMS, "return", tuple(one.id for one in ITEMS))
    assert asked.id == "r-1" and asked.due_at is not None
    assert told(after(STOP, state=STATES["asked"])).open_requests == ()


def test_a_conclusion_is_told_with_its_verdict_and_remarks_until_it_is_annulled() -> None:
    conclusion = told(STATES["negative"]).conclusion
    assert conclusion is not None
    assert (conclusion.verdict, conclusion.number, len(conclusion.remarks)) == ("negative", "ЗЭ-2026-0001", 2)
    assert told(STATES["annulled"]).conclusion is None


@pytest.mark.parametrize(
    ("name", "decision"),
    [
        ("decided on", "expedient"),
        ("not expedient", "not-expedient"),
        ("postponed", "postponed"),
        ("credited", "credited"),
    ],
)
def test_the_councils_decision_is_told_with_its_document(name: str, decision: str) -> None:
    said = told(STATES[name]).decision
    assert said is not None and said.decision == decision and said.basis.number


def test_each_step_in_the_register_is_told_with_its_day_its_words_and_its_document() -> None:
    life = steps(SCALED)
    assert list(life) == ["agreed", "launched", "judged", "scaling-decided"]
    assert all(one.basis == BASIS for one in life.values())
    assert life["agreed"].day and life["agreed"].until and life["launched"].day
    assert (life["judged"].decision, life["judged"].text) == ("effective", "Эффективен.")
    assert (life["scaling-decided"].decision, life["scaling-decided"].text) == ("scale", "Два района.")
    early = steps(STATES["stopped early"])["stopped-early"]
    assert (early.text, bool(early.day)) == ("Нет смысла.", True)
