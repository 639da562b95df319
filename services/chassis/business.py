"""The lines of business in the log: one for each thing that was taken, refused, parked, commanded, fired or sent.

Each carries the trace, the pilot and the event, and nothing that may be personal: ids in the form of one, types and
rules by their names. A batch is one call of the log and one write, however many lines it has: as single records of
Python's logging they would cost a tenth of the batch, so they cost a fiftieth.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, assert_never

from contracts.event import Event
from contracts.intake import EventRefused
from services.chassis.masking import MASK, OURS, TRACEPARENT, opaque, type_known
from services.chassis.message import Message
from services.chassis.spans import NO_TYPE
from services.chassis.subject import (
    Absent,
    Broken,
    Claimed,
    Conflict,
    Done,
    Duplicate,
    Input,
    Outcome,
    Refused,
    Sequenced,
    Stale,
    Timed,
    Waiting,
)

log = logging.getLogger(__name__)

PLAIN: Final = frozenset({"taken", "commanded", "fired", "known already"})
"""What is said of nearly all of them, which needs no quoting."""
MOST_RULES: Final = 5
"""So many rules of a refusal are named in a line; the receipt has all of them."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that the log writes together, each the inside of a JSON object; as a text, one below the other."""

    some: Sequence[str]

    def __str__(self) -> str:
        return "\n".join(f"{{{one}}}" for one in self.some)


@dataclass(frozen=True, slots=True)
class NotDecided:
    """What was refused by a rule before anything was decided: whose share it took, what was asked for (method and
    route), and which pilot and event it was about, as far as that is known."""

    rule: str
    who: str
    asked: str
    pilot: str | None
    event: str | None
    type: str | None
    trace: Mapping[str, str]


def tell(inputs: Iterable[Input], outcomes: Iterable[Outcome | None]) -> None:
    """A line for each input, with what came of it; what needs a hand as an error, what comes again as a warning."""
    by_level: dict[int, list[str]] = {}
    for one, outcome in zip(inputs, outcomes, strict=True):
        level = _level(one, outcome)
        if log.isEnabledFor(level):
            by_level.setdefault(level, []).append(_line(one, outcome))
    for level, some in by_level.items():
        log.log(level, Lines(some))


def sent(topic: str, facts: Iterable[tuple[Event, Mapping[str, str]]]) -> None:
    """A line for each fact that its topic has acknowledged, with the trace that it was sent in."""
    if not log.isEnabledFor(logging.INFO):
        return
    some = [
        f'"message": "sent", "to": "{topic}", "pilot": "{_id(one.subject)}", "event": "{one.id}", '
        f'"type": "{one.type}", "sequence": {one.sequence}{_trace(carrier)}'
        for one, carrier in facts
    ]
    if some:
        log.info(Lines(some))


def sent_beside(messages: Iterable[Message]) -> None:
    """A line for each message beside a fact (a receipt) that its topic has acknowledged."""
    if not log.isEnabledFor(logging.INFO):
        return
    if some := [_beside(one, one.headers.get) for one in messages]:
        log.info(Lines(some))


def not_decided(some: Iterable[NotDecided]) -> None:
    """A line for each of what was refused before anything was decided."""
    if not log.isEnabledFor(logging.INFO):
        return
    if lines := [_refused(one) for one in some]:
        log.info(Lines(lines))


def _beside(one: Message, says: Callable[[str, str], str]) -> str:
    return (
        f'"message": "sent", "to": "{one.topic}", "pilot": "{_id(one.key)}", "event": "{_id(says("ce_id", ""))}", '
        f'"type": "{_type(says("ce_type", ""))}"{_trace(one.headers)}'
    )


def _refused(one: NotDecided) -> str:
    kind = f', "type": "{_type(one.type)}"' if one.type else ""
    return (
        f'"message": {_text(f"refused: {one.rule}")}, "from": "{_owner(one.who)}", "pilot": {_known(one.pilot)}, '
        f'"event": {_known(one.event)}, "asked": {_text(one.asked)}{kind}{_trace(one.trace)}'
    )


def _known(id_: str | None) -> str:
    return f'"{_id(id_)}"' if id_ else "null"


def _level(one: Input, outcome: Outcome | None) -> int:
    if outcome is None:
        return logging.WARNING
    if isinstance(outcome, Broken) or (isinstance(one.mark, Timed) and isinstance(outcome, Refused)):
        return logging.ERROR
    return logging.INFO


def _line(one: Input, outcome: Outcome | None) -> str:
    said = _said(one, outcome)
    what = f'"type": "{_type(one.event_type)}"' if one.event_type else f'"command": "{type(one.command).__name__}"'
    return (
        f'"message": {_text(said)}, {_door(one)}, "pilot": "{_id(one.subject)}", '
        f'"event": "{_id(one.cause_id)}", {what}{_trace(one.trace)}'
    )


def _said(one: Input, outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return "given back, to come again"
        case Done(facts=facts):
            if facts and isinstance(facts[-1], EventRefused):
                return f"refused: {', '.join([problem.rule for problem in facts[-1].problems][:MOST_RULES])}"
            return _done(one)
        case Duplicate():
            return "known already"
        case Waiting(cause):
            return f"parked as waiting: {cause}"
        case Broken(cause):
            return f"{_broken(one)}: {cause}"
        case Refused(refusal):
            return f"{'a timer failed' if isinstance(one.mark, Timed) else 'refused'}: {refusal.rule}"
        case Conflict() | Stale() | Absent():
            return f"refused: {type(outcome).__name__.lower()}"
        case _:
            assert_never(outcome)


def _broken(one: Input) -> str:
    if isinstance(one.mark, Timed):
        return "a timer failed"
    return "parked as broken" if one.record else "broken"


def _done(one: Input) -> str:
    if isinstance(one.mark, Timed):
        return "fired"
    return "taken" if one.record or one.event_type else "commanded"


def _door(one: Input) -> str:
    match one.mark:
        case Sequenced(source=source):
            return f'"from": "{source}"'
        case Timed():
            return '"from": "timer"'
        case Claimed(owner=owner):
            return f'"from": "{_owner(owner)}"'
        case _:
            assert_never(one.mark)


def _trace(carrier: Mapping[str, str]) -> str:
    found = carrier.get("traceparent", "")
    return f', "trace": "{found[3:35]}"' if TRACEPARENT.fullmatch(found) else ""


def _text(said: str) -> str:
    return f'"{said}"' if said in PLAIN else json.dumps(said, ensure_ascii=False)


def _id(text: str) -> str:
    """An id as it is shown. Of one that a person's id and a key of ours make, the key stays: it is found by that."""
    if (shown := opaque(text)) != MASK:
        return shown
    last = text.rpartition(":")[2]
    return f"{MASK}:{last}" if OURS.fullmatch(last) else MASK


@lru_cache(maxsize=1000)
def _owner(owner: str) -> str:
    """Whose id an input has: an agency, a fact's topic; of a person, that it is one."""
    kind = owner.partition(":")[0]
    return opaque(owner) if kind in ("agency", "fact") else kind if kind.isalpha() else MASK


@lru_cache(maxsize=1000)
def _type(name: str) -> str:
    return name if name == NO_TYPE or type_known(name) else MASK
