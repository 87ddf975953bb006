"""Which commits an execution's work went into, and what says so.

A tool's result may name the commit that it made, mostly abbreviated: an abbreviation stands for the one known commit
that begins with it. A commit may name a session, by a trailer, by a hook, by an authorship note, by a checkpoint that
the session was condensed into, or by its pull request: then the session's newest execution that had begun by then was
at work. Earlier executions of the session led to the commit that came next, and what was done after its last commit is
counted to that one, so that a session's cost is the sum over its commits. Where nothing of that is there, repository,
branch and time are a guess, and marked as one.

An execution's cost goes where the strongest of its links say (`_TIERS`); that it was at work is told of it itself.
"""

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.marts_git import FctCommitLinks
from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.marts.pull_requests import of_pull_requests
from learning_pipeline.marts.reverts import reverted_commits
from learning_pipeline.marts.session_links import at_commit, before_and_after, by_branch_and_time, resolved

MAKES_COMMITS = ("commit", "amend", "merge", "revert")
ALL_LINKS = polars_schema(FctCommitLinks)
LINKS = pl.Schema(
    {"day": pl.Date(), "execution_id": pl.String(), "commits": pl.List(pl.String()), "reverted": pl.Boolean()}
)

# Confidence by method, of the execution that was at work when the commit was made.
_AT_COMMIT = {"recorded": 1.0, "note": 0.95, "session": 0.9, "checkpoint": 0.9, "pull_request": 0.8}
_UNKNOWN_COMMIT = 0.6
_BEFORE, _AFTER = 0.7, 0.4
# The links of an execution that count are those of its first tier.
_TIERS = ("at_commit", "recorded", "before_commit", "after_commit", "branch_time")

_EVENT = ("event_type", "commit", "session_id", "occurred_at", "day", "repository", "branch", "subject")
_WORK = ("day", "execution_id", "session_id", "parent_execution_id", "agent_name", "repository", "branch")


def sure_links(links: pl.DataFrame) -> pl.DataFrame:
    """Return the commits of each execution that was at work when they were made, and whether one was reverted.

    `day` is the execution's. `reverted` is null where git knows none of its commits. What is only likely (earlier and
    later work of a session, time and place) is left out.
    """
    sure = (pl.col("timing") == "at_commit") & (pl.col("method") != "branch_time")
    return (
        links.filter(sure)
        .group_by("day", "execution_id")
        .agg(commits=pl.col("commit").unique().sort(), reverted=pl.col("is_reverted").max())
        .sort("day", "execution_id")
        .select(LINKS.names())
        .cast(LINKS)
    )


def telling_events(git_events: pl.LazyFrame) -> pl.LazyFrame:
    """Return what git tells of commits, with what `all_links` needs of their attributes."""
    told = pl.col("commit").is_not_null() | pl.col("reverts_commit").is_not_null()
    return git_events.filter(told | (pl.col("event_type") == "note")).select(
        *_EVENT,
        "reverts_commit",
        "co_authored_agent",
        *(_attribute(name) for name in ("checkpoint", "reverts_prefix", "authored_at", "note")),
        checkpoints=pl.col("attributes").str.json_path_match("$.checkpoints"),
    )


def telling_calls(tool_calls: pl.LazyFrame) -> pl.LazyFrame:
    """Return the calls whose result names a commit: execution, the commit's first digits, and when."""
    return tool_calls.filter(pl.col("commit_prefix").is_not_null() & pl.col("execution_id").is_not_null()).select(
        "day", "execution_id", prefix="commit_prefix", at="started_at"
    )


