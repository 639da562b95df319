"""Fictional pilots for measurements of the register: many, varied, the same in every run, made by the domain's evolve.

Words come as in any language: a few very often, most hardly ever. Bodies are of real kinds with numbers of no one. How
far pilots have come, and how unequally agencies have them, is as in the United States' federal inventory of 2025, the
one list of this kind and size that is published whole.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

from bench.lives import life
from bench.stages import STAGES
from contracts.event import Fact
from contracts.reference import WHOLE, Application, CostLine, Party, Procedure, SectorShare
from contracts.rules import load
from contracts.topics import INTAKE
from deploy.samples.common import party
from deploy.samples.registry import cost
from services.chassis.fold import state_json
from services.chassis.store import Row
from services.registry.domain.evolve import evolve
from services.registry.domain.stages import Stage
from services.registry.domain.state import Pilot

EDITION: Final = load().edition("by-2024")
SECTORS: Final = tuple(EDITION.sectors.codes)
SOURCES: Final = tuple(EDITION.money.sources.codes) if EDITION.money else ("unspecified",)
REGIONS: Final = tuple(EDITION.regions.codes)
OFFICES: Final = tuple(EDITION.offices.codes)
AGENCIES: Final = tuple(f"agency-{n:02d}" for n in range(60))
BY_SIZE: Final = tuple(accumulate(1 / (rank + 4) for rank in range(len(AGENCIES))))
"""The largest agency has about a tenth of all pilots, as in that inventory."""
BEGIN: Final = datetime(2014, 1, 13, 8, 0, tzinfo=UTC)
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

    @property
    def text(self) -> str:
        """The words as they come one after another, the common ones often."""
        return " ".join(self._pool)

    def rows(self, count: int) -> Iterator[Row]:
        """So many stored pilots."""
        for number in range(count):
            yield self.row(number, count)

    def row(self, number: int, count: int) -> Row:
        """One stored pilot, as the engine would have written it; entries are spread over the years.

        It has no timeline, so none of its reports is promised to stand there: what they come to is there all the same.
        """
        dice = self._dice
        entered = BEGIN + timedelta(days=365 * YEARS) * (number / count)
        subject = str(UUID(int=dice.getrandbits(128), version=4))
        facts = self.facts(number, entered)
        state = come_of(facts)
        reported = state.reported.model_copy(update={"reports": 0, "values": 0, "spending": 0})
        return stored(subject, len(facts), state.model_copy(update={"reported": reported}))

    def facts(self, number: int, entered: datetime) -> list[Fact]:
        """What happened to one pilot that was entered at a moment, up to where it stands."""
        dice = self._dice
        [stage] = dice.choices(list(STAGES), cum_weights=BY_STAGE)
        credit = stage in (Stage.CREDITED, Stage.NOT_CREDITED)
        application = self._application(entered, Procedure.CREDIT if credit else Procedure.PILOT)
        label = f"{EDITION.registration.prefix}-{entered.year}-{number:07d}"
        [agency] = dice.choices(AGENCIES, cum_weights=BY_SIZE)
        texts = [" ".join(self._some(length)) for length in (12, 30, 20)]
        return life(stage, dice, agency, label, EDITION.id, entered, application, texts)

    def _application(self, entered: datetime, procedure: Procedure) -> Application:
        dice = self._dice
        sectors = dice.sample(SECTORS, dice.choice((1, 1, 1, 1, 2, 3)))
        return Application(
            title=" ".join(self._some(6)),
            problem=" ".join(self._some(30)),
            solution=" ".join(self._some(30)),
            sector=sectors[0],
            initiator=self._party(),
            customer=self._party(),
            territory=dice.choice(TERRITORIES),
            expected_effect=" ".join(self._some(10)),
            costs=tuple(self._cost(entered.year + n) for n in range(dice.randint(0, 3))),
            procedure=procedure,
            region=dice.choice((*REGIONS, None)),
            office=f"office-{sectors[0]}" if dice.random() < 0.7 else None,
            sector_shares=_shares(sectors) if len(sectors) > 1 else (),
        )

    def _cost(self, year: int) -> CostLine:
        dice = self._dice
        amount = dice.randint(1, 5_000_000) * 100
        return cost(amount, dice.choice(SOURCES), year)

    def _party(self) -> Party:
        number = self._dice.randrange(ORGANISATIONS)
        name = f"Учреждение «{self.words[number].capitalize()}»"
        return party(f"79{number:07d}", name)

    def _some(self, about: int) -> list[str]:
        length = self._dice.randint(about // 2, about * 3 // 2)
        start = self._dice.randrange(POOL - length)
        return self._pool[start : start + length]


TERRITORIES: Final = ("Район", "Несколько районов", "Город", "Область")
BY_STAGE: Final = tuple(accumulate(STAGES.values()))


def come_of(facts: Sequence[Fact]) -> Pilot:
    """The pilot that these facts, one at least, make."""
    state: Pilot | None = None
    for fact in facts:
        state = evolve(state, fact)
    assert state is not None
    return state


def stored(subject: str, version: int, state: Pilot) -> Row:
    """A pilot as the engine would have written it."""
    rest: dict[str, Any] = {"seen": {INTAKE: 2}, "ids": {}, "outbox": [], "due": None, "trace": {}}
    head = {"_id": subject, "kind": "pilot", "rev": version, "version": version, "correlation": subject}
    return {**head, "state": state_json(state), **rest}


def _shares(sectors: Sequence[str]) -> tuple[SectorShare, ...]:
    """Equal shares, the first sector having what is left over."""
    part = WHOLE // len(sectors)
    points = [WHOLE - part * (len(sectors) - 1), *[part] * (len(sectors) - 1)]
    return tuple(SectorShare(sector=sector, basis_points=one) for sector, one in zip(sectors, points, strict=True))
