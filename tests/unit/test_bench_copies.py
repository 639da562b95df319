"""The copies that fill a register for a measurement are documents and entries such as the register itself makes."""

from collections import Counter
from statistics import mean

import bson
import pytest

from bench.copies import Copies, Copy
from bench.pilots import AGENCIES, Shelf
from services.chassis.fold import state_json
from services.registry import views
from services.registry.domain.stages import Stage
from services.registry.domain.state import Pilot
from services.registry.finding.entries import entry

COUNT = 1500


@pytest.fixture(scope="module")
def copies() -> list[Copy]:
    return list(Copies(Shelf(), COUNT))


def test_the_document_of_a_copy_is_such_as_the_engine_stores(copies: list[Copy]) -> None:
    for one in copies[::5]:
        row = bson.decode(one.document().raw)
        assert state_json(Pilot.model_validate(row["state"])) == row["state"]
        assert (row["_id"], row["correlation"], row["state"]["number"]) == (one.id, one.id, one.number)
        assert row["state"]["agency"] == one.agency


def test_what_is_indexed_of_a_copy_is_what_the_register_indexes_of_its_document(copies: list[Copy]) -> None:
    seen = Counter[bool]()
    for one in copies[::5]:
        row = bson.decode(one.document().raw)
        internal, public = one.entries()
        assert internal == entry(views.internal(row))
        assert public == (entry(views.public(row)) if views.is_public(row) else None)
        seen[public is None] += 1
    assert len(seen) == 2


def test_copies_are_as_varied_as_pilots_and_as_large(copies: list[Copy]) -> None:
    rows = [bson.decode(one.document().raw) for one in copies]
    states = [row["state"] for row in rows]
    assert len({row["_id"] for row in rows}) == len({state["number"] for state in states}) == COUNT
    assert len({state["application"]["title"] for state in states}) > 0.99 * COUNT
    assert len({state["stage"] for state in states}) > 0.7 * len(Stage)
    assert {state["agency"] for state in states} == {*AGENCIES}
    entered = [state["entered"] for state in states]
    assert entered == sorted(entered) and len({*entered}) == COUNT
    models = [len(bson.encode(row)) for row in Shelf().rows(COUNT)]
    assert mean(len(one.document().raw) for one in copies) == pytest.approx(mean(models), rel=0.1)


def test_copies_are_the_same_in_every_run() -> None:
    some, others = Copies(Shelf(), 20), Copies(Shelf(), 20)
    assert [one.document().raw for one in some] == [one.document().raw for one in others]
