"""The examples that agencies begin with, run as they are: from the event to the answer and the council's decision, by
Kafka alone with nothing of ours but the installed contracts, and by HTTP alone with curl."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from contracts.agency import ApplicationSubmittedV2, ApplicationWithdrawnV1
from contracts.reference import Role
from contracts.topics import EXPERTISE, INTAKE
from deploy.cli.desk import Desk
from deploy.cli.expertise_job import ask_applicant, found, seat
from deploy.cli.main_job import application
from deploy.cli.officials import decided
from deploy.cli.register_job import event
from deploy.local.home import ROOT
from deploy.local.stack import Stack
from tests.conftest import Eventually
from tests.contract.test_installed_alone import NEEDED, copied, only
from tests.e2e.conftest import kill
from tests.kit.receiver import Receiver, receiving

pytestmark = [pytest.mark.timeout(240)]
V2 = ApplicationSubmittedV2.TYPE
WITH_KAFKA = (*NEEDED, "aiokafka", "async_timeout", "packaging", "tzdata")
Program = Callable[[str], "subprocess.Popen[str]"]


def started(command: list[str], env: dict[str, str]) -> "subprocess.Popen[str]":
    whole = {**os.environ, **env}
    return subprocess.Popen(command, env=whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def by_kafka(stack: Stack, desk: Desk, tmp_path: Path) -> Program:
    """`examples/publish.py`, with the installed contracts and aiokafka."""
    present = [name for name in WITH_KAFKA if find_spec(name)]
    path = os.pathsep.join([str(copied(tmp_path)), str(only(*present, folder=tmp_path / "needed"))])

    def start(agency: str) -> "subprocess.Popen[str]":
        login = desk.logins[agency]
        env = {"PYTHONPATH": path, "LOTSMAN_KAFKA_URL": login.bootstrap, "LOTSMAN_KAFKA_PASSWORD": login.password or ""}
        return started([sys.executable, "-S", str(ROOT / "examples" / "publish.py"), agency, "--id", "our-1"], env)

    return start


@pytest.fixture
def by_curl(stack: Stack) -> Program:
    """`examples/publish.sh`."""
    if not (shutil.which("curl") and shutil.which("jq")):
        pytest.skip("curl and jq are not here")

    def start(agency: str) -> "subprocess.Popen[str]":
        env = {"INTAKE": stack.urls[INTAKE], "TOKEN": stack.token(["publisher"], agency), "EVERY": "0.2"}
        return started(["sh", str(ROOT / "examples" / "publish.sh"), agency, "our-1"], env)

    return start


@pytest.mark.parametrize("door", ["by_kafka", "by_curl"])
def test_an_agencys_program_publishes_reads_what_became_of_it_and_answers(
    door: str, request: pytest.FixtureRequest, desk: Desk, agency: str
) -> None:
    program: Program = request.getfixturevalue(door)
    child = program(agency)
    try:
        pilot = registered(desk, agency, child)
        if door == "by_curl":
            stopped_while_it_waits(desk, pilot)
        decided(desk, pilot)
        said, _ = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 0, said
    assert said.startswith("registered ПП-")
    assert "decided" in said.splitlines()[-1]


def stopped_while_it_waits(desk: Desk, pilot: str) -> None:
    """What `./lotsman officials` has done when it is stopped before the answer has come."""
    path = f"/v1/applications/{pilot}"
    desk.do(
        INTAKE, f"{path}/acceptance", Role.OFFICER, None, desk.ask(INTAKE, path, Role.OFFICER, found).headers["ETag"]
    )
    desk.ask(EXPERTISE, f"/v1/reviews/{pilot}", Role.OPERATOR, found)
    seat(desk, pilot)
    ask_applicant(desk, pilot)


def registered(desk: Desk, agency: str, child: "subprocess.Popen[str]") -> str:
    """The pilot that the program's event began. Fails with what the program says when that ends."""
    deadline = time.monotonic() + 60
    while (answer := desk.call("GET", "intake", "/v1/receipts/our-1", "publisher", org=agency)).status_code != 200:
        assert child.poll() is None and time.monotonic() < deadline, child.communicate()[0]
        time.sleep(0.1)
    return str(answer.json()["pilot"])


