"""The daily partitions of facts and daily marts, and how touched days become runs."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

# A run costs more than the few idle days (a weekend) between two groups of touched days.
JOIN_GAP_DAYS = 3


class DayRange(NamedTuple):
    """Days from first to last, both included."""

    first: date
    last: date


def day_ranges(days: Iterable[date]) -> list[DayRange]:
    """Group days into as few ranges as is cheap: days up to three idle days apart share a range."""
    ranges: list[DayRange] = []
    for day in sorted(set(days)):
        if ranges and (day - ranges[-1].last).days <= JOIN_GAP_DAYS + 1:
            ranges[-1] = DayRange(ranges[-1].first, day)
        else:
            ranges.append(DayRange(day, day))
    return ranges


def partition_span(first_day: date, lake_days: Iterable[date], now: datetime) -> tuple[date, int]:
    """Return the first partition's day, and how many days after yesterday there is a partition for.

    Today has one. Events from before the configured first day, or from a clock that is ahead, widen the span.
    """
    days = list(lake_days)
    first = min([first_day, *days])
    ahead = (max(days) - now.date()).days if days else 0
    return first, 1 + max(0, ahead)


def days_of(keys: Iterable[str]) -> list[date]:
    """Return the days of partition keys."""
    return [date.fromisoformat(key) for key in keys]
