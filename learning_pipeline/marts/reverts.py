"""Which commits were taken back by later ones."""

import polars as pl

_SUBJECT = r'^(?i:revert) "(.+)"$'


def reverted_commits(git_events: pl.DataFrame, resolve: pl.DataFrame) -> pl.Series:
    """Return the commits that a later commit reverts, and that no third one brought back.

    A revert names its commit in full, abbreviated, or only by its subject: then the newest earlier commit of the
    repository with that subject is meant.

    Args:
        git_events: commit, repository, subject, occurred_at, reverts_commit, reverts_prefix of events that make
            commits.
        resolve: prefix and commit, for the abbreviations in `reverts_prefix`.
    """
    reverts = git_events.filter(
        pl.col("reverts_commit").is_not_null()
        | pl.col("reverts_prefix").is_not_null()
        | pl.col("subject").str.contains(_SUBJECT)
    ).join(resolve.select(reverts_prefix="prefix", _named="commit"), on="reverts_prefix", how="left")
    named = reverts.select("commit", "occurred_at", target=pl.coalesce("reverts_commit", "_named"))
    by_subject = (
        reverts.filter(pl.col("reverts_commit").is_null() & pl.col("_named").is_null())
        .with_columns(subject=pl.col("subject").str.extract(_SUBJECT))
        .filter(pl.col("subject").is_not_null() & pl.col("occurred_at").is_not_null())
        .sort("occurred_at", "commit")
    )
    earlier = (
        git_events.filter(pl.col("occurred_at").is_not_null() & pl.col("commit").is_not_null())
        .select("repository", "subject", "occurred_at", target="commit")
        .with_columns(pl.col("repository").fill_null(""))
        .sort("occurred_at", "target")
    )
    found = by_subject.with_columns(pl.col("repository").fill_null("")).join_asof(
        earlier, on="occurred_at", by=["repository", "subject"], check_sortedness=False, allow_exact_matches=False
    )
    pairs = pl.concat([named, found.select("commit", "occurred_at", "target")]).filter(pl.col("target").is_not_null())
    undone: set[str] = set()
    newest_first = pairs.sort("occurred_at", "commit", "target", descending=True, nulls_last=True)
    for revert, target in newest_first.select("commit", "target").iter_rows():
        if revert is None or revert not in undone:
            undone.add(target)
    return pl.Series("commit", sorted(undone), dtype=pl.String)
