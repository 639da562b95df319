"""Hooks of agencies on a real mongod: the order for each pilot, attempts, sending again, recovery, switching off,
replicas and crashes; the time is that of the test, and so is what receivers answer."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

import httpx
import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from contracts.event import wire_moment
from services.chassis.engine import Engine
from services.chassis.hooks import following
from services.chassis.hooks.delivering import Sender
from services.chassis.hooks.following import Follower
from services.chassis.hooks.rows import DELIVERIES, LINES, Item, every_hook
from services.chassis.hooks.schedule import Answer
from services.chassis.hooks.signing import Sealer
from services.chassis.jobs import Lost
from services.chassis.settings import Settings
from services.chassis.store import BY_ID, Store
from services.chassis.subject import Record
from services.chassis.web import make_app
from services.intake.api import make_router
from services.intake.domain.state import pilot_id
from services.intake.hooks import KIND, about
from services.intake.service import RULES
from services.intake.service import SERVICE as INTAKE
from tests.conftest import Eventually
from tests.integration.intake.conftest import Tokens
from tests.integration.intake.test_hidden import found
from tests.kit.engine.tiny import Broker, Clock
from tests.kit.intake.sides import PILOT, said, sent, submitted, withdrawn

KEY: Final = "a-key-of-tests-that-is-long-enough"
SETTINGS: Final = Settings(hook_key=SecretStr(KEY), hooks_of_owner=3, hook_within=5)
ADDRESS: Final = "https://hooks.example.test"
NEWER: Final = "pilots.agency.application-submitted.v3"
SECOND: Final = pilot_id("demo", "demo-2")


class Receivers:
    """What stands for the network: `answer` says what each address answers; `got` is what came where, in order."""

    def __init__(self) -> None:
        self.answer: Callable[[str, Mapping[str, Any]], Answer] = lambda _address, _message: Answer(204)
        self.got: list[tuple[str, str, Mapping[str, Any]]] = []
        self.secrets: dict[str, str] = {}
        self.meanwhile: Callable[[], Any] | None = None

    async def send(self, address: str, headers: Mapping[str, str], body: bytes) -> Answer:
        message = json.loads(body)
        self.got.append((address, headers["webhook-id"], message))
        if self.meanwhile is not None:
            await self.meanwhile()
        return self.answer(address, message)

    def outcomes(self, pilot: str = PILOT, address: str = ADDRESS) -> list[str]:
        """What was sent of a pilot."""
        return [one["data"]["outcome"] for to, _, one in self.got if (to, one["data"]["pilot"]) == (address, pilot)]


class Hooks:
    """Intake with its hooks: HTTP, the reader of its topic, and any number of senders."""

    def __init__(self, engine: Engine, store: Store, broker: Broker, clock: Clock) -> None:
        self.engine, self.store, self.broker, self.clock = engine, store, broker, clock
        self.receivers = Receivers()
        self.follower = Follower(KIND, store, SETTINGS, clock, lambda: None)
        self.sender = self.one_sender()
        self.app = make_app("Lotsman intake", Tokens(), engine, {}, SETTINGS)  # type: ignore[arg-type]
        self.app.include_router(make_router(RULES))
        self._read = 0

    def one_sender(self) -> Sender:
        """A replica's."""
        return Sender(KIND, self.store, SETTINGS, self.clock, self.receivers, Sealer(KEY), lambda: 0.0)

    async def ask(self, method: str, path: str, token: str = "publisher@demo=u-1", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://service") as client:
            return await client.request(method, f"/v1/hooks{path}", headers=headers, **more)

    async def registered(self, address: str = ADDRESS, token: str = "publisher@demo=u-1") -> str:
        answer = await self.ask("post", "", token, json={"address": address})
        assert answer.status_code == 201, answer.text
        self.receivers.secrets[address] = answer.json()["secret"]
        return str(answer.json()["id"])

    async def happens(self, *events: Mapping[str, Any] | Record) -> None:
        """These events come in, and what the topic says of them becomes deliveries."""
        for one in events:
            await self.engine.records([sent(one) if isinstance(one, Mapping) else one])
        await self.engine.outbox.flush()
        await self.follows()

    async def follows(self, anew: bool = False) -> None:
        """Reads the topic on, or `anew`, as after a crash."""
        hooks = await every_hook(self.store)
        beside = [*await KIND.beside(self.store, ["demo"], wire_moment(hooks[0].since))] if hooks else []
        await self.follower.deliver(hooks, await self.follower._placed(hooks, beside))
        values = [one.value for one in self.broker.log if one.topic == KIND.topic]
        for place, value in enumerate(values):
            if (anew or place >= self._read) and (item := about(value)) is not None:
                at_place = Item(item.id, item.pilot, item.owner, item.at, place)
                await self.follower.deliver(hooks, [at_place])
        self._read = len(values)

    async def turn(self, sender: Sender | None = None, **later: float) -> None:
        """All that can be sent, so much later, is."""
        self.clock.forward(**later)
        one = sender or self.sender
        while await one.turn() == 0.0:
            await one.idle()

    async def listed(self, hook: str, query: str = "") -> list[Any]:
        answer = await self.ask("get", f"/{hook}/deliveries?limit=200{query}")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])


