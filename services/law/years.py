"""The years in which the days and moments of pilots may lie, by the editions of the rules."""

from contracts.rules import Edition, RuleBook


def years_of(edition: Edition) -> range:
    """The years of one edition."""
    return range(edition.numbers.first_year.value, edition.numbers.last_year.value + 1)


def widest(book: RuleBook) -> range:
    """The years that any of the editions allows: those of what is entered before it is known for which of them."""
    found = [years_of(edition) for edition in book.values()]
    return range(min(one.start for one in found), max(one.stop for one in found))
