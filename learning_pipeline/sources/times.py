"""Times and durations: whatever a log writes, in UTC and in whole milliseconds."""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache

# A time outside these years is a wrong unit or an empty value (0001-01-01, 1970-01-01), not a time.
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMERIC = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?", re.DOTALL)
_NUMBERS = (int, float, str, Decimal)
_ZONE_WORD = re.compile(r"\s*(?:UTC|GMT|Z)$")
_BLANK_BEFORE_OFFSET = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")

# An epoch number below the limit counts this many microseconds a unit.
_UNITS = (
    (Decimal(10) ** 11, Decimal(1_000_000)),  # seconds
    (Decimal(10) ** 14, Decimal(1_000)),  # milliseconds
    (Decimal(10) ** 17, Decimal(1)),  # microseconds
    (Decimal(10) ** 20, Decimal("0.001")),  # nanoseconds
)
_SECONDS, _MILLISECONDS, _MICROSECONDS = 10**11, 10**14, 10**17

_MS_OF_UNIT = {
    "ns": Decimal("0.000001"),
    "nanoseconds": Decimal("0.000001"),
    "us": Decimal("0.001"),
    "microseconds": Decimal("0.001"),
    "ms": Decimal(1),
    "millis": Decimal(1),
    "milliseconds": Decimal(1),
    "s": Decimal(1000),
    "sec": Decimal(1000),
    "secs": Decimal(1000),
    "second": Decimal(1000),
    "seconds": Decimal(1000),
    "min": Decimal(60_000),
    "mins": Decimal(60_000),
    "minutes": Decimal(60_000),
    "h": Decimal(3_600_000),
    "hours": Decimal(3_600_000),
}
UNITS = tuple(_MS_OF_UNIT)
# No duration is longer than this: ten years.
_LONGEST_MS = 10 * 366 * 86_400_000
# Units of at least a millisecond: whole numbers of them are whole milliseconds.
_WHOLE_MS_OF_UNIT: dict[str | None, int] = {unit: int(ms) for unit, ms in _MS_OF_UNIT.items() if ms >= 1}


def exact(value: object) -> Decimal:
    """Return a number, or a text that is one, exactly as it was written.

    Raises:
        ValueError: it is not a finite number.
    """
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        raise ValueError(f"{value!r} is not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    try:
        result = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not a number") from error
    if not result.is_finite():
        raise ValueError(f"{value!r} is not a number")
    return result


def from_epoch(value: int | float | str | Decimal) -> datetime:
    """Return the time of an epoch number; its magnitude tells seconds, milli-, micro- and nanoseconds apart.

    Raises:
        ValueError: it is not a number, or not a time from 2000 to 2099 in any unit.
    """
    if type(value) is int and 0 <= value < _MICROSECONDS:
        return _in_range(_EPOCH + timedelta(microseconds=_whole_micros(value)), value)
    number = exact(value)
    for limit, micros in _UNITS:
        if 0 <= number < limit:
            return _in_range(_EPOCH + timedelta(microseconds=int(number * micros)), value)
    raise ValueError(f"{value!r} is not a time since 1970")


def _whole_micros(value: int) -> int:
    """Return the microseconds of a whole epoch number that is no nanoseconds: it needs no exact fractions."""
    if value < _SECONDS:
        return value * 1_000_000
    return value * 1_000 if value < _MILLISECONDS else value


def timestamp(value: object, zone: tzinfo | None = None) -> datetime:
    """Return a time in UTC, in whole microseconds.

    Accepted: ISO 8601 with an offset and any number of fraction digits, and epoch seconds, milliseconds,
    microseconds or nanoseconds as numbers or texts. A time without an offset is taken to be in `zone`.

    Raises:
        ValueError: it is not a time, names no zone while `zone` is None, or is not from 2000 to 2099.
    """
    if isinstance(value, str):
        text = value.strip()
        if _ISO.fullmatch(text):
            return _from_iso(text, zone)
        if not _NUMERIC.fullmatch(text):
            raise ValueError(f"{value[:80]!r} is not a time")
        return from_epoch(text)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"{str(value)[:80]!r} is not a time")
    return from_epoch(value)


def _from_iso(text: str, zone: tzinfo | None) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        try:
            time = datetime.fromisoformat(_BLANK_BEFORE_OFFSET.sub("", _ZONE_WORD.sub("+00:00", text)))
        except ValueError as error:
            raise ValueError(f"{text[:80]!r} is not a time") from error
    if time.tzinfo is None:
        if zone is None:
            raise ValueError(f"{text[:80]!r} names no time zone; set naive_timezone to the zone of this log")
        time = time.replace(tzinfo=zone)
    try:
        return _in_range(time if time.tzinfo is UTC else time.astimezone(UTC), text)
    except OverflowError as error:
        raise ValueError(f"{text[:80]!r} is outside the years 2000 to 2099") from error


def _in_range(time: datetime, value: object) -> datetime:
    if not FIRST <= time < LAST:
        raise ValueError(f"{str(value)[:80]!r} is outside the years 2000 to 2099")
    return time


@lru_cache(maxsize=4096)
def unit_of(name: str) -> str | None:
    """Return the unit of time that a field's name ends in, or None where it names none."""
    last = name.lower().rpartition("_")[2]
    return last if last in _MS_OF_UNIT and last != name.lower() else None


def milliseconds_of(unit: str | None) -> Decimal:
    """Return the milliseconds of a unit of time; of none, those of a millisecond."""
    return _MS_OF_UNIT[unit or "ms"]


def duration_ms(name: str, value: object) -> int:
    """Return a duration in whole milliseconds; the last part of the field's name is its unit.

    Raises:
        ValueError: the name has no unit, or the value is not a number from 0 to ten years.
    """
    if type(value) is int:
        step = _WHOLE_MS_OF_UNIT.get(unit_of(name))
        if step is not None and 0 <= value * step <= _LONGEST_MS:
            return value * step
    return int(_milliseconds(name, value).to_integral_value())


def duration_us(name: str, value: object) -> int:
    """Return a duration in whole microseconds; see `duration_ms`."""
    return int((_milliseconds(name, value) * 1000).to_integral_value())


def _milliseconds(name: str, value: object) -> Decimal:
    unit = unit_of(name)
    if unit is None:
        raise ValueError(f"{name} does not name its unit (_s, _ms, _us or _ns)")
    number = exact(value) * _MS_OF_UNIT[unit]
    if not 0 <= number <= _LONGEST_MS:
        raise ValueError(f"{name} is {str(value)[:80]}: not from 0 to ten years")
    return number