class Hooked:
    """Hooks of an agency at intake, and of another system at the register."""

    def __init__(self, desk: Desk, agency: str, receiver: Receiver) -> None:
        self.desk, self.agency, self.receiver = desk, agency, receiver
        self.ids: dict[str, str] = {}

    def call(self, method: str, path: str, body: object = None, service: str = "intake") -> Any:
        """A request about hooks, which must succeed."""
        role = "publisher" if service == "intake" else "subscriber"
        org = self.agency if service == "intake" else "other-system"
        answer = self.desk.call(method, service, f"/v1/hooks{path}", role, org=org, body=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def register(self, path: str, service: str = "intake", url: str = "") -> None:
        """Registers an address, whose secret the receiver is given."""
        said = self.call("POST", "", {"address": (url or self.receiver.url) + path}, service)
        self.ids[path], self.receiver.secrets[path] = said["id"], said["secret"]

    def register_by_key(self, path: str) -> None:
        """Registers an address for the register's changes by a key of the agency that has the right to them, as soon as
        the register knows of that; a key that only reads the register has it not."""
        keys = [self.key("changes"), self.key("register")]
        url, body = f"{self.desk.stack.urls['registry']}/v1/hooks", {"address": self.receiver.url + path}
        until = time.monotonic() + 60
        answers = [self.desk.http.post(url, json=body, headers={"Authorization": f"Bearer {keys[0]}"})]
        while answers[-1].status_code != 201 and time.monotonic() < until:
            answers.append(self.desk.http.post(url, json=body, headers={"Authorization": f"Bearer {keys[0]}"}))
        assert answers[-1].status_code == 201, answers[-1].text
        self.ids[path], self.receiver.secrets[path] = answers[-1].json()["id"], answers[-1].json()["secret"]
        refused = self.desk.http.get(url, headers={"Authorization": f"Bearer {keys[1]}"})
        assert refused.status_code in (401, 403), "it is known by now, or a moment later"

    def key(self, *scopes: str) -> str:
        """A new key of the agency."""
        body = {"label": "ERP", "scopes": scopes}
        answer = self.desk.call("POST", "intake", f"/v1/agencies/{self.agency}/keys", "admin", body=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])

    def post(self, event_: Any) -> str:
        """Publishes an event, which must be taken; its pilot."""
        answer = self.desk.call("POST", "intake", "/v1/events", "publisher", org=self.agency, body=event_)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["pilot"])

    def withdraw(self, pilot: str) -> None:
        """Withdraws an application."""
        self.post(event(self.agency, pilot, ApplicationWithdrawnV1.TYPE, {"reason": "Проект закрыт."}))


def test_receipts_and_changes_come_to_registered_addresses_through_a_crash_beside_a_dead_one(
    desk: Desk, agency: str, stack: Stack, eventually: Eventually
) -> None:
    def until(check: Callable[[], Any]) -> None:
        asyncio.run(eventually(check, within=90, every=0.1))

    with receiving() as receiver:
        hooks = Hooked(desk, agency, receiver)
        hooks.register("/in")
        hooks.register("/dead", url="http://127.0.0.1:9")
        hooks.register("/changes", "registry")
        hooks.register_by_key("/own-changes")
        refused, held, go = set[str](), threading.Event(), threading.Event()

        def answers(path: str, message: Any) -> int:
            """The first pilot's first receipt is not taken at first, the second's holds until the service is killed."""
            own_number, first = message["data"].get("own_number"), message["data"].get("outcome") == "registered"
            if path == "/in" and first and own_number == "МЗ-1" and not refused:
                refused.add(path)
                return 503
            if path == "/in" and first and own_number == "МЗ-2" and not go.is_set():
                held.set()
                go.wait(60)
            return 204

        receiver.answers = answers
        pilots = [hooks.post(application(n, agency, kind=V2)) for n in (1, 2, 3)]
        for pilot in pilots:
            hooks.withdraw(pilot)
        whole = ["registered", "withdrawn"]
        until(lambda: receiver.of("/in", pilots[2]) == whole and held.is_set())
        kill(stack, "intake")
        go.set()
        until(lambda: receiver.of("/in", pilots[0]) == ["registered", *whole])
        until(lambda: receiver.of("/in", pilots[1]) == ["registered", *whole])
        ids = [id_ for path, id_, one in receiver.came if path == "/in" and one["data"]["pilot"] == pilots[1]]
        assert ids[0] == ids[1] != ids[2], "the same once more, and then the next"
        until(lambda: [kind.rsplit(".", 2)[1] for kind in receiver.of("/changes", pilots[0])][:1] == ["pilot-entered"])
        until(lambda: all(receiver.of("/own-changes", one) == receiver.of("/changes", one) != [] for one in pilots))
        stack.await_ready(60)
        hooks.register("/late", "registry")
        long_ago = {"since": "2025-01-01T00:00:00.000Z"}
        assert hooks.call("POST", f"/{hooks.ids['/late']}/recovery", long_ago, "registry")["messages"] >= len(pilots)
        until(lambda: all("pilot-entered" in str(receiver.of("/late", pilot)[:1]) for pilot in pilots))
        dead = hooks.call("GET", f"/{hooks.ids['/dead']}")
        assert dead["failing_since"] and dead["off"] is None
        listed = hooks.call("GET", f"/{hooks.ids['/in']}/deliveries?state=sent")["items"]
        assert len(listed) == 6
        [first] = [one for one in listed if one["pilot"] == pilots[0] and one["tries"] > 1]
        shown = hooks.call("GET", f"/{hooks.ids['/in']}/deliveries/{first['id']}")
        assert [one["status"] for one in shown["attempts"]] == [503, 204]
        hooks.call("POST", f"/{hooks.ids['/in']}/deliveries/{first['id']}/again")
        until(lambda: receiver.of("/in", pilots[0]) == ["registered", *whole, "registered"])
        span = {"since": listed[-1]["at"], "all": True}
        assert hooks.call("POST", f"/{hooks.ids['/in']}/recovery", span)["messages"] == 6
        until(lambda: all(receiver.of("/in", pilot)[-2:] == whole for pilot in pilots))
        assert len({id_ for path, id_, _ in receiver.came if path == "/in"}) == 6
