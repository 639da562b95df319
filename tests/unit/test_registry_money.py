"""Money of a pilot: parts that equal the whole to the kopeck, whatever the shares and in whatever order they stand."""

from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from contracts.reference import UNSPECIFIED, WHOLE, CostLine, Payment, SectorShare
from deploy.samples.registry import cost, paid
from services.law.budget import overpaid
from services.registry.domain.money import MoneyStage, lines, shares_of, split
from tests.kit.registry.rows import FULL, PLAIN

amounts = st.integers(0, 10**15)


@st.composite
def parts(draw: st.DrawFn) -> list[int]:
    """Shares in basis points that sum to the whole."""
    cuts = sorted(draw(st.sets(st.integers(1, WHOLE - 1), max_size=19)))
    return [b - a for a, b in zip([0, *cuts], [*cuts, WHOLE], strict=True)]


@given(amounts, parts())
@example(1, [3333, 3333, 3334])
@example(2, [5000, 5000])
@example(0, [1, 9999])
def test_the_parts_are_the_whole_and_each_is_within_a_kopeck_of_its_exact_share(amount: int, shares: list[int]) -> None:
    found = split(amount, shares)
    assert sum(found) == amount
    for part, share in zip(found, shares, strict=True):
        exact = Fraction(amount * share, WHOLE)
        assert abs(part - exact) < 1
        assert part >= 0


@given(amounts, parts(), st.randoms(use_true_random=False))
def test_the_order_of_the_shares_decides_nothing_but_which_of_equals_gets_the_odd_kopeck(
    amount: int, shares: list[int], chance: object
) -> None:
    order = list(range(len(shares)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    one, other = split(amount, shares), split(amount, [shares[place] for place in order])
    moved = [other[order.index(place)] for place in range(len(shares))]
    for place, (a, b) in enumerate(zip(one, moved, strict=True)):
        if a != b:
            equals = [n for n in order if amount * shares[n] % WHOLE == amount * shares[place] % WHOLE]
            assert len(equals) > 1 and abs(a - b) == 1


@given(amounts, parts())
def test_a_larger_share_never_gets_less(amount: int, shares: list[int]) -> None:
    found = split(amount, shares)
    ranked = sorted(zip(shares, found, strict=True))
    for (low, less), (high, more) in zip(ranked, ranked[1:], strict=False):
        assert less <= more or low == high


def test_the_odd_kopeck_goes_to_the_largest_remainder_and_among_equals_to_the_first() -> None:
    assert split(100, [3333, 3333, 3334]) == [33, 33, 34]
    assert split(1, [5000, 5000]) == [1, 0]
    assert split(2, [3333, 3333, 3334]) == [1, 0, 1]
    assert split(1, [1, 9999]) == [0, 1]


def test_a_pilot_that_names_no_shares_is_all_of_its_sector() -> None:
    assert shares_of("health", ()) == (SectorShare(sector="health", basis_points=WHOLE),)


def test_lines_are_added_up_before_they_are_split_so_that_no_kopeck_strays() -> None:
    shares = [SectorShare(sector="health", basis_points=5000), SectorShare(sector="trade", basis_points=5000)]
    found = lines(MoneyStage.PLANNED, [cost(1), cost(1), cost(3, year=None)], shares)
    assert [(one.sector, one.year, one.amount_minor) for one in found] == [
        ("health", 2026, 1),
        ("trade", 2026, 1),
        ("health", None, 2),
        ("trade", None, 1),
    ]


def test_the_sum_of_many_lines_may_be_more_than_one_line_can_be() -> None:
    whole = [SectorShare(sector="health", basis_points=WHOLE)]
    [line] = lines(MoneyStage.PAID, [paid(10**15), paid(10**15)], whole)
    assert line.amount_minor == 2 * 10**15
    assert type(line).model_validate_json(line.model_dump_json()) == line


# ---- more paid than committed


def above(committed: list[CostLine], payments: list[Payment]) -> list[tuple[str, str, int, int]]:
    found = overpaid(committed, payments)
    return [(one.source, one.currency, one.committed_minor, one.paid_minor) for one in found]


def test_payments_above_the_commitment_are_flagged_by_source_and_currency_whatever_the_year() -> None:
    committed = [cost(100, "own-money", 2026), cost(50, "own-money", 2027), cost(70, "local-budget", 2026)]
    assert above(committed, [paid(150, "own-money", 2026), paid(70, "local-budget", 2027)]) == []
    assert above(committed, [paid(151, "own-money", 2026)]) == [("own-money", "BYN", 150, 151)]
    assert above(committed, [paid(1, "republican-budget")]) == [("republican-budget", "BYN", 0, 1)]
    assert above([cost(9, "own-money", currency="RUB")], [paid(1, "own-money")]) == [("own-money", "BYN", 0, 1)]
    assert above([], [paid(0, "own-money")]) == []


def test_where_the_agreement_does_not_say_each_source_the_sum_of_the_currency_counts() -> None:
    committed = [cost(100, UNSPECIFIED), cost(50, "own-money"), cost(1, "own-money", currency="RUB")]
    assert above(committed, [paid(120, "own-money"), paid(30, "local-budget")]) == []
    assert above(committed, [paid(120, "own-money"), paid(31, "local-budget")]) == [(UNSPECIFIED, "BYN", 150, 151)]


def test_no_agreement_is_no_commitment_to_compare_with() -> None:
    assert PLAIN.model_copy(update={"reported": FULL.reported}).overpaid == ()
    assert [one.paid_minor for one in FULL.overpaid] == [500_03]
