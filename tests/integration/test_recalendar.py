"""Open terms are counted anew when a calendar changed: all, once, by one of several replicas. On a real mongod."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, cast

import pytest
from pydantic import computed_field

from contracts.calendars import read_update
from contracts.event import Actor, Contract, Fact, Moment
from contracts.reference import Term, TermKind
from contracts.rules import load
from services.chassis import recalendar as module
from services.chassis import standing
from services.chassis.bus import Bus
from services.chassis.engine import Engine
from services.chassis.marks import Marks
from services.chassis.recalendar import INDEX, SAY, again, recalendar
from services.chassis.run import _loops
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.chassis.subject import Aggregate, Claimed, Done, Duplicate, Input
from services.law import ledger as term
from services.law.calendar import Calendars
from services.law.decision import Context
from tests.conftest import Eventually
from tests.kit.calendars import BY, CALENDARS
from tests.kit.engine.tiny import ROBOT, Broker, Clock, Hooked, away, numbered

RULE = load().edition("by-2024").terms[TermKind.EXPERTISE]
ZONE = "Europe/Minsk"
NOW = datetime(2026, 12, 10, 9, 0, tzinfo=UTC)
PATIENCE = timedelta(minutes=2)
MANY = {"running": 1100, "stopped": 100, "ended": 150}
COMMAND_ID = numbered("c")


class BegunV1(Fact):
    """A term began."""

    TYPE: ClassVar[str] = "pilots.debts.begun.v1"
    term: Term
    due: Moment | None


class EnteredV1(Fact):
    """The clock of every open term was stopped, or the term ended."""

    TYPE: ClassVar[str] = "pilots.debts.entered.v1"
    what: str
    at: Moment


class MovedV1(Fact):
    """A term is counted by another calendar: the old date, the new one, and the cause."""

    TYPE: ClassVar[str] = "pilots.debts.moved.v1"
    place: int
    was: Moment | None
    due: Moment | None
    was_counted_by: str
    counted_by: str


class Debt(Contract):
    """What somebody owes: terms, each with the due time as it was last said."""

    ledgers: tuple[term.Ledger, ...] = ()
    dues: tuple[Moment | None, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def calendars(self) -> tuple[str, ...]:
        """The calendar versions of the open terms."""
        return tuple(sorted({one.term.calendar_version for one in self.ledgers if one.ended is None}))


@dataclass(frozen=True, slots=True)
class Begin:
    """Begins a term, perhaps one that an older program counted."""

    counted_by: str | None = None


@dataclass(frozen=True, slots=True)
class Enter:
    """Stops or ends every term."""

    what: str


@dataclass(frozen=True, slots=True)
class CountAnew:
    """Counts all open terms by the calendars of this process."""


@dataclass(frozen=True, slots=True)
class Explode:
    """Cannot be decided."""


def decide(state: Debt | None, command: object, context: Context[Any]) -> Sequence[Fact]:
    """What follows from a command."""
    by, actor = context.calendars["BY"], context.actor
    match command:
        case Begin(counted_by):
            begun = term.start(RULE, by, "expertise", context.now, ZONE)
            update = {"calendar_version": counted_by} if counted_by else {}
            due = term.due_at(term.open_ledger(begun), by)
            return [BegunV1(actor=actor, term=begun.model_copy(update=update), due=due)]
        case Enter(what):
            return [EnteredV1(actor=actor, what=what, at=context.now)]
        case CountAnew() if state is not None:
            return [
                MovedV1(
                    actor=actor,
                    place=place,
                    was=state.dues[place],
                    due=term.due_at(ledger, by),
                    was_counted_by=ledger.term.calendar_version,
                    counted_by=by.version,
                )
                for place, ledger in enumerate(state.ledgers)
                if ledger.ended is None and ledger.term.calendar_version != by.version
            ]
    raise ValueError("it explodes")


def evolve(state: Debt | None, fact: Fact) -> Debt:
    """The debt after a fact."""
    now = state or Debt()
    ledgers, dues = list(now.ledgers), list(now.dues)
    match fact:
        case BegunV1():
            ledgers.append(term.open_ledger(fact.term))
            dues.append(fact.due)
        case EnteredV1(what="stop"):
            ledgers = [term.suspend(one, RULE, fact.at, "p1", "asked", BY) for one in ledgers]
            dues = [None for _ in ledgers]
        case EnteredV1():
            ledgers = [term.end(one, fact.at) for one in ledgers]
        case MovedV1():
            counted = ledgers[fact.place].term.model_copy(update={"calendar_version": fact.counted_by})
            ledgers[fact.place] = ledgers[fact.place].model_copy(update={"term": counted})
            dues[fact.place] = fact.due
    return Debt(ledgers=tuple(ledgers), dues=tuple(dues))


DEBTS = Aggregate("debt", Debt, decide, evolve, recalendar=CountAnew)
SERVICE = Service("debts", {"debt": DEBTS})
ORIGIN = '[{}]\nkind = "law"\nact = "№ 1"\nsource = "example.org"\nnote = "n"\n'
ACT = "\n".join(
    [
        'id = "BY"\ndated = 2026-12-09',
        ORIGIN.format("origin"),
        "[[transfers]]\nyear = 2026\nmoved = [{ off = 2026-12-24, worked = 2027-01-16 }]",
        ORIGIN.format("transfers.origin"),
    ]
)


def with_act(dated: str = "2026-12-09") -> Calendars:
    """The calendars with the act."""
    return Calendars.load([read_update(ACT.replace("2026-12-09", dated))])


NEW = with_act()


Make = Callable[..., Engine]


@pytest.fixture
def clock() -> Clock:
    """What the engines take for the time."""
    return Clock(NOW)


@pytest.fixture
async def make(store: Store, clock: Clock) -> Make:
    """Engines on one store and one clock, as replicas of a service are."""
    await store.prepare({"subjects": [INDEX]})
    number = iter(range(100))

    def made(service: Service = SERVICE, on: object = store, calendars: Calendars = CALENDARS) -> Engine:
        ids = numbered(f"e{next(number)}")
        return Engine(service, cast(Store, on), Broker(), now=clock, new_id=ids, calendars=calendars)

    return made


async def give(engine: Engine, commands: Sequence[tuple[str, object]]) -> None:
    """Gives each subject a command."""
    inputs = [
        Input(f"debt:{name}", Claimed("person:p1", COMMAND_ID(), "d"), command, ROBOT, cause_id="c")
        for name, command in commands
    ]
    for outcome in await engine.commands(inputs):
        assert isinstance(outcome, Done)


async def state(engine: Engine, name: str) -> Debt:
    """A debt that must be there."""
    found = (await engine.documents([f"debt:{name}"]))[f"debt:{name}"].state
    assert isinstance(found, Debt)
    return found


async def facts(engine: Engine) -> dict[str, int]:
    """How many facts each subject has made."""
    rows = await engine.store.rows("subjects", {}, sort=[("_id", 1)], limit=10_000, fields=["version"])
    return {row["_id"]: row["version"] for row in rows}


async def outbox_of(engine: Engine, name: str) -> list[str]:
    """The types of the facts of a debt that wait to be sent."""
    return [entry.type for entry in (await engine.documents([f"debt:{name}"]))[f"debt:{name}"].outbox]


async def test_an_act_moves_every_open_term_once_and_leaves_ended_ones_alone(make: Make, clock: Clock) -> None:
    engine = make()
    running, stopped, ended = ([f"{kind}-{n:04}" for n in range(count)] for kind, count in MANY.items())
    everyone = [*running, *stopped, *ended]
    await give(engine, [(name, Begin()) for name in everyone])
    clock.forward(days=1)
    await give(engine, [*((n, Enter("stop")) for n in stopped), *((n, Enter("end")) for n in ended)])
    before, was = await facts(engine), (await state(engine, running[0])).dues[0]

    engine.calendars = NEW
    assert await recalendar(engine) == len(running) + len(stopped) == 1200

    after, current = await facts(engine), NEW["BY"].version
    assert {name for name in after if after[name] != before[name]} == {f"debt:{n}" for n in (*running, *stopped)}
    assert all(after[name] - before[name] <= 1 for name in after)
    for name in (running[0], running[-1], stopped[0], stopped[-1]):
        assert (await state(engine, name)).calendars == (current,)
    moved = (await state(engine, running[0])).dues[0]
    assert was is not None
    assert moved is not None
    assert moved > was
    assert (await outbox_of(engine, running[0]))[-1] == MovedV1.TYPE
    assert (await state(engine, ended[0])).ledgers[0].term.calendar_version != current

    assert await recalendar(engine) == 0
    assert await again(engine, PATIENCE) == 0
    assert await facts(engine) == after


async def test_two_replicas_at_once_move_each_term_once(make: Make) -> None:
    one, other = make(), make()
    await give(one, [(f"{n:04}", Begin()) for n in range(600)])
    one.calendars = other.calendars = NEW
    changed = await asyncio.gather(recalendar(one), recalendar(other))
    assert sum(changed) == 600
    assert set((await facts(one)).values()) == {2}


async def test_a_term_of_an_older_version_is_found_beside_a_fresh_one(make: Make) -> None:
    engine = make()
    await give(engine, [("a", Begin("BY-2025.7+holidays-0.1"))])
    await give(engine, [("a", Begin()), ("b", Begin())])
    assert len((await state(engine, "a")).calendars) == 2
    assert await recalendar(engine) == 1
    assert (await state(engine, "a")).calendars == (BY.version,)
    assert await facts(engine) == {"debt:a": 3, "debt:b": 1}


async def test_several_older_versions_are_all_found(make: Make) -> None:
    engine = make()
    await give(engine, [(f"{n}", Begin(f"BY-2025.{n % 3}+holidays-0.1")) for n in range(9)])
    assert await recalendar(engine) == 9
    assert set((await facts(engine)).values()) == {2}


async def test_the_way_back_to_an_older_calendar_and_forward_again_moves_terms_each_time(make: Make) -> None:
    engine = make()
    await give(engine, [("a", Begin())])
    first = (await state(engine, "a")).dues[0]
    engine.calendars = NEW
    assert await recalendar(engine) == 1
    second = (await state(engine, "a")).dues[0]
    engine.calendars = CALENDARS
    assert await recalendar(engine) == 1
    assert (await state(engine, "a")).dues[0] == first != second
    engine.calendars = NEW
    assert await recalendar(engine) == 1
    assert (await state(engine, "a")).dues[0] == second


async def test_replicas_with_different_calendars_do_not_move_terms_to_and_fro(make: Make, clock: Clock) -> None:
    old, new = make(), make(calendars=NEW)
    await give(old, [("a", Begin())])
    assert await recalendar(old) == 0
    assert await recalendar(new) == 1
    for _ in range(5):
        clock.forward(seconds=40)
        assert await again(old, PATIENCE) == 0
        assert await again(new, PATIENCE) == 0

    await give(old, [("b", Begin())])
    assert await again(new, PATIENCE) == 1
    assert (await state(new, "b")).calendars == (NEW["BY"].version,)


async def test_what_the_last_to_start_left_behind_is_put_right_once_it_is_gone(make: Make, clock: Clock) -> None:
    old, new = make(), make(calendars=NEW)
    await give(new, [("a", Begin())])
    assert await recalendar(new) == 0
    assert await recalendar(old) == 1
    clock.forward(seconds=119)
    assert await again(new, PATIENCE) == 0
    clock.forward(seconds=1)
    assert await again(new, PATIENCE) == 1


async def test_a_claim_that_another_calendars_replica_left_when_it_died_is_no_hindrance(
    make: Make, store: Store
) -> None:
    engine = make()
    await give(engine, [("a", Begin())])
    hooked = Hooked(store)
    hooked.before["write"] = away
    dying = make(on=hooked, calendars=with_act("2026-12-08"))
    with pytest.raises(Exception, match="taken away"):
        await recalendar(dying)
    engine.calendars = NEW
    assert await recalendar(engine) == 1
    assert (await state(engine, "a")).calendars == (NEW["BY"].version,)


async def test_a_subject_that_changed_meanwhile_is_counted_anew_as_it_is_then(make: Make, store: Store) -> None:
    engine, hooked = make(), Hooked(store)
    await give(engine, [("a", Begin())])
    engine.calendars = NEW

    async def another_began() -> None:
        await give(engine, [("a", Begin("BY-2025.7+holidays-0.1"))])

    hooked.before["write"] = another_began
    assert await recalendar(make(on=hooked, calendars=NEW)) == 1
    assert (await state(engine, "a")).calendars == (NEW["BY"].version,)
    assert await facts(engine) == {"debt:a": 4}


async def test_a_subject_that_cannot_be_decided_keeps_no_other_from_it(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    engine = make()
    await give(engine, [(f"{n}", Begin()) for n in range(5)])

    def sometimes(state: Debt | None, command: object, context: Context[Any]) -> Sequence[Fact]:
        return decide(state, Explode() if context.subject in ("debt:1", "debt:2") else command, context)

    engine.calendars = NEW
    faulty = make(Service("debts", {"debt": replace(DEBTS, decide=sometimes)}), calendars=NEW)
    assert await recalendar(faulty) == 3
    told = [r.getMessage() for r in caplog.records if r.getMessage().startswith("terms cannot be counted anew")]
    assert len(told) == 2 and all("ValueError at tests/integration/test_recalendar.py:" in one for one in told)
    assert await recalendar(engine) == 2


async def test_a_subject_of_which_something_new_is_raised_keeps_no_other_from_it(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async def prepare(_store: Store, inputs: Sequence[Input], _loaded: Any, _found: Any) -> list[None]:
        if any(one.subject == "debt:b" and isinstance(one.command, CountAnew) for one in inputs):
            raise ZeroDivisionError
        return [None] * len(inputs)

    engine = make(replace(SERVICE, prepare=prepare))
    await give(engine, [(name, Begin()) for name in ("a", "b", "c")])
    engine.calendars = NEW
    assert await recalendar(engine) == 2
    assert await facts(engine) == {"debt:a": 2, "debt:b": 1, "debt:c": 2}
    assert "terms cannot be counted anew" in caplog.text


async def test_the_command_comes_from_the_service_itself_and_is_a_duplicate_when_given_again(make: Make) -> None:
    seen = list[Actor]()

    def watched(state: Debt | None, command: object, context: Context[Any]) -> Sequence[Fact]:
        seen.append(context.actor)
        return decide(state, command, context)

    engine = make()
    await give(engine, [("a", Begin())])
    watching = make(Service("debts", {"debt": replace(DEBTS, decide=watched)}), calendars=NEW)
    row = {"_id": "debt:a", "version": 1}
    one = module._input(watching, row, (NEW["BY"].version,))
    assert isinstance(await watching.command(one), Done)
    assert isinstance(await watching.command(one), Duplicate)
    assert seen == [Actor(id="calendar", role="service")]


async def test_with_nothing_to_do_the_index_answers_without_a_look_at_any_document(make: Make, store: Store) -> None:
    engine = make()
    await give(engine, [(f"{n:04}", Begin()) for n in range(400)])
    await give(engine, [(f"{n:04}", Enter("end")) for n in range(100)])
    database = cast(Any, store)._db
    await database.command("profile", 2)
    assert await recalendar(engine) == 0
    await database.command("profile", 0)
    looked = await database["system.profile"].find({"op": "query", "ns": f"{database.name}.subjects"}).to_list(None)
    assert [(one["docsExamined"], "state.calendars" in one["planSummary"]) for one in looked] == [(0, True)]
    assert looked[0]["keysExamined"] <= 3


class NoBus:
    """A bus of which only the start is asked."""

    held: Sequence[str] = ()

    async def connect(self) -> None:
        """Connects to nothing."""

    async def start(self) -> None:
        """Starts nothing."""


@pytest.fixture
def _no_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None:
        """Finds nothing, and does nothing."""

    for name in ("compare", "committed", "put_back"):
        monkeypatch.setattr(standing, name, nothing)


@pytest.mark.usefixtures("_no_kafka")
@pytest.mark.parametrize("only", ["all", "consumers"])
async def test_a_process_with_timers_counts_anew_at_its_start_and_again_later(
    make: Make, store: Store, eventually: Eventually, only: Literal["all", "consumers"]
) -> None:
    engine = make()
    await give(engine, [("a", Begin())])
    engine.calendars = NEW
    settings = Settings(only=only, sweep_every=0.02, timers_every=0.02)
    loops = _loops(engine, cast(Bus, NoBus()), store, SERVICE, settings, Marks(store))
    tasks = [asyncio.create_task(one) for one in loops]

    async def all_are_new() -> bool:
        found = await engine.documents(["debt:a", "debt:b"])
        return all(cast(Debt, one.state).calendars == (NEW["BY"].version,) for one in found.values())

    try:
        await eventually(all_are_new)
        await give(engine, [("b", Begin("BY-2025.7+holidays-0.1"))])
        assert not await all_are_new()
        await eventually(all_are_new)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_process_that_only_answers_http_leaves_it_to_the_others(make: Make, store: Store) -> None:
    def loops(only: Literal["all", "http"]) -> list[str]:
        some = _loops(make(), cast(Bus, NoBus()), store, SERVICE, Settings(only=only), Marks(store))
        for one in some:
            one.close()
        return [str(getattr(one, "__qualname__", one)) for one in some]

    assert not any("count_anew" in name for name in loops("http"))
    assert sum("count_anew" in name for name in loops("all")) == 1


async def test_a_service_without_terms_asks_nothing_and_takes_no_say(make: Make, store: Store) -> None:
    assert await recalendar(make(Service("debts", {"debt": replace(DEBTS, recalendar=None)}))) == 0
    assert await store.get(SAY, SAY) is None
