"""How an agency is said to stand at Kafka, by what real rows say."""

from datetime import date, timedelta

import pytest

from contracts.event import Event, wire_moment
from contracts.intake import AgencyDisabledV1, AgencyEnabledV1, AgencyFact
from contracts.steps import EditionFrom
from deploy.samples.common import NOW
from services.chassis.engine import Engine
from services.chassis.store import BY_ID, Store, StoreAway
from services.intake import at_kafka
from services.intake.domain.agency import Agency, subject_of
from tests.kit.common import SOMEBODY
from tests.kit.intake.sides import Ask

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


async def test_of_a_request_for_a_password_nothing_is_kept_that_no_fact_names_unless_its_end_is_unknown(
    engine: Engine, ask: Ask, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def kept() -> list[str]:
        return [row["_id"] for row in await store.rows(at_kafka.PASSWORDS, {}, sort=BY_ID, limit=9)]

    async def asked(code: str = "demo", **headers: str) -> int:
        path, named = f"/v1/agencies/{code}/kafka-password", {name.replace("_", "-"): headers[name] for name in headers}
        return int((await ask("post", path, "admin@operator", headers=named)).status_code)

    async def of_the_entry() -> str:
        state = (await engine.documents([subject_of("demo")]))[subject_of("demo")].state
        assert isinstance(state, Agency) and state.password is not None
        return state.password.id

    assert await asked(Idempotency_Key="first") == 201
    [first] = await kept()
    assert await of_the_entry() == first
    assert await asked(Idempotency_Key="first") == 200, "what is sent again makes no second password"
    assert await asked("nobody", Idempotency_Key="k1") == 404
    assert await asked() == 400
    assert await asked(Idempotency_Key="k2", If_Match='"77"') == 412
    assert await asked("evil", Idempotency_Key="first") == 409
    assert await kept() == [first]

    written = store.write

    async def no_word(*folds: object) -> None:
        await written(*folds)  # type: ignore[arg-type]
        raise StoreAway("no word came back")

    monkeypatch.setattr(store, "write", no_word)
    assert await asked(Idempotency_Key="second") == 503
    monkeypatch.undo()
    [second] = {*await kept()} - {first}
    assert await of_the_entry() == second
