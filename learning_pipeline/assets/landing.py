"""Landing: one unpartitioned asset per source kind."""

from collections.abc import Iterator

import dagster as dg

from learning_pipeline.assets.metadata import counts_table
from learning_pipeline.assets.resources import PipelineParam
from learning_pipeline.lake.discover import AUTO

PREFIX = "land_"
GROUP = "lake"
NOTHING = dict.fromkeys(("lines_read", "events", "duplicates", "quarantined", "ignored"), 0)


def landing_key(kind: str) -> dg.AssetKey:
    """Return the key of the asset that lands a source kind."""
    return dg.AssetKey(PREFIX + kind)


def landing_assets(kinds: tuple[str, ...]) -> dg.AssetsDefinition:
    """Return one asset per source kind; those that are selected together are landed in one pass."""

    @dg.multi_asset(
        name="land",
        can_subset=True,
        specs=[
            dg.AssetSpec(
                landing_key(kind),
                description=f"Events of {kind} inputs: what is new is parsed, validated, merged into the lake.",
                group_name=GROUP,
                owners=["team:ingestion"],
                kinds={"parquet"},
                tags={"source": kind},
                skippable=True,
            )
            for kind in kinds
        ],
    )
    def land(context: dg.AssetExecutionContext, pipeline: PipelineParam) -> Iterator[dg.MaterializeResult]:
        from learning_pipeline.assets import broken
        from learning_pipeline.assets.record import mark_looked
        from learning_pipeline.lake import land as lake
        from learning_pipeline.watch import audit

        chosen = {kind for kind in kinds if landing_key(kind) in context.selected_asset_keys}
        with pipeline.step(context) as settings:
            inputs = [spec for spec in pipeline.inputs() if spec.kind in chosen or spec.kind == AUTO]
            report = lake.land(settings, inputs, now=pipeline.clock(), progress=pipeline.progress)
            audit.landing(settings.home, report, pipeline.clock())
            mark_looked(settings, pipeline.clock())
            broken.note(settings, inputs, report)
        pipeline.reports["land"] = report
        from learning_pipeline.assets import charts  # not before: what lands is not to wait for it

        # A file is read as what it is: an input of one kind may hold others.
        others = {kind: counts["lines_read"] for kind, counts in report.sources.items() if kind not in chosen}
        drawn = charts.of_landing(report.sources)
        for kind in kinds:
            if kind in chosen:
                paths = [str(spec.path) for spec in inputs if spec.kind in (kind, AUTO)]
                counts = {**NOTHING, **report.sources.get(kind, {})}
                yield dg.MaterializeResult(
                    asset_key=landing_key(kind),
                    metadata={
                        **(drawn if counts["lines_read"] else {}),
                        **counts,
                        "inputs": dg.MetadataValue.json(paths),
                        "touched_days": dg.MetadataValue.json([day.isoformat() for day in report.days]),
                        "unreadable": dg.MetadataValue.json(report.unreadable),
                        "lines_of_other_kinds": dg.MetadataValue.json(others),
                        "unknown_fields": counts_table(report.unknown_fields, "field", "lines"),
                        "seconds": round(report.seconds, 3),
                    },
                )

    return land
