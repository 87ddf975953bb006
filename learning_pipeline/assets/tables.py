"""Facts and daily marts: one asset per table of the registry, partitioned by day."""

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from learning_pipeline.assets.landing import landing_key
from learning_pipeline.assets.metadata import PARTITION_ROWS_KEY, SCHEMA_KEY, column_schema, preview
from learning_pipeline.assets.partitions import days_of
from learning_pipeline.assets.resources import PipelineParam
from learning_pipeline.assets.router import ROUTER_KEY
from learning_pipeline.contracts.base import description, key_columns

if TYPE_CHECKING:
    from learning_pipeline.marts.registry import TableSpec


# Inputs of tables that no landing brings: they come with the program or the configuration.
NOT_LANDED = ("prices", "budgets")
# Inputs that the router writes down.
WRITTEN_BY_ROUTER = ("router_evaluations", "router_predictions")


def landing_of(name: str, kinds: tuple[str, ...]) -> set[dg.AssetKey]:
    """Return what lands a stream; what tells of landing itself (ledger, quarantine) comes from all of it."""
    from learning_pipeline.sources import registry

    if name in NOT_LANDED:
        return set()
    writers = {kind for kind in kinds if name in registry.family(registry.source(kind).FAMILY).STREAMS}
    return {landing_key(kind) for kind in writers or kinds}


def upstream(inputs: Iterable[str], tables: Mapping[str, "TableSpec"], kinds: tuple[str, ...]) -> list[dg.AssetKey]:
    """Return the assets that a table is made from: other tables, and what lands the streams that it reads."""
    keys: set[dg.AssetKey] = set()
    for name in inputs:
        if name in WRITTEN_BY_ROUTER:
            keys.add(ROUTER_KEY)
        else:
            keys |= {dg.AssetKey(name)} if name in tables else landing_of(name, kinds)
    return sorted(keys)


def table_spec(name: str, spec: "TableSpec", deps: list[dg.AssetKey]) -> dg.AssetSpec:
    """Return what Dagster shows of a table: meaning, owner, columns."""
    return dg.AssetSpec(
        name,
        deps=deps,
        description=description(spec.contract),
        group_name=spec.group,
        owners=["team:analytics"],
        kinds={"polars", "parquet"},
        tags={"table_kind": spec.kind},
        metadata={SCHEMA_KEY: column_schema(spec.contract), "key": ", ".join(key_columns(spec.contract))},
    )


def daily_asset(
    name: str, spec: "TableSpec", deps: list[dg.AssetKey], partitions: dg.DailyPartitionsDefinition
) -> dg.AssetsDefinition:
    """Return the asset of a fact or daily mart; a range of days is built in one run."""

    @dg.multi_asset(
        name=name,
        specs=[table_spec(name, spec, deps)],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def build_table(context: dg.AssetExecutionContext, pipeline: PipelineParam) -> dg.MaterializeResult:
        from learning_pipeline.marts import build, reader

        start = time.perf_counter()
        days = days_of(context.partition_keys)
        with pipeline.step(context) as settings:
            rows = build.build_days(settings, name, days, now=pipeline.clock())
            shown = preview(reader.read(settings, name, days))
        for day in days:
            context.add_asset_metadata({PARTITION_ROWS_KEY: rows.get(day, 0)}, partition_key=day.isoformat())
        seconds = round(time.perf_counter() - start, 3)
        return dg.MaterializeResult(metadata={"preview": shown, "rows_in_run": sum(rows.values()), "seconds": seconds})

    return build_table
