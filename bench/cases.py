"""Cases for measurements: stories told to the domain's own `decide`, folded by its own `evolve`, written by the store.

Everything follows from a seed and the present moment, so that a run can be repeated. All organisations and persons are
fictional.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final
from uuid import UUID

from stdnum.by import unp

from contracts.event import Actor
from contracts.expertise import Closure
from contracts.reference import (
    Application,
    ItemAnswer,
    OrganisationId,
    Party,
    Procedure,
    Remark,
    RequestItem,
    Role,
    Verdict,
)
from contracts.rules import load
from contracts.steps import (
    DeclaredConflict,
    ExpertEntry,
    TeamEntry,
)
from contracts.topics import INTAKE
from deploy.samples import expertise as say
from services.chassis.fold import Fold
from services.chassis.service import Service
from services.chassis.store import Store
from services.chassis.subject import Aggregate, Document, service_actor
from services.expertise.domain import commands as do
from services.expertise.domain import expert, series, team
from services.expertise.domain.expert import EnterExpert, Expert, Given, Known
from services.expertise.domain.expert import subject_of as expert_subject
from services.expertise.domain.state import KIND, Case
from services.expertise.domain.team import EnterTeam
from services.expertise.domain.team import subject_of as team_subject
from services.expertise.service import SERVICE
from services.law.calendar import Calendars
from services.law.decision import Context

RULES: Final = load()
CALENDARS: Final = Calendars.load()
EDITION: Final = RULES.edition("by-2024")
BATCH: Final = 500
EXPERTS: Final = 200
AGENCIES: Final = tuple(f"vedomstvo-{n:02d}" for n in range(25))
OPERATORS: Final = tuple(f"operator-{n:02d}" for n in range(20))
APPROVERS: Final = ("approver-1", "approver-2")
BY_INTAKE: Final = service_actor(INTAKE)
KINDS: Final = ((Procedure.PILOT, 80), (Procedure.CREDIT, 12), (Procedure.REPLICATION, 8))


class Stand(StrEnum):
    """How far a case has come: by what it waits for, or how it ended."""

    UNASSIGNED = "unassigned"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    HALF = "half"
    ASKED = "asked"
    TO_CONCLUDE = "to-conclude"
    TO_APPROVE = "to-approve"
    NUMBERING = "numbering"
    CONFLICT = "conflict"
    CONCLUDED = "concluded"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


OPEN: Final = (
    (Stand.UNASSIGNED, 16),
    (Stand.OFFERED, 14),
    (Stand.ACCEPTED, 22),
    (Stand.HALF, 12),
    (Stand.ASKED, 14),
    (Stand.TO_CONCLUDE, 10),
    (Stand.TO_APPROVE, 7),
    (Stand.NUMBERING, 1),
    (Stand.CONFLICT, 4),
)
"""How open cases stand, in parts of a hundred."""
CLOSED: Final = ((Stand.CONCLUDED, 65), (Stand.RETURNED, 20), (Stand.WITHDRAWN, 15))
REPEATED: Final = 0.12
"""Which share of open cases is in its second round."""
TEXT: Final = "Решение проверено на данных двух поликлиник; описание полное, показатели измеримы. " * 4


@dataclass(frozen=True, slots=True)
class Made:
    """A case with its subject."""

    subject: str
    case: Case
    facts: int


def expert_id(n: int) -> str:
    """The opaque id of an expert of these cases."""
    return f"expert-{n:03d}"


def organisation(n: int) -> OrganisationId:
    """The n-th fictional organisation: a number that passes its check digit."""
    for last in range(10):
        stem = f"{70_000_000 + 7 * n + last:08d}"
        try:
            return OrganisationId(scheme="BY-UNP", value=stem + str(unp.calc_check_digit(stem)))
        except ValueError:  # some stems have no check digit
            continue
    raise ValueError(f"no number for organisation {n}")


async def write(store: Store, made: Iterator[Made], kept: Callable[[Made], None] = lambda _made: None) -> int:
    """Writes cases through the store, a bulk of many at once; returns how many facts they are folds of."""
    folds, facts = list[Fold](), 0
    for one in made:
        kept(one)
        facts += one.facts
        folds.append(fold_of(one.subject, one.case, one.facts))
        if len(folds) == BATCH:
            await put(store, folds)
            folds = []
    await put(store, folds)
    return facts


async def write_people(store: Store, now: datetime, experts: int = EXPERTS) -> dict[str, Known]:
    """Writes the directory of experts and the teams of operators; returns the experts."""
    admin, given = Actor(id="admin", role=Role.ADMIN), Given(RULES)
    folds, known = list[Fold](), dict[str, Known]()
    sectors = EDITION.sectors.codes
    for n in range(experts):
        entry = ExpertEntry(
            edition=EDITION.id,
            organisation=organisation(5000 + n),
            competences=tuple(sectors[(n + step) % len(sectors)] for step in range(3)),
            capacity=10_000,
        )
        told = Story(SERVICE.aggregates[expert.KIND], expert_subject(expert_id(n)), given)
        told.then(EnterExpert(expert_id(n), entry), admin, now)
        assert isinstance(told.state, Expert)
        known[expert_id(n)] = Known(told.state, 0)
        folds.append(fold_of(told.subject, told.state, told.facts))
    for place, members in enumerate(_teams()):
        own = tuple(code for at, code in enumerate(sectors) if at % 4 == place)
        entered = TeamEntry(name=f"Группа {place}", members=members, sectors=own)
        told = Story(SERVICE.aggregates[team.KIND], team_subject(f"team-{place}"), given)
        told.then(EnterTeam(f"team-{place}", entered), admin, now)
        folds.append(fold_of(told.subject, told.state, told.facts))
    await put(store, folds)
    return known


def _teams() -> list[tuple[str, ...]]:
    return [OPERATORS[start : start + 5] for start in range(0, len(OPERATORS), 5)]


def cases(opened: int, closed: int, known: dict[str, Known], now: datetime, seed: int = 1) -> Iterator[Made]:
    """So many open and closed cases, in an order that has nothing to do with how they stand."""
    dice = Random(seed)
    stands = [_drawn(dice, OPEN) for _ in range(opened)] + [_drawn(dice, CLOSED) for _ in range(closed)]
    dice.shuffle(stands)
    for n, stand in enumerate(stands):
        yield _Told(n, stand, known, now, dice).made()


def _drawn(dice: Random, parts: Sequence[tuple[Any, int]]) -> Any:
    return dice.choices([one for one, _ in parts], [weight for _, weight in parts])[0]


class Story:
    """One subject on its way: each command is decided on what the ones before have left."""

    def __init__(self, aggregate: Aggregate, subject: str, given: Any) -> None:
        self.aggregate, self.subject, self.given = aggregate, subject, given
        self.state: Any = None
        self.facts = 0

    def then(self, command: object, actor: Actor, at: datetime) -> None:
        """Decides and folds."""
        for fact in self.aggregate.decide(self.state, command, Context(at, self.subject, actor, self.given, CALENDARS)):
            self.state = self.aggregate.evolve(self.state, fact)
            self.facts += 1


class _Told:
    """The story of one case up to where it stands."""

    def __init__(self, n: int, stand: Stand, known: dict[str, Known], now: datetime, dice: Random) -> None:
        self._n, self._stand, self._dice = n, stand, dice
        self._story = Story(SERVICE.aggregates[KIND], str(UUID(int=dice.getrandbits(128), version=4)), Given(RULES))
        self._known = known
        old = any(stand == name for name, _ in CLOSED)
        again = not old and dice.random() < REPEATED
        ago = dice.uniform(60, 700) if old or again else dice.uniform(0, 55)
        self._again, self._at, self._now = again, now - timedelta(days=ago), now
        self._operator = Actor(id=dice.choice(OPERATORS), role=Role.OPERATOR)
        self._approver = Actor(id=dice.choice(APPROVERS), role=Role.APPROVER)
        self._experts: list[str] = []

    def made(self) -> Made:
        """The case."""
        application = self._application()
        self._do(
            do.Open(
                agency=self._agency,
                number=f"ПП-{self._at.year}-{self._n:06d}",
                edition=EDITION.id,
                application=application,
            ),
            BY_INTAKE,
        )
        if self._again:
            self._to(Stand.CONCLUDED)
            self._at = self._now - timedelta(days=self._dice.uniform(0, 40))
            self._experts = []
            self._do(
                do.Open(
                    agency=self._agency,
                    number=self.case.number,
                    edition=EDITION.id,
                    application=application,
                    submission=2,
                ),
                BY_INTAKE,
            )
        self._to(self._stand)
        return Made(self._story.subject, self.case, self._story.facts)

    @property
    def case(self) -> Case:
        """As it stands."""
        state = self._story.state
        assert isinstance(state, Case)
        return state

    @property
    def _agency(self) -> str:
        return AGENCIES[self._n % len(AGENCIES)]

    def _application(self) -> Application:
        party = Party(id=organisation(self._n % 3000), name=f"ООО «Пример {self._n % 3000}»")
        customer = Party(id=organisation(4000 + self._n % 40), name=f"Поликлиника «Пример {self._n % 40}»")
        return Application(
            title=f"Пилотный проект {self._n}: запись и распознавание снимков",
            problem="Пациенты ждут приёма, описание снимка занимает день. " * 8,
            solution="Электронная очередь и разметка снимков с проверкой врачом. " * 12,
            sector=self._dice.choice(EDITION.sectors.codes),
            initiator=party,
            customer=customer,
            territory="Минск",
            expected_effect="Срок описания сокращается вдвое. " * 3,
            procedure=_drawn(self._dice, KINDS),
        )

    def _do(self, command: object, actor: Actor, days: float = 0.0) -> None:
        self._at = min(self._at + timedelta(days=days, minutes=1), self._now)
        self._story.then(command, actor, self._at)

    def _to(self, stand: Stand) -> None:
        """Lets the running round come to where it is to stand."""
        if stand == Stand.UNASSIGNED:
            if self._dice.random() < 0.5:
                self._do(do.Claim(), self._operator)
            return
        self._do(do.Claim(), self._operator)
        if stand in (Stand.RETURNED, Stand.WITHDRAWN):
            self._end(stand)
            return
        self._assign()
        if stand == Stand.OFFERED:
            return
        self._accept()
        if stand == Stand.CONFLICT:
            self._do(DeclaredConflict(expert_id=self._experts[0], text="Работал у инициатора."), self._operator)
        elif stand == Stand.ASKED:
            self._ask()
        elif stand == Stand.HALF:
            self._opine(self._experts[: max(1, len(self._experts) - 1)])
        elif stand != Stand.ACCEPTED:
            self._opine(self._experts)
            self._conclude(stand)

    def _end(self, stand: Stand) -> None:
        if stand == Stand.WITHDRAWN:
            self._do(do.CloseFor(Closure.WITHDRAWN, "Заявка отозвана."), BY_INTAKE, days=3)
            return
        self._do(say.give_back(), self._operator, days=3)

    def _assign(self) -> None:
        before = {place.expert for one in (*self.case.past, self.case) for place in one.places if place.opinions}
        free = [one for one in self._dice.sample(sorted(self._known), self.case.needed + 4) if one not in before]
        self._experts = free[: self.case.needed]
        self._story.given = Given(RULES, {one: self._known[one] for one in self._experts})
        for one in self._experts:
            self._do(do.Assign(expert_id=one), self._operator, days=0.2)

    def _accept(self) -> None:
        for one in self._experts:
            self._do(do.AcceptAssignment(), Actor(id=one, role=Role.EXPERT), days=0.3)

    def _ask(self) -> None:
        item = RequestItem(id="effect", text="Чем подтверждён эффект?", field="expected_effect")
        self._do(say.question((item,)), self._operator, days=1)
        if self._dice.random() < 0.1:
            answer = ItemAnswer(item="effect", text="Протоколом.", value="Вдвое.")
            request = self.case.requests[-1].id
            self._do(
                do.TakeAnswers(request=request, answers=(answer,), application=self.case.application), BY_INTAKE, days=4
            )

    def _opine(self, experts: Sequence[str]) -> None:
        for one in experts:
            value = self._dice.choice((3, 4))
            scores, remarks = say.scores(value, TEXT), (REMARK,)
            opinion = say.opinion(Verdict.POSITIVE_WITH_REMARKS, text=TEXT, scores=scores, remarks=remarks)
            self._do(opinion, Actor(id=one, role=Role.EXPERT), days=1)

    def _conclude(self, stand: Stand) -> None:
        if stand == Stand.TO_CONCLUDE:
            return
        before = self.case.earlier_conclusion()
        earlier = say.judged(True, len(before.remarks) if before else 0)
        verdict, remarks = Verdict.POSITIVE_WITH_REMARKS, (REMARK,)
        text = say.conclusion(verdict, TEXT * 3, remarks=remarks, earlier_remarks=earlier)
        self._do(text, self._operator, days=1)
        if stand == Stand.TO_APPROVE:
            return
        self._do(do.Approve(), self._approver, days=0.5)
        if stand == Stand.NUMBERING:
            return
        self._do(do.Number(f"{self._n}-{self.case.round}"), service_actor(series.KIND))


REMARK: Final = Remark(code="no-baseline", text="Нет показателей до внедрения.")


def fold_of(subject: str, state: Any, facts: int, service: Service = SERVICE) -> Fold:
    """A subject as it is written, its facts sent long ago."""
    aggregate = service.aggregate_of(subject)
    before = Document(subject, aggregate.kind)
    after = Document(
        subject, aggregate.kind, rev=1, version=facts, state=state, due=aggregate.due(state), correlation=subject
    )
    return Fold(before, after, (), ())


async def put(store: Store, folds: Sequence[Fold]) -> None:
    """Writes new subjects, many at once."""
    written = await store.write(folds)
    assert not written.lost and not written.unfit, "every subject is new"


def present() -> datetime:
    """The moment from which a run counts, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
