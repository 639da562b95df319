"""Whatever list of the register is asked for, it finds what its caller may know of and no more: pure, row by row."""

from collections.abc import Mapping
from datetime import datetime
from itertools import product
from typing import Any, Final, cast

import pytest

from contracts.registry import ConflictNotedV1, PilotEnteredV1, ReplicaLinkedV1
from deploy.samples.common import NOW
from services.chassis.sight import Sight
from services.chassis.store import Row, Store
from services.registry import queries, sight, views
from services.registry.domain.stages import Stage
from services.registry.domain.state import Replica, Stay
from services.registry.sight import Asked
from tests.kit.asked import fits
from tests.kit.registry.rows import FULL, about, row, timeline_row

OWN, OTHER = "vedomstvo", "mintrans"
STAGES: Final = (Stage.LOOK_OVER, Stage.COUNCIL, Stage.WITHDRAWN)
SECTORS: Final = ("health", "transport")


def pilot(agency: str, stage: Stage, sector: str, concluded: bool, hidden: bool) -> Row:
    id_ = f"{agency}-{stage}-{sector}-{'c' if concluded else 'n'}-{'h' if hidden else 's'}"
    said: dict[str, Any] = {"agency": agency, "stage": stage, "number": f"N-{id_}", "replicas": ()}
    said |= {
        "conclusions": FULL.conclusions if concluded else (),
        "hidden_from": ("u-1", "u-9") if hidden else ("u-9",),
    }
    said |= {"history": (Stay(stage=stage, sector=sector, since=NOW),)}
    return row(id_, FULL, application=about("Очередь", sector=sector), **said)


PILOTS: Final = [pilot(*one) for one in product((OWN, OTHER), STAGES, SECTORS, (True, False), (True, False))]
BY_ID: Final = {one["_id"]: one for one in PILOTS}
HIDDEN: Final = frozenset(id_ for id_ in BY_ID if id_.endswith("-h"))
EYES: Final = {
    "a publisher": Sight("u-1", OWN, HIDDEN),
    "a publisher from whom nothing is hidden": Sight("u-2", OWN, frozenset()),
    "an auditor": Sight("u-1", None, HIDDEN),
    "an auditor of whom nobody has asked yet": Sight("u-1"),
}
every_eyes = pytest.mark.parametrize("eyes", EYES.values(), ids=EYES.keys())


def wanted(asked: Asked) -> set[str]:
    """The pilots that fit what is asked for, whoever asks."""
    return {
        id_
        for id_, one in BY_ID.items()
        if asked.stage in (None, one["state"]["stage"])
        and asked.whose in (None, one["state"]["agency"])
        and asked.sector in (None, one["state"]["application"]["sector"])
        and asked.number in (None, one["state"]["number"])
    }


def found(query: Mapping[str, Any]) -> set[str]:
    return {id_ for id_, one in BY_ID.items() if fits(one, query)}


@every_eyes
@pytest.mark.parametrize("whose", [None, OWN, OTHER])
@pytest.mark.parametrize("stage", [None, *STAGES])
@pytest.mark.parametrize("sector", [None, "health"])
def test_a_list_holds_what_fits_and_may_be_known_of(
    eyes: Sight, whose: str | None, stage: Stage | None, sector: str | None
) -> None:
    asked = Asked(stage, whose, sector)
    known = {id_ for id_, one in BY_ID.items() if sight.sees(eyes, one)}
    assert known != {*BY_ID} or not (eyes.agency or eyes.id == "u-1")
    assert found(sight.listed(eyes, None, asked).query) == wanted(asked) & known


@every_eyes
def test_a_pilot_is_found_by_its_number_by_who_may_know_of_it(eyes: Sight) -> None:
    for id_, one in BY_ID.items():
        asked = sight.listed(eyes, None, Asked(number=one["state"]["number"])).query
        assert found(asked) == ({id_} if sight.sees(eyes, one) else set())


@every_eyes
@pytest.mark.parametrize("moment", [None, NOW])
def test_of_pilots_that_are_named_the_list_holds_those_that_it_holds_anyway(
    eyes: Sight, moment: datetime | None
) -> None:
    ids = (*list(BY_ID)[::3], "unknown")
    whole = sight.listed(eyes, moment, Asked(sector="health"))
    assert found(sight.listed(eyes, moment, Asked(sector="health", ids=ids)).query) == found(whole.query) & {*ids}
    assert found(sight.listed(eyes, moment, Asked(ids=("unknown",))).query) == set()


@every_eyes
@pytest.mark.parametrize("whose", [None, OWN, OTHER])
def test_what_was_is_listed_of_whose_rows_are_seen_whole(eyes: Sight, whose: str | None) -> None:
    asked = Asked(stage=Stage.COUNCIL, whose=whose)
    whole = {id_ for id_, one in BY_ID.items() if sight.sees(eyes, one) and sight.is_whole(eyes, one)}
    assert found(sight.listed(eyes, NOW, asked).query) == wanted(asked) & whole


