"""What one document does with the inputs meant for it: watermarks, causal order, claims, decide, evolve. Pure.

Everything here is a function of its arguments: time, ids and numbers come in from outside. The engine loads
documents, calls `fold`, and writes what came of it under the guard of `rev`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, assert_never, get_type_hints

from pydantic import BaseModel

from contracts.event import (
    TRACE_HEADERS,
    Cause,
    ClaimCause,
    Contract,
    Event,
    Fact,
    FactCause,
    Harmless,
    TimerCause,
    envelope,
    wire,
)
from contracts.moments import to_millisecond
from services.chassis.saying import why
from services.chassis.subject import (
    Absent,
    Aggregate,
    Broken,
    Claimed,
    Conflict,
    Document,
    Done,
    Duplicate,
    Entry,
    Input,
    Outcome,
    Refused,
    Remembered,
    Sequenced,
    Stale,
    Timed,
    Waiting,
    place_of,
)
from services.law.decision import Context, Refusal

MARGIN: Final = 64 * 1024
"""Room left in a record for its key, headers and framing, in bytes."""


class TimerStuck(Harmless, RuntimeError):
    """A timer's decision left its due time as it was: it would fire for ever."""


class FactTooLarge(Harmless, ValueError):
    """A fact that its topic would not take."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes the facts: the service's name, which sources it reads, how ids come, how large a fact may be."""

    service: str
    reads: frozenset[str]
    new_id: Callable[[], str]
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Fold:
    """What came of the inputs: the new document, what is new in its outbox, and for each input an outcome and the
    document as it stood then."""

    before: Document
    after: Document
    entries: tuple[Entry, ...]
    outcomes: tuple[Outcome, ...]
    then: tuple[Document, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.after is not self.before


def fold(
    document: Document,
    inputs: Sequence[Input],
    aggregate: Aggregate,
    writer: Writer,
    contexts: Sequence[Context[Any]],
) -> Fold:
    """Applies the inputs in their order. One write will cover them all, so `rev` rises by one at most.

    An input that waits or is broken leaves the document alone; what follows it in its series then meets a gap. One
    that waits is tried again behind the others: those of several sources come in any order.
    """
    current, outcomes, left = document, dict[int, tuple[Outcome, Document]](), list(range(len(inputs)))
    while left:
        waiting = list[int]()
        for place in left:
            outcome, current = _apply(document, current, inputs[place], aggregate, writer, contexts[place])
            outcomes[place] = outcome, current
            if isinstance(outcome, Waiting):
                waiting.append(place)
        left = waiting if len(waiting) < len(left) else []
    fresh = current.outbox[len(document.outbox) :]
    told = [outcomes[place] for place in range(len(inputs))]
    return Fold(document, current, fresh, tuple(outcome for outcome, _ in told), tuple(then for _, then in told))


def _apply(
    loaded: Document,
    doc: Document,
    one: Input,
    aggregate: Aggregate,
    writer: Writer,
    context: Context[Any],
) -> tuple[Outcome, Document]:
    rev = loaded.rev + 1
    if loaded.fault is not None:
        return Broken(f"the stored state cannot be read: {loaded.fault}", unreadable=True), doc
    if is_absent(doc, one):
        return Absent(), doc
    early = _already_or_not_yet(doc, one, writer)
    if early is not None and not (isinstance(early, Duplicate) and is_anew(doc, one, aggregate, context)):
        return early, doc
    if one.if_match is not None and not doc.moved <= one.if_match <= doc.rev:
        return Stale(doc.rev, doc.version), doc
    try:
        after, facts = _decided(doc, one, aggregate, writer, context)
    except Refusal as refusal:
        return Refused(refusal), doc
    except Exception as error:
        return Broken(why(error)), doc
    if early is not None and not facts:
        return early, doc  # what was answered to it stands
    after = replace(after, rev=rev, moved=rev if facts else doc.moved)
    return Done(after.version, rev, facts), after


def is_absent(doc: Document, one: Input) -> bool:
    """Whether the input needs a subject that is not there as what it must be, or that its actor may not see.

    Asked before anything else of the document is told, an answer that was given before and a refusal among it.
    """
    if one.existing is not None and (doc.version == 0 or doc.kind != one.existing):
        return True
    return one.sees is not None and doc.state is not None and not one.sees(doc.state)


def is_anew(doc: Document, one: Input, aggregate: Aggregate, context: Context[Any]) -> bool:
    """Whether an input that was decided on before is decided on once more, because it came again: not a record that is
    only read again, whose answer is that which it had."""
    if not isinstance(one.mark, Claimed) or doc.decided(one) is not None:
        return False
    return aggregate.anew(doc.state, one.command, context)


def _already_or_not_yet(doc: Document, one: Input, writer: Writer) -> Outcome | None:
    match one.mark:
        case Sequenced(source, sequence, after):
            seen = doc.seen.get(source, 0)
            if sequence <= seen:
                return Duplicate(doc.version, doc.rev)
            if sequence > seen + 1:
                return Waiting(f"gap: {source} {seen + 1} has not arrived")
            for other, needed in after.items():
                if other in writer.reads and doc.seen.get(other, 0) < needed:
                    return Waiting(f"after: {other} {needed} has not arrived")
        case Claimed(digest=digest) as claim:
            known = doc.ids.get(claim.key)
            if known is not None and known.digest == digest:
                return Duplicate(known.version, doc.rev)
            if known is not None:
                return Conflict()
        case Timed(due):
            if doc.due != due:
                return Duplicate(doc.version, doc.rev)
        case _:
            assert_never(one.mark)
    return None


def ready(document: Document, inputs: Sequence[Input], writer: Writer) -> list[Input]:
    """Those of the inputs whose turn has come, in the order in which they must be applied."""
    seen, found, left = dict(document.seen), list[Input](), list(inputs)
    while left:
        later = list[Input]()
        for one in left:
            if isinstance(_already_or_not_yet(replace(document, seen=seen), one, writer), Waiting):
                later.append(one)
            else:
                found.append(one)
                seen = dict(_moved(seen, one.mark))
        if len(later) == len(left):
            break
        left = later
    return found


def _decided(
    doc: Document, one: Input, aggregate: Aggregate, writer: Writer, context: Context[Any]
) -> tuple[Document, tuple[Fact, ...]]:
    seen = _moved(doc.seen, one.mark)
    facts = _facts(doc, one, aggregate, context, seen)
    state: Any = doc.state
    for fact in facts:
        state = aggregate.evolve(state, fact)
    correlation = one.correlation or doc.correlation or one.cause_id
    entries = tuple(
        _entry(fact, doc.version + 1 + place, one, writer, context, correlation) for place, fact in enumerate(facts)
    )
    version = doc.version + len(facts)
    after = replace(
        doc,
        version=version,
        state=state,
        seen=seen,
        ids=_with_claim(doc.ids, one, version, facts),
        outbox=doc.outbox + entries,
        due=aggregate.due(state) if state is not None else None,
        correlation=doc.correlation or (correlation if facts else None),
        trace=dict(one.trace) if facts and one.trace else doc.trace,
    )
    if isinstance(one.mark, Timed) and after.due == one.mark.due:
        raise TimerStuck("the timer's decision did not move its due time")
    return after, tuple(facts)


def _facts(
    doc: Document, one: Input, aggregate: Aggregate, context: Context[Any], seen: Mapping[str, int]
) -> list[Fact]:
    if one.command is None:
        return []
    if not isinstance(one.command, commands_of(aggregate)):
        raise TypeError(f"{aggregate.kind} has no case for {type(one.command).__name__}")
    decided = list(aggregate.decide(doc.state, one.command, context))
    stamped = [fact.model_copy(update={"after": dict(seen)}) for fact in decided]
    if stamped:
        stamped[-1] = stamped[-1].model_copy(update={"cause": cause_of(one.mark)})
    return stamped


@cache
def commands_of(aggregate: Aggregate) -> Any:
    """What an aggregate's `decide` has a case for: what its signature says of `command`. Its match is held to that by
    the types; any other command is broken, never answered as if it had been done."""
    said = get_type_hints(aggregate.decide).get("command", object)
    return object if said is Any else said


def cause_of(mark: Sequenced | Claimed | Timed) -> Cause:
    """What the last fact of a command carries, so that watermarks and claims can be rebuilt from the topic."""
    match mark:
        case Sequenced(source, sequence, _):
            return FactCause(source=source, sequence=sequence)
        case Claimed(owner, id_, digest):
            return ClaimCause(owner=owner, id=id_, digest=digest)
        case Timed(due):
            return TimerCause(due=due)
        case _:
            assert_never(mark)


def _moved(seen: Mapping[str, int], mark: Sequenced | Claimed | Timed) -> Mapping[str, int]:
    if isinstance(mark, Sequenced):
        return {**seen, mark.source: mark.sequence}
    return seen


def _with_claim(
    ids: Mapping[str, Remembered], one: Input, version: int, facts: Sequence[Fact]
) -> Mapping[str, Remembered]:
    if not isinstance(one.mark, Claimed):
        return ids
    place, known = place_of(one.mark, one.record) if facts else None, ids.get(one.mark.key)
    said = one.mark.digest, version, place
    return {**ids, one.mark.key: Remembered(*said) if known is None else known.then(*said)}


def _entry(fact: Fact, sequence: int, one: Input, writer: Writer, context: Context[Any], correlation: str) -> Entry:
    now = to_millisecond(context.now)
    data = fact.model_dump(mode="json")
    trace = {name: one.trace[name] for name in TRACE_HEADERS if one.trace.get(name)}
    event = Event(
        writer.new_id(), writer.service, fact.TYPE, one.subject, now, sequence, correlation, trace, fact, data
    )
    written = envelope(
        fact.TYPE,
        data,
        id=event.id,
        service=writer.service,
        subject=one.subject,
        time=now,
        cause=one.cause_id,
        correlation=correlation,
        trace=one.trace,
        sequence=sequence,
    )
    value = wire(written)
    if len(value) > writer.max_bytes - MARGIN:
        raise FactTooLarge(f"{fact.TYPE} would take {len(value)} bytes of {writer.max_bytes}")
    return Entry(context.now, sequence, event.id, fact.TYPE, value, event)


def state_json(state: Contract | BaseModel) -> dict[str, Any]:
    """A state in the form in which it is stored: JSON values, moments as sortable text."""
    return state.model_dump(mode="json")
