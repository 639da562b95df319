"""What a correction of the register cannot do, with the rule that says so: nothing changes by it."""

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.steps import (
    AgreementEntry,
    Completion,
    Correctable,
    Correction,
    Launch,
    PilotExtension,
    PilotSuspension,
)
from deploy.samples.common import DAY, basis, party
from deploy.samples.registry import AGREEMENT, ALL_ON, INDICATOR, MEMBERS, agreed, judge, paid, propose, scale, votes
from services.registry.domain import corrections
from services.registry.domain.commands import RecordReport
from tests.kit.common import with_numbers
from tests.kit.registry.life import Life, at, content

TOMORROW, YESTERDAY = DAY + timedelta(days=1), DAY - timedelta(days=1)
BEFORE_STEP = "date.before-the-step-before"
LATE = {"number": "5", "body": "Совет", "kind": "протокол", "date": str(TOMORROW)}


def suspend(since: date = DAY, day: date = DAY) -> PilotSuspension:
    return PilotSuspension(since=since, why="Ремонт.", basis=basis(day))


def prolong(until: date = date(2027, 3, 31), day: date = DAY) -> PilotExtension:
    return PilotExtension(until=until, why="Задержка.", basis=basis(day))


def correct(what: Correctable, said: Any, place: int = 1, day: date = DAY) -> Correction:
    return Correction(what=what, place=place, content=said, reason="Опечатка.", basis=basis(day, "испр-1"))


def whole() -> Life:
    """A life with an entry of every kind but a credit."""
    life = Life().running()
    life.spend(paid(500))
    life.pause()
    life.go_on()
    life.prolong(date(2027, 3, 31))
    life.complete()
    life.commission()
    life.do(propose(), judge(), scale())
    return life


WHOLE, CREDITED = whole(), at("credited")


def holder(what: Correctable) -> Life:
    """A life that has an entry of a kind."""
    return CREDITED if what is Correctable.CREDIT else WHOLE


def entry_of(life: Life, what: Correctable) -> dict[str, Any]:
    """The first entry of a kind, as it stands."""
    found = corrections.entry(life.pilot, what, 1)
    assert found is not None
    return content(found)


ENTRIES = {what: entry_of(holder(what), what) for what in Correctable}


def test_all_that_is_wrong_with_a_correction_is_named_at_once() -> None:
    said = {"agreement": content(AGREEMENT, region="atlantis", indicators=[content(INDICATOR, target="2")])}
    refusal = WHOLE.refused(correct(Correctable.AGREEMENT, {**ENTRIES[Correctable.AGREEMENT], **said, "basis": LATE}))
    assert [one.rule for one in refusal.problems] == ["region.unknown", "correction.judged", "date.future"]


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        (Correctable.EXPEDIENCY, {"decision": "not-expedient"}),
        (Correctable.SPENDING, {"event_id": "other"}),
        (Correctable.JUDGEMENT, {"outcome": "ineffective"}),
        (Correctable.JUDGEMENT, {"present": list(MEMBERS[:8])}),
        (Correctable.JUDGEMENT, {"votes": content(votes(8, 1))}),
        (Correctable.CREDIT, {"granted": False}),
        (Correctable.SUSPENSION, {"since": str(YESTERDAY)}),
        (Correctable.SUSPENSION, {"until": None}),
        (Correctable.COMMISSION, {"members": list(MEMBERS[:8])}),
        (Correctable.COMMISSION, {"secretary": "s-2"}),
        (Correctable.PROPOSAL, {"outcome": "ineffective"}),
        (Correctable.SCALING, {"decision": "do-not-scale", "replicas": []}),
    ],
)
def test_what_was_decided_cannot_be_corrected_into_something_else(what: Correctable, changes: dict[str, Any]) -> None:
    refusal = holder(what).refused(correct(what, {**ENTRIES[what], **changes}))
    assert (refusal.code, refusal.status) == ("correction.decides", 422)


@pytest.mark.parametrize("what", Correctable)
def test_what_is_not_there_cannot_be_corrected(what: Correctable) -> None:
    refusal = holder(what).refused(correct(what, ENTRIES[what], 2))
    assert (refusal.code, refusal.status) == ("correction.no-entry", 404)
    assert at("look-over").refused(correct(what, ENTRIES[what])).code == "correction.no-entry"


