"""Sensors that watch: new files start a landing; what fires or clears is told once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg

from learning_pipeline.assets.automation import BUILD_DAYS, END_TAG, NIGHTLY, START_TAG, UNDER_WAY, lake_version
from learning_pipeline.assets.health import CRITICAL, OK, Finding, health
from learning_pipeline.assets.resources import Pipeline, PipelineParam
from learning_pipeline.errors import PipelineError

NEW_FILES, WATCH = "new_files", "watch"
TOLD_NAME = "told.json"
NEW_FILES_SECONDS, WATCH_SECONDS = 900, 600
# Newest runs that are looked at for what failed.
RUNS_SEEN = 500
SHOWN = 5
Outcome = Iterator[dg.RunRequest | dg.SkipReason]
FAILED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
ENDED = (*FAILED, dg.DagsterRunStatus.SUCCESS)
LANDING_WARN, LANDING_FAIL = timedelta(hours=26), timedelta(hours=36)


@dataclass(frozen=True)
class Ran:
    """A run that has ended: its job, whether it succeeded, and the days that it was for."""

    job: str
    succeeded: bool
    first: date | None = None
    last: date | None = None


def freshness() -> dg.FreshnessPolicy:
    """Return how old a landing may be: a night that did not run is seen on the next day."""
    return dg.FreshnessPolicy.time_window(fail_window=LANDING_FAIL, warn_window=LANDING_WARN)


def ended(runs: Iterable[dg.DagsterRun]) -> list[Ran]:
    """Return the runs that have ended, in the order given."""
    return [
        Ran(run.job_name, run.status == dg.DagsterRunStatus.SUCCESS, _day(run.tags, START_TAG), _day(run.tags, END_TAG))
        for run in runs
        if run.status in ENDED
    ]


def _day(tags: Mapping[str, str], name: str) -> date | None:
    value = tags.get(name)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        return None


def failed_jobs(runs: Iterable[Ran]) -> list[str]:
    """Return the jobs whose newest run failed; the newest run stands first."""
    newest: dict[str, bool] = {}
    for run in runs:
        newest.setdefault(run.job, run.succeeded)
    return sorted(job for job, succeeded in newest.items() if not succeeded)


def failed_days(runs: Iterable[Ran]) -> list[date]:
    """Return the days whose newest run failed: those that a later run has built are well."""
    newest: dict[date, bool] = {}
    for run in runs:
        if run.job == BUILD_DAYS and run.first and run.last:
            for offset in range((run.last - run.first).days + 1):
                newest.setdefault(run.first + timedelta(days=offset), run.succeeded)
    return sorted(day for day, succeeded in newest.items() if not succeeded)


def of_runs(runs: list[Ran]) -> list[Finding]:
    """Return the findings about runs: jobs that failed last, and days that stand failed."""
    jobs, days = failed_jobs(runs), failed_days(runs)
    more = f" and {len(days) - SHOWN} more" if len(days) > SHOWN else ""
    found = [
        Finding(f"run of {job}", CRITICAL, "its newest run failed; see Dagster's page of runs", {}) for job in jobs
    ]
    if days:
        named = ", ".join(str(day) for day in days[:SHOWN])
        found.append(Finding("failed_days", CRITICAL, f"not built: {named}{more}", {"days": len(days)}))
    else:
        found.append(Finding("failed_days", OK, "no day stands failed", {"days": 0}))
    return found


def findings(pipeline: Pipeline, instance: dg.DagsterInstance) -> list[Finding]:
    """Return what health says, and what Dagster's runs say."""
    runs = ended(instance.get_runs(limit=RUNS_SEEN))
    return [*health(pipeline.settings, pipeline.clock()), *of_runs(runs)]


def watch_sensor() -> dg.SensorDefinition:
    """Return the sensor that tells what fires and what clears, each once."""

    @dg.sensor(
        name=WATCH,
        minimum_interval_seconds=WATCH_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks the laws, the alert rules, the runs and the failed days, and tells what has changed, once, "
        "to notify_urls.",
    )
    def watch(context: dg.SensorEvaluationContext, pipeline: PipelineParam) -> Outcome:
        from learning_pipeline.watch.notify import tell

        settings = pipeline.settings
        if context.instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY), limit=1):
            yield dg.SkipReason("a run is under way: what is half done is not judged")
            return
        if not settings.state_path.exists():
            yield dg.SkipReason("nothing was landed yet")
            return
        found = findings(pipeline, context.instance)
        urls = [url.get_secret_value() for url in settings.notify_urls]
        told = tell(
            settings.home / TOLD_NAME,
            {one.name: one.state for one in found},
            {one.name: one.summary for one in found},
            pipeline.clock(),
            urls,
            settings.host,
        )
        changed = ", ".join(f"{change.name} is {change.state}" for change in told)
        yield dg.SkipReason(f"{'told' if urls else 'nobody to tell'}: {changed}" if changed else "nothing has changed")

    return watch


def new_files_sensor(target: "dg.JobDefinition | object") -> dg.SensorDefinition:
    """Return the sensor that starts a landing when an input has something new."""

    @dg.sensor(
        name=NEW_FILES,
        job=target,  # type: ignore[arg-type]
        minimum_interval_seconds=NEW_FILES_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a landing when an input has something new: it looks at sizes and times, and opens no file.",
    )
    def new_files(context: dg.SensorEvaluationContext, pipeline: PipelineParam) -> Outcome:
        if context.instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY), limit=1):
            yield dg.SkipReason("a run is under way")
        else:
            yield from landing_request(pipeline)

    return new_files


def landing_request(pipeline: Pipeline) -> Outcome:
    """Yield the run that is to land what is new.

    The run key holds what the lake held and the hour: a landing that fails is tried again once an hour, and
    when something else was landed, and not each time that the sensor looks.
    """
    from learning_pipeline.lake.land import has_changes

    try:
        changed = has_changes(pipeline.settings, pipeline.inputs())
    except PipelineError as error:
        yield dg.SkipReason(f"the inputs cannot be looked at: {error}")
        return
    if changed:
        hour = pipeline.clock().replace(minute=0, second=0, microsecond=0).isoformat()
        yield dg.RunRequest(run_key=f"{NIGHTLY}/{lake_version(pipeline.settings)}/{hour}", job_name=NIGHTLY)
    else:
        yield dg.SkipReason("no input has anything new")
