"""Words: how texts are cut into them for the index, and how what a person types becomes a query.

Russian and English words are stemmed (Snowball); one field holds both, because the one stemmer leaves the other's
alphabet alone. A part of a text that is Belarusian stands there a second time by the stems of its own grammar
(`belarusian.py`), and in a query each Cyrillic word may be either. A word with `*` after it is sought by its beginning.

Common words are weighed, not dropped. Those that stand in nearly every text (stop words) are indexed where few words
are, in the title: they say which of the found pilots comes first, and where a query has no other word they are what is
sought.

What a person types is never parsed as a query language: it is cut into words, and nothing in it can raise.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice
from typing import Final

from tantivy import Filter, Index, Occur, Query, Schema, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from services.registry.finding import belarusian
from services.registry.finding.writing import code, normalised, readable, twin

MOST_CHARACTERS: Final = 300
MOST_WORDS: Final = 16
MOST_COMPARED: Final = 2_000
"""So many words of a pilot's texts are compared with another's, from the beginning: eight pages. Each is looked up in
the index, and cut to its stem (assumption: what a pilot is about is said by then)."""
STEMS_KEPT: Final = 20_000
"""Of so many words the stem is known without cutting it again; the same words stand in most texts."""
LONGEST_WORD: Final = 60
"""Bytes (30 Cyrillic letters) above which a word is not indexed."""
SHORTEST_PREFIX: Final = 3

_CHUNK: Final = re.compile(r"\S+")
_WORD: Final = re.compile(r"[^\W_]+(?:['’ʼ][^\W_]+)*")
_LABEL: Final = re.compile(r"(?i)(?:\b(?:унп|инн|огрн|unp|inn|ogrn)|№)\s*:?\s*(?=\d)")
_INNER: Final = re.compile(r"[а-яё]['’ʼ][а-яё]")
_CYRILLIC: Final = re.compile("[а-я]")
_STOP: Final = (
    "але альбо без больш будзе бы бо быу была было были вельми вось гэта гэтага гэтай гэты гэтых да дзе дзеля для ды ж "
    "за значыць их или каб кали кожны которы ли магчыма мець ми можа мы на над не няма ни нам ён яна яны якия яки якая "
    "якой якога якое яких яго яе пад па паводле паколькі праз пра пры раз са сваей свае сваих свайго таго таксама там "
    "тая тое той толькі тых ты тут у усе усих усяго усё хто ци чым што шляхам як яшчэ ад аб з"
)
_CUT_TOO_SHORT: Final = ("ем", "им", "ым", "ом", "ит", "ят", "ил", "ыл", "ен")
"""Endings of verbs and adjectives with which nouns end as well: система, режим, приём, диплом, аудит, обмен."""
_WITH_VOWEL: Final = re.compile("[а-я]+[бвгджзклмнпрстфхцчшщ][ое]к")
_WITHOUT_VOWEL: Final = re.compile("[а-я]+[бвгджзлмнпрстфхцчшщ]к")
"""Nouns in -ок and -ек, and stems of such: заявок, заявк-; участок, участк-."""
STOP_WORDS: Final = sorted({normalised(word) for word in _STOP.split()})
"""Belarusian stop words, as they are normalised."""


def _analyzer(*filters: Filter) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.whitespace())
    for one in (Filter.remove_long(LONGEST_WORD), *filters):
        builder = builder.filter(one)
    return builder.build()


_STEMMED: Final = (Filter.stemmer("russian"), Filter.stemmer("english"))
_TELLING: Final = (Filter.stopword("russian"), Filter.stopword("english"), Filter.custom_stopword(STOP_WORDS))
STEMS: Final = _analyzer(*_TELLING, *_STEMMED)
ALL_STEMS: Final = _analyzer(*_STEMMED)
WORDS: Final = _analyzer()


def register(index: Index) -> None:
    """Makes the index cut texts as queries are cut."""
    index.register_tokenizer("stems", STEMS)
    index.register_tokenizer("all_stems", ALL_STEMS)
    index.register_tokenizer("words", WORDS)


def is_belarusian(text: str) -> bool:
    """Whether a text may be Belarusian: by a letter that Russian lacks, or since letters that Belarusian lacks are not
    even one in three words. Of Russian words two in five have an и."""
    if surely_belarusian(text):
        return True
    small = text.lower()
    foreign = sum(small.count(letter) for letter in "ищъ")
    return 3 * foreign <= small.count(" ") + 1 and _CYRILLIC.search(small) is not None


def surely_belarusian(text: str) -> bool:
    """Whether a text has what no Russian one has: ў, і, or an apostrophe within a word."""
    small = text.lower()
    if any(letter in small for letter in "ўі"):
        return True
    return any(apostrophe in small for apostrophe in "'’ʼ") and _INNER.search(small) is not None


def indexed(parts: Iterable[str]) -> str:
    """What is indexed of texts, each in a language of its own: the words, and the stems of the Belarusian ones."""
    return "\n".join(_with_stems(part) for part in parts)


def _with_stems(part: str) -> str:
    words = normalised(part)
    if not is_belarusian(part):
        return words
    known = [stem for word in words.split(" ") if word not in _STOPS for stem in belarusian.stems(word)]
    return " ".join((words, *known))


_STOPS: Final = frozenset(STOP_WORDS)


def likeness(parts: Sequence[str]) -> list[str]:
    """One stem for each word of texts, by its own language: what pilots are compared by. Stop words are left out, and
    what comes after `MOST_COMPARED` words."""
    found, room = list[str](), MOST_COMPARED
    for part, own in _languages(parts):
        words = normalised(part).split(" ", room)[:room]
        room -= len(words)
        found += filter(None, map(_own_stem, words)) if own else STEMS.analyze(" ".join(words))
    return found


def surfaces(parts: Sequence[str]) -> dict[str, str]:
    """Each of these stems with the word, in small letters, in which it stands first."""
    found, room = dict[str, str](), MOST_COMPARED
    for part, own in _languages(parts):
        stem_in = _own_stem if own else stem_of
        words = list(islice((one[0] for one in _WORD.finditer(readable(part))), room))
        room -= len(words)
        for word in dict.fromkeys(words):
            stem = stem_in(normalised(word))
            if stem is not None:
                found.setdefault(stem, word)
    return found


def _languages(parts: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Each text of a pilot, and whether it is taken for Belarusian: one that may be either is, where one surely is."""
    sure = [surely_belarusian(part) for part in parts]
    for part, known in zip(parts, sure, strict=True):
        yield part, known or (any(sure) and is_belarusian(part))