@pytest.fixture
async def hooks(engine: Engine, store: Store, broker: Broker, clock: Clock) -> Hooks:
    await store.prepare(INTAKE.indexes)
    return Hooks(engine, store, broker, clock)


async def test_an_agencys_receipts_go_to_its_hooks_alone_signed_and_each_attempt_is_seen(hooks: Hooks) -> None:
    await hooks.happens(submitted(7))
    hook = await hooks.registered()
    await hooks.registered(f"{ADDRESS}/evil", "publisher@evil=u-9")
    hooks.clock.forward(seconds=1)
    await hooks.happens(submitted(1), withdrawn("w-1"))
    hooks.receivers.answer = lambda _address, _message: Answer(503, None, "later")
    await hooks.turn()
    assert hooks.receivers.outcomes() == ["registered"], "what follows waits behind it; what was before is not sent"
    second, first = sorted(await hooks.listed(hook), key=lambda one: one["tries"])  # both are of one moment
    assert (first["state"], first["tries"], first["last"]["status"], first["last"]["answer"]) == (
        "waiting",
        1,
        503,
        "later",
    )
    assert (second["state"], second["tries"], second["last"]) == ("waiting", 0, None)
    await hooks.turn(seconds=4)
    assert len(hooks.receivers.got) == 1, "not before the pause is over"
    hooks.receivers.answer = lambda _address, _message: Answer(200)
    await hooks.turn(seconds=1)
    assert hooks.receivers.outcomes() == ["registered", "registered", "withdrawn"]
    assert {to for to, _, _ in hooks.receivers.got} == {ADDRESS}, "nothing of one agency goes to another"
    ids = [id_ for _, id_, _ in hooks.receivers.got]
    assert ids[0] == ids[1] != ids[2], "one id for every attempt"
    one = (await hooks.ask("get", f"/{hook}/deliveries/{ids[0]}")).json()
    assert [attempt["status"] for attempt in one["attempts"]] == [503, 200] and one["state"] == "sent"
    message = hooks.receivers.got[-1][2]
    told = hooks.broker.events("pilots.receipts.demo.v1")[-1]
    assert (message["data"], message["timestamp"]) == (told["data"], told["time"]), "word for word as in the topic"
    assert (await hooks.listed(hook, "&state=waiting"), len(await hooks.listed(hook, "&state=sent"))) == ([], 2)
    for path in (f"/{hook}", f"/{hook}/deliveries", f"/{hook}/deliveries/{ids[0]}"):
        assert (await hooks.ask("get", path, "publisher@evil=u-9")).status_code == 404
        assert (await hooks.ask("get", path, "admin=u-5")).status_code == 200


