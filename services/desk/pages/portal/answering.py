"""An answer to a request for information, as a form: a text for each item that is asked, and the new content of the
field that an item opens again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from contracts.agency import ApplicationSubmittedV2, ClarificationProvidedV1
from contracts.rules import Edition
from services.desk import fields, forms
from services.desk.fields import Field, Group, Kind, Part, Parts, same
from services.desk.forms import Filled
from services.desk.pages.portal import contract_form
from services.desk.pages.portal.forms_of_events import EventForm
from services.desk.words import Words

ANSWERS: Final = "answers"

Card = Mapping[str, Any]
Item = Mapping[str, Any]


def form_of(words: Words, card: Card, request: Mapping[str, Any], edition: Edition, back: tuple[str, str]) -> EventForm:
    """The form of an open request: of the items that are not answered yet. What a field holds now stands in it."""
    items = [one for one in request["items"] if one["id"] in (request["open_items"] or [one["id"]])]
    parts = tuple(_part(n, one, edition) for n, one in enumerate(items, 1))
    first = {f"item{n}": _first(card, one) for n, one in enumerate(items, 1)}

    def data(filled: Filled) -> dict[str, Any]:
        answers = [_said(n, one, parts, filled) for n, one in _used(items, filled)]
        return {"request": request["id"], ANSWERS: answers}

    def place(filled: Filled) -> forms.Place:
        return lambda pointer: _place(pointer, items, parts, filled)

    title = words.say("write.answer")
    return EventForm(ClarificationProvidedV1.TYPE, parts, title, back, card["id"], first, data, place, answered=request)


def _part(n: int, item: Item, edition: Edition) -> Group:
    """An item: what was asked is its title; with a field, the form that the application itself has for that."""
    text = Field("text", Kind.PROSE, label="answer-text")
    if not item["field"]:
        return Group(f"item{n}", (text,), label=same(item["text"]))
    whole = contract_form.parts_of(ApplicationSubmittedV2.TYPE, edition)
    value = next(one for one in whole if one.name == item["field"])
    return Group(f"item{n}", (text, replace(value, hint="as-it-stands")), label=same(item["text"]))


def _first(card: Card, item: Item) -> dict[str, Any]:
    value = card["application"].get(item["field"]) if item["field"] else None
    return {} if value is None else {str(item["field"]): value}


def _used(items: list[Item], filled: Filled) -> list[tuple[int, Item]]:
    """The items to which something is answered; all of them where nothing is, so that all are told to be missing."""
    answered = [(n, one) for n, one in enumerate(items, 1) if filled[f"item{n}-text"].strip()]
    return answered or list(enumerate(items, 1))


def _said(n: int, item: Item, parts: Parts, filled: Filled) -> dict[str, Any]:
    group = parts[n - 1]
    assert isinstance(group, Group)
    said = fields.body(group.parts, filled, f"item{n}-")
    value = said.get(item["field"]) if item["field"] else None
    answer = {"item": item["id"], "text": said.get("text", "")}
    return answer if value is None else {**answer, "value": value}


def _place(pointer: str, items: list[Item], parts: Parts, filled: Filled) -> str | None:
    """`/answers/0/text` is the text of the first item that is answered; within its value, a field of that form."""
    steps = pointer.strip("/").split("/")
    used = _used(items, filled)
    index = int(steps[1]) if len(steps) > 1 and steps[1].isdecimal() else 0
    if steps[0] != ANSWERS or index >= len(used):
        return None
    n, item = used[index]
    group: Part = parts[n - 1]
    assert isinstance(group, Group)
    if steps[2:3] == ["value"] and item["field"]:
        inside = "/".join([str(item["field"]), *steps[3:]])
        return fields.place((group,), filled)(f"item{n}/{inside}")
    return f"item{n}-text"
