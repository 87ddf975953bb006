"""Landing: reads what is new, and leaves the lake as if all of it had been read at once.

What has to be read is known before Polars is imported: further processes start meanwhile.
"""

import gc
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime

from learning_pipeline.errors import PipelineError
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
        UsageError: an input is of an unknown kind, or none of them is there.
    """
    discover.check(specs)
    if not settings.state_path.exists():
        return bool(specs)
    with State(settings.state_path) as state:
        if upkeep.is_needed(settings, state):
            return True
        return any(True for _ in _changed(state, specs, LandReport()))


def land(
    settings: Settings,
    specs: Sequence[SourceSpec],
    *,
    now: datetime,
    progress: Progress = silent,
    retry: bool = False,
) -> LandReport:
    """Read all that is new in the inputs into the lake.

    Args:
        retry: read files again of which lines are in quarantine, whether they changed or not.

    Raises:
        UsageError: an input is of an unknown kind, or none of them is there.
        PipelineError: the lake cannot be written. What cannot be opened or parsed is named in the report, and the
            rest is landed; it is read again by the next landing.
    """
    started = time.perf_counter()
    discover.check(specs)
    report = LandReport()
    with State(settings.state_path) as state:
        mend = upkeep.is_needed(settings, state)
        again = _in_quarantine(settings, state) if retry else set()
        changed = [] if mend else list(_changed(state, specs, report, again))
        kinds = sorted({found.kind for found, _ in changed} - {discover.AUTO})
        with crew(sum(found.size for found, _ in changed), kinds, settings.workers) as others:
            from learning_pipeline.lake.plan import plan
            from learning_pipeline.lake.work import rounds

            days: set[date] = set()
            if mend:  # it may find that logs have to be read again
                days = _repaired(settings, state, now)
                changed = list(_changed(state, specs, report, again))
            work = plan(settings, changed, report)
            total = sum(task.size for _, tasks in work.files for task in tasks)
            done = 0
            parts = rounds(work.files, others)
            under_way = next(parts, None)  # `others` parse, while this process imports what merging needs
            from learning_pipeline.lake.landing import Landing

            landing = Landing(settings, state, now, report, work.unknown)
            for job, repositories in work.repositories:
                landing.read_repositories(job, repositories)
            while under_way is not None:
                for kind, records, results in under_way:
                    landing.add(kind, records, results)
                    done += sum(result.bytes_read for result in results)
                    progress("land", done, total)
                landing.commit()
                under_way = next(parts, None)
                if under_way is not None:
                    gc.collect()  # nothing looks for cycles while `others` are there: what hangs in them goes here
        landing.commit()
        upkeep.remember(settings, state)
    report.days = sorted(days | landing.days)
    report.seconds = time.perf_counter() - started
    return report


def _changed(
    state: State, specs: Sequence[SourceSpec], report: LandReport, again: Collection[str] = ()
) -> Iterator[tuple[Found, tuple[str, Cursor] | None]]:
    """Yield what has to be read, and as what and how far it was read before; count all that was looked at.

    What is to be read `again` is taken for new.
    """
    cursors = discover.Cursors(state)
    seen: set[tuple[str, str]] = set()
    for spec in specs:
        for file in _find(spec, report):
            key = (file.kind if file.is_repository else "", file.path)
            if key in seen:
                continue
            seen.add(key)
            report.files_scanned += 1
            if file.is_repository:
                cursor = cursors.of_repository(file)
                if file.path in again:
                    cursor = None
                if _has_moved(file, cursor, report):
                    report.files_changed += 1
                    yield file, (file.kind, cursor) if cursor is not None else None
                continue
            known = None if file.path in again else cursors.of_file(file.path)
            if discover.is_changed(file, known):
                report.files_changed += 1
                yield file, known
            elif known is not None and known[0] == discover.UNKNOWN:
                report.unrecognised.append(f"{file.path}: {discover.remembered(known[1])}")


def _repaired(settings: Settings, state: State, now: datetime) -> set[date]:
    """Bring the lake in line with its files and settings again; return the days that changed."""
    from learning_pipeline.lake.repair import repair
    from learning_pipeline.lake.store import Lake

    return repair(settings, state, Lake(settings.lake_dir, state), now).days


def _in_quarantine(settings: Settings, state: State) -> set[str]:
    """Return the files that have lines in quarantine, and let repositories among them be read from their beginning."""
    from learning_pipeline.lake.quarantine import unresolved
    from learning_pipeline.lake.store import Lake

    files = set(unresolved(Lake(settings.lake_dir, state))["source_file"])
    with state.transaction() as db:
        db.executemany("delete from tips where repository = ?", [(path,) for path in sorted(files)])
    return files


def _find(spec: SourceSpec, report: LandReport) -> list[Found]:
    """Return the files of an input, or the repository; what is wrong with this one is no reason to read no other."""
    unreadable: list[str] = []
    found: list[Found] = []
    try:
        if not spec.path.exists():
            unreadable.append(discover.missing(spec))
        elif not discover.reads_repository(spec):
            found = discover.find(spec, unreadable)
        else:
            from learning_pipeline.lake import repositories

            found = repositories.find(spec)
    except PipelineError as error:
        unreadable.append(str(error))
    for why in unreadable:
        report.cannot_read(spec.kind, why)
    return found


def _has_moved(repository: Found, cursor: Cursor | None, report: LandReport) -> bool:
    from learning_pipeline.lake import repositories

    try:
        return repositories.is_changed(repository, cursor)
    except PipelineError as error:
        report.cannot_read(repository.kind, str(error))
        return False
