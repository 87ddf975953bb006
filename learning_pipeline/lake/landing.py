"""What was parsed is merged, and the fate of each line counted."""

from collections import Counter, defaultdict
from datetime import date, datetime

import polars as pl

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake import discover
from learning_pipeline.lake.files import Found
from learning_pipeline.lake.ledger import add_counters
from learning_pipeline.lake.merge import Merged, landing_id, merge
from learning_pipeline.lake.parse import FileResult, Job, Task
from learning_pipeline.lake.quarantine import Rejected, update
from learning_pipeline.lake.records import LINE, Records, RecordStore, column, pieces, united
from learning_pipeline.lake.redact import redact
from learning_pipeline.lake.report import COUNTS, LandReport
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.lake.validate import Violation
from learning_pipeline.settings import Settings
from learning_pipeline.sources import registry

# Records that are merged at once, or those of one day: bounds memory, of which merging takes some eight times as much.
MERGE_BYTES = 48 * 1024 * 1024


class Landing:
    """Gathers what was parsed, and commits it in batches."""

    def __init__(
        self, settings: Settings, state: State, now: datetime, report: LandReport, unknown: list[tuple[Found, str]]
    ) -> None:
        self.settings = settings
        self.state = state
        self.lake = Lake(settings.lake_dir, state)
        self.now = now
        self.report = report
        self.days: set[date] = set()
        self._records: dict[str, list[Records]] = defaultdict(list)
        self._results: dict[tuple[str, str], FileResult] = {}
        self._broken: set[tuple[str, str]] = set()  # files of which a part could not be parsed
        self._violated: set[tuple[str, str, int]] = set()  # lines whose rows broke a contract in a batch before
        self._unknown = unknown  # files that no kind knows, and what they look like

    def add(self, kind: str, records: Records, results: list[FileResult]) -> None:
        self._records[registry.source(kind).FAMILY].append(records)
        for result in results:
            if result.failure is not None:
                self._broken.add((kind, result.found.path))
                self.report.cannot_read(kind, result.failure)
                continue
            of_file = self._results.setdefault((kind, result.found.path), result)
            if of_file is not result:  # another part of the file
                of_file.add(result)

    def read_repositories(self, job: Job, found: list[Found]) -> None:
        """Read repositories; a long history is committed piece by piece."""
        from learning_pipeline.lake import repositories

        for one in found:
            try:
                for records, result in repositories.parse(self.state, job, Task(one)):
                    self.add(job.kind, records, [result])
                    if result.cursor is None:
                        self.commit()
            except PipelineError as error:
                self.report.cannot_read(job.kind, str(error))

    def commit(self) -> None:
        """Merge what was gathered: streams and records first, then cursors and the ledger in one transaction."""
        if not self._results and not self._unknown:
            return
        lines = []
        merged: list[Merged] = []
        for name, parts in sorted(self._records.items()):
            records = united(parts)
            parts.clear()
            lines.append(column(records, *LINE))
            family = registry.family(name)
            known = RecordStore(self.lake.root, family).heights(column(records, "day")["day"])
            for piece in pieces(records, known, MERGE_BYTES):
                merged.append(merge(self.lake, family, piece, self.now))
                self.days |= merged[-1].days
        violations = _standing(merged)
        rejected = self._rejected(violations)
        read = {(path, result.first_line) for (_, path), result in self._results.items()}
        none = pl.DataFrame(schema=dict(zip(LINE, (pl.String, pl.String, pl.Int64), strict=True)))
        settled = pl.concat([none, *(part.settled for part in merged)])
        update(self.lake, rejected, read, settled, self.settings.host, self.now)
        fresh = pl.concat([none, *(part.fresh for part in merged)])
        self._settle(pl.concat([none, *lines]).unique(), fresh, rejected, self._mended(violations, settled))
        self._records.clear()
        self._results.clear()
        self._unknown = []

    def _mended(self, violations: list[Violation], settled: pl.DataFrame) -> pl.DataFrame:
        """Return the lines that an earlier batch of this landing counted as quarantined, and that are well now."""
        broken = {(one.source, one.source_file, one.source_line) for one in violations}
        mended = self._violated.intersection(settled.iter_rows()) - broken if self._violated else set()
        self._violated = (self._violated | broken) - mended
        return pl.DataFrame(sorted(mended), schema=settled.schema, orient="row")

    def _rejected(self, violations: list[Violation]) -> list[Rejected]:
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
        for violation in violations:
            found.append(
                Rejected(
                    source=violation.source,
                    source_file=violation.source_file,
                    source_line=violation.source_line,
                    byte_offset=None,
                    reason=f"breaks the contract: {violation.check}",
                    check=violation.check,
                    column=violation.column,
                    value=None if self.settings.task_text == "hash" else violation.value and redact(violation.value),
                    raw=None,
                    host=host,
                )
            )
        return found

    def _settle(self, lines: pl.DataFrame, fresh: pl.DataFrame, rejected: list[Rejected], mended: pl.DataFrame) -> None:
        """Count the fate of each line, and commit cursors, ledger and counters.

        Args:
            mended: lines that were counted as quarantined, and are events.
        """
        bad = {(reject.source, reject.source_file, reject.source_line) for reject in rejected}
        bad_lines = pl.DataFrame(list(bad), schema=lines.schema, orient="row")
        held = _lines_per_file(lines.join(bad_lines, on=lines.columns, how="anti"))
        new = _lines_per_file(fresh.unique().join(bad_lines, on=lines.columns, how="anti"))
        quarantined = _lines_per_file(bad_lines)
        day = self.now.date()
        counted: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        ledger_rows = []
        cursor_rows = [
            (discover.UNKNOWN, one.path, *discover.unknown_cursor(one, why).row()) for one, why in self._unknown
        ]
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
            if result.cursor is not None and at not in self._broken:
                cursor_rows.append((*at, *result.cursor.row()))
            counted["ignored", kind] += result.ignored
            counted["reject", kind] += Counter(reject.check for reject in result.rejects)
            for name, n in result.unknown.items():
                what, _, rest = name.partition(":")
                counted["unknown_kind" if what == "kind" else "unknown_field", kind][rest or name] += n
                fields = self.report.unknown_fields
                fields[name] = fields.get(name, 0) + n
        for at, n in _lines_per_file(mended).items():
            counts = {**dict.fromkeys(COUNTS, 0), "events": n, "quarantined": -n}
            self._report(at[0], counts)
            ledger_rows.append((*at, day.isoformat(), *counts.values(), 0))
        with self.state.transaction() as db:
            # A file has one kind; a repository may be read as several.
            files = [(row[1],) for row in cursor_rows if row[0] not in registry.REPOSITORY_KINDS]
            db.executemany("delete from files where path = ?", files)
            db.executemany("insert or replace into files values (?, ?, ?, ?, ?, ?, ?)", cursor_rows)
            db.executemany("insert into ledger values (?, ?, ?, ?, ?, ?, ?, ?, ?)", ledger_rows)
            db.executemany(*add_counters(counted, day))
            db.execute("insert or ignore into landings values (?)", (landing_id(self.now),))
            for result in self._results.values():
                if result.tips is not None:
                    db.execute("delete from tips where repository = ?", (result.found.path,))
                    db.executemany("insert into tips values (?, ?)", [(result.found.path, tip) for tip in result.tips])

    def _report(self, kind: str, counts: dict[str, int]) -> None:
        of_kind = self.report.sources.setdefault(kind, dict.fromkeys(COUNTS, 0))
        for name, n in counts.items():
            of_kind[name] += n
            setattr(self.report, name, getattr(self.report, name) + n)


def _standing(merged: list[Merged]) -> list[Violation]:
    """Return the violations that stand: a group is put together again when more of it comes in a later piece."""
    standing: list[Violation] = []
    for part in merged:
        if standing:
            settled = set(part.settled.iter_rows())
            standing = [one for one in standing if (one.source, one.source_file, one.source_line) not in settled]
        standing += part.violations
    return standing


def _lines_per_file(lines: pl.DataFrame) -> dict[tuple[str, str], int]:
    return {(kind, path): n for kind, path, n in lines.group_by("source", "source_file").len().iter_rows()}
