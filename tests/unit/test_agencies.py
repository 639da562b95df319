"""The directory of agencies: what an entry says, who is cut off and by what words, and how soon a process knows it."""

import asyncio
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.agency import ApplicationSubmittedV2
from contracts.event import Actor, Fact
from contracts.freeze import example
from contracts.intake import (
    AgencyDisabledV1,
    AgencyEnabledV1,
    AgencyEnteredV1,
    AgencyFact,
    AgencyKeyIssuedV1,
    AgencyKeyRevokedV1,
    EventRefusedV1,
    SubmissionRefusedV1,
)
from contracts.reference import OrganisationId, Scope
from contracts.steps import AgencyDisabling, AgencyEnabling, AgencyEntry, EditionFrom, KeyOrder, KeyRevocation, Quota
from deploy.samples.common import BOOK, NOW, SUBJECT
from services.chassis import directory
from services.chassis.allowance import Allowance
from services.chassis.directory import digest_of
from services.chassis.marks import Behind
from services.chassis.problems import Problematic
from services.chassis.settings import Settings
from services.chassis.store import StoreAway
from services.chassis.subject import Document, Duplicate
from services.intake import queries
from services.intake.directory import Directory, need_editions
from services.intake.domain import agency_keys
from services.intake.domain.agency import Agency, Given, subject_of
from services.intake.domain.agency_keys import Fresh, IssueKey, RevokeKey, RotateKey
from services.intake.domain.state import pilot_id
from services.intake.quotas import Quotas, most_of, nothing_shared
from services.intake.service import SERVICE
from services.registry.domain.agencies import MOST_ENDED, NoteAgency
from services.registry.domain.agencies import Agency as Noted
from services.registry.service import SERVICE as REGISTER
from tests.kit.common import SOMEBODY, Story
from tests.kit.intake.story import CODE, STATES, resubmit, submit, withdraw
from tests.kit.sides import COMMAND_HEADERS, PILOT, Side, bearer, problem

agencies = Story(SERVICE.aggregates["agency"], Given(BOOK), subject_of(CODE))
pilots = Story(SERVICE.aggregates["pilot"], subject=SUBJECT)
register = Story(REGISTER.aggregates["agency"], BOOK, subject_of(CODE))
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
DIGEST = digest_of("a-key")
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


def test_intake_does_not_start_without_an_edition_that_an_agency_follows() -> None:
    own = EditionFrom(edition="ministry-2026", since=date(2026, 11, 1))
    followed = entered().model_copy(update={"editions": (*WHOLE.editions, own)})
    need_editions([entered()], BOOK)
    with pytest.raises(Behind, match=rf"ministry-2026 \(of {CODE}, other\)\. LOTSMAN_EDITIONS must name the folder"):
        need_editions([entered(), followed, followed.model_copy(update={"code": "other"})], BOOK)


def test_an_entry_says_by_which_edition_what_is_sent_now_is_judged() -> None:
    day = NOW.date()
    for editions, in_force in (
        ((("by-2024", day),), "by-2024"),
        ((("by-2024", day + timedelta(days=1)),), None),
        ((("demo-us", day - timedelta(days=9)), ("by-2024", day), ("demo-us", day + timedelta(days=9))), "by-2024"),
    ):
        since = tuple(EditionFrom(edition=edition, since=first) for edition, first in editions)
        state = entered().model_copy(update={"editions": since})
        card = queries.agency_card(state, NOW, BOOK, {})
        assert card["in_force"] == in_force, editions


# ---- over HTTP


def test_an_agency_that_is_cut_off_is_let_in_nowhere_as_a_publisher(intake: Side) -> None:
    found = intake.engine.found[subject_of("vedomstvo")]
    assert isinstance(found.state, Agency)
    object.__setattr__(found, "state", found.state.model_copy(update={"disabled": NOW}))
    closed = (("post", "/v1/events"), ("post", "/v1/events/validate"), ("get", "/v1/receipts"), ("get", "/v1/hooks"))
    for method, path in closed:
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


# ---- keys


def given_out(side: Side, path: str, body: dict[str, Any], **more: str) -> tuple[dict[str, Any], Any]:
    """What is answered to who asks for a key, and the command that is carried out."""
    headers = bearer("admin", org="operator") | {"Idempotency-Key": "k"} | more
    answer = side.ask("post", f"/v1/agencies/vedomstvo/keys{path}", headers, json=body)
    assert answer.status_code in (200, 201), answer.text
    assert answer.headers["Cache-Control"] == "private, no-store"
    return answer.json(), side.engine.taken[-1].command


