"""Which commits were taken back by later ones."""

import polars as pl

from learning_pipeline.marts.commits import MAKES_COMMITS
from learning_pipeline.marts.session_links import resolved

# Commits that are taken back, on each day on which git tells of them, and when an event first named each in full as
# what it reverts; null where none does.
TAKEN_BACK = pl.Schema({"day": pl.Date(), "commit": pl.String(), "undone_at": pl.Datetime("us", "UTC")})

_SUBJECT = r'^(?i:revert) "(.+)"$'
_TOLD = ("day", "event_type", "commit", "repository", "subject", "occurred_at", "reverts_commit")


def reverting(git_events: pl.LazyFrame) -> pl.LazyFrame:
    """Return the events that may revert a commit."""
    prefix = pl.col("attributes").str.json_path_match("$.reverts_prefix")
    return git_events.select(*_TOLD, reverts_prefix=prefix).filter(
        pl.col("reverts_commit").is_not_null()
        | pl.col("reverts_prefix").is_not_null()
        | pl.col("subject").str.contains(_SUBJECT)
    )


def taken_back(reverts: pl.DataFrame, git_events: pl.LazyFrame) -> pl.DataFrame:
    """Return the commits that a later commit reverts, and that no third one brought back (`TAKEN_BACK`).

    A revert names its commit in full, abbreviated, or only by its subject: then the newest earlier commit of the
    repository with that subject is meant.

    Args:
        reverts: what `reverting` returns of all events.
        git_events: all events, asked where anything reverts.
    """
    made = reverts.filter(pl.col("event_type").is_in(MAKES_COMMITS))
    named = made.join(_meant(made, git_events), on="reverts_prefix", how="left").with_columns(
        target=pl.coalesce("reverts_commit", "_named")
    )
    by_subject = _by_subject(named.filter(pl.col("target").is_null()), git_events)
    columns = ("commit", "occurred_at", "target")
    pairs = pl.concat([named.select(columns), by_subject.select(columns)]).filter(pl.col("target").is_not_null())
    undone: set[str] = set()
    newest_first = pairs.sort("occurred_at", "commit", "target", descending=True, nulls_last=True)
    for revert, target in newest_first.select("commit", "target").iter_rows():
        if revert is None or revert not in undone:
            undone.add(target)
    times = (
        reverts.filter(pl.col("reverts_commit").is_not_null())
        .group_by(commit="reverts_commit")
        .agg(undone_at=pl.col("occurred_at").min())
    )
    if not undone:
        return pl.DataFrame(schema=TAKEN_BACK)
    is_told = (pl.col("event_type") != "note") & pl.col("commit").is_in(sorted(undone))
    days = git_events.filter(is_told).select("day", "commit").unique().collect()
    return days.join(times, on="commit", how="left").sort("day", "commit").select(TAKEN_BACK.names()).cast(TAKEN_BACK)


def _meant(made: pl.DataFrame, git_events: pl.LazyFrame) -> pl.DataFrame:
    """Return the commit that each `reverts_prefix` stands for."""
    prefixes = made.select(prefix="reverts_prefix").drop_nulls().unique()
    if prefixes.is_empty():
        return pl.DataFrame(schema={"reverts_prefix": pl.String, "_named": pl.String})
    shortest = int(prefixes["prefix"].str.len_bytes().min())  # type: ignore[arg-type]
    heads = prefixes["prefix"].str.head(shortest).unique()
    known = pl.col("commit").is_not_null() & (pl.col("event_type") != "note")
    commits = git_events.filter(known & pl.col("commit").str.head(shortest).is_in(heads.implode()))
    found = resolved(prefixes, commits.select(pl.col("commit").unique()).collect()["commit"])
    return found.select(reverts_prefix="prefix", _named="commit")


def _by_subject(reverts: pl.DataFrame, git_events: pl.LazyFrame) -> pl.DataFrame:
    """Return with `target` the newest earlier commit of the subject that each revert quotes."""
    asked = (
        reverts.with_columns(pl.col("subject").str.extract(_SUBJECT), pl.col("repository").fill_null(""))
        .filter(pl.col("subject").is_not_null() & pl.col("occurred_at").is_not_null())
        .sort("occurred_at", "commit")
        .drop("target")
    )
    if asked.is_empty():
        return asked.with_columns(target=pl.lit(None, pl.String))
    earlier = (
        git_events.filter(
            pl.col("event_type").is_in(MAKES_COMMITS)
            & pl.col("commit").is_not_null()
            & pl.col("occurred_at").is_not_null()
            & pl.col("subject").is_in(asked["subject"].unique().implode())
        )
        .select(pl.col("repository").fill_null(""), "subject", "occurred_at", target="commit")
        .collect()
        .sort("occurred_at", "target")
    )
    return asked.join_asof(
        earlier, on="occurred_at", by=["repository", "subject"], check_sortedness=False, allow_exact_matches=False
    )
