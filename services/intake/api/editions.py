"""The rule editions as they are in force."""

from typing import Any

from fastapi import APIRouter, Depends

from contracts.reference import Role
from contracts.rules import RuleBook, UnknownEdition
from services.chassis.auth import allow
from services.chassis.problems import Problematic


def add(router: APIRouter, rules: RuleBook) -> None:
    """The rule book."""
    everyone = Depends(allow(Role.PUBLISHER, Role.OFFICER, Role.OPERATOR, Role.AUDITOR, Role.ADMIN))

    @router.get("/editions/{edition}", tags=["rules"], dependencies=[everyone])
    async def edition(edition: str) -> dict[str, Any]:
        """A rule edition: every number and list of it, each with its origin (law or assumption)."""
        try:
            return rules.edition(edition).model_dump(mode="json")
        except UnknownEdition as error:
            raise Problematic(404, "edition.unknown", edition=edition, editions=sorted(rules)) from error
