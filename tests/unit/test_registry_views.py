"""The two allow-lists: what is not listed is not shown, what is not marked is not public, and nothing is forgotten."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from contracts.event import Contract
from contracts.registry import REGISTRY
from services.chassis.subject import Document
from services.registry import queries, views
from services.registry.domain.pilot import Pilot, Stage
from services.registry.views import Shown
from tests.shelf import BASIS, FULL, leaves, marked, row, timeline_row

NEVER_PUBLIC = {
    "application.costs",
    "application.evidence",
    "application.own_number",
    "application.participants",
    "conclusion.remarks",
    "conclusion.text",
    "conclusions.remarks",
    "conclusions.text",
    "correlation",
    "next_move",
    "reasons",
    "submitted",
    "term",
    "terms",
    "text",
    "version",
}


def paths(table: Iterable[Shown], public: bool, above: str = "") -> set[str]:
    """Every path that a table shows."""
    found: set[str] = set()
    for one in table:
        if one.public or not public:
            found |= {f"{above}{one.name}"} | paths(one.of, public, f"{above}{one.name}.")
    return found


def shown_paths(value: Any) -> set[str]:
    return {".".join(part for part in path if isinstance(part, str)) for path in leaves(value)}


def test_what_must_never_be_public_is_not_and_all_else_is() -> None:
    all_, public = paths(views.PILOT, False), paths(views.PILOT, True)
    kept_in = {path for path in all_ - public if not any(path.startswith(f"{one}.") for one in NEVER_PUBLIC)}
    assert kept_in == NEVER_PUBLIC


def test_every_leaf_that_is_shown_stands_in_the_list() -> None:
    for view, public in ((views.internal(row("p")), False), (views.public(row("p")), True)):
        assert shown_paths(view) <= paths(views.PILOT, public)


def test_a_document_and_its_stored_row_show_the_same() -> None:
    stored = row("p")
    document = Document("p", "pilot", rev=3, version=2, state=FULL, correlation="began-p")
    assert views.internal(document) == views.internal(stored)
    assert views.public(document) == views.public(stored)


def test_no_marker_of_a_field_that_is_not_public_is_in_a_public_view() -> None:
    stored, markers = marked()
    public, internal = json.dumps(views.public(stored)), json.dumps(views.internal(stored))
    assert len(markers) > 40
    listed = paths(views.PILOT, True)
    sums = {"application.costs.source", "application.costs.amount_minor", "application.costs.year"}
    for marker, path in markers.items():
        named = ".".join(part for part in path.split(".") if not part.isdigit())
        assert marker in internal or named in views.HIDDEN, path
        assert (marker in public) == (named in listed or named in sums | {"application.costs.currency"}), path


def test_an_unknown_field_anywhere_is_shown_to_nobody() -> None:
    stored = row("p")
    stored["state"]["contact"] = "zqcontact"
    stored["state"]["application"]["contact"] = {"name": "zqcontact"}
    stored["state"]["application"]["initiator"]["phone"] = "zqcontact"
    stored["state"]["application"]["title"] = {"ru": "zqcontact"}
    stored["state"]["money_person"] = ["zqcontact"]
    for view in (views.internal, views.internal_row, views.public, views.public_row):
        assert "zqcontact" not in json.dumps(view(stored))


def fields_of(model: type[BaseModel], above: str = "") -> set[str]:
    """Every path of a contract, with what it computes."""
    found: set[str] = set()
    for name, one in {**model.model_fields, **model.model_computed_fields}.items():
        kind = getattr(one, "annotation", None) or getattr(one, "return_type", None)
        found.add(f"{above}{name}")
        for inner in _contracts(kind):
            found |= fields_of(inner, f"{above}{name}.")
    return found


def _contracts(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, Contract):
        return [kind]
    return [inner for part in getattr(kind, "__args__", ()) for inner in _contracts(part)]


def test_every_field_of_the_state_is_listed_or_hidden_on_purpose() -> None:
    listed = paths(views.PILOT, False)
    forgotten = {path for path in fields_of(Pilot) - listed if path not in views.HIDDEN}
    assert not forgotten, "say in views.py who may see them"


def test_every_stage_says_whether_it_is_public() -> None:
    assert set(views.PUBLIC_STAGES) == set(Stage)


@pytest.mark.parametrize("stage", Stage)
def test_the_query_of_the_public_list_says_the_same_as_the_view(stage: Stage) -> None:
    query = queries.public_pilots(None, None, None, None)
    for conclusions in ((), FULL.conclusions):
        stored = row("p", stage=stage, conclusions=conclusions)
        in_stages = stage in query["state.stage"]["$in"]
        once = stage in query["$nor"][0]["state.stage"]["$in"] and not conclusions
        assert views.is_public(stored) == (in_stages and not once)


@pytest.mark.parametrize("stage", [Stage.LOOK_OVER, Stage.RETURNED, Stage.EXPERTISE, Stage.NEGATIVE])
def test_nothing_is_public_before_the_council(stage: Stage) -> None:
    assert not views.is_public(row("p", stage=stage))


def test_what_was_withdrawn_is_public_only_where_a_conclusion_had_been_issued() -> None:
    assert views.is_public(row("p", stage=Stage.WITHDRAWN))
    assert not views.is_public(row("p", stage=Stage.WITHDRAWN, conclusions=()))


def test_the_public_timeline_names_facts_dates_and_bases_alone() -> None:
    stored = timeline_row("p", 3, "pilots.registry.expediency-decided.v1", decision="expedient")
    basis = BASIS.model_dump(mode="json")
    assert views.public_timeline(stored) == {"type": stored["type"], "date": "2026-04-15", "basis": basis}


def test_a_fact_without_a_document_has_its_own_date_or_the_day_in_the_registers_zone() -> None:
    stored: dict[str, Any] = {**timeline_row("p", 3, "t"), "basis": None, "time": "2026-12-31T22:30:00.000Z"}
    assert views.public_timeline(stored)["date"] == "2027-01-01"
    assert views.public_timeline({**stored, "what": {"date": "2026-12-30"}})["date"] == "2026-12-30"


def test_only_known_facts_are_public() -> None:
    assert set(REGISTRY.classes) >= views.PUBLIC_FACTS


def test_public_sums_are_exact_and_reconcile_with_the_lines() -> None:
    lines = [
        {"source": "state-budget", "year": 2026, "amount_minor": 10, "currency": "BYN"},
        {"source": "state-budget", "year": 2026, "amount_minor": 5, "currency": "BYN"},
        {"source": "own-funds", "year": None, "amount_minor": 7, "currency": "BYN"},
        {"source": "own-funds", "year": 2026, "amount_minor": 1, "currency": "USD"},
    ]
    stored = row("p")
    stored["state"]["application"]["costs"] = lines
    money: list[Mapping[str, Any]] = views.public(stored)["money"]
    assert [(m["source"], m["year"], m["currency"], m["amount_minor"]) for m in money] == [
        ("own-funds", None, "BYN", 7),
        ("own-funds", 2026, "USD", 1),
        ("state-budget", 2026, "BYN", 15),
    ]
    assert sum(m["amount_minor"] for m in money) == sum(line["amount_minor"] for line in lines)


def test_the_fingerprint_changes_with_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    before = views.fingerprint()
    monkeypatch.setattr(views, "PILOT", views.PILOT[:-1])
    assert views.fingerprint() != before
