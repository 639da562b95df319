"""A pilot that copies another one, through the engine on the real database, its own facts fed back to it."""

import json
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from contracts.event import Actor, envelope, wire, wire_moment
from contracts.expertise import ExpertEnteredV1
from contracts.reference import (
    Application,
    Effectiveness,
    OrganisationId,
    Procedure,
)
from contracts.registry import ApplicationOutcome, Entry, Outcome
from contracts.steps import (
    FundingWindow,
    ReplicaPlan,
    Scaling,
    ScalingDecision,
)
from contracts.topics import EXPERTISE, fact_topic
from deploy.samples.common import APPLICATION, basis, party
from deploy.samples.registry import enter, steps, way
from services.chassis.engine import Engine
from services.chassis.service import Service
from services.chassis.store import Store
from services.chassis.subject import Claimed, Done, Input, Record
from services.registry.domain.commands import RecordAmendment, RecordHiding
from services.registry.domain.experts import NoteExpert, subject_of
from services.registry.domain.stages import Stage
from services.registry.domain.state import Pilot
from services.registry.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import START, Broker, Clock, numbered
from tests.kit.rebuilt import rebuilt

OWN = "pilots.registry.v1"
OFFICIAL = Actor(id="u-1", role="registrar")
DAY = START.date()
BASIS = basis(DAY)
MEMBERS = tuple(f"m-{n}" for n in range(9))


def copy_of(name: str) -> Application:
    changed = {"procedure": Procedure.REPLICATION, "replicates": name, "adaptation": "Другая область."}
    return APPLICATION.model_copy(update=changed)


class House:
    """The register on a real database, and what reads its own topic."""

    def __init__(self, store: Store, service: Service = SERVICE, broker: Broker | None = None) -> None:
        self.broker = broker or Broker()
        self.clock = Clock()
        self.engine = Engine(service, store, self.broker, now=self.clock, new_id=numbered(), calendars=CALENDARS)
        self._ids = count()
        self._fed = 0

    async def do(self, subject: str, *commands: object) -> None:
        """Each command is decided on."""
        for command in commands:
            mark = Claimed("person:u-1", f"c-{next(self._ids)}", "d")
            outcome = await self.engine.command(Input(subject, mark, command, OFFICIAL, mark.id))
            assert isinstance(outcome, Done), outcome

    async def feed(self, again: bool = False) -> None:
        """The register reads its own facts, until nothing new comes of them."""
        self._fed = 0 if again else self._fed
        while True:
            await self.engine.outbox.flush()
            own = [m for m in self.broker.log if m.topic == OWN]
            new = own[self._fed :]
            if not new:
                return
            first, self._fed = self._fed, len(own)
            await self.engine.records([Record(OWN, 0, first + n, m.key.encode(), m.value) for n, m in enumerate(new)])

    async def pilot(self, subject: str) -> Pilot:
        """How a pilot stands."""
        state = (await self.engine.documents([subject]))[subject].state
        assert isinstance(state, Pilot)
        return state


@pytest.fixture
async def house(store: Store) -> House:
    await store.prepare(SERVICE.indexes)
    return House(store)


def life(application: Application, number: str, outcome: Effectiveness) -> list[object]:
    """The commands of a life up to its judgement."""
    steps_on = (step for one in way(Stage.EFFECTIVE)[1:] for step in steps(one, DAY, outcome))
    return [enter(application, number=number), *steps_on]


def rules() -> Any:
    from contracts.rules import load

    return load().edition("by-2024")


WINDOW = FundingWindow(source="own-money", opens=DAY, closes=DAY)
SCALE = ScalingDecision(
    decision=Scaling.SCALE,
    evidence="Доказано.",
    conditions=None,
    windows=(WINDOW,),
    replicas=(ReplicaPlan(customer=party("700000140")),),
    basis=BASIS,
)


@pytest.mark.parametrize("name", ["parent", "ПП-2026-000001"], ids=["by its id", "by its number"])
async def test_a_replica_is_linked_to_what_it_copies_and_its_judgement_is_noted_there(house: House, name: str) -> None:
    await house.do("parent", *life(APPLICATION, "ПП-2026-000001", Effectiveness.EFFECTIVE), SCALE)
    await house.feed()
    assert (await house.pilot("parent")).replicas == ()
    steps = life(copy_of(name), "ПП-2026-000002", Effectiveness.INEFFECTIVE)
    await house.do("replica", *steps[:-1])
    await house.feed()
    [linked] = (await house.pilot("parent")).replicas
    assert (linked.pilot, linked.number, linked.adaptation, linked.outcome) == (
        "replica",
        "ПП-2026-000002",
        "Другая область.",
        None,
    )
    await house.do("replica", steps[-1])
    await house.feed()
    parent = await house.pilot("parent")
    assert [(one.pilot, one.outcome) for one in parent.replicas] == [("replica", Effectiveness.INEFFECTIVE)]
    assert parent.stage == "scaled"

    known = house.broker.series("parent", OWN)
    await house.feed(again=True)
    assert (await house.pilot("parent")) == parent, "facts that are read again change nothing"
    assert house.broker.series("parent", OWN) == known == list(range(1, len(known) + 1))


