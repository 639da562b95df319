"""The pilots of a public register for tests of its pages: public ones, such as nobody outside may know of, and some
with the timeline of which a day's card is made."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from contracts.event import wire_moment
from contracts.reference import TermKind
from contracts.registry import ConflictNotedV1, EffectivenessJudgedV1, PilotEnteredV1, PilotLaunchedV1
from deploy.samples.common import NOW
from deploy.samples.registry import cost, steps
from services.chassis.store import Row
from services.registry import views
from services.registry.domain.commands import LinkReplica, RecordAmendment
from services.registry.domain.stages import Stage
from services.registry.domain.state import PastTerms, Stay
from tests.kit.desk.services import HARMFUL
from tests.kit.registry.life import SECRETARY, SERVICES, Life
from tests.kit.registry.rows import FULL, about, row, timeline_row

SECRET: Final = "неведомость"
"""Stands in every text of what is not public."""
STAGES: Final = [stage for stage in Stage if views.PUBLIC_STAGES[stage] == "always"]
COPIES: Final = 55
"""More than a card or a page shows; the later one was entered, the earlier the public came to see it."""
FURTHER: Final = 205
"""More entries of a timeline than a page shows."""


def pilots() -> Iterator[Row]:
    """Public ones, and such as nobody outside may know of, with a conflict on both kinds."""
    terms = (
        PastTerms(kind=TermKind.EXPERTISE, kept=2, broken=1),
        PastTerms(kind=TermKind.LOOK_OVER, kept=1, broken=0),
        PastTerms(kind=TermKind.APPEAL, kept=5, broken=5),
    )
    yield row("p-1", FULL, number="ПП-2026-000001", past_terms=terms, hidden_from=("expert-17",))
    for n in range(2, 40):
        costs = [cost(1_000_00 + n, "own-money", (2025, 2026, None)[n % 3], ("BYN", "USD")[n % 7 == 0])]
        said = about(
            HARMFUL if n == 2 else f"мост номер {n}",
            sector=("health", "transport", "energy")[n % 3],
            costs=tuple(costs),
            region=("minsk", "brest")[n % 2],
            replicates={2: "p-1", 3: "p-1", 4: "lived", 5: "secret-1", 6: f"{SECRET}-0"}.get(n),
        )
        number, stage = f"ПП-2026-{n:06}", STAGES[n % len(STAGES)]
        yield row(f"p-{n}", stage=stage, number=number, application=said, past_terms=terms[: n % 3])
    for n in range(COPIES):
        yield row(
            f"copy-{n:02}",
            stage=Stage.RUNNING,
            number=f"ПП-2027-{n:06}",
            application=about(f"повтор номер {n}", replicates="p-1"),
            entered=NOW - timedelta(days=30, hours=COPIES - n),
            history=(Stay(stage=Stage.RUNNING, sector="health", since=NOW + timedelta(hours=COPIES - n)),),
        )
    for n, stage in enumerate((Stage.LOOK_OVER, Stage.EXPERTISE, Stage.NEGATIVE, Stage.RETURNED, Stage.WITHDRAWN)):
        hidden = about(
            f"{SECRET} мост",
            costs=(cost(777_777_77, "own-money", 2031, "EUR"),),
            replicates="p-1",
            office="office-secret",
        )
        yield row(
            f"secret-{n}",
            stage=stage,
            conclusions=(),
            number=f"{SECRET}-{n}",
            agency="secret-agency",
            agency_name=SECRET,
            application=hidden,
            past_terms=(PastTerms(kind=TermKind.CREDIT_EXPERTISE, kept=9, broken=9),),
            hidden_from=("expert-17",),
        )


def lived() -> Iterator[tuple[Row, list[Row]]]:
    """A pilot that was before the Council at the end of NOW's day and was found expedient three days later, one that
    copies it and went the same way, and one whose application names it only since that later day; each with the
    timeline of which a day's card is made."""
    first, copy, later = (
        Life(application=one).to(Stage.COUNCIL)
        for one in (about("День за днём"), about("По стопам", replicates="lived"), about("Вслед за всеми"))
    )
    for life in (first, copy):
        early = len(life.facts)
        life.later(days=3).do(*steps(Stage.EXPEDIENT, life.day), who=SECRETARY)
        if life is first:
            life.do(*(LinkReplica(one, "", None) for one in ("lived-copy", "lived-later")), who=SERVICES)
        yield _remembered("lived" if life is first else "lived-copy", life, early)
    early = len(later.facts)
    named = about("Вслед за всеми", replicates="lived")
    later.later(days=3).do(RecordAmendment("q-1", named), who=SERVICES)
    yield _remembered("lived-later", later, early)


def _remembered(id_: str, life: Life, early: int) -> tuple[Row, list[Row]]:
    """A pilot with its timeline, so many facts of which were recorded at NOW."""
    told = list[Row]()
    for n, fact in enumerate(life.facts, start=1):
        data = fact.model_dump(mode="json")
        beside = {name: data.pop(name, None) for name in ("actor", "basis", "after", "cause")}
        time = wire_moment(NOW if n <= early else life.now)
        told.append({**timeline_row(id_, n, fact.TYPE, **data), **beside, "time": time})
    number = f"ПП-2026-{900 + LIVES.index(id_):06}"
    return {**row(id_, life.pilot, number=number), "version": len(told)}, told


LIVES: Final = ("lived", "lived-copy", "lived-later")
LIVED: Final = [*lived()]
FACTS: Final = (
    timeline_row("p-1", 1, PilotEnteredV1.TYPE, agency="minzdrav", number="ПП-2026-000001", edition="by-2024"),
    timeline_row("p-1", 2, ConflictNotedV1.TYPE, hidden=["expert-17"], why=SECRET),
    timeline_row("p-1", 3, PilotLaunchedV1.TYPE, started="2026-06-01"),
    timeline_row("p-1", 4, EffectivenessJudgedV1.TYPE, outcome="effective", text=SECRET),
    timeline_row("p-2", 1, PilotEnteredV1.TYPE, agency="minzdrav", number="ПП-2026-000002", edition="by-2024"),
    timeline_row("p-2", 2, ConflictNotedV1.TYPE, hidden=["expert-17"], why=SECRET),
    *(timeline_row("p-3", n + 1, PilotLaunchedV1.TYPE, started="2026-06-01") for n in range(FURTHER)),
)
