"""Pilots for tests of what the register finds and shows: a full one whose every text is unmistakable, and many more."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import count
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, ValidationError

from contracts.event import Actor, Basis, Contract, Fact, wire_moment
from contracts.reference import (
    Application,
    Clock,
    Effectiveness,
    Expediency,
    Indicator,
    IndicatorValue,
    LegalEffect,
    Level,
    OrganisationId,
    Payment,
    Period,
    Remark,
    ReturnReason,
    Risk,
    SectorShare,
    Severity,
    Term,
    TermUnit,
    Verdict,
)
from contracts.registry import NotedKey
from contracts.steps import (
    Agreement,
    AgreementEntry,
    Commission,
    CreditDecision,
    CriterionValue,
    ExpediencyDecision,
    FundingWindow,
    Judgement,
    Launch,
    PilotExtension,
    Proposal,
    RecordHandling,
    ReplicaPlan,
    Scaling,
    ScalingDecision,
    Step,
    Votes,
)
from deploy.samples.common import DAY, NOW, basis, party
from deploy.samples.registry import cost
from services.chassis.store import Row
from services.law.ledger import Extension, Ledger, Suspension
from services.registry import views
from services.registry.domain.reported import Entries, Report, Reported, SpendingEntry
from services.registry.domain.stages import Stage
from services.registry.domain.state import (
    Ending,
    OwnTerm,
    PastTerms,
    Pause,
    Pilot,
    Replica,
    RunningTerm,
    StandingConclusion,
    Stay,
)

BASIS = basis(date(2026, 4, 15))


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
    costs=(cost(1_500_00, "republican-budget"),),
    own_number="17-04",
    replicates="case-1",
    evidence="Протокол испытаний.",
    participants=(party("700000199", "Демонстрационный институт"),),
    region="minsk-oblast",
    office="office-health",
)
PLAIN = Pilot(
    stage=Stage.RUNNING,
    agency="minzdrav",
    agency_name="Министерство здравоохранения",
    number="ПП-2026-000123",
    edition="by-2024",
    submitted=NOW - timedelta(days=60),
    entered=NOW - timedelta(days=59),
    application=APPLICATION,
    executor=APPLICATION.initiator,
    foreign_terms=(RunningTerm(kind="look-over", due_at=NOW + timedelta(days=10)),),
    conclusions=(
        StandingConclusion(
            round=1,
            number="ЗЭ-2026-0001",
            date=date(2026, 4, 1),
            verdict=Verdict.POSITIVE_WITH_REMARKS,
            text="Можно.",
            remarks=(Remark(code="security", text="Уточнить защиту.", severity=Severity.MINOR, must_fix=True),),
            replaces="ЗЭ-2026-0000",
        ),
    ),
    decisions=(ExpediencyDecision(decision=Expediency.EXPEDIENT, basis=BASIS),),
    history=(Stay(stage=Stage.RUNNING, sector="health", since=NOW),),
)
"""A pilot of which nothing but its application says where it belongs: its sector, its region, its money."""

SHARES = (SectorShare(sector="health", basis_points=6667), SectorShare(sector="education", basis_points=3333))
AGREEMENT = Agreement(
    customer=APPLICATION.customer,
    executor=APPLICATION.initiator,
    programme="Программа работ.",
    starts=date(2026, 6, 1),
    until=date(2026, 12, 31),
    indicators=(
        Indicator(
            code="queue-days", title="Дней до приёма", unit="дни", baseline="5", target="1", method="По журналу записи."
        ),
    ),
    costs=(cost(1_000_01, "local-budget", currency="USD"),),
    sector_shares=SHARES,
    region="minsk",
)
TERM = Term(
    kind="progress-report",
    budget=10,
    unit=TermUnit.WORKING_DAYS,
    calendar="BY",
    calendar_version="2026-1",
    legal_effect=LegalEffect.ALARM,
    started=NOW,
    zone="Europe/Minsk",
    origin="assumption",
)
OWN_TERM = OwnTerm(
    ledger=Ledger(
        term=TERM,
        suspensions=(
            Suspension(since=NOW, until=NOW + timedelta(days=1), who="demo-registrar-1", why="Ремонт помещений."),
        ),
        extensions=(Extension(days=5, at=NOW + timedelta(days=2), who="demo-registrar-2", why="Праздники."),),
        breached=True,
        reminded=(3, 1),
    ),
    clock=Clock(
        due_at=NOW + timedelta(days=20), nearing_at=NOW + timedelta(days=17), alarm_at=NOW + timedelta(days=18)
    ),
    late=True,
)
GRADES = (CriterionValue(criterion="target-reached", value=4, reason="Показатель достигнут почти полностью."),)
NOTED_KEY = NotedKey(id="key-1", digest="digest-of-a-key", scopes=("register",), until=NOW, revoked=NOW)
ACTOR = Actor(id="u-1", organisation="o-1", role="registrar")
MEMBERS = tuple(f"demo-member-{n}" for n in range(1, 10))
VOTES = Votes(in_favour=7, against=1, abstained=1)


def _steps_filled(held: Any) -> Any:
    """A value, in which every step says something in each of its fields."""
    if isinstance(held, tuple):
        return tuple(_steps_filled(one) for one in held)
    if not isinstance(held, Step):
        return held
    silent = {name: field for name, field in type(held).model_fields.items() if getattr(held, name) is None}
    return held.model_copy(
        update={name: _something(field.annotation, {Basis: BASIS}) for name, field in silent.items()}
    )


def _something(kind: Any, known: Mapping[type, Contract]) -> Any:
    """A value of a kind."""
    if kind in known:
        return known[kind]
    parts = [part for part in get_args(kind) if part not in (NoneType, Ellipsis)]
    if get_origin(kind) is Literal:
        return parts[0]
    if get_origin(kind) is dict:
        return {_something(parts[0], known): _something(parts[1], known)}
    if parts:
        one = _something(parts[0], known)
        return (one,) if get_origin(kind) is tuple else one
    if issubclass(kind, StrEnum):
        return next(iter(kind))
    return {Actor: ACTOR, AwareDatetime: NOW, datetime: NOW, date: DAY, bool: True, int: 3, str: "слово"}[kind]


ENTRIES = Entries(
    reports=(
        Report(
            event_id="demo-report-1",
            at=NOW,
            period=Period(since=date(2026, 6, 1), until=date(2026, 8, 31)),
            summary="Идёт по плану.",
        ),
    ),
    values=(IndicatorValue(indicator="queue-days", value="2", measured=date(2026, 8, 31), evidence="Журнал записи."),),
    spending=(
        SpendingEntry(
            event_id="demo-spending-1",
            payments=(
                Payment(
                    source="own-money",
                    year=2026,
                    amount_minor=500_03,
                    currency="EUR",
                    paid=date(2026, 7, 7),
                    document="пп 41",
                ),
            ),
        ),
    ),
)
FULL = PLAIN.model_copy(
    update={
        "application": APPLICATION.model_copy(
            update={
                "sector_shares": tuple(reversed(SHARES)),
                "adaptation": "Другая очередь, тот же портал.",
            }
        ),
        "own_terms": (OWN_TERM,),
        "past_terms": (PastTerms(kind="expertise", kept=2, broken=1),),
        "past_own_terms": (PastTerms(kind="progress-report", kept=3, broken=1),),
        "reasons": (ReturnReason(code="other", text="Мало сведений."),),
        "text": "Отозвано по просьбе.",
        "hidden_from": ("person-4004",),
        "tied": ("person-4004",),
        "basis": BASIS,
        "agreement": AgreementEntry(agreement=AGREEMENT, basis=BASIS),
        "launch": Launch(started=DAY, basis=BASIS),
        "reported": Reported.of(ENTRIES),
        "entries": ENTRIES,
        "risks": (
            Risk(
                id="r-1",
                title="Отказ сервера",
                scenario="Запись недоступна день.",
                probability=Level.LOW,
                impact=Level.HIGH,
                answer="Второй сервер.",
                owner=OrganisationId(scheme="BY-UNP", value="700000111"),
            ),
        ),
        "pauses": (
            Pause(
                since=date(2026, 7, 1),
                why="Ремонт поликлиники.",
                basis=BASIS,
                until=date(2026, 7, 20),
                resumed=BASIS,
            ),
        ),
        "prolongations": (PilotExtension(until=date(2027, 3, 31), why="Поставка задержана.", basis=BASIS),),
        "ending": Ending(on=date(2027, 3, 30), text="Работы окончены.", basis=BASIS),
        "commission": Commission(members=MEMBERS, secretary="demo-secretary-1", basis=BASIS),
        "proposal": Proposal(outcome=Effectiveness.PARTLY, text="Предлагается.", values=GRADES, basis=BASIS),
        "judgement": Judgement(
            outcome=Effectiveness.EFFECTIVE, text="Решили.", values=GRADES, present=MEMBERS, votes=VOTES, basis=BASIS
        ),
        "scaling": ScalingDecision(
            decision=Scaling.SCALE,
            evidence="Отчёт о показателях.",
            conditions="Со второй линией поддержки.",
            windows=(FundingWindow(source="local-innovation-fund", opens=date(2027, 1, 16), closes=date(2027, 2, 15)),),
            replicas=(
                ReplicaPlan(customer=party("700000140", "Соседняя поликлиника"), region="brest", note="По просьбе."),
            ),
            basis=BASIS,
        ),
        "credit": CreditDecision(granted=True, evidence="Работает с 2024 года.", basis=BASIS),
        "replicas": (
            Replica(
                pilot="demo-replica-1",
                number="ПП-2027-000007",
                adaptation="Своя регистратура.",
                outcome=Effectiveness.INEFFECTIVE,
            ),
        ),
        "history": (
            Stay(stage=Stage.LOOK_OVER, sector="health", since=NOW - timedelta(days=59), until=NOW),
            Stay(stage=Stage.RUNNING, sector="health", since=NOW),
        ),
        "turn": 7,
    }
)
FULL = FULL.model_copy(update={name: _steps_filled(getattr(FULL, name)) for name in Pilot.model_fields})
"""Every field that a pilot has is filled, also those that no one pilot has together. What a step may say besides what
is said here is filled with anything: a new field of it is looked at without standing here."""


def row(id_: str, state: Pilot = PLAIN, **changes: Any) -> Row:
    """A pilot as an earlier program stored it: with all that was reported, and not what that comes to."""
    changed = state.model_copy(update=changes)
    said = views.stated(changed)
    if changed.entries is not None:
        del said["reported"]
    return {
        "_id": id_,
        "kind": "pilot",
        "rev": 3,
        "version": 2,
        "state": said,
        "seen": {"intake": 2},
        "ids": {},
        "outbox": [],
        "due": None,
        "correlation": f"began-{id_}",
        "trace": {},
    }


def timeline_row(pilot: str, sequence: int, type_: str, **what: Any) -> Row:
    """A row of the timeline as the projection makes it."""
    return {
        "_id": f"{pilot}/{sequence}",
        "pilot": pilot,
        "sequence": sequence,
        "time": wire_moment(NOW),
        "type": type_,
        "event": f"event-{pilot}-{sequence}",
        "actor": ACTOR.model_dump(),
        "basis": BASIS.model_dump(mode="json"),
        "correlation": f"began-{pilot}",
        "trace": "00-0123-4567-01",
        "after": {},
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


# ---- a pilot, and facts, in which every leaf that may be anything holds a word of its own

M = TypeVar("M", bound=BaseModel)
Path = tuple[Any, ...]


def marked(state: Pilot = FULL) -> tuple[Row, dict[str, str]]:
    """A stored pilot in which each leaf that the contracts leave free is a marker; the path of each marker."""
    with_markers, found = _with_markers(state, {"stage"})
    stored = row("marked", with_markers)
    stored["correlation"] = "zqcorrelationzq"
    found["zqcorrelationzq"] = "correlation"
    return stored, found


def marked_fact(fact: Fact, sequence: int = 1) -> tuple[Row, dict[str, str]]:
    """A row of a pilot's timeline in which each leaf that the contracts leave free is a marker, with their paths."""
    said, found = _with_markers(fact, {"cause", "after"}, first=1000 * sequence)
    data = said.model_dump(mode="json")
    hidden = ("actor", "cause", "after", "basis")
    stored = timeline_row("marked", sequence, type(fact).TYPE, **{k: v for k, v in data.items() if k not in hidden})
    own = {name: f"zq{name}{sequence}zq" for name in ("event", "correlation", "trace")}
    stored |= {"actor": data["actor"], "basis": data.get("basis"), **own}
    names = {marker: path if path.split(".")[0] in hidden else f"what.{path}" for marker, path in found.items()}
    return stored, {**names, **{marker: name for name, marker in own.items()}}


