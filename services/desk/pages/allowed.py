"""Whether a term of a case can be extended, the case ended without a conclusion, an appeal opened or decided: for each
of these pages why not now.

It is a help for the eye: the expertise decides, and says why not in its own words.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from contracts.expertise import ReviewKind
from contracts.reference import Role, Standing, TermKind
from contracts.rules import load
from services.desk.pages.acts import WORKING, Card
from services.desk.visit import Visit

CONCLUDED: Final = "concluded"
APPEALED: Final = "appealed"


def offered(card: Card, visit: Visit) -> Iterator[tuple[str, str | None]]:
    """Each of them, with why it cannot be done now, as the id of words."""
    operator = _in_hand(card, visit)
    ending = operator or (None if undecided(card) else "why-not.decided")
    yield "extension", operator or (None if extendable(card) else "why-not.no-term")
    yield "return", ending or (None if may_come_again(card) else "why-not.no-rounds")
    yield "refusal", ending
    yield "appeal", appeal(card) if visit.may(Role.OPERATOR) else "why-not.operator"
    yield "ruling", ruling(card, visit.person) if visit.may(Role.APPROVER) else "why-not.approver"


def _in_hand(card: Card, visit: Visit) -> str | None:
    if not visit.may(Role.OPERATOR):
        return "why-not.operator"
    return None if card["operator"] in (None, visit.person) else "why-not.in-hand"


def extendable(card: Card) -> list[str]:
    """The open terms that the edition lets be extended, once more, and that have not run out."""
    rules = load().edition(card["edition"]).terms
    found = [(one["kind"], rules[TermKind(one["kind"])].extension, one) for one in card["terms"]]
    return [
        kind
        for kind, rule, one in found
        if rule and one["open"] and one["left"] > 0 and len(one["ledger"]["extensions"]) < rule.max_count
    ]


def undecided(card: Card) -> bool:
    """Whether nothing is concluded in this round yet."""
    amends = (card.get("draft") or {}).get("replaces") is not None
    return card["status"] in (*WORKING, "to-approve") and not amends


def may_come_again(card: Card) -> bool:
    """Whether the application may be sent again after this round."""
    repeats = sum(one["kind"] == ReviewKind.REPEAT for one in (*card.get("past", ()), card))
    most = load().edition(card["edition"]).numbers.repeat_expertise_max.value
    return bool(card["kind"] != ReviewKind.REPEAT or repeats < most)


def appeal(card: Card) -> str | None:
    """Why no appeal can be opened, as the id of words."""
    if not load().edition(card["edition"]).switches.appeal.on:
        return "why-not.no-appeals"
    standing = [
        one for one in card["conclusions"] if one["standing"] == Standing.IN_FORCE and one["round"] == card["round"]
    ]
    if card["status"] != CONCLUDED or not standing:
        return "why-not.no-conclusion"
    taken = [one["number"] for one in card.get("appeals", ())]
    return "why-not.appealed-already" if standing[-1]["number"] in taken else None


def ruling(card: Card, person: str) -> str | None:
    """Why no appeal can be decided by this person, as the id of words."""
    pending: list[Mapping[str, Any]] = [one for one in card.get("appeals", ()) if one["outcome"] is None]
    if card["status"] != APPEALED or not pending:
        return "why-not.no-appeal"
    number = pending[-1]["number"]
    signers = {who["person_id"] for one in card["conclusions"] if one["number"] == number for who in one["signers"]}
    return "why-not.others-decide" if person in signers | {pending[-1]["opened_by"]} else None
