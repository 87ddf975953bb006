"""The few rows of the lake that tell of other days, kept by day: only partitions that changed are read again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from learning_pipeline.marts.staging import Staging, digest_of

# Days that are read together: it bounds the memory that all of history needs.
_AT_ONCE = 16


@dataclass(frozen=True)
class Extracts:
    """Rows of the lake's partitions, each made when first asked for and staged until its partition changes."""

    staging: Staging
    digests: Mapping[str, Mapping[date, str]]
    read: Callable[[str, list[date]], pl.LazyFrame]
    version: str  # of the code that picks the rows

    def of(self, name: str, stream: str, picked: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        """Return what `picked` leaves of all events of a stream, with their `day`; it looks at each row alone."""
        wanted = {day: digest_of(self.version, digest) for day, digest in self.digests[stream].items()}
        known = self.staging.parts(name)
        for gone in known.keys() - wanted.keys():
            self.staging.drop(name, gone)
        todo = sorted(day for day in wanted if day not in known or known[day].made_from != wanted[day])
        for start in range(0, len(todo), _AT_ONCE):
            some = todo[start : start + _AT_ONCE]
            rows = picked(self.read(stream, some)).collect()
            self.staging.put_by_day(name, rows, {day: wanted[day] for day in some})
        schema = picked(self.read(stream, [])).collect_schema()
        return self.staging.read(name, schema).collect()
