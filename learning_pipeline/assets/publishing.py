"""The load into PostgreSQL."""

from collections.abc import Mapping

import dagster as dg

from learning_pipeline.assets.metadata import counts_table, markdown_table
from learning_pipeline.assets.resources import PipelineParam

PUBLISH = "postgres_publish"
PUBLISH_KEY = dg.AssetKey(PUBLISH)
CHANGES = ("inserted", "updated", "deleted")


def publish_asset(deps: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the asset of the published PostgreSQL schema."""

    @dg.multi_asset(
        name="publish",
        specs=[
            dg.AssetSpec(
                PUBLISH_KEY,
                deps=deps,
                description="Schema enhanced_learning that live systems read: loaded in one transaction, "
                "and not at all when its content would be the same.",
                group_name="publish",
                owners=["team:platform"],
                kinds={"postgres"},
            )
        ],
    )
    def publish(context: dg.AssetExecutionContext, pipeline: PipelineParam) -> dg.MaterializeResult:
        from learning_pipeline.assets import charts, unfinished
        from learning_pipeline.publish import load
        from learning_pipeline.watch import audit

        with pipeline.step(context) as settings, unfinished.only_the_publish():
            unfinished.note(settings, unfinished.PUBLISH, pipeline.clock())
            report = load.publish(settings, now=pipeline.clock(), progress=pipeline.progress)
            audit.publish(settings.home, report, pipeline.clock())
        pipeline.reports["publish"] = report
        pipeline.note_complete()
        return dg.MaterializeResult(
            metadata={
                **(charts.of_publish(report.rows, report.changes) if report.published else {}),
                "publish_id": report.publish_id,
                "published": report.published,
                "reason": report.reason,
                "dagster/row_count": sum(report.rows.values()),
                "rows": counts_table(report.rows, "table", "rows"),
                "changes": dg.MetadataValue.md(markdown_table(["table", *CHANGES], changed_rows(report.changes))),
                # Measured against an exact search when the index was built; nothing where it was not.
                **({"recall": dg.MetadataValue.json(report.recall)} if report.recall else {}),
                "notes": dg.MetadataValue.json(report.notes),
                "seconds": round(report.seconds, 3),
            }
        )

    return publish


def changed_rows(changes: Mapping[str, Mapping[str, int]]) -> list[list[object]]:
    """Return the tables in which something was written, and how many rows."""
    return [
        [table, *(counts.get(name, 0) for name in CHANGES)]
        for table, counts in sorted(changes.items())
        if any(counts.values())
    ]
