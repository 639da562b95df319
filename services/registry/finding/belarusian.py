"""Word forms of Belarusian (формы слоў): nouns and adjectives by their endings and by the changes before them.

For Belarusian there is no Snowball stemmer, and its dictionaries take a hundred megabytes once they are read. So the
endings of declension are a list, and what changes before them is undone by rules: к and ц (`картка`, `картцы`), г and
з (`паслуга`, `паслузе`), х and с, т and ц (`газета`, `газеце`), д and дз (`горад`, `горадзе`), в and ў, doubled
consonants (`сувязь`, `сувяззю`), vowels that come and go (`участак`, `участка`) and those that change with the stress
(`вёска`, `вясковы`; `воды`, `вада`).

A form that may come of several words has the stems of all of them: `тэхніцы` of `тэхніка` and of a word with ц. Two
forms belong together where they share a stem. Source of the rules: Bielaruskaja hramatyka (the academic grammar), the
declension of nouns and adjectives; measured against the paradigms of a spelling dictionary, see decision 11.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

MARK: Final = "ў"
"""Before each stem: the letter stands in no normalised text, so that no stem is taken for a Russian word."""
SHORTEST: Final = 3
"""Letters of a stem, and of a word that has one."""


def _each(words: str) -> list[str]:
    return words.split()


_ENDINGS: Final = (
    # adjectives, participles, numerals
    *_each("ага яга ога ему аму яму ому ыми ими ых их ым им ая яя ое ае яе ия ыя ую юю ой ою аю яю ей ею ай яй"),
    # nouns in -ыя, -ия
    *_each("ыи ии ыю ию ыяй ияй ыяю ияю ый ий ыям иям ыями иями ыях иях"),
    # nouns
    *_each("ау оу яу еу иу ыу ам ом ям ем эм ами ями ах ях а я о е э ы и у ю ь й"),
)
_LONGEST: Final = max(len(one) for one in _ENDINGS)
_KNOWN: Final = frozenset(_ENDINGS)
_INSTEAD: Final = {
    **dict.fromkeys(_each("ага яга ога"), "а"),
    **dict.fromkeys(_each("ему аму яму ому"), "у"),
    **dict.fromkeys(_each("ам ом ем эм ым им ах ях ых их ау оу еу яу иу ыу"), ""),
    **dict.fromkeys(_each("ай ой ей яй ый ий"), "й"),
}
"""Endings that may belong to the stem, all but what stands here: `дарога` as `сляпога`, `дыплом` as `домам`."""
_SOFT: Final = frozenset(_each("ь и е ю я ям ях ями ем ей ею яй яю яу еу ию ия"))
"""Endings before which ц is a soft т (`памяць`, `памяці`)."""
_FIRST: Final = frozenset(_each("ы э"))
"""Endings before which ц may be a к (`рука`, `руцэ`; `картка`, `картцы`)."""
_PLURAL: Final = re.compile("(?<=[ая]н)ин$")
"""`грамадзянін`, whose plural is `грамадзяне`."""
_DOUBLED: Final = re.compile("([бвгджзйклмнпрстфхцчш])\\1$")
_FLEETING: Final = re.compile("(?<=[бвгджзйлмнпрстфхцчшу])[аоея](?=[кц]$)")
_FLEETING_SOFT: Final = re.compile("(?<=[бвгджзйклмпрстфхцчш])[ая](?=[лн]$)")
_CONSONANT_U: Final = re.compile("(?<=[аяэыи])у(?=[бвгджзйклмнпрстфхцчш]|$)")
_CYRILLIC: Final = re.compile("[а-я]{3,}")


@lru_cache(maxsize=4096)
def stems(word: str) -> tuple[str, ...]:
    """The stems that a normalised word may have, the likeliest first, each after `MARK`; none for what is no word.

    As `text.normalised` leaves it: ў is у, і is и, ё is е, without an apostrophe. A text has few different words, so
    those that came last are remembered.
    """
    if not _CYRILLIC.fullmatch(word):
        return ()
    found = [
        MARK + one for body, ending in _cut(word) for stem in _undone(body, ending) for one in _vowels(stem, ending)
    ]
    return tuple(dict.fromkeys(found))


def _cut(word: str) -> Iterator[tuple[str, str]]:
    """A word and its ending: the longest that leaves a stem, and what that may be instead."""
    for length in range(min(_LONGEST, len(word) - SHORTEST), 0, -1):
        ending = word[-length:]
        if ending in _KNOWN:
            yield word[:-length], ending
            if ending in _INSTEAD:
                yield word[: len(word) - len(_INSTEAD[ending])], _INSTEAD[ending]
            return
    yield word, ""


def _undone(body: str, ending: str) -> list[str]:
    """The stems with the consonant that it has in the other cases."""
    body = _PLURAL.sub("", _DOUBLED.sub(r"\1", body))
    if body.endswith("дз"):
        return [body[:-1]]
    last, before = body[-1], body[:-1]
    if last == "ц" and (ending in _SOFT or before.endswith("с") and not ending):
        return [f"{before}т"]
    if last == "ц" and ending in _FIRST:
        return [body, f"{before}к"]
    if last == "з" and ending == "е":
        return [body, f"{before}г"]
    if last == "с" and ending == "е":
        return [body, f"{before}х"]
    return [body]


def _vowels(stem: str, ending: str) -> list[str]:
    """A stem without what changes with the stress, and without a vowel that other cases lack."""
    stem = stem.replace("ь", "").replace("о", "а").replace("э", "а").replace("е", "я")
    stem = _CONSONANT_U.sub("в", stem)
    if len(stem) > SHORTEST:
        stem = _FLEETING.sub("", stem)
    if ending == "ь" and len(stem) > SHORTEST:
        return list(dict.fromkeys((stem, _FLEETING_SOFT.sub("", stem))))
    return [stem]
