"""What ties commits, sessions, executions and feedback together: a change reaches no further than ties lead.

Ties are kept as pairs of numbers, so those of millions of events are followed in a moment. A commit has the number of
its first digits, as an abbreviation of it has; that some commits share one only makes a reach larger.
"""

from functools import cache

import numpy as np
import polars as pl

from learning_pipeline.marts.commits import MAKES_COMMITS, checkpoints_named
from learning_pipeline.marts.outcomes import verdict
from learning_pipeline.marts.pull_requests import numbered, numbers_named

# By day, what one event ties to what, and in which stream that is told; what ties nothing names one thing twice.
TIES = pl.Schema({"day": pl.Date(), "stream": pl.String(), "one": pl.UInt64(), "other": pl.UInt64()})
# By day, what executions belong to; null where they do not.
WORKS = pl.Schema({"day": pl.Date(), "execution": pl.UInt64(), "session": pl.UInt64(), "correlation": pl.UInt64()})

# No abbreviation of a commit is shorter (contracts/streams.py).
_DIGITS = 7
_KINDS = ("execution", "session", "correlation", "commit", "checkpoint", "pull_request", "feedback")


def number(name: pl.Expr, kind: str) -> pl.Expr:
    """Return the number of what has a name; null where that is null."""
    return pl.when(name.is_not_null()).then(name.hash(seed=_KINDS.index(kind)))


def of_commit(column: str = "commit") -> pl.Expr:
    """Return the number of a commit, or of an abbreviation."""
    return number(pl.col(column).str.head(_DIGITS), "commit")


def of(column: str, kind: str | None = None) -> pl.Expr:
    """Return the number of what an `..._id` column names."""
    return number(pl.col(column), kind or column.removesuffix("_id"))


def is_in(key: pl.Expr, numbers: pl.Series) -> pl.Expr:
    """Say whether what a number stands for is one of some; false for null."""
    return key.is_in(numbers.implode()).fill_null(False)


@cache
def way() -> str:
    """Return what a text's number is here: another version of Polars may number in another way."""
    return str(pl.Series(["a session"]).hash().item())


def works(executions: pl.LazyFrame) -> pl.DataFrame:
    """Return what executions belong to (`WORKS`)."""
    return (
        executions.select(
            "day", execution=of("execution_id"), session=of("session_id"), correlation=of("correlation_id")
        )
        .sort("day", "session", "correlation", "execution")
        .collect()
    )


def ties(
    executions: pl.LazyFrame, said: pl.DataFrame, events: pl.DataFrame, pulls: pl.DataFrame, feedback: pl.LazyFrame
) -> pl.DataFrame:
    """Return what events tie together (`TIES`).

    Args:
        executions: as they were landed.
        said: what `commits.telling_calls` returns.
        events: what `commits.telling_events` returns.
        pulls: what `pull_requests.telling_executions` returns.
        feedback: as it was landed.
    """
    made = events.filter(pl.col("event_type").is_in(MAKES_COMMITS) & pl.col("commit").is_not_null())
    execution, session, commit = of("execution_id"), of("session_id"), of_commit()
    found = [
        _pairs("executions", executions, execution, of("parent_execution_id", "execution")),
        _pairs("tool_calls", said.lazy(), execution, of_commit("prefix")),
        _pairs("git_events", events.lazy(), commit, commit),
        _pairs("git_events", events.lazy(), commit, session),
        _pairs("git_events", events.lazy(), of("checkpoint"), session),
        _pairs("git_events", checkpoints_named(made).lazy(), of("checkpoint"), commit),
        _pairs("git_events", numbered(made).lazy(), _pull_request(), commit),
        _pairs("executions", numbers_named(pulls).lazy(), _pull_request(), session),
        *(
            _pairs("feedback", feedback.filter(verdict().is_not_null()), of("feedback_id"), of(name))
            for name in ("execution_id", "correlation_id", "session_id")
        ),
    ]
    return pl.concat(found).unique().sort(TIES.names()).collect()


def reached(ties: pl.DataFrame, works: pl.LazyFrame, seeds: pl.Series) -> pl.Series:
    """Return the numbers that ties lead to from any of the seeds, these included, as far as anything is tied to them.

    An execution that made a commit, or that started another, is tied to its session too. (All others are a part of
    theirs, but lead nowhere.)
    """
    tying = ties.filter(pl.col("stream").is_in(("executions", "tool_calls")))
    named = pl.concat([tying["one"], tying["other"].rename("one")]).unique()
    of_named = works.filter(is_in(pl.col("execution"), named) & pl.col("session").is_not_null()).select(
        one="execution", other="session"
    )
    pairs = pl.concat([ties.select("one", "other"), of_named.collect()])
    pairs = pl.concat([pairs, pairs.select(one="other", other="one")]).sort("one")
    ones, others = pairs["one"].to_numpy(), pairs["other"].to_numpy()
    known = newest = pairs.filter(is_in(pl.col("one"), seeds.unique()))["one"].unique().sort().to_numpy()
    while newest.size:  # of long chains, each step looks up what is new, and no more
        begin, end = np.searchsorted(ones, newest, "left"), np.searchsorted(ones, newest, "right")
        counts = end - begin
        places = np.arange(counts.sum()) + np.repeat(begin - (np.cumsum(counts) - counts), counts)
        newest = np.setdiff1d(others[places], known)
        known = np.union1d(known, newest)
    return pl.Series("one", known)


def _pairs(stream: str, frame: pl.LazyFrame, one: pl.Expr, other: pl.Expr) -> pl.LazyFrame:
    return frame.select("day", stream=pl.lit(stream), one=one, other=other).drop_nulls()


def _pull_request() -> pl.Expr:
    name = pl.concat_str(pl.col("_repository"), pl.col("_number").cast(pl.String), separator="#")
    return number(name, "pull_request")
