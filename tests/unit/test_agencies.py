"""The directory of agencies: what an entry says, who is cut off and by what words, and how soon a process knows it."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from contracts.intake import AgencyDisabledV1, AgencyEnabledV1, AgencyEnteredV1, EventRefusedV1, SubmissionRefusedV1
from contracts.reference import OrganisationId
from contracts.steps import AgencyDisabling, AgencyEnabling, AgencyEntry, EditionFrom, Quota
from deploy.samples.common import BOOK, NOW, SUBJECT
from services.chassis.problems import Problematic
from services.chassis.store import StoreAway
from services.intake import directory
from services.intake.directory import Directory
from services.intake.domain.agency import Agency, Given, subject_of
from services.intake.domain.state import pilot_id
from services.intake.service import SERVICE
from tests.kit.common import Story
from tests.kit.intake.story import CODE, STATES, resubmit, submit, withdraw
from tests.kit.sides import COMMAND_HEADERS, Side, bearer, problem

agencies = Story(SERVICE.aggregates["agency"], Given(BOOK), subject_of(CODE))
pilots = Story(SERVICE.aggregates["pilot"], subject=SUBJECT)
UNP = OrganisationId(scheme="BY-UNP", value="790000029")
WHOLE = AgencyEntry(
    name="Ведомство",
    name_be="Ведамства",
    name_en="The agency",
    editions=(EditionFrom(edition="by-2024", since=date(2026, 1, 1)),),
    organisation=UNP,
    contact_role="Отдел цифрового развития",
    active_from=date(2026, 1, 1),
    active_to=NOW.date(),
    quota=Quota(events_a_minute=10, bytes_a_minute=100_000),
)
OFF, ON = AgencyDisabling(why="Ключ у посторонних."), AgencyEnabling(why="Новые ключи.")


def entered(**changes: Any) -> Agency:
    state = agencies.given(*agencies.when(None, WHOLE.model_copy(update=changes)))
    assert isinstance(state, Agency)
    return state


def test_an_entry_has_names_number_contact_days_and_quota_and_keeps_what_cuts_it_off() -> None:
    state = entered()
    assert AgencyEntry.made_of(state) == WHOLE
    [off] = agencies.when(state, OFF)
    assert isinstance(off, AgencyDisabledV1) and off.why == OFF.why
    cut = agencies.given(off, state=state)
    [renamed] = agencies.when(cut, WHOLE.model_copy(update={"name": "Новое имя"}))
    assert isinstance(renamed, AgencyEnteredV1)
    after = agencies.given(renamed, state=cut)
    assert (after.name, after.disabled) == ("Новое имя", NOW)
    assert agencies.when(after, OFF) == () == agencies.when(after, WHOLE.model_copy(update={"name": "Новое имя"}))
    [on] = agencies.when(after, ON)
    assert isinstance(on, AgencyEnabledV1)
    assert agencies.given(on, state=after).disabled is None


@pytest.mark.parametrize(
    ("changes", "pointer", "rule"),
    [
        (
            {"organisation": OrganisationId(scheme="BY-UNP", value="790000028")},
            "/organisation/value",
            "party.check-digit",
        ),
        ({"organisation": OrganisationId(scheme="XX-NONE", value="1")}, "/organisation/scheme", "party.scheme"),
        ({"contact_role": "Образцова Мария Примеровна"}, "/contact_role", "agency.contact-person"),
        ({"active_to": date(2025, 12, 31)}, "/active_to", "agency.period-order"),
    ],
)
def test_what_is_wrong_with_an_entry_is_told_by_its_place(changes: Any, pointer: str, rule: str) -> None:
    refusal = agencies.refused(None, WHOLE.model_copy(update=changes))
    assert (refusal.code, refusal.status) == ("agency.faulty", 422)
    assert [(one.pointer, one.rule) for one in refusal.problems] == [(pointer, rule)]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"disabled": NOW}, "agency.disabled"),
        ({"active_from": date(2026, 4, 17), "active_to": None}, "agency.not-yet"),
        ({"active_to": date(2026, 4, 15)}, "agency.over"),
    ],
)
def test_what_an_agency_sends_that_may_not_is_refused_in_words_whatever_it_says(changes: Any, rule: str) -> None:
    given = Given(BOOK, entered().model_copy(update=changes))
    [refused] = pilots.when(None, submit(title="", sector="none"), given=given)
    assert isinstance(refused, SubmissionRefusedV1)
    [about_nothing] = Story(SERVICE.aggregates["pilot"], given, pilot_id(CODE, "a-4")).when(None, withdraw())
    assert isinstance(about_nothing, SubmissionRefusedV1)
    [later] = pilots.when(STATES["returned"], resubmit(), given=given)
    assert isinstance(later, EventRefusedV1)
    assert [[one.rule for one in fact.problems] for fact in (refused, about_nothing, later)] == [[rule]] * 3


def test_the_last_day_is_the_agencys_own_in_the_zone_of_its_edition() -> None:
    given = Given(BOOK, entered(), number="ПП-2026-000001")
    facts = pilots.when(None, submit(), given=given)
    assert not isinstance(facts[0], SubmissionRefusedV1)


# ---- over HTTP


def test_an_agency_that_is_cut_off_is_let_in_nowhere_as_a_publisher(intake: Side) -> None:
    found = intake.engine.found[subject_of("vedomstvo")]
    assert isinstance(found.state, Agency)
    object.__setattr__(found, "state", found.state.model_copy(update={"disabled": NOW}))
    for method, path in (("post", "/v1/events"), ("post", "/v1/events/validate"), ("get", "/v1/receipts")):
        refused = problem(intake.ask(method, path, bearer("publisher"), json={}), 403)
        assert (refused["title"], refused["action"]) == ("agency.disabled", "retry")
    assert not intake.engine.taken
    assert intake.ask("get", "/v1/receipts", bearer("officer")).status_code == 200


def test_cutting_off_needs_no_revision_and_letting_in_does(intake: Side) -> None:
    headers = bearer("admin", org="operator") | {"Idempotency-Key": "k"}
    path = "/v1/agencies/vedomstvo"
    assert intake.ask("post", f"{path}/disabling", headers, json={"why": "Утечка."}).status_code == 200
    refused = problem(intake.ask("post", f"{path}/enabling", headers, json={"why": "Готово."}), 428)
    assert refused["title"] == "if-match.missing"
    seen = headers | COMMAND_HEADERS
    assert intake.ask("post", f"{path}/enabling", seen, json={"why": "Готово."}).status_code == 200


# ---- what a process knows


class Counting:
    """Entries, and how often they were read."""

    def __init__(self) -> None:
        self.entry: Agency | None = entered()
        self.read = 0
        self.away = False

    async def __call__(self) -> dict[str, Agency]:
        self.read += 1
        await asyncio.sleep(0)
        if self.away:
            raise StoreAway("away")
        return {CODE: self.entry} if self.entry is not None else {}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of what a process knows on."""
    now = [1000.0]
    monkeypatch.setattr("services.intake.directory.time.monotonic", lambda: now[0])
    monkeypatch.setattr(Directory, "_tend", lambda _self: None)  # nothing is read behind the backs of these tests

    def on(seconds: float) -> None:
        now[0] += seconds

    return on