@lru_cache(STEMS_KEPT)
def stem_of(word: str) -> str | None:
    """The stem of one normalised word; None for a stop word, or one too long to be indexed."""
    found = STEMS.analyze(word)
    return found[0] if len(found) == 1 else None


def _own_stem(word: str) -> str | None:
    """The stem of a word in a Belarusian text, where not each word is Belarusian."""
    if word in _STOPS:
        return None
    known = belarusian.stems(word)
    return stem_of(known[0]) if known else stem_of(word)


# ---- queries


@dataclass(frozen=True, slots=True)
class Sought:
    """One word of a query: any of its stems, its beginning, or the whole of it as a number will do."""

    stems: tuple[str, ...] = ()
    prefix: str | None = None
    code: str | None = None
    parts: tuple[str, ...] = ()
    """The stems of a number's parts, which all together will do as well."""
    stop: bool = False
    """A word of nearly every text, which is indexed in the title alone."""


def words_of(typed: str) -> list[Sought]:
    """What is sought when a person types this."""
    text = _LABEL.sub(" ", typed[:MOST_CHARACTERS])
    found = [word for chunk in _CHUNK.findall(text) for word in _sought(chunk)]
    return list(dict.fromkeys(found))[:MOST_WORDS]


def _sought(chunk: str) -> list[Sought]:
    if any(character.isdigit() for character in chunk):
        whole, parts = code(chunk), tuple(STEMS.analyze(normalised(chunk)))
        return [Sought(code=whole, parts=parts)] if whole or parts else []
    words = WORDS.analyze(normalised(chunk))
    found = [_word(word) for word in words]
    if found and chunk.rstrip('.,;:!?)»"').endswith("*") and len(words[-1]) >= SHORTEST_PREFIX:
        found[-1] = replace(found[-1], prefix=words[-1], stop=False)
    return found


