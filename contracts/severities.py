"""Which rules of the agencies' door an edition may let pass, and what each is where it says nothing.

Only a rule is here whose breach leaves an event that can be taken and carried on by all services; every other rule
blocks by any edition.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import AfterValidator, model_validator

from .data import Data, Origin
from .reference import ProblemSeverity

DEFAULTS: Final[Mapping[str, ProblemSeverity]] = {
    "field.unknown": "warn",
    "attribute.capitals": "block",
    "time.missing": "warn",
    "start.past": "warn",
    "party.perhaps-person": "block",
    "party.bare-name": "warn",
    "own-number.used": "warn",
    "contact.phone": "warn",
    "spending.over-budget": "warn",
    "costs.total": "block",
    "costs.required": "block",
    "dates.longest": "block",
    "text.length": "block",
    "adaptation.unwanted": "block",
    "party.check-digit": "block",
}
"""Each of these rules by its id: `warn` is taken and told, `block` is refused. Assumptions, all of them: what was no
fault for earlier programs of ours, or is no fault of who sends it, is told."""


def _known(given: Mapping[str, ProblemSeverity]) -> Mapping[str, ProblemSeverity]:
    if unknown := sorted(given.keys() - DEFAULTS.keys()):
        allowed = ", ".join(sorted(DEFAULTS))
        raise ValueError(f"no rules whose severity an edition sets: {', '.join(unknown)}; these are: {allowed}")
    return {**DEFAULTS, **given}


class Severities(Data):
    """What becomes of an event that breaks a rule: `rules` by their ids, whole when read, and `defaults`, what each is
    where an edition does not name it (they are the program's, and no edition's)."""

    rules: Annotated[Mapping[str, ProblemSeverity], AfterValidator(_known)]
    defaults: Mapping[str, ProblemSeverity] = DEFAULTS
    origin: Origin

    @model_validator(mode="after")
    def _defaults_are_the_programs(self) -> Self:
        if self.defaults != DEFAULTS:
            raise ValueError("defaults are those of the program: an edition sets rules")
        return self
