"""In which language a conclusion is said on paper."""

from typing import Final

from contracts.words import Language, Value, wording

LANGUAGE: Final[Language] = "ru"
"""Russian (assumption): a conclusion is one legal paper with one wording, and what the experts and the applicant wrote
in it is Russian; a second language would make two papers under one number. The words of the others stand ready."""


def said(rule: str, /, **values: Value) -> str:
    """What an id says on paper."""
    return wording(rule, **values).text(LANGUAGE)