async def test_a_fact_of_the_parent_names_who_caused_it(house: House) -> None:
    await house.do(
        "parent", Entry(agency="vedomstvo", number="N-1", edition="by-2024", submitted=START, application=APPLICATION)
    )
    await house.feed()
    await house.do(
        "replica",
        Entry(agency="vedomstvo", number="N-2", edition="by-2024", submitted=START, application=copy_of("N-1")),
    )
    await house.feed()
    [linked] = [one for one in house.broker.events(OWN, "parent") if one["type"].endswith("replica-linked.v1")]
    [entered] = house.broker.events(OWN, "replica")
    assert linked["causationid"] == entered["id"]
    assert linked["correlationid"] == entered["correlationid"]
    assert json.loads(json.dumps(linked))["time"] == wire_moment(START)


async def test_a_pilot_that_copies_nothing_known_or_itself_asks_nothing_of_anybody(house: House) -> None:
    await house.do(
        "p1",
        Entry(agency="vedomstvo", number="N-1", edition="by-2024", submitted=START, application=copy_of("unknown")),
    )
    await house.do(
        "p2", Entry(agency="vedomstvo", number="N-2", edition="by-2024", submitted=START, application=copy_of("p2"))
    )
    await house.do(
        "p3", Entry(agency="vedomstvo", number="N-3", edition="by-2024", submitted=START, application=APPLICATION)
    )
    await house.feed()
    for subject in ("p1", "p2", "p3"):
        assert (await house.pilot(subject)).replicas == ()


async def test_what_an_application_says_only_later_to_copy_is_linked_too(house: House) -> None:
    for subject, number in (("a", "N-1"), ("b", "N-2")):
        await house.do(
            subject,
            Entry(agency="vedomstvo", number=number, edition="by-2024", submitted=START, application=APPLICATION),
        )
    await house.do(
        "r", Entry(agency="vedomstvo", number="N-3", edition="by-2024", submitted=START, application=copy_of("unknown"))
    )
    await house.do("r", RecordAmendment("q-1", copy_of("N-1")))
    await house.feed()
    assert [one.pilot for one in (await house.pilot("a")).replicas] == ["r"]
    await house.do("r", Outcome(outcome=ApplicationOutcome.RESUBMITTED, application=copy_of("N-2")))
    await house.feed()
    assert [(one.pilot, one.number) for one in (await house.pilot("b")).replicas] == [("r", "N-3")]


@pytest.mark.parametrize("name", ["parent", "N-0"], ids=["by its id", "by its number"])
async def test_a_replica_that_was_entered_before_what_it_copies_is_linked_when_that_one_comes(
    house: House, name: str
) -> None:
    judged = life(copy_of(name), "N-1", Effectiveness.INEFFECTIVE)
    await house.do("judged", *judged)
    await house.do("running", *life(copy_of(name), "N-2", Effectiveness.EFFECTIVE)[:-1])
    await house.do(
        "other", Entry(agency="vedomstvo", number="N-3", edition="by-2024", submitted=START, application=copy_of("N-2"))
    )
    await house.feed()
    await house.do(
        "parent", Entry(agency="vedomstvo", number="N-0", edition="by-2024", submitted=START, application=APPLICATION)
    )
    await house.feed()
    parent = await house.pilot("parent")
    linked = {one.pilot: (one.number, one.adaptation, one.outcome) for one in parent.replicas}
    assert linked == {
        "judged": ("N-1", "Другая область.", Effectiveness.INEFFECTIVE),
        "running": ("N-2", "Другая область.", None),
    }
    assert [one.pilot for one in (await house.pilot("running")).replicas] == ["other"], "a replica has its own"

    known = house.broker.series("parent", OWN)
    await house.feed(again=True)
    assert await house.pilot("parent") == parent, "facts that are read again change nothing"
    assert house.broker.series("parent", OWN) == known == list(range(1, len(known) + 1))

    await house.do("running", life(copy_of(name), "N-2", Effectiveness.EFFECTIVE)[-1])
    await house.feed()
    outcomes = {one.pilot: one.outcome for one in (await house.pilot("parent")).replicas}
    assert outcomes == {"judged": Effectiveness.INEFFECTIVE, "running": Effectiveness.EFFECTIVE}


