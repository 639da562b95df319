"""Pilots for tests of what the register finds and shows: a full one whose every text is unmistakable, and many more."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from pydantic import ValidationError

from contracts.event import Basis, wire_moment
from contracts.reference import Application, CostLine, Expediency, OrganisationId, Party, Remark, ReturnReason, Verdict
from services.chassis.fold import state_json
from services.chassis.store import Row
from services.registry.domain.pilot import Conclusion, Decision, Pilot, RunningTerm, Stage

NOW = datetime(2026, 4, 16, 9, 0, tzinfo=UTC)
BASIS = Basis(body="Совет", kind="протокол", number="5", date=date(2026, 4, 15))


def party(number: str, name: str) -> Party:
    """An organisation."""
    return Party(id=OrganisationId(scheme="BY-UNP", value=number), name=name)


APPLICATION = Application(
    title="Электронная запись к врачу",
    problem="Пациенты ждут в очереди.",
    solution="Запись через единый портал.",
    sector="health",
    initiator=party("700000112", "ООО «Пример-Разработка»"),
    customer=party("700000125", "Демонстрационная поликлиника"),
    executor=party("700000138", "РУП «Пример-Сети»"),
    territory="Минская область",
    planned_start=date(2026, 6, 1),
    planned_end=date(2027, 6, 1),
    expected_effect="Очередь станет короче.",
    costs=(CostLine(source="state-budget", year=2026, amount_minor=1_500_00, currency="BYN"),),
    own_number="17-04",
    replicates="case-1",
    evidence="Протокол испытаний.",
    participants=(party("700000199", "Демонстрационный институт"),),
)
FULL = Pilot(
    stage=Stage.RUNNING,
    agency="minzdrav",
    number="ПП-2026-000123",
    edition="by-2024",
    submitted=NOW - timedelta(days=60),
    entered=NOW - timedelta(days=59),
    application=APPLICATION,
    executor=APPLICATION.initiator,
    terms=(RunningTerm(kind="look-over", due_at=NOW + timedelta(days=10)),),
    reasons=(ReturnReason(code="other", text="Мало сведений."),),
    text="Отозвано по просьбе.",
    basis=BASIS,
    conclusions=(
        Conclusion(
            round=1,
            number="ЗЭ-2026-0001",
            date=date(2026, 4, 1),
            verdict=Verdict.POSITIVE_WITH_REMARKS,
            text="Можно.",
            remarks=(Remark(code="security", text="Уточнить защиту."),),
            replaces="ЗЭ-2026-0000",
        ),
    ),
    decisions=(Decision(decision=Expediency.EXPEDIENT, basis=BASIS),),
    started=date(2026, 4, 16),
    launch_basis=BASIS,
)
"""Every field that a pilot has is filled."""


def row(id_: str, state: Pilot = FULL, **changes: Any) -> Row:
    """A pilot as it is stored."""
    changed = state.model_copy(update=changes)
    return {
        "_id": id_,
        "kind": "pilot",
        "rev": 3,
        "version": 2,
        "state": state_json(changed),
        "seen": {"intake": 2},
        "ids": {},
        "outbox": [],
        "due": None,
        "correlation": f"began-{id_}",
        "trace": {},
    }


def timeline_row(pilot: str, sequence: int, type_: str, **what: Any) -> Row:
    """A row of the timeline as the journal makes it."""
    return {
        "_id": f"{pilot}/{sequence}",
        "pilot": pilot,
        "sequence": sequence,
        "time": wire_moment(NOW),
        "type": type_,
        "event": f"event-{pilot}-{sequence}",
        "actor": {"id": "u-1", "organisation": "o-1", "role": "registrar"},
        "basis": BASIS.model_dump(mode="json"),
        "correlation": f"began-{pilot}",
        "trace": "00-0123-4567-01",
        "what": what,
    }


def about(title: str, **more: Any) -> Application:
    """An application of which only these words are its own."""
    return Application(
        title=title,
        problem=more.pop("problem", ""),
        solution=more.pop("solution", ""),
        sector=more.pop("sector", "health"),
        initiator=more.pop("initiator", party("790000001", "ООО «Первое»")),
        customer=more.pop("customer", party("790000002", "Второе учреждение")),
        **more,
    )


# ---- a pilot in which every leaf that may be anything holds a word of its own


def marked(state: Pilot = FULL) -> tuple[Row, dict[str, str]]:
    """A stored pilot in which each leaf that the contracts leave free is a marker; the path of each marker."""
    bare = state.model_dump(mode="json", exclude={"conclusion", "term"})
    numbers, found = count(1), dict[str, str]()
    for path in list(leaves(bare)):
        for marker in _markers(next(numbers)):
            changed = json.loads(json.dumps(bare))
            if _put(changed, path, marker) and _fits(changed, bare):
                bare = changed
                found[str(marker)] = ".".join(str(part) for part in path)
                break
    stored = row("marked", Pilot.model_validate(bare))
    stored["correlation"] = "zqcorrelationzq"
    found["zqcorrelationzq"] = "correlation"
    return stored, found


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every leaf."""
    if isinstance(value, Mapping):
        for name, held in value.items():
            yield from leaves(held, (*path, name))
    elif isinstance(value, list):
        for place, held in enumerate(value):
            yield from leaves(held, (*path, place))
    else:
        yield path


def _markers(number: int) -> list[Any]:
    return [f"zq{number:03d}zq", 771_000_000 + number]


def _put(value: Any, path: tuple[Any, ...], marker: Any) -> bool:
    """Puts the marker where it is of the kind of what stands there."""
    for part in path[:-1]:
        value = value[part]
    same = type(value[path[-1]]) is type(marker)
    if same:
        value[path[-1]] = marker
    return same


def _fits(changed: Any, was: Any) -> bool:
    if changed["stage"] != was["stage"]:
        return False
    try:
        again = Pilot.model_validate(changed).model_dump(mode="json", exclude={"conclusion", "term"})
    except ValidationError:
        return False
    return bool(again == changed)