def all_links(executions: pl.LazyFrame, said: pl.DataFrame, events: pl.DataFrame, pulls: pl.DataFrame) -> pl.DataFrame:
    """Return all links between commits and executions or sessions (see `FctCommitLinks`).

    Args:
        executions: all of them.
        said: what `telling_calls` returns.
        events: what `telling_events` returns.
        pulls: what `pull_requests.telling_executions` returns.
    """
    if said.is_empty() and events.is_empty():
        return pl.DataFrame(schema=ALL_LINKS)
    made = events.filter(pl.col("event_type").is_in(MAKES_COMMITS))
    commits = _commits(events, made)
    every = pl.concat([_named(events, made), of_pull_requests(pulls, made)], how="diagonal_relaxed")
    work = _work_of(executions, said["execution_id"], every["session_id"])
    recorded = resolved(said, commits["commit"]).join(
        work.select("day", "execution_id", "session_id"), on="execution_id"
    )
    named, undated = every.filter(pl.col("at").is_not_null()), every.filter(pl.col("at").is_null())
    direct = pl.concat(
        [
            recorded.select("execution_id", "session_id", "commit", "at", method=pl.lit("recorded")),
            at_commit(named, work),
        ],
        how="diagonal_relaxed",
    ).with_columns(timing=pl.lit("at_commit"))
    evidence = pl.concat(
        [
            named,
            recorded.filter(pl.col("session_id").is_not_null()).select(
                "commit", "session_id", "at", method=pl.lit("recorded")
            ),
        ],
        how="diagonal_relaxed",
    )
    around = before_and_after(evidence, work, direct["execution_id"])
    linked = pl.concat([direct, around], how="diagonal_relaxed")
    guessed = by_branch_and_time(made, executions, linked)
    # Sessions without a log, and notes without a time, are links to no execution.
    alone = evidence.join(work.select("session_id").unique(), on="session_id", how="anti")
    alone = pl.concat([alone, undated], how="diagonal_relaxed").unique(["commit", "session_id", "method"])
    links = pl.concat([linked, guessed, alone], how="diagonal_relaxed")
    return _finished(links, work, commits, _reverted(made, commits["commit"]))


def _work_of(executions: pl.LazyFrame, made: pl.Series, sessions: pl.Series) -> pl.DataFrame:
    """Return the executions that may have made a commit, and all others of their sessions and of the given ones.

    Most have to do with no commit: of millions not even a name is kept.
    """
    ids = made.unique().implode()
    makers = executions.filter(pl.col("execution_id").is_in(ids)).select("session_id").collect()
    named = pl.concat([makers["session_id"], sessions]).drop_nulls().unique().implode()
    wanted = pl.col("session_id").is_in(named) | pl.col("execution_id").is_in(ids)
    return executions.filter(wanted).select(*_WORK, "started_at", "ended_at").collect()


def _attribute(name: str) -> pl.Expr:
    return pl.col("attributes").str.json_path_match(f"$.{name}").alias(name)


