"""Times as the logs write them, from milliseconds since 1970."""

from datetime import UTC, date, datetime, timedelta
from functools import cache

DAY_MS = 86_400_000


@cache
def day_text(number: int) -> str:
    """Return the ISO date of a day, counted from 1970-01-01."""
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()


def day_start(day: date) -> int:
    """Return the first millisecond of a UTC day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def iso_ms(at: int) -> str:
    """Return `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    number, rest = divmod(at, DAY_MS)
    seconds, ms = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{day_text(number)}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"


def iso_day(at: int) -> str:
    """Return the ISO date of a time."""
    return day_text(at // DAY_MS)
