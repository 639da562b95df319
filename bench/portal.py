"""An agency with a thousand submissions, imports and a webhook, for measurements of its portal: told to intake's own
`decide` where a decision is made, otherwise written as intake writes it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from bench.applications import FROM, application
from bench.cases import RULES, Story, fold_of, put
from contracts.agency import ReceiptIssuedV1, ReceiptOutcome
from contracts.event import Actor, wire_moment
from contracts.expertise import InformationRequestedV1
from contracts.reference import Expediency, OnExpiry, RequestItem, Role
from contracts.registry import ExpediencyDecidedV1
from contracts.steps import AgencyEntry
from contracts.topics import EXPERTISE, REGISTRY
from deploy.samples.common import basis
from services.chassis.fold import Fold
from services.chassis.hooks.rows import DELIVERIES, HOOKS, Hook, Item, State, delivery
from services.chassis.store import Row, Store
from services.chassis.subject import service_actor
from services.intake.domain.agency import Given, subject_of
from services.intake.domain.commands import Accept, Forward, Note
from services.intake.domain.state import Pilot, pilot_id
from services.intake.importing import asked
from services.intake.receipts import JOURNAL
from services.intake.service import SERVICE
from services.law.standing import KIND as AGENCY

CODE: Final = "agency-00"
"""One of those of the register, where the agency's decided submissions stand."""
PERSON: Final = "publisher-1"
OFFICER: Final = Actor(id="officer-1", role=Role.OFFICER)
ASKED: Final = 10
"""Of so many submissions one has a request that waits for answers."""
DECIDED: Final = 10
"""Of so many submissions the Council has decided on one."""
IMPORTS: Final = 60
MESSAGES: Final = 300
ITEMS: Final = (
    RequestItem(id="why", text="Чем подтверждены сроки?"),
    RequestItem(id="end", text="Когда закончите?", field="planned_end"),
)
HEADINGS: Final = "Наименование проекта;Суть проблемы;Решение;Отрасль;УНП заказчика;Заказчик;Сумма;№ п/п"
ROW: Final = "Проект {n};Очереди.;Запись по времени.;Здравоохранение;700000125;Поликлиника;{n} 000,50;т-{n}"
FOUND: Final = "row;column;rule;severity;action;ru;be;en;event"
FAULT: Final = "{n};Отрасль;code.unknown;block;fix;Такого кода нет.;Такога кода няма.;There is no such code.;"


async def write_portal(store: Store, count: int, now: datetime) -> dict[str, list[str]]:
    """Writes the agency and what is its own; ids by kind: `mine` are its registered submissions, `asked` those with an
    open request, `decided` those of the Council's decision, `file`, `import`, `hook` and `message` what else has a
    page."""
    entry = Story(SERVICE.aggregates[AGENCY], subject_of(CODE), Given(RULES))
    entry.then(AgencyEntry(name="Ведомство примеров", editions=(FROM,)), Actor(id="admin-1", role=Role.ADMIN), now)
    told = [_submission(n, count, now) for n in range(count)]
    await put(store, [fold_of(entry.subject, entry.state, entry.facts, SERVICE), *map(_fold, told)])
    mine = [one.subject for one in told if one.state.number]
    await store.add(JOURNAL, list(_receipts(told, now)))
    file, imports = await _imports(store, now)
    hook, messages = await _hook(store, mine, now)
    waiting = [one.subject for one in told if one.state.open_requests]
    decided = sorted({*mine} & {*decided_ids(count)})
    own = {"mine": mine, "asked": waiting, "decided": decided}
    return {**own, "file": [file], "import": imports, "hook": [hook], "message": messages}


def decided_ids(count: int) -> list[str]:
    """Those of so many submissions that the Council has decided on: the register has them as its own."""
    return [pilot_id(CODE, f"own-{n}") for n in range(count) if _is_decided(n)]


def _is_decided(n: int) -> bool:
    return n % DECIDED == DECIDED // 2


def _fold(told: Story) -> Fold:
    return fold_of(told.subject, told.state, told.facts, SERVICE)