def full_fact(kind: type[Fact]) -> Fact:
    """A fact of a type with every field filled: values with what the full pilot has of them, the rest with anything."""
    values = {"was": {"present": ["demo-member-1"]}, "now": {"present": ["demo-member-2"]}}
    said: dict[str, Any] = {} if issubclass(kind, RecordHandling) else values
    known = {type(one): one for one in (*_contracts(FULL), NOTED_KEY)}
    for name, field in kind.model_fields.items():
        if name not in {"cause", "after", *said}:
            said[name] = _something(field.annotation, known)
    return kind.model_validate(said)


def _contracts(held: Any) -> Iterator[Contract]:
    """Every contract within a value, the first of a kind last."""
    if isinstance(held, Contract):
        inner: Iterable[Any] = (getattr(held, name) for name in reversed(type(held).model_fields))
        yield from (one for each in inner for one in _contracts(each))
        yield held
    elif isinstance(held, tuple):
        yield from (one for each in reversed(held) for one in _contracts(each))


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every leaf."""
    if isinstance(value, Mapping):
        for name, held in value.items():
            yield from leaves(held, (*path, name))
    elif isinstance(value, list):
        for place, held in enumerate(value):
            yield from leaves(held, (*path, place))
    else:
        yield path


def named(path: str) -> str:
    """The path of a leaf without its places in lists."""
    return ".".join(part for part in path.split(".") if not part.isdigit())


def own_fields(state: BaseModel) -> dict[str, Any]:
    """A state or a fact without what it computes; of a pilot what was reported stands in it, entry by entry."""
    bare = state.model_dump(mode="json", exclude={*type(state).model_computed_fields})
    if isinstance(state, Pilot) and state.entries is not None:
        del bare["reported"]
        bare |= state.entries.model_dump(mode="json")
    return bare


def _with_markers(state: M, fixed: set[str], first: int = 0) -> tuple[M, dict[str, str]]:
    bare = own_fields(state)
    numbers, found = count(first + 1), dict[str, str]()
    for path in list(leaves(bare)):
        number = next(numbers)
        for marker in () if path[0] in fixed else _markers(_at(bare, path), number):
            changed = json.loads(json.dumps(bare))
            _at(changed, path[:-1])[path[-1]] = marker
            if _fits(type(state), changed):
                bare = changed
                found[str(marker)] = ".".join(str(part) for part in path)
                break
    return type(state).model_validate(bare), found


def _markers(value: Any, number: int) -> list[Any]:
    """What is of the kind of a value and found nowhere else."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return []
    if isinstance(value, int):
        return [771_000_000 + number]
    if _fits_moment(value):
        return [wire_moment(datetime(2041, 1, 1, tzinfo=UTC) + timedelta(hours=number))]
    letters = "".join(chr(ord("A") + number // 26**place % 26) for place in (2, 1, 0))
    return [
        f"zq{number:04d}zq",
        f"77{number:04d}77",
        f"ZQ-{number:04d}",
        (date(2031, 1, 1) + timedelta(days=number)).isoformat(),
        letters,
    ]


def _fits_moment(value: str) -> bool:
    return len(value) == len(wire_moment(NOW)) and value.endswith("Z")


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _fits(kind: type[BaseModel], changed: Any) -> bool:
    try:
        again = own_fields(kind.model_validate(changed))
    except ValidationError:
        return False
    return bool(again == changed)
