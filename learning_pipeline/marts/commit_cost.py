"""What each commit cost."""

import polars as pl

from learning_pipeline.marts.commits import reverted_in
from learning_pipeline.marts.facts import last_call_day
from learning_pipeline.marts.stats import MONEY, TOKENS, distinct, names, total, with_cache_writes

# How many levels of sub-agents are followed to find whose commit their work went into.
_LEVELS = 16


# Kinds of rows of what is kept by day.
_SUM, _EXECUTION, _CALL = "sum", "execution", "call"
_COLUMNS = ("agent_name", *TOKENS, *MONEY)


def cost_by_day(executions: pl.LazyFrame, calls: pl.LazyFrame, links: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up what `commit_cost` needs: `kind` says of what a row tells.

    sum: all executions of an agent that can belong to no commit. execution: each that has a link of its own, that
    another started, or whose calls go on after its day. call: those of an execution that is not of the same day.
    """
    used = _used(links).select("execution_id", _linked=pl.lit(True)).unique()
    told = executions.join(used, on="execution_id", how="left")
    alone = pl.col("_linked").is_null() & pl.col("parent_execution_id").is_null() & (last_call_day() == pl.col("day"))
    sums = [total(name) for name in (*TOKENS, *MONEY)]
    same_day = executions.select("day", "execution_id")
    return pl.concat(
        [
            told.filter(alone)
            .group_by("day", "agent_name")
            .agg(pl.len().cast(pl.Int64).alias("executions"), *sums)
            .with_columns(kind=pl.lit(_SUM)),
            told.filter(~alone).select(
                "day", "execution_id", "parent_execution_id", *_COLUMNS, kind=pl.lit(_EXECUTION)
            ),
            with_cache_writes(calls)
            .join(same_day, on=["day", "execution_id"], how="anti")
            .group_by("day", "execution_id", "agent_name")
            .agg(*sums)
            .with_columns(kind=pl.lit(_CALL)),
        ],
        how="diagonal",
    )


def commit_cost(
    sums: pl.LazyFrame, executions: pl.LazyFrame, git_events: pl.LazyFrame, links: pl.LazyFrame
) -> pl.LazyFrame:
    """Share out all cost and tokens over the commits, and one row for what belongs to none.

    An execution belongs to the commits that its strongest links say, else to those of the execution that started
    it. One with several commits is shared equally between them; what does not divide goes to the first, so the sum
    over all rows is the sum over all executions, and over the model calls that belong to no execution, exactly.

    Args:
        sums: what `cost_by_day` returns, of all days.
        executions: all of them: asked only where no other row tells whether an execution is there.
    """
    told = sums.collect()
    kept = told.filter(pl.col("kind") == _EXECUTION)
    used = _used(links)
    own = used.group_by("execution_id").agg(commits=pl.col("commit").unique().sort())
    behind = _with_descendants(own.collect(), kept)
    shares = pl.col("commits").list.len().cast(pl.Int64)
    shared = (
        kept.lazy()
        .join(behind.lazy(), on="execution_id")
        .with_columns(_n=shares, _place=pl.int_ranges(0, shares), commit="commits")
        .explode("commit", "_place")
        .select("execution_id", "agent_name", "commit", *(_share(name) for name in TOKENS), *(_usd(m) for m in MONEY))
    )
    rest = kept.join(behind, on="execution_id", how="anti").with_columns(executions=pl.lit(1, pl.Int64))
    of_none = pl.concat([told.filter(pl.col("kind") == _SUM), rest, _loose(told, executions)], how="diagonal")
    columns = (names("agent_name").alias("agents"), *(total(name) for name in (*TOKENS, *MONEY)))
    by_commit = pl.concat(
        [
            shared.group_by("commit").agg(distinct("execution_id").alias("executions"), *columns),
            of_none.lazy()
            .with_columns(commit=pl.lit(None, pl.String))
            .group_by("commit")
            .agg(pl.col("executions").sum(), *columns),
        ]
    )
    return (
        pl.concat(
            [by_commit, *(_nothing(one, column) for one, column in ((sums, "kind"), (git_events, "source")))],
            how="diagonal",
        )
        .sort("commit", "executions", nulls_last=True)
        .unique("commit", keep="first", maintain_order=True)
        .join(_known(git_events), on="commit", how="full", coalesce=True)
        .join(_trust(used), on="commit", how="left")
        .with_columns(
            pl.col("executions").fill_null(0),
            pl.col("agents", "methods").fill_null([]),
            is_attributed=pl.col("commit").is_not_null(),
        )
    )


def _used(links: pl.LazyFrame) -> pl.LazyFrame:
    return links.filter(pl.col("is_used") & pl.col("execution_id").is_not_null())


def _loose(told: pl.DataFrame, executions: pl.LazyFrame) -> pl.DataFrame:
    """Return the calls of no execution: most calls after midnight are of one that is known to go on then."""
    calls = told.filter(pl.col("kind") == _CALL)
    kept = told.filter(pl.col("kind") == _EXECUTION)
    loose = calls.join(kept, on="execution_id", how="anti")
    asked = loose["execution_id"].drop_nulls()
    if asked.is_empty():
        return loose
    found = executions.filter(pl.col("execution_id").is_in(asked.implode())).select("execution_id").collect()
    return loose.join(found, on="execution_id", how="anti")


def _with_descendants(commits: pl.DataFrame, executions: pl.DataFrame) -> pl.DataFrame:
    """Return the commits of executions, and of those without any that they started, directly or by others.

    Args:
        commits: execution_id and `commits`, those of the links.
        executions: at least all that others started.
    """
    if commits.is_empty():
        return commits
    started = executions.filter(pl.col("parent_execution_id").is_not_null())
    children = started.select("execution_id", "parent_execution_id")
    newest = commits
    for _ in range(_LEVELS):
        children = children.join(commits.select("execution_id"), on="execution_id", how="anti")
        parents = newest.select("commits", parent_execution_id="execution_id")
        newest = children.join(parents, on="parent_execution_id").select("execution_id", "commits")
        if newest.is_empty():
            break
        commits = pl.concat([commits, newest])
    return commits


def _nothing(frame: pl.LazyFrame, known: str) -> pl.LazyFrame:
    """Return one row without a commit, where there is anything at all; `known` is a text column without nulls."""
    return frame.head(1).select(commit=pl.when(pl.col(known).is_null()).then(known))


def _share(column: str) -> pl.Expr:
    """Return a row's part of an integer that is shared between `_n`; the first gets what is left over."""
    left_over = pl.when(pl.col("_place") == 0).then(pl.col(column) % pl.col("_n")).otherwise(0)
    return (pl.col(column) // pl.col("_n") + left_over).alias(column)


def _usd(column: str) -> pl.Expr:
    """Return a row's part of an amount that is shared between `_n`; the first gets what is left over."""
    part = pl.col(column) / pl.col("_n").cast(pl.Decimal(38, 0))
    first = pl.col(column) - part * (pl.col("_n") - 1).cast(pl.Decimal(38, 0))
    return pl.when(pl.col("_n") == 1).then(column).when(pl.col("_place") == 0).then(first).otherwise(part).alias(column)


def _trust(used: pl.LazyFrame) -> pl.LazyFrame:
    """Return by what links each commit got its cost, and how far the weakest is to be trusted."""
    return used.group_by("commit").agg(methods=pl.col("method").unique().sort(), confidence=pl.col("confidence").min())


def _known(git_events: pl.LazyFrame) -> pl.LazyFrame:
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
    reverted = pl.LazyFrame({"commit": reverted_in(git_events)}, schema={"commit": pl.String})
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
        .join(reverted.with_columns(is_reverted=pl.lit(True)), on="commit", how="left")
        .with_columns(pl.col("is_reverted").fill_null(False))
    )
