"""How executions ended: all the evidence there is, and which of it is the strongest.

| evidence | tells | weight |
|---|---|---|
| feedback | success: rating of 4 and more, positive; failure: rating of 2 and less, negative, correction | 1.0 |
| checks and exit codes, in the log | what they say | 1.0 |
| what the log reports | as it says | 0.8 |
| git | success: a commit of its work is known and was not reverted; failure: all that are known were | 0.7 |
| results of tools, in the log | as the last one says | 0.5 |
| heuristics, in the log | success where it ended as usual | 0.3 |

Of equal weight, feedback comes first, then what is above in this table. Of several judgements by feedback the
latest counts. What git knows comes before what the log alone says of a commit.
"""

from datetime import datetime, timedelta

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.facts import FctOutcomes
from learning_pipeline.contracts.vocabulary import LABEL_WEIGHTS, SUCCESS_OF_OUTCOME

_TIME = pl.Datetime("us", "UTC")
EVIDENCE = pl.Schema(
    {
        "day": pl.Date(),
        "execution_id": pl.String(),
        "outcome": pl.String(),
        "outcome_source": pl.String(),
        "evidence": pl.String(),
        "observed_at": _TIME,
    }
)
STUCK = pl.Schema({"day": pl.Date(), "execution_id": pl.String()})

_GOOD_RATING, _BAD_RATING = 4, 2
_RANK = {source: rank for rank, source in enumerate(LABEL_WEIGHTS)}


def verdict() -> pl.Expr:
    """Return what a piece of feedback says of the work; null where it judges nothing."""
    kind, rating = pl.col("feedback_type"), pl.col("rating")
    return (
        pl.when(kind == "correction")
        .then(pl.lit("failure"))
        .when(rating >= _GOOD_RATING)
        .then(pl.lit("success"))
        .when(rating <= _BAD_RATING)
        .then(pl.lit("failure"))
        .when(kind == "positive")
        .then(pl.lit("success"))
        .when(kind == "negative")
        .then(pl.lit("failure"))
    )


def feedback_evidence(executions: pl.LazyFrame, feedback: pl.LazyFrame) -> pl.DataFrame:
    """Return what feedback says of executions.

    It is of the execution that it names. Where there is none, it is of those that carry its correlation id and were
    not started by another of them; else of its session's newest execution, among those that no other execution
    started, which had begun by then.
    """
    names = ("execution_id", "correlation_id", "session_id")
    given = (
        feedback.select(
            *names, outcome=verdict(), outcome_source=pl.lit("feedback"), evidence="feedback_id", observed_at="given_at"
        )
        .filter(pl.col("outcome").is_not_null())
        .collect()
    )
    if given.is_empty():
        return pl.DataFrame(schema=EVIDENCE)
    found = []
    for name, matched in (
        ("execution_id", _by_execution),
        ("correlation_id", _by_correlation),
        ("session_id", _by_session),
    ):
        asked = given[name].drop_nulls().unique()
        if asked.is_empty():
            continue
        known = (
            executions.filter(pl.col(name).is_in(asked.implode()))
            .select("day", *names, "parent_execution_id", began_at=pl.coalesce("started_at", "ended_at"))
            .collect()
        )
        rows = matched(given, known).select(EVIDENCE.names())
        found.append(rows)
        given = given.join(rows.select("evidence").unique(), on="evidence", how="anti")
    return pl.concat([pl.DataFrame(schema=EVIDENCE), *found])


def _by_execution(given: pl.DataFrame, executions: pl.DataFrame) -> pl.DataFrame:
    return given.join(executions.select("day", "execution_id"), on="execution_id")


def _by_correlation(given: pl.DataFrame, executions: pl.DataFrame) -> pl.DataFrame:
    parents = executions.select("correlation_id", parent_execution_id="execution_id")
    first = executions.join(parents, on=["correlation_id", "parent_execution_id"], how="anti")
    return given.drop("execution_id").join(first.select("day", "execution_id", "correlation_id"), on="correlation_id")


def _by_session(given: pl.DataFrame, executions: pl.DataFrame) -> pl.DataFrame:
    roots = executions.filter(pl.col("parent_execution_id").is_null() & pl.col("session_id").is_not_null())
    roots = roots.filter(pl.col("began_at").is_not_null()).sort("began_at", "execution_id")
    return (
        given.drop("execution_id")
        .filter(pl.col("session_id").is_not_null())
        .sort("observed_at", "evidence")
        .join_asof(
            roots.select("day", "execution_id", "session_id", "began_at"),
            left_on="observed_at",
            right_on="began_at",
            by="session_id",
            check_sortedness=False,
        )
        .filter(pl.col("execution_id").is_not_null())
    )


def git_evidence(links: pl.DataFrame, taken_back: pl.DataFrame) -> pl.DataFrame:
    """Return what became of the commits of executions, where git knows it.

    `links` is what `commits.certain_links` returns; of these, only those count that say for certain which execution was
    at work when the commit was made. `taken_back` is what `reverts.taken_back` returns.
    """
    sure = pl.col("is_used") & (pl.col("timing") == "at_commit") & pl.col("is_known")
    was_undone = pl.col("is_reverted").fill_null(False)
    return (
        links.filter(sure & pl.col("execution_id").is_not_null())
        .join(taken_back.select("commit", "undone_at").unique(), on="commit", how="left")
        .select(
            "day",
            "execution_id",
            outcome=pl.when(was_undone).then(pl.lit("failure")).otherwise(pl.lit("success")),
            outcome_source=pl.lit("git"),
            evidence="commit",
            observed_at=pl.when(was_undone).then(pl.coalesce("undone_at", "committed_at")).otherwise("committed_at"),
        )
        .unique()
    )


