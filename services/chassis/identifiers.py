"""Whether an organisation's number can be one of its scheme: its form, its check digit, a legal entity's. Pure."""

from typing import Final, Literal

from stdnum.by import unp
from stdnum.ru import inn

from contracts.reference import OrganisationId
from contracts.rules import Edition

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
