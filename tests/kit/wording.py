"""What problems say, asked by ids and values: no test repeats the words themselves."""

import re

from contracts.reference import Problem
from contracts.words import LANGUAGES, wordings


def in_every_language(problem: Problem) -> None:
    """Its rule has words, and they are said in Russian, Belarusian and English."""
    assert problem.rule in wordings()
    assert problem.message.isascii() and problem.message[:1].isupper()
    for words in (problem.message_ru, problem.message_be or ""):
        assert any("а" <= letter <= "я" for letter in words.lower())
    for words in (problem.message, problem.message_ru, problem.message_be or ""):
        assert words and not re.search(r"\{[a-z_]+\}", words)


def says(problem: Problem, *what: object) -> bool:
    """Whether all of this stands in each of its languages: the words of an id, or else a value as it is."""
    told = {"en": problem.message, "ru": problem.message_ru, "be": problem.message_be or ""}
    return all(
        (wordings()[str(one)].text(language) if str(one) in wordings() else str(one)) in told[language]
        for one in what
        for language in LANGUAGES
    )
