"""The few rows of the lake that tell of other days, kept by day: only partitions that changed are read again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from learning_pipeline.marts.staging import Staging, digest_of

# Days that are read together: it bounds the memory that all of history needs.
_AT_ONCE = 16

Picked = Callable[[pl.LazyFrame], pl.LazyFrame]


def some_at_once(days: Sequence[date]) -> Iterator[list[date]]:
    """Yield the days in portions that are read together."""
    for start in range(0, len(days), _AT_ONCE):
        yield list(days[start : start + _AT_ONCE])


@dataclass(frozen=True)
class Extracts:
    """Rows of the lake's partitions, staged by the runs that build; who only looks writes nothing."""

    staging: Staging
    digests: Mapping[str, Mapping[date, str]]
    read: Callable[[str, list[date]], pl.LazyFrame]
    version: str  # of the code that picks the rows

    def stage(self, name: str, stream: str, picked: Picked) -> None:
        """Stage what `picked` leaves of partitions that changed; it looks at each row alone, and keeps its `day`."""
        wanted = self._wanted(stream)
        known = self.staging.parts(name)
        for gone in known.keys() - wanted.keys():
            self.staging.drop(name, gone)
        for some in some_at_once(self._changed(name, wanted)):
            rows = picked(self.read(stream, some)).collect()
            self.staging.put_by_day(name, rows, {day: wanted[day] for day in some})

    def of(self, name: str, stream: str, picked: Picked) -> pl.DataFrame:
        """Return what `picked` leaves of all events of a stream, by day: what is staged, and the rest from the lake."""
        wanted = self._wanted(stream)
        changed = self._changed(name, wanted)
        schema = picked(self.read(stream, [])).collect_schema()
        staged = self.staging.read(name, schema, wanted.keys() - set(changed)).collect()
        found = [staged, picked(self.read(stream, changed)).collect()] if changed else [staged]
        return pl.concat(found).sort("day", maintain_order=True)

    def _wanted(self, stream: str) -> dict[date, str]:
        return {day: digest_of(self.version, digest) for day, digest in self.digests[stream].items()}

    def _changed(self, name: str, wanted: Mapping[date, str]) -> list[date]:
        known = self.staging.parts(name)
        return sorted(day for day in wanted if day not in known or known[day].made_from != wanted[day])
