"""The register over HTTP on a real mongod: the life of a pilot, and what the register said at any moment of it."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import Event, parse_fact, wire_moment
from contracts.reference import (
    Expediency,
    Payment,
    Period,
    ReturnReason,
    Verdict,
)
from contracts.registry import REGISTRY, ApplicationOutcome, Entry, Outcome, TermStage
from contracts.rules import load
from contracts.steps import Completion, Progress, Results, Risks, Spending
from contracts.topics import fact_topic
from deploy.moves.samples import NOW
from services.chassis.engine import Engine
from services.chassis.store import Store
from services.chassis.subject import Done, Record
from services.chassis.web import make_app
from services.registry import history as memory
from services.registry import queries, views
from services.registry.api import make_router
from services.registry.domain.commands import RecordAmendment, RecordConclusion, RecordReport, RecordTerm
from services.registry.domain.evolve import evolve
from services.registry.domain.stages import Stage
from services.registry.domain.state import Pilot
from services.registry.handlers import projection
from services.registry.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.common import made, party
from tests.kit.engine.tiny import Broker, Clock, from_source, numbered
from tests.kit.expertise.world import application
from tests.kit.people import Person, Tokens
from tests.kit.registry import rows as shelf
from tests.kit.registry.parts import risk, value
from tests.kit.registry.rows import FULL, PLAIN

TOPIC = fact_topic("registry")
SECRETARY = Person("secretary-1", ("council-secretary",))
REGISTRAR = Person("registrar-1", ("registrar",))
HEAD = Person("head-1", ("head-organisation",))
COMMISSION = Person("commission-1", ("commission-secretary",))
AUDITOR = Person("auditor-1", ("auditor",))
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MEMBERS = [f"member-{n}" for n in range(1, 10)]
CRITERIA = [one.code for one in load().edition("by-2024").effectiveness.entries]
AGREEMENT = {
    "customer": party("700000125").model_dump(mode="json"),
    "executor": party("700000112").model_dump(mode="json"),
    "programme": "Три поликлиники, один год.",
    "starts": "2026-03-02",
    "until": "2027-02-28",
    "indicators": [
        {"code": "wait", "title": "Ожидание", "unit": "мин", "baseline": "34", "target": "5"},
        {"code": "share", "title": "Доля записей", "unit": "%", "baseline": "0", "target": "80"},
    ],
    "costs": [{"source": "own-money", "year": 2026, "amount_minor": 100_01, "currency": "BYN"}],
    "sector_shares": [{"sector": "health", "basis_points": 6667}, {"sector": "transport", "basis_points": 3333}],
    "region": "minsk",
}


class Register:
    """The registry service at work, fed with what other services say, asked over HTTP."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock(BEGIN)
        self.broker = Broker()
        self.engine = Engine(SERVICE, store, self.broker, now=self.clock, new_id=numbered("e"), calendars=CALENDARS)
        self.app = make_app("Lotsman registry", Tokens(), self.engine, {})
        self.app.include_router(make_router())
        self._keys = numbered("k")
        self._read = 0
        self._sequences: dict[tuple[str, str], int] = {}

    async def say(self, pilot: str, *commands: object, source: str = "intake") -> None:
        """What another service said."""
        for command in commands:
            sequence = self._sequences.get((pilot, source), 0) + 1
            self._sequences[pilot, source] = sequence
            assert isinstance(await self.engine.command(from_source(pilot, source, sequence, command)), Done)

    async def settle(self) -> None:
        """Sends all facts, and has the register read its own until nothing follows any more."""
        while True:
            await self.engine.outbox.flush()
            fresh, self._read = self.broker.log[self._read :], len(self.broker.log)
            if not fresh:
                return
            own = [Record(TOPIC, 0, n, m.key.encode(), m.value) for n, m in enumerate(fresh, self._read)]
            await self.engine.records(own)

    async def enter(self, pilot: str, **other: Any) -> None:
        """A pilot enters the register."""
        await self.say(
            pilot,
            Entry(
                agency="vedomstvo",
                number=f"N-{pilot}",
                edition="by-2024",
                submitted=self.clock(),
                application=application(**other),
            ),
        )

    async def at_council(self, pilot: str, **other: Any) -> None:
        """A pilot with a positive conclusion."""
        await self.enter(pilot, **other)
        self.clock.forward(days=1)
        await self.say(pilot, Outcome(outcome=ApplicationOutcome.ACCEPTED))
        concluded = RecordConclusion(
            round=1, number=f"З-{pilot}", date=self.today, verdict=Verdict.POSITIVE, text="Можно.", knowing=2
        )
        await self.say(pilot, concluded, source="expertise")
        self.clock.forward(days=1)

    @property
    def today(self) -> date:
        return self.clock().date()

    @property
    def basis(self) -> dict[str, str]:
        return {"body": "Совет", "kind": "протокол", "number": "5", "date": self.today.isoformat()}

    async def ask(
        self, method: str, path: str, who: Person = AUDITOR, body: object = None, **headers: str
    ) -> httpx.Response:
        """One request."""
        sent = {"Authorization": f"Bearer {who.token}", **headers}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, f"/v1{path}", headers=sent, json=body)

    async def get(self, path: str, who: Person = AUDITOR) -> Any:
        """What a good GET answers."""
        answer = await self.ask("get", path, who)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, pilot: str, what: str, who: Person, /, **body: Any) -> httpx.Response:
        """A command on a pilot as it stands, on a document of today."""
        rev = (await self.engine.documents([pilot]))[pilot].rev
        headers = {"If-Match": f'"{rev}"', "Idempotency-Key": self._keys()}
        return await self.ask("post", f"/pilots/{pilot}/{what}", who, {"basis": self.basis, **body}, **headers)

    async def do(self, pilot: str, what: str, who: Person, /, **body: Any) -> None:
        """A command that must be carried out."""
        answer = await self.post(pilot, what, who, **body)
        assert answer.status_code == 200, (what, answer.text)
        self.clock.forward(hours=1)

    async def stage(self, pilot: str) -> str:
        return str((await self.get(f"/pilots/{pilot}"))["stage"])

    async def running(self, pilot: str, **other: Any) -> None:
        """A pilot that is carried out."""
        await self.at_council(pilot, **other)
        await self.do(pilot, "expediency-decision", SECRETARY, decision="expedient")
        await self.do(pilot, "agreement", REGISTRAR, agreement=AGREEMENT)
        await self.do(pilot, "launch", REGISTRAR, started=self.today.isoformat())

    async def judged(self, pilot: str, outcome: str = "effective", **other: Any) -> None:
        """A pilot that was carried out, completed and judged."""
        await self.running(pilot, **other)
        await self.do(pilot, "commission", HEAD, members=MEMBERS, secretary="member-s")
        await self.say(pilot, RecordReport("done", Completion(finished=self.today, summary="Готово.", values=())))
        await self.do(pilot, "effectiveness-proposal", HEAD, outcome=outcome, text="Цели достигнуты.", values=VALUES)
        judged = {"outcome": outcome, "text": "Решение.", "values": VALUES, "present": MEMBERS}
        votes = {"in_favour": 9, "against": 0, "abstained": 0}
        await self.do(pilot, "judgement", COMMISSION, votes=votes, **judged)
        await self.settle()

    def facts(self, pilot: str) -> list[Event]:
        """Everything of a pilot that stands in the topic."""
        found = [parse_fact(m.value, REGISTRY) for m in self.broker.log if m.topic == TOPIC and m.key == pilot]
        return [one for one in found if isinstance(one, Event)]

    def replayed(self, pilot: str, moment: datetime) -> Pilot | None:
        """The pilot after all facts of the topic up to a moment."""
        state: Pilot | None = None
        for one in self.facts(pilot):
            if one.time <= moment:
                state = evolve(state, one.fact)
        return state


