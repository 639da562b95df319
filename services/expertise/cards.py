"""A case as its readers see it: operators, approvers and auditors the whole, an expert what an expert may see."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from contracts.rules import Edition
from services.chassis.subject import Document
from services.expertise.domain.parts import Place, Request
from services.expertise.domain.state import Case
from services.law import reasons
from services.law.calendar import Calendars
from services.law.ledger import Ledger, remaining
from services.law.terms import CountedTerm

TO_ALL: Final = (
    "agency",
    "number",
    "edition",
    "status",
    "round",
    "kind",
    "submission",
    "opened",
    "application",
    "needed",
    "earlier",
    "changes",
    "met",
    "operator",
    "closed",
    "due_at",
    "conclusions",
)
"""What an expert is shown of a case as it is; of the rest only what `expert_card` makes of it."""
NOT_SHOWN: Final = frozenset({"order", "calendars", "organisations", "terms", "requests"})
"""Fields that only serve the lists, and those that a card shows in a form of its own."""


def operator_card(document: Document, edition: Edition, now: datetime, calendars: Calendars) -> dict[str, Any]:
    """The whole case."""
    case = _case(document)
    return {
        "id": document.subject,
        "version": document.version,
        **case.model_dump(mode="json", exclude=set(NOT_SHOWN)),
        **_common(case, edition, now, calendars),
    }


def expert_card(
    document: Document, edition: Edition, now: datetime, calendars: Calendars, expert: str
) -> dict[str, Any]:
    """A case for one of its experts: no draft, no conflicts, and the others' opinions only when all are in."""
    case = _case(document)
    own = case.place_of(expert)
    shown = case.model_dump(mode="json", include=set(TO_ALL))
    for conclusion in shown.get("conclusions", ()):
        conclusion.pop("judges")  # who else judged is nobody's affair but the operator's
    return {
        "id": document.subject,
        "version": document.version,
        **shown,
        **_common(case, edition, now, calendars),
        "owed": [one.model_dump(mode="json") for one in case.owed if one.who == expert],
        "place": _place(own) if own is not None else None,
        "blind": own is None or not others_shown(case, own),
        "others": _others(case, own) if own is not None else [],
    }


def others_shown(case: Case, own: Place) -> bool:
    """Whether an expert may read the others: the own opinion is in, and so are all that are needed."""
    return bool(own.opinions) and len(case.counted()) >= case.needed


def _case(document: Document) -> Case:
    assert isinstance(document.state, Case)
    return document.state


def _place(place: Place) -> dict[str, Any]:
    return place.model_dump(mode="json", include={"status", "assigned", "opinions"})


def _others(case: Case, own: Place) -> list[dict[str, Any]]:
    """The others' opinions without their names: an opinion is read for what it says."""
    if not others_shown(case, own):
        return []
    judging = [one for one in case.active() if one.expert not in case.hidden_from and one.expert != own.expert]
    return [
        {"opinions": [opinion.model_dump(mode="json") for opinion in one.opinions]} for one in judging if one.opinions
    ]


def _common(case: Case, edition: Edition, now: datetime, calendars: Calendars) -> dict[str, Any]:
    return {
        "criteria": edition.criteria.model_dump(mode="json", exclude={"origin"}),
        "terms": [_term(one, now, calendars) for one in case.terms],
        "requests": [_request(one) for one in case.requests],
        "earlier_remarks": _earlier_remarks(case),
    }


def _term(running: CountedTerm, now: datetime, calendars: Calendars) -> dict[str, Any]:
    """A term with its clock, and what is left of it by the calendar of today."""
    ledger, due, near = running.ledger, running.clock.due_at, running.clock.nearing_at
    left = remaining(ledger, ledger.ended or now, calendars[ledger.term.calendar])
    return {
        "kind": running.kind,
        "open": running.open,
        **running.clock.model_dump(mode="json", include={"due_at", "nearing_at"}),
        "left": left,
        "nearing": due is not None and near is not None and near <= now < due,
        "breached": due is not None and due <= now,
        "suspended": running.open and ledger.stopped,
        "ledger": _ledger(ledger),
    }


def _ledger(ledger: Ledger) -> dict[str, Any]:
    shown = ledger.model_dump(mode="json")
    return {**shown, "suspensions": [reasons.beside(one) for one in shown["suspensions"]]}


def _request(request: Request) -> dict[str, Any]:
    return {**request.model_dump(mode="json"), "open_items": list(request.open_items)}


def _earlier_remarks(case: Case) -> list[dict[str, Any]]:
    """In a repeat: each remark of the conclusion before, what the applicant did about it, and whether it was met as
    this round's conclusion has it (None: not said yet)."""
    before = case.earlier_conclusion()
    if before is None:
        return []
    said = {one.place: one.text for one in case.met}
    judged = {one.place: one for concluded in _of_round(case) for one in concluded}
    return [
        {
            "place": place,
            **remark.model_dump(mode="json"),
            "said": said.get(place),
            "met": judged[place].met if place in judged else None,
            "why": judged[place].text if place in judged else None,
        }
        for place, remark in enumerate(before.remarks, 1)
    ]


def _of_round(case: Case) -> Sequence[Sequence[Any]]:
    return [one.earlier_remarks for one in case.conclusions if one.round == case.round]