def holding(side: Side, *facts: Fact, **changes: Any) -> None:
    """Has the agency's entry be what these facts make of it."""
    subject = subject_of("vedomstvo")
    found = side.engine.found[subject]
    state = agencies.given(*facts, state=found.state)
    side.engine.found[subject] = replace(found, state=state.model_copy(update=changes))
    side.app.state.agencies.forget()


def decided(side: Side, command: Any, now: datetime = NOW) -> Sequence[Fact]:
    actor = Actor(id="u-1", organisation="operator", role="admin")
    return agencies.when(side.engine.found[subject_of("vedomstvo")].state, command, now=now, actor=actor)


def with_key(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


RECEIPTS = {"label": "Учётная система", "scopes": ["receipts"]}


def test_a_key_is_told_once_and_opens_what_its_scopes_say_until_it_is_revoked(intake: Side) -> None:
    told, command = given_out(intake, "", RECEIPTS)
    key = told["key"]
    assert key.startswith(f"{told['begins']}_") and len(key) > 64
    [issued] = decided(intake, command)
    assert isinstance(issued, AgencyKeyIssuedV1)
    assert key not in issued.model_dump_json() and key[-64:] not in issued.model_dump_json()
    holding(intake, issued)
    assert intake.ask("get", "/v1/receipts/a-1", with_key(key)).status_code == 200
    assert intake.ask("get", "/v1/editions", with_key(key)).status_code == 200
    refused = problem(intake.ask("post", "/v1/events", with_key(key), json=example(ApplicationSubmittedV2.TYPE)), 403)
    assert (refused["title"], "publish" in refused["detail"]) == ("key.scope", True)
    assert (
        problem(intake.ask("delete", f"/v1/applications/{PILOT}/contact", with_key(key)), 403)["title"] == "key.closed"
    )
    shown = intake.ask("get", "/v1/agencies/vedomstvo/keys", bearer("auditor")).json()["items"]
    assert [(one["begins"], one["scopes"], one["label"]) for one in shown] == [
        (told["begins"], ["receipts"], "Учётная система")
    ]
    assert "digest" not in json.dumps(shown)
    revoke = RevokeKey(told["id"], KeyRevocation(why="Утечка."))
    [revoked] = decided(intake, revoke)
    holding(intake, revoked)
    assert decided(intake, revoke) == ()
    refused = problem(intake.ask("get", "/v1/receipts/a-1", with_key(key)), 401)
    assert refused["title"] == "auth.invalid"
    assert refused["detail"] == "The token or key is not valid: the key was revoked.", "one sentence"


def test_a_program_that_publishes_sees_how_much_its_agency_may(intake: Side) -> None:
    told, command = given_out(intake, "", {**RECEIPTS, "scopes": ["publish"]})
    holding(intake, *decided(intake, command))
    quota = intake.ask("get", "/v1/agencies/vedomstvo/quota", with_key(told["key"]))
    assert (quota.status_code, quota.json()["own"]) == (200, False)
    assert problem(intake.ask("get", "/v1/agencies/other/quota", with_key(told["key"])), 404)
    other, command = given_out(intake, "", RECEIPTS, **{"Idempotency-Key": "other"})
    holding(intake, *decided(intake, command))
    closed = problem(intake.ask("get", "/v1/agencies/vedomstvo/quota", with_key(other["key"])), 403)
    assert closed["title"] == "key.scope"


def test_a_rotated_key_is_good_beside_its_successor_for_the_overlap(intake: Side) -> None:
    old, command = given_out(intake, "", RECEIPTS)
    holding(intake, *decided(intake, command))
    new, rotation = given_out(intake, f"/{old['id']}/rotation", {"overlap_hours": 2}, **{"Idempotency-Key": "other"})
    [issued] = decided(intake, rotation, NOW - timedelta(hours=1))
    holding(intake, issued)
    for one in (old, new):
        assert intake.ask("get", "/v1/receipts/a-1", with_key(one["key"])).status_code == 200
    holding(intake, issued.model_copy(update={"key": "f" * 12, "replaced_until": NOW}))
    assert problem(intake.ask("get", "/v1/receipts/a-1", with_key(old["key"])), 401)
    assert intake.ask("get", "/v1/receipts/a-1", with_key(new["key"])).status_code == 200
    state, again = intake.engine.found[subject_of("vedomstvo")].state, Fresh("1" * 12, "d")
    assert agencies.refused(state, RotateKey(old["id"], again, timedelta(0))).code == "key.ended"


def test_a_key_with_an_end_hands_it_on_to_the_one_in_its_place_however_often_it_is_rotated() -> None:
    end, soon, state = NOW + timedelta(days=30), timedelta(hours=1), entered()
    first = IssueKey(KeyOrder(label="К", scopes=(Scope.PUBLISH,), until=end), Fresh("a", "d"))
    for step in (first, RotateKey("a", Fresh("b", "d"), soon), RotateKey("a", Fresh("c", "d"), soon)):
        state = agencies.given(*agencies.when(state, step), state=state)
    assert [one.until for one in state.keys] == [NOW + soon, end, end]


def test_the_same_asked_again_tells_which_key_it_was_and_not_the_key(intake: Side) -> None:
    first, _ = given_out(intake, "", RECEIPTS)
    intake.engine.outcome = Duplicate(3, 8)
    again, _ = given_out(intake, "", RECEIPTS)
    assert again == {**first, "key": None}


def test_keys_are_bounded_and_what_is_good_is_never_forgotten_for_what_ended() -> None:
    state = entered()
    order = KeyOrder(label="К", scopes=(Scope.PUBLISH,))
    for number in range(agency_keys.MOST_KEPT + 5):
        state = agencies.given(
            *agencies.when(state, IssueKey(order, Fresh(f"{number:012d}", str(number)))), state=state
        )
        if number:
            revocation = RevokeKey(f"{number:012d}", KeyRevocation(why="Проба."))
            state = agencies.given(*agencies.when(state, revocation), state=state)
    assert len(state.keys) == agency_keys.MOST_KEPT
    assert [one.id for one in state.keys if one.good(NOW)] == ["0" * 12]
    for number in range(100, 100 + agency_keys.MOST_LIVING - 1):
        state = agencies.given(
            *agencies.when(state, IssueKey(order, Fresh(f"{number:012d}", str(number)))), state=state
        )
    assert agencies.refused(state, IssueKey(order, Fresh("e" * 12, "d"))).code == "key.too-many"
    past = KeyOrder(label="К", scopes=(Scope.PUBLISH,), until=NOW)
    assert agencies.refused(entered(), IssueKey(past, Fresh("e" * 12, "d"))).code == "key.until-past"
    assert agencies.refused(entered(), RevokeKey("e" * 12, KeyRevocation(why="Проба."))).status == 404


def test_a_key_that_nobody_gave_out_opens_nothing_and_at_the_expertise_none_does(sides: Mapping[str, Side]) -> None:
    for service, path in (("intake", "/v1/receipts"), ("expertise", "/v1/reviews"), ("registry", "/v1/pilots")):
        refused = problem(sides[service].ask("get", path, with_key("lotsman_1_2")), 401)
        assert (refused["title"], refused["detail"] != "") == ("auth.invalid", True)


# ---- at the register


def noted(*of_intake: AgencyFact, state: Noted | None = None, now: datetime = NOW) -> Noted:
    """How an agency stands at the register after facts of intake."""
    for fact in of_intake:
        state = register.given(*register.when(state, NoteAgency(fact), now=now), state=state)
    assert state is not None
    return state


def issued(key: str, **changes: Any) -> AgencyKeyIssuedV1:
    told = {"label": "К", "scopes": ("register",), "digest": digest_of(key), "key": key, **changes}
    return AgencyKeyIssuedV1(actor=SOMEBODY, code=CODE, at=NOW, **told)


ENTERED = AgencyEnteredV1.made_of(WHOLE, actor=SOMEBODY, code=CODE)
DISABLED = AgencyDisabledV1(actor=SOMEBODY, code=CODE, why="Утечка.", at=NOW)


def test_the_register_notes_who_is_let_in_and_by_which_keys_whatever_it_has_missed() -> None:
    state = noted(ENTERED, issued("1"), DISABLED)
    assert (state.disabled, state.active_to, state.zone) == (NOW, NOW.date(), "Europe/Minsk")
    assert [one.id for one in state.keys] == ["1"]
    assert noted(DISABLED).disabled == NOW, "an agency that was entered before the register heard of any"
    assert register.when(state, NoteAgency(ENTERED)) == (), "nothing changes"
    assert noted(AgencyEnabledV1(actor=SOMEBODY, code=CODE, why="Да.", at=NOW), state=state).disabled is None
    unknown = ENTERED.model_copy(update={"editions": (EditionFrom(edition="not-here", since=NOW.date()),)})
    assert noted(unknown, DISABLED).disabled == NOW, "an edition that only intake knows hides nothing"
    state = noted(issued("2", replaces="1", replaced_until=NOW + timedelta(hours=1)), state=state)
    assert [one.good(NOW + timedelta(hours=2)) for one in state.keys] == [False, True]
    state = noted(AgencyKeyRevokedV1(actor=SOMEBODY, code=CODE, key="2", why="Проба.", at=NOW), state=state)
    assert [one.good(NOW) for one in state.keys] == [True, False]
    for number in range(100):
        end = issued(f"k-{number}", until=NOW - timedelta(days=1))
        state = noted(end, state=state)
    assert len(state.keys) == 1 + MOST_ENDED and state.keys[0].id == "1"


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ((ENTERED, DISABLED), "agency.disabled"),
        ((ENTERED.model_copy(update={"active_from": date(2026, 4, 17), "active_to": None}),), "agency.not-yet"),
        ((ENTERED.model_copy(update={"active_to": date(2026, 4, 15)}),), "agency.over"),
    ],
)
def test_who_is_let_in_nowhere_reads_no_register_by_token_or_key(
    facts: tuple[AgencyFact, ...], rule: str, registry: Side
) -> None:
    subject, path = subject_of(CODE), "/v1/pilots"

    def standing(*of_intake: AgencyFact) -> None:
        registry.engine.found[subject] = Document(subject, "agency", rev=1, version=1, state=noted(*of_intake))
        registry.app.state.agencies.forget()

    key, token = "lotsman_1_2", bearer("publisher", org=CODE)
    standing(ENTERED, issued(key))
    assert [registry.ask("get", path, who).status_code for who in (token, with_key(key))] == [200, 200]
    assert problem(registry.ask("get", f"/v1/agencies/{CODE}", with_key(key)), 403)["title"] == "auth.role"
    known = registry.ask("get", f"/v1/agencies/{CODE}", bearer("admin", org="operator")).json()
    assert [(one["id"], one["scopes"]) for one in known["keys"]] == [(key, ["register"])] and known["active_to"]
    standing(ENTERED, issued(key, scopes=("publish",)))
    assert problem(registry.ask("get", path, with_key(key)), 403)["title"] == "key.scope"
    standing(issued(key), *facts)
    for who in (token, with_key(key)):
        assert problem(registry.ask("get", path, who), 403)["title"] == rule
    assert registry.ask("get", path, bearer("auditor", org="operator")).status_code == 200


