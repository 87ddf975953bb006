"""Values and column names as a person reads them."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

UNKNOWN = "unknown"
_UNITS = {"_usd": "USD", "_ms": "ms", "_bytes": "bytes", "_tokens": "tokens", "_hours": "hours"}
_SHARES = ("rate", "predicted", "observed", "bin_from", "bin_to")
# Shares too, where the chart measures one.
_OF_SHARES = ("low", "high", "value")


def heading(name: str, given: Mapping[str, str]) -> str:
    """Return a column's heading: the given one, or its name with the unit told apart."""
    if name in given:
        return given[name]
    for suffix, unit in _UNITS.items():
        if name.endswith(suffix):
            return f"{name.removesuffix(suffix).replace('_', ' ')} ({unit})"
    return name.removesuffix("_ratio").replace("_", " ")


def style(value: Any) -> str:
    """Return the style class of a value's column: numbers on the right (r), times in one line (t)."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return "r"
    return "t" if isinstance(value, date) else ""


def cell(name: str, value: Any, *, shares: bool = False) -> str:
    """Return a value as text; what is null is unknown. `shares`: whether it is of a chart that measures shares."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if name.endswith("_usd"):
        return usd(value)
    if isinstance(value, int):
        return str(value) if name.endswith("_line") else f"{value:,}"
    if isinstance(value, float | Decimal):
        is_share = name in _SHARES or name.endswith(("_ratio", "_rate")) or (shares and name in _OF_SHARES)
        return share(value) if is_share else number(float(value))
    return str(value)


def number(value: float) -> str:
    """Return a number with thousands separators and what its size allows of decimals."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 or value == int(value) else f"{value:,.1f}" if size >= 10 else f"{value:.4g}"


def usd(value: Decimal | float) -> str:
    """Return an amount of money: cents of large ones, the first digits of small ones."""
    amount = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    return f"{amount:,.2f}" if abs(amount) >= 100 else f"{amount:,.4f}" if abs(amount) >= 1 else f"{amount:.6f}"


def amount(value: Decimal | int | str) -> str:
    """Return money with its digits, a count with separators, and what is a text already as it is."""
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else usd(value)


def share(value: float | Decimal) -> str:
    """Return a share in percent."""
    return f"{float(value) * 100:.1f} %"


def short(value: float | Decimal | int) -> str:
    """Return a large count in few digits: 199.4 M."""
    size = float(value)
    for limit, sign in ((1e9, " G"), (1e6, " M")):
        if abs(size) >= limit:
            return f"{size / limit:,.1f}{sign}"
    return f"{size:,.0f}"
