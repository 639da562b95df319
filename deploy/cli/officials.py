"""officials: the other side of an agency's first try, on the running system."""

from functools import partial
from typing import Annotated, Final

import httpx
import typer

from contracts.expertise import RequestOutcome
from contracts.reference import Role
from contracts.topics import EXPERTISE, INTAKE
from deploy.cli import register_job
from deploy.cli.common import Found, out, running
from deploy.cli.desk import PATIENCE, Desk
from deploy.cli.expertise_job import ask_applicant, found, review
from deploy.local.home import home
from deploy.local.ports import Ports
from deploy.local.stack import Stack
from services.registry.domain.stages import Stage

app = typer.Typer()

ANSWER_WITHIN: Final = 1800.0
"""Seconds that the applicant has, who may answer by hand."""


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
    Raises Complaint."""
    card = desk.ask(INTAKE, f"/v1/applications/{pilot}", Role.OFFICER, found)
    id_, number = card.json()["id"], card.json()["number"]
    desk.do(INTAKE, f"/v1/applications/{id_}/acceptance", Role.OFFICER, None, card.headers["ETag"])
    concluded = review(desk, id_, before_opinions=partial(_ask, desk, id_)).json()["conclusions"][-1]["number"]
    register_job.card(desk, id_, Stage.COUNCIL)
    register_job.lead(desk, id_, Stage.EXPEDIENT)
    desk.say(f"{number}: conclusion {concluded}, and the council found it expedient")
    return {"pilot": id_, "number": number, "conclusion": concluded}


def _ask(desk: Desk, pilot: str) -> None:
    request = ask_applicant(desk, pilot)
    desk.say(f"the applicant is asked ({request}); this goes on when the answer has come")
    path = f"/v1/reviews/{pilot}"
    answered = RequestOutcome.ANSWERED
    desk.ask(EXPERTISE, path, Role.OPERATOR, lambda a: a.json()["requests"][-1]["outcome"] == answered, ANSWER_WITHIN)
