"""What the register said at any moment, over HTTP on a real mongod: a pilot, the list, the timeline."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import Event, wire_moment
from contracts.reference import (
    Expediency,
    Payment,
    Period,
    ReturnReason,
    Role,
    Verdict,
)
from contracts.registry import REGISTRY, ApplicationOutcome, Outcome, TermStage
from contracts.steps import Progress, Results, Risks, Spending
from deploy.samples.common import NOW
from deploy.samples.registry import risk, value
from services.chassis import telemetry
from services.chassis.sight import Sight
from services.registry import history as memory
from services.registry import queries, views
from services.registry.api import memory as told
from services.registry.domain.commands import RecordAmendment, RecordConclusion, RecordReport, RecordTerm
from services.registry.domain.stages import Stage
from services.registry.handlers import TIMELINE, projection
from services.registry.queries import IN_ORDER
from tests.kit.common import made
from tests.kit.engine.tiny import numbered
from tests.kit.expertise.world import application
from tests.kit.people import Person
from tests.kit.registry.http import (
    AGREEMENT,
    BEGIN,
    HEAD,
    MEMBERS,
    REGISTRAR,
    SECRETARY,
    Register,
)


async def random_life(register: Register, pilot: str, rng: random.Random) -> None:
    """A life of steps that are mostly possible, with stretches of time between them."""
    begin = register.at_council if rng.random() < 0.8 else register.enter
    await begin(pilot, sector=rng.choice(["health", "transport"]))
    number = numbered("x")

    def day() -> date:
        return register.today

    said: list[Callable[[], object]] = [
        lambda: Outcome(outcome=ApplicationOutcome.ACCEPTED),
        lambda: Outcome(outcome=ApplicationOutcome.RETURNED, reasons=(ReturnReason(code="other"),)),
        lambda: Outcome(
            outcome=ApplicationOutcome.RESUBMITTED, application=application(sector=rng.choice(["health", "ecology"]))
        ),
        lambda: RecordAmendment("r1-1", application(expected_effect=number(), sector="ecology")),
        lambda: RecordTerm(
            kind=rng.choice(["look-over", "expertise"]), stage=rng.choice(list(TermStage)), due_at=register.clock()
        ),
        lambda: RecordReport(
            number(),
            Progress(period=Period(since=day(), until=day()), summary="Идёт.", values=(value("9", day(), "wait"),)),
        ),
        lambda: RecordReport(number(), Results(values=(value(str(rng.randint(0, 40)), day(), "wait"),))),
        lambda: RecordReport(number(), Risks(risks=(risk(rng.choice("abc"), title=number()),))),
        lambda: RecordReport(
            number(),
            Spending(payments=(Payment(source="own-money", year=2026, amount_minor=7, currency="BYN", paid=day()),)),
        ),
        lambda: RecordConclusion(
            round=1,
            number=number(),
            date=day(),
            verdict=rng.choice(list(Verdict)),
            text="Текст.",
            knowing=rng.randint(0, 9),
        ),
    ]
    entered: list[tuple[str, Person, Callable[[], dict[str, Any]]]] = [
        ("expediency-decision", SECRETARY, lambda: {"decision": rng.choice(list(Expediency))}),
        ("expediency-decision", SECRETARY, lambda: {"decision": "expedient"}),
        ("agreement", REGISTRAR, lambda: {"agreement": AGREEMENT}),
        ("launch", REGISTRAR, lambda: {"started": day().isoformat()}),
        ("suspension", REGISTRAR, lambda: {"since": day().isoformat(), "why": "Ремонт."}),
        ("resumption", REGISTRAR, lambda: {"since": day().isoformat()}),
        ("commission", HEAD, lambda: {"members": MEMBERS, "secretary": "s"}),
    ]
    for _ in range(40):
        register.clock.forward(milliseconds=rng.choice([0, 1, 999, 3_600_000, 40_000_000]))
        if rng.random() < 0.4:
            await register.say(pilot, rng.choice(said)())
            continue
        what, who, body = rng.choice(entered)
        answer = await register.post(pilot, what, who, **body())
        assert answer.status_code in (200, 409, 422), answer.text
        if rng.random() < 0.2:
            await register.engine.timers()


def moments(register: Register, pilots: Sequence[str], rng: random.Random, most: int) -> list[datetime]:
    """Moments around facts: at them, a millisecond before and after, and between."""
    times = sorted({one.time for pilot in pilots for one in register.facts(pilot)})
    near = [
        at + timedelta(milliseconds=by)
        for at in times
        for by in (-1, 0, 1)
        if at + timedelta(milliseconds=by) <= register.clock()
    ]
    return rng.sample(near, min(most, len(near)))


@pytest.mark.parametrize("seed", [0, 2, 3, 5])
async def test_what_the_register_said_at_any_moment_is_what_a_replay_up_to_it_gives(
    register: Register, seed: int
) -> None:
    rng = random.Random(seed)
    await random_life(register, "p", rng)
    await register.settle()
    register.clock.forward(seconds=1)
    stages = set[Stage]()
    for moment in moments(register, ["p"], rng, 60):
        answer = await register.ask("get", f"/pilots/p?as_of={wire_moment(moment)}")
        replayed = register.replayed("p", moment)
        if replayed is None:
            assert answer.status_code == 404
            continue
        stages.add(replayed.stage)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body.pop("as_of") == wire_moment(moment)
        assert body.pop("version") == len([one for one in register.facts("p") if one.time <= moment])
        body.pop("id"), body.pop("correlation"), body.pop("persons")
        assert body == views.internal_state(replayed)
    assert len(stages) > 1, "the life went somewhere"
    now = await register.get(f"/pilots/p?as_of={wire_moment(register.clock())}")
    now.pop("as_of")
    assert now == await register.get("/pilots/p")


async def test_the_list_as_of_a_moment_is_what_each_pilot_replayed_to_it_says(register: Register) -> None:
    rng = random.Random(11)
    pilots = [f"p{n}" for n in range(8)]
    for pilot in pilots:
        await random_life(register, pilot, rng)
    await register.settle()
    register.clock.forward(seconds=1)
    met = 0
    for moment in moments(register, pilots, rng, 25):
        replayed = {pilot: state for pilot in pilots if (state := register.replayed(pilot, moment)) is not None}
        for stage, sector, agency in (
            (None, None, None),
            (rng.choice([s.stage for s in replayed.values()] or [Stage.COUNCIL]), None, None),
            (None, rng.choice(["health", "ecology"]), "vedomstvo"),
            (
                rng.choice([s.stage for s in replayed.values()] or [Stage.COUNCIL]),
                rng.choice(["health", "ecology"]),
                None,
            ),
            (rng.choice(list(Stage)), None, "vedomstvo"),
            (None, None, "nobody"),
        ):
            asked = {"stage": stage, "sector": sector, "agency": agency}
            path = "".join(f"&{name}={value}" for name, value in asked.items() if value is not None)
            wanted = {
                pilot: (state.stage, state.application.sector)
                for pilot, state in replayed.items()
                if stage in (None, state.stage)
                and sector in (None, state.application.sector)
                and agency in (None, "vedomstvo")
            }
            rows = await every_page(register, f"/pilots?as_of={wire_moment(moment)}&limit=3{path}")
            assert {row["id"]: (row["stage"], row["sector"]) for row in rows} == wanted
            assert [row["entered"] for row in rows] == sorted((row["entered"] for row in rows), reverse=True)
            met += len(wanted)
    assert met > 100


async def test_at_the_moment_of_a_move_the_list_has_the_pilot_at_its_new_stage_alone(register: Register) -> None:
    await register.at_council("p")
    moved = register.clock()
    await register.do("p", "expediency-decision", SECRETARY, decision="expedient")
    for by, wanted in ((-1, ["council"]), (0, ["expedient"]), (1, ["expedient"])):
        then = wire_moment(moved + timedelta(milliseconds=by))
        listed = [
            stage
            for stage in ("look-over", "council", "expedient")
            if (await register.get(f"/pilots?as_of={then}&stage={stage}"))["items"]
        ]
        assert listed == wanted


async def every_page(register: Register, path: str) -> list[dict[str, Any]]:
    rows, after = list[dict[str, Any]](), ""
    while True:
        found = await register.get(f"{path}{after}")
        rows += found["items"]
        if found["next"] is None:
            return rows
        after = f"&after={found['next']}"


ASKED = [
    (stage, agency, sector)
    for stage in (None, "council", "withdrawn")
    for agency in (None, "a3")
    for sector in (None, "health")
]


async def test_the_list_as_of_a_moment_is_read_in_the_order_of_an_index_however_deep_the_page(
    register: Register,
) -> None:
    line = ["look-over", "expertise", "council", "expedient", "agreed", "running"]
    rng, rows = random.Random(1), []
    for n in range(3000):
        entered = BEGIN - timedelta(days=700) + timedelta(hours=4 * n)
        times = [entered + timedelta(days=20 * place) for place in range(rng.randint(1, len(line)))]
        sector = rng.choice(["health", "transport", "ecology"])
        stays = [
            {"stage": stage, "sector": sector, "since": wire_moment(since), "until": until and wire_moment(until)}
            for stage, since, until in zip(line, times, [*times[1:], None], strict=False)
        ]
        state = {"agency": f"a{n % 10}", "entered": wire_moment(entered), "history": stays, "stage": stays[-1]["stage"]}
        rows.append({"_id": f"p{n:05}", "kind": "pilot", "state": state})
    await register.store.put("subjects", rows)
    moment = BEGIN - timedelta(days=400)
    for asked_stage, agency, of in ASKED:
        query = queries.pilots_as_of(moment, asked_stage, agency, of, None)
        hint = queries.index_as_of(asked_stage, agency, of)
        deep = {**query, "state.entered": {"$gt": "", "$lte": wire_moment(BEGIN - timedelta(days=600))}}
        for where in (query, deep):
            find = {"find": "subjects", "filter": where, "sort": dict(queries.NEWEST), "limit": 51}
            asked = {**find, "hint": dict(hint)} if hint else find
            told = await register.store._db.command("explain", asked, verbosity="executionStats")
            assert {"SORT", "COLLSCAN"}.isdisjoint(stages_of(told["queryPlanner"]["winningPlan"])), (
                asked_stage,
                agency,
                of,
            )
            stats = told["executionStats"]
            assert stats["totalDocsExamined"] <= stats["nReturned"] * (6 if agency and of else 1)


def stages_of(plan: dict[str, Any]) -> set[str]:
    """The names of the stages of a plan of the database."""
    inner = [plan.get("inputStage"), plan.get("queryPlan"), *plan.get("inputStages", ())]
    return {str(plan.get("stage"))}.union(*(stages_of(one) for one in inner if one))


async def test_a_fact_whose_row_is_not_written_yet_is_remembered_all_the_same(register: Register) -> None:
    await register.at_council("p")
    assert await register.store.count("timeline", {}, 10) == 0, "nothing was sent, so no row was written"
    card = await register.get("/pilots/p")
    then = await register.get(f"/pilots/p?as_of={wire_moment(register.clock())}")
    then.pop("as_of")
    assert then == card
    await register.engine.outbox.flush()
    await register.do("p", "expediency-decision", SECRETARY, decision="expedient")
    assert (await register.get(f"/pilots/p?as_of={wire_moment(register.clock())}"))["stage"] == "expedient"


async def test_a_timeline_with_a_hole_is_never_taken_for_the_whole(register: Register) -> None:
    await register.at_council("p")
    await register.settle()
    await register.store.remove("timeline", ["p/" + "2".zfill(20)])
    answer = await register.ask("get", f"/pilots/p?as_of={wire_moment(register.clock())}")
    assert (answer.status_code, answer.json()["title"]) == (500, "timeline.torn")


async def test_what_entries_of_a_torn_timeline_changed_is_told_as_far_as_it_is_known_and_ops_are_told(
    register: Register, caplog: pytest.LogCaptureFixture
) -> None:
    await random_life(register, "p", random.Random(3))
    await register.settle()
    whole = await register.get("/pilots/p/timeline?diff=true&limit=200")
    assert whole["complete"] and len(whole["items"]) > 7
    plain = await register.get("/pilots/p/timeline?limit=200")
    assert "complete" not in plain
    lost, torn = whole["items"][4], telemetry.TIMELINES_TORN._value.get()
    kept = [row for row in await register.store.rows(TIMELINE, {"pilot": "p"}, sort=IN_ORDER, limit=200)][4]
    pages = ["/pilots/p/timeline?diff=true&limit=4"]
    pages.append(f"{pages[0]}&after={(await register.get(pages[0]))['next']}")
    for spoil in (None, {**kept, "what": {}}):
        await register.store.remove(TIMELINE, [kept["_id"]])
        if spoil:
            await register.store.put(TIMELINE, [spoil])
        first, second = [await register.get(path) for path in pages]
        assert first["complete"] and first["items"] == whole["items"][:4], "what was before the hole is known"
        assert second["complete"] is False
        assert [one["sequence"] for one in second["items"]] == ([5, 6, 7, 8] if spoil else [6, 7, 8, 9])
        if not spoil:
            assert second["items"] == plain["items"][5:9], "the entries are told, without what is not known"
    assert telemetry.TIMELINES_TORN._value.get() == torn + 2
    logged = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert [f"facts {lost['sequence']} to {lost['sequence']} (" in line for line in logged] == [True, True]
    assert "the timeline of p is torn" in logged[0] and "lacking" in logged[0]
    await register.store.put(TIMELINE, [kept])
    assert await register.get("/pilots/p/timeline?diff=true&limit=200") == whole


async def test_what_an_entry_changed_is_the_same_beside_entries_that_the_caller_is_not_shown(
    register: Register,
) -> None:
    await random_life(register, "p", random.Random(3))
    await register.settle()
    eyes = Sight("u", None, frozenset({Role.COUNCIL_SECRETARY}))
    whole = await told.timeline(register.engine, eyes, {"pilot": "p"}, None, 200, diff=True)
    without = {"pilot": "p", "sequence": {"$nin": [2, 5]}}
    some = await told.timeline(register.engine, eyes, without, None, 200, diff=True)
    assert some["items"] == [one for one in whole["items"] if one["sequence"] not in (2, 5)]
    assert some["complete"]


@pytest.mark.parametrize(
    ("entered", "day", "there"),
    [
        (datetime(2026, 5, 1, 20, 59, 59, 999_000, UTC), "2026-05-01", True),
        (datetime(2026, 5, 1, 21, 0, tzinfo=UTC), "2026-05-01", False),
        (datetime(2026, 5, 1, 21, 0, tzinfo=UTC), "2026-05-02", True),
    ],
)
async def test_a_bare_day_means_its_end_in_minsk(register: Register, entered: datetime, day: str, there: bool) -> None:
    register.clock.time = entered
    await register.enter("p")
    await register.settle()
    register.clock.forward(days=3)
    assert (await register.ask("get", f"/pilots/p?as_of={day}")).status_code == (200 if there else 404)
    assert len((await register.get(f"/pilots?as_of={day}"))["items"]) == there


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("yesterday", "as-of.bad"),
        ("1777777777", "as-of.bad"),
        ("2026-02-30", "as-of.bad"),
        ("2026-03-01T10:00:00", "as-of.bad"),
        ("2026-03-01T10:00:00%2003:00", "as-of.bad"),
        ("2026-03-01T10:00:00+03:00", "request.invalid"),
        ("0001-01-01", "as-of.bad"),
        ("9999-12-31", "as-of.bad"),
        ("2026-03-03", "as-of.future"),
        ("2026-03-02T09:00:00.001Z", "as-of.future"),
    ],
)
async def test_a_moment_that_is_none_or_has_not_come_is_refused(register: Register, said: str, code: str) -> None:
    await register.enter("p")
    await register.settle()
    for path in (f"/pilots/p?as_of={said}", f"/pilots?as_of={said}"):
        answer = await register.ask("get", path)
        assert (answer.status_code, answer.json()["title"]) == (422, code)
    assert (await register.ask("get", "/pilots/p?as_of=2026-03-02")).status_code == 200, "today is known so far"


async def test_the_differences_of_all_pages_together_lead_from_nothing_to_the_card(register: Register) -> None:
    await random_life(register, "p", random.Random(3))
    await register.settle()
    whole = (await register.get("/pilots/p/timeline?diff=true&limit=200"))["items"]
    assert await every_page(register, "/pilots/p/timeline?diff=true&limit=4") == whole
    shown: dict[str, Any] = {}
    for item in whole:
        for name, change in item["changed"].items():
            if not isinstance(change["after"], list):
                assert change["before"] == shown.get(name)
                shown[name] = change["after"]
    card = await register.get("/pilots/p")
    assert {name: card[name] for name in shown} == shown
    assert shown["stage"] == card["stage"]
    assert all("changed" not in item for item in (await register.get("/pilots/p/timeline"))["items"])


any_fact = st.one_of([made(cls) for cls in REGISTRY.classes.values()])


@given(any_fact)
def test_a_row_of_the_timeline_holds_all_that_its_fact_says(fact: Any) -> None:
    rows = projection(Event("e", "registry", fact.TYPE, "p", NOW, 1, "c", {}, fact, fact.model_dump(mode="json")))
    for _, row in rows:
        assert memory.fact_of(json.loads(json.dumps(row))) == fact.model_copy(update={"cause": None})


def test_a_difference_shows_of_two_lists_what_the_other_does_not_have_and_is_bounded() -> None:
    was = {"same": 1, "stage": "a", "list": [1, 2, 3], "gone": "x"}
    now = {"same": 1, "stage": "b", "list": [1, 3, 4], "come": "y"}
    assert memory.difference(was, now) == {
        "stage": {"before": "a", "after": "b"},
        "list": {"before": [2], "after": [4]},
        "gone": {"before": "x", "after": None},
        "come": {"before": None, "after": "y"},
    }
    many = memory.difference({"list": []}, {"list": list(range(1000))})["list"]
    assert (len(many["after"]), many["cut"]) == (memory.MOST_ENTRIES, True)
    assert memory.difference({"text": "a"}, {"text": "я" * 30_000})["text"] == {
        "before": "a",
        "after": None,
        "cut": True,
    }
