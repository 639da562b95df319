"""How the public register says what it shows: codes by their titles, money, bars."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from contracts.reference import UNSPECIFIED
from contracts.rules import CodeList, Edition, load
from contracts.words import Language
from services.desk import fields
from services.desk.pages import steps
from services.desk.reading import Reader
from services.desk.words import Words

Row = Mapping[str, Any]
STAGES_OF_MONEY: Final = ("planned", "committed", "paid")
WAY: Final = (
    "council",
    "expedient",
    "agreed",
    "running",
    "suspended",
    "finished",
    "at-commission",
    "effective",
    "partly-effective",
)
"""The stages on the way of a pilot that are public, in their order; whatever else a pilot is at is an outcome."""
LISTS: Final[Mapping[str, Callable[[Edition], CodeList | None]]] = {
    "sector": lambda edition: edition.sectors,
    "region": lambda edition: edition.regions,
    "office": lambda edition: edition.offices,
    "source": lambda edition: edition.money.sources if edition.money else None,
}


@cache
def titles(of: str, language: Language) -> Mapping[str, str]:
    """What the codes of a list mean, in all editions; the first that says it."""
    book, found = load(), dict[str, str]()
    for edition in (book.edition(id_) for id_ in book.digests):
        codes = LISTS[of](edition)
        for one in codes.entries if codes else ():
            found.setdefault(one.code, str(getattr(one, language)))
    return found


def title(words: Words, of: str, code: str | None) -> str:
    """What a code means."""
    if of == "stage" and code is not None:
        return stage(words, code)
    known = titles(of, words.language) if of in LISTS else {}
    if code in (None, UNSPECIFIED) and code not in known:
        return words.say("register.unspecified")
    return known.get(str(code), str(code))


def stage(words: Words, code: str) -> str:
    """What a stage of a pilot is called."""
    return fields.capital(fields.contract(words, f"stage.{code}", code))


def money_stage(words: Words, code: str) -> str:
    """What a stage of money is called."""
    return fields.contract(words, f"money.{code}", code)


def term(words: Words, kind: str) -> str:
    """What a term is called."""
    return fields.capital(steps.terms(words.language).get(kind, kind))


def sums(words: Words, totals: Row) -> list[tuple[str, str]]:
    """A pilot's money: what each sum is called, and its amounts, one for each currency."""
    return [
        (
            money_stage(words, one),
            "; ".join(words.money(each["amount_minor"], each["currency"]) for each in totals[one]),
        )
        for one in STAGES_OF_MONEY
        if totals[one]
    ]


def sectors(words: Words, line: Row) -> str:
    """The sectors of a pilot."""
    return ", ".join(title(words, "sector", one) for one in line["sectors"] or [line["sector"]])


def agency(line: Row) -> str:
    """What the agency of a pilot was called when it was entered; its code, where nobody said it then."""
    return str(line["agency_name"] or line["agency"])


def day(words: Words, moment: str) -> str:
    """The day of a moment, in the zone of the reader's desk."""
    return words.day(datetime.fromisoformat(moment).astimezone(words.zone).date())


def published(line: Row) -> str:
    """Since when the public sees a pilot; since its entry, where an earlier program did not say."""
    return str(line["published"] or line["entered"])


def then(words: Words, card: Row, asked: str) -> str:
    """As of when a card stands: the end of the day that was asked for, or the moment; nothing for one of now."""
    if not card.get("as_of"):
        return ""
    if "T" in asked:
        return words.say("register.as-it-was-at", moment=words.moment(card["as_of"]))
    return words.say("register.as-it-was", day=words.day(asked))


def share(part: int, of: Iterable[int]) -> float:
    """How long the bar of a number is, in percent of the longest of its picture."""
    most = max(of, default=0)
    return round(100 * part / most, 2) if most > 0 else 0.0


def shown(reader: Reader) -> Mapping[str, Any]:
    """What every template of the register says things with."""
    words = reader.words
    return {
        "title_of": lambda of, code: title(words, of, code),
        "stage": lambda code: stage(words, code),
        "money_stage": lambda code: money_stage(words, code),
        "sectors_of": lambda line: sectors(words, line),
        "sums_of": lambda line: sums(words, line["totals"]),
        "agency_of": agency,
        "term": lambda kind: term(words, kind),
        "share": share,
        "entered": lambda line: day(words, line["entered"]),
        "published": lambda line: words.say("register.published", day=day(words, published(line))),
    }


def in_order(codes: Iterable[str], order: Sequence[str]) -> list[str]:
    """Codes in an order of their own, what it does not name at the end."""
    places = {one: place for place, one in enumerate(order)}
    return sorted(codes, key=lambda one: (places.get(one, len(order)), one))
