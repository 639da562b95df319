"""Rule ids and their words: no id without words, no words without an id, the same values in all three languages, and
no sentence in the code that such words should say."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Final, get_args

from pydantic_core.core_schema import ErrorType

from contracts.words import LANGUAGES, SCHEMA, Language
from deploy.checks.calls import Found, read
from deploy.checks.exceptions import Exceptions
from deploy.checks.sentences import sentences

FOLDER: Final = Path("contracts") / "words"
READS_SCHEMAS: Final = "contracts/words.py"
"""The one file that makes ids, of the kinds of faults that pydantic finds."""
FOREIGN: Final[Mapping[Language, str]] = {"ru": "іўІЎ", "be": "иъщИЪЩ", "en": ""}
"""Letters that a language does not have: the words of one that stand in the place of the other."""
Words = dict[str, dict[str, str]]


def findings(root: Path) -> list[str]:
    """Everything that is wrong with ids and words."""
    found, words = read(root), Words()
    for path in sorted((root / FOLDER).glob("*.toml")):
        words |= tomllib.loads(path.read_text(encoding="utf-8"))
    faults = [one for one in found.faults if not one.startswith(f"{READS_SCHEMAS}:")]
    ids = [*_without_words(found, words), *_without_ids(found, words), *_in_languages(words)]
    return [*faults, *ids, *_in_code(root)]


def _in_code(root: Path) -> Iterator[str]:
    excepted = Exceptions.of(root, "words")
    for file, line, text in sentences(root):
        if not excepted.hold(f"{file} {text}"):
            yield f"{file}:{line}: {text!r} has its place in {FOLDER.as_posix()}"
    yield from excepted.idle()


def _without_words(found: Found, words: Words) -> Iterator[str]:
    for named in found.named:
        for rule in sorted(named.ids):
            if rule not in words:
                yield f"{named.where}: {rule} has no words in {FOLDER.as_posix()}"
            elif named.values is not None and (missing := _values(words[rule].get("en", "")) - named.values):
                yield f"{named.where}: the words of {rule} need {', '.join(sorted(missing))}"


def _without_ids(found: Found, words: Words) -> Iterator[str]:
    kinds = {*get_args(ErrorType), *found.texts}
    for rule in words:
        area, _, kind = rule.partition(".")
        known = kind.replace("-", "_") in kinds if area == SCHEMA else rule in found.texts
        if not known and rule not in found.texts:
            yield f"{FOLDER.as_posix()}: no code says {rule}"


def _in_languages(words: Words) -> Iterator[str]:
    for rule, said in words.items():
        if missing := [one for one in LANGUAGES if not said.get(one)]:
            yield f"{FOLDER.as_posix()}: {rule} has no words in {', '.join(missing)}"
            continue
        if len({frozenset(_values(said[one])) for one in LANGUAGES}) > 1:
            yield f"{FOLDER.as_posix()}: {rule} has other values in one language than in another"
        for language, letters in FOREIGN.items():
            if set(letters) & set(said[language]):
                yield f"{FOLDER.as_posix()}: {rule}: these are no letters of {language}"


def _values(template: str) -> set[str]:
    """The names of the values that a template has."""
    return {name.split(".")[0].split("[")[0] for _, name, _, _ in Formatter().parse(template) if name}
