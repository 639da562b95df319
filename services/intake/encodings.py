"""In which encoding a text is that is no UTF-8: told by what its words and signs would be in each (assumption).

One byte is a letter in one encoding and a sign in another: 0x80 is the euro of Western Europe, and a Serbian letter in
windows-1251. So a byte says nothing by itself: what counts is whether it stands in a word of its own script, and
whether a sign stands where such signs do.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

WESTERN: Final = "windows-1252"
GUESSED: Final = ("windows-1251", WESTERN, "cp866", "koi8-r")
"""The encodings in which text is met that is no UTF-8, the likeliest first."""
SELDOM: Final = {"cp866": 2, "koi8-r": 10}
"""By so much those must fit better that are hardly met any more (assumption)."""
LOOKED_AT: Final = 64 * 1024
"""So many bytes of a text are looked at."""
_WORD: Final = re.compile("[A-Za-zÀ-ÖØ-öø-ÿŠšŽžŒœŸ\u0400-\u04ff]+")
_SIGN: Final = re.compile("[^\x00-\x7f\\sÀ-ÖØ-öø-ÿŠšŽžŒœŸ\u0400-\u04ff]")
_OURS: Final = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіў")
"""The letters of Russian and Belarusian; the alphabet of the encodings has those of five languages more."""
_OFTEN: Final = {**dict.fromkeys("оаеинтсрвл", 2), **dict.fromkeys("кмдпуяыьгзбчі", 1)}
"""How often letters stand in a text (assumption): where windows-1251 has words in capitals, koi8-r has words in small
letters, but of letters that are seldom."""
_THIRD: Final = re.compile("[^\x00-\x7f]{3}")
_NEAR: Final = re.compile("[ '\u2019-]?")
"""What may stand between a letter that is a word and the word whose script it is of."""
_MONEY: Final = frozenset("€£¥¢")
_RAISED: Final = frozenset("²³¹ºª")
_PARTS: Final = frozenset("½¼¾")
_OPENING: Final = frozenset("¿¡")
_UNUSUAL: Final = frozenset("ˆ˜¨¯¸ƒ√≈≤≥÷⌠⌡■∙\ufffd")
"""Signs that no table of ours has, and bytes that are no sign at all."""


def looks_like(body: bytes) -> str | None:
    """The encoding that a text which is no UTF-8 is probably in; None where its bytes tell nothing, or where it is
    UTF-8 that was damaged."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    body = body[:LOOKED_AT]
    if 10 * body.decode("utf-8", "replace").count("\ufffd") < sum(one >= 0x80 for one in body):
        return None
    fits = {name: _Reading(body.decode(name, "replace"), name == WESTERN).fit() for name in GUESSED}
    best = max(GUESSED, key=lambda name: fits[name] - SELDOM.get(name, 0))
    return best if fits[best] > 0 else None


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text as one encoding has it."""

    text: str
    western: bool

    def fit(self) -> int:
        """How much speaks for it: the letters in words as there are, and signs where such stand, less the others."""
        return sum(self._words()) + sum(map(self._sign, _SIGN.finditer(self.text)))

    def _words(self) -> Iterator[int]:
        """What each word says; one that comes again says nothing new, so that no odd word decides by its number."""
        words, known = [*_WORD.finditer(self.text)], set[str]()
        for place, word in enumerate(words):
            high = sum(one > "\x7f" for one in word[0])
            if high and len(word[0]) == 1:
                yield self._alone(words, place)
            elif high and (letters := word[0].lower()) not in known:
                known.add(letters)
                yield _western(word[0], high) if self.western else _cyrillic(word[0], high)

    def _alone(self, words: list[re.Match[str]], place: int) -> int:
        """A letter that is a word: it is of the script of the word beside it, and alone it says nothing."""
        word = words[place]
        if not self.western and word[0].lower() not in _OURS:
            return -1
        beside = list[bool]()
        if place and _NEAR.fullmatch(self.text, words[place - 1].end(), word.start()):
            beside.append(words[place - 1][0].isascii())
        if place + 1 < len(words) and _NEAR.fullmatch(self.text, word.end(), words[place + 1].start()):
            beside.append(words[place + 1][0].isascii())
        return 0 if not beside else 1 if any(latin is self.western for latin in beside) else -1

    def _sign(self, found: re.Match[str]) -> int:
        """Whether a sign stands where such stand; what is one in every encoding says nothing."""
        sign, at = found[0], found.start()
        before, after = self.text[at - 1 : at], self.text[at + 1 : at + 2]
        if sign in _UNUSUAL or "\u2500" <= sign <= "\u259f":
            return -1
        if sign in _MONEY:
            return 1 if not before.isalpha() and not after.isalpha() else -1
        if sign in _RAISED:
            return 1 if before.isascii() and (before.isalnum() or before == ")") else -1
        if sign in _PARTS:
            return 1 if not before.isalpha() and not after.isalpha() else -1
        if sign in _OPENING:
            return 1 if after.isalpha() else -1
        if sign == "№":
            return -1 if before.isascii() and before.isalnum() or after.isascii() and after.isalpha() else 1
        return 0


def _western(word: str, high: int) -> int:
    """Letters with marks stand single or in pairs in words of others."""
    return high if high < len(word) and not _THIRD.search(word) else -high


def _cyrillic(word: str, high: int) -> int:
    """Words are of one script, in capitals throughout, at the beginning, or nowhere, and mostly of our letters."""
    letters = word.lower()
    usual = word in (letters, word.upper(), word.capitalize())
    if high < len(word) or not usual or not any(one in _OURS for one in letters):
        return -high
    return high + sum(_OFTEN.get(one, 0) for one in letters)