async def test_a_dead_pilot_or_receiver_holds_up_nobody_else_and_after_the_schedule_its_next_goes(hooks: Hooks) -> None:
    hook, dead = await hooks.registered(), await hooks.registered(f"{ADDRESS}/dead")
    await hooks.happens(submitted(1), submitted(2), withdrawn("w-1"), withdrawn("w-2", SECOND))

    def answer(address: str, message: Mapping[str, Any]) -> Answer:
        refuses = address != ADDRESS or message["data"]["outcome"] == "registered" and message["data"]["pilot"] == PILOT
        return Answer(500) if refuses else Answer(204)

    hooks.receivers.answer = answer
    await hooks.turn()
    assert hooks.receivers.outcomes(SECOND) == ["registered", "withdrawn"]
    assert hooks.receivers.outcomes() == ["registered"]
    for pause in SETTINGS.hook_pauses:
        await hooks.turn(seconds=pause)
    assert hooks.receivers.outcomes() == ["registered"] * 8 + ["withdrawn"], "given up, and the next one goes"
    states = {(one["pilot"], one["state"], one["tries"]) for one in await hooks.listed(hook)}
    assert (PILOT, "failed", 8) in states and len(states) == 3
    card = (await hooks.ask("get", f"/{dead}")).json()
    assert card["failing_since"] and card["off"] is None
    assert (await hooks.ask("post", f"/{dead}/on")).json() == card, "one that is on fails since it did"
    await hooks.turn(hours=120)
    await hooks.turn(hours=120)
    card = (await hooks.ask("get", f"/{dead}")).json()
    assert card["off"]["why"] == "failing" and f"{ADDRESS}/dead" in card["off"]["en"]
    assert all(card["off"][language] for language in ("ru", "be"))
    [told] = (await hooks.ask("get", "/notices")).json()["items"]
    assert (told["hook"], told["why"], told["en"]) == (dead, "failing", card["off"]["en"])
    assert (await hooks.ask("get", "/notices", "admin=u-5")).json()["items"] == [told]
    assert (await hooks.ask("get", "/notices", "publisher@evil=u-9")).json()["items"] == []
    count = len(hooks.receivers.got)
    await hooks.happens(submitted(3))
    await hooks.turn()
    assert [to for to, _, _ in hooks.receivers.got[count:]] == [ADDRESS], "nothing goes where it is off"
    hooks.receivers.answer = lambda _address, _message: Answer(204)
    await hooks.ask("post", f"/{dead}/on")
    await hooks.turn()
    assert len((await hooks.ask("get", "/notices")).json()["items"]) == 1, "it stays"
    assert hooks.receivers.outcomes(pilot_id("demo", "demo-3"), f"{ADDRESS}/dead") == ["registered"], "it waited"


PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 10)),
)


async def test_it_is_tried_again_after_each_pause_to_the_second_and_every_attempt_is_shown(hooks: Hooks) -> None:
    hook = await hooks.registered()
    hooks.receivers.answer = lambda _address, _message: Answer(503, None, f"try {len(hooks.receivers.got)}")
    await hooks.happens(submitted(1))
    made = [hooks.clock()]
    await hooks.turn()
    for tries, pause in enumerate(PAUSES, 1):
        [one] = await hooks.listed(hook)
        assert (one["state"], one["tries"]) == ("waiting", tries)
        assert datetime.fromisoformat(one["next_at"]) == made[-1] + pause
        await hooks.turn(seconds=pause.total_seconds() - 1)
        assert len(hooks.receivers.got) == tries, f"not a second before {pause} are over"
        await hooks.turn(seconds=1)
        assert len(hooks.receivers.got) == tries + 1
        made.append(hooks.clock())
    [one] = await hooks.listed(hook)
    assert (one["state"], one["tries"], one["next_at"]) == ("failed", 8, None)
    await hooks.turn(hours=24)
    assert len(hooks.receivers.got) == 8, "it is given up"
    attempts = (await hooks.ask("get", f"/{hook}/deliveries/{one['id']}")).json()["attempts"]
    assert [datetime.fromisoformat(each["at"]) for each in attempts] == made
    assert [(each["status"], each["answer"]) for each in attempts] == [(503, f"try {n}") for n in range(1, 9)]


