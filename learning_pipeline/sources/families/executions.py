"""The family of execution logs: lines of one execution, united field by field.

The later line wins, by its own time; what it leaves out is taken from the lines before. An outcome is taken
from the line with the strongest evidence, and of equal evidence from the later line.
"""

from collections.abc import Mapping

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import Executions
from learning_pipeline.contracts.vocabulary import LABEL_WEIGHTS, SUCCESS_OF_OUTCOME
from learning_pipeline.sources.base import RECORD_COLUMNS
from learning_pipeline.sources.families.attributes import united
from learning_pipeline.sources.normal import model_tier, provider

NAME = "executions"
STREAMS = ("executions",)
TEXT_COLUMNS = ("task_text", "error_message", "solution_summary", "attributes", "working_dir")

_Type = type[pl.DataType] | pl.DataType
_TIME = pl.Datetime("us", "UTC")

# Columns of the stream that are not told by a record: made by the lake, or worked out in `assemble`.
_NOT_TOLD = (*RECORD_COLUMNS, "landed_at", "success")
# Columns that a record has beside those of the stream.
_EXTRA: dict[str, _Type] = {
    "event": pl.String,  # started, completed or record
    "at": _TIME,  # the line's own time, by which lines of one execution follow each other
    "computed_start": _TIME,  # end less duration, where the line tells no start
    "ruled_error_type": pl.String,  # type of error that the message tells
    "evidence": pl.String,  # all that the line tells of the end, as source:outcome, with blanks between
}
_TOLD: dict[str, _Type] = {
    name: dtype for name, dtype in polars_schema(Executions).items() if name not in _NOT_TOLD and name not in _EXTRA
}

SCHEMA: dict[str, _Type] = {**RECORD_COLUMNS, **_EXTRA, **_TOLD}
SCHEMAS = {"execution": SCHEMA}

_ORDER = ("group_key", "execution_id", "at", "record_key")
_OUTCOME = ("outcome", "outcome_source", "label_weight")
# Columns that are not simply the last that was told.
_APART = (*_OUTCOME, "evidence", "execution_id", "attributes", "task_type")
_LATEST = tuple(name for name in (*_TOLD, "computed_start", "ruled_error_type") if name not in _APART)
_KEY = ("group_key", "execution_id")


