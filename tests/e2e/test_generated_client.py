"""The main job by clients that a public generator makes of the documents, as anybody would who writes against them.

The clients are made in a temporary folder by openapi-python-client. Its answers are models too: what does not fit its
document cannot be read.
"""

import importlib
import inspect
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from contracts.agency import ApplicationSubmittedV2, CompletionReportedV1, ResultReportedV1
from contracts.reference import Role
from contracts.steps import Assignment, Opinion, Results, Step, WrittenConclusion
from contracts.topics import EXPERTISE, INTAKE, REGISTRY, SERVICES
from deploy.cli.desk import PATIENCE, TRIES
from deploy.cli.expertise_job import EXPERTS, LABORATORY, SECTORS
from deploy.cli.main_job import application
from deploy.cli.register_job import STEPS, agreement, event, today, value
from deploy.local.home import ROOT
from deploy.local.stack import Stack
from deploy.samples import expertise as say
from deploy.samples import registry
from deploy.samples.common import body
from deploy.samples.expertise import OPERATOR
from services.expertise.domain.commands import AcceptAssignment, Approve, Assign
from services.expertise.domain.state import Status
from services.registry.domain.stages import Stage
from tests.kit.public_tools import python_tools, run

pytestmark = [pytest.mark.timeout(900)]
CONFIG: Final = """
post_hooks: []
content_type_overrides:
  application/cloudevents+json: application/x-lines
  application/cloudevents-batch+json: application/x-lines
  application/pdf: application/octet-stream
  application/vnd.openxmlformats-officedocument.wordprocessingml.document: application/octet-stream
"""
"""Of several kinds of bodies the generator makes a module that Python refuses, so one is left to it: plain JSON."""
WORK: Final[Mapping[type, str]] = {
    Assign: "assign_reviewer",
    AcceptAssignment: "accept_assignment",
    Opinion: "give_opinion",
    WrittenConclusion: "write_conclusion",
    Approve: "approve_conclusion",
}
LIFE: Final[Mapping[str, str]] = {
    "expediency-decision": "decide_expediency",
    "scaling-decision": "decide_scaling",
    "agreement": "record_agreement",
    "launch": "launch_pilot",
    "commission": "name_commission",
    "effectiveness-proposal": "propose_effectiveness",
    "judgement": "judge_effectiveness",
}
"""What the steps are called, by where they are entered."""


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, ModuleType]]:
    """A package for each service, made by the generator without a word of doubt."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "config.yaml").write_text(CONFIG)
    for service in SERVICES:
        made = run(
            python_tools() / "openapi-python-client",
            "generate",
            *("--path", ROOT / "docs" / "api" / f"openapi-{service}.json"),
            *("--output-path", folder / f"lotsman_{service}", "--meta", "none", "--config", folder / "config.yaml"),
        )
        assert made.returncode == 0, made.stdout + made.stderr
        doubts = [line for line in made.stdout.splitlines() if line.startswith(("WARNING", "Unable"))]
        assert doubts == [], made.stdout
    sys.path.insert(0, str(folder))
    yield {service: importlib.import_module(f"lotsman_{service}") for service in SERVICES}
    sys.path.remove(str(folder))


@dataclass(frozen=True)
class Hands:
    """Calls of the clients in any role."""

    stack: Stack
    clients: Mapping[str, ModuleType]

    def call(
        self,
        service: str,
        name: str,
        role: str,
        *path: str,
        org: str | None = None,
        sub: str | None = None,
        **more: Any,
    ) -> Any:
        """What an operation answers, with its status and headers."""
        package = self.clients[service].__name__
        [place] = Path(str(self.clients[service].__file__)).parent.glob(f"api/*/{name}.py")
        operation = importlib.import_module(f"{package}.api.{place.parent.name}.{name}")
        client = self.clients[service].AuthenticatedClient(
            base_url=self.stack.urls[service], token=self.stack.token([role], org, sub), timeout=30
        )
        taken = inspect.signature(operation.sync_detailed).parameters
        if "idempotency_key" in taken:
            more["idempotency_key"] = str(uuid.uuid4())
        with client:
            return operation.sync_detailed(*path, client=client, **more)

    def model(self, service: str, name: str, said: Mapping[str, Any]) -> Any:
        """A body, made by the client's own model."""
        return getattr(importlib.import_module(f"{self.clients[service].__name__}.models"), name).from_dict(said)

    def until(self, good: Callable[[Any], Any], service: str, name: str, role: str, *path: str) -> Any:
        """Reads until the answer is good."""
        deadline = time.monotonic() + PATIENCE
        while not (good(answer := self.call(service, name, role, *path))):
            assert time.monotonic() < deadline, (name, answer.status_code, answer.content[:500])
            time.sleep(0.1)
        return answer

    def do(
        self, service: str, read: str, name: str, role: str, pilot: str, sub: str | None = None, said: Any = None
    ) -> None:
        """A command on what is read before, tried again where others were faster."""
        more = {} if said is None else {"body": self.model(service, type(said).__name__, body(said))}
        for _ in range(TRIES):
            seen = self.until(lambda a: a.status_code == 200, service, read, READER[service], pilot)
            answer = self.call(service, name, role, pilot, sub=sub, if_match=seen.headers["ETag"], **more)
            if answer.status_code != 412:
                break
        assert answer.status_code == 200, (name, answer.status_code, answer.content[:1000])
        assert answer.parsed.version > 0, "it is the model of a command's answer"


