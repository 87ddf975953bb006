"""The main job: everything that is new, from raw files to PostgreSQL, through the Dagster assets.

Nothing here imports Dagster before there is something to do.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from learning_pipeline.assets import broken, record, unfinished
from learning_pipeline.assets.lock import home_lock
from learning_pipeline.errors import PipelineError
from learning_pipeline.progress import Progress, silent
from learning_pipeline.settings import Settings, SourceSpec

COUNTS = (
    "lines_read",
    "events",
    "duplicates",
    "quarantined",
    "ignored",
    "files_scanned",
    "files_changed",
    "bytes_read",
)
DEFAULT_WAIT_SECONDS = 10.0
NOT_PUBLISHED: dict[str, Any] = {"publish_id": None, "rows": {}}


@dataclass
class RefreshReport:
    """What a refresh did."""

    marts_path: Path
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    days: list[date] = field(default_factory=list)
    tables: dict[str, int] = field(default_factory=dict)
    unknown_fields: dict[str, int] = field(default_factory=dict)
    unrecognised: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    router: dict[str, Any] = field(default_factory=dict)
    publish: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    changed: bool = False

    def summary(self) -> dict[str, Any]:
        """Return the fields of `refresh --json`."""
        return {
            **self.counts,
            "days": [day.isoformat() for day in self.days],
            "marts_path": str(self.marts_path),
            "router": self.router,
            "publish": self.publish,
            "seconds": {step: round(seconds, 3) for step, seconds in self.seconds.items()},
        }

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the time of the block to the step's."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start


def refresh(
    settings: Settings,
    specs: Sequence[SourceSpec],
    *,
    now: datetime,
    publish: bool,
    progress: Progress = silent,
    wait_seconds: float = DEFAULT_WAIT_SECONDS,
) -> RefreshReport:
    """Land what is new in the inputs, and rebuild, train and publish exactly what depends on it.

    A home directory has one writer: a second refresh waits up to `wait_seconds` for the first.

    Raises:
        TransientError: the home directory is still being written by another run.
        UsageError: an input's kind is unknown, or its path does not exist; or the PostgreSQL URL is none.
        PipelineError: a step failed; what was published before is untouched.
    """
    if publish:
        _check_server(settings)
    report = RefreshReport(settings.marts_path)
    with report.timed("total"), home_lock(settings.home, wait_seconds=wait_seconds):
        with report.timed("scan"):
            to_land, known = _look(report, settings, specs, now=now, publish=publish)
        if not to_land:
            record.mark_looked(settings, now)
        if known is None:
            unfinished.note(settings, unfinished.REFRESH, now)
            _run(report, settings, specs if to_land else [], now=now, publish=publish, progress=progress)
            return report
        report.router = {"version": known.router_version, "promoted": False, "reason": "nothing new"}
        with report.timed("publish"):
            # A database that somebody emptied is noticed here, and filled again.
            _note_publish(report, _publish(settings, now, progress) if publish else None)
        unfinished.clear(settings)
    return report


def _look(
    report: RefreshReport, settings: Settings, specs: Sequence[SourceSpec], *, now: datetime, publish: bool
) -> tuple[bool, record.Record | None]:
    """Say whether there is something to land; and, if nothing at all is to be done, what the last refresh left."""
    from learning_pipeline.lake import land as lake

    if lake.has_changes(settings, specs):
        return True, None
    looked = lake.land(settings, specs, now=now)  # counts what was looked at
    broken.note(settings, specs, looked)
    _note_landing(report, looked)
    from learning_pipeline.marts import build

    if build.stale_days(settings):
        return False, None
    return False, record.is_current(settings, publish=publish)


def _check_server(settings: Settings) -> None:
    """Refuse a PostgreSQL URL that is none before anything is done."""
    if settings.postgres_url is not None:
        from learning_pipeline.publish.connect import where

        where(settings.postgres_url.get_secret_value())


def _publish(settings: Settings, now: datetime, progress: Progress) -> Any:
    from learning_pipeline.publish.load import publish
    from learning_pipeline.watch import audit

    try:
        with unfinished.only_the_publish():
            report = publish(settings, now=now, progress=progress)
            audit.publish(settings.home, report, now)
            return report
    except PipelineError:
        unfinished.note(settings, unfinished.PUBLISH, now)
        raise


def _run(
    report: RefreshReport,
    settings: Settings,
    specs: Sequence[SourceSpec],
    *,
    now: datetime,
    publish: bool,
    progress: Progress,
) -> None:
    with report.timed("start"):
        from learning_pipeline.assets.instance import instance
        from learning_pipeline.assets.partitions import day_ranges
        from learning_pipeline.assets.resources import Pipeline
        from learning_pipeline.assets.runs import Runner
        from learning_pipeline.marts import build

    settings = settings.model_copy(update={"publish": publish})
    pipeline = Pipeline(settings, list(specs), progress, clock=lambda: now, max_retries=0)
    with instance(settings) as opened:
        runner = Runner(pipeline, opened)
        runner.end_killed()
        if specs:
            with report.timed("land"):
                runner.land(specs)
            _note_landing(report, pipeline.reports["land"])
        with build.one_look(settings):
            with report.timed("build"):
                report.days = build.stale_days(settings, shared=True)
                ranges = day_ranges(report.days)
                for done, days in enumerate(ranges):
                    progress("build days", done, len(ranges))
                    runner.build_days(days)
                progress("build days", len(ranges), len(ranges))
            with report.timed("finish"):
                runner.finish()
    _note_results(report, pipeline.reports)


def _note_landing(report: RefreshReport, landed: Any) -> None:
    report.counts = {name: getattr(landed, name) for name in COUNTS}
    report.unknown_fields = dict(landed.unknown_fields)
    report.unrecognised = list(landed.unrecognised)
    report.unreadable = list(landed.unreadable)


def _note_results(report: RefreshReport, results: dict[str, Any]) -> None:
    database, router, published = results["database"], results["router"], results.get("publish")
    report.changed = database.changed
    report.tables = dict(database.tables)
    report.router = {"version": router.version, "promoted": router.promoted, "reason": router.reason}
    _note_publish(report, published)
    # The steps of the last run, told apart; what is left of it is Dagster's own work and the checks.
    parts = {"database": database.seconds, "train": router.seconds, "report": results["report"].seconds}
    if published:
        parts["publish"] = published.seconds
    report.seconds["checks"] = max(0.0, report.seconds.pop("finish") - sum(parts.values()))
    report.seconds.update(parts)


def _note_publish(report: RefreshReport, published: Any) -> None:
    if published is None:
        report.publish = dict(NOT_PUBLISHED)
    else:
        rows = dict(published.rows) if published.published else {}
        report.publish = {"publish_id": published.publish_id or None, "rows": rows}