VALUES = [{"criterion": code, "value": 4, "reason": "Измерено."} for code in CRITERIA]


@pytest.fixture
async def register(store: Store) -> Register:
    await store.prepare(SERVICE.indexes)
    return Register(store)


# ---- the life


async def test_a_whole_life_to_scaling_with_a_replica_goes_through_the_routes(register: Register) -> None:
    await register.judged("parent")
    assert await register.stage("parent") == "effective"
    plan = {"customer": AGREEMENT["customer"], "region": "brest"}
    window = {"source": "own-money", "opens": "2026-09-01", "closes": "2026-10-01"}
    decided = {"decision": "scale", "evidence": "Отчёт.", "windows": [window], "replicas": [plan]}
    await register.do("parent", "scaling-decision", SECRETARY, **decided)
    await register.judged("child", "ineffective", replicates="N-parent", adaptation="Две поликлиники.")
    child = {"pilot": "child", "number": "N-child", "title": "Запись к врачу", "stage": "ineffective"}
    found = await register.get("/pilots/parent/replicas")
    assert found["items"] == [{**child, "adaptation": "Две поликлиники.", "outcome": "ineffective"}]
    assert found["parent"] is None
    assert [one["region"] for one in found["planned"]] == ["brest"]
    parent = {"named": "N-parent", "pilot": "parent", "number": "N-parent", "title": "Запись к врачу"}
    assert (await register.get("/pilots/child/replicas"))["parent"] == {**parent, "stage": "scaled"}
    card = await register.get("/pilots/parent")
    assert (card["stage"], card["next_move"], card["judgement"]["votes"]["in_favour"]) == ("scaled", None, 9)