def open_ones(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Return the executions of which no end is known, and when they began."""
    return executions.filter(pl.col("outcome") == "open").select(*STUCK.names(), "started_at")


def stuck(open_executions: pl.DataFrame, newest: datetime | None, minutes: int) -> pl.DataFrame:
    """Return the open executions that began more than so many minutes before the newest event."""
    if newest is None:
        return pl.DataFrame(schema=STUCK)
    return (
        open_executions.filter(pl.col("started_at") < newest - timedelta(minutes=minutes))
        .select(STUCK.names())
        .sort(STUCK.names())
    )


def fct_outcomes(executions: pl.LazyFrame, evidence: pl.LazyFrame) -> pl.LazyFrame:
    """Put together all evidence on the executions of some days: their own, and that of feedback and git."""
    key = ("execution_id", "outcome_source", "evidence")
    rows = pl.concat(
        [
            evidence.filter(pl.col("evidence").is_not_null()).with_columns(_from_log=pl.lit(False)),
            _of_log(executions).with_columns(_from_log=pl.lit(True)),
        ],
        how="diagonal",
    )
    succeeded = pl.col("outcome") == "success"
    by_git, by_feedback = pl.col("outcome_source") == "git", pl.col("outcome_source") == "feedback"
    return (
        rows.unique(["day", *key], keep="first", maintain_order=True)
        .with_columns(
            success=pl.col("outcome").replace_strict(SUCCESS_OF_OUTCOME, default=None, return_dtype=pl.Boolean),
            label_weight=pl.col("outcome_source").replace_strict(LABEL_WEIGHTS, return_dtype=pl.Float64),
            _rank=pl.col("outcome_source").replace_strict(_RANK, return_dtype=pl.Int64),
        )
        .sort(
            "day",
            "execution_id",
            -pl.col("label_weight"),
            "_rank",
            "_from_log",
            by_git & ~succeeded,
            -pl.when(by_feedback).then(pl.col("observed_at").dt.timestamp()).otherwise(0),
            "evidence",
        )
        .with_columns(is_decisive=pl.int_range(pl.len()).over("day", "execution_id") == 0)
        .select(polars_schema(FctOutcomes).names())
    )


def _of_log(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Return what the logs of executions tell of their end: outcome, all other evidence, and what the user said."""
    observed = pl.coalesce("ended_at", "started_at")
    common = {"day": pl.col("day"), "execution_id": pl.col("execution_id"), "observed_at": observed}
    is_told = (pl.col("outcome_source") != "none") & ~pl.col("outcome").is_in(("open", "unknown"))
    own = executions.filter(is_told).select(
        **common, outcome="outcome", outcome_source="outcome_source", evidence="source"
    )
    parts = pl.col("evidence").str.split(":").list
    more = (
        executions.filter(pl.col("evidence").list.len() > 0)
        .select(**common, evidence="evidence", source="source")
        .explode("evidence")
        .select(
            "day", "execution_id", "observed_at", outcome=parts.get(1), outcome_source=parts.get(0), evidence="source"
        )
    )
    accepted, rating = pl.col("user_accepted"), pl.col("user_rating")
    said = [
        executions.select(**common, outcome=outcome, outcome_source=pl.lit("feedback"), evidence=pl.lit(column)).filter(
            pl.col("outcome").is_not_null()
        )
        for column, outcome in (
            (
                "user_rating",
                pl.when(rating >= _GOOD_RATING)
                .then(pl.lit("success"))
                .when(rating <= _BAD_RATING)
                .then(pl.lit("failure")),
            ),
            (
                "user_accepted",
                pl.when(accepted).then(pl.lit("success")).when(~accepted).then(pl.lit("failure")),
            ),
        )
    ]
    return pl.concat([own, more, *said], how="diagonal")


def resolved(executions: pl.LazyFrame, outcomes: pl.LazyFrame, stuck_ones: pl.LazyFrame) -> pl.LazyFrame:
    """Give executions the outcome of their strongest evidence, and say which of the open ones are stuck."""
    columns = ("outcome", "success", "outcome_source", "label_weight")
    strongest = outcomes.filter("is_decisive").select(
        "day", "execution_id", _found=pl.lit(True), **{f"_{name}": pl.col(name) for name in columns}
    )
    found = pl.col("_found").fill_null(False)
    return (
        executions.join(strongest, on=["day", "execution_id"], how="left")
        .with_columns(pl.when(found).then(f"_{name}").otherwise(name).alias(name) for name in columns)
        .join(stuck_ones.with_columns(_stuck=pl.lit(True)), on=["day", "execution_id"], how="left")
        .with_columns(
            error_type=pl.when(pl.col("success").eq(False).fill_null(False))
            .then(pl.col("error_type").fill_null("unknown"))
            .otherwise("error_type"),
            is_stuck=pl.col("_stuck").fill_null(False) & (pl.col("outcome") == "open"),
        )
        .drop("_found", "_stuck", *(f"_{name}" for name in columns))
    )
