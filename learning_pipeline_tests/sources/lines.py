"""Runs a source and its family over lines, as the lake does."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from learning_pipeline.contracts.base import conform
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.sources import registry
from learning_pipeline.sources.base import Options, Parsed, split_lines

Written = bytes | str | dict[str, Any]
_GLUED = re.compile(rb"\}\s*\{")


def raw(line: Written) -> bytes:
    """Return a line as it stands in a file."""
    if isinstance(line, dict):
        line = json.dumps(line)
    return line.encode() if isinstance(line, str) else line


def parse(kind: str, lines: Sequence[Written], *, zone: str | None = None) -> Parsed:
    """Parse the lines of one file."""
    options = Options(ZoneInfo(zone) if zone else None)
    return registry.source(kind).parse(split_lines(b"\n".join(map(raw, lines))), options)


def landed(parsed: Parsed, kind: str, file: str = "log.jsonl") -> pl.DataFrame:
    """Return the records with what the lake fills in."""
    return parsed.records.with_columns(
        pl.lit(kind).alias("source"), pl.lit(file).alias("source_file"), pl.lit("host").alias("host")
    )


def united(records: pl.DataFrame) -> pl.DataFrame:
    """Return each record once, as the lake keeps it."""
    return records.sort("group_key", "source", "source_file", "source_line").unique("record_key", keep="first")


def rows(kind: str, lines: Sequence[Written], *, zone: str | None = None) -> list[dict[str, Any]]:
    """Return the stream rows that lines give; they keep their contract."""
    source = registry.source(kind)
    family = registry.family(source.FAMILY)
    parsed = parse(kind, lines, zone=zone)
    assert parsed.rejects == []
    ((kind_of_record, _),) = family.SCHEMAS.items()
    frame = family.assemble({kind_of_record: united(landed(parsed, kind))})[family.STREAMS[0]]
    held(frame, family.STREAMS[0])
    return frame.to_dicts()


def held(frame: pl.DataFrame, stream: str) -> None:
    """Hold rows against their contract."""
    full = frame.with_columns(pl.lit(datetime(2026, 1, 1, tzinfo=UTC)).alias("landed_at"))
    STREAMS[stream].validate(conform(full.lazy(), STREAMS[stream]).collect())


def is_conserved(parsed: Parsed, lines: int) -> bool:
    """Say whether each line is in exactly one place; of glued objects one may be an event and another be rejected."""
    told = set(parsed.records["source_line"])
    rejected = {reject.line for reject in parsed.rejects}
    glued = {reject.line for reject in parsed.rejects if _GLUED.search(reject.raw)}
    whole = parsed.lines_read == lines == len(told | rejected) + parsed.ignored.total()
    return whole and told & rejected <= glued
