"""How numbers are written on the command line of `fareway plan`. Each raises ArgumentTypeError."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from fractions import Fraction

from gateway.config.units import duration
from gateway.core.money import Money

_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,12})?"
_BILLIONS = {"K": Fraction(1, 10**6), "M": Fraction(1, 1000), "B": Fraction(1), "T": Fraction(1000)}


def billions(text: str) -> Fraction:
    """Billions of parameters or tokens, more than none, from '7B', '350M' or '1T'."""
    found = re.fullmatch(rf"({_NUMBER})([KMBT])", text)
    if found is None or not Fraction(found[1]):
        raise ArgumentTypeError(f"{text!r} must be a number above 0 with its unit, such as 350M, 7B or 1T")
    return Fraction(found[1]) * _BILLIONS[found[2]]


def positive(text: str) -> Fraction:
    """A number of more than none."""
    number = not_negative(text)
    if not number:
        raise ArgumentTypeError("must be more than 0")
    return number


def not_negative(text: str) -> Fraction:
    """A number."""
    if not re.fullmatch(_NUMBER, text):
        raise ArgumentTypeError(f"{text!r} is not a number, such as 5 or 0.5")
    return Fraction(text)


def count(text: str) -> int:
    """A whole number of one at least."""
    if not re.fullmatch("[0-9]{1,15}", text) or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def dollars(text: str) -> Money:
    """An amount in US dollars, with or without the sign."""
    if not re.fullmatch(rf"\$?{_NUMBER}", text):
        raise ArgumentTypeError(f"{text!r} is not an amount of dollars, such as 500 or 0.0004")
    return Money.usd(text.removeprefix("$"))


def milliseconds(text: str) -> Fraction:
    """From '150ms' or '5s'."""
    try:
        return Fraction(duration(text)).limit_denominator(10**6) * 1000
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} {error}") from None


def share(text: str) -> Fraction:
    """From '20%' or '-30%'."""
    found = re.fullmatch(rf"([+-]?{_NUMBER}) ?%", text)
    if found is None or Fraction(found[1]) < -100:
        raise ArgumentTypeError(f"{text!r} is not a change in per cent, such as 20% or -30%")
    return Fraction(found[1]) / 100


def utilisation(text: str) -> Fraction:
    """From '40%', above 0% and 100% at most."""
    found = re.fullmatch(rf"({_NUMBER}) ?%", text)
    if found is None or not 0 < Fraction(found[1]) <= 100:
        raise ArgumentTypeError(f"{text!r} is not a share above 0% and 100% at most, such as 40%")
    return Fraction(found[1]) / 100


def change(text: str) -> tuple[str, Fraction]:
    """A model and its change, from 'gpt-5=-30%'."""
    model, equals, percent = text.rpartition("=")
    if not equals or not model:
        raise ArgumentTypeError(f"{text!r} is not a model and a change, such as gpt-5=-30%")
    return model, share(percent)


def switch(text: str) -> tuple[str, str]:
    """Two models, from 'gpt-5=gpt-5-mini'."""
    before, equals, after = text.partition("=")
    if not equals or not before or not after:
        raise ArgumentTypeError(f"{text!r} is not two models, such as gpt-5=gpt-5-mini")
    return before, after
