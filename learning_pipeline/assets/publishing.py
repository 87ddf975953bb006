"""The load into PostgreSQL."""

import dagster as dg

from learning_pipeline.assets import record
from learning_pipeline.assets.metadata import counts_table
from learning_pipeline.assets.resources import Pipeline, PipelineParam

PUBLISH = "postgres_publish"
PUBLISH_KEY = dg.AssetKey(PUBLISH)


def note_complete(pipeline: Pipeline) -> None:
    """Keep a record that nothing is left to do; call it after the last step of a run."""
    router, published = pipeline.reports.get("router"), pipeline.reports.get("publish")
    complete = record.observe(
        pipeline.settings,
        published=published is not None,
        publish_id=published.publish_id if published else None,
        router_version=router.version if router else None,
    )
    if complete is not None:
        record.save(pipeline.settings, complete)


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
        from learning_pipeline.publish import load

        if not pipeline.settings.publish:
            note_complete(pipeline)
            return dg.MaterializeResult(metadata={"published": False, "reason": "publishing is switched off"})
        with pipeline.step(context) as settings:
            report = load.publish(settings, now=pipeline.clock(), progress=pipeline.progress)
        pipeline.reports["publish"] = report
        note_complete(pipeline)
        return dg.MaterializeResult(
            metadata={
                "publish_id": report.publish_id,
                "published": report.published,
                "reason": report.reason,
                "dagster/row_count": sum(report.rows.values()),
                "rows": counts_table(report.rows, "table", "rows"),
                "seconds": round(report.seconds, 3),
            }
        )

    return publish
