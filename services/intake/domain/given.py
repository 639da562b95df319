"""What intake's decisions are given besides state and command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.rules import RuleBook

if TYPE_CHECKING:
    from services.intake.domain.agency import Agency


@dataclass(frozen=True, slots=True)
class Given:
    """The rule book; for a submission also its agency's entry and a fresh registration number (gaps allowed)."""

    rules: RuleBook
    agency: Agency | None = None
    number: str | None = None
