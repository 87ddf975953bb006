"""What every staged part is made from, and so which days are stale.

As in a build by make: a part remembers a digest of its inputs' digests, of the prices and of the program's own
code. It is stale when that differs from what it would be now. Nothing depends on what landing reported.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.lake.ledger import counters, ledger
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake, content_digest
from learning_pipeline.marts import across, budgets, router
from learning_pipeline.marts.extracts import Extracts
from learning_pipeline.marts.guesses import Guesses
from learning_pipeline.marts.linked import Linked
from learning_pipeline.marts.prices import PriceBook
from learning_pipeline.marts.registry import TABLES, TableSpec
from learning_pipeline.marts.staging import Part, Staging, digest_of
from learning_pipeline.settings import Settings

EXECUTIONS, CALLS = "fct_executions", "fct_llm_calls"
# Inputs that neither the lake nor the staging holds.
WRITTEN_ELSEWHERE = ("ledger", "counters", "budgets", router.EVALUATED, router.PREDICTED)
_ROWS_AT_ONCE = 500_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def code_version() -> str:
    """Return a digest of the code that decides what the tables hold."""
    package = Path(__file__).parents[1]
    files = [*(package / "contracts").glob("*.py"), *(package / "marts").glob("*.py")]
    files += [package / "sources" / "models.py", package / "sources" / "normal.toml"]
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def portions(days: list[date], inputs: Mapping[str, Mapping[date | None, Part]]) -> Iterator[list[date]]:
    """Yield days that are taken together, up to a number of rows: it bounds the memory that all of history needs."""
    portion: list[date] = []
    size = 0
    for day in days:
        portion.append(day)
        size += sum(parts[day].rows for parts in inputs.values() if day in parts)
        if size >= _ROWS_AT_ONCE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def days_between(first: date, last: date) -> Iterator[date]:
    """Yield the days from first to last, both included."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


