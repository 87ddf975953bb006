"""The dashboard."""

import dagster as dg

from learning_pipeline.assets.metadata import markdown_table
from learning_pipeline.assets.resources import PipelineParam

REPORT = "report_page"
REPORT_KEY = dg.AssetKey(REPORT)


def report_asset(deps: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the asset of the page for those who look rather than ask."""

    @dg.multi_asset(
        name="report",
        specs=[
            dg.AssetSpec(
                REPORT_KEY,
                deps=deps,
                description="reports/index.html: one self-contained page with charts, their tables, the router's "
                "evaluation, the data's quality and the dictionary. Written only when it would differ.",
                group_name="report",
                owners=["team:analytics"],
                kinds={"html"},
            )
        ],
    )
    def report(context: dg.AssetExecutionContext, pipeline: PipelineParam) -> dg.MaterializeResult:
        from learning_pipeline.report.write import write_page

        with pipeline.step(context) as settings:
            page = write_page(settings)
        pipeline.reports["report"] = page
        if not pipeline.settings.publish:
            pipeline.note_complete()
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(page.path),
                "bytes": page.size_bytes,
                "new_version": page.changed,
                "charts": page.charts,
                "left_out": dg.MetadataValue.md(markdown_table(["chart", "why"], sorted(page.left_out.items()))),
                "seconds": round(page.seconds, 3),
            }
        )

    return report
