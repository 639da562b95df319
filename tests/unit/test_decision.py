"""All that is wrong with one decision is said at once; what one check alone refuses is raised as it is."""

from collections.abc import Callable

import pytest

from contracts.reference import Problem
from services.law.decision import Refusal, together

SUM = Problem(pointer="/shares", rule="shares.sum", message="They do not sum.", message_ru="Сумма неверна.")
REGION = Problem(pointer="/region", rule="region.unknown", message="Unknown.", message_ru="Неверный регион.")
FUTURE = Refusal("test.future", status=422)
ORDER = Refusal("test.order")
INVALID = Refusal("test.agreement", status=422, problems=[SUM, REGION])


def refuses(refusal: Refusal) -> Callable[[], None]:
    """A check that refuses so."""

    def check() -> None:
        raise refusal

    return check


def passes() -> None:
    """A check that finds nothing."""


def test_checks_that_find_nothing_let_pass() -> None:
    together()
    together(passes, passes)


@pytest.mark.parametrize("one", [FUTURE, ORDER, INVALID], ids=lambda one: one.code)
def test_what_a_single_check_refuses_is_raised_as_it_is(one: Refusal) -> None:
    with pytest.raises(Refusal) as caught:
        together(passes, refuses(one), passes)
    assert caught.value is one


def test_all_faults_are_named_at_once_and_each_check_is_made() -> None:
    made = list[str]()
    checks = [refuses(FUTURE), passes, refuses(INVALID), lambda: made.append("last")]
    with pytest.raises(Refusal) as caught:
        together(*checks)
    refusal = caught.value
    assert made == ["last"], "a refusal stops no check that comes after it"
    assert [(one.pointer, one.rule) for one in refusal.problems] == [
        ("", "test.future"),
        ("/shares", "shares.sum"),
        ("/region", "region.unknown"),
    ]
    first = refusal.problems[0]
    assert (first.message, first.message_ru, first.message_be) == tuple(FUTURE.said(one) for one in ("en", "ru", "be"))
    assert FUTURE.said("en") in refusal.said("en") and INVALID.said("en") in refusal.said("en")


@pytest.mark.parametrize(("first", "second"), [(FUTURE, ORDER), (ORDER, FUTURE)])
def test_code_and_status_are_those_of_the_first(first: Refusal, second: Refusal) -> None:
    with pytest.raises(Refusal) as caught:
        together(refuses(first), refuses(second))
    assert (caught.value.code, caught.value.status) == (first.code, first.status)
    assert [one.rule for one in caught.value.problems] == [first.code, second.code]


def test_a_failure_that_is_no_refusal_is_not_swallowed() -> None:
    def broken() -> None:
        raise KeyError("hole")

    with pytest.raises(KeyError):
        together(refuses(FUTURE), broken)