async def test_a_pilot_that_names_itself_is_no_replica_of_its_own_when_it_comes(house: House) -> None:
    await house.do(
        "p1", Entry(agency="vedomstvo", number="N-1", edition="by-2024", submitted=START, application=copy_of("N-1"))
    )
    await house.feed()
    assert (await house.pilot("p1")).replicas == ()


# ---- who is tied to a party


WHO = "expert-1"
OWN_NUMBER, OTHERS = APPLICATION.initiator.id, party("700000140").id


def entered(organisation: OrganisationId, *interests: OrganisationId) -> NoteExpert:
    """An entry of the directory of experts as the expertise says it."""
    said: dict[str, Any] = {"edition": "by-2024", "competences": ("health",), "capacity": 3}
    ties: dict[str, Any] = {"organisation": organisation, "interests": interests}
    return NoteExpert(ExpertEnteredV1(actor=OFFICIAL, expert_id=WHO, **said, **ties))


def asked(number: str, application: Application = APPLICATION) -> Entry:
    return Entry(agency="vedomstvo", number=number, edition="by-2024", submitted=START, application=application)


async def test_a_pilot_is_hidden_from_who_is_tied_to_a_party_whichever_comes_first(house: House) -> None:
    async def hidden(*pilots: str) -> list[tuple[str, ...]]:
        await house.feed()
        return [(await house.pilot(one)).hidden_from for one in pilots]

    entry = subject_of(WHO)
    await house.do("before", asked("N-1"))
    await house.do(entry, entered(OTHERS, OWN_NUMBER))
    await house.do("after", asked("N-2"))
    await house.do("third", asked("N-3", replaced(APPLICATION, initiator=party("700000140"))))
    assert await hidden("before", "after", "third") == [(WHO,)] * 3
    await house.do(entry, entered(party("700000028").id))
    assert await hidden("before", "after", "third") == [()] * 3

    await house.do(entry, entered(OWN_NUMBER))
    assert await hidden("before", "after", "third") == [(WHO,), (WHO,), ()]
    await house.do("before", Outcome(outcome=ApplicationOutcome.ACCEPTED))
    assert await hidden("before", "after", "third") == [(WHO,), (WHO,), ()]
    await house.do("before", RecordHiding(person_id=WHO, hidden=True))
    await house.do(entry, entered(OTHERS))
    assert await hidden("before", "after", "third") == [(WHO,), (), (WHO,)], "a conflict that was found stays"

    mended = replaced(APPLICATION, initiator=party("700000140"))
    await house.do("after", Outcome(outcome=ApplicationOutcome.RETURNED))
    await house.do("after", Outcome(outcome=ApplicationOutcome.RESUBMITTED, application=mended))
    assert await hidden("after") == [(WHO,)], "a party that came with a later application"
    known = [house.broker.series(one, OWN) for one in ("before", "after", "third", entry)]
    await house.feed(again=True)
    assert [house.broker.series(one, OWN) for one in ("before", "after", "third", entry)] == known


def replaced(application: Application, **parts: Any) -> Application:
    return application.model_copy(update=parts)


def as_sent(fact: ExpertEnteredV1, sequence: int) -> Record:
    """A fact of the directory of experts as it stands in the expertise's topic."""
    said: dict[str, Any] = {"id": f"e-{sequence}", "service": EXPERTISE, "subject": subject_of(WHO), "time": START}
    data = fact.model_dump(mode="json")
    sent = envelope(fact.TYPE, data, **said, cause="c", correlation="c", trace={}, sequence=sequence)
    return Record(fact_topic(EXPERTISE), 0, sequence, subject_of(WHO).encode(), wire(sent))


async def test_entries_that_an_earlier_program_passed_by_are_known_after_a_rebuild_that_reads_all_inputs_again(
    store: Store, house: House
) -> None:
    """What the changelog tells operators to do at this upgrade: `rebuild registry --behind`."""
    read = [as_sent(entered(one).fact, n) for n, one in enumerate((OTHERS, OWN_NUMBER), start=1)]
    earlier = House(store, replace(SERVICE, translate=lambda _event: None))
    await earlier.engine.records(read)
    await house.do("p1", asked("N-1"))
    await house.feed()
    await house.engine.records(read)
    await house.feed()
    assert (await house.pilot("p1")).hidden_from == (), "what was passed by is not looked at again by itself"
    async with rebuilt(SERVICE, store, house.broker, behind=True) as (new, report):
        assert report.covers, report
        await new.prepare(SERVICE.indexes)
        after = House(new, broker=house.broker)
        await after.engine.records(read)
        await after.feed()
        assert (await after.pilot("p1")).hidden_from == (WHO,)
        known = after.broker.series("p1", OWN)
        assert known == list(range(1, len(known) + 1)), "nothing is sent a second time"
