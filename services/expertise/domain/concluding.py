"""The conclusion (заключение): written, approved by a second person, numbered, appealed against."""

from datetime import date

from contracts.expertise import (
    APPROVER,
    AUTHOR,
    AppealDecidedV1,
    AppealOpenedV1,
    ApprovedConclusion,
    ConclusionAnnulledV1,
    ConclusionApprovedV1,
    ConclusionDraftedV1,
    ConclusionIssuedV1,
    ConclusionSentBackV1,
    Signer,
)
from contracts.reference import Verdict
from contracts.steps import Appeal, AppealDecision, AppealOutcome, WrittenConclusion
from contracts.words import problem
from services.expertise.domain.casework import CaseDecision
from services.expertise.domain.closing import open_round, rounds_left
from services.expertise.domain.commands import Number, SendBack
from services.expertise.domain.duties import Duty
from services.expertise.domain.opinions import need_agreement, need_size
from services.expertise.domain.parts import Conclusion, Draft, KnownAppeal
from services.expertise.domain.series import subject_of
from services.expertise.domain.state import APPEAL, Case, Status
from services.expertise.domain.terms import TERMS
from services.law.decision import Refusal
from services.law.faults import need_come


def write(decision: CaseDecision, command: WrittenConclusion) -> None:
    """The operator writes the conclusion once the opinions are in. Raises Refusal with all that is missing."""
    decision.need_own_case()
    if decision.case.status is not Status.TO_CONCLUDE:
        raise Refusal("review.not-to-conclude", stands=decision.stands)
    if decision.case.request() is not None:
        raise Refusal("request.open")
    _need_content(decision, command)
    _draft(decision, command, None)


def _draft(decision: CaseDecision, command: WrittenConclusion, replaces: str | None) -> None:
    decision.then(
        ConclusionDraftedV1.made_of(
            command, actor=decision.actor, round=decision.case.round, at=decision.now, replaces=replaces
        )
    )


def _need_content(decision: CaseDecision, command: WrittenConclusion) -> None:
    """In a repeat every remark of the conclusion before is judged, and none that had to be met may be open in a
    plain positive one (assumption)."""
    need_size(command.text, command.remarks, [one.text or "" for one in command.earlier_remarks])
    need_agreement(command.verdict, command.remarks, decision.edition)
    before = decision.case.earlier_conclusion()
    count = len(before.remarks) if before else 0
    places = [one.place for one in command.earlier_remarks]
    problems = [
        problem(f"/earlier_remarks/{at}/place", "remark.unknown")
        for at, place in enumerate(places)
        if place > count or places.index(place) != at
    ]
    problems += [
        problem("/earlier_remarks", "remark.not-judged", place=n) for n in range(1, count + 1) if n not in places
    ]
    if problems:
        raise Refusal("earlier-remarks.invalid", status=422, problems=problems)
    unmet = {one.place for one in command.earlier_remarks if not one.met}
    must = {n for n, remark in enumerate(before.remarks if before else (), 1) if remark.must_fix}
    if command.verdict is Verdict.POSITIVE and (places_unmet := sorted(unmet & must)):
        raise Refusal("verdict.remarks-unmet", status=422, places=[str(one) for one in places_unmet])


def approve(decision: CaseDecision) -> None:
    """A second person approves the draft; its number is drawn from the year's series. Raises Refusal."""
    draft = _draft_for_second_person(decision)
    case = decision.case
    if draft.replaces is None and len(case.counted()) < case.needed:
        raise Refusal("conflict.open")
    if (main := case.main()) is not None:
        TERMS.end(decision, main.kind)
    approved = as_approved(case, draft, decision.today)
    decision.then(
        ConclusionApprovedV1.made_of(
            approved,
            actor=decision.actor,
            edition=case.edition,
            series=subject_of(decision.edition.conclusions.series, decision.today.year),
            signers=(*approved.signers, Signer(person_id=decision.actor.id, role=APPROVER)),
            notify=tuple(one for one in case.told_of(draft.author, case.operator) if one != decision.actor.id),
        )
    )


def send_back(decision: CaseDecision, command: SendBack) -> None:
    """The second person does not approve. Raises Refusal."""
    draft = _draft_for_second_person(decision)
    decision.then(
        ConclusionSentBackV1.made_of(
            command,
            actor=decision.actor,
            round=decision.case.round,
            notify=decision.case.told_of(draft.author),
        )
    )