async def test_a_suspended_pilot_goes_on_is_extended_and_stopped_early(register: Register) -> None:
    await register.running("p")
    day = register.today.isoformat()
    await register.do("p", "suspension", REGISTRAR, since=day, why="Ремонт.")
    assert await register.stage("p") == "suspended"
    assert (await register.get("/pilots/p/clock?term=carrying-out"))["state"] == "stopped"
    await register.do("p", "resumption", REGISTRAR, since=day)
    await register.do("p", "extension", REGISTRAR, until="2027-03-30", why="Поставка задержана.")
    assert (await register.get("/pilots/p"))["until"] == "2027-03-30"
    await register.do("p", "early-stop", REGISTRAR, stopped=day, why="Заказчик ликвидирован.")
    assert await register.stage("p") == "stopped-early"


async def test_who_did_not_agree_ends_there_and_an_unwanted_credit_is_refused(register: Register) -> None:
    await register.at_council("p")
    refused = await register.post("p", "credit-decision", SECRETARY, granted=True, evidence="Акт.")
    assert (refused.status_code, refused.json()["title"]) == (409, "credit.off")
    await register.do("p", "expediency-decision", SECRETARY, decision="expedient")
    await register.do("p", "agreement-failure", REGISTRAR, why="Не сошлись в цене.")
    assert await register.stage("p") == "not-agreed"


async def test_a_correction_stands_in_the_place_of_a_wrong_entry_and_the_timeline_keeps_both(
    register: Register,
) -> None:
    await register.running("p")
    was = (await register.get("/pilots/p"))["launch"]
    now = {**was, "basis": {**was["basis"], "number": "5а"}}
    await register.do("p", "corrections", REGISTRAR, what="launch", content=now, reason="Описка в номере.")
    await register.settle()
    assert (await register.get("/pilots/p"))["launch"] == now
    last = (await register.get("/pilots/p/timeline?diff=true&limit=200"))["items"][-1]
    assert (last["what"]["was"], last["what"]["now"], last["what"]["reason"]) == (was, now, "Описка в номере.")
    assert last["changed"] == {"launch": {"before": was, "after": now}}


COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "expediency-decision": ("council-secretary", {"decision": "expedient"}),
    "credit-decision": ("council-secretary", {"granted": True, "evidence": "Акт."}),
    "scaling-decision": ("council-secretary", {"decision": "do-not-scale", "evidence": "Отчёт."}),
    "agreement": ("registrar", {"agreement": AGREEMENT}),
    "agreement-failure": ("registrar", {"why": "Нет."}),
    "launch": ("registrar", {"started": "2026-03-04"}),
    "suspension": ("registrar", {"since": "2026-03-04", "why": "Ремонт."}),
    "resumption": ("registrar", {"since": "2026-03-04"}),
    "extension": ("registrar", {"until": "2026-03-04", "why": "Поставка."}),
    "early-stop": ("registrar", {"stopped": "2026-03-04", "why": "Нет."}),
    "corrections": ("registrar", {"what": "launch", "content": {}, "reason": "Описка."}),
    "commission": ("head-organisation", {"members": MEMBERS, "secretary": "s"}),
    "effectiveness-proposal": ("head-organisation", {"outcome": "effective", "text": "Да.", "values": VALUES}),
    "judgement": (
        "commission-secretary",
        {
            "outcome": "effective",
            "text": "Да.",
            "values": VALUES,
            "present": MEMBERS,
            "votes": {"in_favour": 9, "against": 0, "abstained": 0},
        },
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_step_is_open_to_its_role_alone_strict_and_bound_to_what_was_seen(
    register: Register, command: str
) -> None:
    await register.enter("p")
    role, body = COMMANDS[command]
    for other in {"council-secretary", "registrar", "head-organisation", "commission-secretary", "admin"} - {role}:
        assert (await register.post("p", command, Person("u", (other,)), **body)).status_code == 403
    who = Person("u", (role,))
    answer = await register.post("p", command, who, **body)
    assert answer.status_code in (404, 409), "the body is good, the pilot is not there yet"
    unseen = await register.ask("post", f"/pilots/p/{command}", who, {"basis": register.basis, **body})
    assert unseen.status_code == 400, "no Idempotency-Key"
    bare = {"Idempotency-Key": "k"}
    unseen = await register.ask("post", f"/pilots/p/{command}", who, {"basis": register.basis, **body}, **bare)
    assert unseen.status_code == 428
    for wrong in (
        {"zq": 1},
        {"basis": {**register.basis, "zq": 1}},
        {"basis": {**register.basis, "date": "0001-01-01"}},
    ):
        refused = await register.post("p", command, who, **{**body, **wrong})
        assert refused.status_code == 422, wrong
        assert refused.json()["problems"][0]["pointer"].startswith(("/body/zq", "/body/basis")), refused.text


@pytest.mark.parametrize(
    ("command", "changed", "pointer"),
    [
        ("agreement", {"agreement": {**AGREEMENT, "regoin": "minsk"}}, "/body/agreement/regoin"),
        ("agreement", {"agreement": {**AGREEMENT, "until": "9999-12-31"}}, "/body/agreement/until"),
        ("commission", {"members": ["m"] * 101}, "/body/members"),
        ("judgement", {"votes": {"in_favour": "9", "against": 0, "abstained": 0}}, "/body/votes/in_favour"),
        ("suspension", {"why": ""}, "/body/why"),
        ("suspension", {"why": "я" * 4001}, "/body/why"),
        ("launch", {"started": 20260304}, "/body/started"),
        ("corrections", {"content": []}, "/body/content"),
    ],
)
async def test_a_body_is_strict_and_bounded_down_to_its_leaves(
    register: Register, command: str, changed: dict[str, Any], pointer: str
) -> None:
    await register.enter("p")
    role, body = COMMANDS[command]
    refused = await register.post("p", command, Person("u", (role,)), **{**body, **changed})
    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["problems"]] == [pointer]