async def test_after_120_hours_without_one_success_it_is_switched_off_with_a_notice(hooks: Hooks) -> None:
    hook, began = await hooks.registered(), hooks.clock()

    async def tried(number: int, since: timedelta) -> Any:
        """The hook's card after the first attempt of another message, so long after the first one."""
        hooks.clock.forward(seconds=(began + since - hooks.clock()).total_seconds())
        await hooks.happens(submitted(number))
        await hooks.turn()
        return (await hooks.ask("get", f"/{hook}")).json()

    hooks.receivers.answer = lambda _address, _message: Answer(500)
    assert datetime.fromisoformat((await tried(1, timedelta(0)))["failing_since"]) == began
    assert (await tried(2, timedelta(hours=120, seconds=-1)))["off"] is None
    assert (await hooks.ask("get", "/notices")).json()["items"] == []
    off = (await tried(3, timedelta(hours=120)))["off"]
    assert off["why"] == "failing" and datetime.fromisoformat(off["at"]) == began + timedelta(hours=120)
    [notice] = (await hooks.ask("get", "/notices")).json()["items"]
    assert (notice["hook"], notice["address"]) == (hook, ADDRESS)
    said_ = {notice[language] for language in ("ru", "be", "en")}
    assert len(said_) == 3 and all(ADDRESS in one and wire_moment(began) in one for one in said_)
    count = len(hooks.receivers.got)
    await tried(4, timedelta(hours=240))
    assert len(hooks.receivers.got) == count, "nothing goes where it is off"


async def test_one_success_and_the_120_hours_begin_anew(hooks: Hooks) -> None:
    hook = await hooks.registered()
    statuses = list[int]()
    hooks.receivers.answer = lambda _address, _message: Answer(statuses[-1])
    for number, (hours, status) in enumerate([(0, 500), (119, 204), (2, 500), (119, 500), (1, 500)], 1):
        hooks.clock.forward(hours=hours)
        statuses.append(status)
        await hooks.happens(submitted(number))
        await hooks.turn()
        card = (await hooks.ask("get", f"/{hook}")).json()
        assert (card["off"] is not None) is (number == 5), number


async def test_of_what_was_given_up_that_of_the_time_alone_is_recovered(hooks: Hooks) -> None:
    hook, moments = await hooks.registered(), list[str]()
    hooks.receivers.answer = lambda _address, _message: Answer(500)
    for number in (1, 2, 3):
        moments.append(wire_moment(hooks.clock()))
        await hooks.happens(submitted(number))
        await hooks.turn()
        hooks.clock.forward(minutes=1)
    for pause in PAUSES:
        await hooks.turn(seconds=pause.total_seconds())
    assert {one["state"] for one in await hooks.listed(hook)} == {"failed"}
    hooks.receivers.answer = lambda _address, _message: Answer(204)
    hooks.receivers.got.clear()
    span = {"since": moments[1], "until": moments[2]}
    assert (await hooks.ask("post", f"/{hook}/recovery", json=span)).json()["messages"] == 1
    await hooks.turn()
    assert [one["data"]["pilot"] for _, _, one in hooks.receivers.got] == [SECOND], "from since on, to before until"


async def test_again_one_by_one_or_what_was_missed_of_a_time_under_the_same_ids(hooks: Hooks) -> None:
    hook = await hooks.registered()
    began = hooks.clock()
    await hooks.happens(submitted(1))
    await hooks.turn()
    [sent_] = await hooks.listed(hook)
    assert (await hooks.ask("post", f"/{hook}/deliveries/{sent_['id']}/again")).json()["messages"] == 1
    await hooks.turn()
    assert len({id_ for _, id_, _ in hooks.receivers.got}) == 1 and len(hooks.receivers.got) == 2
    hooks.clock.forward(minutes=1)
    hooks.receivers.answer = lambda _address, _message: Answer(500)
    await hooks.happens(withdrawn("w-1"))
    await hooks.turn()
    for pause in SETTINGS.hook_pauses:
        await hooks.turn(seconds=pause)
    hooks.receivers.answer = lambda _address, _message: Answer(204)
    hooks.receivers.got.clear()

    async def recovered(**span: Any) -> int:
        said_ = {"since": wire_moment(began), **span}
        answer = await hooks.ask("post", f"/{hook}/recovery", json=said_)
        assert answer.status_code == 200, answer.text
        await hooks.turn()
        return int(answer.json()["messages"])

    assert await recovered(until=wire_moment(began + timedelta(seconds=30))) == 0, "of that time nothing was missed"
    assert await recovered() == 1 and hooks.receivers.outcomes() == ["withdrawn"]
    assert await recovered() == 0
    assert await recovered(all=True) == 2 and hooks.receivers.outcomes()[1:] == ["registered", "withdrawn"], "in order"
    assert (
        await hooks.ask("post", f"/{hook}/recovery", "publisher@evil", json={"since": wire_moment(began)})
    ).status_code == 404


