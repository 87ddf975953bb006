"""The root of the Dagster definitions."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import dagster as dg

from learning_pipeline.assets import automation, watching
from learning_pipeline.assets.checks import law_checks
from learning_pipeline.assets.database import DATABASE_KEY, database_asset
from learning_pipeline.assets.landing import landing_assets
from learning_pipeline.assets.partitions import partition_span
from learning_pipeline.assets.publishing import publish_asset
from learning_pipeline.assets.report import REPORT_KEY, report_asset
from learning_pipeline.assets.resources import Pipeline
from learning_pipeline.assets.router import ROUTER_KEY, router_asset
from learning_pipeline.assets.tables import daily_asset, upstream
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.settings import load_settings


class _Days(dg.DailyPartitionsDefinition):
    """Daily partitions whose keys are listed once.

    Dagster lists them for each partitioned input of each step, from cron strings: 0.2 s of CPU a time where an event
    has no time, since its day is 1970-01-01. A refresh of the sample took 51 such times.
    """

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: Any = None
    ) -> Sequence[str]:
        with dg.partition_loading_context(current_time, dynamic_partitions_store):
            last = self.get_last_partition_window()
        return _keys(self.start.date(), last.start.date()) if last else []


@lru_cache(maxsize=8)
def _keys(first: date, last: date) -> Sequence[str]:
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def daily_partitions(pipeline: Pipeline) -> dg.DailyPartitionsDefinition:
    """Return the daily partitions, in UTC, today's included."""
    settings, lake_days = pipeline.settings, list[date]()
    if settings.state_path.exists():
        with State(settings.state_path) as state:
            lake_days = Lake(settings.lake_dir, state).days()
    first, end_offset = partition_span(settings.first_day, lake_days, pipeline.clock())
    return _Days(start_date=first.isoformat(), timezone="UTC", end_offset=end_offset)


def definitions_for(pipeline: Pipeline) -> dg.Definitions:
    """Return the definitions for one home directory."""
    from learning_pipeline.marts.registry import TABLES
    from learning_pipeline.sources.registry import KINDS

    partitions = daily_partitions(pipeline)
    daily = {name: spec for name, spec in TABLES.items() if spec.by_day}
    landing = landing_assets(KINDS).map_asset_specs(lambda spec: dg.apply_freshness_policy(spec, watching.freshness()))
    tables = [daily_asset(name, spec, upstream(spec.inputs, TABLES, KINDS), partitions) for name, spec in daily.items()]
    router = router_asset([dg.AssetKey("fct_executions")])
    database, report = database_asset(TABLES, set(daily), KINDS), report_asset([DATABASE_KEY, ROUTER_KEY])
    # After the page, which it does not read: where only the publish fails, all else is done.
    publish = publish_asset([DATABASE_KEY, ROUTER_KEY, REPORT_KEY])
    last = [database, router, report, publish] if pipeline.settings.publish else [database, router, report]
    select = dg.AssetSelection.assets
    jobs = automation.jobs(select(landing), select(*tables), select(*last))
    return dg.Definitions(
        assets=[landing, *tables, database, router, report, publish],
        asset_checks=law_checks(TABLES, set(daily), KINDS),
        jobs=jobs,
        schedules=[automation.nightly_schedule(pipeline.settings), automation.check_schedule(pipeline.settings)],
        sensors=[
            automation.touched_days_sensor(jobs),
            watching.new_files_sensor(next(job for job in jobs if job.name == automation.NIGHTLY)),
            watching.watch_sensor(),
        ],
        resources={"pipeline": pipeline},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions for the configured home directory: what the web server and the daemon load."""
    return definitions_for(Pipeline(load_settings()))
