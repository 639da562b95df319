"""A case of the expertise: the people around it, what is said at each step, and the way to each of its statuses."""

from collections.abc import Sequence
from typing import Any, Final, assert_never

from contracts.event import Actor
from contracts.expertise import Closure
from contracts.reference import (
    Application,
    ItemAnswer,
    OnExpiry,
    OrganisationId,
    Remark,
    RequestItem,
    ReturnReason,
    Role,
    Verdict,
)
from contracts.steps import (
    Appeal,
    AppealDecision,
    AppealOutcome,
    EarlierRemark,
    Opinion,
    Question,
    Score,
    WrittenConclusion,
)
from deploy.samples.common import AGENCY, APPLICATION, BOOK, EDITION, NUMBER, basis, person, with_switches
from services.expertise.domain.commands import AcceptAssignment, Approve, Assign, Command, EndWithout, Number, Open
from services.expertise.domain.expert import Expert
from services.expertise.domain.state import Status

OPERATOR, COLLEAGUE = person("op-1", Role.OPERATOR), person("op-2", Role.OPERATOR)
APPROVER, CHAIR, HEAD = (person(f"ap-{n}", Role.APPROVER) for n in range(1, 4))
INTAKE = person("of-1", Role.OFFICER)
OUTSIDE: Final = {
    "e-1": "700000140",
    "e-2": "700000153",
    "e-3": "700000166",
    "e-4": "700000179",
    "e-5": "700000181",
    "e-6": "700000194",
}
"""Experts, each from an organisation that has no part in the application."""
PAIR: Final = tuple(OUTSIDE)[:2]
"""The two who usually judge."""
ITEMS: Final = (RequestItem(id="who", text="Кто исполнитель?", field="executor"), RequestItem(id="why", text="Почему?"))
APPEALS: Final = with_switches(appeal=True)
"""The rule book in which the edition knows appeals."""
CRITERIA: Final = tuple(entry.code for entry in BOOK.edition(EDITION).criteria.entries)
REMARKS: Final = (
    Remark(code="data-protection", text="Описать срок хранения.", must_fix=True),
    Remark(code="costs", text="Уточнить источник."),
)
REASONS: Final = (ReturnReason(code="costs-unclear", text="Нет сметы."),)
GRIEVANCE: Final = basis(number="17", body="Оператор экспертизы", kind="жалоба")
"""The document of an appeal."""


def entry(expert: str, organisation: str, **changes: Any) -> Expert:
    """An expert's directory entry."""
    said = {"edition": EDITION, "competences": ("health",), "capacity": 3, **changes}
    return Expert(expert_id=expert, organisation=OrganisationId(scheme="BY-UNP", value=organisation), **said)


def opened(application: Application = APPLICATION, submission: int = 1, edition: str = EDITION, **more: Any) -> Open:
    """What intake's acceptance asks for."""
    return Open(agency=AGENCY, number=NUMBER, edition=edition, application=application, submission=submission, **more)


def scores(value: int, reason: str = "Обосновано.") -> tuple[Score, ...]:
    """The same value for each criterion."""
    return tuple(Score(criterion=code, value=value, reason=reason) for code in CRITERIA)


def opinion(verdict: Verdict = Verdict.POSITIVE, value: int = 4, text: str = "Мнение.", **more: Any) -> Opinion:
    """An opinion, every criterion being given the same value."""
    remarks = REMARKS if verdict is Verdict.POSITIVE_WITH_REMARKS else ()
    said = {"scores": scores(value), "remarks": remarks, **more}
    return Opinion(verdict=verdict, text=text, **said)


def conclusion(verdict: Verdict = Verdict.POSITIVE, text: str = "Заключение.", **more: Any) -> WrittenConclusion:
    """A conclusion in words."""
    return WrittenConclusion(verdict=verdict, text=text, **more)


def judged(met: bool, count: int = len(REMARKS)) -> tuple[EarlierRemark, ...]:
    """Every earlier remark, met or not met."""
    return tuple(EarlierRemark(place=n, met=met) for n in range(1, count + 1))


def question(items: Sequence[RequestItem] = ITEMS, on_expiry: OnExpiry = OnExpiry.DECIDE) -> Question:
    """What is asked of the applicant."""
    return Question(items=tuple(items), on_expiry=on_expiry)


def answers(*items: str) -> tuple[ItemAnswer, ...]:
    """Answers in words to items of a request."""
    return tuple(ItemAnswer(item=item, text="Ответ.") for item in items)


def give_back() -> EndWithout:
    """The application goes back without a conclusion."""
    return EndWithout(outcome=Closure.RETURNED, reasons=REASONS)


def numbered(count: int = 1) -> Number:
    """So many conclusions have got a number."""
    return Number(f"ЗЭ-2026-{count:04d}")


def appeal() -> Appeal:
    """The applicant does not agree."""
    return Appeal(grounds="Не согласны.", basis=GRIEVANCE)


def decide_appeal(outcome: AppealOutcome, **more: Any) -> AppealDecision:
    """A decision on an appeal, with a new conclusion where it amends."""
    amended = conclusion(**more) if outcome is AppealOutcome.AMENDED else None
    return AppealDecision(outcome=outcome, why="По жалобе.", basis=GRIEVANCE, amended=amended)


# ---- the usual way to each status

WAY: Final = (
    Status.UNASSIGNED,
    Status.WITH_EXPERTS,
    Status.TO_CONCLUDE,
    Status.TO_APPROVE,
    Status.NUMBERING,
    Status.CONCLUDED,
    Status.APPEALED,
)
"""How a case usually goes on; it may be closed at once as well."""


def way(to: Status) -> tuple[Status, ...]:
    """The statuses that a case passes on its usual way to one, that one last."""
    return (Status.UNASSIGNED, to) if to is Status.CLOSED else WAY[: WAY.index(to) + 1]


def steps(
    to: Status, experts: Sequence[str] = PAIR, written: WrittenConclusion | None = None
) -> tuple[tuple[Command, Actor], ...]:
    """What brings a case to a status from the one before, and who does it. `written`: another conclusion."""
    people = [person(one, Role.EXPERT) for one in experts]
    match to:
        case Status.UNASSIGNED:
            return ((opened(), INTAKE),)
        case Status.WITH_EXPERTS:
            seated = [((Assign(expert_id=one.id), OPERATOR), (AcceptAssignment(), one)) for one in people]
            return tuple(step for pair in seated for step in pair)
        case Status.TO_CONCLUDE:
            return tuple((opinion(), one) for one in people)
        case Status.TO_APPROVE:
            return ((written or conclusion(), OPERATOR),)
        case Status.NUMBERING:
            return ((Approve(), APPROVER),)
        case Status.CONCLUDED:
            return ((numbered(), APPROVER),)
        case Status.APPEALED:
            return ((appeal(), OPERATOR),)
        case Status.CLOSED:
            return ((give_back(), OPERATOR),)
        case _:
            assert_never(to)
