"""Numbers of logs: counts, shares on any scale, and money, read exactly as they were written."""

from decimal import Decimal
from math import isfinite

from learning_pipeline.sources.times import exact

_CENTS = Decimal("0.01")
_MONEY_STEP = Decimal("0.000000000001")
_NO_MONEY, _MOST_MONEY = Decimal(0), Decimal(10) ** 9
_MOST = 2**53


def number(value: object, *, least: float | None = None, most: float | None = None) -> float:
    """Return a finite number, also out of a text that is one.

    Raises:
        ValueError: it is not a number, or outside the range.
    """
    # A float is what it is: only texts and large numbers need to be read exactly.
    if type(value) is float and isfinite(value):
        result = value
    elif type(value) is int and -_MOST <= value <= _MOST:
        result = float(value)
    else:
        result = float(exact(value))
    if (least is not None and result < least) or (most is not None and result > most):
        raise ValueError(f"{str(value)[:80]} is not from {_bound(least)} to {_bound(most)}")
    return result


def integer(value: object, *, least: int | None = 0, most: int = _MOST) -> int:
    """Return a whole number, also out of 3.0 or a text that is one.

    Raises:
        ValueError: it is not a whole number, or outside the range.
    """
    if type(value) is int and (least or 0) <= value <= most and -_MOST <= value <= _MOST:
        return value
    result = exact(value)
    if result.adjusted() > 20 or result != result.to_integral_value():
        raise ValueError(f"{str(value)[:80]} is not a whole number")
    if (least is not None and result < least) or result > most or result < -_MOST:
        raise ValueError(f"{str(value)[:80]} is not from {_bound(least)} to {_bound(most)}")
    return int(result)


def ratio(value: object, *, scale: tuple[float, float] = (0, 1)) -> float:
    """Return a share from 0 to 1 out of a value on the given scale.

    Raises:
        ValueError: it is not a number, or not on the scale.
    """
    least, most = scale
    return (number(value, least=least, most=most) - least) / (most - least)


def usd(name: str, value: object) -> Decimal:
    """Return an amount of money in USD; a field whose name ends in `_cents` counts cents.

    Raises:
        ValueError: it is not a number of at least 0 and at most a thousand million.
    """
    if isinstance(value, str):
        value = value.strip().removeprefix("$")
    amount = exact(value)
    if name.lower().endswith("_cents"):
        amount *= _CENTS
    if not _NO_MONEY <= amount <= _MOST_MONEY:
        raise ValueError(f"{name} is {str(value)[:80]}: not from 0 to {_MOST_MONEY:,}")
    return amount.quantize(_MONEY_STEP)


def _bound(value: float | None) -> str:
    return "anything" if value is None else f"{value:g}"
