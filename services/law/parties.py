"""Who has a part in an application (участники заявки), and by what an organisation is known again."""

from collections.abc import Iterator
from typing import Final

from contracts.reference import Application, OrganisationId
from contracts.rules import PARTS

PARTICIPANT: Final = "participant"
EXPERT: Final = "expert"
"""The kind of an entry of the directory of experts; its subject is `expert:<id>` in each service that has one."""


def parties(application: Application) -> Iterator[tuple[str, OrganisationId]]:
    """Every organisation of an application with its role."""
    for role in PARTS:
        party = getattr(application, role)
        if party is not None:
            yield role, party.id
    for party in application.participants:
        yield PARTICIPANT, party.id


def key_of(organisation: OrganisationId) -> str:
    """By what an organisation is the same as another one: scheme and number, never the name."""
    return f"{organisation.scheme}:{organisation.value.strip().upper()}"


def keys_of(application: Application) -> frozenset[str]:
    """All organisations of an application, each by what it is known."""
    return frozenset(key_of(one) for _, one in parties(application))
