from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.assets.partitions import JOIN_GAP_DAYS, day_ranges, partition_span

days_strategy = st.sets(st.dates(min_value=date(2025, 1, 1), max_value=date(2025, 12, 31)))


@given(days_strategy)
def test_every_day_is_in_just_one_range_and_no_range_ends_on_an_idle_day(days: set[date]) -> None:
    ranges = day_ranges(days)
    assert all(sum(first <= day <= last for first, last in ranges) == 1 for day in days)
    assert all(first in days and last in days for first, last in ranges)


@given(days_strategy)
def test_ranges_are_apart_and_hold_no_long_idle_span(days: set[date]) -> None:
    ranges = day_ranges(days)
    for before, after in pairwise(ranges):
        assert (after.first - before.last).days > JOIN_GAP_DAYS + 1
    for first, last in ranges:
        inside = sorted(day for day in days if first <= day <= last)
        assert all((b - a).days <= JOIN_GAP_DAYS + 1 for a, b in pairwise(inside))


def test_a_weekend_does_not_cut_a_range() -> None:
    friday, monday = date(2026, 1, 9), date(2026, 1, 12)
    assert day_ranges([monday, friday]) == [(friday, monday)]


def test_today_has_a_partition_and_events_widen_the_span() -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    configured = date(2025, 1, 1)
    assert partition_span(configured, [], now) == (configured, 1)
    assert partition_span(configured, [date(2019, 5, 1)], now) == (date(2019, 5, 1), 1)
    ahead = now.date() + timedelta(days=2)
    assert partition_span(configured, [ahead], now) == (configured, 3)