@pytest.mark.parametrize("what", Correctable)
def test_a_correction_that_is_no_entry_is_refused_with_its_faults(what: Correctable) -> None:
    refusal = holder(what).refused(correct(what, {}))
    assert (refusal.code, refusal.status) == ("correction.invalid", 422)
    assert refusal.problems and all(one.pointer.startswith("/content") for one in refusal.problems)


@pytest.mark.parametrize("what", Correctable)
def test_a_field_that_nobody_knows_is_refused_and_not_silently_lost(what: Correctable) -> None:
    refusal = holder(what).refused(correct(what, {**ENTRIES[what], "unheard_of": 1}))
    assert [(one.pointer, one.rule) for one in refusal.problems] == [("/content/unheard_of", "schema.extra-forbidden")]


def test_a_misspelt_field_deep_within_is_found_too() -> None:
    said = {**ENTRIES[Correctable.SPENDING], "payments": [{**content(paid(1)), "docment": "7"}]}
    refusal = WHOLE.refused(correct(Correctable.SPENDING, said))
    assert [one.pointer for one in refusal.problems] == ["/content/payments/0/docment"]


@pytest.mark.parametrize("what", [one for one in Correctable if one is not Correctable.SPENDING])
def test_a_corrected_document_is_not_dated_ahead_nor_is_the_one_of_the_correction(what: Correctable) -> None:
    assert holder(what).refused(correct(what, {**ENTRIES[what], "basis": LATE})).code == "date.future"
    assert holder(what).refused(correct(what, ENTRIES[what], day=TOMORROW)).code == "date.future"


def test_corrected_payments_are_not_dated_ahead() -> None:
    said = {**ENTRIES[Correctable.SPENDING], "payments": [content(paid(1, day=TOMORROW))]}
    assert WHOLE.refused(correct(Correctable.SPENDING, said)).code == "date.future"


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        (Correctable.AGREEMENT, {"basis": content(basis(YESTERDAY))}),
        (Correctable.LAUNCH, {"basis": content(basis(YESTERDAY))}),
        (Correctable.SUSPENSION, {"basis": content(basis(YESTERDAY))}),
        (Correctable.SUSPENSION, {"resumed": content(basis(YESTERDAY))}),
        (Correctable.EXTENSION, {"basis": content(basis(YESTERDAY))}),
        (Correctable.ENDING, {"on": str(YESTERDAY)}),
        (Correctable.COMMISSION, {"basis": content(basis(YESTERDAY))}),
        (Correctable.EXPEDIENCY, {"basis": content(basis(YESTERDAY))}),
        (Correctable.CREDIT, {"basis": content(basis(YESTERDAY))}),
        (Correctable.JUDGEMENT, {"basis": content(basis(YESTERDAY))}),
        (Correctable.SCALING, {"basis": content(basis(YESTERDAY))}),
    ],
)
def test_corrected_steps_stay_in_their_order(what: Correctable, changes: dict[str, Any]) -> None:
    refusal = holder(what).refused(correct(what, {**ENTRIES[what], **changes}))
    assert (refusal.code, refusal.status) == ("date.before-the-step-before", 422)


def test_a_corrected_launch_does_not_come_before_the_agreed_first_day() -> None:
    said = {**ENTRIES[Correctable.LAUNCH], "started": str(YESTERDAY)}
    assert WHOLE.refused(correct(Correctable.LAUNCH, said)).code == "launch.before-start"


def test_a_corrected_launch_does_not_come_before_the_document_of_the_agreement() -> None:
    life = Life().expedient().later(days=1)
    life.do(AgreementEntry(agreement=AGREEMENT, basis=basis(life.day)), Launch(started=life.day, basis=basis(life.day)))
    said = content(life.pilot.launch, started=str(DAY))
    assert life.refused(correct(Correctable.LAUNCH, said)).code == "date.before-the-step-before"


def test_no_correction_puts_the_minutes_before_the_naming_of_the_commission() -> None:
    life = at("finished")
    life.do(propose())
    life.later(days=3).commission()
    life.do(judge(day=life.day))
    early = correct(Correctable.JUDGEMENT, content(life.pilot.judgement, basis=content(basis())))
    assert life.refused(early).code == "date.before-the-step-before"
    life.later(days=1)
    late = correct(Correctable.COMMISSION, content(life.pilot.commission, basis=content(basis(life.day))))
    assert life.refused(late).code == "date.before-the-step-before"