async def test_what_was_told_before_the_registration_is_recovered_each_pilots_in_order(hooks: Hooks) -> None:
    began = hooks.clock()
    await hooks.happens(submitted(1), submitted(2), withdrawn("w-1"), {**submitted(5), "type": NEWER})
    hooks.clock.forward(hours=1)
    hook = await hooks.registered()
    await hooks.happens(withdrawn("w-2", SECOND))
    hooks.receivers.answer = lambda _address, _message: Answer(503)
    await hooks.turn()

    async def recovered(**span: Any) -> Any:
        answer = await hooks.ask("post", f"/{hook}/recovery", json={"since": wire_moment(began), **span})
        await hooks.turn()
        return answer.json()

    assert await recovered(until=wire_moment(began)) == {"messages": 0, "next": None}
    hooks.receivers.answer = lambda _address, _message: Answer(204)
    hooks.receivers.got.clear()
    assert await recovered() == {"messages": 4, "next": None}
    assert hooks.receivers.outcomes() == ["registered", "withdrawn"]
    assert hooks.receivers.outcomes(SECOND) == ["registered", "withdrawn"], "before what came since"
    assert hooks.receivers.outcomes(pilot_id("demo", "demo-5")) == ["parked"]
    assert await recovered() == {"messages": 0, "next": None}, "what was taken is not missed"
    hooks.clock.forward(seconds=1)
    assert (await recovered(all=True))["messages"] == 5
    newest_first = [one["at"] for one in await hooks.listed(hook)]
    assert newest_first == sorted(newest_first, reverse=True)


async def test_gone_switches_off_at_once_and_by_hand_too(hooks: Hooks) -> None:
    hook = await hooks.registered()
    hooks.receivers.answer = lambda _address, _message: Answer(410)
    await hooks.happens(submitted(1), submitted(2))
    await hooks.turn()
    card = (await hooks.ask("get", f"/{hook}")).json()
    assert card["off"]["why"] == "gone"
    assert (await hooks.ask("get", "", "admin=u-5")).json()["items"] == [card]
    assert (await hooks.ask("post", f"/{hook}/on")).json()["off"] is None
    assert (await hooks.ask("post", f"/{hook}/off", "admin=u-5")).json()["off"]["why"] == "by-hand"
    count = len(hooks.receivers.got)
    await hooks.turn(hours=1)
    assert len(hooks.receivers.got) == count
    assert (await hooks.ask("delete", f"/{hook}")).status_code == 204
    assert (await hooks.ask("get", f"/{hook}")).status_code == 404
    assert not await hooks.store.rows(DELIVERIES, {}, sort=BY_ID, limit=1)


async def test_replicas_send_once_and_after_a_crash_it_goes_again_under_the_same_id(hooks: Hooks) -> None:
    await hooks.registered()
    await hooks.happens(*(submitted(n) for n in range(1, 9)))
    first, second = hooks.one_sender(), hooks.one_sender()
    for _ in range(20):
        await asyncio.gather(first.turn(), second.turn())
        await first.idle()
        await second.idle()
    assert len(hooks.receivers.got) == len({id_ for _, id_, _ in hooks.receivers.got}) == 8
    await hooks.follows(anew=True)
    await hooks.turn()
    assert len(hooks.receivers.got) == 8, "what is read once more is the same"

    killed = hooks.one_sender()
    reached, never = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        reached.set()
        await never.wait()

    await hooks.happens(withdrawn("w-1"))
    hooks.receivers.meanwhile = hang
    await killed.turn()
    await reached.wait()
    for task in killed._going.values():  # as SIGKILL does: nothing is written any more
        task.cancel()
    await asyncio.gather(*killed._going.values(), return_exceptions=True)
    hooks.receivers.meanwhile = None
    await hooks.turn()
    assert hooks.receivers.outcomes() == ["registered", "withdrawn"], "somebody may still have it"
    await hooks.turn(seconds=SETTINGS.hook_within + 11)
    assert hooks.receivers.outcomes() == ["registered", "withdrawn", "withdrawn"]
    assert len({id_ for _, id_, _ in hooks.receivers.got}) == 9


