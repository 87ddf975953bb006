"""The routing model."""

import dagster as dg

from learning_pipeline.assets.metadata import markdown_table
from learning_pipeline.assets.resources import PipelineParam

ROUTER = "router_model"
ROUTER_KEY = dg.AssetKey(ROUTER)


def router_asset(deps: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the asset of the router in the registry."""

    @dg.multi_asset(
        name="router",
        specs=[
            dg.AssetSpec(
                ROUTER_KEY,
                deps=deps,
                description="Model that says which agent or model should take a task: trained on observed outcomes, "
                "evaluated on later ones, promoted when it passes the gate.",
                group_name="router",
                owners=["team:routing"],
                kinds={"scikitlearn"},
            )
        ],
    )
    def router(context: dg.AssetExecutionContext, pipeline: PipelineParam) -> dg.MaterializeResult:
        from learning_pipeline.assets import charts
        from learning_pipeline.routing import train
        from learning_pipeline.watch import audit

        with pipeline.step(context) as settings:
            report = train.train(settings, now=pipeline.clock(), progress=pipeline.progress)
            audit.training(settings.home, report, pipeline.clock())
            drawn = charts.of_router(settings) if report.trained else {}
        pipeline.reports["router"] = report
        metrics = [(name, f"{value:.4g}") for name, value in sorted(report.metrics.items())]
        return dg.MaterializeResult(
            metadata={
                **drawn,
                "version": report.version or "none",
                "trained": report.trained,
                "promoted": report.promoted,
                "reason": report.reason,
                "metrics": dg.MetadataValue.md(markdown_table(["metric", "value"], metrics)),
                "seconds": round(report.seconds, 3),
            }
        )

    return router