READER: Final = {INTAKE: Role.OFFICER, EXPERTISE: Role.OPERATOR, REGISTRY: Role.REGISTRAR}


def publish(hands: Hands, agency: str, model: str, said: Mapping[str, Any]) -> Any:
    sent = hands.model(INTAKE, model, said)
    answer = hands.call(INTAKE, "publish_events", Role.PUBLISHER, org=agency, body=sent)
    assert answer.status_code == 201, answer.content[:1000]
    return answer.parsed


def stands(stage: Stage) -> Callable[[Any], bool]:
    return lambda answer: answer.status_code == 200 and answer.parsed.stage == stage


def reviewed(hands: Hands, pilot: str) -> None:
    """Experts are entered, assigned, and judge; the conclusion is written and approved by two persons."""
    for expert in EXPERTS:
        entry = body(say.entry(expert, LABORATORY, competences=SECTORS, capacity=500))
        entered = hands.model(EXPERTISE, "ExpertEntry", {k: v for k, v in entry.items() if k not in BESIDE})
        answer = hands.call(EXPERTISE, "enter_expert", Role.OPERATOR, expert, body=entered)
        assert answer.status_code == 200, answer.content[:1000]
    hands.do(EXPERTISE, "get_review", "claim_review", Role.OPERATOR, pilot, OPERATOR.id)
    for status in (Status.WITH_EXPERTS, Status.TO_CONCLUDE, Status.TO_APPROVE, Status.NUMBERING):
        for command, who in say.steps(status, EXPERTS):
            step = Assignment.made_of(command) if isinstance(command, Assign) else command
            said = step if isinstance(step, Step) else None
            hands.do(EXPERTISE, "get_review", WORK[type(command)], who.role, pilot, who.id, said)


BESIDE: Final = {"expert_id", "version"}
"""What stands beside an expert's entry."""


def lead(hands: Hands, pilot: str, said: Any) -> None:
    """One step of a pilot's life."""
    where, role = STEPS[type(said)]
    hands.do(REGISTRY, "get_pilot", LIFE[where], role, pilot, said=said)


def test_generated_clients_do_the_whole_main_job(stack: Stack, agency: str, clients: Mapping[str, ModuleType]) -> None:
    hands = Hands(stack, clients)
    sent = application(1, agency, kind=ApplicationSubmittedV2.TYPE)
    receipt = publish(hands, agency, "ApplicationSubmittedV2Event", sent)
    pilot = receipt.pilot
    assert (receipt.outcome, receipt.status) == ("registered", "registered")
    hands.do(INTAKE, "get_application", "accept_application", Role.OFFICER, pilot)
    reviewed(hands, pilot)
    found = hands.until(lambda a: a.parsed.status == Status.CONCLUDED, EXPERTISE, "get_review", Role.OPERATOR, pilot)
    assert found.parsed.conclusions[-1].verdict == "positive"
    hands.until(stands(Stage.COUNCIL), REGISTRY, "get_pilot", Role.REGISTRAR, pilot)
    for said in (*registry.steps(Stage.EXPEDIENT, today()), agreement(), *registry.steps(Stage.RUNNING, today())):
        lead(hands, pilot, said)
    hands.until(
        lambda a: a.parsed.carrying_out and a.parsed.carrying_out.reporting,
        *(INTAKE, "get_application", Role.OFFICER, pilot),
    )
    measured = body(Results(values=(value("3"),)))
    publish(hands, agency, "ResultReportedV1Event", event(agency, pilot, ResultReportedV1.TYPE, measured))
    done = body(registry.complete(today(), value("1")))
    publish(hands, agency, "CompletionReportedV1Event", event(agency, pilot, CompletionReportedV1.TYPE, done))
    hands.until(stands(Stage.FINISHED), REGISTRY, "get_pilot", Role.REGISTRAR, pilot)
    for stage in (Stage.AT_COMMISSION, Stage.EFFECTIVE, Stage.SCALED):
        for said in registry.steps(stage, today()):
            lead(hands, pilot, said)
    card = hands.until(stands(Stage.SCALED), REGISTRY, "get_pilot", Role.REGISTRAR, pilot).parsed
    assert (card.number, card.judgement.outcome, card.scaling.decision) == (receipt.number, "effective", "scale")
    told = hands.call(INTAKE, "get_receipt", Role.PUBLISHER, str(sent["id"]), org=agency)
    assert told.parsed.steps
    timeline = hands.call(REGISTRY, "get_timeline", Role.REGISTRAR, pilot).parsed
    assert timeline.items[0].type_ == "pilots.registry.pilot-entered.v1"
    assert timeline.items[0].time <= datetime.now(UTC)