async def test_receivers_that_hang_and_are_not_known_to_fail_hold_up_no_other_agencys(
    hooks: Hooks, eventually: Eventually
) -> None:
    hang, held = asyncio.Event(), list[str]()

    class Hanging(Receivers):
        async def send(self, address: str, headers: Mapping[str, str], body: bytes) -> Answer:
            if "slow" in address:
                held.append(address)
                await hang.wait()
            return await super().send(address, headers, body)

    hooks.receivers = Hanging()
    sender = hooks.one_sender()
    for n in range(3):
        await hooks.registered(f"https://slow-{n}.example.test")
    await hooks.happens(*(submitted(n) for n in range(1, 13)))
    await sender.turn()
    await eventually(lambda: len(held) == 7)  # of the quarter that an owner has one is left for a hook without any
    await hooks.registered(ADDRESS, "publisher@evil=u-2")
    await hooks.happens(sent(submitted(1, agency="evil"), "evil"))
    await sender.turn()
    await eventually(lambda: hooks.receivers.got)
    assert [address for address, _, _ in hooks.receivers.got] == [ADDRESS]
    hang.set()
    await sender.idle()


async def test_what_comes_while_a_line_is_left_is_not_forgotten(hooks: Hooks) -> None:
    hook = await hooks.registered()
    await hooks.happens(submitted(1))
    came = list[bool]()

    async def more() -> None:
        if not came:
            came.append(True)
            await hooks.happens(withdrawn("w-1"))

    hooks.receivers.meanwhile = more
    await hooks.turn()
    assert hooks.receivers.outcomes() == ["registered", "withdrawn"]
    [line] = await hooks.store.rows(LINES, {"hook": hook}, sort=BY_ID, limit=9)
    assert line["by"] is None and line["until"].year == 9000, "an empty line is left alone"


class WhileItIsWaitedFor:
    """The reader of a topic; while it is waited for its first records, `meanwhile` happens. Then another has the
    lease."""

    def __init__(self, hooks: Hooks, meanwhile: Callable[[], Any]) -> None:
        self._hooks, self._meanwhile, self._polled = hooks, meanwhile, False

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def since(self, _moment: datetime) -> dict[int, int]:
        return {}

    def place(self, _offsets: Mapping[int, int]) -> None: ...

    def taken(self) -> dict[int, int]:
        return {}

    async def poll(self, _most: int) -> dict[int, list[Any]]:
        if self._polled:
            raise Lost
        self._polled = True
        await self._meanwhile()
        values = [one.value for one in self._hooks.broker.log if one.topic == KIND.topic]
        return {0: [SimpleNamespace(value=value, offset=place) for place, value in enumerate(values)]}


