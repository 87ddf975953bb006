"""Attribute values in the normal form that their name asks for, whatever type they were sent as."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from learning_pipeline.sources import normal
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.otlp.wire import Attributes
from learning_pipeline.sources.times import exact

_MOST = 2**53
_DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Nanoseconds from 2001 to 2096, as exporters write them.
_NANOS = re.compile(r"[1-3]\d{18}", re.ASCII)
_TRUE = frozenset(("true", "1", "yes"))
_FALSE = frozenset(("false", "0", "no"))
_REDACTED = frozenset(("<redacted>", "[redacted]", "redacted", "***redacted***"))


def text(given: Attributes, *names: str) -> str | None:
    """Return the first of some attributes that says something; what was redacted at its origin says nothing."""
    for name in names:
        value = given.get(name)
        if isinstance(value, str):
            word = value.strip()
            if word and word.lower() not in _REDACTED:
                return value
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            return str(value)
    return None


def count(given: Attributes, *names: str) -> int | None:
    """Return the first of some attributes that has a value, as a whole number of at least 0."""
    name, value = _first(given, names)
    if value is None or (type(value) is int and 0 <= value < _MOST):
        return value
    try:
        return normal.integer(value)
    except ValueError as error:
        raise LineError("range", f"{name}: {error}", name, value) from error


def millis(given: Attributes, *names: str) -> int | None:
    """Return a duration that is in milliseconds, rounded to whole ones."""
    name, value = _first(given, names)
    if value is None or (type(value) is int and 0 <= value < _DAY_MS):
        return value
    try:
        return normal.duration_ms("duration_ms", value)
    except ValueError as error:
        raise LineError("range", f"{name}: {error}", name, value) from error


def flag(given: Attributes, name: str) -> bool | None:
    """Return a boolean."""
    value = given.get(name)
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise LineError("type", f"{name} is not a boolean", name, value)


def money(given: Attributes, name: str) -> str | None:
    """Return an amount of money as the text of a plain decimal, no digit added or lost."""
    value = given.get(name)
    return None if value is None or value == "" else decimal_text(name, value)


def decimal_text(name: str, value: object) -> str:
    """Return a number of at least 0 as the text of a plain decimal.

    Raises:
        LineError: it is not such a number.
    """
    try:
        number = exact(value.strip() if isinstance(value, str) else value)
    except ValueError as error:
        raise LineError("type", f"{name}: {error}", name, value) from error
    if not 0 <= number < 10**12:
        raise LineError("range", f"{name} is {number}", name, value)
    return format(number, "f")


def moment(*values: object) -> datetime:
    """Return the first of some times that is given, in UTC.

    Raises:
        LineError: none is given, or it is not a time.
    """
    for value in values:
        if value is None or value in (0, "", "0"):
            continue
        if isinstance(value, str) and _NANOS.fullmatch(value):
            return _EPOCH + timedelta(microseconds=int(value[:-3]))
        try:
            return normal.timestamp(value)
        except ValueError as error:
            raise LineError("timestamp", f"not a time: {error}", "timeUnixNano", value) from error
    raise LineError("timestamp", "the record has no time", "timeUnixNano")


def known_id(given: Attributes, *names: str) -> str | None:
    """Return the first of some attributes that is an id; what was redacted identifies nothing."""
    value = text(given, *names)
    return None if value is None or "REDACTED" in value else value.strip()


def _first(given: Attributes, names: tuple[str, ...]) -> tuple[str, Any]:
    for name in names:
        value = given.get(name)
        if value is not None and value != "":
            return name, value.strip() if isinstance(value, str) else value
    return names[0], None
