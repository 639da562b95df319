"""Fictional pilots for measurements of the register: many, varied, the same in every run, made by the domain's evolve.

Words come as in any language: a few very often, most hardly ever. Bodies are of real kinds with numbers of no one.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

from contracts.event import Actor, Basis, Fact
from contracts.reference import Application, CostLine, Expediency, OrganisationId, Party, ReturnReason, Verdict
from contracts.registry import (
    ApplicationOutcome,
    ApplicationOutcomeRecordedV1,
    ConclusionRecordedV1,
    ExpediencyDecidedV1,
    PilotEnteredV1,
    PilotLaunchedV1,
    TermRecordedV1,
    TermStage,
)
from contracts.rules import load
from services.chassis.fold import state_json
from services.chassis.store import Row
from services.registry.domain.pilot import Pilot, Stage, evolve

EDITION: Final = load().edition("by-2024")
SECTORS: Final = tuple(EDITION.sectors.codes)
SOURCES: Final = tuple(EDITION.money.sources.codes) if EDITION.money else ("unspecified",)
AGENCIES: Final = tuple(f"agency-{n:02d}" for n in range(60))
REGIONS: Final = ("Брестская", "Витебская", "Гомельская", "Гродненская", "Минская", "Могилёвская", "г. Минск")
ROBOT: Final = Actor(id="bench", role="registrar")
BEGIN: Final = datetime(2016, 1, 11, 8, 0, tzinfo=UTC)
YEARS: Final = 10
ORGANISATIONS: Final = 4000
KNOWN: Final = tuple(
    """
    система учёт данные запись электронный цифровой услуга гражданин ведомство обмен реестр пациент врач школа
    ученик дорога транспорт автобус энергия тепло вода лес поле урожай завод станок датчик наблюдение прогноз
    модель распознавание изображение голос перевод документ архив подпись платёж налог таможня склад доставка
    system data service record digital citizen registry school hospital traffic energy forecast model sensor
    image recognition speech translation document archive payment customs warehouse delivery platform portal
    """.split()  # noqa: SIM905
)
SYLLABLES: Final = tuple("ба ве ги до жу за ни ко ла ми но пе ра си ту фа хо це ча ши".split())  # noqa: SIM905
SOUNDS: Final = ("ka", "re", "lo", "mi", "nu", "sa", "te", "vo", "di", "pa")
ENDINGS: Final = ("ние", "ность", "тор", "ка", "ция", "ский", "ть", "ный")
WORDS: Final = 30_000
POOL: Final = 400_000


def vocabulary(dice: random.Random) -> list[str]:
    """Words by how often they come: the known ones first, then made-up ones, three Russian for one English."""
    made = dict.fromkeys(KNOWN)
    while len(made) < WORDS:
        if dice.random() < 0.75:
            word = "".join(dice.choices(SYLLABLES, k=dice.randint(2, 4))) + dice.choice(ENDINGS)
        else:
            word = "".join(dice.choices(SOUNDS, k=dice.randint(2, 5)))
        made[word] = None
    return list(made)


class Shelf:
    """Makes pilots by their number."""

    def __init__(self, seed: int = 1) -> None:
        self._dice = random.Random(seed)
        self.words: Sequence[str] = vocabulary(self._dice)
        weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(self.words))))
        self._pool = self._dice.choices(self.words, cum_weights=weights, k=POOL)

    def rows(self, count: int) -> Iterator[Row]:
        """So many stored pilots."""
        for number in range(count):
            yield self.row(number, count)

    def row(self, number: int, count: int) -> Row:
        """One stored pilot, as the engine would have written it; entries are spread over the years."""
        dice = self._dice
        entered = BEGIN + timedelta(days=365 * YEARS) * (number / count)
        subject = str(UUID(int=dice.getrandbits(128), version=4))
        facts = self._facts(number, entered)
        state: Pilot | None = None
        for fact in facts:
            state = evolve(state, fact)
        assert state is not None
        rest: dict[str, Any] = {"seen": {"intake": 2}, "ids": {}, "outbox": [], "due": None, "trace": {}}
        head = {"_id": subject, "kind": "pilot", "rev": len(facts), "version": len(facts), "correlation": subject}
        return {**head, "state": state_json(state), **rest}

    def _facts(self, number: int, entered: datetime) -> list[Fact]:
        dice, application = self._dice, self._application(entered)
        stage = dice.choice(list(Stage))
        label = f"{EDITION.registration.prefix}-{entered.year}-{number:07d}"
        facts: list[Fact] = [
            PilotEnteredV1(
                actor=ROBOT,
                agency=dice.choice(AGENCIES),
                number=label,
                edition=EDITION.id,
                submitted=entered - timedelta(days=1),
                entered=entered,
                application=application,
            )
        ]
        return facts + self._after(stage, entered, number, application.initiator)

    def _after(self, stage: Stage, entered: datetime, number: int, initiator: Party) -> list[Fact]:
        if stage in OUTCOMES:
            reasons = (ReturnReason(code="other"),) if stage is Stage.RETURNED else ()
            return [ApplicationOutcomeRecordedV1(actor=ROBOT, outcome=OUTCOMES[stage], reasons=reasons)]
        if stage is Stage.LOOK_OVER:
            return [_term("look-over", entered)]
        accepted = ApplicationOutcomeRecordedV1(actor=ROBOT, outcome=ApplicationOutcome.ACCEPTED)
        facts: list[Fact] = [accepted, _term("expertise", entered)]
        if stage is Stage.EXPERTISE:
            return facts
        day = (entered + timedelta(days=30)).date()
        negative = stage is Stage.NEGATIVE
        facts.append(_conclusion(number, day, negative, " ".join(self._some(12))))
        if stage in (Stage.NEGATIVE, Stage.COUNCIL):
            return facts
        expedient = stage is not Stage.NOT_EXPEDIENT
        decision = Expediency.EXPEDIENT if expedient else Expediency.NOT_EXPEDIENT
        basis = Basis(body="Совет", kind="протокол", number=str(number), date=day)
        executor = initiator if expedient else None
        facts.append(ExpediencyDecidedV1(actor=ROBOT, decision=decision, basis=basis, executor=executor))
        return [*facts, PilotLaunchedV1(actor=ROBOT, started=day, basis=basis)] if stage is Stage.RUNNING else facts

    def _application(self, entered: datetime) -> Application:
        dice = self._dice
        lines = tuple(
            CostLine(
                source=dice.choice(SOURCES),
                year=entered.year + n,
                amount_minor=dice.randint(1, 5_000_000) * 100,
                currency="BYN",
            )
            for n in range(dice.randint(0, 3))
        )
        return Application(
            title=" ".join(self._some(6)),
            problem=" ".join(self._some(30)),
            solution=" ".join(self._some(30)),
            sector=dice.choice(SECTORS),
            initiator=self._party(),
            customer=self._party(),
            territory=dice.choice(REGIONS),
            expected_effect=" ".join(self._some(10)),
            costs=lines,
        )

    def _party(self) -> Party:
        number = self._dice.randrange(ORGANISATIONS)
        name = f"Учреждение «{self.words[number].capitalize()}»"
        return Party(id=OrganisationId(scheme="BY-UNP", value=f"79{number:07d}"), name=name)

    def _some(self, about: int) -> list[str]:
        length = self._dice.randint(about // 2, about * 3 // 2)
        start = self._dice.randrange(POOL - length)
        return self._pool[start : start + length]


OUTCOMES: Final = {
    Stage.RETURNED: ApplicationOutcome.RETURNED,
    Stage.WITHDRAWN: ApplicationOutcome.WITHDRAWN,
    Stage.STOPPED: ApplicationOutcome.STOPPED,
    Stage.LAPSED: ApplicationOutcome.LAPSED,
    Stage.REFUSED: ApplicationOutcome.REFUSED,
}


def _term(kind: str, entered: datetime) -> TermRecordedV1:
    return TermRecordedV1(actor=ROBOT, kind=kind, stage=TermStage.STARTED, due_at=entered + timedelta(days=60))


def _conclusion(number: int, day: date, negative: bool, text: str) -> ConclusionRecordedV1:
    return ConclusionRecordedV1(
        actor=ROBOT,
        round=1,
        number=f"ЗЭ-{day.year}-{number}",
        date=day,
        verdict=Verdict.NEGATIVE if negative else Verdict.POSITIVE,
        text=text,
        to_council=not negative,
    )
