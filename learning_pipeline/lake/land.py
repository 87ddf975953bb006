"""Landing: reads what is new, and leaves the lake as if all of it had been read at once.

What has to be read is known before Polars is imported: further processes start meanwhile.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from learning_pipeline.lake import discover, upkeep
from learning_pipeline.lake.crew import crew
from learning_pipeline.lake.files import Cursor, Found
from learning_pipeline.lake.report import LandReport
from learning_pipeline.lake.state import State
from learning_pipeline.progress import Progress, silent
from learning_pipeline.settings import Settings, SourceSpec


def has_changes(settings: Settings, specs: Sequence[SourceSpec]) -> bool:
    """Say whether landing would read anything. It looks at sizes, times and refs, and opens no file.

    Raises:
        UsageError: an input is of an unknown kind or not there.
        PipelineError: an input cannot be looked at.
    """
    discover.check(specs)
    if not settings.state_path.exists():
        return bool(specs)
    with State(settings.state_path) as state:
        if upkeep.is_needed(settings, state):
            return True
        return any(True for _ in _changed(state, specs, LandReport()))


def land(settings: Settings, specs: Sequence[SourceSpec], *, now: datetime, progress: Progress = silent) -> LandReport:
    """Read all that is new in the inputs into the lake.

    Raises:
        UsageError: an input is of an unknown kind or not there.
        PipelineError: an input cannot be read; what was landed before it stays.
    """
    started = time.perf_counter()
    discover.check(specs)
    report = LandReport()
    with State(settings.state_path) as state:
        mend = upkeep.is_needed(settings, state)
        changed: dict[str, list[tuple[Found, Cursor | None]]] = defaultdict(list)
        for found, cursor in () if mend else _changed(state, specs, report):
            changed[found.kind].append((found, cursor))
        size = sum(found.size for files in changed.values() for found, _ in files)
        with crew(size, list(changed), settings.workers) as others:
            from learning_pipeline.lake.landing import Landing
            from learning_pipeline.lake.parse import Job, start
            from learning_pipeline.lake.work import rounds
            from learning_pipeline.sources.base import Options

            landing = Landing(settings, state, now, report)
            if mend:  # it may find that logs have to be read again
                landing.repair()
                for found, cursor in _changed(state, specs, report):
                    changed[found.kind].append((found, cursor))
            zone = ZoneInfo(settings.naive_timezone) if settings.naive_timezone else None
            work = []
            for kind, files in sorted(changed.items()):
                job = Job(kind, Options(zone, settings.scales.get(kind, {})), settings.task_text, settings.host)
                if repositories := [found for found, _ in files if found.is_repository]:
                    landing.add_repositories(job, repositories)
                if tasks := [start(job, found, cursor) for found, cursor in files if not found.is_repository]:
                    work.append((job, tasks))
            total = sum(task.size for _, tasks in work for task in tasks)
            done = 0
            for part in rounds(work, others):
                for kind, records, results in part:
                    landing.add(kind, records, results)
                    done += sum(result.bytes_read for result in results)
                    progress("land", done, total)
                landing.commit()
        landing.commit()
        upkeep.remember(settings, state)
    report.days = sorted(landing.days)
    report.seconds = time.perf_counter() - started
    return report


def _changed(state: State, specs: Sequence[SourceSpec], report: LandReport) -> Iterator[tuple[Found, Cursor | None]]:
    """Yield what has to be read; count all that was looked at."""
    cursors = discover.cursors(state)
    seen: set[tuple[str, str]] = set()
    for spec in specs:
        for file in _find(spec):
            if (file.kind, file.path) in seen:
                continue
            seen.add((file.kind, file.path))
            report.files_scanned += 1
            if file.kind == discover.UNKNOWN:
                report.unrecognised.append(file.path)
                continue
            cursor = cursors.get((file.kind, file.path))
            if _is_changed(file, cursor):
                report.files_changed += 1
                yield file, cursor


def _find(spec: SourceSpec) -> list[Found]:
    if not discover.reads_repository(spec):
        return discover.find(spec)
    from learning_pipeline.lake import repositories

    return repositories.find(spec)


def _is_changed(file: Found, cursor: Cursor | None) -> bool:
    if not file.is_repository:
        return discover.is_changed(file, cursor)
    from learning_pipeline.lake import repositories

    return repositories.is_changed(file, cursor)
