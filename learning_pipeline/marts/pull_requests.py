"""Which commits came of the pull requests that sessions were linked to."""

import msgspec
import polars as pl

_SQUASHED = r"\(#(\d+)\)\s*$"
_MERGED = r"^Merge pull request #(\d+)\b"
_SCHEMA = pl.Schema(
    {
        "day": pl.Date(),
        "session_id": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "_repository": pl.String(),
        "_number": pl.Int64(),
    }
)


def telling_executions(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Return the executions whose log names a pull request."""
    return executions.filter(
        pl.col("attributes").str.contains('"pull_request"', literal=True)
        & pl.col("session_id").is_not_null()
        & pl.col("started_at").is_not_null()
    ).select("day", "session_id", "started_at", "attributes")


def of_pull_requests(noted: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Return commit, session and time of the work, of commits whose subject names a pull request of a session.

    `noted` is what `telling_executions` returns.
    """
    wanted = numbers_named(noted).drop("day").unique()
    return wanted.join(numbered(made).drop("day"), on=["_repository", "_number"]).select(
        "commit", "session_id", "at", method=pl.lit("pull_request")
    )


def numbers_named(noted: pl.DataFrame) -> pl.DataFrame:
    """Return day, session, time, and repository and number of each pull request that an execution's log names."""
    rows = [
        (day, session, at, repository, number)
        for day, session, at, text in noted.select("day", "session_id", "started_at", "attributes").iter_rows()
        for repository, number in _named(text)
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def numbered(made: pl.DataFrame) -> pl.DataFrame:
    """Return day and commit, and repository and number of the pull request that its subject names.

    Hosts name it when they squash (`Words (#12)`) or merge (`Merge pull request #12`) one. Numbers are given in each
    repository anew, so its name has to agree.
    """
    number = pl.coalesce(pl.col("subject").str.extract(_SQUASHED), pl.col("subject").str.extract(_MERGED))
    return (
        made.filter(pl.col("commit").is_not_null() & pl.col("repository").is_not_null())
        .select(
            "day",
            "commit",
            _repository=pl.col("repository").str.to_lowercase(),
            _number=number.cast(pl.Int64, strict=False),
        )
        .filter(pl.col("_number").is_not_null())
    )


def _named(text: str) -> list[tuple[str, int]]:
    """Return repository and number of each pull request in an execution's attributes."""
    try:
        told = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return []
    links = told.get("pull_request") if isinstance(told, dict) else None
    found = []
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and isinstance(link.get("repository"), str) and isinstance(link.get("number"), int):
            found.append((link["repository"].rpartition("/")[2].lower(), link["number"]))
    return found