def assemble(records: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Turn the records of executions into one row each (see `sources.base.Family`)."""
    return {"executions": _executions(records["execution"].sort(_ORDER))}


def _executions(records: pl.DataFrame) -> pl.DataFrame:
    alone = records.filter(pl.len().over(_KEY) == 1)
    several = records.filter(pl.len().over(_KEY) > 1)
    rows = _folded(several) if several.height else None
    single = _single(alone)
    united = single if rows is None else pl.concat([single, rows.select(single.columns)])
    return _finished(united)


def _single(records: pl.DataFrame) -> pl.DataFrame:
    """An execution of one line says all there is."""
    return records.select(
        *_KEY,
        *_LATEST,
        *_OUTCOME,
        "evidence",
        "task_type",
        "attributes",
        "source",
        "source_file",
        "source_line",
        "host",
        "day",
        pl.col("event").eq("completed").alias("completed"),
        pl.col("event").ne("started").alias("told"),
    )


def _folded(records: pl.DataFrame) -> pl.DataFrame:
    """Unite the lines of each execution; they come in their order."""
    has_start = pl.coalesce("started_at", "computed_start").is_not_null()
    reported_start = pl.col("started_at").is_not_null()
    rows = records.group_by(_KEY, maintain_order=True).agg(
        *(pl.col(name).last(ignore_nulls=True) for name in _LATEST),
        # A kind that is not `other` says more.
        pl.coalesce(
            pl.col("task_type").filter(pl.col("task_type") != "other").last(ignore_nulls=True),
            pl.col("task_type").last(ignore_nulls=True),
        ).alias("task_type"),
        *(pl.col(name).first() for name in ("source", "source_file", "source_line", "host")),
        # The day is that of the line which tells the start.
        pl.coalesce(
            pl.col("day").filter(reported_start).last(), pl.col("day").filter(has_start).last(), pl.col("day").last()
        ).alias("day"),
        pl.col("event").eq("completed").any().alias("completed"),
        pl.col("event").ne("started").any().alias("told"),
    )
    outcomes = (
        records.filter(pl.col("outcome").is_not_null())
        .sort(*_KEY, "label_weight", "at", "record_key")
        .unique(_KEY, keep="last", maintain_order=True)
        .select(*_KEY, *_OUTCOME)
    )
    for more in (outcomes, _evidence(records), united(records, _KEY)):
        rows = rows.join(more, on=_KEY, how="left", maintain_order="left")
    return rows


def _evidence(records: pl.DataFrame) -> pl.DataFrame:
    """Return all evidence that the lines of each execution tell, of each kind the latest, the strongest first."""
    kind = pl.col("evidence").str.split(":").list.first()
    return (
        records.filter(pl.col("evidence").is_not_null())
        .select(*_KEY, pl.col("evidence").str.split(" "))
        .explode("evidence")
        .unique((*_KEY, kind.alias("_kind")), keep="last", maintain_order=True)
        .sort(*_KEY, kind.replace_strict(LABEL_WEIGHTS, return_dtype=pl.Float64), descending=[False, False, True])
        .group_by(_KEY, maintain_order=True)
        .agg(pl.col("evidence").str.join(" "))
    )


def _finished(rows: pl.DataFrame) -> pl.DataFrame:
    """Work out what the lines together tell: outcome, times, type of error, the model's provider and tier."""
    started = pl.coalesce("started_at", "computed_start")
    stayed_open = (pl.col("outcome") == "open") & ~pl.col("completed") & pl.col("ended_at").is_null()
    outcome = (
        pl.when(stayed_open)
        .then(pl.lit("open"))
        .when((pl.col("outcome") != "open").fill_null(False))
        .then("outcome")
        .when(pl.col("told"))
        .then(pl.lit("unknown"))
        .otherwise(pl.lit("open"))
    )
    source = pl.when(pl.col("outcome").is_in(("open", "unknown"))).then(pl.lit("none")).otherwise("outcome_source")
    rows = rows.with_columns(started.alias("started_at"), outcome.alias("outcome"))
    rows = rows.with_columns(
        source.fill_null("none").alias("outcome_source"),
        pl.col("outcome")
        .replace_strict(list(SUCCESS_OF_OUTCOME), list(SUCCESS_OF_OUTCOME.values()), return_dtype=pl.Boolean)
        .alias("success"),
        pl.when(pl.col("ended_at").is_null() & (pl.col("outcome") != "open"))
        .then(pl.col("started_at") + pl.duration(milliseconds=pl.col("duration_ms")))
        .otherwise("ended_at")
        .alias("ended_at"),
    )
    length = (pl.col("ended_at") - pl.col("started_at")).dt.total_milliseconds()
    failed = pl.col("success").eq(False).fill_null(False)
    by_rule = failed & pl.col("error_type").is_null()
    ruled = (
        pl.when(pl.col("outcome") == "timeout")
        .then(pl.lit("timeout"))
        .otherwise(pl.col("ruled_error_type").fill_null("unknown"))
    )
    return rows.with_columns(
        pl.col("outcome_source")
        .replace_strict(list(LABEL_WEIGHTS), list(LABEL_WEIGHTS.values()), return_dtype=pl.Float64)
        .alias("label_weight"),
        pl.coalesce("duration_ms", pl.when(length >= 0).then(length)).alias("duration_ms"),
        pl.when(by_rule).then(ruled).otherwise("error_type").alias("error_type"),
        pl.when(by_rule)
        .then(
            pl.when(pl.col("attributes").is_null())
            .then(pl.lit('{"error_type_by_rule":true}'))
            .otherwise(pl.lit('{"error_type_by_rule":true,') + pl.col("attributes").str.slice(1))
        )
        .otherwise("attributes")
        .alias("attributes"),
        pl.when(pl.col("evidence").str.contains(" ", literal=True))
        .then(pl.col("evidence").str.split(" "))
        .alias("evidence"),
        pl.coalesce("model_tier", _of_model(rows["model"], model_tier)).alias("model_tier"),
        pl.coalesce("provider", _of_model(rows["model"], provider)).alias("provider"),
    ).drop("computed_start", "ruled_error_type", "completed", "told")


def _of_model(models: pl.Series, of: object) -> pl.Expr:
    """Return what a function says of each model, asked once per name."""
    names = models.unique().drop_nulls().sort().to_list()
    found = [of(name) for name in names]  # type: ignore[operator]
    return pl.col("model").replace_strict(names, found, default=None, return_dtype=pl.String)
