"""What a table is made from and by which function, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple

import polars as pl

from learning_pipeline.contracts.base import Table
from learning_pipeline.marts.prices import PriceBook

# What a roll-up that is made from sums by day gets.
SUMS = "sums"
Frames = Mapping[str, pl.LazyFrame]

CALLS, TOOLS, WORK, GIT = "fct_llm_calls", "fct_tool_calls", "fct_executions", "fct_git_events"
OUTCOMES, LINKS = "fct_outcomes", "fct_commit_links"


@dataclass(frozen=True)
class Context:
    """What a table may know beside its inputs."""

    now: datetime
    prices: PriceBook
    newest: Mapping[str, tuple[int, datetime | None, date | None]]  # of each table: rows, newest event, newest day


class Whole(NamedTuple):
    """What is not cut at midnight, and on which of its days it lies: what lies there is made from all its days."""

    what: Literal["session", "workflow", "commit"]
    lies_on: Literal["first", "last", "each"]


@dataclass(frozen=True)
class TableSpec:
    """One table.

    kind: a `fact` or `daily` mart is made day by day; a `rollup` or `dim` in one piece, from all days.
    inputs: streams of the lake, other tables, what `across` finds, or one of `ledger`, `counters`, `prices`,
        `budgets`, or what the router writes down.
    group: what it is about; Dagster shows it by that.
    days: of a roll-up over tables that are made by day, how many of the newest dated days it reads; None for all.
    whole: of a roll-up whose rows are about sessions, workflows or commits, which of them, and where they lie: it is
        kept in pieces by day, and only what a change can reach is made anew. Where something lies on each of its days,
        `compute` gets all days of what is seen on one, and says itself on which a row lies.
    by_day_sums: of a roll-up, sums up the inputs of some days, each by itself (with `whole`, the sessions or workflows
        that lie there); what that gives of a day is kept, and `compute` gets that of all days, or of the newest
        `days`, as SUMS, beside the inputs.
    """

    contract: type[Table]
    kind: Literal["fact", "daily", "rollup", "dim"]
    group: str
    inputs: tuple[str, ...]
    compute: Callable[[Frames, Context], pl.LazyFrame]
    days: int | None = None
    whole: Whole | None = None
    by_day_sums: Callable[[Frames, Context], pl.LazyFrame] | None = None

    @property
    def by_day(self) -> bool:
        return self.kind in ("fact", "daily")

    @property
    def in_days(self) -> bool:
        """Whether its rows are kept by day."""
        return self.by_day or (self.whole is not None and self.by_day_sums is None)

    @property
    def looks_ahead(self) -> bool:
        """Whether a day's part also reads calls of later days: those that the day's executions made."""
        return self.by_day and CALLS in self.inputs and ("executions" in self.inputs or WORK in self.inputs)