async def test_the_use_of_a_key_is_noted_once_a_minute_and_again_where_that_failed(
    clock: Callable[[float], None],
) -> None:
    noted, away = list[str](), [True]

    async def note(key: str, _at: datetime) -> None:
        if away:
            away.pop()
            raise StoreAway("away")
        noted.append(key)

    load = Counting()
    [issued] = agencies.when(
        load.entry, IssueKey(KeyOrder(label="К", scopes=(Scope.PUBLISH,)), Fresh("a" * 12, DIGEST))
    )
    load.entry = agencies.given(issued, state=load.entry)
    known = Directory(load, lambda: NOW, BOOK, note)
    for seconds in (0.0, 1.0, 1.0, directory.USED_AGAIN):
        clock(seconds)
        await known.bearer("a-key")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert noted == ["a" * 12, "a" * 12], "the first failed, the third is within a minute of the second"


# ---- what a process knows


class Counting:
    """Entries, and how often they were read."""

    def __init__(self) -> None:
        self.entry: Agency | None = entered()
        self.read = 0
        self.away = False

    async def __call__(self) -> list[Agency]:
        self.read += 1
        await asyncio.sleep(0)
        if self.away:
            raise StoreAway("away")
        return [self.entry] if self.entry is not None else []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of what a process knows on."""
    now = [1000.0]
    monkeypatch.setattr("services.chassis.directory.time.monotonic", lambda: now[0])
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
    with pytest.raises(Problematic) as caught:
        await known.bearer("a-key")
    assert (caught.value.status, caught.value.code) == (503, "store.away")
    load.away = False
    await known.need_publisher(CODE)


async def test_while_requests_come_it_is_read_anew_behind_their_backs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "ANEW", 0.01)
    load, trace, read_in = Counting(), ContextVar("trace", default="none"), list[str]()

    async def noted() -> Any:
        read_in.append(trace.get())
        return await load()

    known = Directory(noted, lambda: NOW, BOOK)
    trace.set("of the first request")
    await known.need_publisher(CODE)
    async with asyncio.timeout(30):
        while load.read < 3:
            await asyncio.sleep(0.01)
    assert read_in[:3] == ["of the first request", "none", "none"], "a trace ends with its request"


# ---- quotas


class Shared:
    """What all replicas have used, and how often it was asked."""

    def __init__(self) -> None:
        self.used = (0, 0)
        self.asked = 0
        self.away = False

    async def __call__(self, _agency: str, _minute: int, used: tuple[int, int]) -> tuple[int, int]:
        self.asked += 1
        if self.away:
            raise StoreAway("away")
        self.used = self.used[0] + used[0], self.used[1] + used[1]
        return self.used


def refused(quotas: Quotas) -> Problematic:
    with pytest.raises(Problematic) as caught:
        quotas.need_room(CODE, None)
    return caught.value


async def test_two_replicas_let_in_one_quota_and_say_when_the_next_minute_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.intake.quotas.EVERY", 0.0)
    shared, now = Shared(), [NOW + timedelta(seconds=48)]
    most = Quota(events_a_minute=100, bytes_a_minute=100_000)
    one, other = (Quotas(shared, most, lambda: now[0], at_once=60) for _ in range(2))
    one.take(CODE, None, 9, 1000)
    await asyncio.sleep(0.01)
    assert shared.asked == 0, "what is far from its quota is nobody's affair"
    shared.away = True
    one.take(CODE, None, 51, 1000)
    await asyncio.sleep(0.01)
    shared.away = False
    other.take(CODE, None, 45, 1000)
    async with asyncio.timeout(30):
        while shared.used != (105, 3000):
            await asyncio.sleep(0.01)
        while not _full(other):
            other.take(CODE, None, 0, 1)
            await asyncio.sleep(0.01)
    told = refused(other)
    assert (told.status, told.code, dict(told.headers or {})) == (429, "quota.used", {"Retry-After": "12"})
    other.need_room("another", None)
    other.need_room(CODE, Quota(events_a_minute=200, bytes_a_minute=100_000))
    now[0] += timedelta(seconds=12)
    other.need_room(CODE, None)


def _full(quotas: Quotas) -> bool:
    try:
        quotas.need_room(CODE, None)
    except Problematic:
        return True
    return False


async def test_a_batch_is_counted_whole_and_what_comes_behind_it_waits_by_either_number() -> None:
    quotas = Quotas(nothing_shared, Quota(events_a_minute=600, bytes_a_minute=5000), lambda: NOW)
    quotas.take(CODE, None, 520, 10)
    told = refused(quotas)
    assert told.status == 429 and 45 <= int((told.headers or {})["Retry-After"]) <= 51, "as ten a second would come"
    assert quotas.tried(CODE, None, 1, 10) > 40 and quotas.tried("third", None, 599, 10) == 0.0
    assert quotas.tried("third", None, 1, 10) > 0, "and what waits is not counted"
    quotas.take("other", None, 1, 6000)
    with pytest.raises(Problematic):
        quotas.take("other", None, 1, 1)
    unbounded = Quotas(nothing_shared, most_of(Settings(agency_events_a_minute=0)), lambda: NOW)
    for _ in range(3):
        unbounded.take(CODE, None, 10**6, 10**9)


def test_an_agency_above_its_quota_is_told_so_over_http_before_its_body_is_read(intake: Side) -> None:
    holding(intake, quota=Quota(events_a_minute=1, bytes_a_minute=10**6))
    intake.app.state.agencies.quotas.take("vedomstvo", None, 0, 0)
    sent = {"headers": bearer("publisher"), "json": example(ApplicationSubmittedV2.TYPE)}
    assert intake.ask("post", "/v1/events", **sent).status_code == 201
    answer = intake.ask("post", "/v1/events/validate", bearer("publisher"), content=b"what is no JSON")
    assert problem(answer, 429)["title"] == "quota.used" and 1 <= int(answer.headers["Retry-After"]) <= 60


def test_who_sends_more_than_its_quota_at_both_doors_has_half_of_it_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    now, quota = [0.0], Quota(events_a_minute=1200, bytes_a_minute=10**9)
    monkeypatch.setattr("services.intake.quotas.Allowance", partial(Allowance, now=lambda: now[0]))
    quotas, flooded = Quotas(nothing_shared, quota, lambda: NOW), set[str]()
    some = Directory(nothing_known, lambda: NOW, BOOK, quotas=quotas)
    for one in (some, quotas):
        monkeypatch.setattr(one, "_tend", lambda: None)
    some.beside(flooded.__contains__)

    def let_in(seconds: float) -> int:
        """How many a flood of a hundred a second gets in."""
        until, found = now[0] + seconds, 0
        while now[0] < until:
            found += quotas.tried(CODE, None, 1, 10) == 0
            now[0] += 0.01
        return found

    assert some.rate(CODE) == 20
    assert 0 <= 140 - let_in(5.0) <= 10, "what two seconds would have, and then as the quota says"
    assert some.rate(CODE) == 10 and some.rate("another") == 20
    flooded.add(CODE)
    assert 40 <= let_in(5.0) <= 60
    flooded.clear()
    now[0] += 10
    assert some.rate(CODE) == 20, "it has all of it again"


async def nothing_known() -> Sequence[Agency]:
    return []


async def taken_by(ways: list[str], way: str, decide: Any, some: Sequence[Any]) -> Any:
    """Decides as ever, and notes which way it came."""
    ways.append(way)
    return await decide(some)


def test_what_an_agency_sends_above_its_quota_is_decided_behind_what_others_send(
    intake: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, ways = intake.engine, list[str]()
    for way, lane in (("gathering", engine.gathering), ("crowded", engine.crowded)):
        lane._decide = partial(taken_by, ways, way, lane._decide)
    crowding = set[str]()
    monkeypatch.setattr(intake.app.state.agencies.quotas, "crowds", crowding.__contains__)
    for _ in range(2):
        sent = {"headers": bearer("publisher"), "json": example(ApplicationSubmittedV2.TYPE)}
        assert intake.ask("post", "/v1/events", **sent).status_code == 201
        crowding.add("vedomstvo")
    assert ways == ["gathering", "crowded"]


def test_of_a_topic_no_more_is_taken_than_its_rate_and_a_quiet_one_may_have_some_at_once() -> None:
    now = [0.0]
    some = Allowance({"fast": math.inf, "slow": 20.0, "rare": 0.5}.__getitem__, lambda: now[0])
    assert [some.left(one) for one in ("fast", "slow", "rare")] == [math.inf, 40, 16]
    for topic in ("slow", "rare"):
        some.spend(topic, int(some.left(topic)))
    assert [some.left(one) for one in ("slow", "rare")] == [0, 0]
    now[0] += 1.5
    assert [some.left(one) for one in ("slow", "rare")] == [30, 0]
    now[0] += 3600
    assert [some.left(one) for one in ("slow", "rare")] == [40, 16]


def test_what_a_flood_may_have_more_gathers_before_it_is_taken() -> None:
    now, taken = [0.0], list[float]()
    some = Allowance({"flood": 20.0, "rare": 1.0}.__getitem__, lambda: now[0], together=0.5)
    for _ in range(400):
        now[0] += 0.05
        taken.append(some.left("flood"))
        some.spend("flood", int(taken[-1]))
    assert set(taken) == {40, 0, 10} and sum(taken) >= 20 * 19, "as much as before, in fewer pieces"
    some.spend("rare", int(some.left("rare")))
    now[0] += 1
    assert some.left("rare") == 1, "who may have one a second waits for no second one"


def test_who_has_used_up_all_crowds_others_until_there_is_all_of_it_again() -> None:
    now = [0.0]
    some = Allowance({"flood": 20.0, "calm": 20.0}.__getitem__, lambda: now[0], together=0.5)
    for _ in range(100):
        now[0] += 0.05
        some.spend("flood", int(some.left("flood")))
        some.spend("calm", int(some.left("calm") > 39))
    assert some.crowds("flood") and not some.crowds("calm")
    now[0] += 1.4
    assert some.crowds("flood"), "its two seconds are not over"
    now[0] += 0.7
    assert not some.crowds("flood")


@given(
    rate=st.floats(0.01, 500), spent=st.lists(st.integers(1, 600), min_size=1, max_size=5), together=st.floats(0, 0.5)
)
def test_who_waits_as_long_as_told_may_have_some_and_not_sooner(rate: float, spent: list[int], together: float) -> None:
    now = [0.0]
    some = Allowance(lambda _agency: rate, lambda: now[0], together=together)
    for events in spent:
        if some.left("one") >= 1:
            some.spend("one", events)
    wait = some.wait("one")
    assert (wait == 0) == (some.left("one") >= 1)
    now[0] += wait * 0.99
    assert wait == 0 or some.left("one") < 1
    now[0] += wait * 0.01 + 1e-6
    assert some.left("one") >= 1