async def test_a_directory_is_read_once_for_many_requests_and_again_when_it_is_a_second_old(
    clock: Callable[[float], None],
) -> None:
    load = Counting()
    known = Directory(load, lambda: NOW, BOOK)
    await asyncio.gather(*(known.need_publisher(CODE) for _ in range(20)))
    clock(directory.FRESH)
    await known.need_publisher(CODE)
    assert load.read == 1
    load.entry = entered().model_copy(update={"disabled": NOW})
    await known.need_open(CODE)
    clock(0.01)
    with pytest.raises(Problematic) as caught:
        await known.need_open(CODE)
    assert (load.read, caught.value.status, caught.value.code) == (2, 403, "agency.disabled")


async def test_what_a_process_has_changed_itself_it_knows_at_once(clock: Callable[[float], None]) -> None:
    load = Counting()
    known = Directory(load, lambda: NOW, BOOK)
    await known.need_publisher(CODE)
    load.entry = None
    clock(0.001)
    known.forget()
    with pytest.raises(Problematic) as caught:
        await known.need_publisher(CODE)
    assert (caught.value.status, caught.value.code) == (403, "agency.unknown")


async def test_nobody_is_let_in_by_what_was_known_before_the_store_went_away(clock: Callable[[float], None]) -> None:
    load = Counting()
    known = Directory(load, lambda: NOW, BOOK)
    await known.need_publisher(CODE)
    load.away = True
    clock(directory.FRESH + 0.01)
    with pytest.raises(StoreAway):
        await known.need_publisher(CODE)
    load.away = False
    await known.need_publisher(CODE)


async def test_while_requests_come_it_is_read_anew_behind_their_backs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "ANEW", 0.01)
    load = Counting()
    known = Directory(load, lambda: NOW, BOOK)
    await known.need_publisher(CODE)
    async with asyncio.timeout(30):
        while load.read < 3:
            await asyncio.sleep(0.01)