def test_a_corrected_finish_lies_between_the_launch_and_the_proposal() -> None:
    life = at("finished").later(days=3)
    ended = content(life.pilot.ending)
    assert life.refused(correct(Correctable.ENDING, {**ended, "on": str(YESTERDAY)})).code == BEFORE_STEP
    assert life.refused(correct(Correctable.ENDING, {**ended, "on": str(life.day + timedelta(days=1))})).code == (
        "date.future"
    )
    life.commission()
    life.do(propose(day=TOMORROW))
    assert life.refused(correct(Correctable.ENDING, {**ended, "on": str(life.day)})).code == BEFORE_STEP
    life.do(correct(Correctable.ENDING, {**ended, "on": str(TOMORROW)}))
    assert life.pilot.ending is not None and life.pilot.ending.on == TOMORROW


def test_a_corrected_stop_does_not_come_before_the_pause_or_the_resumption_before_it() -> None:
    for resumes in (False, True):
        life = at("running").later(days=3)
        life.pause()
        last = life.day
        if resumes:
            life.later(days=3).go_on()
            last = life.day
        life.later(days=3).stop_early()
        ended = content(life.pilot.ending)
        early = correct(Correctable.ENDING, {**ended, "on": str(last - timedelta(days=1))})
        assert life.refused(early).code == BEFORE_STEP
        life.do(correct(Correctable.ENDING, {**ended, "on": str(last)}))


def test_papers_that_were_in_order_bar_no_correction_of_another_entry() -> None:
    life = at("agreed").later(days=10)
    life.do(Launch(started=DAY, basis=basis(life.day)))
    life.do(prolong(day=TOMORROW), suspend(TOMORROW, DAY))
    life.do(correct(Correctable.EXPEDIENCY, content(life.pilot.decisions[0], basis=content(basis(number="9")))))
    assert life.pilot.decisions[0].basis.number == "9"


def test_a_corrected_agreement_leaves_a_launched_pilot_within_its_bounds() -> None:
    life = Life().running(until="2027-04-15")

    def told(**changes: Any) -> list[str]:
        agreed_on = life.pilot.agreement
        assert agreed_on is not None
        said = content(agreed_on, agreement=content(agreed_on.agreement, **changes))
        return [one.rule for one in life.refused(correct(Correctable.AGREEMENT, said)).problems]

    assert told(starts=str(TOMORROW)) == ["agreement.starts-after-launch"], "it was launched before that"
    assert told(starts=str(YESTERDAY)) == ["pilot.too-long"]
    life.do(prolong(date(2027, 10, 15)))
    assert told(until="2027-04-14") == ["agreement.does-not-fit-extension"], (
        "the extension would be longer than six months"
    )
    assert told(until="2027-04-16") == ["pilot.too-long"]


def test_a_corrected_extension_stays_within_the_bounds_of_one() -> None:
    for until in (AGREEMENT.until, date(2027, 7, 1)):
        said = {**ENTRIES[Correctable.EXTENSION], "until": str(until)}
        refusal = WHOLE.refused(correct(Correctable.EXTENSION, said))
        assert (refusal.code, refusal.status) == ("pilot.extension-bounds", 422)


def test_a_corrected_extension_leaves_the_next_one_within_the_bounds_of_one() -> None:
    life = Life(book=with_numbers("by-2024", ALL_ON, pilot_extensions_max=2, pilot_extension_months=1)).running()
    life.do(prolong(date(2027, 1, 31)), prolong(date(2027, 2, 28)))
    first, second = (content(one) for one in life.pilot.prolongations)
    for wrong, place in (
        ({**first, "until": "2027-01-20"}, 1),
        ({**first, "until": "2027-03-01"}, 1),
        ({**second, "until": "2027-01-31"}, 2),
        ({**second, "until": "2027-03-01"}, 2),
    ):
        assert life.refused(correct(Correctable.EXTENSION, wrong, place)).code == "pilot.extension-bounds"
    life.do(correct(Correctable.EXTENSION, {**second, "until": "2027-02-10"}, 2))
    life.do(correct(Correctable.EXTENSION, {**first, "until": "2027-01-28"}, 1))
    assert (life.pilot.until, life.due_day("carrying-out")) == (date(2027, 2, 10), date(2027, 2, 10))


# ---- documents stay


