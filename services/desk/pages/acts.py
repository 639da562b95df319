"""What can be done with a case on its page: for each action who may, when it is offered, and what it asks for.

It is a help for the eye: the services decide, and say why not in their own words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.reference import Role
from services.desk.forms import Filled, is_begun
from services.desk.visit import Visit

Card = Mapping[str, Any]
STAFFING: Final = ("unassigned", "with-experts")
WORKING: Final = (*STAFFING, "to-conclude")
OPTIONAL: Final = frozenset({"field"})


@dataclass(frozen=True, slots=True)
class Act:
    """An action: its name, whose it is, where it goes (`{on}`: whom or what it is done to), and its fields."""

    name: str
    roles: tuple[Role, ...]
    path: str
    fields: tuple[str, ...] = ()
    when: Callable[[Card, str], str | None] = lambda _card, _who: None
    """Why not now, as the id of words; None: it can be done."""
    on_each: bool = False
    """It is offered beside each that it can be done to, not among the actions of the case."""

    def at(self, on: str) -> str:
        """Its place below the case's address."""
        return self.path.format(on=on)

    def button(self, on: str = "") -> str:
        """What its button says to the desk."""
        return f"{self.name}:{on}" if on else self.name

    def field(self, name: str, on: str = "") -> str:
        """What a field of it is called on the page."""
        return f"{self.name}-{name}" + (f"-{on}" if on else "")

    def field_at(self, pointer: str, on: str) -> str | None:
        """The field on the page to which a pointer into what was sent leads."""
        name = pointer.strip("/")
        return self.field(name, on) if name in self.fields else None

    def begun(self, filled: Filled | None, on: str = "") -> bool:
        """Whether somebody has typed something into its fields, or pressed its button."""
        return is_begun(filled, self.button(on), (self.field(one, on) for one in self.fields))

    def why_not(self, card: Card, visit: Visit) -> str | None:
        """Why the reader cannot do it now, as the id of words; None: it can be done."""
        if not visit.may(*self.roles):
            return f"why-not.{self.roles[0]}"
        return self.when(card, visit.person)

    def shown(self, card: Card, visit: Visit) -> bool:
        """Whether it is said of it why it cannot be done."""
        return not self.on_each and self.why_not(card, visit) is not None


def _not_closed(card: Card, _who: str) -> str | None:
    return "why-not.over" if card["status"] in ("closed", "concluded") else None


def _claim(card: Card, who: str) -> str | None:
    if card["operator"] == who:
        return "why-not.yours-already"
    return "why-not.in-hand" if card["operator"] else _not_closed(card, who)


def _unclaim(card: Card, who: str) -> str | None:
    return None if card["operator"] else "why-not.in-nobodys-hand"


def _assign(card: Card, who: str) -> str | None:
    if card["status"] not in STAFFING:
        return "why-not.not-staffing"
    return "why-not.all-seats" if len(card.get("seated", ())) >= card["needed"] else None


def _own_place(status: str) -> Callable[[Card, str], str | None]:
    def when(card: Card, who: str) -> str | None:
        place = card.get("place") or {}
        return None if place.get("status") in status.split() else "why-not.no-assignment"

    return when


def _to_approve(card: Card, who: str) -> str | None:
    if card["status"] != "to-approve":
        return "why-not.nothing-to-approve"
    return "why-not.second-person" if (card.get("draft") or {}).get("author") == who else None


ACTS: Final = (
    Act("claim", (Role.OPERATOR,), "claim", when=_claim),
    Act("assign", (Role.OPERATOR,), "assignments", ("expert_id",), _assign),
    Act("accept", (Role.EXPERT,), "acceptance", when=_own_place("offered")),
    Act("decline", (Role.EXPERT,), "decline", ("why",), _own_place("offered accepted")),
    Act("approve", (Role.APPROVER,), "conclusion/approval", when=_to_approve),
    Act("send-back", (Role.APPROVER,), "conclusion/sending-back", ("why",), _to_approve),
    Act("unclaim", (Role.OPERATOR, Role.APPROVER), "release", ("why",), _unclaim),
    Act("conflict", (Role.OPERATOR, Role.EXPERT), "conflicts", ("text",), _not_closed),
    Act("release", (Role.OPERATOR,), "assignments/{on}/release", ("why",), _not_closed, on_each=True),
    Act("dismiss", (Role.APPROVER,), "conflicts/{on}/dismissal", ("why",), on_each=True),
    Act("confirm", (Role.APPROVER,), "conflicts/{on}/confirmation", ("why",), on_each=True),
    Act("cancel-request", (Role.OPERATOR,), "requests/{on}/cancellation", on_each=True),
)
BY_NAME: Final[Mapping[str, Act]] = {one.name: one for one in ACTS}


def pages(card: Card, visit: Visit) -> list[tuple[str, str | None]]:
    """The forms that have a page of their own, each with why it cannot be filled in now."""
    expert = "why-not.expert" if not visit.may(Role.EXPERT) else _own_place("offered accepted")(card, visit.person)
    operator = None if visit.may(Role.OPERATOR) else "why-not.operator"
    asking = operator or (None if card["status"] in WORKING else "why-not.not-working")
    asked = any(one["outcome"] is None for one in card["requests"])
    concluding = operator or (None if card["status"] == "to-conclude" else "why-not.opinions-missing")
    return [
        ("opinion", expert),
        ("request", asking or ("why-not.asked-already" if asked else None)),
        ("conclusion", concluding),
    ]
