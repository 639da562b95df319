"""Corrections (исправления): a new entry with a reason and a document stands in the place of a wrong one.

What was decided cannot be corrected into something else: for that a body decides anew. Documents, dates, numbers and
the content of an agreement can. The wrong entry stays in the timeline.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from pydantic import BaseModel, JsonValue, ValidationError

from contracts.entered import YEARS
from contracts.event import Basis, json_pointer
from contracts.reference import Problem
from contracts.registry import Correctable
from services.law.decision import Refusal
from services.registry.domain import order
from services.registry.domain.state import (
    AgreementEntry,
    Commission,
    Credit,
    Decision,
    Ending,
    Judgement,
    LaunchEntry,
    Pause,
    Pilot,
    Prolongation,
    Proposal,
    ScalingEntry,
    Spending,
)

ENTRY_OF: dict[Correctable, type[BaseModel]] = {
    Correctable.EXPEDIENCY: Decision,
    Correctable.AGREEMENT: AgreementEntry,
    Correctable.CREDIT: Credit,
    Correctable.LAUNCH: LaunchEntry,
    Correctable.SPENDING: Spending,
    Correctable.SUSPENSION: Pause,
    Correctable.EXTENSION: Prolongation,
    Correctable.ENDING: Ending,
    Correctable.COMMISSION: Commission,
    Correctable.PROPOSAL: Proposal,
    Correctable.JUDGEMENT: Judgement,
    Correctable.SCALING: ScalingEntry,
}
LISTS = {
    Correctable.EXPEDIENCY: "decisions",
    Correctable.SPENDING: "spending",
    Correctable.SUSPENSION: "pauses",
    Correctable.EXTENSION: "prolongations",
}
FIXED: dict[Correctable, tuple[str, ...]] = {
    Correctable.EXPEDIENCY: ("decision",),
    Correctable.CREDIT: ("granted",),
    Correctable.SPENDING: ("event_id",),
    Correctable.SUSPENSION: ("since", "until"),
    Correctable.COMMISSION: ("members", "secretary"),
    Correctable.PROPOSAL: ("outcome",),
    Correctable.JUDGEMENT: ("outcome", "present", "votes"),
    Correctable.SCALING: ("decision",),
}
"""What a correction must leave as it is."""
LONGEST: Final = 20_000
"""Characters of one text of an entry: a technical bound."""
DOCUMENTS: Final = ("basis", "resumed")
"""Where an entry names a document: it may become another one, never none."""


def entry(state: Pilot, what: Correctable, place: int) -> BaseModel | None:
    """The entry that is spoken of, as it stands."""
    if what in LISTS:
        entries: tuple[BaseModel, ...] = getattr(state, LISTS[what])
        return entries[place - 1] if 1 <= place <= len(entries) else None
    found: BaseModel | None = getattr(state, what)
    return found if place == 1 else None


def read(what: Correctable, content: JsonValue, before: BaseModel) -> BaseModel:
    """The corrected entry. Raises Refusal with everything that is wrong with it."""
    try:
        after = ENTRY_OF[what].model_validate(content)
    except ValidationError as error:
        problems = [
            Problem(
                pointer="/content" + json_pointer(fault["loc"]),
                rule=f"schema.{fault['type'].replace('_', '-')}",
                message=str(fault["msg"]),
                message_ru="Значение не соответствует схеме.",
            )
            for fault in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise Refusal("correction.invalid", "The entry does not fit.", status=422, problems=problems) from error
    if unknown := sorted(_unknown(content, after.model_dump(mode="json"), "/content")):
        problems = [
            Problem(pointer=place, rule="schema.extra-forbidden", message="Unknown.", message_ru="Неизвестное поле.")
            for place in unknown
        ]
        raise Refusal("correction.invalid", "The entry does not fit.", status=422, problems=problems)
    if lost := [name for name in DOCUMENTS if _lost(getattr(before, name, None), getattr(after, name, None))]:
        raise Refusal("correction.no-document", f"A document must stand here: {', '.join(lost)}.", status=422)
    if problems := list(_unlikely(after.model_dump(), "/content")):
        raise Refusal("correction.invalid", "The entry does not fit.", status=422, problems=problems)
    changed = [name for name in FIXED.get(what, ()) if getattr(after, name) != getattr(before, name)]
    if isinstance(before, Pause) and isinstance(after, Pause) and before.resumed is None and after.resumed:
        changed.append("resumed")  # no correction lets carrying out go on
    if changed:
        raise Refusal("correction.decides", f"A correction cannot change: {', '.join(changed)}.", status=422)
    return after


def _unlikely(value: object, place: str) -> Iterator[Problem]:
    """Texts that say nothing or far too much, and days beyond `YEARS`: what a first entry is refused for, too."""
    match value:
        case Mapping():
            for name, one in value.items():
                yield from _unlikely(one, f"{place}/{name}")
        case list() | tuple():
            for n, one in enumerate(value):
                yield from _unlikely(one, f"{place}/{n}")
        case str() if not value.strip():
            yield order.problem(place, "text.blank", "This says nothing.", "Текст пуст.")
        case str() if len(value) > LONGEST:
            en, ru = f"At most {LONGEST} characters.", f"Не более {LONGEST} знаков."
            yield order.problem(place, "text.too-long", en, ru)
        case date() if value.year not in YEARS:
            en, ru = f"From {YEARS[0]} to {YEARS[-1]}.", f"С {YEARS[0]} по {YEARS[-1]} год."
            yield order.problem(place, "date.unlikely", en, ru)


def _lost(before: Basis | None, after: Basis | None) -> bool:
    """Whether a document is gone, or says nothing of itself."""
    said = after is not None and all(word.strip() for word in (after.body, after.kind, after.number))
    return not said and (before is not None or after is not None)


def _unknown(content: JsonValue, read: JsonValue, place: str) -> Iterator[str]:
    """Where the content speaks of what an entry does not have: left out, it would silently be lost."""
    if isinstance(content, Mapping) and isinstance(read, Mapping):
        for name, value in content.items():
            if name not in read:
                yield f"{place}/{name}"
            else:
                yield from _unknown(value, read[name], f"{place}/{name}")
    if isinstance(content, list) and isinstance(read, list):
        for n, (value, same) in enumerate(zip(content, read, strict=True)):
            yield from _unknown(value, same, f"{place}/{n}")


def corrected(state: Pilot, what: Correctable, place: int, content: JsonValue) -> dict[str, Any]:
    """The fields of the pilot with a corrected entry in its place; nothing, where there is no such entry.

    Nor where the content cannot be read as one, which no correction made here is: what happened is never refused.
    """
    if entry(state, what, place) is None:
        return {}
    try:
        after = ENTRY_OF[what].model_validate(content)
    except ValidationError:
        return {}
    if isinstance(after, AgreementEntry):
        return {str(what): after, "executor": after.agreement.executor}
    if isinstance(after, Ending):
        return {str(what): after, "pauses": _until_the_end(state, after)}
    if what not in LISTS:
        return {str(what): after}
    entries = list(getattr(state, LISTS[what]))
    entries[place - 1] = after
    return {LISTS[what]: tuple(entries)}


def _until_the_end(state: Pilot, end: Ending) -> tuple[Pause, ...]:
    """The pauses; one in which carrying out ended lasts until its end."""
    return tuple(
        one
        if one.until is None or one.resumed is not None
        else one.model_copy(update={"until": max(one.since, end.on)})
        for one in state.pauses
    )
