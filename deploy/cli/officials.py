"""officials: the other side of an agency's first try, on the running system."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import httpx
import typer

from contracts.expertise import RequestOutcome
from contracts.reference import Role
from contracts.topics import EXPERTISE, INTAKE
from deploy.cli import register_job
from deploy.cli.common import Found, out, running
from deploy.cli.desk import PATIENCE, Desk
from deploy.cli.expertise_job import ask_applicant, found, judge, seat
from deploy.complaint import Complaint
from deploy.local.home import home
from deploy.local.ports import Ports
from deploy.local.stack import Stack
from deploy.service import why
from services.expertise.domain.state import Status as Case
from services.intake.domain.state import Status
from services.registry.domain.stages import Stage

app = typer.Typer()

ANSWER_WITHIN: Final = 1800.0
"""Seconds that the applicant has, who may answer by hand."""
LED: Final = frozenset({Status.REGISTERED, Status.ACCEPTED, Status.CONCLUDED})
"""Where an application stands that officials can still lead to the council's decision."""


@app.command()
def officials(
    pilot: Annotated[str, typer.Argument(metavar="PILOT", help="Its registration number or id, as a receipt says it.")],
) -> Found:
    """Play the officials for one application, to try an agency's program: ask its applicant once, wait for the answer,
    conclude, and enter the council's decision. Whoever does so is invented: not for a system with real applications."""
    stack = Stack(home(), Ports(running().base))
    with httpx.Client(timeout=PATIENCE, trust_env=False) as http:
        return decided(Desk(stack, out, http, {}), pilot)


def decided(desk: Desk, pilot: str) -> Found:
    """Leads an application that is registered to the council's decision, with a question to its applicant on the way.
    One that was led as far as that question, or to the council, is led on from there. Raises Complaint."""
    answer = desk.call("GET", INTAKE, f"/v1/applications/{pilot}", Role.OFFICER)
    if answer.is_error:
        raise Complaint(f"{pilot}: {why(answer)} Its number stands in the first receipt, and in what its program says.")
    card = answer.json()
    id_, number = card["id"], card["number"]
    if card["status"] not in LED:
        raise Complaint(f"{number} is {card['status']}: officials have nothing to decide of it here.")
    if card["status"] == Status.REGISTERED:
        desk.do(INTAKE, f"/v1/applications/{id_}/acceptance", Role.OFFICER, None, answer.headers["ETag"])
    concluded = _judged(desk, id_, card["agency"])["conclusions"][-1]["number"]
    register_job.card(desk, id_, Stage.COUNCIL)
    register_job.lead(desk, id_, Stage.EXPEDIENT)
    desk.say(f"{number}: conclusion {concluded}, and the council found it expedient")
    return {"pilot": id_, "number": number, "conclusion": concluded}


def _judged(desk: Desk, pilot: str, agency: str) -> Mapping[str, Any]:
    """The case with its conclusion, from wherever it stands."""
    case: Mapping[str, Any] = desk.ask(EXPERTISE, f"/v1/reviews/{pilot}", Role.OPERATOR, found).json()
    if case["status"] == Case.CONCLUDED:
        return case
    if not case["requests"]:
        seat(desk, pilot)
        ask_applicant(desk, pilot)
    _await_answer(desk, pilot, agency)
    judged: Mapping[str, Any] = judge(desk, pilot).json()
    return judged


def _await_answer(desk: Desk, pilot: str, agency: str) -> None:
    def last(answer: httpx.Response) -> Mapping[str, Any]:
        asked: Mapping[str, Any] = answer.json()["requests"][-1]
        return asked

    def answered(answer: httpx.Response) -> bool:
        return bool(last(answer)["outcome"] == RequestOutcome.ANSWERED)

    path = f"/v1/reviews/{pilot}"
    now = desk.ask(EXPERTISE, path, Role.OPERATOR, found)
    if not answered(now):
        desk.say(f"{agency} is asked ({last(now)['id']}): this waits for its answer, half an hour at most.")
        desk.say("Its program gives it, or the form on its page Mine. Stopped, this goes on when started again.")
        desk.ask(EXPERTISE, path, Role.OPERATOR, answered, ANSWER_WITHIN)
