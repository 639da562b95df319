"""Words: how texts are cut into them for the index, and how what a person types becomes a query.

Russian and English words are stemmed (Snowball); one field holds both, because the one stemmer leaves the other's
alphabet alone. For Belarusian there is no such stemmer. Its words are normalised (ў is у, і is и, ё is е, no
apostrophes), and in a query that has a letter or an apostrophe that Russian lacks, each Cyrillic word is also sought
by its beginning, so that `лячэнні` finds `лячэння`. A word with `*` after it is sought so in any language.

What a person types is never parsed as a query language: it is cut into words, and nothing in it can raise.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tantivy import Filter, Index, Occur, Query, Schema, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

MOST_CHARACTERS: Final = 300
MOST_WORDS: Final = 16
LONGEST_WORD: Final = 60
"""Bytes (30 Cyrillic letters) above which a word is not indexed."""
SHORTEST_PREFIX: Final = 3
ENDING: Final = 2
"""Letters that a Belarusian word gives up before it is sought by its beginning; four always stay."""

_SAME: Final = (*zip("ўіё", "уие", strict=True), *((apostrophe, "") for apostrophe in "'’ʼ`´"))
_CHUNK: Final = re.compile(r"\S+")
_WORD: Final = re.compile(r"[^\W_]+")
_NO_WORD: Final = re.compile(r"[\W_]+")
_LABEL: Final = re.compile(r"(?i)(?:\b(?:унп|инн|огрн|unp|inn|ogrn)|№)\s*:?\s*(?=\d)")
_BELARUSIAN: Final = re.compile(r"(?i)[ўі]|(?<=[а-яё])['’ʼ](?=[а-яё])")
_CYRILLIC: Final = re.compile(r"^[а-я]+$")


@lru_cache(maxsize=16)
def normalised(text: str) -> str:
    """A text with what is written in several ways written in one: for the index and for queries alike.

    In lower case, words between single spaces: the index itself makes that of other alphabets several times as slowly.
    What was just asked is remembered, since inside and outside mostly show the same texts.
    """
    one_form = unicodedata.normalize("NFC", text.lower())
    for written, same in _SAME:  # much faster than a table over every character
        one_form = one_form.replace(written, same)
    return _NO_WORD.sub(" ", one_form)


def code(text: str) -> str:
    """A number or an id as it is indexed whole: `ПП-2026-000123`, `790000029`."""
    return unicodedata.normalize("NFKC", text).strip(' .,;:()"«»').casefold()


def _analyzer(*filters: Filter) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.whitespace())
    for one in (Filter.remove_long(LONGEST_WORD), *filters):
        builder = builder.filter(one)
    return builder.build()


_STOPWORDS: Final = (Filter.stopword("russian"), Filter.stopword("english"))
STEMS: Final = _analyzer(*_STOPWORDS, Filter.stemmer("russian"), Filter.stemmer("english"))
WORDS: Final = _analyzer(*_STOPWORDS)


def register(index: Index) -> None:
    """Makes the index cut texts as queries are cut."""
    index.register_tokenizer("stems", STEMS)
    index.register_tokenizer("words", WORDS)


def stems(text: str) -> list[str]:
    """The stems of a text, stop words left out."""
    return STEMS.analyze(normalised(text))


def stem_of(word: str) -> str | None:
    """The stem of one word; None for a stop word, or one too long to be indexed."""
    found = stems(word)
    return found[0] if len(found) == 1 else None


def surfaces(text: str) -> dict[str, str]:
    """Each stem of a text with the word, in lower case, in which it stands there first."""
    found: dict[str, str] = {}
    for word in dict.fromkeys(match.lower() for match in _WORD.findall(text)):
        stem = stem_of(word)
        if stem is not None:
            found.setdefault(stem, word)
    return found


@dataclass(frozen=True, slots=True)
class Sought:
    """One word of a query: any of its stem, its beginning, or the whole of it as a number will do."""

    stem: str | None = None
    prefix: str | None = None
    code: str | None = None
    parts: tuple[str, ...] = ()
    """The stems of a number's parts, which all together will do as well."""


def words_of(typed: str) -> list[Sought]:
    """What is sought when a person types this; stop words are not."""
    text = _LABEL.sub(" ", typed[:MOST_CHARACTERS])
    belarusian = _BELARUSIAN.search(text) is not None
    found: list[Sought] = []
    for chunk in _CHUNK.findall(text):
        found += _sought(chunk, belarusian)
    return list(dict.fromkeys(found))[:MOST_WORDS]


def _sought(chunk: str, belarusian: bool) -> list[Sought]:
    if any(character.isdigit() for character in chunk):
        whole, parts = code(chunk), tuple(stems(chunk))
        return [Sought(code=whole, parts=parts)] if whole or parts else []
    begun = chunk.rstrip('.,;:!?)»"').endswith("*")
    found = [_word(word, belarusian) for word in WORDS.analyze(normalised(chunk))]
    if begun and found and found[-1].prefix is None:
        last = WORDS.analyze(normalised(chunk))[-1]
        prefix = last if len(last) >= SHORTEST_PREFIX else None
        found[-1] = Sought(found[-1].stem, prefix)
    return found


def _word(word: str, belarusian: bool) -> Sought:
    prefix = None
    if belarusian and _CYRILLIC.match(word) and len(word) > ENDING + 1:
        prefix = word[: max(len(word) - ENDING, min(4, len(word)))]
    return Sought(stem_of(word), prefix)


BOOSTS: Final = (("title", 3.0), ("organisation", 2.0), ("text", 1.0))
CODE_BOOST: Final = 20.0
PREFIX_BOOST: Final = 0.5
SECOND_PLACE: Final = 0.1
"""How much a word's weaker fields add to its best one."""


def query(schema: Schema, sought: Sequence[Sought]) -> Query:
    """All of these words, each wherever it weighs most; nothing where there is no word."""
    if not sought:
        return Query.empty_query()
    return all_of([_one(schema, word) for word in sought])


def all_of(queries: Sequence[Query]) -> Query:
    """Every one of these."""
    if len(queries) == 1:
        return queries[0]
    return Query.boolean_query([(Occur.Must, one) for one in queries])


def any_of(queries: Sequence[Query]) -> Query:
    """The best of these, the others adding a little."""
    return queries[0] if len(queries) == 1 else Query.disjunction_max_query(list(queries), SECOND_PLACE)


def _one(schema: Schema, word: Sought) -> Query:
    ways: list[Query] = []
    if word.stem is not None:
        ways.append(_stem(schema, word.stem))
    if word.prefix is not None:
        begins = Query.regex_query(schema, "word", f"{re.escape(word.prefix)}.*")
        ways.append(Query.boost_query(begins, PREFIX_BOOST))
    if word.code is not None:
        exact = Query.term_query(schema, "code", word.code, "basic")
        ways.append(Query.boost_query(exact, CODE_BOOST))
    if word.parts:
        ways.append(all_of([_stem(schema, part) for part in word.parts]))
    return any_of(ways) if ways else Query.empty_query()


def _stem(schema: Schema, stem: str) -> Query:
    return any_of([Query.boost_query(Query.term_query(schema, field, stem, "freq"), boost) for field, boost in BOOSTS])
