"""Which executions of a session were at work when a commit was made, before it, and after it."""

import polars as pl

# How long after its end an execution may have led to a commit, where only time and place speak for it; and how many
# days before the commit's it may have begun, so that a guess follows from few days.
_MINUTES_AFTER = 30
_DAYS_BEFORE = 1
_SAME_BRANCH, _SAME_AGENT = 0.3, 0.2
# Events of commits that repository, branch and time may link to work, with what git knows of each commit.
GUESSABLE = pl.Schema(
    {
        "commit": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "repository": pl.String(),
        "branch": pl.String(),
        "co_authored_agent": pl.String(),
        "commit_day": pl.Date(),
        "committed_at": pl.Datetime("us", "UTC"),
    }
)


def resolved(said: pl.DataFrame, commits: pl.Series) -> pl.DataFrame:
    """Add the commit that each `prefix` stands for; itself where git knows none that begins with it, or several."""
    found = []
    for length in said["prefix"].str.len_bytes().unique().sort():
        heads = (
            pl.DataFrame(
                {"prefix": commits.str.head(length), "commit": commits}, schema_overrides={"commit": pl.String}
            )
            .group_by("prefix")
            .agg(pl.col("commit").min(), n=pl.len())
            .filter(pl.col("n") == 1)
            .drop("n")
        )
        found.append(said.filter(pl.col("prefix").str.len_bytes() == length).join(heads, on="prefix", how="left"))
    if not found:
        return said.with_columns(commit=pl.lit(None, dtype=pl.String))
    return pl.concat(found).with_columns(pl.coalesce("commit", "prefix").alias("commit"))


def _roots(work: pl.DataFrame) -> pl.DataFrame:
    """Return the executions that no other started, in the order in which they began."""
    return work.filter(pl.col("parent_execution_id").is_null() & pl.col("started_at").is_not_null()).sort(
        "started_at", "execution_id"
    )


def at_commit(named: pl.DataFrame, work: pl.DataFrame) -> pl.DataFrame:
    """Return, for each commit that names a session, the newest execution that had begun by then."""
    roots = _roots(work).filter(pl.col("session_id").is_not_null()).select("execution_id", "session_id", "started_at")
    return (
        named.sort("at", "commit", "method")
        .join_asof(roots, left_on="at", right_on="started_at", by="session_id", check_sortedness=False)
        .filter(pl.col("execution_id").is_not_null())
        .select("execution_id", "session_id", "commit", "at", "method")
    )


def before_and_after(evidence: pl.DataFrame, work: pl.DataFrame, direct: pl.Series) -> pl.DataFrame:
    """Return links of a session's other executions: to the commits that came next, else to its last ones.

    Args:
        evidence: commit, session_id, method, and `at`, the time of the work.
        direct: executions that have links of their own.
    """
    others = (
        _roots(work)
        .filter(pl.col("session_id").is_not_null() & ~pl.col("execution_id").is_in(direct.implode()))
        .select("execution_id", "session_id", "started_at")
    )
    times = evidence.select("session_id", "at").drop_nulls().unique().sort("at")
    next_at = others.join_asof(
        times, left_on="started_at", right_on="at", by="session_id", strategy="forward", check_sortedness=False
    )
    last_at = times.group_by("session_id").agg(_last=pl.col("at").max())
    timed = (
        next_at.join(last_at, on="session_id")
        .with_columns(
            timing=pl.when(pl.col("at").is_null()).then(pl.lit("after_commit")).otherwise(pl.lit("before_commit")),
            at=pl.coalesce("at", "_last"),
        )
        .select("execution_id", "session_id", "at", "timing")
    )
    return timed.join(evidence.drop_nulls("at"), on=["session_id", "at"]).select(
        "execution_id", "session_id", "commit", "at", "method", "timing"
    )


def by_branch_and_time(commits: pl.DataFrame, executions: pl.LazyFrame, links: pl.LazyFrame) -> pl.DataFrame:
    """Guess for commits and executions that nothing else links: the newest execution before a commit.

    It began on the commit's day or the day before. They agree in repository and branch; where git does not tell the
    branch, in repository and in the agent that the commit names as co-author. A commit that names another agent is left
    alone. `work_day` is the execution's.

    Args:
        commits: `GUESSABLE`, no merges.
        executions: those of the commits' days and the days before.
        links: all that is certain of them.
    """
    commits = commits.sort("occurred_at", "commit")
    kept = ("execution_id", "session_id", "repository", "started_at", "ended_at")
    near = pl.col("branch").is_in(_some(commits["branch"])) | pl.col("agent_name").is_in(
        _some(commits["co_authored_agent"])
    )
    roots = _roots(
        executions.filter(pl.col("repository").is_in(_some(commits["repository"])) & near)
        .select(*kept, "branch", "agent_name", "parent_execution_id", work_day="day")
        .collect()
    )
    taken = links.filter(pl.col("execution_id").is_in(_some(roots["execution_id"]))).select("execution_id").collect()
    roots = roots.filter(~pl.col("execution_id").is_in(_some(taken["execution_id"])))
    known = (*kept, "work_day")
    on_branch = commits.filter(pl.col("branch").is_not_null()).join_asof(
        roots.filter(pl.col("branch").is_not_null()).select(*known, "branch", "agent_name"),
        left_on="occurred_at",
        right_on="started_at",
        by=["repository", "branch"],
        check_sortedness=False,
        suffix="_of_work",
    )
    on_branch = on_branch.filter(
        pl.col("co_authored_agent").is_null() | (pl.col("co_authored_agent") == pl.col("agent_name"))
    ).with_columns(confidence=_SAME_BRANCH)
    by_agent = (
        commits.filter(pl.col("branch").is_null() & pl.col("co_authored_agent").is_not_null())
        .rename({"co_authored_agent": "agent_name"})
        .join_asof(
            roots.filter(pl.col("agent_name").is_not_null()).select(*known, "agent_name"),
            left_on="occurred_at",
            right_on="started_at",
            by=["repository", "agent_name"],
            check_sortedness=False,
            suffix="_of_work",
        )
        .with_columns(confidence=_SAME_AGENT)
    )
    ended = pl.max_horizontal("started_at", pl.coalesce("ended_at", "started_at"))
    late = pl.col("occurred_at").dt.date() - pl.col("work_day")
    in_time = (pl.col("occurred_at") <= ended + pl.duration(minutes=_MINUTES_AFTER)) & (
        late <= pl.duration(days=_DAYS_BEFORE)
    )
    parts = [
        part.filter(pl.col("execution_id").is_not_null() & in_time).select(
            "execution_id",
            "session_id",
            "work_day",
            "commit",
            pl.col("confidence").cast(pl.Float64),
            at="occurred_at",
            method=pl.lit("branch_time"),
            timing=pl.lit("at_commit"),
        )
        for part in (on_branch, by_agent)
    ]
    return pl.concat(parts)


def _some(values: pl.Series) -> pl.Series:
    """Return the values as a set that others can be in."""
    return values.drop_nulls().unique().implode()
