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
from learning_pipeline.marts.session_links import GUESSABLE, at_commit, before_and_after, by_branch_and_time, resolved

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
    """Return what git tells of commits, with what `certain_links` needs of their attributes."""
    return git_events.filter(pl.col("commit").is_not_null() | (pl.col("event_type") == "note")).select(
        *_EVENT,
        "co_authored_agent",
        *(_attribute(name) for name in ("checkpoint", "authored_at", "checkpoints")),
    )


def telling_calls(tool_calls: pl.LazyFrame) -> pl.LazyFrame:
    """Return the calls whose result names a commit: execution, the commit's first digits, and when."""
    return tool_calls.filter(pl.col("commit_prefix").is_not_null() & pl.col("execution_id").is_not_null()).select(
        "day", "execution_id", prefix="commit_prefix", at="started_at"
    )


def certain_links(
    executions: pl.LazyFrame, said: pl.DataFrame, events: pl.DataFrame, pulls: pl.DataFrame, taken_back: pl.DataFrame
) -> pl.DataFrame:
    """Return the links between commits and executions or sessions that something tells of (see `FctCommitLinks`).

    Args:
        executions: all of them.
        said: what `telling_calls` returns.
        events: what `telling_events` returns.
        pulls: what `pull_requests.telling_executions` returns.
        taken_back: what `reverts.taken_back` returns.
    """
    if said.is_empty() and events.is_empty():
        return pl.DataFrame(schema=ALL_LINKS)
    made, commits = _made(events), _commits(events)
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
    # Sessions without a log, and notes without a time, are links to no execution.
    alone = evidence.join(work.select("session_id").unique(), on="session_id", how="anti")
    alone = pl.concat([alone, undated], how="diagonal_relaxed").unique(["commit", "session_id", "method"])
    links = pl.concat([direct, around, alone], how="diagonal_relaxed")
    sessions = work.select("execution_id", work_day="day", _session="session_id")
    links = links.join(sessions, on="execution_id", how="left").with_columns(
        session_id=pl.coalesce("_session", "session_id"), confidence=pl.lit(None, pl.Float64)
    )
    return _finished(links.join(commits, on="commit", how="left"), taken_back)


def unlinked(events: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Return the events of commits that nothing links to an execution, where repository and branch may (`GUESSABLE`).

    `events` is what `telling_events` returns, and `links` what `certain_links` returns of them.
    """
    made = _made(events).filter(
        (pl.col("event_type") == "commit")
        & pl.col("commit").is_not_null()
        & pl.col("repository").is_not_null()
        & pl.any_horizontal(pl.col("branch", "co_authored_agent").is_not_null())
        & pl.col("occurred_at").is_not_null()
        & ~pl.col("commit").is_in(links.filter(pl.col("execution_id").is_not_null())["commit"].unique().implode())
    )
    return made.join(_commits(events), on="commit").select(GUESSABLE.names()).cast(GUESSABLE)


def guessed_links(
    commits: pl.DataFrame, executions: pl.LazyFrame, links: pl.LazyFrame, taken_back: pl.DataFrame
) -> pl.DataFrame:
    """Return the links that only repository, branch and time speak for (see `FctCommitLinks`).

    Args:
        commits: what `unlinked` returns.
        executions: those of the commits' days and the days before.
        links: all that is certain of them.
        taken_back: what `reverts.taken_back` returns.
    """
    if commits.is_empty():
        return pl.DataFrame(schema=ALL_LINKS)
    found = by_branch_and_time(commits, executions, links)
    known = commits.select("commit", "commit_day", "committed_at").unique()
    return _finished(found.join(known, on="commit"), taken_back)


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


def _made(events: pl.DataFrame) -> pl.DataFrame:
    return events.filter(pl.col("event_type").is_in(MAKES_COMMITS))


def _commits(events: pl.DataFrame) -> pl.DataFrame:
    """Return the commits that git knows, and when each was made. A note alone does not make one known."""
    times = _made(events).group_by("commit").agg(made_at=pl.col("occurred_at").min())
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
    return (
        checkpoints_named(made)
        .select("commit", "checkpoint")
        .unique()
        .join(sessions.filter(pl.col("session_id").is_not_null()), on="checkpoint")
        .select("commit", "session_id", "at", method=pl.lit("checkpoint"))
    )


def checkpoints_named(made: pl.DataFrame) -> pl.DataFrame:
    """Return day, commit and checkpoint, for each that an event which makes a commit names."""
    several = pl.col("checkpoints").str.json_decode(pl.List(pl.String))
    return (
        made.filter(pl.col("checkpoint").is_not_null() & pl.col("commit").is_not_null())
        .select("day", "commit", checkpoint=pl.coalesce(several, pl.concat_list("checkpoint")))
        .explode("checkpoint")
    )


def _finished(links: pl.DataFrame, taken_back: pl.DataFrame) -> pl.DataFrame:
    """Add confidence and which links count; `links` tell `commit_day` and `committed_at` of commits that git knows."""
    known = pl.col("commit_day").is_not_null()
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
    reverted = pl.col("commit").is_in(taken_back["commit"].implode())
    return (
        links.with_columns(confidence=confidence, is_known=known, is_reverted=pl.when(known).then(reverted), _tier=tier)
        .with_columns(
            day=pl.coalesce("work_day", "commit_day", pl.col("at").dt.date(), pl.lit(UNDATED)),
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