async def test_who_registers_while_records_are_waited_for_is_told_of_these(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "https://other.example.test"

    async def meanwhile() -> None:
        await hooks.registered(other)
        await hooks.engine.records([sent(submitted(1))])
        await hooks.engine.outbox.flush()

    await hooks.registered()
    monkeypatch.setattr(following, "_reader", lambda *_: WhileItIsWaitedFor(hooks, meanwhile))
    with pytest.raises(Lost):
        await hooks.follower._follow()
    await hooks.turn()
    assert hooks.receivers.outcomes() == hooks.receivers.outcomes(address=other) == ["registered"]


async def test_a_parked_event_is_told_in_its_place_and_what_is_hidden_is_not_sent(hooks: Hooks) -> None:
    hook = await hooks.registered()
    newer = {**submitted(5), "type": NEWER}
    await hooks.happens(newer, submitted(1))
    await hooks.engine.records([said(found("u-1"), 1)])
    await hooks.turn()
    assert [one["data"]["outcome"] for _, _, one in hooks.receivers.got] == ["parked"]
    shown = await hooks.listed(hook)
    assert [one["pilot"] for one in shown] == [pilot_id("demo", "demo-5")], "and it is not told of either"
    rows = await hooks.store.rows(DELIVERIES, {"state": "hidden"}, sort=BY_ID, limit=9)
    assert [row["pilot"] for row in rows] == [PILOT]
    assert (await hooks.ask("get", f"/{hook}/deliveries/{rows[0]['_id']}")).status_code == 404


async def test_registering_and_a_new_secret(hooks: Hooks) -> None:
    hook = await hooks.registered()
    kept = await hooks.store.get("hooks", hook)
    first = hooks.receivers.secrets[ADDRESS]
    assert kept is not None and first not in json.dumps(kept, default=str)
    card = (await hooks.ask("get", f"/{hook}")).json()
    assert "secret" not in card and (card["owner"], card["by"], card["signing"]) == ("demo", "u-1", 1)
    second = (await hooks.ask("post", f"/{hook}/secret")).json()["secret"]
    assert (await hooks.ask("get", f"/{hook}")).json()["signing"] == 2

    async def signing() -> set[str]:
        """Which secrets sign now, as the public library finds."""
        one = next(iter(await every_hook(hooks.store)))
        sealer = Sealer(KEY)
        return {sealer.open(sealed) for sealed in one.sealed(hooks.clock())}

    assert await signing() == {first, second}
    assert Webhook(second).sign("msg", hooks.clock(), "{}") != Webhook(first).sign("msg", hooks.clock(), "{}")
    third = (await hooks.ask("post", f"/{hook}/secret")).json()["secret"]
    assert await signing() == {second, third}, "two at most"
    hooks.clock.forward(hours=25)
    assert await signing() == {third}
    assert (await hooks.ask("get", f"/{hook}")).json()["signing"] == 1
    for said_, status, rule in [
        ({"address": ADDRESS}, 409, "webhook.known"),
        ({"address": "http://hooks.example.test/"}, 422, "webhook.https"),
        ({"address": "https://10.0.0.1/"}, 422, "webhook.private"),
        ({"address": "https://hooks.example.test/", "secret": "whsec_x"}, 422, "request.invalid"),
    ]:
        answer = await hooks.ask("post", "", json=said_)
        assert (answer.status_code, answer.json()["title"]) == (status, rule)
    for n in range(2):
        await hooks.registered(f"{ADDRESS}/{n}")
    answer = await hooks.ask("post", "", json={"address": f"{ADDRESS}/9"})
    assert (answer.status_code, answer.json()["title"]) == (409, "webhook.too-many")
    hooks.app.state.settings = Settings()
    answer = await hooks.ask("post", "", json={"address": f"{ADDRESS}/9"})
    assert (answer.status_code, answer.json()["title"]) == (503, "webhook.no-key")


async def test_an_agency_that_is_cut_off_is_sent_nothing_until_it_is_let_in_again(hooks: Hooks) -> None:
    await hooks.registered()
    await hooks.happens(submitted(1))
    await hooks.store.mark("subjects", {"_id": "agency:demo"}, {"state.disabled": wire_moment(hooks.clock())})
    await hooks.turn()
    assert hooks.receivers.got == []
    await hooks.store.mark("subjects", {"_id": "agency:demo"}, {"state.disabled": None})
    await hooks.turn()
    assert hooks.receivers.outcomes() == ["registered"]


async def test_what_is_old_goes(hooks: Hooks) -> None:
    await hooks.registered()
    await hooks.happens(submitted(1))
    await hooks.sender.tidy()
    assert len(await hooks.store.rows(DELIVERIES, {}, sort=BY_ID, limit=9)) == 1
    hooks.clock.forward(days=30)
    await hooks.sender.tidy()
    assert not await hooks.store.rows(DELIVERIES, {}, sort=BY_ID, limit=9)
