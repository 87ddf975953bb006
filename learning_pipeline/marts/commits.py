"""Which commits an execution's work went into.

Two things tell. First the tool calls: the result of one says which commit it made, mostly abbreviated. An
abbreviation stands for the one known commit that begins with it; where git knows none, or several, it stays
as it is. Second git: a commit whose trailers (or whose hook) name a session belongs to that session's newest
execution, among those that no other execution started, which had begun by the time of the commit.
"""

import polars as pl

_MAKES_COMMITS = ("commit", "amend", "merge", "revert")

LINKS = pl.Schema(
    {"day": pl.Date(), "execution_id": pl.String(), "commits": pl.List(pl.String()), "reverted": pl.Boolean()}
)


def commit_links(executions: pl.LazyFrame, tool_calls: pl.LazyFrame, git_events: pl.LazyFrame) -> pl.DataFrame:
    """Return the commits of each execution that has any, and whether one of them was reverted later.

    `day` is the execution's. `reverted` is null where git knows none of its commits.
    """
    said = (
        tool_calls.filter(pl.col("commit_prefix").is_not_null() & pl.col("execution_id").is_not_null())
        .select("execution_id", prefix="commit_prefix")
        .unique()
        .collect()
    )
    events = (
        git_events.filter(pl.col("commit").is_not_null() | pl.col("reverts_commit").is_not_null())
        .select("event_type", "commit", "session_id", "occurred_at", "reverts_commit")
        .collect()
    )
    if said.is_empty() and events["session_id"].null_count() == events.height:
        return pl.DataFrame(schema=LINKS)
    known = events.filter(pl.col("commit").is_not_null())
    made = known.filter(pl.col("event_type").is_in(_MAKES_COMMITS)).group_by("commit").agg(pl.col("occurred_at").min())
    named = (
        known.filter(pl.col("session_id").is_not_null())
        .join(made.rename({"occurred_at": "made_at"}), on="commit", how="left")
        .select("commit", "session_id", at=pl.coalesce("made_at", "occurred_at"))
        .group_by("commit", "session_id")
        .agg(pl.col("at").min())
    )
    candidates = (
        executions.filter(
            pl.col("execution_id").is_in(said["execution_id"].implode())
            | pl.col("session_id").is_in(named["session_id"].unique().implode())
        )
        .select("day", "execution_id", "session_id", "started_at", "parent_execution_id")
        .collect()
    )
    commits = known.select("commit").unique()
    links = pl.concat(
        [
            _resolve(said, commits["commit"]).join(candidates.select("day", "execution_id"), on="execution_id"),
            _of_sessions(named, candidates),
        ],
        how="diagonal",
    )
    reverted = events["reverts_commit"].drop_nulls().unique()
    return (
        links.unique(["day", "execution_id", "commit"])
        .with_columns(
            reverted=pl.when(pl.col("commit").is_in(commits["commit"].implode())).then(
                pl.col("commit").is_in(reverted.implode())
            )
        )
        .group_by("day", "execution_id")
        .agg(commits=pl.col("commit").sort(), reverted=pl.col("reverted").max())
        .sort("day", "execution_id")
        .select(LINKS.names())
        .cast(LINKS)
    )


def _resolve(said: pl.DataFrame, commits: pl.Series) -> pl.DataFrame:
    """Return execution_id and commit for each abbreviation."""
    found = []
    for length in said["prefix"].str.len_bytes().unique().sort():
        heads = (
            pl.DataFrame({"prefix": commits.str.head(length), "commit": commits})
            .group_by("prefix")
            .agg(pl.col("commit").min(), n=pl.len())
            .filter(pl.col("n") == 1)
        )
        some = said.filter(pl.col("prefix").str.len_bytes() == length)
        found.append(some.join(heads, on="prefix", how="left"))
    if not found:
        return pl.DataFrame(schema={"execution_id": pl.String, "commit": pl.String})
    return pl.concat(found).select("execution_id", commit=pl.coalesce("commit", "prefix"))


def _of_sessions(named: pl.DataFrame, executions: pl.DataFrame) -> pl.DataFrame:
    """Return day, execution_id and commit for each commit that names a session."""
    roots = (
        executions.filter(
            pl.col("parent_execution_id").is_null()
            & pl.col("session_id").is_not_null()
            & pl.col("started_at").is_not_null()
        )
        .select("day", "execution_id", "session_id", "started_at")
        .sort("started_at", "execution_id")
    )
    return (
        named.sort("at", "commit")
        .join_asof(roots, left_on="at", right_on="started_at", by="session_id", check_sortedness=False)
        .filter(pl.col("execution_id").is_not_null())
        .select("day", "execution_id", "commit")
    )
