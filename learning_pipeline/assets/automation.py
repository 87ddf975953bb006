"""Jobs, the nightly schedule, and the sensor that takes touched days through to the publish.

A night is: the schedule starts `nightly` (landing); the sensor sees which days landing touched and starts one
`build_days` run for each range of them; when no day is left it starts `finish` (roll-ups and the database,
router, publish, all checks). So late data, a back-fill by hand and the night go the same way, and a day that
nothing touched is not built. The schedule and the sensor are on as soon as the daemon runs, because a pipeline
that has to be switched on first is forgotten; both can be switched off in the UI.
"""

from collections.abc import Iterator
from datetime import datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from learning_pipeline.assets import record
from learning_pipeline.assets.partitions import DayRange, day_ranges
from learning_pipeline.assets.resources import PipelineParam
from learning_pipeline.settings import Settings

NIGHTLY, BUILD_DAYS, FINISH, CHECK = "nightly", "build_days", "finish", "check_laws"
START_TAG = "dagster/asset_partition_range_start"
END_TAG = "dagster/asset_partition_range_end"
Outcome = Iterator[dg.RunRequest | dg.SkipReason]
UNDER_WAY = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
CHECK_CRON = "0 12 * * *"
TOUCHED_SECONDS = 60


def range_tags(days: DayRange) -> dict[str, str]:
    """Return the run tags that select a range of daily partitions."""
    return {START_TAG: days.first.isoformat(), END_TAG: days.last.isoformat()}


def jobs(
    landing: dg.AssetSelection, daily: dg.AssetSelection, whole: dg.AssetSelection
) -> list[UnresolvedAssetJobDefinition]:
    """Return the jobs: what a night consists of, and the checks alone."""
    daily_checks = daily - daily.without_checks()
    return [
        dg.define_asset_job(NIGHTLY, landing, description="Land what is new; the sensor goes on from there."),
        dg.define_asset_job(
            BUILD_DAYS, daily.without_checks(), description="Build facts and daily marts of some days."
        ),
        dg.define_asset_job(
            FINISH,
            whole | daily_checks,
            description="Roll-ups, database, router, page, publish, laws.",
        ),
        dg.define_asset_job(CHECK, dg.AssetSelection.all_asset_checks(), description="Ask whether the laws hold now."),
    ]


def nightly_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule of the night."""
    return dg.ScheduleDefinition(
        name="nightly_schedule",
        job_name=NIGHTLY,
        cron_schedule=settings.schedule_cron,
        execution_timezone=settings.schedule_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Starts the night. A standing order from the first start of the daemon on.",
    )


def check_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule of the standing checks: staleness is only seen by who looks when nothing runs."""
    return dg.ScheduleDefinition(
        name="check_schedule",
        job_name=CHECK,
        cron_schedule=CHECK_CRON,
        execution_timezone=settings.schedule_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Asks every day at noon whether the laws hold, so that a night that did not run is seen.",
    )


def lake_version(settings: Settings) -> str:
    """Return a short name of what the lake holds now."""
    seen = record.lake_digest(settings)
    return seen[:12] if seen else "empty"


def requests(settings: Settings, now: datetime) -> Iterator[dg.RunRequest]:
    """Yield the runs that are to be started: for touched days first, and when there are none for the rest.

    The run key holds what the lake held and the date: a failed run is not started again and again, but it is
    tried once more when something new was landed, or on the next day.
    """
    from learning_pipeline.marts import build

    version = f"{lake_version(settings)}/{now.date()}"
    ranges = day_ranges(build.stale_days(settings))
    for days in ranges:
        key = f"{BUILD_DAYS}/{days.first}/{days.last}/{version}"
        yield dg.RunRequest(run_key=key, job_name=BUILD_DAYS, tags=range_tags(days))
    if not ranges and record.is_current(settings, publish=settings.publish) is None:
        yield dg.RunRequest(run_key=f"{FINISH}/{version}", job_name=FINISH)


def touched_days_sensor(targets: list[UnresolvedAssetJobDefinition]) -> dg.SensorDefinition:
    """Return the sensor that starts what landing made necessary."""

    @dg.sensor(
        name="touched_days",
        jobs=[job for job in targets if job.name in (BUILD_DAYS, FINISH)],
        minimum_interval_seconds=TOUCHED_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts what landing made necessary: the touched days, then roll-ups, router and publish.",
    )
    def touched_days(context: dg.SensorEvaluationContext, pipeline: PipelineParam) -> Outcome:
        # A run that is under way may be doing just what would be asked for.
        if context.instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY), limit=1):
            yield dg.SkipReason("a run is under way")
        elif not pipeline.settings.state_path.exists():
            yield dg.SkipReason("nothing was landed yet")
        else:
            wanted = list(requests(pipeline.settings, pipeline.clock()))
            yield from wanted
            if not wanted:
                yield dg.SkipReason("no touched days, and everything behind them is current")

    return touched_days
