"""The words of the pages: no id without words in Russian, Belarusian and English, none that nothing says, the same
values and all forms of numbers in each language, and no sentence in a template that the catalogues should say."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from contracts.words import LANGUAGES, Language
from deploy.checks.words import FOREIGN

FOLDER: Final = Path("services") / "desk"
SAID: Final = re.compile(r"""\b(?:_|n_|say|count)\(\s*f?["']([a-z-]+\.[\w.{}-]*)["']""")
FAMILIES: Final = re.compile(r"""\bcode\(\s*["']([a-z-]+)["']""")
MADE: Final = re.compile(r"""["']([a-z-]+\.[\w-]*)["']\s*~|["']([a-z]+(?:-[a-z]+)*\.[a-z][\w-]*)["']""")
PUT_TOGETHER: Final = re.compile(r"""f["']([a-z-]+\.)\{""")
TAGS: Final = re.compile(r"{#.*?#}|{{.*?}}|{%.*?%}|<!--.*?-->|<[^>]*>", re.DOTALL)
LETTERS: Final = re.compile(r"[^\W\d_]{2,}")
PLURALS: Final[Mapping[Language, int]] = {"ru": 3, "be": 3, "en": 2}


def findings(root: Path) -> list[str]:
    """Everything that is wrong with them."""
    parts = {one: _parts(root, one) for one in LANGUAGES}
    known = {one: {id_: forms for part in parts[one].values() for id_, forms in part.items()} for one in LANGUAGES}
    return [*_twice(parts), *_unlike(known), *_unsaid(root, known["en"]), *_in_templates(root)]


def _parts(root: Path, language: Language) -> dict[str, dict[str, tuple[str, ...]]]:
    """The catalogues of a language by the part of the pages that they belong to."""
    paths = sorted((root / FOLDER / "words").glob(f"*/{language}.po"))
    return {path.parent.name: _catalogue(path, language) for path in paths}


def _twice(parts: Mapping[Language, Mapping[str, Mapping[str, tuple[str, ...]]]]) -> Iterator[str]:
    for language, catalogues in parts.items():
        seen = dict[str, str]()
        for part, words in catalogues.items():
            for id_ in words:
                if (first := seen.setdefault(id_, part)) != part:
                    yield f"{FOLDER}/words/{part}/{language}.po: {id_} stands in {first}, too"


def _catalogue(path: Path, language: Language) -> dict[str, tuple[str, ...]]:
    with path.open("rb") as file:
        found: Catalog = read_po(file, locale=language)
    return {
        str(one.id[0] if isinstance(one.id, tuple) else one.id): (
            tuple(one.string) if isinstance(one.string, tuple) else (str(one.string),)
        )
        for one in found
        if one.id
    }


def _unlike(known: Mapping[Language, Mapping[str, tuple[str, ...]]]) -> Iterator[str]:
    every = {id_ for one in known.values() for id_ in one}
    for id_ in sorted(every):
        for language, words in known.items():
            forms = words.get(id_, ())
            if not forms or not all(forms):
                yield f"{FOLDER}/words ({language}): {id_} has no words"
            if len(forms) > 1 and len(forms) != PLURALS[language]:
                yield f"{FOLDER}/words ({language}): {id_} needs {PLURALS[language]} forms of number"
            if set(FOREIGN[language]) & set("".join(forms)):
                yield f"{FOLDER}/words ({language}): {id_}: these are no letters of {language}"
        if len({frozenset(_values(words.get(id_, ()))) for words in known.values()}) > 1:
            yield f"{FOLDER}/words: {id_} has other values in one language than in another"


def _values(forms: tuple[str, ...]) -> set[str]:
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


def _unsaid(root: Path, known: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Ids that are said and have no words, and words that nothing says. An id that is put together is said by how it
    begins."""
    whole, begun = set[str](), set[str]()
    for path in sorted([*(root / FOLDER).rglob("*.py"), *(root / FOLDER).rglob("*.html")]):
        text = path.read_text(encoding="utf-8")
        for id_ in SAID.findall(text):
            head, put_in, _ = id_.partition("{")
            rest = "~" if re.search(rf"{re.escape(id_)}[\"']\s*~", text) else put_in
            (begun if rest else whole).add(head)
        begun |= {f"{family}." for family in FAMILIES.findall(text)}
        whole |= {one[1] for one in MADE.findall(text) if one[1] in known}
        begun |= {one[0] for one in MADE.findall(text) if one[0]}
        begun |= {head for head in PUT_TOGETHER.findall(text) if any(id_.startswith(head) for id_ in known)}
    for id_ in sorted(whole):
        if id_ not in known:
            yield f"{FOLDER}: {id_} is said and has no words"
    for head in sorted(begun):
        if not any(id_.startswith(head) for id_ in known):
            yield f"{FOLDER}: {head}... is said and has no words"
    for id_ in sorted(known):
        if id_ not in whole and not any(id_.startswith(head) for head in begun):
            yield f"{FOLDER}/words: nothing says {id_}"


def _in_templates(root: Path) -> Iterator[str]:
    for path in sorted((root / FOLDER / "templates").rglob("*.html")):
        left = TAGS.sub(" ", path.read_text(encoding="utf-8"))
        for word in LETTERS.findall(left):
            yield f"{path.relative_to(root)}: {word!r} has its place in {FOLDER}/words"
