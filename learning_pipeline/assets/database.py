"""Dimensions, roll-ups and the marts database: made together, seen one by one."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from learning_pipeline.assets.metadata import ROWS_KEY, bar_plot, preview
from learning_pipeline.assets.resources import PipelineParam
from learning_pipeline.assets.tables import table_spec, upstream
from learning_pipeline.settings import Settings

if TYPE_CHECKING:
    from learning_pipeline.marts.registry import TableSpec

DATABASE = "marts_database"
DATABASE_KEY = dg.AssetKey(DATABASE)
USAGE = "mart_usage_daily"
TOKEN_COLUMNS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


def database_asset(tables: Mapping[str, "TableSpec"], daily: set[str], kinds: tuple[str, ...]) -> dg.AssetsDefinition:
    """Return the asset of what is made from all days at once, and of the file that analysts open."""
    whole = {name: spec for name, spec in tables.items() if name not in daily}
    specs = [table_spec(name, spec, upstream(spec.inputs, tables, kinds)) for name, spec in whole.items()]
    file = dg.AssetSpec(
        DATABASE_KEY,
        deps=sorted(dg.AssetKey(name) for name in tables),
        description="marts.duckdb with every table and its comments: built aside, renamed over the old version.",
        group_name="database",
        owners=["team:analytics"],
        kinds={"duckdb"},
    )

    @dg.multi_asset(name="database", specs=[*specs, file])
    def database(context: dg.AssetExecutionContext, pipeline: PipelineParam) -> Iterator[dg.MaterializeResult]:
        from learning_pipeline.marts import build, reader

        with pipeline.step(context) as settings:
            report = build.write_database(settings, now=pipeline.clock(), progress=pipeline.progress)
            shown = {name: preview(reader.read(settings, name)) for name in whole}
            usage = usage_plot(settings) if report.changed else {}
        pipeline.reports["database"] = report
        for name, rows in shown.items():
            yield dg.MaterializeResult(asset_key=name, metadata={ROWS_KEY: report.tables.get(name, 0), "preview": rows})
        yield dg.MaterializeResult(
            asset_key=DATABASE_KEY,
            metadata={
                **usage,
                "path": dg.MetadataValue.path(report.marts_path),
                "bytes": report.marts_path.stat().st_size,
                "new_version": report.changed,
                "rows": dg.MetadataValue.json(report.tables),
                "seconds": round(report.seconds, 3),
            },
        )

    return database


def usage_plot(settings: Settings) -> dict[str, Any]:
    """Return the tokens of each day as a plot; nothing where no tokens are known."""
    from learning_pipeline.marts import reader

    columns = list(TOKEN_COLUMNS)
    days = reader.read(settings, USAGE).group_by("day").agg(pl.col(columns).sum()).sort("day").collect()
    if days.is_empty():
        return {}
    series = {name.removesuffix("_tokens"): [count / 1e6 for count in days[name]] for name in columns}
    return {"tokens_per_day": bar_plot("Million tokens per day", days["day"].to_list(), series)}
