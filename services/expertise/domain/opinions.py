"""Experts' opinions (мнения экспертов): scores with their reasons, versions that stay, disagreement."""

from collections.abc import Sequence
from fractions import Fraction

from contracts.expertise import FurtherOpinionCalledV1, OpinionGivenV1
from contracts.reference import WHOLE, Problem, Remark, Verdict
from contracts.rules import Edition
from contracts.steps import Opinion, Score
from contracts.words import problem
from services.expertise.domain.casework import CaseDecision
from services.expertise.domain.duties import Duty
from services.expertise.domain.parts import GivenOpinion, Place, PlaceStatus
from services.expertise.domain.state import WORKING
from services.law import reasons
from services.law.decision import Refusal

MOST_TEXT = 50_000
"""Characters of all texts of an opinion or a conclusion together: a case with all its versions must fit a document of
the database, and a conclusion the receipt that carries it to the agency."""
MOST_VERSIONS = 10
"""How often an opinion may be given, its changes among them, for the same reason."""


def give(decision: CaseDecision, command: Opinion) -> None:
    """The acting expert's opinion, or a new version of it; the earlier ones stay. Raises Refusal."""
    place = _own(decision)
    if place.opinions and not command.why_changed:
        raise Refusal("opinion.needs-reason", status=422)
    if len(place.opinions) >= MOST_VERSIONS:
        raise Refusal("opinion.too-often", most=MOST_VERSIONS)
    need_size(command.text, command.remarks, [score.reason for score in command.scores])
    need_agreement(command.verdict, command.remarks, decision.edition)
    if problems := _faults(command.scores, decision.edition):
        raise Refusal("scores.invalid", status=422, problems=problems)
    decision.then(
        OpinionGivenV1.made_of(
            command,
            actor=decision.actor,
            round=decision.case.round,
            at=decision.now,
            expert_id=place.expert,
            version=len(place.opinions) + 1,
            total=total(command.scores, decision.edition),
            why_changed=command.why_changed if place.opinions else None,
            notify=decision.case.deciding(),
        )
    )
    call_for_another(decision)


def _own(decision: CaseDecision) -> Place:
    expert = decision.actor.id
    place = decision.case.place_of(expert)
    if place is None or expert in decision.case.hidden_from:
        raise Refusal("opinion.not-yours", status=403)
    if decision.case.status not in WORKING:
        raise Refusal("review.not-working", stands=decision.stands)
    if place.status is not PlaceStatus.ACCEPTED:
        raise Refusal("assignment.not-accepted")
    decision.need_duty(Duty.JUDGES)
    return place


def need_size(text: str, remarks: Sequence[Remark], others: Sequence[str] = ()) -> None:
    """Raises Refusal when the texts together are too long."""
    length = len(text) + sum(len(remark.text) for remark in remarks) + sum(map(len, others))
    if length > MOST_TEXT:
        raise Refusal("text.too-long", status=422, have=length, most=MOST_TEXT)


def need_agreement(verdict: Verdict, remarks: Sequence[Remark], edition: Edition) -> None:
    """A verdict with remarks has remarks and a plain positive one has none (assumption); whether there is such a
    verdict at all is a switch of the edition. Raises Refusal."""
    if verdict is Verdict.POSITIVE_WITH_REMARKS and not edition.switches.remarks_with_positive.on:
        raise Refusal("verdict.unknown", status=422)
    if verdict is Verdict.POSITIVE_WITH_REMARKS and not remarks:
        raise Refusal("verdict.needs-remarks", status=422)
    if verdict is Verdict.POSITIVE and remarks:
        raise Refusal("verdict.has-remarks", status=422)


def _faults(scores: Sequence[Score], edition: Edition) -> list[Problem]:
    """Everything that is wrong with the scores, each at its place."""
    criteria = edition.criteria
    wanted = {entry.code for entry in criteria.entries}
    found, met = list[Problem](), set[str]()
    for place, score in enumerate(scores):
        if score.criterion not in wanted:
            found.append(problem(f"/scores/{place}/criterion", "criterion.unknown", codes=sorted(wanted) or ["—"]))
        elif score.criterion in met:
            found.append(problem(f"/scores/{place}/criterion", "criterion.twice"))
        if not criteria.scale_min <= score.value <= criteria.scale_max:
            least, most = criteria.scale_min, criteria.scale_max
            found.append(problem(f"/scores/{place}/value", "score.off-scale", least=least, most=most))
        met.add(score.criterion)
    for code in sorted(wanted - met):
        found.append(problem("/scores", "criterion.missing", code=code))
    return found


def total(scores: Sequence[Score], edition: Edition) -> int | None:
    """The weighted sum in basis points of the highest possible one; None where the edition has no criteria."""
    criteria = edition.criteria
    if not criteria.entries:
        return None
    weights = {entry.code: entry.weight for entry in criteria.entries}
    reached = sum(weights[score.criterion] * (score.value - criteria.scale_min) for score in scores)
    highest = sum(weights.values()) * (criteria.scale_max - criteria.scale_min)
    return int(Fraction(reached * WHOLE, highest))


def call_for_another(decision: CaseDecision) -> None:
    """Where the opinions are all in and too far apart, one more is called for, up to the edition's most.

    Asked after everything by which an opinion comes to count: it was given, or its expert's conflict was dismissed.
    """
    case = decision.case
    if case.status not in WORKING:
        return
    opinions, most = case.counted(), decision.edition.numbers.opinions_most.value
    apart = disagreement(opinions, decision.edition)
    if len(opinions) != case.needed or case.needed < 2 or case.needed >= most or not apart:
        return
    decision.then(
        FurtherOpinionCalledV1(
            actor=decision.actor,
            round=case.round,
            needed=case.needed + 1,
            why=apart,
            notify=case.deciding(),
        )
    )


def disagreement(opinions: Sequence[GivenOpinion], edition: Edition) -> str | None:
    """The id of the way in which opinions are too far apart: one for and one against, or totals beyond the edition's
    bound."""
    if len({one.verdict is Verdict.NEGATIVE for one in opinions}) > 1:
        return reasons.VERDICTS_APART
    totals = [one.total for one in opinions if one.total is not None]
    bound = edition.numbers.opinion_disagreement.share
    if len(totals) > 1 and Fraction(max(totals) - min(totals), WHOLE) > bound:
        return reasons.TOTALS_APART
    return None
