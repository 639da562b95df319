"""An agency that has curl and nothing else follows its pilots by receipts alone, on the whole running system."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from contracts.agency import ApplicationResubmittedV1, ApplicationSubmittedV2
from contracts.reference import Expediency, OnExpiry, Remark, Role, Verdict
from deploy.cli.desk import Desk
from deploy.cli.expertise_job import (
    EXPERTS,
    act,
    ask_applicant,
    claim,
    clarification,
    conclude,
    enter_expert,
    found,
    lead,
    review,
)
from deploy.cli.main_job import application
from deploy.cli.register_job import card, event, finished, judged, launched, step, today
from deploy.samples import registry as say
from deploy.samples.common import basis, body, person
from deploy.samples.expertise import opinion
from services.expertise.domain.state import Status

pytestmark = [pytest.mark.timeout(300)]
V2 = ApplicationSubmittedV2.TYPE
WITHIN = 60.0


class Followed:
    """One application, seen only by the receipt of its event and by the list of receipts."""

    def __init__(self, desk: Desk, agency: str) -> None:
        self.desk, self.agency, self.id = desk, agency, f"{agency}-1"
        said = self.post(application(1, agency, kind=V2))
        self.pilot, self.number = str(said["pilot"]), str(said["number"])

    def post(self, sent: Any) -> Any:
        """Publishes an event, which must be taken."""
        answer = self.desk.call("POST", "intake", "/v1/events", "publisher", org=self.agency, body=sent)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def sees(self, good: Callable[[Any], Any], what: str) -> Any:
        """The receipt, once it says so; it is always there."""
        deadline = time.monotonic() + WITHIN
        while True:
            answer = self.desk.call("GET", "intake", f"/v1/receipts/{self.id}", "publisher", org=self.agency)
            assert answer.status_code == 200, answer.text
            if good(told := answer.json()):
                return told
            assert time.monotonic() < deadline, (what, told)
            time.sleep(0.1)

    def listed(self, query: str, last: str) -> list[str]:
        """The outcomes of the list, once the last of them is there."""
        deadline = time.monotonic() + WITHIN
        while True:
            path = f"/v1/receipts?limit=200&{query}"
            answer = self.desk.call("GET", "intake", path, "publisher", org=self.agency)
            outcomes = [one["outcome"] for one in answer.json()["items"]]
            if outcomes and outcomes[-1] == last:
                return outcomes
            assert time.monotonic() < deadline, outcomes
            time.sleep(0.1)

    def officer(self, what: str, said: object = None) -> None:
        """An officer's step."""
        where = f"/v1/applications/{self.pilot}"
        seen = self.desk.call("GET", "intake", where, "officer")
        self.desk.do("intake", f"{where}/{what}", "officer", said, seen.headers["ETag"])

    def to_expertise(self) -> None:
        """The application is accepted, and the expertise has it."""
        self.officer("acceptance")
        self.desk.ask("expertise", f"/v1/reviews/{self.pilot}", "operator", found)


def steps(told: Any) -> dict[str, Any]:
    return {one["step"]: one for one in told["steps"]}


