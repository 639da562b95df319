"""How an agency is said to stand at Kafka, by what real rows say."""

from datetime import date, timedelta

from contracts.event import Event, wire_moment
from contracts.intake import AgencyDisabledV1, AgencyEnabledV1, AgencyFact
from contracts.steps import EditionFrom
from deploy.samples.common import NOW
from services.chassis.store import Store
from services.intake import at_kafka
from services.intake.domain.agency import Agency, subject_of
from tests.kit.common import SOMEBODY

EDITIONS = (EditionFrom(edition="by-2024", since=date(2025, 1, 1)),)


def nth(n: int, code: str, fact: AgencyFact) -> Event:
    """The fact as the entry's n-th, n hours after the first moment."""
    return Event(f"{code}-{n}", "intake", fact.TYPE, subject_of(code), NOW + timedelta(hours=n), n, "c", {}, fact)


async def test_an_agency_waits_since_its_last_change_and_no_other_agencys_and_by_no_resend(store: Store) -> None:
    code, other = "health", "health-2"
    off = nth(9, code, AgencyDisabledV1(actor=SOMEBODY, code=code, at=NOW, why="Пароль у посторонних."))
    on = nth(10, code, AgencyEnabledV1(actor=SOMEBODY, code=code, at=NOW, why="Выдан новый."))
    others = nth(11, other, AgencyEnabledV1(actor=SOMEBODY, code=other, at=NOW, why="Выдан новый."))
    entries = [Agency(code=one, name="Ведомство", editions=EDITIONS) for one in (code, other, "new")]
    since = list[dict[str, object]]()
    for event in (off, on, others, off):
        for collection, row in at_kafka.projection(event):
            await store.add(collection, [row])
        since.append({one: kafka["since"] for one, kafka in (await at_kafka.told(store, entries)).items()})
    ninth, tenth, eleventh = (wire_moment(NOW + timedelta(hours=n)) for n in (9, 10, 11))
    assert [said[code] for said in since] == [ninth, tenth, tenth, tenth]
    assert since[-1] == {code: tenth, other: eleventh, "new": None}
