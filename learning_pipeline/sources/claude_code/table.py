"""A growing table of records: rows of Python values in, one Polars frame out."""

from typing import Any

import polars as pl

from learning_pipeline.sources.base import Line, Reject
from learning_pipeline.sources.families.transcripts.schema import SCHEMA

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"


class RecordTable:
    """Records as they are found, kept by kind so that each holds only the columns that its kind uses."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        self._size = 0
        self.file: str | None = None  # that the next records come from

    def __len__(self) -> int:
        return self._size

    def add(self, kind: str, line: Line, time: str | None, **values: Any) -> None:
        """Add one record. Every call for one kind that gives the same columns shares one list."""
        self._rows.setdefault((kind, *values), []).append((self.file, line, time, *values.values()))
        self._size += 1

    @staticmethod
    def empty() -> pl.DataFrame:
        return pl.DataFrame(schema=SCHEMA)

    def frame(self) -> tuple[pl.DataFrame, list[tuple[str | None, Reject]]]:
        """Return the records, and a reject, with its file, for each line whose time cannot be read."""
        parts = []
        bad: dict[tuple[str | None, int], Reject] = {}
        for (kind, *names), rows in self._rows.items():
            files, lines, times, *columns = zip(*rows, strict=True)
            part = pl.DataFrame(
                {
                    "source_file": pl.Series(files, dtype=pl.String),
                    "source_line": pl.Series([line.number for line in lines], dtype=pl.Int64),
                    "_time": pl.Series(times, dtype=pl.String),
                    **{
                        name: pl.Series(values, dtype=SCHEMA[name]) for name, values in zip(names, columns, strict=True)
                    },
                }
            ).with_columns(
                pl.col("_time")
                .str.to_datetime(_TIME_FORMAT, time_unit="us", strict=False)
                .dt.replace_time_zone("UTC")
                .alias("at"),
                pl.lit(kind, dtype=SCHEMA["kind"]).alias("kind"),
            )
            unread = part["at"].is_null()
            if unread.any():
                for i in unread.arg_true():
                    line, reason = lines[i], "timestamp is missing or not a time"
                    bad[files[i], line.number] = Reject(
                        line.number, line.offset, "timestamp", reason, line.raw, "timestamp", times[i]
                    )
                part = part.filter(~unread)
            parts.append(part.with_columns(pl.col("at").dt.date().alias("day")).drop("_time"))
        found = [(file, reject) for (file, _), reject in bad.items()]
        if not parts:
            return self.empty(), found
        frame = pl.concat(parts, how="diagonal")
        missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in SCHEMA.items() if name not in frame.columns]
        return frame.with_columns(missing).select(*SCHEMA), found
