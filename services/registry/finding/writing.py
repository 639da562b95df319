"""Writing: what is written in several ways, brought into one form, for the index and for queries alike.

Compatible forms are one (NFKD: ligatures, full width, no-break spaces), what is not seen is taken out (soft hyphens,
zero width, marks of direction, stress marks), ў is у, і is и, ё is е, and an apostrophe is nothing. A letter of the
other alphabet that only looks right is the right one: in a word of both alphabets (a Latin C in `Cистема`), and in one
with a digit (`1C`).
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_APOSTROPHES: Final = "'’‘ʼʻ`´ʹ′＇"
_SAME: Final = tuple(zip("ўіё", "уие", strict=True))
_USUAL: Final = re.compile(r"[ \n!-~«»№–—…а-яўіё]*")
"""What most texts are made of, and what has one form only: no other is looked at letter by letter."""
_SIGNS: Final = re.compile("[№™℠©®…]")
"""Signs that are no letters, whatever they are made of."""
_UNSEEN: Final = re.compile(
    "[\u00ad\u0300-\u036f\u0483-\u0489\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20ff\u3164\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
)
"""Marks above and below letters, and characters that are not seen at all."""
_LIGATURES: Final = {"ﬀ": "фф", "ﬁ": "фи", "ﬂ": "фл", "ﬃ": "ффи", "ﬄ": "ффл"}
"""What programs that recognise print write for Cyrillic letters in a Cyrillic word."""
_AMONG_CYRILLIC: Final = re.compile("(?<=[а-яёіў])[ﬀ-ﬄ]|[ﬀ-ﬄ](?=[а-яёіў])", re.IGNORECASE)
_SHORT_I: Final = "и\u0306"
_NO_WORD: Final = re.compile(r"[\W_]+")
_DASHES: Final = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_LATIN: Final = re.compile("[a-z]")
_WITH_LATIN: Final = re.compile("(?<![^ ])[^ a-z]*[a-z][^ ]*")
"""A word in which a Latin letter stands."""
_CYRILLIC: Final = re.compile("[а-я]")
_DIGIT: Final = re.compile("[0-9]")
_PAIRS: Final = tuple(zip("abcehikmoptxy", "авсеникмортху", strict=True))
"""Latin and Cyrillic letters that look alike, small or capital (в and B, и for і)."""
_LOOKS_CYRILLIC: Final = str.maketrans(dict(_PAIRS))
_LOOKS_LATIN: Final = str.maketrans({cyrillic: latin for latin, cyrillic in _PAIRS if latin != "i"} | {"и": "i"})
_AS_LATIN: Final = re.compile("[abcehikmoptxy0-9]+")
_AS_CYRILLIC: Final = re.compile("[авсеникмортху0-9]+")


@lru_cache(maxsize=16)
def normalised(text: str) -> str:
    """A text in the one form, in small letters, its words between single spaces.

    The index itself makes small letters of other alphabets several times as slowly. What was just asked is remembered,
    since inside and outside mostly show the same texts.
    """
    one_form = text.lower()
    for apostrophe in _APOSTROPHES:  # much faster than a table over every character
        one_form = one_form.replace(apostrophe, "")
    if not _USUAL.fullmatch(one_form):
        one_form = _unadorned(one_form)
    for written, same in _SAME:
        one_form = one_form.replace(written, same)
    words = _NO_WORD.sub(" ", one_form)
    return _one_alphabet(words) if _LATIN.search(words) else words


def code(text: str) -> str:
    """A number or an id as it is indexed whole, whatever its dashes and letters look like: `ПП-2026-000123`.

    Letters that look alike are Cyrillic, since nobody can see in a number which they are.
    """
    unadorned = _unadorned(_DASHES.sub("-", text.lower())).strip(' .,;:()"«»').casefold()
    for written, same in _SAME:
        unadorned = unadorned.replace(written, same)
    return unadorned.translate(_LOOKS_CYRILLIC)


def readable(text: str) -> str:
    """A text in small letters, as a person would write it: nothing in it that is not seen, and no stress marks."""
    return _unadorned(text.lower())


def twin(word: str) -> str | None:
    """The word of the other alphabet that looks like this normalised one; None where it has a letter that does not."""
    if _AS_LATIN.fullmatch(word):
        other = word.translate(_LOOKS_CYRILLIC)
    elif _AS_CYRILLIC.fullmatch(word):
        other = word.translate(_LOOKS_LATIN)
    else:
        return None
    return other if other != word else None


def _unadorned(text: str) -> str:
    """A text in small letters, in compatible forms, without what is not seen or only says where the stress is."""
    read = _AMONG_CYRILLIC.sub(lambda found: _LIGATURES[found[0]], text)
    apart = unicodedata.normalize("NFKD", _SIGNS.sub(" ", read)).lower()
    whole = apart.replace(_SHORT_I, "й").replace("\u2044", " ")
    return unicodedata.normalize("NFC", _UNSEEN.sub("", whole))


def _one_alphabet(words: str) -> str:
    return _WITH_LATIN.sub(_of_one, words)


def _of_one(found: re.Match[str]) -> str:
    """A word in one alphabet, where the letters of the other only look alike, or all of them may be either."""
    word = found[0]
    if not _CYRILLIC.search(word):
        return word.translate(_LOOKS_CYRILLIC) if _DIGIT.search(word) and _AS_LATIN.fullmatch(word) else word
    cyrillic = word.translate(_LOOKS_CYRILLIC)
    if not _LATIN.search(cyrillic):
        return cyrillic
    latin = word.translate(_LOOKS_LATIN)
    return word if _CYRILLIC.search(latin) else latin
