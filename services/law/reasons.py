"""Why something happens by the law itself, where no person gave a reason (основания): what facts say.

A fact has the id of such a reason; its words stand in `contracts/words`. What a person wrote is said as it stands.
"""

from collections.abc import Mapping
from typing import Any, Final

from contracts.words import Wording, wording

WAITING_APPLICANT: Final = "why.waiting-applicant"
"""The clock stands while the applicant has the next move."""
SUSPENDED: Final = "why.suspended"
"""The clock stands while carrying out the pilot is suspended."""
VERDICTS_APART: Final = "why.verdicts-apart"
"""One opinion is for the project and one against it."""
TOTALS_APART: Final = "why.totals-apart"
"""The totals of the opinions are further apart than the edition allows."""
OPERATORS_CONFLICT: Final = "why.operators-conflict"
"""A conflict of interest came to light with who had the case in hand."""

_WORDS: Final[Mapping[str, Wording]] = {
    WAITING_APPLICANT: wording("why.waiting-applicant"),
    SUSPENDED: wording("why.suspended"),
    VERDICTS_APART: wording("why.verdicts-apart"),
    TOTALS_APART: wording("why.totals-apart"),
    OPERATORS_CONFLICT: wording("why.operators-conflict"),
}
_BEFORE: Final[Mapping[str, str]] = {
    "waiting for the applicant": WAITING_APPLICANT,
    "carrying out is suspended": SUSPENDED,
    "verdicts: for and against": VERDICTS_APART,
}
"""What facts up to version 0.2.0 say in words of their own, which are the English ones of today."""


def told(why: str) -> Wording:
    """The words of a reason: of an id, or what a person wrote, or a fact of before, as it stands."""
    return _known(why) or Wording(why, why, why)


def beside(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a fact says, as it is shown: beside a `why` that is such a reason its words in three languages."""
    words = _known(said.get("why"))
    return {**said, **({} if words is None else {"why_ru": words.ru, "why_be": words.be, "why_en": words.en})}


def _known(why: Any) -> Wording | None:
    return _WORDS.get(_BEFORE.get(why, why))
