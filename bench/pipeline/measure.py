"""All runs of the pipeline in their order, and what is printed of them."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, Final

from bench.pipeline.plan import Plan
from bench.pipeline.postgres import Postgres
from bench.pipeline.run import ALL_SPANS, GRACE, NO_SPANS, Measured, Ours, Played
from bench.pipeline.script import Script, taken_down, wanted
from bench.pipeline.watch import verdict
from bench.surroundings import SAMPLED
from contracts.event import PILOT
from contracts.topics import EXPERTISE, SERVICES
from deploy.local.stack import Stack
from deploy.progress import Say, silent
from services.chassis.store import SUBJECTS, opened

PILOTS: Final = 2000
SHARE: Final = 20
"""Pilots for the ways that take each message by itself."""
KILLED: Final = 200
"""Pilots for the run in which a service of ours is killed; it warms everything up, too."""
WARM_UP: Final = 60
"""Pilots before each turn of the runs that are held against each other by how much is traced."""
TRACED: Final[Mapping[str, Mapping[str, str]]] = {"none": NO_SPANS, "sampled": SAMPLED, "all": ALL_SPANS}
"""They take turns, there and back: the back ends grow, and the machine does not stay the same."""
ROUNDS: Final = 2
"""So many times there and back: of turns twice as long the difference between two alike was up to 20 %."""
VICTIM: Final = EXPERTISE
UNITS: Final = {
    "events_per_second": "facts in the three topics, each once, for a second of the clock",
    "cpu_us_per_fact": "microseconds of processor time of all processes for each fact",
    "seconds": "from the first submission sent until everything is read, written and found in the register",
    "ratio_to_bare": "the lesser of bare / lotsman in processor time and lotsman / bare in facts for a second",
    "ratio_to_textbook, ratio_to_rival": "the lesser of the same two",
    "full_tracing_ratio": "facts for a second with every span sampled, by those with 1 %",
    "tracing_costs": "the share of facts for a second, and of processor time, that goes to tracing 1 % or all, held "
    "against runs without any span, which took turns with it; below 0: none. `services_cpu` is the share of the three "
    "services' own processor time, held against that of mongod in the same turns: it does the same for all, and so "
    "tells how fast the machine was",
    "tracing_turns": "each of these runs, in their order",
    "rss_mb": "MiB, the most that a service has had in the timed run or before",
    "lost, decided_twice, copies, reordered": "facts",
    "load": "processes that ran or wanted to, averages over 1, 5 and 15 minutes before the start",
}


def run(
    folder: Path,
    say: Say = silent,
    stopping: Event | None = None,
    *,
    pilots: int = PILOTS,
    share: int = SHARE,
    killed: int = KILLED,
    rounds: int = ROUNDS,
) -> dict[str, Any]:
    """Everything, in one call; the back ends work in `folder`. Raises Complaint when a run fails."""
    with Stack(folder, say=say, require_kafka=True, stopping=stopping, extra_env=SAMPLED) as stack:
        ours = Ours(stack, say)
        _, watch, plan = ours.run(killed, f"lotsman, {VICTIM} killed half way", env=SAMPLED, killing=VICTIM)
        script = taken_down(watch.records(), asyncio.run(_others(plan)))
        accident = verdict(ours.seen(watch), plan.event_ids(), wanted(script, plan.topics, by_type=True))
        lotsman, judged = _ours(ours, script, pilots, "lotsman", SAMPLED)
        peaks = ours.peaks_mb()
        turns = _by_tracing(ours, script, -(-pilots // (4 * rounds)), rounds)
        for process in stack.services.values():
            process.stop(GRACE)
        played = Played(stack, script, say)
        bare, bare_judged = played.run("bare", pilots)
        textbook, textbook_judged = played.run("textbook", share)
        with Postgres(say) as postgres:
            rival, rival_judged = played.run("rival", share, postgres=postgres)
            _, rivals_accident = played.run("rival", share, postgres=postgres, killing=VICTIM)
    traced = {name: _together([run for way, run in turns if way == name]) for name in TRACED}
    return {
        "lotsman": lotsman.json() | judged,
        "bare": bare.json() | bare_judged,
        "textbook": textbook.json() | textbook_judged,
        "rival": rival.json() | rival_judged,
        **_ratios("bare", lotsman, bare),
        **_ratios("textbook", lotsman, textbook),
        **_ratios("rival", lotsman, rival),
        "rss_mb": peaks,
        "facts": lotsman.facts,
        "pilots": pilots,
        "full_tracing_ratio": round(traced["all"].per_second / traced["sampled"].per_second, 2),
        "tracing_costs": {name: _cost(traced[name], traced["none"]) for name in ("sampled", "all")},
        "tracing_turns": [{"tracing": name, **run.json()} for name, run in turns],
        "killed": {"lotsman": accident, "rival": rivals_accident},
        "units": UNITS,
    }


def _ours(
    ours: Ours, script: Script, pilots: int, what: str, env: Mapping[str, str]
) -> tuple[Measured, dict[str, int]]:
    """A run of our services, each fact counted once."""
    found, watch, plan = ours.run(pilots, what, env=env, expected=pilots * len(script.lines))
    seen = ours.seen(watch)
    facts = len({one.id for one in seen})
    judged = verdict(seen, plan.event_ids(), wanted(script, plan.topics, by_type=True))
    return replace(found, facts=facts), judged


def _by_tracing(ours: Ours, script: Script, pilots: int, rounds: int) -> list[tuple[str, Measured]]:
    """The turns of each way of tracing in their order, each by services that have just been started and warmed up."""
    turns = list[tuple[str, Measured]]()
    for name in (*TRACED, *reversed(list(TRACED))) * rounds:
        ours.stack.restart(TRACED[name])
        ours.run(min(WARM_UP, pilots), "lotsman, warming up", env=TRACED[name])
        what = f"lotsman, spans sampled: {name}, turn {len(turns) + 1} of {2 * len(TRACED) * rounds}"
        turns.append((name, _ours(ours, script, pilots, what, TRACED[name])[0]))
    return turns


def _together(runs: Sequence[Measured]) -> Measured:
    spent = Counter[str]()
    for one in runs:
        spent.update(one.cpu)
    return Measured(
        sum(one.seconds for one in runs), sum(one.facts for one in runs), sum(one.pilots for one in runs), spent
    )


async def _others(plan: Plan) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The states of everything but pilots, as they are stored."""
    found = dict[tuple[str, str], Mapping[str, Any]]()
    for service, database in plan.databases.items():
        async with opened(plan.mongo_url, database) as store:
            async for row in store.scan(SUBJECTS, {"kind": {"$ne": PILOT}}, fields=["state"]):
                found[service, row["_id"]] = row.get("state", {})
    return found


def _cost(one: Measured, untraced: Measured) -> dict[str, float]:
    return {
        "time": round(1 - one.per_second / untraced.per_second, 3),
        "cpu": round(1 - untraced.cpu_us_per_fact / one.cpu_us_per_fact, 3),
        "services_cpu": round(1 - _beside_mongod(untraced) / _beside_mongod(one), 3),
    }


def _beside_mongod(one: Measured) -> float:
    return sum(one.cpu[name] for name in SERVICES) / one.cpu["mongod"]


def _ratios(name: str, mine: Measured, other: Measured) -> dict[str, Any]:
    by = {
        "cpu": round(other.cpu_us_per_fact / mine.cpu_us_per_fact, 2),
        "time": round(mine.per_second / other.per_second, 2),
    }
    return {f"ratio_to_{name}": min(by.values()), f"ratio_to_{name}_by": by}
