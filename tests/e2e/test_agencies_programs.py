"""The examples that agencies begin with, run as they are: from the event to the answer and the council's decision, by
Kafka alone with nothing of ours but the installed contracts, and by HTTP alone with curl."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from contracts.steps import ApplicationStop
from contracts.topics import INTAKE
from deploy.cli.desk import Desk
from deploy.cli.expertise_job import EXPERTS, ask_applicant, claim, enter_expert, found, lead
from deploy.local.home import ROOT
from deploy.local.stack import Stack
from deploy.samples.common import basis, body
from services.expertise.domain.state import Status
from tests.contract.test_installed_alone import NEEDED, copied, only

pytestmark = [pytest.mark.timeout(240)]
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
        look_over = desk.call("GET", "intake", f"/v1/applications/{pilot}", "officer")
        path = f"/v1/applications/{pilot}"
        desk.do("intake", f"{path}/acceptance", "officer", None, look_over.headers["ETag"])
        desk.ask("expertise", f"/v1/reviews/{pilot}", "operator", found)
        for expert in EXPERTS:
            enter_expert(desk, expert)
        claim(desk, pilot)
        lead(desk, pilot, Status.WITH_EXPERTS)
        ask_applicant(desk, pilot)
        review = f"/v1/reviews/{pilot}"
        desk.ask("expertise", review, "operator", lambda a: a.json()["requests"][-1]["outcome"] == "answered")
        ended = ApplicationStop(reason="Инициатор ликвидирован.", basis=basis())
        card = desk.call("GET", "intake", path, "officer")
        desk.do("intake", f"{path}/stop", "officer", body(ended), card.headers["ETag"])
        said, _ = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 0, said
    assert said.startswith("registered ПП-")
    assert "stopped" in said.splitlines()[-1]


def registered(desk: Desk, agency: str, child: "subprocess.Popen[str]") -> str:
    """The pilot that the program's event began. Fails with what the program says when that ends."""
    deadline = time.monotonic() + 60
    while (answer := desk.call("GET", "intake", "/v1/receipts/our-1", "publisher", org=agency)).status_code != 200:
        assert child.poll() is None and time.monotonic() < deadline, child.communicate()[0]
        time.sleep(0.1)
    return str(answer.json()["pilot"])
