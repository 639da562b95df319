"""The measurement of the whole pipeline works: every way carries its pilots to the end, and nothing is lost in any.

It starts a system of its own, for it kills a service of it.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from bench.pipeline.measure import VICTIM, run
from bench.pipeline.watch import Seen, verdict
from contracts.topics import SERVICES
from deploy.local.backends import Backends

PILOTS, SHARE, KILLED = 6, 1, 6
WAYS = ("lotsman", "bare", "textbook", "rival")
NONE_WRONG = {"lost": 0, "decided_twice": 0, "reordered": 0}


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.apache_kafka
@pytest.mark.timeout(900)
def test_every_way_carries_its_pilots_to_the_end_and_loses_none(backends: Backends, tmp_path: Path) -> None:
    said = list[str]()
    found = json.loads(json.dumps(run(tmp_path, said.append, pilots=PILOTS, share=SHARE, killed=KILLED, rounds=1)))
    facts_of_one = found["bare"]["facts"] / PILOTS
    assert facts_of_one > 30 and facts_of_one == int(facts_of_one), "a launched pilot has some dozens of facts"
    for way in WAYS:
        one = found[way]
        assert one["facts"] == one["pilots"] * facts_of_one, way
        assert one["events_per_second"] > 0 and one["cpu_us_per_fact"] > 0, way
        assert {name: one[name] for name in NONE_WRONG} == NONE_WRONG, way
        parts = one["cpu_us_per_fact_by_process"]
        assert parts.keys() >= {*SERVICES, "people", "kafka", "postgres" if way == "rival" else "mongod"}
        assert sum(parts.values()) == pytest.approx(one["cpu_us_per_fact"], rel=0.05)
    for other in WAYS[1:]:
        assert found[f"ratio_to_{other}"] == min(found[f"ratio_to_{other}_by"].values()) > 0
    assert (found["facts"], found["pilots"]) == (found["lotsman"]["facts"], PILOTS)
    assert found["rss_mb"].keys() == {*SERVICES} and min(found["rss_mb"].values()) > 0
    assert found["full_tracing_ratio"] > 0
    for cost in found["tracing_costs"].values():
        assert cost.keys() == {"time", "cpu", "services_cpu"} and all(share < 1 for share in cost.values())
    assert found["tracing_costs"].keys() == {"sampled", "all"}
    assert [one["tracing"] for one in found["tracing_turns"]] == ["none", "sampled", "all", "all", "sampled", "none"]
    assert said.count(f"killing {VICTIM}") == 2
    assert {name: found["killed"]["lotsman"][name] for name in NONE_WRONG} == NONE_WRONG
    assert found["killed"]["rival"].keys() == found["killed"]["lotsman"].keys()


def test_what_was_lost_doubled_and_reordered_is_told_apart() -> None:
    def seen(sequence: int, what: str, id_: str | None = None, pilot: str = "p") -> Seen:
        return Seen("t", pilot, pilot, what, id_ or f"{pilot}-{sequence}", sequence)

    wanted = Counter({("t", "a"): 1, ("t", "b"): 2})
    whole = [seen(1, "a"), seen(2, "b"), seen(3, "b")]
    told = verdict(whole, ["p"], wanted)
    assert told == {"lost": 0, "decided_twice": 0, "copies": 0, "reordered": 0}
    assert verdict([*whole, whole[1]], ["p"], wanted) == {**told, "copies": 1}
    assert verdict([whole[0], whole[2], whole[1]], ["p"], wanted) == {**told, "reordered": 1}
    assert verdict(whole[:2], ["p"], wanted) == {**told, "lost": 1}
    assert verdict(whole, ["p", "q"], wanted) == {**told, "lost": 3}
    assert verdict([*whole, seen(4, "a")], ["p"], wanted) == {**told, "decided_twice": 1}
