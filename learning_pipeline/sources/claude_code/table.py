"""A growing table of records: tuples of Python values in, one Polars frame out."""

from typing import Any

import polars as pl

from learning_pipeline.sources.families.transcripts.schema import SCHEMA

# What every record has, in this order; `time` is the text of `at`, `place` the number of one.
COMMON = ("place", "source_line", "time", "record_key", "agent_id", "parent_tool_call_id")
# What a `place` stands for: the same for most rows of a session.
PLACE = ("source_file", "group_key", "cwd", "branch", "agent_version")
_ASKED = ("record_id", "text", "text_hash")

# What a record of each kind has beyond that, in this order.
OWN: dict[str, tuple[str, ...]] = {
    "prompt": _ASKED,
    "task": _ASKED,
    "call": (
        "call_id",
        "request_id",
        "model",
        "stop_reason",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "web_searches",
        "service_tier",
    ),
    "tool_use": (
        "tool_call_id",
        "tool_name",
        "input_bytes",
        "file_path",
        "command_name",
        "commits",
        "subagent_type",
        "requested_model",
        "text",
        "text_hash",
    ),
    "tool_result": (
        "tool_call_id",
        "is_error",
        "output_bytes",
        "exit_code",
        "decision",
        "commit_prefix",
        "result_agent_id",
        "in_background",
        "duration_ms",
    ),
    "interrupt": (),
    "api_error": ("text",),
    "retry": ("attempt",),
    "turn_end": ("duration_ms",),
}
# Rows of a kind that are kept as Python values before they are packed.
PACK_ROWS = 20_000
_TYPES = {**SCHEMA, "place": pl.UInt32, "time": pl.String}
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"


class RecordTable:
    """Records as they are found, kept by kind so that each holds only the columns that its kind uses."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in OWN}
        self.places: dict[tuple[str | None, ...], int] = {}
        self.file: str | None = None  # that the next records come from
        self._parts: list[pl.DataFrame] = []

    def pack(self, kind: str) -> None:
        """Turn the rows of a kind into columns, which take a fraction of the memory."""
        rows = self.rows[kind]
        if rows:
            columns = zip((*COMMON, *OWN[kind]), zip(*rows, strict=True), strict=True)
            series = [pl.Series(name, values, dtype=_TYPES[name]) for name, values in columns]
            kinds = pl.repeat(kind, len(rows), dtype=_TYPES["kind"], eager=True).alias("kind")
            self._parts.append(pl.DataFrame([kinds, *series]))
            rows.clear()

    def frame(self) -> pl.DataFrame:
        """Return the records. `source`, `host` and, where no file was named, `source_file` are null."""
        for kind in self.rows:
            self.pack(kind)
        if not self._parts:
            return pl.DataFrame(schema=SCHEMA)
        found = pl.concat(self._parts, how="diagonal")
        places = pl.DataFrame(list(self.places), schema={name: SCHEMA[name] for name in PLACE}, orient="row")
        at = pl.col("time").str.to_datetime(_TIME_FORMAT, time_unit="us").dt.replace_time_zone("UTC").alias("at")
        found = found.hstack(places[found["place"]]).with_columns(at, at.dt.date().alias("day"))
        lacking = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in SCHEMA.items() if name not in found.columns]
        return found.with_columns(lacking).select(*SCHEMA)
