"""A request for information to the applicant: items that each may open a field of the application again, what happens
if nothing is answered, and what the clock will do meanwhile."""

from typing import Any, Final, get_args

from fastapi import APIRouter

from contracts.reference import OnExpiry, ReopenableField, TermKind
from contracts.rules import load
from services.desk import fields, written
from services.desk.forms import Filled
from services.desk.words import Words
from services.desk.written import Card, Written

FIELDS: Final = get_args(ReopenableField)


def make_router() -> APIRouter:
    """`/case/{pilot}/request`."""
    return written.make_router(Written("request", "requests", _body, _lacks, _shows, lambda *_: _place))


def _rows(filled: Filled) -> list[int]:
    return [n for n in range(1, written.rows_of(filled) + 1) if filled[f"item-{n}"].strip()]


def _body(_card: Card, filled: Filled) -> dict[str, Any]:
    items = [
        {"id": f"item-{n}", "text": filled[f"item-{n}"].strip(), "field": filled[f"field-{n}"] or None}
        for n in _rows(filled)
    ]
    return {"items": items, "on_expiry": filled["on_expiry"]}


def _lacks(words: Words, _card: Card, filled: Filled) -> dict[str, str]:
    missing = dict[str, str]() if _rows(filled) else {"item-1": words.say("form.lacks-item")}
    return missing | ({} if filled["on_expiry"] else {"on_expiry": words.say("form.lacks-on-expiry")})


def _shows(words: Words, card: Card, _filled: Filled) -> dict[str, Any]:
    return {
        "fields": [(one, words.code("field", one)) for one in FIELDS],
        "endings": [(str(one), fields.capital(words.code("on-expiry", one))) for one in OnExpiry],
        "clock_words": _clock(words, card),
    }


def _clock(words: Words, card: Card) -> str:
    """What the clock will do, by the rules of the case's edition."""
    terms = load().edition(card["edition"]).terms
    stops = any(terms[one["kind"]].stops_while_with_applicant for one in card["terms"] if one["open"])
    answer = terms[TermKind.CLARIFICATION]
    days = words.count(f"form.answer-{answer.unit}", answer.budget or 0)
    return f"{words.say('form.clock-stops' if stops else 'form.clock-runs')} {days}"


def _place(pointer: str) -> str | None:
    parts = pointer.strip("/").split("/")
    if parts[0] == "items" and len(parts) > 1 and parts[1].isdecimal():
        return f"item-{int(parts[1]) + 1}"
    return written.place_of(pointer)
