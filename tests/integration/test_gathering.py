"""Commands that come together are decided together, and each of them is answered as if it had come alone."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan

from services.chassis import store as store_module
from services.chassis import telemetry
from services.chassis.engine import Engine
from services.chassis.gathering import Gathering
from services.chassis.outbox import SendFailed
from services.chassis.store import Store, StoreAway, opened
from services.chassis.subject import Broken, Conflict, Document, Done, Duplicate, Input, Outcome, Refused
from tests.kit.engine.engines import Make, notes
from tests.kit.engine.tiny import Broker, Commands, Explode, Forbid, Note, Topic, claimed
from tests.kit.tracing import traced

Answer = tuple[Outcome, Document | None]


async def together(engine: Engine, inputs: Sequence[Input]) -> list[Outcome]:
    """The outcomes of commands that come while another one is being decided."""
    first, *rest = await asyncio.gather(
        engine.gathering.take(claimed("first", "first", Note(("first",)))), *map(engine.gathering.take, inputs)
    )
    assert isinstance(first[0], Done)
    return [outcome for outcome, _ in rest]


async def test_commands_that_come_together_cost_one_claim_one_load_and_one_write(
    store: Store, make: Make, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands()
    monkeypatch.setitem(store_module.OPTIONS, "event_listeners", [commands])
    async with opened(mongo_url, store._db.name) as watched:
        found = await together(make(on=watched), [claimed(f"p{n}", f"k{n}", Note((f"w{n}",))) for n in range(50)])
    assert all(isinstance(outcome, Done) for outcome in found)
    beside = [("find", "subjects"), ("insert", "claims")]  # neither waits for the other
    ways = [*sorted(commands.seen[:2]), commands.seen[2], *sorted(commands.seen[3:5]), *commands.seen[5:]]
    assert ways == [*beside, ("insert", "subjects")] * 2, "the first alone, then all others"
    engine = make()
    assert [await notes(engine, f"p{n}") for n in range(50)] == [(f"w{n}",) for n in range(50)]


async def test_each_is_answered_with_its_own_outcome_and_touches_no_other(engine: Engine) -> None:
    await engine.command(claimed("p9", "known", Note(("old",))))
    found = await together(
        engine,
        [
            claimed("p1", "a", Note(("a",))),
            claimed("p2", "b", Forbid()),
            claimed("p3", "c", Explode()),
            claimed("p4", "d", Note(("d",))),
            claimed("p4", "d", Note(("d",))),
            claimed("p4", "d", Note(("other",)), digest="other"),
            claimed("p9", "known", Note(("old",))),
            claimed("p5", "e", Note(("e",))),
        ],
    )
    kinds = [Done, Refused, Broken, Done, Duplicate, Conflict, Duplicate, Done]
    assert [type(outcome) for outcome in found] == kinds
    wanted = {"p1": ("a",), "p2": (), "p3": (), "p4": ("d",), "p5": ("e",), "p9": ("old",)}
    assert {subject: await notes(engine, subject) for subject in wanted} == wanted


async def test_the_answer_comes_with_the_subject_as_it_is_stored(engine: Engine) -> None:
    answers = await asyncio.gather(*(engine.gathering.take(claimed("p1", f"k{n}", Note((f"w{n}",)))) for n in range(5)))
    stored = (await engine.documents(["p1"]))["p1"]
    documents = [cast(Document, document) for _, document in answers]
    assert documents[-1].state == stored.state
    assert [document.rev for document in documents] == [1, 2, 2, 2, 2], "one write for those that came together"
    assert [document.version for document in documents] == [1, 2, 3, 4, 5], "each is told how it stood after its own"


# ---- with a decider of the test's own


def done(one: Input) -> Answer:
    return Done(1, 1), Document(one.subject, "pilot")


class Deciding:
    """Decides when it is let, and remembers what it was given together."""

    def __init__(self) -> None:
        self.given: list[list[str]] = []
        self.go = asyncio.Event()
        self.fails: dict[str, Exception] = {}

    async def __call__(self, inputs: Sequence[Input]) -> list[Answer]:
        self.given.append([one.subject for one in inputs])
        await self.go.wait()
        for one in inputs:
            if one.subject in self.fails:
                raise self.fails[one.subject]
        return [done(one) for one in inputs]


def start(gathering: Gathering[Input, Answer], *subjects: str) -> list[asyncio.Task[Answer]]:
    return [asyncio.create_task(gathering.take(claimed(one, one, Note(("x",))))) for one in subjects]


async def test_a_single_one_waits_for_nobody_and_those_behind_it_go_together_in_their_order() -> None:
    deciding = Deciding()
    gathering = Gathering(deciding, "http")
    tasks = start(gathering, "a")
    await asyncio.sleep(0)
    assert deciding.given == [["a"]]
    tasks += start(gathering, "b", "c", "d")
    await asyncio.sleep(0.01)
    assert deciding.given == [["a"]] and not any(task.done() for task in tasks), "nothing is answered before its write"
    deciding.go.set()
    assert await asyncio.gather(*tasks) == [done(claimed(one, one, None)) for one in "abcd"]
    assert deciding.given == [["a"], ["b", "c", "d"]]
    assert await asyncio.gather(*start(gathering, "e")) == [done(claimed("e", "e", None))]
    assert deciding.given[2:] == [["e"]]


async def test_where_the_database_is_away_all_who_wait_are_told_and_the_next_go_on() -> None:
    deciding = Deciding()
    gathering = Gathering(deciding, "http")
    tasks = start(gathering, "a", "b", "c")
    await asyncio.sleep(0.01)
    deciding.fails = {"b": StoreAway("away")}
    deciding.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [tuple, StoreAway, StoreAway]
    deciding.fails = {}
    assert await asyncio.gather(*start(gathering, "d", "e")) == [done(claimed(one, one, None)) for one in "de"]


async def test_what_nobody_foresaw_fails_that_one_alone() -> None:
    deciding = Deciding()
    gathering = Gathering(deciding, "http")
    tasks = start(gathering, "a", "b", "c", "d")
    await asyncio.sleep(0.01)
    deciding.fails = {"c": KeyError("c")}
    deciding.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [tuple, tuple, KeyError, tuple]
    assert deciding.given == [["a"], ["b", "c", "d"], ["b"], ["c"], ["d"]]


async def test_a_caller_who_leaves_is_in_nobodys_way() -> None:
    deciding = Deciding()
    gathering = Gathering(deciding, "http")
    first, second, third, fourth = start(gathering, "a", "b", "c", "d")
    await asyncio.sleep(0.01)
    first.cancel()
    third.cancel()
    await asyncio.sleep(0.01)
    deciding.go.set()
    assert [await second, await fourth] == [done(claimed(one, one, None)) for one in "bd"]
    assert first.cancelled() and third.cancelled()
    assert await asyncio.gather(*start(gathering, "e")) == [done(claimed("e", "e", None))]


async def test_each_decision_stands_in_the_trace_of_its_own_caller(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = traced(monkeypatch)

    async def asked(name: str) -> None:
        with telemetry._tracer.start_as_current_span(name):
            await engine.gathering.take(claimed(name, name, Note((name,))))

    await asyncio.gather(*(asked(f"p{n}") for n in range(4)))
    spans = exporter.get_finished_spans()
    callers = {span.name: span for span in spans if span.name.startswith("p")}
    decisions = {str((span.attributes or {})["pilot.id"]): span for span in spans if span.name == "decide Note"}
    [batch] = [span for span in spans if span.name == "batch http"]
    assert callers.keys() == decisions.keys() == {"p0", "p1", "p2", "p3"}
    for name, decision in decisions.items():
        assert decision.parent is not None and decision.parent.span_id == _id(callers[name])
        linked = [link.context.span_id for link in decision.links]
        assert linked == ([] if name == "p0" else [_id(batch)]), "those decided together are linked to their batch"


def _id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None and context != trace.INVALID_SPAN_CONTEXT
    return context.span_id


# ---- batches of several sources


async def test_batches_that_come_while_one_is_in_hand_are_taken_together_and_nothing_of_them_is_parked(
    store: Store, make: Make, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands()
    monkeypatch.setitem(store_module.OPTIONS, "event_listeners", [commands])
    left, right = Topic("left"), Topic("right")
    async with opened(mongo_url, store._db.name) as watched:
        engine = make(on=watched)
        await asyncio.gather(
            engine.batches.take([left.record("p0", 1, "first")]),
            engine.batches.take([right.record("p1", 1, "b", after={"left": 1})]),
            engine.batches.take([left.record("p1", 1, "a"), left.record("p2", 1, "c")]),
        )
        assert await notes(engine, "p1") == ("a", "b") and await notes(engine, "p2") == ("c",)
    assert [name for name, collection in commands.seen if collection == "subjects"].count("insert") == 2
    assert ("update", "parked") not in commands.seen


async def test_a_batch_that_cannot_be_sent_holds_up_no_batch_of_another_source(make: Make, broker: Broker) -> None:
    left, right = Topic("left"), Topic("right")
    engine = make()
    broker.refuse = lambda message: message.key == "p1"
    found = await asyncio.gather(
        engine.batches.take([left.record("p0", 1, "first")]),
        engine.batches.take([left.record("p1", 1, "a")]),
        engine.batches.take([right.record("p2", 1, "b")]),
        return_exceptions=True,
    )
    assert [type(one) for one in found] == [type(None), SendFailed, type(None)]
    assert broker.series("p2") == [1]


async def test_no_more_than_the_bound_go_together_but_one_always_does() -> None:
    given = list[list[int]]()
    go = asyncio.Event()

    async def taking(batches: Sequence[Sequence[int]]) -> list[None]:
        given.append([len(batch) for batch in batches])
        await go.wait()
        return [None] * len(batches)

    gathering = Gathering[Sequence[int], None](taking, "records", most=10, weight=len)
    tasks = [asyncio.create_task(gathering.take(range(size))) for size in (1, 20, 4, 6, 1)]
    await asyncio.sleep(0.01)
    go.set()
    await asyncio.gather(*tasks)
    assert given == [[1], [20], [4, 6], [1]]
