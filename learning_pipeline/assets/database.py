"""Dimensions, roll-ups and the marts database: made together, seen one by one."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from learning_pipeline.assets.metadata import ROWS_KEY, preview
from learning_pipeline.assets.resources import PipelineParam
from learning_pipeline.assets.tables import table_spec, upstream

if TYPE_CHECKING:
    from learning_pipeline.marts.registry import TableSpec

DATABASE = "marts_database"
DATABASE_KEY = dg.AssetKey(DATABASE)


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
        from learning_pipeline.assets import charts
        from learning_pipeline.marts import build, reader

        with pipeline.step(context) as settings:
            report = build.write_database(settings, now=pipeline.clock(), progress=pipeline.progress)
            shown = {name: preview(reader.read(settings, name)) for name in whole}
            drawn = charts.of_marts(settings) if report.changed else {}
        pipeline.reports["database"] = report
        for name, rows in shown.items():
            yield dg.MaterializeResult(
                asset_key=name,
                metadata={**drawn.get(name, {}), ROWS_KEY: report.tables.get(name, 0), "preview": rows},
            )
        yield dg.MaterializeResult(
            asset_key=DATABASE_KEY,
            metadata={
                **drawn.get(DATABASE, {}),
                "path": dg.MetadataValue.path(report.marts_path),
                "bytes": report.marts_path.stat().st_size,
                "new_version": report.changed,
                "rows": dg.MetadataValue.json(report.tables),
                "seconds": round(report.seconds, 3),
            },
        )

    return database
