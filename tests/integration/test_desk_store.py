"""What the desk keeps: sessions, words that were typed, files that were chosen, lists. The dictionary that the pages'
tests run on (`tests/kit/desk/memory.py`) answers each question as the real database does."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from services.chassis.store import Store
from services.desk.drafts import DRAFTS, FILES, MOST_OF_A_FILE, Chosen, Drafts
from services.desk.process import INDEXES
from services.desk.session import KEPT_AFTER, Sessions, SignedIn
from tests.kit.desk.memory import Memory

DAY = 86_400.0
OLESYA = SignedIn("olesya", "Олеся Образцова", ("operator",), None, "token-of-olesya", 0.0, refresh="again-of-olesya")
FORM = "/case/p-1"


class Hands:
    """A clock whose hands are set by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def hands() -> Hands:
    """What the desk takes for the time."""
    return Hands()


@pytest.fixture(params=["mongod", "dictionary"])
async def kept(request: pytest.FixtureRequest, store: Store) -> Store:
    """The real database as the desk makes it, and what stands for it where pages are tested."""
    await store.index(INDEXES)
    return store if request.param == "mongod" else cast(Store, Memory())


def drafts_of(kept: Store, now: Callable[[], datetime]) -> Drafts:
    return Drafts(kept, 7 * DAY, now, DAY, 2 * DAY)


async def test_a_session_is_known_by_its_cookie_alone_and_nothing_of_it_stands_readable(
    kept: Store, hands: Hands
) -> None:
    sessions = Sessions(kept, DAY, hands)
    begun = await sessions.begin(OLESYA)
    found = await sessions.find(begun.cookie)
    assert found is not None and found.who == OLESYA and found.ends == hands.at + timedelta(days=1)
    [row] = await kept.rows("sessions", {}, sort=[("_id", 1)], limit=2)
    assert not any(secret in str(row) for secret in (begun.cookie, OLESYA.token, OLESYA.refresh))
    assert await sessions.find("another") is None and await sessions.find("") is None
    assert await sessions.open() == 1


async def test_a_session_that_ended_lets_nobody_in_and_is_known_for_a_while_by_whose_it_was(
    kept: Store, hands: Hands
) -> None:
    sessions = Sessions(kept, DAY, hands)
    one, other = await sessions.begin(OLESYA), await sessions.begin(OLESYA)
    await sessions.end(one.cookie)
    assert await sessions.find(one.cookie) is None and await sessions.find(other.cookie) is not None
    assert await sessions.open() == 1
    hands.at += timedelta(days=1)
    assert await sessions.find(other.cookie) is None and await sessions.open() == 0
    await sessions.sweep()
    assert [await sessions.person_of(cookie) for cookie in (one.cookie, other.cookie)] == ["olesya", "olesya"]
    hands.at += KEPT_AFTER + timedelta(seconds=1)
    await sessions.sweep()
    assert [await sessions.person_of(cookie) for cookie in (one.cookie, other.cookie)] == [None, None]


async def test_words_come_back_as_they_were_typed_to_who_typed_them_alone(kept: Store, hands: Hands) -> None:
    drafts = drafts_of(kept, hands)
    words = (("why", "Замена\r\nэксперта"), ("case", "p-1"), ("case", "p-2"), ("empty", ""))
    await drafts.keep("olesya", FORM, (("why", "сначала"),))
    await drafts.keep("olesya", FORM, words)
    found = await drafts.find("olesya", FORM)
    assert found is not None and found.fields == words and found.at == hands.at
    assert await drafts.find("another", FORM) is None and await drafts.find("olesya", "/case/p-2") is None
    await drafts.drop("olesya", FORM)
    assert await drafts.find("olesya", FORM) is None


async def test_words_that_may_say_who_somebody_is_are_kept_for_less_long_than_others(kept: Store, hands: Hands) -> None:
    drafts, words = drafts_of(kept, hands), (("contact-name", "Образцова Мария"),)
    personal = ("/portal/send", "/portal/send/event", "/portal/mine/p-1/write/report", "/directory/experts/e-1/person")
    for form in (FORM, *personal):
        await drafts.keep("olesya", form, words)
    hands.at += timedelta(days=2)
    assert [await drafts.find("olesya", form) for form in personal] == [None] * 4
    await drafts.sweep()
    assert await kept.count(DRAFTS, {}, 10) == 1 and await drafts.find("olesya", FORM) is not None


async def test_a_file_comes_back_byte_by_byte_and_is_forgotten_after_its_day_its_words_later(
    kept: Store, hands: Hands
) -> None:
    drafts, file = drafts_of(kept, hands), Chosen("проекты.xlsx", bytes(range(256)) * 4096)
    await drafts.keep("olesya", FORM, (("agency", "minsk"),))
    await drafts.hold("olesya", FORM, file, "key-of-the-form")
    await drafts.hold("olesya", "/too-large", Chosen("all.csv", b"x" * (MOST_OF_A_FILE + 1)), "another")
    held = await drafts.held("olesya", FORM)
    assert held is not None and (held.file, held.key) == (file, "key-of-the-form")
    assert held.ends == hands.at + timedelta(days=1)
    assert await drafts.held("another", FORM) is None and await drafts.held("olesya", "/too-large") is None
    hands.at += timedelta(days=1)
    assert await drafts.held("olesya", FORM) is None, "also before anybody has swept"
    await drafts.sweep()
    assert await kept.count(FILES, {}, 10) == 0
    assert await drafts.find("olesya", FORM) is not None
    await drafts.hold("olesya", FORM, file, "again")
    await drafts.let_go("olesya", FORM)
    assert await drafts.held("olesya", FORM) is None


async def test_a_list_is_kept_under_its_name_by_who_keeps_it(kept: Store, hands: Hands) -> None:
    drafts = drafts_of(kept, hands)
    for person, name, query in (
        ("olesya", "срок", "status=overdue"),
        ("olesya", "без эксперта", "status=unassigned"),
        ("olesya", "срок", "status=near"),
        ("another", "срок", "status=mine"),
    ):
        await drafts.save_view(person, name, query)
    mine = await drafts.views("olesya")
    assert [(one.name, one.query) for one in mine] == [("без эксперта", "status=unassigned"), ("срок", "status=near")]
    [theirs] = await drafts.views("another")
    await drafts.drop_view("olesya", theirs.id)
    assert await drafts.views("another") == [theirs], "nobody drops another's"
    await drafts.drop_view("olesya", mine[0].id)
    assert await drafts.views("olesya") == [mine[1]]