BLANKS = [{"body": " "}, {"kind": "\t"}, {"number": " \n"}]


@pytest.mark.parametrize("blank", BLANKS, ids=lambda one: next(iter(one)))
@pytest.mark.parametrize("what", [one for one in Correctable if one is not Correctable.SPENDING])
def test_a_document_is_not_corrected_into_blanks(what: Correctable, blank: dict[str, str]) -> None:
    said = {**ENTRIES[what], "basis": {**content(basis()), **blank}}
    refusal = holder(what).refused(correct(what, said))
    assert (refusal.code, refusal.status) == ("correction.invalid", 422)
    assert [one.pointer for one in refusal.problems] == [f"/content/basis/{next(iter(blank))}"]


@pytest.mark.parametrize("what", [one for one in Correctable if "basis" in ENTRIES[one] and one != "ending"])
def test_a_document_that_every_entry_of_a_kind_has_is_not_corrected_away(what: Correctable) -> None:
    refusal = holder(what).refused(correct(what, {**ENTRIES[what], "basis": None}))
    assert [(one.pointer, refusal.code) for one in refusal.problems] == [("/content/basis", "correction.invalid")]


def test_the_document_of_an_early_stop_and_of_a_resumption_is_not_corrected_away() -> None:
    stopped = at("stopped-early")
    without = {name: said for name, said in content(stopped.pilot.ending).items() if name != "basis"}
    for said in (without, {**without, "basis": None}):
        assert stopped.refused(correct(Correctable.ENDING, said)).code == "correction.no-document"
    paused = ENTRIES[Correctable.SUSPENSION]
    assert paused["resumed"] is not None
    for gone, code in ((None, "correction.no-document"), (content(basis(), number=" "), "correction.invalid")):
        refusal = WHOLE.refused(correct(Correctable.SUSPENSION, {**paused, "resumed": gone}))
        assert refusal.code == code


def test_a_finish_that_was_reported_needs_no_document_to_be_corrected() -> None:
    ended = ENTRIES[Correctable.ENDING]
    assert ended["basis"] is None
    life = whole()
    life.do(correct(Correctable.ENDING, {**ended, "text": "Иначе."}))
    assert life.pilot.ending is not None and life.pilot.ending.text == "Иначе."


def test_no_correction_lets_carrying_out_go_on() -> None:
    life = at("suspended")
    said = content(life.pilot.pauses[0], resumed=content(basis()))
    refusal = life.refused(correct(Correctable.SUSPENSION, said))
    assert (refusal.code, refusal.status) == ("correction.decides", 422)


def test_by_what_the_commission_has_judged_is_not_corrected_afterwards() -> None:
    other = {"agreement": content(AGREEMENT, indicators=[content(INDICATOR, target="2")])}
    refusal = WHOLE.refused(correct(Correctable.AGREEMENT, {**ENTRIES[Correctable.AGREEMENT], **other}))
    assert (refusal.code, refusal.status) == ("correction.judged", 422)
    life = at("at-commission")
    life.do(correct(Correctable.AGREEMENT, {**content(life.pilot.agreement), **other}))
    assert life.pilot.agreement is not None and life.pilot.agreement.agreement.indicators[0].target == "2"


def test_a_corrected_step_does_not_overtake_the_one_after_it() -> None:
    life = at("running").later(days=5)
    assert life.pilot.agreement is not None
    late = content(life.pilot.agreement, basis=content(basis(TOMORROW)))
    assert life.refused(correct(Correctable.AGREEMENT, late)).code == "date.before-the-step-before"
    life.stop_early()
    assert life.pilot.launch is not None
    after_stop = content(life.pilot.launch, started=str(life.day))
    life.later(days=1)
    life.do(correct(Correctable.LAUNCH, after_stop))
    too_late = content(life.pilot.launch, started=str(life.day))
    assert life.refused(correct(Correctable.LAUNCH, too_late)).code == "date.before-the-step-before"


def test_a_corrected_launch_lies_before_the_agreed_end() -> None:
    life = Life().running(until=str(TOMORROW)).later(days=5)
    assert life.pilot.launch is not None
    said = content(life.pilot.launch, started=str(DAY + timedelta(days=2)))
    assert life.refused(correct(Correctable.LAUNCH, said)).code == "launch.after-end"


