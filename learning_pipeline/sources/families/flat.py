"""Families whose records are events on their own: one record is one row, and lines of one event are united.

The later line wins field by field, by its own time; what it leaves out is taken from the lines before. The event's
time is the first that was told, and its day is the day of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import polars as pl

from learning_pipeline.contracts.base import key_columns, polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.sources.base import RECORD_COLUMNS
from learning_pipeline.sources.families.attributes import united

Type = type[pl.DataType] | pl.DataType
_LINEAGE = ("source", "source_file", "source_line", "host")
_KEY = ("group_key",)


@dataclass(frozen=True)
class Flat:
    """The family of one stream.

    Attributes:
        NAME: of the family and of its stream.
        times: columns of the stream that tell the event's own time, the first that is known.
        TEXT_COLUMNS: columns that are redacted. Lists are JSON in the records, so that they can be.
        untold: columns of the stream that no record tells.
        undated: whether an event may tell no time.
        settled: what is worked out from all lines of an event, by column.
    """

    NAME: str
    times: tuple[str, ...]
    TEXT_COLUMNS: tuple[str, ...]
    untold: tuple[str, ...] = ()
    undated: bool = False
    settled: Mapping[str, pl.Expr] = field(default_factory=dict)

    @property
    def STREAMS(self) -> tuple[str, ...]:  # noqa: N802 - a family's name for it
        return (self.NAME,)

    @cached_property
    def key(self) -> str:
        """The stream's natural key, which is also what lines of one event share."""
        (key,) = key_columns(STREAMS[self.NAME])
        return key

    @property
    def told(self) -> dict[str, Type]:
        """The columns of the stream that records tell, with their types in a record."""
        schema = polars_schema(STREAMS[self.NAME])
        return {
            name: pl.String if isinstance(dtype, pl.List) else dtype
            for name, dtype in schema.items()
            if name not in RECORD_COLUMNS and name != "landed_at" and name not in self.untold
        }

    @property
    def schema(self) -> dict[str, Type]:
        """Columns of a record; `at` is the line's own time, by which lines of one event follow each other."""
        return {**RECORD_COLUMNS, "at": pl.Datetime("us", "UTC"), **self.told}

    @property
    def SCHEMAS(self) -> dict[str, dict[str, Type]]:  # noqa: N802 - a family's name for it
        return {"event": self.schema}

    def assemble(self, records: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """Turn the records of events into one row each (see `sources.base.Family`)."""
        lines = records["event"].sort("group_key", "at", "record_key")
        count = pl.len().over("group_key")
        columns = ("group_key", *_LINEAGE, "day", *self.told)
        several = lines.filter(count > 1)
        rows = lines.filter(count == 1).select(columns)
        if several.height:
            rows = pl.concat([rows, self._folded(several).select(columns)])
        rows = rows.with_columns(**self.settled)
        return {self.NAME: _with_lists(rows, STREAMS[self.NAME])}

    def _folded(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Unite the lines of each event; they come in their order."""
        latest = [name for name in self.told if name not in (*self.times, "attributes", self.key)]
        day = [pl.col("day").filter(pl.col(time).is_not_null()).first() for time in self.times]
        rows = lines.group_by("group_key", maintain_order=True).agg(
            *(pl.col(name).first() for name in (*_LINEAGE, self.key)),
            *(pl.col(name).first(ignore_nulls=True) for name in self.times),
            *(pl.col(name).last(ignore_nulls=True) for name in latest),
            pl.coalesce(*day, pl.col("day").last()).alias("day"),
        )
        return rows.join(united(lines, _KEY), on="group_key", how="left", maintain_order="left")


def _with_lists(rows: pl.DataFrame, contract: type) -> pl.DataFrame:
    """Turn JSON texts into lists, where the stream has lists."""
    for name, dtype in polars_schema(contract).items():
        if isinstance(dtype, pl.List):
            texts = rows[name].unique().drop_nulls().sort()
            lists = pl.DataFrame(
                {name: texts, "_list": [_texts(text) for text in texts]}, schema_overrides={"_list": dtype}
            )
            rows = rows.join(lists, on=name, how="left", maintain_order="left").drop(name).rename({"_list": name})
    return rows


def _texts(text: str) -> list[str]:
    """Return the texts of a JSON list; what redaction left unreadable is one text."""
    try:
        found = msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError:
        return [text]
    return found


def _error_type(of: pl.Expr) -> pl.Expr:
    """Return the kind of error: `unknown` where there was one, and no line says of what kind."""
    return pl.when(of.fill_null(False)).then(pl.col("error_type").fill_null("unknown")).otherwise("error_type")


# Where a file is in its project, as far as that can be told; the rest is a place on somebody's machine.
_PATH = pl.coalesce(
    pl.col("source_file").str.extract(r"(?:^|[/\\])(\.[a-z]+[/\\].*)$"),
    pl.col("source_file").str.extract(r"([^/\\]+)$"),
    pl.col("source_file"),
)
_ANSWERED = (pl.col("responded_at") - pl.col("requested_at")).dt.total_milliseconds()

FLAT = {
    family.NAME: family
    for family in (
        Flat(
            "routing_decisions",
            ("decided_at",),
            ("request_text", "alternatives", "fallback_reason", "attributes"),
        ),
        Flat(
            "agent_transformations",
            ("started_at", "completed_at"),
            ("reason", "context_keys", "error_message", "attributes"),
            settled={"error_type": _error_type(~pl.col("success"))},
        ),
        Flat(
            "interactions",
            ("requested_at",),
            ("attributes",),
            settled={"latency_ms": pl.coalesce("latency_ms", pl.when(_ANSWERED >= 0).then(_ANSWERED))},
        ),
        Flat("feedback", ("given_at",), ("comment", "attributes")),
        Flat(
            "agent_definitions",
            ("loaded_at",),
            ("title", "capabilities", "triggers", "trigger_patterns", "definition", "attributes"),
            untold=("path",),
            undated=True,
            settled={"path": _PATH},
        ),
        Flat(
            "health_events",
            ("occurred_at",),
            ("message", "attributes"),
            settled={"error_type": _error_type(pl.col("event_type") == "error")},
        ),
    )
}
