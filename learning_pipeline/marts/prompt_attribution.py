"""What authorship notes say of prompts and sessions, each counted once."""

import polars as pl

_NUMBERS = ("total_additions", "total_deletions", "accepted_lines", "overridden_lines")


def notes_by_day(git_events: pl.LazyFrame) -> pl.LazyFrame:
    """Return what `prompt_attribution` needs of authorship notes."""
    return git_events.filter((pl.col("event_type") == "note") & (_told("note") == "git-ai")).select(
        "day",
        "commit",
        "repository",
        "session_id",
        "co_authored_agent",
        "occurred_at",
        "event_id",
        *(_told(name) for name in ("entry", "entry_id", "model", "tool")),
        *(_told(name).cast(pl.Int64, strict=False) for name in _NUMBERS),
        _told("dangling") == "true",
    )


def prompt_attribution(notes: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per prompt, session or author of authorship notes, of what `notes_by_day` returns.

    The totals of a prompt mostly count on from note to note, and are repeated where a commit was rewritten: the largest
    counts. Of one prompt in ten a later note says less, and does not say what became of the rest. What is counted from
    the ranges of one commit is added up over the commits of the history: rewritten commits,
    which no history has any more, would count it again.
    """
    by_ranges = pl.col("entry") != "prompt"
    counted = (
        pl.when(pl.col("dangling").all())
        .then(pl.col("accepted_lines").sum())
        .otherwise(pl.col("accepted_lines").filter(~pl.col("dangling")).sum())
    )
    last = ("occurred_at", "event_id")
    return (
        notes.filter(pl.col("entry").is_not_null())
        .group_by("entry", "entry_id", "session_id")
        .agg(
            *(
                pl.col(name).sort_by(*last, nulls_last=False).drop_nulls().last().alias(ours)
                for name, ours in (
                    ("repository", "repository"),
                    ("co_authored_agent", "agent_name"),
                    ("model", "model"),
                )
            ),
            pl.col("commit").n_unique().cast(pl.Int64).alias("commits"),
            pl.col("commit").filter("dangling").n_unique().cast(pl.Int64).alias("dangling_commits"),
            pl.col("occurred_at").min().alias("first_at"),
            pl.col("occurred_at").max().alias("last_at"),
            *(pl.col(name).max() for name in _NUMBERS if name != "accepted_lines"),
            accepted_lines=pl.when(by_ranges.first()).then(counted).otherwise(pl.col("accepted_lines").max()),
            tools=pl.col("tool").drop_nulls().unique().sort(),
        )
        .with_columns(
            accepted_ratio=pl.when(pl.col("total_additions") > 0).then(
                (pl.col("accepted_lines") / pl.col("total_additions")).clip(upper_bound=1.0)
            )
        )
    )


def _told(name: str) -> pl.Expr:
    return pl.col("attributes").str.json_path_match(f"$.{name}").alias(name)
