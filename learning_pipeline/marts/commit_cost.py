"""What each commit cost."""

import polars as pl

from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.marts.facts import last_call_day
from learning_pipeline.marts.stats import MONEY, TOKENS, distinct, names, total, with_cache_writes

_SPENT = ("agent_name", *TOKENS, *MONEY)


def commit_cost(
    executions: pl.LazyFrame,
    calls: pl.LazyFrame,
    git_events: pl.LazyFrame,
    links: pl.LazyFrame,
    shares: pl.LazyFrame,
    reverted: pl.LazyFrame,
) -> pl.LazyFrame:
    """Share out all cost and tokens over the commits, and one row a day for what belongs to none.

    An execution that is shared by several commits is shared equally; what does not divide goes to the first, so the sum
    over all rows is the sum over all executions, and over the model calls that no execution counts, exactly.

    A commit is right where all days on which it is seen are given, and lies on the first of them. A day's row without a
    commit is right where the days of all executions are given whose calls are on it.

    Args:
        shares: `shares.COST_SHARES`.
        reverted: `reverts.TAKEN_BACK`.
    """
    shared = (
        executions.select("day", "execution_id", *_SPENT)
        .join(shares, on=["day", "execution_id"])
        .with_columns(*(_share(name) for name in TOKENS), *(_usd(name) for name in MONEY))
    )
    columns = (names("agent_name").alias("agents"), *(total(name) for name in (*TOKENS, *MONEY)))
    spent = shared.group_by("commit").agg(distinct("execution_id").alias("executions"), *columns)
    days = pl.concat([frame.select("day", "commit") for frame in (git_events, shares)])
    dated = pl.col("day").filter(pl.col("day") != UNDATED).min()
    seen = days.drop_nulls().group_by("commit").agg(day=pl.coalesce(dated, pl.col("day").min()))
    used = links.filter(pl.col("is_used") & pl.col("execution_id").is_not_null())
    trust = used.group_by("commit").agg(methods=pl.col("method").unique().sort(), confidence=pl.col("confidence").min())
    # A note alone makes no commit known.
    known = _known(git_events, reverted)
    of_commits = (
        seen.join(known, on="commit", how="left")
        .join(spent, on="commit", how="left")
        .join(trust, on="commit", how="left")
        .filter(pl.col("executions").is_not_null() | pl.col("is_reverted").is_not_null())
    )
    alone = executions.join(shares.select("day", "execution_id").unique(), on=["day", "execution_id"], how="anti")
    every_day = pl.concat([frame.select("day") for frame in (executions, calls, git_events)]).unique()
    of_none = (
        pl.concat(
            [
                alone.select("day", *_SPENT, executions=pl.lit(1, pl.Int64)),
                _counted_by_none(executions, calls).select("day", *_SPENT, executions=pl.lit(0, pl.Int64)),
                every_day.with_columns(executions=pl.lit(0, pl.Int64)),
            ],
            how="diagonal",
        )
        .group_by("day")
        .agg(pl.col("executions").sum(), *columns)
    )
    return pl.concat([of_commits, of_none], how="diagonal").with_columns(
        pl.col("executions").fill_null(0),
        pl.col("agents", "methods").fill_null([]),
        is_attributed=pl.col("commit").is_not_null(),
    )


def _counted_by_none(executions: pl.LazyFrame, calls: pl.LazyFrame) -> pl.LazyFrame:
    """Return the calls that no execution counts as its own (see `facts.own_calls`)."""
    spans = executions.select("execution_id", _from="day", _to=last_call_day())
    counted = (
        calls.select("call_id", "day", "execution_id")
        .join(spans, on="execution_id")
        .filter(pl.col("day").is_between("_from", "_to"))
    )
    return with_cache_writes(calls).join(counted.select("call_id", "day").unique(), on=["call_id", "day"], how="anti")


def _share(column: str) -> pl.Expr:
    """Return a row's part of an integer that is shared; the first gets what is left over."""
    left_over = pl.when(pl.col("place") == 0).then(pl.col(column) % pl.col("shares")).otherwise(0)
    return (pl.col(column) // pl.col("shares") + left_over).alias(column)


def _usd(column: str) -> pl.Expr:
    """Return a row's part of an amount that is shared; the first gets what is left over."""
    count = pl.col("shares").cast(pl.Decimal(38, 0))
    part = pl.col(column) / count
    first = pl.col(column) - part * (pl.col("shares") - 1).cast(pl.Decimal(38, 0))
    whole = pl.when(pl.col("shares") == 1).then(column)
    return whole.when(pl.col("place") == 0).then(first).otherwise(part).alias(column)


def _known(git_events: pl.LazyFrame, reverted: pl.LazyFrame) -> pl.LazyFrame:
    """Return what git tells of each commit."""
    first = ("occurred_at", "event_id")
    is_note = pl.col("event_type") == "note"
    lines = pl.col("attributes").str.json_path_match("$.attributed_lines").cast(pl.Int64, strict=False)
    by_notes = (
        git_events.filter(is_note & pl.col("commit").is_not_null())
        .select("commit", agent_lines=lines)
        .filter(pl.col("agent_lines").is_not_null())
        .group_by("commit")
        .agg(pl.col("agent_lines").sum())
    )
    undone = reverted.select("commit", is_reverted=pl.lit(True)).unique()
    return (
        git_events.filter(pl.col("commit").is_not_null() & ~is_note)
        .group_by("commit")
        .agg(
            pl.col("occurred_at").min().alias("committed_at"),
            *(
                pl.col(name).sort_by(*first).drop_nulls().first()
                for name in ("repository", "subject", "lines_added", "lines_removed")
            ),
        )
        .join(by_notes, on="commit", how="left")
        .join(undone, on="commit", how="left")
        .with_columns(pl.col("is_reverted").fill_null(False))
    )
