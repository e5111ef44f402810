"""Money: whole micro-dollars, so that sums are exact and a thousandth of a cent does not vanish in a float.

Not here: what anything costs (core/models.py) and what is booked when (ledger.py).
"""

from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Final

from pydantic import Field

DOLLAR: Final = 1_000_000
"""Micro-dollars in a dollar. Prices per token and per frame are multiples of one; none seen is finer."""

Micros = Annotated[int, Field(ge=0)]
"""An amount in micro-dollars."""


def micros(usd: Decimal | float | str) -> int:
    """An amount in dollars as micro-dollars, rounded up: an estimate is never under the price.

    A float counts as the decimal that it prints as: 0.07 is seven cents.
    """
    return int((Decimal(str(usd)) * DOLLAR).to_integral_value(rounding=ROUND_CEILING))


def in_usd(amount: int) -> float:
    """An amount as dollars, for records and tables; never summed in this form."""
    return float(Decimal(amount) / DOLLAR)


def spelled(amount: int) -> str:
    """An amount for people: whole cents where it is, else as many places as it has: "$0.35", "$0.0125"."""
    cents = Decimal(amount) / DOLLAR
    return f"${cents:.2f}" if amount % (DOLLAR // 100) == 0 else f"${cents.normalize():f}"