def _submission(n: int, count: int, now: datetime) -> Story:
    """One of its submissions: at its look-over, with the expertise, with a request of the expertise, or decided."""
    told = application(CODE, f"own-{n}", count + n, now - timedelta(days=20 * n / count))
    if not told.state.number:  # it was refused, so nobody looks it over
        return told
    if n % 2 == 0 or _is_decided(n):
        told.then(Accept(), OFFICER, now)
    if _is_decided(n):
        of = {"actor": service_actor(REGISTRY), "basis": basis(now.date()), "at": now}
        told.then(Note(ExpediencyDecidedV1(decision=Expediency.EXPEDIENT, **of)), service_actor(REGISTRY), now)
    if n % ASKED == 0:
        fact = InformationRequestedV1(
            actor=Actor(id="operator-00", role=Role.OPERATOR),
            round=1,
            request="r-1",
            items=ITEMS,
            on_expiry=OnExpiry.RETURN,
            due_at=now + timedelta(days=9),
            at=now,
            stops_clock=True,
        )
        told.then(Forward(fact), service_actor(EXPERTISE), now)
    return told


def _receipts(told: list[Story], now: datetime) -> Iterator[Row]:
    for n, one in enumerate(told):
        assert isinstance(one.state, Pilot)
        for place, outcome in enumerate([ReceiptOutcome.REGISTERED, *[ReceiptOutcome.ACCEPTED] * (n % 2 == 0)]):
            said = ReceiptIssuedV1(
                agency=CODE,
                event_id=f"own-{n}",
                outcome=outcome,
                pilot=one.subject,
                number=one.state.number,
                own_number=f"own-{n}",
                due_at=one.state.due_at,
            )
            named = {"agency": CODE, "pilot": one.subject, "event_id": f"own-{n}", "outcome": outcome.value}
            at = wire_moment(now - timedelta(minutes=len(told) - n))
            said_as = said.model_dump(mode="json")
            yield {"_id": f"bench-{n}-{place}", "at": at, "sequence": place + 1, **named, "receipt": said_as}


async def _imports(store: Store, now: datetime) -> tuple[str, list[str]]:
    """A file whose columns are asked for, and imports that are done, each with five faults."""
    rows = [ROW.format(n=n) for n in range(1, 61)]
    content = "\n".join([HEADINGS, *rows]).encode()
    file = await asked.hold(store, CODE, PERSON, now, content, "plan.csv")
    report = "\n".join([FOUND, *(FAULT.format(n=n) for n in range(2, 60, 12))]).encode("utf-8-sig")
    counts = {"rows": 60, "published": 55, "refused": 5, "reasons": {"code.unknown": 5}, "registered": 55}
    counts |= {"duplicates": 0, "rejected": 0, "parked": 0, "in_flight": 0, "balance": 0}
    made = {"state": asked.State.DONE, "rows": 60, "done": 60, "counts": counts}
    made["files"] = {"report": "faults.csv", "marked": "marked.csv"}
    ids = list[str]()
    for n in range(IMPORTS):
        said: dict[str, Any] = {"file": "plan.csv", "mapping": "plan", "toml": 'name = "plan"', "dry_run": n % 2 == 0}
        id_ = await asked.ask(store, CODE, PERSON, now - timedelta(hours=n), content, **said, kept=file)
        await asked.keep(store, id_, "report", report)
        await store.mark(asked.IMPORTS, {"_id": id_}, made)
        ids.append(id_)
    return file, ids


async def _hook(store: Store, pilots: list[str], now: datetime) -> tuple[str, list[str]]:
    """A webhook with messages that were delivered at the third attempt."""
    row: Row = {"_id": uuid4().hex, "owner": CODE, "by": PERSON, "address": "https://hooks.example.org/lotsman"}
    row |= {"note": None, "since": now, "secrets": [{"sealed": "", "until": None}], "failing_since": None, "off": None}
    await store.put(HOOKS, [row])
    hook, attempts = Hook.of(row), [_attempt(now, n) for n in range(3)]
    ended = {"state": State.SENT, "tries": 3, "ended_at": now, "attempts": attempts}
    items = [Item(f"bench-{n}-0", pilot, CODE, wire_moment(now), n) for n, pilot in enumerate(pilots[:MESSAGES])]
    messages = [delivery(hook, one, n, now + timedelta(days=30)) | ended for n, one in enumerate(items)]
    await store.add(DELIVERIES, messages)
    return hook.id, [one["_id"] for one in messages]


def _attempt(now: datetime, n: int) -> dict[str, Any]:
    status = 204 if n == 2 else 503
    return {"at": now + timedelta(seconds=n), "status": status, "why": None, "answer": "", "milliseconds": 12}
