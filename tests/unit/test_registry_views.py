"""The two allow-lists: what is not listed is not shown, what is not marked is not public, and nothing is forgotten."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel

from contracts.event import Contract
from contracts.reference import SectorShare
from contracts.registry import REGISTRY
from deploy.samples.registry import MEMBERS, cost
from services.chassis.store import Row
from services.chassis.subject import Document
from services.registry import queries, views
from services.registry.domain.stages import Stage
from services.registry.domain.state import Pilot
from services.registry.views import Shown
from tests.kit.registry.rows import (
    APPLICATION,
    BASIS,
    ENTRIES,
    FULL,
    PLAIN,
    full_fact,
    leaves,
    marked,
    marked_fact,
    named,
    own_fields,
    row,
    timeline_row,
)

NEVER_PUBLIC = {
    "agreement.agreement.costs",
    "agreement.agreement.programme",
    "application.costs",
    "application.evidence",
    "application.own_number",
    "application.participants",
    "commission.members",
    "commission.secretary",
    "conclusion.remarks",
    "conclusion.text",
    "conclusions.remarks",
    "conclusions.text",
    "correlation",
    "credit.evidence",
    "ending.text",
    "history",
    "judgement.present",
    "judgement.text",
    "judgement.values.reason",
    "next_move",
    "past_terms",
    "pauses.why",
    "prolongations.why",
    "proposal",
    "reasons",
    "overpaid",
    "replicas",
    "reports",
    "risks",
    "scaling.evidence",
    "scaling.replicas.note",
    "spending",
    "submitted",
    "term",
    "terms",
    "text",
    "values.evidence",
    "version",
}
"""What stays in the house, said a second time, so that no slip in the table opens it."""
PERSONS = ("actor", "members", "secretary", "present", "who", "owner")
"""Names of fields that say which person, or whose, anywhere."""
IN_SUMS = {
    f"{lines}.{name}"
    for lines in ("application.costs", "agreement.agreement.costs", "spending.payments")
    for name in ("source", "currency")
}
"""What the public sees of lines that it does not see: the sums say from which source, in which currency."""
BOUNDED = {
    "agreement.agreement.costs.year",
    "agreement.agreement.sector_shares.basis_points",
    "application.costs.year",
    "application.procedure",
    "application.sector_shares.basis_points",
    "conclusions.remarks.must_fix",
    "conclusions.remarks.severity",
    "conclusions.standing",
    "conclusions.verdict",
    "credit.granted",
    "decisions.decision",
    "foreign_terms.breached",
    "history.stage",
    "judgement.outcome",
    "judgement.votes.abstained",
    "judgement.votes.against",
    "judgement.votes.in_favour",
    "own_terms.late",
    "own_terms.ledger.breached",
    "own_terms.ledger.ended",
    "own_terms.ledger.term.legal_effect",
    "own_terms.ledger.term.origin",
    "own_terms.ledger.term.unit",
    "proposal.outcome",
    "replicas.outcome",
    "risks.impact",
    "risks.open",
    "risks.probability",
    "scaling.decision",
    "spending.payments.year",
    "stage",
}
"""Leaves that no marker fits: one of a few words, yes or no, a small number. The tables speak of them all the same."""


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


def test_the_full_pilot_has_every_field_there_is() -> None:
    state = {**FULL.model_dump(mode="json"), "entries": ENTRIES.model_dump(mode="json"), "of_old": False}
    filled = {".".join(part for part in path if isinstance(part, str)) for path in leaves(state) if _is(state, path)}
    fields = fields_of(Pilot) - {"own_terms.ledger.ended"}  # of those that have ended the number is kept alone
    assert not [path for path in fields if not _within(path, filled)]


def _is(value: Any, path: Iterable[Any]) -> bool:
    for part in path:
        value = value[part]
    return value is not None


def _within(path: str, shown: set[str]) -> bool:
    return any(one == path or one.startswith(f"{path}.") for one in shown)


def test_every_leaf_that_is_shown_stands_in_the_list_and_every_name_of_the_list_is_shown() -> None:
    stored = row("p", FULL)
    for view, public in ((views.internal(stored), False), (views.public(stored), True)):
        shown, listed = shown_paths(view), paths(views.PILOT, public)
        assert shown <= listed
        assert not [path for path in listed if not _within(path, shown)]


def test_a_document_and_its_stored_row_show_the_same() -> None:
    stored = row("p", FULL)
    document = Document("p", "pilot", rev=3, version=2, state=FULL, correlation="began-p")
    assert views.internal(document) == views.internal(stored)
    assert views.public(document) == views.public(stored)


def test_every_leaf_of_the_full_pilot_is_marked_but_those_that_no_marker_fits() -> None:
    bare = own_fields(FULL)
    told = {named(path) for path in the_marked()[1].values()}
    assert {".".join(part for part in path if isinstance(part, str)) for path in leaves(bare)} - told == BOUNDED


@cache
def the_marked() -> tuple[Row, dict[str, str]]:
    return marked()


def test_no_marker_of_a_field_that_is_not_public_is_in_a_public_view() -> None:
    stored, markers = the_marked()
    public, internal = json.dumps(views.public(stored)), json.dumps(views.internal(stored))
    listed, listing = paths(views.PILOT, True), json.dumps(views.public_row(stored))
    assert len(markers) > 200
    for marker, path in markers.items():
        name = named(path)
        hidden = name.split(".")[0] in views.HIDDEN
        assert marker in internal or hidden, path
        if name.endswith(("costs.amount_minor", "payments.amount_minor")):
            continue  # whole only in a sum over one line: the test of the sums has more of them
        if name == "history.since":
            continue  # of the first stay at a public stage it is said as `published`
        assert (marker in public) == (name in listed | IN_SUMS), path
        assert marker not in listing or marker in public, path


def test_no_person_is_public_anywhere() -> None:
    tables = [views.PILOT, views.TIMELINE, *views.PUBLIC_FACTS.values()]
    for path in {path for table in tables for path in paths(table, True)}:
        assert not set(path.split(".")) & {*PERSONS}, path
    public = json.dumps([views.public(row("p", FULL)), views.public_row(row("p", FULL))])
    assert not [one for one in (*MEMBERS, "demo-secretary-1", "demo-registrar") if one in public]


def test_an_unknown_field_anywhere_is_shown_to_nobody() -> None:
    stored = row("p", FULL)
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
    fields = {path.removeprefix("entries.") for path in fields_of(Pilot) - {"entries"}}
    forgotten = {path for path in fields - listed if path.split(".")[0] not in views.HIDDEN}
    assert not forgotten, "say in views.py who may see them"
    assert {*views.HIDDEN} <= fields_of(Pilot)


def test_every_stage_says_whether_it_is_public() -> None:
    assert set(views.PUBLIC_STAGES) == set(Stage)


@pytest.mark.parametrize("stage", Stage)
def test_the_query_of_the_public_list_says_the_same_as_the_view(stage: Stage) -> None:
    query = queries.public_pilots(None, None, None, None)
    for conclusions in ((), PLAIN.conclusions):
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


# ---- the public timeline

FACTS = sorted(REGISTRY.classes)
OPEN = {
    "agreement-failed": set(),
    "agreement-recorded": {
        "agreement.customer.id.scheme",
        "agreement.customer.id.value",
        "agreement.customer.name",
        "agreement.executor.id.scheme",
        "agreement.executor.id.value",
        "agreement.executor.name",
        "agreement.indicators.baseline",
        "agreement.indicators.code",
        "agreement.indicators.method",
        "agreement.indicators.target",
        "agreement.indicators.title",
        "agreement.indicators.unit",
        "agreement.region",
        "agreement.sector_shares.basis_points",
        "agreement.sector_shares.sector",
        "agreement.starts",
        "agreement.until",
    },
    "annulment-recorded": {"round", "number"},
    "conclusion-recorded": {"round", "number", "date", "verdict", "replaces"},
    "credit-decided": {"granted"},
    "effectiveness-judged": {
        "outcome",
        "values.criterion",
        "values.value",
        "votes.abstained",
        "votes.against",
        "votes.in_favour",
    },
    "entry-corrected": {"what", "place"},
    "expediency-decided": {"decision", "executor.id.scheme", "executor.id.value", "executor.name"},
    "pilot-completed": {"finished", "values.indicator", "values.value", "values.measured"},
    "pilot-entered": {"agency", "number", "edition", "entered"},
    "pilot-extended": {"until"},
    "pilot-launched": {"started"},
    "pilot-resumed": {"since"},
    "pilot-stopped": {"stopped"},
    "pilot-suspended": {"since"},
    "scaling-decided": {
        "conditions",
        "decision",
        "replicas.customer.id.scheme",
        "replicas.customer.id.value",
        "replicas.customer.name",
        "replicas.region",
        "windows.closes",
        "windows.opens",
        "windows.source",
    },
}
"""What the public timeline says of each fact, said a second time."""


def test_the_public_timeline_says_of_each_fact_what_is_named_here_and_of_no_other_anything() -> None:
    assert {f"pilots.registry.{name}.v1" for name in OPEN} == {*views.PUBLIC_FACTS}
    for name, wanted in OPEN.items():
        kind = f"pilots.registry.{name}.v1"
        stored, _ = marked_fact(full_fact(REGISTRY.classes[kind]))
        shown = views.public_timeline(stored)
        assert {*shown} == {"type", "date", "basis", "what"}
        assert shown_paths(shown["what"]) == wanted, name


@pytest.mark.parametrize("kind", FACTS)
def test_no_marker_of_a_fact_is_in_its_public_line_but_what_is_listed(kind: str) -> None:
    stored, markers = marked_fact(full_fact(REGISTRY.classes[kind]))
    public, internal = json.dumps(views.public_timeline(stored)), json.dumps(views.timeline(stored))
    listed = {f"what.{path}" for path in paths(views.PUBLIC_FACTS.get(kind, ()), True)}
    listed |= {f"basis.{name}" for name in ("body", "kind", "number", "date")}
    assert {"actor.id", "actor.organisation", "actor.role", "event", "correlation", "trace"} <= {*markers.values()}
    for marker, path in markers.items():
        assert (marker in internal) == (kind not in views.KEPT_IN or not path.startswith("what.")), path
        assert (marker in public) == (named(path) in listed), path


def test_an_unknown_field_of_a_fact_is_in_no_public_line() -> None:
    for kind in FACTS:
        stored, _ = marked_fact(full_fact(REGISTRY.classes[kind]))
        stored["what"] |= {"contact": "zqcontact", "agreement": {"contact": "zqcontact"}}
        stored["what"]["values"] = [{"contact": "zqcontact"}, "zqcontact"]
        assert "zqcontact" not in json.dumps(views.public_timeline(stored)), kind


def test_the_public_timeline_names_facts_dates_and_bases() -> None:
    stored = timeline_row("p", 3, "pilots.registry.expediency-decided.v1", decision="expedient")
    basis = BASIS.model_dump(mode="json")
    what = {"decision": "expedient", "executor": None}
    expected = {"type": stored["type"], "date": "2026-04-15", "basis": basis, "what": what}
    assert views.public_timeline(stored) == expected


def test_a_fact_without_a_document_has_its_own_date_or_the_day_in_the_registers_zone() -> None:
    stored: dict[str, Any] = {**timeline_row("p", 3, "t"), "basis": None, "time": "2026-12-31T22:30:00.000Z"}
    assert views.public_timeline(stored)["date"] == "2027-01-01"
    assert views.public_timeline({**stored, "what": {"date": "2026-12-30"}})["date"] == "2026-12-30"


def test_only_known_facts_are_public() -> None:
    assert set(REGISTRY.classes) >= set(views.PUBLIC_FACTS)


# ---- sums


def test_public_sums_are_exact_and_reconcile_with_the_lines() -> None:
    costs = (
        cost(10, "republican-budget"),
        cost(5, "republican-budget"),
        cost(7, "own-money").model_copy(update={"year": None}),
        cost(1, "own-money", currency="USD"),
    )
    thirds = tuple(
        SectorShare(sector=sector, basis_points=points)
        for sector, points in (("health", 3333), ("education", 3333), ("trade", 3334))
    )
    changed = {"costs": costs, "sector_shares": thirds}
    view = views.public(row("p", application=APPLICATION.model_copy(update=changed)))
    money: list[Mapping[str, Any]] = view["money"]
    sums: dict[tuple[Any, ...], int] = {}
    for line in money:
        key = (line["stage"], line["source"], line["year"], line["currency"])
        sums[key] = sums.get(key, 0) + line["amount_minor"]
    assert sums == {
        ("planned", "republican-budget", 2026, "BYN"): 15,
        ("planned", "own-money", None, "BYN"): 7,
        ("planned", "own-money", 2026, "USD"): 1,
    }
    assert len(money) == 9, "a part for each sector"
    planned = [
        {"currency": "BYN", "amount_minor": 22, "amount": "0.22"},
        {"currency": "USD", "amount_minor": 1, "amount": "0.01"},
    ]
    assert view["totals"] == {"planned": planned, "committed": [], "paid": []}


def test_the_totals_of_every_stage_are_the_lines_added_up_inside_and_outside() -> None:
    for view in (views.internal(row("p", FULL)), views.public(row("p", FULL))):
        for stage, sums in view["totals"].items():
            wanted: dict[str, int] = {}
            for line in view["money"]:
                if line["stage"] == stage:
                    wanted[line["currency"]] = wanted.get(line["currency"], 0) + line["amount_minor"]
            assert wanted and [(one["currency"], one["amount_minor"]) for one in sums] == sorted(wanted.items())
    assert view["totals"]["paid"] == [{"currency": "EUR", "amount_minor": 500_03, "amount": "500.03"}]
    assert view["totals"]["committed"] == [{"currency": "USD", "amount_minor": 1_000_01, "amount": "1000.01"}]


def test_the_fingerprint_changes_with_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    before = views.fingerprint()
    monkeypatch.setattr(views, "PILOT", views.PILOT[:-1])
    assert views.fingerprint() != before
