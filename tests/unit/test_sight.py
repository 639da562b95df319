"""Who sees which rows, as the chassis says it: pure. What services make of it is shown where they are."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from contracts.reference import Role
from services.chassis import sight
from services.chassis.auth import Caller
from services.chassis.problems import Problematic
from services.chassis.sight import Sight, agency_of, hidden_pilots, hides
from services.chassis.store import Store

READERS = (Role.PUBLISHER, Role.OFFICER, Role.AUDITOR)


def caller(*roles: Role, organisation: str | None = "primer") -> Caller:
    return Caller("u-1", frozenset(roles), organisation)


@pytest.mark.parametrize(
    ("roles", "whose"),
    [
        ((Role.PUBLISHER,), "primer"),
        ((Role.OFFICER,), None),
        ((Role.PUBLISHER, Role.AUDITOR), None),
        ((Role.PUBLISHER, Role.OPS), "primer"),  # ops opens nothing here, so it shows nothing either
        ((Role.PUBLISHER, Role.ADMIN, Role.EXPERT), "primer"),
    ],
)
def test_only_a_role_that_opens_the_route_shows_more_than_the_own_agencys_rows(
    roles: tuple[Role, ...], whose: str | None
) -> None:
    assert agency_of(caller(*roles), *READERS) == whose


def test_of_the_own_agency_rows_are_whole_and_of_no_other() -> None:
    assert Sight("u-1", "primer").whole("primer") and not Sight("u-1", "primer").whole("other")
    assert Sight("u-1").whole("primer"), "who is no publisher sees all"


@pytest.mark.parametrize("state", [{"hidden_from": ["u-1"]}, SimpleNamespace(hidden_from=("u-1",))])
def test_a_conflict_hides_from_its_person_alone_whatever_form_the_state_has(state: Any) -> None:
    assert hides(state, "u-1") and not hides(state, "u-2")
    assert not Sight("u-1").knows(state) and Sight("u-2").knows(state)
    assert not hides({}, "u-1") and not hides({"hidden_from": None}, "u-1") and not hides(None, "u-1")


def test_what_is_hidden_is_left_out_of_a_query_however_its_rows_name_their_pilot() -> None:
    assert Sight("u-1", hidden=frozenset("ba")).but("pilot") == {"pilot": {"$nin": ["a", "b"]}}
    assert Sight("u-1", hidden=frozenset()).but() == {}
    assert Sight("u-1").but() == {"state.hidden_from": {"$ne": "u-1"}}, "nobody has asked yet: each query looks itself"


async def test_from_whom_more_is_hidden_than_a_query_can_say_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Rows:
        async def rows(self, *_: Any, limit: int, **__: Any) -> list[dict[str, str]]:
            return [{"_id": str(n)} for n in range(min(limit, 4))]

    store = cast(Store, Rows())
    monkeypatch.setattr(sight, "MOST_HIDDEN", 4)
    assert await hidden_pilots(store, "u-1") == frozenset("0123")
    monkeypatch.setattr(sight, "MOST_HIDDEN", 3)
    with pytest.raises(Problematic) as refused:
        await hidden_pilots(store, "u-1")
    assert (refused.value.status, refused.value.code) == (403, "sight.too-much-hidden")
