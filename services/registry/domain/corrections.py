"""Corrections (исправления): a new entry with a reason and a document stands in the place of a wrong one.

What was decided cannot be corrected into something else: for that a body decides anew. Documents, dates, numbers and
the content of an agreement can. The wrong entry stays in the timeline.
"""

from typing import Any, Final

from pydantic import JsonValue, ValidationError

from contracts.entered import enter
from contracts.rules import Edition
from contracts.steps import (
    AgreementEntry,
    Commission,
    Correctable,
    CreditDecision,
    ExpediencyDecision,
    Judgement,
    Launch,
    PilotExtension,
    Proposal,
    ScalingDecision,
)
from contracts.words import schema_problems
from services.law.decision import Refusal
from services.law.years import door_of
from services.registry.domain.reported import SpendingEntry
from services.registry.domain.state import Ending, Pause, Pilot

Mendable = (
    ExpediencyDecision
    | AgreementEntry
    | CreditDecision
    | Launch
    | SpendingEntry
    | Pause
    | PilotExtension
    | Ending
    | Commission
    | Proposal
    | Judgement
    | ScalingDecision
)
"""Every entry that a correction may speak of."""
ENTRY_OF: Final[dict[Correctable, type[Mendable]]] = {
    Correctable.EXPEDIENCY: ExpediencyDecision,
    Correctable.AGREEMENT: AgreementEntry,
    Correctable.CREDIT: CreditDecision,
    Correctable.LAUNCH: Launch,
    Correctable.SPENDING: SpendingEntry,
    Correctable.SUSPENSION: Pause,
    Correctable.EXTENSION: PilotExtension,
    Correctable.ENDING: Ending,
    Correctable.COMMISSION: Commission,
    Correctable.PROPOSAL: Proposal,
    Correctable.JUDGEMENT: Judgement,
    Correctable.SCALING: ScalingDecision,
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
DOCUMENTS: Final = ("basis", "resumed")
"""Where an entry names a document: it may become another one, never none."""


def entry(state: Pilot, what: Correctable, place: int) -> Mendable | None:
    """The entry that is spoken of, as it stands."""
    if what in LISTS:
        entries: tuple[Mendable, ...] = getattr(state, LISTS[what])
        return entries[place - 1] if 1 <= place <= len(entries) else None
    found: Mendable | None = getattr(state, what)
    return found if place == 1 else None


def read(what: Correctable, content: JsonValue, before: Mendable, edition: Edition) -> Mendable:
    """The corrected entry, held to what a first one is held to. Raises Refusal with all that is wrong with it."""
    try:
        after = enter(ENTRY_OF[what], content, door_of(edition))
    except ValidationError as error:
        raise Refusal("correction.invalid", status=422, problems=schema_problems(error, "/content")) from error
    if lost := [name for name in DOCUMENTS if getattr(before, name, None) and not getattr(after, name, None)]:
        raise Refusal("correction.no-document", status=422, fields=lost)
    changed = [name for name in FIXED.get(what, ()) if getattr(after, name) != getattr(before, name)]
    if isinstance(before, Pause) and isinstance(after, Pause) and before.resumed is None and after.resumed:
        changed.append("resumed")  # no correction lets carrying out go on
    if changed:
        raise Refusal("correction.decides", status=422, fields=changed)
    return after


def corrected(state: Pilot, what: Correctable, place: int, content: JsonValue) -> dict[str, Any]:
    """The fields of the pilot with a corrected entry in its place; nothing, where there is no such entry, or it is the
    executor's (`reported`).

    Nor where the content cannot be read as one, which no correction made here is: what happened is never refused.
    """
    if what is Correctable.SPENDING or entry(state, what, place) is None:
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