def _word(word: str) -> Sought:
    if word in _STOPS or stem_of(word) is None:
        return Sought(tuple(ALL_STEMS.analyze(word)), stop=True)
    ways = [word, *belarusian.stems(word), *filter(None, [twin(word)])]
    stems = [stem for way in ways for stem in ALL_STEMS.analyze(way)]
    return Sought(tuple(dict.fromkeys((*stems, *_of_other_forms(word, stems[:1])))))


def _of_other_forms(word: str, stems: Sequence[str]) -> list[str]:
    """The stems that a Russian noun has in other forms, where Snowball takes its end for an ending in some (of `систем`
    also that of `системами`, of `обменом` also that of `обмен`), or a vowel comes and goes (`закупка`, `закупок`)."""
    said = [f"{word}ами"] if word.endswith(_CUT_TOO_SHORT) else []
    said += [f"{word[:-2]}ками"] if _WITH_VOWEL.fullmatch(word) else []
    said += [stem for stem in stems if stem.endswith(_CUT_TOO_SHORT)]
    found = [stem for one in said for stem in ALL_STEMS.analyze(one)]
    return [*found, *(f"{stem[:-1]}{vowel}к" for stem in stems if _WITHOUT_VOWEL.fullmatch(stem) for vowel in "ое")]


BOOSTS: Final = (("title", 3.0), ("organisation", 2.0), ("text", 1.0))
TITLE: Final = BOOSTS[:1]
CODE_BOOST: Final = 20.0
PREFIX_BOOST: Final = 0.5
SECOND_PLACE: Final = 0.1
"""How much a word's weaker fields add to its best one."""


Term = Callable[[str, str], Query]
"""A word in a field, as it is asked for."""


def query(schema: Schema, sought: Sequence[Sought], term: Term | None = None) -> Query:
    """All of these words, each wherever it weighs most; nothing where there is no word. `term` weighs a word, where the
    index is not to.

    Stop words are wanted only where there is no other, and else only weigh, among what the others find.
    """
    if not sought:
        return Query.empty_query()
    ask = term or partial(_term, schema)
    wanted = [word for word in sought if not word.stop]
    found = all_of([_one(schema, word, ask) for word in wanted or sought])
    weighing = [_one(schema, word, ask) for word in sought if word.stop and wanted]
    if not weighing:
        return found
    return Query.boolean_query([(Occur.Must, found), *((Occur.Should, one) for one in weighing)])


def all_of(queries: Sequence[Query]) -> Query:
    """Every one of these."""
    if len(queries) == 1:
        return queries[0]
    return Query.boolean_query([(Occur.Must, one) for one in queries])


def any_of(queries: Sequence[Query]) -> Query:
    """The best of these, the others adding a little."""
    return queries[0] if len(queries) == 1 else Query.disjunction_max_query(list(queries), SECOND_PLACE)


def _one(schema: Schema, word: Sought, term: Term) -> Query:
    fields = TITLE if word.stop else BOOSTS
    ways = [Query.boost_query(term(field, stem), boost) for stem in word.stems for field, boost in fields]
    if word.prefix is not None:
        begins = Query.regex_query(schema, "word", f"{re.escape(word.prefix)}.*")
        ways.append(Query.boost_query(begins, PREFIX_BOOST))
    if word.code is not None:
        ways.append(Query.boost_query(term("code", word.code), CODE_BOOST))
    if word.parts:
        parts = [[Query.boost_query(term(field, part), boost) for field, boost in BOOSTS] for part in word.parts]
        ways.append(all_of([any_of(fields) for fields in parts]))
    return any_of(ways) if ways else Query.empty_query()


def _term(schema: Schema, field: str, value: str) -> Query:
    return Query.term_query(schema, field, value, "basic" if field == "code" else "freq")