@every_eyes
def test_a_pilot_is_known_of_where_it_is_not_hidden_and_is_ones_own_or_public(eyes: Sight) -> None:
    for id_, one in BY_ID.items():
        hidden = eyes.id == "u-1" and id_.endswith("-h")
        own = eyes.agency is None or one["state"]["agency"] == eyes.agency
        assert sight.sees(eyes, one) is (not hidden and (own or views.is_public(one))), id_
        line = sight.line(eyes, one)
        assert ("next_move" in line) is own and line["id"] == id_
        assert ("risks" in sight.part(eyes, one, "risks", "title")) is own


class Shelf:
    """A store of these pilots."""

    def __init__(self) -> None:
        self.asked = 0

    async def rows(self, _name: str, query: Mapping[str, Any], *, limit: int, **_: Any) -> list[Row]:
        self.asked += 1
        return [one for one in PILOTS if fits(one, query)][:limit]


@every_eyes
async def test_of_named_pilots_those_that_may_not_be_known_of_are_told_apart(eyes: Sight) -> None:
    store = cast(Store, Shelf())
    asked = replaced(eyes)
    away = await sight.unseen(store, asked, [*BY_ID, *BY_ID])
    assert set(away) == {id_ for id_, one in BY_ID.items() if not sight.sees(asked, one)}
    assert len(away) == len(set(away)) and await sight.unseen(store, asked, []) == []


def replaced(eyes: Sight) -> Sight:
    """As a route has it, where what is hidden is asked for once."""
    return eyes if eyes.hidden is not None else Sight(eyes.id, eyes.agency, HIDDEN)


LINES: Final = [
    timeline_row(id_, number, kind, **what)
    for id_ in BY_ID
    for number, (kind, what) in enumerate(
        [
            (PilotEnteredV1.TYPE, {}),
            ("pilots.registry.progress-recorded.v1", {}),
            (ConflictNotedV1.TYPE, {"person_id": "u-9"}),
            (ReplicaLinkedV1.TYPE, {"replica": f"{OTHER}-{Stage.LOOK_OVER}-health-n-s"}),
            (ReplicaLinkedV1.TYPE, {"replica": f"{OWN}-{Stage.COUNCIL}-health-c-h"}),
        ],
        start=1,
    )
]


@every_eyes
async def test_the_feed_tells_of_each_line_what_its_pilots_are_to_the_caller(eyes: Sight) -> None:
    asked = replaced(eyes)
    told = await sight.told(cast(Store, Shelf()), asked, LINES)
    expected = [one for one in LINES if is_told(asked, one)]
    assert [(one["subject"], one["type"]) for one in told] == [(one["pilot"], one["type"]) for one in expected]
    for one, line in zip(told, expected, strict=True):
        whole = sight.is_whole(asked, BY_ID[line["pilot"]])
        assert ("sequence" in one) is (asked.agency is None), "gaps in it would tell of what is not shown"
        assert ("actor" in one) is whole


@every_eyes
def test_a_line_of_a_timeline_says_its_place_to_who_is_told_of_every_line(eyes: Sight) -> None:
    assert ("sequence" in sight.entry(eyes, LINES[0])) is (eyes.agency is None)


def is_told(eyes: Sight, line: Row) -> bool:
    one, replica = BY_ID[line["pilot"]], line["what"].get("replica")
    if not sight.sees(eyes, one) or (replica and not sight.sees(eyes, BY_ID[replica])):
        return False
    if eyes.agency is None:
        return True
    if sight.is_whole(eyes, one):
        return line["type"] not in views.KEPT_IN
    return line["type"] in views.PUBLIC_FACTS


@every_eyes
async def test_replicas_and_the_parent_are_told_of_to_who_may_know_of_them(eyes: Sight) -> None:
    copies = [f"{OTHER}-{Stage.LOOK_OVER}-health-n-s", f"{OWN}-{Stage.COUNCIL}-health-c-h", "is-in-no-register"]
    parent = f"{OTHER}-{Stage.LOOK_OVER}-transport-n-s"
    about_it = about("Очередь", sector="health", replicates=parent)
    links = tuple(Replica(pilot=id_, number=f"N-{id_}") for id_ in copies)
    mine = row("mine", FULL, application=about_it, replicas=links, agency=OWN)
    asked = replaced(eyes)
    shown = await queries.replicas(cast(Store, Shelf()), mine, lambda one: sight.sees(asked, one))
    known = [id_ for id_ in copies if id_ not in BY_ID or sight.sees(asked, BY_ID[id_])]
    assert [one["pilot"] for one in shown["items"]] == known
    assert shown["parent"]["pilot"] == (parent if sight.sees(asked, BY_ID[parent]) else None)
