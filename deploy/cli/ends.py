"""To what end the demo leads each pilot of the sample, by the steps that people take; what they say is fictional."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from contracts.agency import ApplicationWithdrawnV1
from contracts.reference import Role, Verdict
from contracts.steps import ReplicaPlan
from contracts.topics import EXPERTISE, INTAKE
from deploy.cli.desk import Desk
from deploy.cli.expertise_job import EXPERTS, ask_applicant, claim, enter_expert, found, lead, review
from deploy.cli.publishing import publish
from deploy.cli.register_job import card, event, finished, judged, launched, step, today
from deploy.cli.register_job import lead as lead_on
from deploy.samples import registry as say
from deploy.samples.pilots import Agency, End, Organisation, Pilot
from services.expertise.domain.state import Status
from services.registry.domain.stages import Stage

RETURNED_FOR: Final = {"reasons": [{"code": "documents-missing", "text": "Нет согласия заказчика."}]}
COPIES: Final = Organisation(unp="790000271", name="Администрация города Примерска")
"""Who is to have the copy of the pilot that is scaled."""
STAGES: Final[Mapping[End, Stage]] = {
    End.LOOK_OVER: Stage.LOOK_OVER,
    End.RETURNED: Stage.RETURNED,
    End.WITHDRAWN: Stage.WITHDRAWN,
    End.EXPERTISE: Stage.EXPERTISE,
    End.CLOCK_STOPPED: Stage.EXPERTISE,
    End.NEGATIVE: Stage.COUNCIL,  # which sees negative conclusions too, by the edition
    End.COUNCIL: Stage.COUNCIL,
    End.NOT_EXPEDIENT: Stage.NOT_EXPEDIENT,
    End.RUNNING: Stage.RUNNING,
    End.SUSPENDED: Stage.SUSPENDED,
    End.STOPPED_EARLY: Stage.STOPPED_EARLY,
    End.FINISHED: Stage.FINISHED,
    End.EFFECTIVE: Stage.EFFECTIVE,
    End.SCALED: Stage.SCALED,
    End.REPLICA: Stage.RUNNING,
}
"""Where the register has a pilot in the end."""


def committed(pilot: Pilot) -> int:
    """Kopecks that the agreement of a pilot of the sample commits: a little less than was planned."""
    return pilot.cost * 11 // 12


def prepare(desk: Desk) -> None:
    """The experts who judge all pilots of the sample. Raises Complaint."""
    for expert in EXPERTS:
        enter_expert(desk, expert)


def bring(desk: Desk, agency: Agency, pilot: Pilot, id_: str) -> None:
    """Leads a registered pilot to its end and returns when the register has it there. Raises Complaint."""
    match pilot.end:
        case End.REJECTED | End.LOOK_OVER:
            pass
        case End.RETURNED:
            _look_over(desk, id_, "return", RETURNED_FOR)
        case End.WITHDRAWN:
            said = event(agency.code, id_, ApplicationWithdrawnV1.TYPE, {"reason": "Изменились планы."})
            asyncio.run(publish(desk.logins[agency.code], {agency.code: [said]}))
        case _:
            _look_over(desk, id_, "acceptance", None)
            _judge(desk, agency, pilot, id_)
    if pilot.end in STAGES:
        card(desk, id_, STAGES[pilot.end])


def _judge(desk: Desk, agency: Agency, pilot: Pilot, id_: str) -> None:
    """From the expertise on."""
    end = pilot.end
    desk.ask(EXPERTISE, f"/v1/reviews/{id_}", Role.OPERATOR, found)
    if end is End.EXPERTISE:
        return
    if end is End.CLOCK_STOPPED:
        claim(desk, id_)
        lead(desk, id_, Status.WITH_EXPERTS)
        ask_applicant(desk, id_)
        return
    if end is End.NEGATIVE:
        review(desk, id_, verdict=Verdict.NEGATIVE)
        return
    review(desk, id_)
    card(desk, id_, Stage.COUNCIL)
    if end is End.NOT_EXPEDIENT:
        lead_on(desk, id_, Stage.NOT_EXPEDIENT)
    elif end is not End.COUNCIL:
        _carry_out(desk, agency, pilot, id_)


def _carry_out(desk: Desk, agency: Agency, pilot: Pilot, id_: str) -> None:
    """From the council's decision on."""
    end = pilot.end
    launched(desk, id_, agency.customer.party(), agency.initiator.party(), {agency.sector: 10_000}, committed(pilot))
    if end in (End.SUSPENDED, End.STOPPED_EARLY):
        lead_on(desk, id_, STAGES[end])
    if end in (End.FINISHED, End.EFFECTIVE, End.SCALED):
        finished(desk, agency.code, id_)
    if end in (End.EFFECTIVE, End.SCALED):
        judged(desk, id_)
    if end is End.SCALED:
        plan = ReplicaPlan(customer=COPIES.party(), region="brest", note="Дома культуры города.")
        step(desk, id_, say.scale(day=today(), replicas=(plan,)))


def _look_over(desk: Desk, id_: str, what: str, said: Mapping[str, Any] | None) -> None:
    path = f"/v1/applications/{id_}"
    seen = desk.ask(INTAKE, path, Role.OFFICER, found)
    desk.do(INTAKE, f"{path}/{what}", Role.OFFICER, said, seen.headers["ETag"])
