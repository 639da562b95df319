"""What several domains ask, each rule in one place: the numbers of organisations, coded reasons. Pure."""

from collections.abc import Sequence
from typing import Final, Literal

from stdnum.by import unp
from stdnum.ru import inn

from contracts.reference import OrganisationId, Problem, ReturnReason
from contracts.rules import Edition
from services.law.decision import Refusal

CHECKS: Final = {"by-unp": unp.is_valid, "ru-inn": inn.is_valid}
"""Check digits by the name that an edition gives them; none of these goes to the network."""

Fault = Literal["scheme", "form", "check-digit", "not-legal-entity"]


def fault(number: OrganisationId, edition: Edition, *, legal_entity: bool = False) -> Fault | None:
    """What is wrong with an organisation's id by the schemes of an edition, or None."""
    scheme = edition.scheme(number.scheme)
    if scheme is None:
        return "scheme"
    if not scheme.has_form(number.value):
        return "form"
    if scheme.check != "none" and not CHECKS[scheme.check](number.value):
        return "check-digit"
    if legal_entity and not scheme.is_legal_entity(number.value):
        return "not-legal-entity"
    return None


def need_reasons(reasons: Sequence[ReturnReason], edition: Edition, detail: str) -> None:
    """Raises Refusal 422 with every reason that is not of the edition's list, or when there is none at all.

    `detail` says what needs them.
    """
    known = edition.return_reasons
    problems = [
        Problem(
            pointer=f"/reasons/{place}/code",
            rule="reason.unknown",
            message=f"Reasons: {', '.join(known.codes)}.",
            message_ru=f"Причины: {', '.join(known.codes)}.",
        )
        for place, reason in enumerate(reasons)
        if reason.code not in known
    ]
    if problems or not reasons:
        raise Refusal("reasons.invalid", detail, status=422, problems=problems)