def _commits(events: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Return the commits that git knows, and when each was made. A note alone does not make one known."""
    times = made.group_by("commit").agg(made_at=pl.col("occurred_at").min())
    return (
        events.filter(pl.col("commit").is_not_null() & (pl.col("event_type") != "note"))
        .group_by("commit")
        .agg(pl.col("day").min(), _at=pl.col("occurred_at").min())
        .join(times, on="commit", how="left")
        .select("commit", commit_day="day", committed_at=pl.coalesce("made_at", "_at"))
    )


def _named(events: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Return commit, session, method and the time of the work, of commits that name a session."""
    when = ("occurred_at", "authored_at")
    # A rebase gives a commit a new time; its author's is that of the work.
    authored = pl.col("authored_at").str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    times = (
        made.filter(pl.col("commit").is_not_null())
        .select("commit", at=pl.min_horizontal("occurred_at", authored.alias("_authored")))
        .group_by("commit")
        .agg(pl.col("at").min())
    )
    is_note = pl.col("event_type") == "note"
    of_git = events.filter(pl.col("commit").is_not_null() & pl.col("session_id").is_not_null()).select(
        "commit",
        "session_id",
        *when,
        method=pl.when(is_note).then(pl.lit("note")).otherwise(pl.lit("session")),
    )
    direct = of_git.join(times, on="commit", how="left").select(
        "commit", "session_id", "method", at=pl.coalesce("at", "occurred_at")
    )
    return (
        pl.concat([direct, _of_checkpoints(events, made)], how="diagonal_relaxed")
        .group_by("commit", "session_id", "method")
        .agg(pl.col("at").min())
    )


def _of_checkpoints(events: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Return the sessions of the checkpoints that commits name; the time is that of the checkpoint."""
    sessions = events.filter(pl.col("checkpoint").is_not_null() & (pl.col("event_type") == "note")).select(
        "checkpoint", "session_id", at="occurred_at"
    )
    several = pl.col("checkpoints").str.json_decode(pl.List(pl.String))
    names = (
        made.filter(pl.col("checkpoint").is_not_null() & pl.col("commit").is_not_null())
        .select("commit", checkpoint=pl.coalesce(several, pl.concat_list("checkpoint")))
        .explode("checkpoint")
        .unique()
    )
    return names.join(sessions.filter(pl.col("session_id").is_not_null()), on="checkpoint").select(
        "commit", "session_id", "at", method=pl.lit("checkpoint")
    )


def _reverted(made: pl.DataFrame, commits: pl.Series) -> pl.Series:
    prefixes = made.select(prefix="reverts_prefix").drop_nulls().unique()
    return reverted_commits(made, resolved(prefixes, commits))


def reverted_in(git_events: pl.LazyFrame) -> pl.Series:
    """Return the commits that later ones revert."""
    made = (
        git_events.filter(pl.col("event_type").is_in(MAKES_COMMITS))
        .select(
            "commit",
            "repository",
            "subject",
            "occurred_at",
            "reverts_commit",
            reverts_prefix=_attribute("reverts_prefix"),
        )
        .collect()
    )
    return _reverted(made, made["commit"].drop_nulls().unique())


def _finished(links: pl.DataFrame, work: pl.DataFrame, commits: pl.DataFrame, reverted: pl.Series) -> pl.DataFrame:
    """Add confidence, which links count, and what git knows of each commit."""
    known = pl.col("commit").is_in(commits["commit"].implode())
    tier = (
        pl.when(pl.col("method") == "branch_time")
        .then(pl.lit("branch_time"))
        .when((pl.col("timing") == "at_commit") & ~known)
        .then(pl.lit("recorded"))
        .otherwise("timing")
        .replace_strict(list(_TIERS), list(range(len(_TIERS))), return_dtype=pl.Int64, default=None)
    )
    sure = pl.col("method").replace_strict(list(_AT_COMMIT), list(_AT_COMMIT.values()), default=None)
    confidence = (
        pl.when(pl.col("method") == "branch_time")
        .then(pl.col("confidence"))
        .when(pl.col("timing") == "before_commit")
        .then(_BEFORE)
        .when(pl.col("timing") == "after_commit")
        .then(_AFTER)
        .when((pl.col("method") == "recorded") & ~known)
        .then(_UNKNOWN_COMMIT)
        .otherwise(sure)
    )
    sessions = work.select("execution_id", _day="day", _session="session_id")
    return (
        links.join(sessions, on="execution_id", how="left")
        .join(commits, on="commit", how="left")
        .with_columns(
            confidence=confidence,
            session_id=pl.coalesce("_session", "session_id"),
            is_known=known,
            is_reverted=pl.when(known).then(pl.col("commit").is_in(reverted.implode())),
            _tier=tier,
        )
        .with_columns(
            day=pl.coalesce("_day", "work_day", "commit_day", pl.col("at").dt.date(), pl.lit(UNDATED)),
            is_used=pl.when(pl.col("execution_id").is_not_null())
            .then(pl.col("_tier") == pl.col("_tier").min().over("execution_id"))
            .otherwise(False),
        )
        # Of several links of one method between the same two, the strongest: what else they tell is the same.
        .sort("_tier", -pl.col("confidence"))
        .unique(["commit", "execution_id", "session_id", "method"], keep="first", maintain_order=True)
        .sort("day", "commit", "execution_id", "session_id", "method")
        .select(ALL_LINKS.names())
        .cast(ALL_LINKS)
    )
