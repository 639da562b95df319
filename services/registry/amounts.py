"""Amounts as people and programs outside write them: whole units with their decimals, a point between."""

from decimal import Decimal
from functools import cache
from typing import Final

from contracts.rules import load

USUAL: Final = 2


@cache
def decimals(currency: str) -> int:
    """How many decimals the smallest unit of a currency has, as the editions say; two where none does."""
    known = (one for edition in load().values() if edition.money for one in edition.money.currencies)
    return next((one.decimals for one in known if one.code == currency), USUAL)


def in_units(minor: int, currency: str) -> str:
    """An amount of the smallest units of a currency as a decimal number: `1234567` of BYN is `12345.67`. A text, for a
    floating number would not be exact."""
    return format(Decimal(minor).scaleb(-decimals(currency)), "f")