async def test_the_same_command_sent_again_is_answered_again_and_a_stale_one_is_refused(register: Register) -> None:
    await register.at_council("p")
    body = {"basis": register.basis, "decision": "expedient"}
    rev = (await register.engine.documents(["p"]))["p"].rev
    headers = {"If-Match": f'"{rev}"', "Idempotency-Key": "k-1"}
    first = await register.ask("post", "/pilots/p/expediency-decision", SECRETARY, body, **headers)
    again = await register.ask("post", "/pilots/p/expediency-decision", SECRETARY, body, **headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json() and again.headers["Idempotent-Replayed"] == "true"
    late = await register.ask(
        "post", "/pilots/p/agreement-failure", REGISTRAR, {"why": "Нет.", "basis": register.basis}, **headers
    )
    assert late.status_code == 412


# ---- what belongs to one pilot


async def test_results_show_each_indicator_from_its_baseline_to_its_target(register: Register) -> None:
    await register.running("p")
    first, second = register.today, register.today + timedelta(days=5)
    await register.say(
        "p", RecordReport("r-1", Results(values=(value("34", first, "wait"), value("1", first, "other"))))
    )
    await register.say("p", RecordReport("r-2", Results(values=(value("19.5", second, "wait"),))))
    found = await register.get("/pilots/p/results")
    wait, share = found["items"]
    assert (wait["baseline"], wait["target"], wait["last"], wait["percent"], wait["reached"]) == (
        "34", "5", "19.5", 50, False,
    )  # fmt: skip
    assert [one["value"] for one in wait["values"]] == ["34", "19.5"]
    assert (share["last"], share["percent"], share["values"]) == (None, None, [])
    assert [one["indicator"] for one in found["others"]] == ["other"]
    assert (await register.get("/pilots/p"))["progress"][0]["percent"] == 50


async def test_risks_are_shown_as_they_were_said_last(register: Register) -> None:
    await register.running("p")
    await register.say(
        "p",
        RecordReport("r-1", Risks(risks=(risk("r1"), risk("r2")))),
        RecordReport("r-2", Risks(risks=(risk("r1", title="Срыв"),))),
    )
    assert [one["title"] for one in (await register.get("/pilots/p/risks"))["items"]] == ["Срыв", "Отказ сервера"]


@pytest.mark.parametrize(
    ("part", "field", "said"),
    [
        ("risks", "risks.scenario", "Запись недоступна день."),
        ("risks", "risks.owner", "700000111"),
        ("results", "agreement.agreement.indicators.method", "По журналу записи."),
        ("results", "values.evidence", "Журнал записи."),
        ("replicas", "replicas.adaptation", "Своя регистратура."),
        ("replicas", "scaling.replicas.note", "По просьбе."),
    ],
)
async def test_what_is_taken_out_of_the_internal_view_is_gone_from_every_part_of_a_pilot(
    register: Register, monkeypatch: pytest.MonkeyPatch, part: str, field: str, said: str
) -> None:
    await register.store.put("subjects", [shelf.row("p", FULL)])
    assert said in json.dumps(await register.get(f"/pilots/p/{part}"), ensure_ascii=False)
    monkeypatch.setattr(views, "PILOT", without(views.PILOT, field.split(".")))
    assert said not in json.dumps(await register.get(f"/pilots/p/{part}"), ensure_ascii=False)


def without(table: Sequence[views.Shown], path: Sequence[str]) -> tuple[views.Shown, ...]:
    """A table of fields without the one at a path."""
    if len(path) == 1:
        return tuple(one for one in table if one.name != path[0])
    return tuple(replace(one, of=without(one.of, path[1:])) if one.name == path[0] else one for one in table)


async def test_risks_and_replicas_are_shown_as_the_card_shows_them(register: Register) -> None:
    await register.store.put("subjects", [shelf.row("p", FULL), shelf.row("demo-replica-1", PLAIN)])
    card = await register.get("/pilots/p")
    assert (await register.get("/pilots/p/risks"))["items"] == card["risks"] != []
    found = await register.get("/pilots/p/replicas")
    assert found["planned"] == card["scaling"]["replicas"] != []
    [mine], [one] = card["replicas"], found["items"]
    assert one == {**mine, "title": PLAIN.application.title, "stage": PLAIN.stage.value}


async def test_a_line_of_a_list_is_the_same_whether_all_of_a_pilot_is_read_or_what_the_line_is_made_of(
    register: Register,
) -> None:
    whole = shelf.row("p", FULL)
    await register.store.put("subjects", [whole])
    assert (await register.get("/pilots"))["items"] == [views.internal_row(whole)]
    register.clock.time = NOW + timedelta(days=1)
    listed = (await register.get(f"/pilots?as_of={wire_moment(NOW)}"))["items"]
    assert listed == [queries.row_as_of(whole, NOW)]
    [read] = await register.store.rows("subjects", {}, sort=[("_id", 1)], limit=2, fields=queries.PUBLIC_ROW)
    assert views.public_row(read) == views.public_row(whole)
    for fields in (queries.ROW, queries.ROW_AS_OF, queries.PUBLIC_ROW):
        [read] = await register.store.rows("subjects", {}, sort=[("_id", 1)], limit=2, fields=fields)
        assert {*read["state"]}.isdisjoint({"reports", "values", "spending", "risks", "conclusions", "own_terms"})


async def test_the_clock_is_that_of_the_term_that_is_due_first_or_of_the_one_asked_for(register: Register) -> None:
    await register.enter("p")
    assert (await register.ask("get", "/pilots/p/clock")).status_code == 404, "no term of the register runs"
    await register.running("q")
    terms = {term["kind"]: term["due_at"] for term in (await register.get("/pilots/q"))["terms"]}
    first = min(terms, key=lambda kind: terms[kind])
    told = await register.get("/pilots/q/clock")
    assert (told["term"]["kind"], told["due"]) == (first, terms[first])
    told = await register.get("/pilots/q/clock?term=carrying-out")
    assert told["last_day"] == "2027-02-28" and "Календарных дней" in told["ru"]
    assert (await register.ask("get", "/pilots/q/clock?term=agreement")).status_code == 404, "that one has ended"


async def test_the_list_shows_where_a_pilot_stands_and_its_money_to_the_kopeck(register: Register) -> None:
    await register.running("p", costs=())
    paid = Payment(source="own-money", year=2026, amount_minor=33, currency="BYN", paid=register.today)
    await register.say("p", RecordReport("s-1", Spending(payments=(paid, paid))))
    [row] = (await register.get("/pilots"))["items"]
    assert row["totals"] == {
        "planned": [],
        "committed": [{"currency": "BYN", "amount_minor": 100_01}],
        "paid": [{"currency": "BYN", "amount_minor": 66}],
    }
    assert (row["stage"], row["next_move"], row["region"], row["sectors"]) == (
        "running", "executor", "minsk", ["health", "transport"],
    )  # fmt: skip
    assert row["term"]["kind"] == "progress-report"
    card = await register.get("/pilots/p")
    assert card["totals"] == row["totals"]
    committed = [one["amount_minor"] for one in card["money"] if one["stage"] == "committed"]
    assert sorted(committed) == [33_33, 66_68]


# ---- memory


async def random_life(register: Register, pilot: str, rng: random.Random) -> None:
    """A life of steps that are mostly possible, with stretches of time between them."""
    begin = register.at_council if rng.random() < 0.8 else register.enter
    await begin(pilot, sector=rng.choice(["health", "transport"]))
    number = numbered("x")

    def day() -> date:
        return register.today

    said: list[Callable[[], object]] = [
        lambda: Outcome(outcome=ApplicationOutcome.ACCEPTED),
        lambda: Outcome(outcome=ApplicationOutcome.RETURNED, reasons=(ReturnReason(code="other"),)),
        lambda: Outcome(
            outcome=ApplicationOutcome.RESUBMITTED, application=application(sector=rng.choice(["health", "ecology"]))
        ),
        lambda: RecordAmendment("r1-1", application(expected_effect=number(), sector="ecology")),
        lambda: RecordTerm(
            kind=rng.choice(["look-over", "expertise"]), stage=rng.choice(list(TermStage)), due_at=register.clock()
        ),
        lambda: RecordReport(
            number(),
            Progress(period=Period(since=day(), until=day()), summary="Идёт.", values=(value("9", day(), "wait"),)),
        ),
        lambda: RecordReport(number(), Results(values=(value(str(rng.randint(0, 40)), day(), "wait"),))),
        lambda: RecordReport(number(), Risks(risks=(risk(rng.choice("abc"), title=number()),))),
        lambda: RecordReport(
            number(),
            Spending(payments=(Payment(source="own-money", year=2026, amount_minor=7, currency="BYN", paid=day()),)),
        ),
        lambda: RecordConclusion(
            round=1,
            number=number(),
            date=day(),
            verdict=rng.choice(list(Verdict)),
            text="Текст.",
            knowing=rng.randint(0, 9),
        ),
    ]
    entered: list[tuple[str, Person, Callable[[], dict[str, Any]]]] = [
        ("expediency-decision", SECRETARY, lambda: {"decision": rng.choice(list(Expediency))}),
        ("expediency-decision", SECRETARY, lambda: {"decision": "expedient"}),
        ("agreement", REGISTRAR, lambda: {"agreement": AGREEMENT}),
        ("launch", REGISTRAR, lambda: {"started": day().isoformat()}),
        ("suspension", REGISTRAR, lambda: {"since": day().isoformat(), "why": "Ремонт."}),
        ("resumption", REGISTRAR, lambda: {"since": day().isoformat()}),
        ("commission", HEAD, lambda: {"members": MEMBERS, "secretary": "s"}),
    ]
    for _ in range(40):
        register.clock.forward(milliseconds=rng.choice([0, 1, 999, 3_600_000, 40_000_000]))
        if rng.random() < 0.4:
            await register.say(pilot, rng.choice(said)())
            continue
        what, who, body = rng.choice(entered)
        answer = await register.post(pilot, what, who, **body())
        assert answer.status_code in (200, 409, 422), answer.text
        if rng.random() < 0.2:
            await register.engine.timers()


def moments(register: Register, pilots: Sequence[str], rng: random.Random, most: int) -> list[datetime]:
    """Moments around facts: at them, a millisecond before and after, and between."""
    times = sorted({one.time for pilot in pilots for one in register.facts(pilot)})
    near = [
        at + timedelta(milliseconds=by)
        for at in times
        for by in (-1, 0, 1)
        if at + timedelta(milliseconds=by) <= register.clock()
    ]
    return rng.sample(near, min(most, len(near)))


@pytest.mark.parametrize("seed", [0, 2, 3, 5])
async def test_what_the_register_said_at_any_moment_is_what_a_replay_up_to_it_gives(
    register: Register, seed: int
) -> None:
    rng = random.Random(seed)
    await random_life(register, "p", rng)
    await register.settle()
    register.clock.forward(seconds=1)
    stages = set[Stage]()
    for moment in moments(register, ["p"], rng, 60):
        answer = await register.ask("get", f"/pilots/p?as_of={wire_moment(moment)}")
        replayed = register.replayed("p", moment)
        if replayed is None:
            assert answer.status_code == 404
            continue
        stages.add(replayed.stage)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body.pop("as_of") == wire_moment(moment)
        assert body.pop("version") == len([one for one in register.facts("p") if one.time <= moment])
        body.pop("id"), body.pop("correlation")
        assert body == views.internal_state(replayed)
    assert len(stages) > 1, "the life went somewhere"
    now = await register.get(f"/pilots/p?as_of={wire_moment(register.clock())}")
    now.pop("as_of")
    assert now == await register.get("/pilots/p")


async def test_the_list_as_of_a_moment_is_what_each_pilot_replayed_to_it_says(register: Register) -> None:
    rng = random.Random(11)
    pilots = [f"p{n}" for n in range(8)]
    for pilot in pilots:
        await random_life(register, pilot, rng)
    await register.settle()
    register.clock.forward(seconds=1)
    met = 0
    for moment in moments(register, pilots, rng, 25):
        replayed = {pilot: state for pilot in pilots if (state := register.replayed(pilot, moment)) is not None}
        for stage, sector, agency in (
            (None, None, None),
            (rng.choice([s.stage for s in replayed.values()] or [Stage.COUNCIL]), None, None),
            (None, rng.choice(["health", "ecology"]), "vedomstvo"),
            (
                rng.choice([s.stage for s in replayed.values()] or [Stage.COUNCIL]),
                rng.choice(["health", "ecology"]),
                None,
            ),
            (rng.choice(list(Stage)), None, "vedomstvo"),
            (None, None, "nobody"),
        ):
            asked = {"stage": stage, "sector": sector, "agency": agency}
            path = "".join(f"&{name}={value}" for name, value in asked.items() if value is not None)
            wanted = {
                pilot: (state.stage, state.application.sector)
                for pilot, state in replayed.items()
                if stage in (None, state.stage)
                and sector in (None, state.application.sector)
                and agency in (None, "vedomstvo")
            }
            rows = await every_page(register, f"/pilots?as_of={wire_moment(moment)}&limit=3{path}")
            assert {row["id"]: (row["stage"], row["sector"]) for row in rows} == wanted
            assert [row["entered"] for row in rows] == sorted((row["entered"] for row in rows), reverse=True)
            met += len(wanted)
    assert met > 100


async def test_at_the_moment_of_a_move_the_list_has_the_pilot_at_its_new_stage_alone(register: Register) -> None:
    await register.at_council("p")
    moved = register.clock()
    await register.do("p", "expediency-decision", SECRETARY, decision="expedient")
    for by, wanted in ((-1, ["council"]), (0, ["expedient"]), (1, ["expedient"])):
        then = wire_moment(moved + timedelta(milliseconds=by))
        listed = [
            stage
            for stage in ("look-over", "council", "expedient")
            if (await register.get(f"/pilots?as_of={then}&stage={stage}"))["items"]
        ]
        assert listed == wanted


async def every_page(register: Register, path: str) -> list[dict[str, Any]]:
    rows, after = list[dict[str, Any]](), ""
    while True:
        found = await register.get(f"{path}{after}")
        rows += found["items"]
        if found["next"] is None:
            return rows
        after = f"&after={found['next']}"


ASKED = [
    (stage, agency, sector)
    for stage in (None, "council", "withdrawn")
    for agency in (None, "a3")
    for sector in (None, "health")
]


async def test_the_list_as_of_a_moment_is_read_in_the_order_of_an_index_however_deep_the_page(
    register: Register,
) -> None:
    line = ["look-over", "expertise", "council", "expedient", "agreed", "running"]
    rng, rows = random.Random(1), []
    for n in range(3000):
        entered = BEGIN - timedelta(days=700) + timedelta(hours=4 * n)
        times = [entered + timedelta(days=20 * place) for place in range(rng.randint(1, len(line)))]
        sector = rng.choice(["health", "transport", "ecology"])
        stays = [
            {"stage": stage, "sector": sector, "since": wire_moment(since), "until": until and wire_moment(until)}
            for stage, since, until in zip(line, times, [*times[1:], None], strict=False)
        ]
        state = {"agency": f"a{n % 10}", "entered": wire_moment(entered), "history": stays, "stage": stays[-1]["stage"]}
        rows.append({"_id": f"p{n:05}", "kind": "pilot", "state": state})
    await register.store.put("subjects", rows)
    moment = BEGIN - timedelta(days=400)
    for asked_stage, agency, of in ASKED:
        query = queries.pilots_as_of(moment, asked_stage, agency, of, None)
        hint = queries.index_as_of(asked_stage, agency, of)
        deep = {**query, "state.entered": {"$gt": "", "$lte": wire_moment(BEGIN - timedelta(days=600))}}
        for where in (query, deep):
            find = {"find": "subjects", "filter": where, "sort": dict(queries.NEWEST), "limit": 51}
            asked = {**find, "hint": dict(hint)} if hint else find
            told = await register.store._db.command("explain", asked, verbosity="executionStats")
            assert {"SORT", "COLLSCAN"}.isdisjoint(stages_of(told["queryPlanner"]["winningPlan"])), (
                asked_stage,
                agency,
                of,
            )
            stats = told["executionStats"]
            assert stats["totalDocsExamined"] <= stats["nReturned"] * (6 if agency and of else 1)


def stages_of(plan: dict[str, Any]) -> set[str]:
    """The names of the stages of a plan of the database."""
    inner = [plan.get("inputStage"), plan.get("queryPlan"), *plan.get("inputStages", ())]
    return {str(plan.get("stage"))}.union(*(stages_of(one) for one in inner if one))


async def test_a_fact_whose_row_is_not_written_yet_is_remembered_all_the_same(register: Register) -> None:
    await register.at_council("p")
    assert await register.store.count("timeline", {}, 10) == 0, "nothing was sent, so no row was written"
    card = await register.get("/pilots/p")
    then = await register.get(f"/pilots/p?as_of={wire_moment(register.clock())}")
    then.pop("as_of")
    assert then == card
    await register.engine.outbox.flush()
    await register.do("p", "expediency-decision", SECRETARY, decision="expedient")
    assert (await register.get(f"/pilots/p?as_of={wire_moment(register.clock())}"))["stage"] == "expedient"


async def test_a_timeline_with_a_hole_is_never_taken_for_the_whole(register: Register) -> None:
    await register.at_council("p")
    await register.settle()
    await register.store.remove("timeline", ["p/" + "2".zfill(20)])
    answer = await register.ask("get", f"/pilots/p?as_of={wire_moment(register.clock())}")
    assert (answer.status_code, answer.json()["title"]) == (500, "timeline.torn")


@pytest.mark.parametrize(
    ("entered", "day", "there"),
    [
        (datetime(2026, 5, 1, 20, 59, 59, 999_000, UTC), "2026-05-01", True),
        (datetime(2026, 5, 1, 21, 0, tzinfo=UTC), "2026-05-01", False),
        (datetime(2026, 5, 1, 21, 0, tzinfo=UTC), "2026-05-02", True),
    ],
)
async def test_a_bare_day_means_its_end_in_minsk(register: Register, entered: datetime, day: str, there: bool) -> None:
    register.clock.time = entered
    await register.enter("p")
    await register.settle()
    register.clock.forward(days=3)
    assert (await register.ask("get", f"/pilots/p?as_of={day}")).status_code == (200 if there else 404)
    assert len((await register.get(f"/pilots?as_of={day}"))["items"]) == there


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("yesterday", "as-of.bad"),
        ("1777777777", "as-of.bad"),
        ("2026-02-30", "as-of.bad"),
        ("2026-03-01T10:00:00", "as-of.bad"),
        ("0001-01-01", "as-of.bad"),
        ("9999-12-31", "as-of.bad"),
        ("2026-03-03", "as-of.future"),
        ("2026-03-02T09:00:00.001Z", "as-of.future"),
    ],
)
async def test_a_moment_that_is_none_or_has_not_come_is_refused(register: Register, said: str, code: str) -> None:
    await register.enter("p")
    await register.settle()
    for path in (f"/pilots/p?as_of={said}", f"/pilots?as_of={said}"):
        answer = await register.ask("get", path)
        assert (answer.status_code, answer.json()["title"]) == (422, code)
    assert (await register.ask("get", "/pilots/p?as_of=2026-03-02")).status_code == 200, "today is known so far"


