"""Separation of duties (разделение обязанностей): in one case a person either prepares, or judges, or decides.

No act was found that says so; it is an assumption, taken from how collegial expertise works: whoever picks the judges
does not judge, and whoever wrote or judged does not approve. It is asked by the person, never by the role: who has
several roles has one duty in a case. Whether that holds in its later rounds too is a switch of the edition.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from contracts.expertise import APPROVER, AUTHOR
from contracts.rules import Edition
from contracts.words import wording
from services.expertise.domain.parts import Round
from services.expertise.domain.state import Case
from services.law.decision import Refusal


class Duty(StrEnum):
    """What a person does in a case: подготовка (takes it in hand, assigns, asks, writes), оценка (judges as an
    expert), решение (approves, decides on appeals)."""

    PREPARES = "prepares"
    JUDGES = "judges"
    DECIDES = "decides"


WORDS: Final = {
    Duty.PREPARES: "duty.prepares",
    Duty.JUDGES: "duty.judges",
    Duty.DECIDES: "duty.decides",
}
"""The words for a duty."""


def other(case: Case, edition: Edition, person: str, duty: Duty) -> Duty | None:
    """The duty that a person has in a case already, where it is another one than this."""
    rounds = _rounds(case, edition)
    return next((one for one in Duty if one is not duty and person in set(_having(case, rounds, one))), None)


def need(case: Case, edition: Edition, person: str, duty: Duty) -> None:
    """Raises Refusal 403 for a person who has another duty in the case."""
    if (has := other(case, edition, person, duty)) is not None:
        raise Refusal("duty.another", status=403, duty=wording(WORDS[has]))


def obstacles(case: Case, edition: Edition, expert: str, acting: str) -> Iterator[Refusal]:
    """What stands in the way of having an expert judge: nobody assigns himself, and who prepares or decides judges
    not."""
    if expert == acting:
        yield Refusal("expert.oneself", status=403)
    elif (has := other(case, edition, expert, Duty.JUDGES)) is not None:
        yield Refusal("expert.another-duty", duty=wording(WORDS[has]))


def _rounds(case: Case, edition: Edition) -> tuple[Round, ...]:
    return (*case.past, case) if edition.switches.one_duty_in_all_rounds.on else (case,)


def _having(case: Case, rounds: tuple[Round, ...], duty: Duty) -> Iterator[str]:
    """Everybody who has a duty in these rounds."""
    numbers = {one.round for one in rounds}
    ruled = [one for one in case.appeals if one.decided_by is not None and one.round in numbers]
    papers = [one for one in case.conclusions if one.round in numbers]
    match duty:
        case Duty.PREPARES:
            yield from (one.operator for one in rounds if one.operator is not None)
            yield from (place.assigned_by for one in rounds for place in one.places)
            yield from (request.asked_by for one in rounds for request in one.requests)
            # An amendment is written by who decided on the appeal: that is no preparing.
            deciders = {one.decided_by for one in ruled}
            authors = (s.person_id for one in papers for s in one.signers if s.role == AUTHOR)
            yield from (one for one in authors if one not in deciders)
            yield from (one for part in rounds for one in part.wrote)
            if case.draft is not None and case.draft.replaces is None:  # by an earlier program: `wrote` lacks it
                yield case.draft.author
            yield from (one.who for part in rounds for term in part.terms for one in term.ledger.extensions)
        case Duty.JUDGES:
            yield from (place.expert for place in case.active())
            yield from (place.expert for one in rounds for place in one.places if place.opinions)
        case Duty.DECIDES:
            yield from (s.person_id for one in papers for s in one.signers if s.role == APPROVER)
            yield from (one.decided_by for one in ruled if one.decided_by is not None)
            yield from (one for part in rounds for one in part.sent_back_by)
