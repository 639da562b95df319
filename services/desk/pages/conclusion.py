"""The conclusion as the operator writes it: a verdict, remarks, a look at what it will say; then a second person."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from services.desk import written
from services.desk.forms import Filled
from services.desk.words import Words
from services.desk.written import Card, Written


def make_router() -> APIRouter:
    """`/case/{pilot}/conclusion`."""
    return written.make_router(Written("conclusion", "conclusion", _body, _lacks, _shows, lambda *_: _place))


def _earlier(card: Card) -> list[Mapping[str, Any]]:
    return list(card["earlier_remarks"])


def _body(card: Card, filled: Filled) -> dict[str, Any]:
    judged = [
        {"place": one["place"], "met": met == "1", "text": filled[f"met-text-{one['place']}"].strip() or None}
        for one in _earlier(card)
        if (met := filled[f"met-{one['place']}"])
    ]
    return {**written.verdict_of(filled), **({"earlier_remarks": judged} if judged else {})}


def _lacks(words: Words, card: Card, filled: Filled) -> dict[str, str]:
    missing = {
        f"met-{one['place']}": words.say("form.lacks-met", n=one["place"])
        for one in _earlier(card)
        if not filled[f"met-{one['place']}"]
    }
    return missing | written.lacks_verdict(words, filled)


def _shows(words: Words, _card: Card, _filled: Filled) -> dict[str, Any]:
    return {"verdicts": written.verdicts(words)}


def _place(pointer: str) -> str | None:
    parts = pointer.strip("/").split("/")
    if parts[0] == "earlier_remarks" and len(parts) > 1 and parts[1].isdecimal():
        return f"met-{int(parts[1]) + 1}"
    return written.place_of(pointer)
