"""Money is a whole number of pico-dollars (1e-12 USD). No float comes near it.

Pico, because every published price per million tokens has at most six decimals, so that the price
of one token is a whole number of pico-dollars. Limits and shared stores count in nano-dollars
(1e-9 USD), which fit the 53 bits that a Lua number can hold; `nanos_up` is the only rounding.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

from msgspec import Struct

PICOS_PER_DOLLAR = 10**12
PICOS_PER_NANO = 1000

# The default context would round a product of more than 28 digits without a word.
_EXACT = Context(prec=100, Emax=100, Emin=-100, traps=[Inexact, InvalidOperation, Overflow])


class Money(Struct, frozen=True, order=True, gc=False):
    """An amount of US dollars, in whole pico-dollars. Adds only to Money."""

    picos: int = 0

    @classmethod
    def usd(cls, amount: str | int | Decimal) -> Money:
        """Read dollars exactly. Raises ValueError for what is not a number or finer than a pico-dollar."""
        try:
            picos = _EXACT.multiply(Decimal(amount), PICOS_PER_DOLLAR)
            whole = int(picos)
        except (InvalidOperation, Overflow, OverflowError, ValueError):
            raise ValueError(f"{amount!r} is not an amount of dollars") from None
        except Inexact:
            raise ValueError(f"{amount!r} is finer than a pico-dollar") from None
        if picos != whole:
            raise ValueError(f"{amount!r} is finer than a pico-dollar")
        return cls(whole)

    @classmethod
    def of_nanos(cls, nanos: int) -> Money:
        """The amount that limits and stores call `nanos`."""
        return cls(nanos * PICOS_PER_NANO)

    @property
    def nanos_up(self) -> int:
        """Nano-dollars, rounded up: what limits count, so that they never count too little."""
        return -(-self.picos // PICOS_PER_NANO)

    def __add__(self, other: Money) -> Money:
        return Money(self.picos + other.picos)

    def __sub__(self, other: Money) -> Money:
        return Money(self.picos - other.picos)

    def __bool__(self) -> bool:
        return self.picos != 0

    def __str__(self) -> str:
        return f"${self.decimal}"

    @property
    def decimal(self) -> str:
        """Dollars as plain text, every digit: '0.00026'. At least two decimals."""
        picos = self.picos
        if not picos:
            return "0.00"
        sign, digits = ("-" if picos < 0 else ""), f"{abs(picos):013d}"
        cents = digits[-12:].rstrip("0")
        return f"{sign}{digits[:-12]}.{cents if len(cents) > 1 else cents.ljust(2, '0')}"


ZERO = Money(0)
