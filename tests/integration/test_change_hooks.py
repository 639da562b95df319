"""The register's changes sent to hooks on a real mongod: to another system all of them, to an agency what it sees, as
long as it has the right to that; the time is that of the test, and so is what receivers answer."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import httpx
import pytest
from pydantic import SecretStr

from contracts.event import wire_moment
from contracts.intake import AgencyDisabledV1, AgencyEnabledV1, AgencyFact, AgencyKeyIssuedV1, AgencyKeyRevokedV1
from services.chassis.directory import digest_of
from services.chassis.hooks.delivering import Sender
from services.chassis.hooks.following import Follower
from services.chassis.hooks.rows import DELIVERIES, every_hook
from services.chassis.hooks.schedule import Answer
from services.chassis.hooks.signing import Sealer
from services.chassis.settings import Settings
from services.chassis.sight import Sight
from services.chassis.store import BY_ID, Store
from services.registry import sight
from services.registry.domain.agencies import NoteAgency
from services.registry.handlers import TIMELINE
from services.registry.hooks import KIND, about
from services.registry.service import SERVICE, directory
from tests.kit.common import SOMEBODY
from tests.kit.people import Person
from tests.kit.registry.http import BEGIN, SECRETARY, TOPIC, Register

SEAL: Final = "a-key-of-tests-that-is-long-enough"
SETTINGS: Final = Settings(hook_key=SecretStr(SEAL))
ADDRESS: Final = "https://hooks.example.test"
CODE: Final = "vedomstvo"
KEY, OTHERS_KEY, READING_KEY = (f"lotsman_{n}_key" for n in range(3))
SYSTEM: Final = Person("s-1", ("subscriber",), CODE)
"""Another system, whose tokens name an organisation that is called as the agency is."""


class Changes:
    """The register with its hooks: HTTP with keys and tokens, the reader of its topic, and a sender."""

    def __init__(self, register: Register) -> None:
        self.register, self.store, self.clock = register, register.store, register.clock
        register.app.state.settings = SETTINGS
        register.app.state.agencies = directory(self.store, self.clock, SETTINGS)
        self.follower = Follower(KIND, self.store, SETTINGS, self.clock, lambda: None)
        self.sender = Sender(KIND, self.store, SETTINGS, self.clock, self, Sealer(SEAL), lambda: 0.0)
        self.got: list[tuple[str, str, Mapping[str, Any]]] = []
        self._read = 0

    async def send(self, address: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Stands for the network: everything is taken."""
        self.got.append((address, headers["webhook-id"], json.loads(body)))
        return Answer(204)

    async def ask(self, bearer: str, method: str, path: str = "", body: object = None) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.register.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            headers = {"Authorization": f"Bearer {bearer}"}
            return await client.request(method, f"/v1/hooks{path}", headers=headers, json=body)

    async def registered(self, bearer: str, name: str) -> str:
        answer = await self.ask(bearer, "post", "", {"address": f"{ADDRESS}/{name}"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def noted(self, *facts: AgencyFact) -> None:
        """The register hears this of intake's directory."""
        for fact in facts:
            await self.register.say(f"agency:{fact.code}", NoteAgency(fact))
        self.register.app.state.agencies.forget()

    async def goes_out(self) -> None:
        """What was recorded is sent, as far as it can be."""
        await self.register.settle()
        values = [one.value for one in self.register.broker.log if one.topic == TOPIC]
        fresh, self._read = values[self._read :], len(values)
        items = [replace(item, order=n) for n, one in enumerate(fresh, self._read) if (item := about(one))]
        await self.follower.deliver(await every_hook(self.store), items)
        while await self.sender.turn() == 0.0:
            await self.sender.idle()

    def of(self, name: str, pilot: str | None = None) -> list[Mapping[str, Any]]:
        """What came to an address."""
        told = [one for to, _, one in self.got if to == f"{ADDRESS}/{name}"]
        return [one for one in told if pilot in (None, one["data"]["subject"])]

    async def expected(self, pilot: str) -> list[dict[str, Any]]:
        """What the change feed tells the agency of a pilot."""
        rows = await self.store.rows(TIMELINE, {"pilot": pilot}, sort=BY_ID, limit=200)
        return await sight.told(self.store, Sight("key:1", CODE, hidden=frozenset()), rows)


def key(bearer: str, *scopes: str, code: str = CODE, id_: str = "") -> AgencyKeyIssuedV1:
    told: dict[str, Any] = {"label": "К", "scopes": scopes, "digest": digest_of(bearer), "key": id_ or bearer}
    return AgencyKeyIssuedV1(actor=SOMEBODY, code=code, at=BEGIN, **told)


@pytest.fixture
async def changes(store: Store, register: Register) -> Changes:
    await store.prepare(SERVICE.indexes)
    made = Changes(register)
    await made.noted(key(KEY, "changes"), key(READING_KEY, "register", "webhooks"))
    await made.noted(key(OTHERS_KEY, "changes", code="other"))
    return made


async def test_an_agency_is_sent_what_it_sees_and_no_list_tells_of_the_rest(changes: Changes) -> None:
    register = changes.register
    hook, system = await changes.registered(KEY, "agency"), await changes.registered(SYSTEM.token, "system")
    await register.enter("mine")
    await register.enter("theirs", agency="other")
    await changes.goes_out()
    assert changes.of("agency", "mine") and changes.of("system", "theirs")
    assert changes.of("agency", "theirs") == [], "nothing of it is public yet"
    assert {one["data"]["number"] for one in changes.of("agency", "mine")} == {"N-mine"}
    for pilot in ("mine", "theirs"):
        await register.concluded(pilot)
        await changes.goes_out()
        await register.do(pilot, "expediency-decision", SECRETARY, decision="expedient")
        await changes.goes_out()
    told = {pilot: [one["data"] for one in changes.of("agency", pilot)] for pilot in ("mine", "theirs")}
    feed = {pilot: await changes.expected(pilot) for pilot in told}
    assert sorted(one["event"] for one in told["mine"]) == sorted(one["event"] for one in feed["mine"])
    assert {one["event"] for one in told["theirs"]} < {one["event"] for one in feed["theirs"]}, "since it is public"
    assert told["theirs"] and all("actor" not in one and "time" not in one for one in told["theirs"])
    assert all("actor" in one and "sequence" not in one for one in told["mine"])
    of_all = await changes.store.rows(TIMELINE, {}, sort=BY_ID, limit=200)
    assert len(changes.of("system")) == len(of_all) > len(told["mine"] + told["theirs"])
    listed = (await changes.ask(KEY, "get", f"/{hook}/deliveries?limit=200")).json()["items"]
    assert {one["item"] for one in listed} == {one["event"] for one in told["mine"] + told["theirs"]}
    assert {one["state"] for one in listed} == {"sent"}
    kept = await changes.store.rows(DELIVERIES, {"hook": hook}, sort=BY_ID, limit=200)
    assert len(kept) == len(listed), "nothing is made of what it may not see"
    assert (await changes.ask(SYSTEM.token, "get", f"/{system}/deliveries")).json()["items"][0]["item"] in {
        row["_id"] for row in of_all
    }


async def test_what_was_recorded_before_the_registration_is_recovered_as_far_as_the_agency_sees_it(
    changes: Changes,
) -> None:
    for pilot, agency in (("mine", CODE), ("theirs", "other"), ("hidden", "other")):
        await changes.register.enter(pilot, agency=agency)
    await changes.register.concluded("theirs")
    await changes.goes_out()
    changes.clock.forward(hours=1)
    hook = await changes.registered(KEY, "agency")
    answer = await changes.ask(KEY, "post", f"/{hook}/recovery", {"since": wire_moment(BEGIN)})
    feed = {pilot: await changes.expected(pilot) for pilot in ("mine", "theirs", "hidden")}
    assert feed["mine"] and feed["theirs"] and not feed["hidden"]
    assert answer.json()["messages"] == len(feed["mine"]) + len(feed["theirs"]), "and of no more it is told that it is"
    await changes.goes_out()
    for pilot, expected in feed.items():
        assert [one["data"]["event"] for one in changes.of("agency", pilot)] == [one["event"] for one in expected]


async def test_who_has_lost_the_right_is_sent_nothing_until_it_has_it_again(changes: Changes) -> None:
    hook = await changes.registered(KEY, "agency")
    await changes.noted(AgencyKeyRevokedV1(actor=SOMEBODY, code=CODE, key=KEY, why="Проба.", at=BEGIN))
    await changes.register.enter("mine")
    await changes.goes_out()
    assert changes.got == [], "a key that reads the register gives no right to that"
    assert (await changes.ask(KEY, "get", f"/{hook}")).status_code == 401
    refused = await changes.ask(READING_KEY, "get", f"/{hook}")
    assert (refused.status_code, refused.json()["title"]) == (403, "key.scope")
    await changes.noted(key("lotsman_9_new", "changes", id_="new"))
    assert (await changes.ask("lotsman_9_new", "get", f"/{hook}")).status_code == 200, "the hooks are the agency's"
    await changes.noted(AgencyDisabledV1(actor=SOMEBODY, code=CODE, why="Проба.", at=BEGIN))
    await changes.goes_out()
    assert changes.got == []
    await changes.noted(AgencyEnabledV1(actor=SOMEBODY, code=CODE, why="Проба.", at=BEGIN))
    await changes.goes_out()
    assert [one["data"]["subject"] for one in changes.of("agency")] == ["mine"] * len(await changes.expected("mine"))


async def test_no_other_agency_nor_a_system_of_the_same_name_has_an_agencys_hooks(changes: Changes) -> None:
    hook, system = await changes.registered(KEY, "agency"), await changes.registered(SYSTEM.token, "system")
    card = (await changes.ask(KEY, "get", f"/{hook}")).json()
    assert (card["owner"], card["by"]) == (f"agency:{CODE}", f"key:{KEY}")
    for bearer, other in ((KEY, system), (OTHERS_KEY, hook), (SYSTEM.token, hook)):
        for method, path in (
            ("get", ""),
            ("get", "/deliveries"),
            ("post", "/secret"),
            ("post", "/off"),
            ("delete", ""),
        ):
            assert (await changes.ask(bearer, method, f"/{other}{path}")).status_code == 404
    assert [one["id"] for one in (await changes.ask(KEY, "get")).json()["items"]] == [hook]
    publisher = Person("u-1", ("publisher",), CODE)
    refused = await changes.ask(publisher.token, "get")
    assert (refused.status_code, refused.json()["title"]) == (403, "auth.role")
    admin = Person("u-5", ("admin",))
    assert len((await changes.ask(admin.token, "get")).json()["items"]) == 2
    assert (await changes.ask(KEY, "post", f"/{hook}/off")).json()["off"]["why"] == "by-hand"
    assert (await changes.ask(KEY, "post", f"/{hook}/secret")).status_code == 200
    assert (await changes.ask(KEY, "delete", f"/{hook}")).status_code == 204