def _draft_for_second_person(decision: CaseDecision) -> Draft:
    draft = decision.case.draft
    if decision.case.status is not Status.TO_APPROVE or draft is None:
        raise Refusal("conclusion.no-draft")
    if draft.author == decision.actor.id:
        raise Refusal("conclusion.second-person", status=403)
    decision.need_duty(Duty.DECIDES)
    if draft.replaces is not None and decision.actor.id in _signers(decision.case, draft.replaces):
        raise Refusal("appeal.others", status=403)
    return draft


def as_approved(case: Case, draft: Draft, on: date) -> ApprovedConclusion:
    """A draft as the conclusion that it becomes if it is approved on a day; only its author has signed it yet."""
    return ApprovedConclusion.made_of(
        draft,
        round=case.round,
        submission=case.submission,
        date=on,
        signers=(Signer(person_id=draft.author, role=AUTHOR),),
        judges=case.judging(),
    )


def _signers(case: Case, number: str) -> set[str]:
    return {signer.person_id for one in case.conclusions if one.number == number for signer in one.signers}


def number(decision: CaseDecision, command: Number) -> None:
    """The conclusion is in force under its number; also when the case was closed meanwhile: it was approved."""
    approved = decision.case.approved
    if approved is None:
        return
    decision.then(
        ConclusionIssuedV1.made_of(
            approved,
            actor=decision.actor,
            agency=decision.case.agency,
            number=command.number,
            papers=command.papers,
            rounds_left=rounds_left(decision.case, decision.edition),
            notify=decision.case.people(),
        )
    )


# ---- appeals


def open_appeal(decision: CaseDecision, command: Appeal) -> None:
    """An appeal against the conclusion in force, where the edition knows appeals; one for each. Raises Refusal."""
    decision.need_duty(Duty.PREPARES)
    if not decision.edition.switches.appeal.on:
        raise Refusal("appeal.off")
    conclusion = _of_this_round(decision.case)
    if decision.case.status is not Status.CONCLUDED or conclusion is None:
        raise Refusal("appeal.no-conclusion")
    if any(one.number == conclusion.number for one in decision.case.appeals):
        raise Refusal("appeal.decided")
    need_come(command.basis.date, "/basis/date", decision.today)
    decision.then(
        AppealOpenedV1.made_of(
            command, actor=decision.actor, round=decision.case.round, at=decision.now, number=conclusion.number
        ),
        TERMS.started(decision, APPEAL),
    )


def _of_this_round(case: Case) -> Conclusion | None:
    found = case.in_force()
    return found if found is not None and found.round == case.round else None


def decide_appeal(decision: CaseDecision, command: AppealDecision) -> None:
    """Others than the signers and experts decide: the conclusion stands, is amended, or is annulled. Raises Refusal.

    An amendment is a draft that another person approves under a number of its own. An annulled conclusion is
    followed by a repeat expertise of the same application.
    """
    appeal = decision.case.appeal()
    if decision.case.status is not Status.APPEALED or appeal is None:
        raise Refusal("appeal.not-open")
    if decision.actor.id in {*_signers(decision.case, appeal.number), appeal.opened_by}:
        raise Refusal("appeal.others", status=403)
    decision.need_duty(Duty.DECIDES)
    if (command.outcome is AppealOutcome.AMENDED) != (command.amended is not None):
        raise Refusal("appeal.amendment", status=422)
    need_come(command.basis.date, "/basis/date", decision.today)
    if command.amended is not None:
        _need_content(decision, command.amended)
    decision.then(
        AppealDecidedV1.made_of(
            command,
            actor=decision.actor,
            round=decision.case.round,
            number=appeal.number,
            notify=decision.case.people(),
        )
    )
    # An amendment that is not approved leaves the appeal undecided, so its term runs until the approval.
    if command.amended is None:
        TERMS.end(decision, APPEAL)
    _carry_out(decision, command, appeal)


def _carry_out(decision: CaseDecision, command: AppealDecision, appeal: KnownAppeal) -> None:
    case = decision.case
    if command.amended is not None:
        _draft(decision, command.amended, appeal.number)
    if command.outcome is AppealOutcome.ANNULLED:
        decision.then(
            ConclusionAnnulledV1(actor=decision.actor, agency=case.agency, round=case.round, number=appeal.number)
        )
        open_round(decision, case.application, case.submission, ())
