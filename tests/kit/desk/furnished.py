"""A portal with something on each of its pages: what an agency sent, is asked, was told; spreadsheets; a webhook."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from contracts.agency import ReceiptIssuedV1, ReceiptOutcome
from contracts.event import wire_moment
from services.chassis.hooks.rows import DELIVERIES, Item, State, delivery
from services.chassis.hooks.rows import hook as hook_of
from services.chassis.run import utc_now
from services.chassis.store import Row
from services.intake.receipts import JOURNAL
from tests.kit.desk.portal import OWN, Portal
from tests.kit.desk.walker import Seen, Walker
from tests.kit.intake.sides import submitted

PERSON: Final = "pu-1"
REPORTS: Final = 104
KINDS: Final = ("progress", "spending", "risk", "result")
HOOK: Final = "https://hooks.example.org/lotsman"
FILE: Final = "план-ведомства.csv"
HEADINGS: Final = (
    "Дата подачи;Наименование проекта;Суть проблемы;Решение;Отрасль;УНП заказчика;Заказчик;Сумма;Наш номер"
)
COLUMNS: Final = {
    "same-initiator-id-value": "790000029",
    "same-costs-0-source": "own-money",
    "same-costs-0-year": "2027",
}
"""What a plan does not say itself."""


def application(number: int, **changes: Any) -> dict[str, Any]:
    """An application of the agency whose days are to come."""
    days = {"planned_start": "2027-09-01", "planned_end": "2028-06-30"}
    costs = [{"source": "own-money", "year": 2027, "amount_minor": 5000000, "currency": "BYN"}]
    made = submitted(number, OWN, **{**days, "costs": costs, **changes})
    return {**made, "time": "2026-11-20T08:00:00.000Z"}


def sheet(faulty: bool) -> bytes:
    """Sixty rows, five of them faulty, or mended; in the encoding of older desks, with a line above the table."""
    wrong = {
        7: ("sector", "марс"),
        19: ("amount", "дорого"),
        28: ("title", ""),
        41: ("unp", "123"),
        55: ("date", "вчера"),
    }
    lines = list[str]()
    for n in range(1, 61):
        cells = {"date": "20.11.2026", "title": f"Проект {n}", "sector": "Здравоохранение", "unp": "700000125"}
        cells |= {"amount": f"{n} 000,50"}
        if faulty and n in wrong:
            cells |= {wrong[n][0]: wrong[n][1]}
        named = [cells[name] for name in ("date", "title")]
        rest = [cells["sector"], cells["unp"], "Поликлиника", cells["amount"], f"т-{n}"]
        lines.append(";".join([*named, "Очереди.", "Запись по времени.", *rest]))
    return "\n".join(["План на 2027 год;;;;;;;;", HEADINGS, *lines]).encode("cp1251")


@dataclass(frozen=True, slots=True)
class Furnished:
    """What there is, by id: a submission with an open request and one that was decided on; a file, and imports of it
    that were tried, were stopped, and wait; a webhook, and a message that it could not take."""

    asked: str
    decided: str
    file: str
    tried: str
    stopped: str
    waiting: str
    hook: str
    message: str


def furnished(portal: Portal, walker: Walker) -> Furnished:
    """Has the agency do all of it on its pages."""
    portal.furnish()
    asked, decided = (_sent(walker, application(n, title=f"Снимки {n}")) for n in (501, 502))
    for pilot in (asked, decided):
        portal.accept(pilot)
        portal.request(pilot)
    portal.conclude(decided)
    portal.decide(decided)
    portal.carried_out.append(decided)
    portal.do(_written(portal, JOURNAL, list(_reports(decided))))
    file = _uploaded(walker)
    tried = _tried(walker, file)
    portal.imports()
    page = walker.get(tried)
    real = walker.press(page, page.form("send"), ("do", "send")).address
    page = walker.get(real)
    walker.press(page, page.form("stop"), ("do", "stop"))
    portal.imports()
    waiting = _tried(walker, _uploaded(walker))
    portal.flush()
    hook, message = webhook(portal, walker, asked)
    return Furnished(asked, decided, last(file), last(tried), last(real), last(waiting), hook, message)


def _reports(pilot: str) -> Iterator[Row]:
    """Receipts of more reports than stand on one page, of kinds in turn."""
    for n in range(REPORTS):
        named = {"agency": OWN, "pilot": pilot, "event_id": f"report-{n}", "outcome": ReceiptOutcome.REPORTED}
        said = ReceiptIssuedV1(**named, event_type=f"pilots.agency.{KINDS[n % 4]}-reported.v1", number="ПП-2026-000002")
        at = wire_moment(utc_now() + timedelta(seconds=n))
        yield {"_id": f"report-{n}", "at": at, "sequence": n, **named, "receipt": said.model_dump(mode="json")}


def webhook(portal: Portal, walker: Walker, pilot: str, address: str = HOOK) -> tuple[str, str]:
    """A webhook is registered, which could not take a message about a pilot: the ids of both."""
    before = walker.get("/ru/portal/access")
    page = walker.press(before, before.form("send"), ("do", "send"), {"address": address, "note": "Наша программа"})
    hook = last(next(one for one in page.links if "/access/hooks/" in one and one not in before.links))
    return hook, _delivered(portal, hook, pilot)


def last(address: str) -> str:
    """The last step of an address."""
    return address.partition("?")[0].rpartition("/")[2]


def _sent(walker: Walker, event: dict[str, Any]) -> str:
    page = walker.get("/ru/portal/send/event")
    text = json.dumps(event, ensure_ascii=False)
    sent = walker.press(page, page.form("send"), ("do", "send"), {"event": text})
    assert "/mine/" in sent.address, sent.text
    return last(sent.address)


def _uploaded(walker: Walker) -> str:
    page = walker.get("/ru/portal/spreadsheets")
    form = next(one for one in page.forms if one.action.endswith("/spreadsheets"))
    return walker.press(page, form, ("", ""), files={"file": (FILE, sheet(faulty=True))}).address


def _tried(walker: Walker, columns: str) -> str:
    page = walker.get(columns)
    answer: Seen = walker.press(page, page.form("try"), ("do", "try"), COLUMNS)
    assert answer.status == 200 and "/files/" not in answer.address, answer.text
    return answer.address


def _delivered(portal: Portal, hook: str, pilot: str) -> str:
    """A message that the receiver did not take."""
    to, now = portal.do(hook_of(portal.engine.store, hook)), utc_now()
    assert to is not None
    row: Row = delivery(to, Item("e-1", pilot, OWN, now.isoformat(), 1), 1, now + timedelta(days=1))
    attempts = [{"at": now, "status": 503, "why": None, "answer": "busy", "milliseconds": 12}]
    attempts.append({"at": now, "status": None, "why": "not-reached", "answer": "", "milliseconds": 5000})
    row |= {"state": State.FAILED, "tries": 2, "ended_at": now, "attempts": attempts}
    portal.do(_written(portal, DELIVERIES, [row]))
    return str(row["_id"])


async def _written(portal: Portal, collection: str, rows: list[Row]) -> None:
    await portal.engine.store.add(collection, rows)