@pytest.mark.parametrize(
    ("what", "changes", "code", "rule"),
    [
        (
            Correctable.AGREEMENT,
            {"agreement": content(AGREEMENT, region="atlantis")},
            "agreement.invalid",
            "region.unknown",
        ),
        (
            Correctable.AGREEMENT,
            {"agreement": content(AGREEMENT, executor=content(party("700000140")))},
            "agreement.invalid",
            "executor.other",
        ),
        (Correctable.SPENDING, {"payments": [content(paid(1, "lottery"))]}, "correction.invalid", "source.unknown"),
        (Correctable.JUDGEMENT, {"values": []}, "values.invalid", "criterion.missing"),
        (Correctable.PROPOSAL, {"values": []}, "values.invalid", "criterion.missing"),
        (Correctable.SCALING, {"replicas": []}, "scaling.invalid", "replicas.missing"),
        (Correctable.SCALING, {"windows": []}, "scaling.invalid", "windows.missing"),
    ],
)
def test_a_corrected_entry_is_held_to_the_same_rules_as_a_new_one(
    what: Correctable, changes: dict[str, Any], code: str, rule: str
) -> None:
    refusal = holder(what).refused(correct(what, {**ENTRIES[what], **changes}))
    assert refusal.code == code
    assert rule in [one.rule for one in refusal.problems]


# ---- all of them


UNLIKELY: list[tuple[Correctable, dict[str, Any], str, str]] = [
    (Correctable.CREDIT, {"evidence": ""}, "/content/evidence", "schema.blank"),
    (Correctable.SCALING, {"evidence": " "}, "/content/evidence", "schema.blank"),
    (Correctable.JUDGEMENT, {"text": "\t"}, "/content/text", "schema.blank"),
    (Correctable.SUSPENSION, {"why": "я" * 20_001}, "/content/why", "schema.string-too-long"),
    (Correctable.ENDING, {"on": "1999-12-31"}, "/content/on", "schema.year-beyond"),
    (Correctable.AGREEMENT, {"agreement": content(agreed(), starts="0001-01-01")}, "/content/agreement/starts", ""),
    (Correctable.SPENDING, {"payments": []}, "/content/payments", "schema.too-short"),
    (Correctable.SPENDING, {"payments": [content(paid(0))]}, "/content/payments/0/amount_minor", "amount.zero"),
]


@pytest.mark.parametrize(("what", "changes", "pointer", "rule"), UNLIKELY)
def test_a_correction_that_says_nothing_or_the_unlikely_is_refused_at_its_place(
    what: Correctable, changes: dict[str, Any], pointer: str, rule: str
) -> None:
    refusal = holder(what).refused(correct(what, {**ENTRIES[what], **changes}))
    assert (refusal.code, refusal.status) == ("correction.invalid", 422)
    assert (pointer, rule or "schema.day-for-nothing") in [(one.pointer, one.rule) for one in refusal.problems]


def test_a_correction_puts_no_end_before_a_pause_and_no_proposal_before_the_end() -> None:
    life = Life().running().later(days=20)
    life.pause()
    life.later(days=5).go_on()
    life.later(days=5).complete()
    life.commission()
    life.later(days=1).do(propose(day=life.day))
    ended, proposed, launched = (
        entry_of(life, one) for one in (Correctable.ENDING, Correctable.PROPOSAL, Correctable.LAUNCH)
    )
    early = str(DAY + timedelta(days=10))
    assert life.refused(correct(Correctable.ENDING, {**ended, "on": early}, day=life.day)).code == BEFORE_STEP
    before = {**proposed, "basis": content(basis(DAY + timedelta(days=29)))}
    assert life.refused(correct(Correctable.PROPOSAL, before, day=life.day)).code == BEFORE_STEP
    late = {**launched, "started": str(life.day)}
    assert life.refused(correct(Correctable.LAUNCH, late, day=life.day)).code == BEFORE_STEP


def test_an_end_that_the_executor_dated_before_a_pause_bars_no_correction_of_something_else() -> None:
    life = Life().running().later(days=20)
    life.pause()
    life.do(RecordReport("done-1", Completion(finished=DAY, summary="Готово.", values=())))
    launched = entry_of(life, Correctable.LAUNCH)
    life.do(correct(Correctable.LAUNCH, {**launched, "basis": content(basis(number="77"))}, day=life.day))
    assert life.pilot.launch is not None and life.pilot.launch.basis.number == "77"
