"""How far the data goes: the newest event of the lake, which stands for now where a clock would make runs differ."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime

import polars as pl

# Columns that tell when an event of a stream was, the first that is known.
TIMES: dict[str, tuple[str, ...]] = {
    "executions": ("started_at", "ended_at"),
    "llm_calls": ("started_at",),
    "tool_calls": ("started_at",),
    "routing_decisions": ("decided_at",),
    "agent_transformations": ("started_at", "completed_at"),
    "interactions": ("requested_at",),
    "git_events": ("occurred_at",),
    "feedback": ("given_at",),
    "health_events": ("occurred_at",),
}


def newest_event(
    days: Mapping[str, Iterable[date]],
    read: Callable[[str, list[date]], pl.LazyFrame],
    landed_at: datetime | None,
) -> datetime | None:
    """Return the time of the newest event of all streams.

    An event is not newer than the last landing: a log whose clock is wrong does not make all others old.

    Args:
        days: those of each stream that may have events.
        read: returns the events of a stream on some days.
        landed_at: when the last landing was; None where that is not known.
    """
    found = []
    for stream, columns in TIMES.items():
        for day in sorted(days.get(stream, ()), reverse=True):
            newest = read(stream, [day]).select(pl.max_horizontal(pl.col(columns).max())).collect().item()
            if newest is not None:
                found.append(newest)
                break
    newest = max(found, default=None)
    return newest if newest is None or landed_at is None else min(newest, landed_at)
