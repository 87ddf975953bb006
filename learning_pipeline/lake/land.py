"""Landing: reads what is new, and leaves the lake as if all of it had been read at once."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from learning_pipeline.lake import discover, repair, repositories
from learning_pipeline.lake.files import Cursor, Found
from learning_pipeline.lake.ledger import add_counters
from learning_pipeline.lake.merge import Merged, landing_id, merge
from learning_pipeline.lake.parse import FileResult, Job, Task, start
from learning_pipeline.lake.quarantine import Rejected, update
from learning_pipeline.lake.records import LINE, Records, column, pieces, united
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.lake.work import rounds
from learning_pipeline.progress import Progress, silent
from learning_pipeline.settings import Settings, SourceSpec
from learning_pipeline.sources import registry
from learning_pipeline.sources.base import Options

# Records that are merged at once, or those of one day: bounds memory.
_MERGE_ROWS = 400_000
_COUNTS = ("lines_read", "events", "duplicates", "quarantined", "ignored")


@dataclass
class LandReport:
    """What a landing did. `events` counts lines that brought something new."""

    lines_read: int = 0
    events: int = 0
    duplicates: int = 0
    quarantined: int = 0
    ignored: int = 0
    files_scanned: int = 0
    files_changed: int = 0
    bytes_read: int = 0
    days: list[date] = field(default_factory=list)
    sources: dict[str, dict[str, int]] = field(default_factory=dict)
    unknown_fields: dict[str, int] = field(default_factory=dict)
    unrecognised: list[str] = field(default_factory=list)  # files of an `auto` input that no kind knows
    seconds: float = 0.0


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
        if repair.is_needed(settings, state, Lake(settings.lake_dir, state)):
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
        lake = Lake(settings.lake_dir, state)
        landing = _Landing(settings, state, lake, now, report)
        if repair.is_needed(settings, state, lake):
            landing.mended(repair.repair(settings, state, lake, now))
        changed: dict[str, list[tuple[Found, Cursor | None]]] = defaultdict(list)
        for found, cursor in _changed(state, specs, report):
            changed[found.kind].append((found, cursor))
        zone = ZoneInfo(settings.naive_timezone) if settings.naive_timezone else None
        work = []
        for kind, files in sorted(changed.items()):
            job = Job(kind, Options(zone), settings.task_text, settings.host)
            if kind in registry.REPOSITORY_KINDS:
                landing.add(kind, *repositories.parse(state, job, [Task(found) for found, _ in files]))
            else:
                work.append((job, [start(job, found, cursor) for found, cursor in files]))
        total = sum(task.size for _, tasks in work for task in tasks)
        done = 0
        for part in rounds(work, settings.workers):
            for kind, records, results in part:
                landing.add(kind, records, results)
                done += sum(result.bytes_read for result in results)
                progress("land", done, total)
            landing.commit()
        landing.commit()
        repair.remember(settings, state)
    report.days = sorted(landing.days)
    report.seconds = time.perf_counter() - started
    return report


def _changed(state: State, specs: Sequence[SourceSpec], report: LandReport) -> Iterator[tuple[Found, Cursor | None]]:
    """Yield what has to be read; count all that was looked at."""
    cursors = discover.cursors(state)
    seen: set[tuple[str, str]] = set()
    for spec in specs:
        found = repositories.find(spec) if spec.kind in registry.REPOSITORY_KINDS else discover.find(spec)
        for file in found:
            if (file.kind, file.path) in seen:
                continue
            seen.add((file.kind, file.path))
            report.files_scanned += 1
            if file.kind == discover.UNKNOWN:
                report.unrecognised.append(file.path)
                continue
            cursor = cursors.get((file.kind, file.path))
            if (
                repositories.is_changed(file, cursor)
                if spec.kind in registry.REPOSITORY_KINDS
                else (discover.is_changed(file, cursor))
            ):
                report.files_changed += 1
                yield file, cursor


class _Landing:
    """Gathers what was parsed, and commits it in batches."""

    def __init__(self, settings: Settings, state: State, lake: Lake, now: datetime, report: LandReport) -> None:
        self.settings = settings
        self.state = state
        self.lake = lake
        self.now = now
        self.report = report
        self.days: set[date] = set()
        self._records: dict[str, list[Records]] = defaultdict(list)
        self._results: dict[tuple[str, str], FileResult] = {}

    def mended(self, merged: Merged) -> None:
        """Take what a repair changed into account."""
        self.days |= merged.days

    def add(self, kind: str, records: Records, results: list[FileResult]) -> None:
        self._records[registry.source(kind).FAMILY].append(records)
        for result in results:
            of_file = self._results.setdefault((kind, result.found.path), result)
            if of_file is not result:  # another part of the file
                of_file.add(result)

    def commit(self) -> None:
        """Merge what was gathered: streams and records first, then cursors and the ledger in one transaction."""
        if not self._results:
            return
        lines = []
        merged: list[Merged] = []
        for name, parts in sorted(self._records.items()):
            records = united(parts)
            parts.clear()
            lines.append(column(records, *LINE))
            for piece in pieces(records, _MERGE_ROWS):
                merged.append(merge(self.lake, registry.family(name), piece, self.now))
                self.days |= merged[-1].days
        rejected = self._rejected(merged)
        read = {(*at, result.first_line) for at, result in self._results.items()}
        none = pl.DataFrame(schema=dict(zip(LINE, (pl.String, pl.String, pl.Int64), strict=True)))
        settled = pl.concat([none, *(part.settled for part in merged)])
        update(self.lake, rejected, read, settled, self.settings.host, self.now)
        fresh = pl.concat([none, *(part.fresh for part in merged)])
        self._settle(pl.concat([none, *lines]).unique(), fresh, rejected)
        self._records.clear()
        self._results.clear()

    def _rejected(self, merged: list[Merged]) -> list[Rejected]:
        host = self.settings.host
        found = [
            Rejected(
                source=kind,
                source_file=result.found.path,
                source_line=reject.line,
                byte_offset=reject.offset,
                reason=reject.reason,
                check=reject.check,
                column=reject.column,
                value=reject.value,
                raw=reject.raw.decode("utf-8", "replace"),
                host=host,
            )
            for (kind, _), result in self._results.items()
            for reject in result.rejects
        ]
        for violation in (violation for part in merged for violation in part.violations):
            found.append(
                Rejected(
                    source=violation.source,
                    source_file=violation.source_file,
                    source_line=violation.source_line,
                    byte_offset=None,
                    reason=f"breaks the contract: {violation.check}",
                    check=violation.check,
                    column=violation.column,
                    value=violation.value,
                    raw=None,
                    host=host,
                )
            )
        return found

    def _settle(self, lines: pl.DataFrame, fresh: pl.DataFrame, rejected: list[Rejected]) -> None:
        """Count the fate of each line, and commit cursors, ledger and counters."""
        bad = {(reject.source, reject.source_file, reject.source_line) for reject in rejected}
        bad_lines = pl.DataFrame(list(bad), schema=lines.schema, orient="row")
        held = _lines_per_file(lines.join(bad_lines, on=lines.columns, how="anti"))
        new = _lines_per_file(fresh.unique().join(bad_lines, on=lines.columns, how="anti"))
        quarantined = _lines_per_file(bad_lines)
        day = self.now.date()
        counted: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        ledger_rows = []
        cursor_rows = []
        for at, result in self._results.items():
            kind = at[0]
            counts = {
                "lines_read": result.lines_read,
                "events": new.get(at, 0),
                "duplicates": held.get(at, 0) - new.get(at, 0),
                "quarantined": quarantined.get(at, 0),
                "ignored": result.ignored.total(),
            }
            self._report(kind, counts)
            self.report.bytes_read += result.bytes_read
            ledger_rows.append((*at, day.isoformat(), *counts.values(), result.bytes_read))
            if result.cursor is not None:
                cursor = result.cursor
                cursor_rows.append((*at, cursor.size, cursor.mtime_ns, cursor.fingerprint, cursor.offset, cursor.line))
            counted["ignored", kind] += result.ignored
            counted["reject", kind] += Counter(reject.check for reject in result.rejects)
            for name, n in result.unknown.items():
                what, _, rest = name.partition(":")
                counted["unknown_kind" if what == "kind" else "unknown_field", kind][rest or name] += n
                unknown = self.report.unknown_fields
                unknown[name] = unknown.get(name, 0) + n
        with self.state.transaction() as db:
            db.executemany("insert or replace into files values (?, ?, ?, ?, ?, ?, ?)", cursor_rows)
            db.executemany("insert into ledger values (?, ?, ?, ?, ?, ?, ?, ?, ?)", ledger_rows)
            db.executemany(*add_counters(counted, day))
            db.execute("insert or ignore into landings values (?)", (landing_id(self.now),))
            for result in self._results.values():
                if result.tips is not None:
                    db.execute("delete from tips where repository = ?", (result.found.path,))
                    db.executemany("insert into tips values (?, ?)", [(result.found.path, tip) for tip in result.tips])

    def _report(self, kind: str, counts: dict[str, int]) -> None:
        of_kind = self.report.sources.setdefault(kind, dict.fromkeys(_COUNTS, 0))
        for name, n in counts.items():
            of_kind[name] += n
            setattr(self.report, name, getattr(self.report, name) + n)


def _lines_per_file(lines: pl.DataFrame) -> dict[tuple[str, str], int]:
    return {(kind, path): n for kind, path, n in lines.group_by("source", "source_file").len().iter_rows()}