async def test_the_differences_of_all_pages_together_lead_from_nothing_to_the_card(register: Register) -> None:
    await random_life(register, "p", random.Random(3))
    await register.settle()
    whole = (await register.get("/pilots/p/timeline?diff=true&limit=200"))["items"]
    assert await every_page(register, "/pilots/p/timeline?diff=true&limit=4") == whole
    shown: dict[str, Any] = {}
    for item in whole:
        for name, change in item["changed"].items():
            if not isinstance(change["after"], list):
                assert change["before"] == shown.get(name)
                shown[name] = change["after"]
    card = await register.get("/pilots/p")
    assert {name: card[name] for name in shown} == shown
    assert shown["stage"] == card["stage"]
    assert all("changed" not in item for item in (await register.get("/pilots/p/timeline"))["items"])


any_fact = st.one_of([made(cls) for cls in REGISTRY.classes.values()])


@given(any_fact)
def test_a_row_of_the_timeline_holds_all_that_its_fact_says(fact: Any) -> None:
    rows = projection(Event("e", "registry", fact.TYPE, "p", NOW, 1, "c", {}, fact, fact.model_dump(mode="json")))
    for _, row in rows:
        assert memory.fact_of(json.loads(json.dumps(row))) == fact.model_copy(update={"cause": None})


def test_a_difference_shows_of_two_lists_what_the_other_does_not_have_and_is_bounded() -> None:
    was = {"same": 1, "stage": "a", "list": [1, 2, 3], "gone": "x"}
    now = {"same": 1, "stage": "b", "list": [1, 3, 4], "come": "y"}
    assert memory.difference(was, now) == {
        "stage": {"before": "a", "after": "b"},
        "list": {"before": [2], "after": [4]},
        "gone": {"before": "x", "after": None},
        "come": {"before": None, "after": "y"},
    }
    many = memory.difference({"list": []}, {"list": list(range(1000))})["list"]
    assert (len(many["after"]), many["cut"]) == (memory.MOST_ENTRIES, True)
    assert memory.difference({"text": "a"}, {"text": "я" * 30_000})["text"] == {
        "before": "a",
        "after": None,
        "cut": True,
    }
