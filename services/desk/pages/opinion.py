"""An expert's opinion: each criterion with its scale and a reason, a verdict, remarks; blind to the others."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from services.desk import written
from services.desk.drafts import Fields
from services.desk.forms import Filled
from services.desk.words import Words
from services.desk.written import Card, Written


def make_router() -> APIRouter:
    """`/case/{pilot}/opinion`."""
    return written.make_router(
        Written("opinion", "opinion", _body, _lacks, _shows, lambda *_: written.place_of, _first)
    )


def _criteria(card: Card) -> list[Mapping[str, Any]]:
    return list(card["criteria"]["entries"])


def _given(card: Card) -> list[Mapping[str, Any]]:
    return list((card.get("place") or {}).get("opinions", ()))


def _first(_words: Words, card: Card) -> Fields:
    """A new version begins with the one before."""
    before = _given(card)
    if not before:
        return ()
    last = before[-1]
    scores = {f"score-{one['criterion']}": str(one["value"]) for one in last["scores"]}
    reasons = {f"reason-{one['criterion']}": str(one["reason"]) for one in last["scores"]}
    remarks = {f"remark-{n}": str(one["text"]) for n, one in enumerate(last["remarks"], 1)}
    weights = {f"severity-{n}": str(one["severity"]) for n, one in enumerate(last["remarks"], 1)}
    must = {f"must-{n}": "1" for n, one in enumerate(last["remarks"], 1) if one["must_fix"]}
    rows = {"rows": str(max(1, len(last["remarks"])))}
    words = {"verdict": str(last["verdict"]), "text": str(last["text"])}
    return tuple({**scores, **reasons, **remarks, **weights, **must, **rows, **words}.items())


def _body(card: Card, filled: Filled) -> dict[str, Any]:
    scores = [
        {"criterion": one["code"], "value": int(value), "reason": filled[f"reason-{one['code']}"].strip()}
        for one in _criteria(card)
        if (value := filled[f"score-{one['code']}"]).isdecimal()
    ]
    why = filled["why_changed"].strip()
    return {**written.verdict_of(filled), "scores": scores, **({"why_changed": why} if why else {})}


def _lacks(words: Words, card: Card, filled: Filled) -> dict[str, str]:
    missing = dict[str, str]()
    for one in _criteria(card):
        code, name = one["code"], one[words.language]
        if not filled[f"score-{code}"].isdecimal():
            missing[f"score-{code}"] = words.say("form.lacks-score", criterion=name)
        if not filled[f"reason-{code}"].strip():
            missing[f"reason-{code}"] = words.say("form.lacks-reason", criterion=name)
    if _given(card) and not filled["why_changed"].strip():
        missing["why_changed"] = words.say("form.lacks-why-changed")
    return missing | written.lacks_verdict(words, filled)


def _shows(words: Words, card: Card, _filled: Filled) -> dict[str, Any]:
    values = range(card["criteria"]["scale_min"], card["criteria"]["scale_max"] + 1)
    return {
        "scale": [(str(value), str(value)) for value in values],
        "verdicts": written.verdicts(words),
        "again": bool(_given(card)),
    }
