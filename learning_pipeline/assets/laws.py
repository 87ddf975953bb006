"""The laws as questions to what is there now: each says whether it holds, and shows what breaks it."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from learning_pipeline.assets import record, unfinished
from learning_pipeline.contracts.base import Table, column_comments, key_columns
from learning_pipeline.contracts.vocabulary import LABEL_WEIGHTS, SUCCESS_OF_OUTCOME
from learning_pipeline.errors import PipelineError
from learning_pipeline.settings import Settings

STALE_AFTER_HOURS = 36
WEIGHT_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Verdict:
    """Whether a law holds, in one line, with the numbers behind it."""

    passed: bool
    summary: str
    numbers: dict[str, int | float | str] = field(default_factory=dict)
    warning: bool = False  # a breach is worth a look, and stops nothing


def conservation(ledger: pl.DataFrame, source: str) -> Verdict:
    """Every line read is in exactly one place: event lines, duplicates, quarantined, ignored."""
    rows = ledger.filter(pl.col("source") == source)
    places = ("event_lines", "duplicates", "quarantined", "ignored")
    counts = {name: int(rows[name].sum()) for name in ("lines_read", *places)}
    broken = rows.filter(pl.col("lines_read") != pl.sum_horizontal(places))
    files = broken["source_file"].n_unique()
    return Verdict(
        passed=broken.is_empty(),
        summary=f"{files} files do not add up" if files else f"{counts['lines_read']} lines, all accounted for",
        numbers={**counts, "files_that_do_not_add_up": files, "first_file": next(iter(broken["source_file"]), "")},
    )


def keys_unique(frame: pl.LazyFrame, contract: type[Table]) -> Verdict:
    """No natural key is there twice, and no part of one is null where the contract says that it never is."""
    keys = list(key_columns(contract))
    columns = contract.to_schema().columns
    never_null = [name for name in keys if not columns[name].nullable]
    null = pl.any_horizontal(pl.col(never_null).is_null()).sum() if never_null else pl.lit(0)
    counts = frame.select(pl.len().alias("rows"), pl.struct(keys).n_unique().alias("keys"), null.alias("null"))
    total, distinct, nulls = counts.collect().row(0)
    twice = total - distinct
    broken = twice > 0 or nulls > 0
    return Verdict(
        passed=not broken,
        summary=f"{twice} rows repeat a key, {nulls} have none" if broken else f"{total} rows, {total} keys",
        numbers={"rows": total, "repeated": twice, "null_keys": nulls, "key": ", ".join(keys)},
    )


def unknown_is_null(executions: pl.LazyFrame) -> Verdict:
    """`success` is what the outcome says, and null where the outcome says nothing."""
    expected = pl.col("outcome").replace_strict(SUCCESS_OF_OUTCOME, default=None, return_dtype=pl.Boolean)
    total, broken = (
        executions.select(pl.len(), pl.col("success").ne_missing(expected).sum().alias("broken")).collect().row(0)
    )
    return Verdict(
        passed=broken == 0,
        summary=f"{broken} of {total} executions claim a success that their outcome does not tell"
        if broken
        else f"{total} executions",
        numbers={"rows": total, "broken": broken},
    )


def unpriced_is_null(calls: pl.LazyFrame) -> Verdict:
    """A call without a price has no cost, above all not 0."""
    unpriced = pl.col("price_version").is_null()
    total, missing, broken = (
        calls.select(
            pl.len(),
            unpriced.sum().alias("missing"),
            (unpriced & pl.col("cost_usd").is_not_null()).sum().alias("broken"),
        )
        .collect()
        .row(0)
    )
    return Verdict(
        passed=broken == 0,
        summary=f"{broken} calls have a cost without a price"
        if broken
        else f"{total} calls, {missing} without a price",
        numbers={"rows": total, "unpriced": missing, "broken": broken},
    )


def labels_observed(executions: pl.LazyFrame) -> Verdict:
    """Whoever has a success or failure has evidence for it, and the weight of that evidence."""
    weight = pl.col("outcome_source").replace_strict(LABEL_WEIGHTS, default=None, return_dtype=pl.Float64)
    unseen = pl.col("success").is_not_null() & (pl.col("outcome_source") == "none")
    wrong = (pl.col("label_weight") - weight).abs().fill_null(1.0) > WEIGHT_TOLERANCE
    labelled, without, weights = (
        executions.select(
            pl.col("success").is_not_null().sum().alias("labelled"),
            unseen.sum().alias("unseen"),
            wrong.sum().alias("wrong"),
        )
        .collect()
        .row(0)
    )
    return Verdict(
        passed=without == 0 and weights == 0,
        summary=f"{without} labels without evidence, {weights} with another weight than their evidence has"
        if without or weights
        else f"{labelled} labels, each with its evidence",
        numbers={"labelled": labelled, "without_evidence": without, "wrong_weight": weights},
    )


def database_complete(settings: Settings) -> Verdict:
    """Every table of the registry is in marts.duckdb with all its columns, each with its comment."""
    import duckdb

    from learning_pipeline.marts.registry import described

    if not settings.marts_path.exists():
        return Verdict(False, f"{settings.marts_path} does not exist")
    try:
        with duckdb.connect(str(settings.marts_path), read_only=True) as db:
            tables = dict(db.execute("select table_name, comment from duckdb_tables()").fetchall())
            rows = db.execute("select table_name, column_name, comment from duckdb_columns()").fetchall()
    except duckdb.Error as error:
        return Verdict(False, f"{settings.marts_path} cannot be read: {error}")
    contracts = {name: contract for name, (_, contract) in described().items()}
    columns = {(table, column): comment for table, column, comment in rows}
    missing = sorted(set(contracts) - set(tables))
    bare = sorted(name for name in contracts if name in tables and not tables[name])
    absent = []
    for name, contract in contracts.items():
        for column, comment in column_comments(contract).items():
            if name in tables and columns.get((name, column)) != comment:
                absent.append(f"{name}.{column}")
    broken = [*missing, *bare, *absent]
    return Verdict(
        passed=not broken,
        summary=f"missing or without its comment: {', '.join(broken[:5])}" if broken else f"{len(contracts)} tables",
        numbers={"tables": len(tables), "missing": len(missing), "without_comment": len(bare), "columns": len(absent)},
    )


def nothing_stale(settings: Settings) -> Verdict:
    """After a build, building again would change nothing: no day differs from what the marts were made from."""
    from learning_pipeline.marts import build

    days = build.stale_days(settings)
    return Verdict(
        passed=not days,
        summary=f"{len(days)} days of the lake are newer than the marts" if days else "the marts are as the lake is",
        numbers={"stale_days": len(days), "first": str(days[0]) if days else ""},
    )


def lake_untouched(settings: Settings) -> Verdict:
    """Every partition file is there, and holds as many rows as landing wrote."""
    from learning_pipeline.lake.state import State
    from learning_pipeline.lake.store import Lake

    broken = []
    with State(settings.state_path) as state:
        lake = Lake(settings.lake_dir, state)
        partitions = state.query("select stream, day, rows from partitions where rows > 0 order by stream, day")
        for stream, day, rows in partitions:
            path = lake.path(stream, date.fromisoformat(day))
            if _parquet_rows(path) != rows:
                broken.append(f"{stream} {day}")
    return Verdict(
        passed=not broken,
        summary=f"changed by something else than landing: {', '.join(broken[:5])}"
        if broken
        else f"{len(partitions)} partitions",
        numbers={"partitions": len(partitions), "broken": len(broken)},
    )


def _parquet_rows(path: Path) -> int | None:
    """Return the rows of a Parquet file by its footer; None where it cannot be read."""
    try:
        return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
    except (OSError, pl.exceptions.ComputeError):
        return None


def fresh(settings: Settings, now: datetime) -> Verdict:
    """The inputs were looked at within the last 36 hours."""
    seen = record.looked_at(settings)
    if seen is None:
        return Verdict(False, "the inputs were never looked at", warning=True)
    hours = round((now - seen) / timedelta(hours=1), 1)
    return Verdict(
        passed=hours <= STALE_AFTER_HOURS,
        summary=f"the inputs were looked at {hours} hours ago",
        numbers={"hours": hours, "limit_hours": STALE_AFTER_HOURS},
        warning=True,
    )


def refresh_complete(settings: Settings) -> Verdict:
    """The last refresh came to its end, and saw what the lake holds now."""
    left, last = unfinished.load(settings), record.load(settings)
    known: dict[str, int | float | str] = {
        "step": left.step if left else "",
        "last_publish_id": (last and last.publish_id) or "",
    }

    def verdict(summary: str, passed: bool = False) -> Verdict:
        return Verdict(passed, summary, known, warning=True)

    if left and left.step == unfinished.PUBLISH:
        return verdict(f"the marts of {left.began_at} were not published; run learning-pipeline publish, and see why")
    if left:
        return verdict(
            f"the refresh of {left.began_at or 'an unknown time'} did not come to its end; "
            "unless it is still under way, run learning-pipeline refresh"
        )
    if last is None:
        return verdict("no refresh has come to its end yet; run learning-pipeline refresh")
    if last.lake != record.lake_digest(settings):
        return verdict("something was landed after the last complete refresh; run learning-pipeline refresh")
    if last.published:
        return verdict("the last refresh came to its end, and was published", True)
    return verdict("the last refresh came to its end, and was not to be published", True)


def router_readable(settings: Settings) -> Verdict:
    """The registry of router versions can be read, and the version that answers is as it was written."""
    from learning_pipeline.routing.registry import Registry

    registry = Registry(settings.models_dir)
    try:
        versions = registry.versions()
        item = registry.current() or registry.latest()
        if item is not None:
            registry.read(item)
    except PipelineError as error:
        return Verdict(False, str(error))
    index = settings.models_dir / "registry.json"
    names = sorted(json.loads(index.read_bytes())["versions"]) if index.exists() else []
    lost = [name for name in names if name not in {item.version for item in versions}]
    if lost:
        place = settings.models_dir / lost[0]
        return Verdict(False, f"{place} has no manifest: bring it back, or move {index} away and train")
    if versions and not index.exists():
        return Verdict(False, f"{index} is missing; run learning-pipeline train", warning=True)
    summary = f"{len(versions)} versions, {item.version} answers" if item else "no version was trained yet"
    return Verdict(True, summary, {"versions": len(versions)})