class Plan:
    """The inputs of all tables as they are now; `looks` is for one who only asks what is stale."""

    def __init__(self, settings: Settings, staging: Staging, *, looks: bool = False) -> None:
        self._settings = settings
        self.staging = staging
        self.prices = PriceBook.of(settings)
        with State(settings.state_path) as state:
            self.lake_digests = {stream: state.partition_digests(stream) for stream in STREAMS}
            landings = state.query("select max(id) from landings")
            self.lake_rows = {
                (stream, date.fromisoformat(day)): rows
                for stream, day, rows in state.query("select stream, day, rows from partitions")
            }
        landed_at = _EPOCH + timedelta(microseconds=landings[0][0]) if landings[0][0] is not None else None
        lake = across.Lake(self.lake_digests, self.read_lake, landed_at)
        kept = Extracts(staging, self.lake_digests, self.read_lake, code_version())
        linked = Linked(staging, self.lake_digests, self.read_lake, kept, code_version())
        guesses = Guesses(staging, self.lake_digests, self.read_lake, linked, code_version())
        self.across = across.Across(lake, kept, linked, guesses, settings.stuck_after_minutes)
        if not looks:
            self.across.stage()

    @cached_property
    def fingerprint(self) -> str:
        """What changes when anything that parts by day depend on has changed."""
        minutes = self._settings.stuck_after_minutes
        return digest_of(code_version(), self.prices.fingerprint, minutes, sorted(self.lake_digests.items()))

    def read_lake(self, stream: str, days: list[date] | None = None) -> pl.LazyFrame:
        """Return the events of a stream on the given days, default all."""
        with State(self._settings.state_path) as state:
            return Lake(self._settings.lake_dir, state).read(stream, days)

    @cached_property
    def ledger(self) -> pl.DataFrame:
        return ledger(self._settings)

    @cached_property
    def counters(self) -> pl.DataFrame:
        return counters(self._settings)

    @cached_property
    def budgets(self) -> pl.DataFrame:
        return budgets.configured(self._settings)

    @cached_property
    def router_evaluations(self) -> pl.DataFrame:
        return router.evaluations(self._settings.models_dir)

    @cached_property
    def router_predictions(self) -> pl.DataFrame:
        return router.predictions(self._settings.models_dir)

    def frames(self, spec: TableSpec) -> dict[str, pl.LazyFrame]:
        """Return the inputs of a table in one piece."""
        frames: dict[str, pl.LazyFrame] = {}
        for given in spec.inputs:
            if given in STREAMS:
                frames[given] = self.read_lake(given)
            elif given in WRITTEN_ELSEWHERE:
                frames[given] = getattr(self, given).lazy()
            elif given in TABLES:
                days = self.window(spec, given)
                frames[given] = self.staging.read(given, polars_schema(TABLES[given].contract), days)
        return frames

    def is_by_day(self, name: str) -> bool:
        """Say whether an input of a roll-up is made by day."""
        return name in across.SCHEMAS or (name in TABLES and TABLES[name].by_day)

    def parts(self, name: str) -> dict[date | None, Part]:
        """Return what is there by day of an input that is made by day."""
        return self.across.parts(name) if name in across.SCHEMAS else self.staging.parts(name)

    def on(self, name: str, days: Collection[date]) -> pl.LazyFrame:
        """Return the rows of an input that is made by day."""
        if name in across.SCHEMAS:
            return self.across.on(name, days)
        return self.staging.read(name, polars_schema(TABLES[name].contract), days)

    def exists(self, table: str, day: date) -> bool:
        """Say whether the table has a part for a day: whether an input has one."""
        if table == EXECUTIONS:
            return day in self.lake_digests["executions"]
        return any(
            day in self.lake_digests[name] if name in STREAMS else self.staging.part(name, day) is not None
            for name in TABLES[table].inputs
            if name in STREAMS or name in TABLES
        ) or day in self._days_across(table)

    def _days_across(self, table: str) -> set[date]:
        """Return the days of a table that is made of nothing but what is told across days."""
        inputs = TABLES[table].inputs
        if not all(name in across.SCHEMAS for name in inputs):
            return set()
        return {day for name in inputs for day in self.across.days(name)}

    def made_from(self, table: str, day: date, reads_to: date | None) -> str:
        """Return the digest of a part's inputs; `reads_to` is the last day of calls that it reads."""
        parts: list[object] = [code_version()]
        for name in TABLES[table].inputs:
            if name in STREAMS:
                parts.append(self.lake_digests[name].get(day))
            elif name == "prices":
                parts.append(self.prices.fingerprint)
            elif name in across.SCHEMAS:
                parts.append(self.across.digest(name, day))
            else:
                span = days_between(day, max(reads_to or day, day)) if name == CALLS else [day]
                parts.extend(_digest(self.staging.part(name, one)) for one in span)
        return digest_of(*parts)

    def made_from_all(self, spec: TableSpec) -> str:
        """Return the digest of all inputs of a table in one piece."""
        parts: list[object] = [code_version()]
        for name in spec.inputs:
            if name in STREAMS:
                parts.append(sorted(self.lake_digests[name].items()))
            elif name == "prices":
                parts.append(self.prices.fingerprint)
            elif name in WRITTEN_ELSEWHERE:
                frame: pl.DataFrame = getattr(self, name)
                parts.append(content_digest(frame.sort(frame.columns)))
            else:
                staged = sorted(self.staging.parts(name).items(), key=str)
                window = self.window(spec, name)
                parts.append([(day, part.digest) for day, part in staged if window is None or day in window])
        return digest_of(*parts)

    def window(self, spec: TableSpec, name: str) -> set[date] | None:
        """Return the days of an input that a roll-up reads: its `days` up to the newest of its inputs; None for all."""
        if spec.days is None or name not in TABLES or not TABLES[name].by_day:
            return None
        staged = {day for name in spec.inputs if name in TABLES for day in self.staging.parts(name) if day is not None}
        newest = max(staged - {UNDATED}, default=None)
        return {day for day in staged if newest is not None and 0 <= (newest - day).days < spec.days}

    def stale(self) -> dict[str, list[date]]:
        """Return, by table, the days whose parts are missing, or were made from something else than is there now."""
        if self.staging.clean == self.fingerprint and self.staging.is_intact():
            return {}
        stale: dict[str, set[date]] = {}
        for table, spec in TABLES.items():
            if spec.by_day:
                stale[table] = self._stale_days(table, spec, stale)
        if not any(stale.values()):
            self.staging.clean = self.fingerprint
        return {table: sorted(days) for table, days in stale.items() if days}

    def _stale_days(self, table: str, spec: TableSpec, stale: dict[str, set[date]]) -> set[date]:
        parts = self.staging.parts(table)
        found: set[date] = set()
        candidates = {day for day in parts if day is not None} | self._days_across(table)
        for name in spec.inputs:
            if name in STREAMS:
                candidates |= self.lake_digests[name].keys()
            elif name in TABLES and table != EXECUTIONS:
                candidates |= {day for day in self.staging.parts(name) if day is not None} | stale[name]
        for day in candidates:
            part = parts.get(day)
            if part is None:
                found.add(day)
                continue
            ahead = set(days_between(day, part.reads_to or day))
            changed = any(stale.get(name, set()) & (ahead if name == CALLS else {day}) for name in spec.inputs)
            if changed or not self.exists(table, day) or part.made_from != self.made_from(table, day, part.reads_to):
                found.add(day)
        return found


def _digest(part: Part | None) -> str | None:
    return part.digest if part else None