def test_the_whole_way_of_a_pilot_is_told_by_its_receipt(desk: Desk, agency: str) -> None:
    one = Followed(desk, agency)
    told = one.sees(lambda r: True, "registered")
    assert (told["outcome"], told["status"], told["number"], told["waits_for"]) == (
        "registered",
        "registered",
        one.number,
        "officer",
    )
    assert told["due_at"] and told["own_number"] == "МЗ-1"

    one.officer("return", {"reasons": [{"code": "documents-missing", "text": "Нет сметы."}]})
    told = one.sees(lambda r: r["status"] == "returned", "returned")
    assert told["reasons"] == [{"code": "documents-missing", "text": "Нет сметы."}]
    assert told["waits_for"] == "applicant" and told["due_at"]
    again = event(agency, one.number, ApplicationResubmittedV1.TYPE, application(1, agency, kind=V2)["data"])
    assert one.post(again)["outcome"] == "resubmitted", "named by its number"
    told = one.sees(lambda r: r["submission"] == 2, "resubmitted")
    assert (told["status"], told["reasons"], told["waits_for"]) == ("registered", [], "officer")

    one.to_expertise()
    told = one.sees(lambda r: r["expertise"], "under expertise")
    assert (told["status"], told["waits_for"], told["expertise"]["state"]) == ("accepted", "expertise", "running")
    assert told["expertise"]["due_at"]
    claim(desk, one.pilot)
    request = ask_applicant(desk, one.pilot, on_expiry=OnExpiry.RETURN)
    told = one.sees(lambda r: r["open_requests"] and r["expertise"]["state"] == "stopped", "asked")
    [asked] = told["open_requests"]
    assert (asked["id"], asked["on_expiry"], told["waits_for"]) == (request, "return", "applicant")
    assert asked["due_at"] and [item["text"] for item in asked["items"]] and asked["open_items"]
    assert one.post(clarification(agency, one.number, request))["outcome"] == "answers-taken"
    told = one.sees(lambda r: not r["open_requests"] and r["expertise"]["state"] == "running", "answered")
    assert told["waits_for"] == "expertise"

    reviewed(one, Verdict.POSITIVE_WITH_REMARKS)
    told = one.sees(lambda r: r["conclusion"] and r["waits_for"] == "council", "concluded")
    assert (told["conclusion"]["verdict"], told["status"]) == ("positive-with-remarks", "concluded")
    assert [remark["text"] for remark in told["conclusion"]["remarks"]] == ["Уточнить смету."]
    assert told["conclusion"]["number"] and told["expertise"]["state"] == "ended"

    launched(desk, one.pilot)
    told = one.sees(lambda r: "launched" in steps(r), "launched")
    assert (told["decision"]["decision"], told["waits_for"], told["status"]) == ("expedient", "executor", "decided")
    assert told["decision"]["basis"]["number"] and all(step_["basis"]["number"] for step_ in told["steps"])
    assert (steps(told)["agreed"]["day"], steps(told)["launched"]["day"]) == (str(today()), str(today()))
    finished(desk, agency, one.pilot)
    judged(desk, one.pilot)
    told = one.sees(lambda r: "judged" in steps(r), "judged")
    assert (steps(told)["judged"]["decision"], told["waits_for"]) == ("effective", None)
    step(desk, one.pilot, say.scale(day=today()))
    told = one.sees(lambda r: "scaling-decided" in steps(r), "scaled")
    assert steps(told)["scaling-decided"]["decision"]

    outcomes = one.listed(f"pilot={one.number}", "scaling-decided")
    # Agreement and launch are entered at once here, and receipts of one moment are listed in no certain order.
    assert sorted(outcomes[place] for place in (-5, -4)) == ["agreed", "launched"]
    known = [name for name in outcomes if name not in ("reminded", "agreed", "launched")]
    assert known == [
        "registered",
        "returned",
        "resubmitted",
        "accepted",
        "information-requested",
        "answers-taken",
        "concluded",
        "decided",
        "reported",
        "judged",
        "scaling-decided",
    ]
    assert one.listed("own_number=%D0%9C%D0%97-1", "scaling-decided") == outcomes
    assert one.listed("status=scaling-decided", "scaling-decided") == ["scaling-decided"]


def reviewed(one: Followed, verdict: Verdict) -> None:
    """The rest of an expertise that is claimed already, or all of it."""
    remark = Remark(code="costs", text="Уточнить смету.", must_fix=verdict is Verdict.NEGATIVE)
    for expert in EXPERTS:
        enter_expert(one.desk, expert)
    lead(one.desk, one.pilot, Status.WITH_EXPERTS)
    value = 1 if verdict is Verdict.NEGATIVE else 4
    for expert in EXPERTS:
        said = opinion(verdict, value, remarks=(remark,))
        act(one.desk, one.pilot, said, person(expert, Role.EXPERT))
    conclude(one.desk, one.pilot, verdict=verdict, remarks=(remark,))


def test_a_negative_conclusion_and_what_the_council_makes_of_it_are_told(desk: Desk, agency: str) -> None:
    one = Followed(desk, agency)
    one.to_expertise()
    claim(desk, one.pilot)
    reviewed(one, Verdict.NEGATIVE)
    told = one.sees(lambda r: r["conclusion"] and r["waits_for"] == "applicant", "concluded")
    assert (told["conclusion"]["verdict"], told["status"]) == ("negative", "concluded")
    assert [remark["must_fix"] for remark in told["conclusion"]["remarks"]] == [True] and told["due_at"]
    card(desk, one.pilot, "council")
    step(desk, one.pilot, say.decide(Expediency.NOT_EXPEDIENT, today()))
    told = one.sees(lambda r: r["decision"], "decided")
    assert (told["decision"]["decision"], told["status"]) == ("not-expedient", "decided")
    told = one.sees(lambda r: r["waits_for"] is None, "over")
    assert one.listed(f"pilot={one.number}", "decided")[-2:] == ["concluded", "decided"]


def test_an_early_stop_and_a_stop_of_the_procedure_are_told_with_their_reasons(desk: Desk, agency: str) -> None:
    one = Followed(desk, agency)
    one.to_expertise()
    review(desk, one.pilot)
    launched(desk, one.pilot)
    step(desk, one.pilot, say.stop_early(today()))
    told = one.sees(lambda r: "stopped-early" in steps(r) and r["waits_for"] is None, "stopped early")
    stopped = steps(told)["stopped-early"]
    assert (stopped["text"], stopped["day"], bool(stopped["basis"]["number"])) == ("Нет денег.", str(today()), True)
    assert one.listed(f"pilot={one.pilot}", "stopped-early")[-1] == "stopped-early"

    other = application(2, agency, kind=V2)
    one.pilot, one.id = one.post(other)["pilot"], other["id"]
    one.officer("stop", {"reason": "Инициатор ликвидирован.", "basis": body(basis(today()))})
    told = one.sees(lambda r: r["status"] == "stopped", "stopped")
    assert (told["stopped"]["reason"], told["waits_for"]) == ("Инициатор ликвидирован.", None)
    assert told["stopped"]["basis"]["date"] == str(today())
