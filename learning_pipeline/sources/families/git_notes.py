"""Rows of notes: what stands beside a commit, or beside a checkpoint, about the sessions behind it.

A note is grouped with its commit, so that the commit's time, repository and whether it is in the history are those
that the history tells, whenever it is read. A note without a time has that of its commit, else the latest that
another entry beside the same commit or checkpoint has, else none.
"""

import msgspec
import polars as pl

_VERSIONS = ("total_additions", "total_deletions", "accepted_lines", "attributed_lines", "agent_lines")
_encode = msgspec.json.Encoder(order="sorted").encode


def note_rows(notes: pl.DataFrame, events: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """Return one row per entry of a note.

    Args:
        events: rows of the commits, by their `group_key`.
        seen: group_key, and whether the commit was ever seen in a history as `_seen`.
    """
    commits = events.select(
        "group_key",
        _repository="repository",
        _remote="remote",
        _commit_at="occurred_at",
        _commit_day="day",
    ).unique("group_key", keep="first", maintain_order=True)
    latest = (
        notes.filter(pl.col("occurred_at").is_not_null())
        .sort("occurred_at", "day")
        .group_by("group_key")
        .agg(_latest_at=pl.col("occurred_at").last(), _latest_day=pl.col("day").last())
    )
    rows = (
        _newest(notes)
        .join(commits, on="group_key", how="left", maintain_order="left")
        .join(latest, on="group_key", how="left", maintain_order="left")
        .join(seen, on="group_key", how="left", maintain_order="left")
    )
    of_commit = pl.col("_commit_at").is_not_null()
    own = pl.col("occurred_at").is_not_null()
    return rows.with_columns(
        _said(rows),
        repository=pl.coalesce("repository", "_repository"),
        remote=pl.coalesce("remote", "_remote"),
        occurred_at=pl.coalesce("_commit_at", "occurred_at", "_latest_at"),
        day=pl.when(of_commit).then("_commit_day").when(own).then("day").otherwise(pl.coalesce("_latest_day", "day")),
    )


def _newest(notes: pl.DataFrame) -> pl.DataFrame:
    """Keep one version of each entry: a note is written again with totals that grow."""
    if notes["event_id"].n_unique() == notes.height:
        return notes
    size = [pl.col("attributes").str.json_path_match(f"$.{name}").cast(pl.Int64, strict=False) for name in _VERSIONS]
    return (
        notes.with_columns(expression.alias(f"_{at}") for at, expression in enumerate(size))
        .sort("event_id", *(f"_{at}" for at in range(len(size))), "record_key", nulls_last=False)
        .unique("event_id", keep="last", maintain_order=True)
    )


def _said(rows: pl.DataFrame) -> pl.Series:
    """Return the attributes, with what only all records of the commit together can say."""
    said = []
    columns = ("attributes", "commit", "occurred_at", "_commit_at", "_latest_at", "_seen")
    for text, commit, own_at, commit_at, latest_at, seen in rows.select(columns).iter_rows():
        try:
            given = msgspec.json.decode(text)
        except msgspec.DecodeError:
            given = {"unreadable": text}
        if commit is not None:
            given["dangling"] = not seen
        if commit_at is not None:
            given.pop("time_of", None)
        elif own_at is None and latest_at is not None:
            given["time_of"] = "another entry"
        said.append(_encode(given).decode())
    return pl.Series("attributes", said, dtype=pl.String)
