"""Logs of agents for tests: lines of one file, and what a source and its family make of files."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import polars as pl

from learning_pipeline.lake.records import united
from learning_pipeline.sources import registry
from learning_pipeline.sources.base import Options, Parsed, split_lines
from learning_pipeline.sources.families import transcripts

START = datetime(2026, 6, 26, 12, 0, tzinfo=UTC)
Records = dict[str, pl.DataFrame]


def uuid7(at: datetime, number: int) -> str:
    """Return a UUID of version 7 that was made at a time."""
    head = int(at.timestamp() * 1000) << 80
    return str(UUID(int=head | 7 << 76 | 2 << 62 | number))


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Log:
    """Lines of a file, with a clock that each line moves on by a second."""

    def __init__(self, start: datetime = START) -> None:
        self.now = start
        self.lines: list[bytes] = []

    def write(self, row: dict[str, Any], *, seconds: float = 1) -> dict[str, Any]:
        self.lines.append(json.dumps(row, separators=(",", ":")).encode())
        self.now += timedelta(seconds=seconds)
        return row

    def text(self, lines: int | None = None) -> bytes:
        return b"\n".join(self.lines[:lines]) + b"\n"


def read(kind: str, data: bytes, file: str = "0.jsonl") -> tuple[Parsed, Records]:
    """Parse one file, and check on the way that every line is in one place."""
    table = transcripts.RecordTable()
    table.file = file
    parsed = registry.source(kind).parse(split_lines(data), Options(), table)
    origin = [pl.lit(kind).alias("source"), pl.lit("test").alias("host")]
    records = {name: frame.with_columns(origin) for name, frame in table.frames().items()}
    told = {line for frame in records.values() for line in frame["source_line"]}
    lines = told - {reject.line for reject in parsed.rejects}
    assert parsed.lines_read == len(lines) + len(parsed.rejects) + parsed.ignored.total()
    return parsed, records


def assemble(kind: str, files: Sequence[bytes]) -> Records:
    """Return the rows that files give, each record once, as the lake keeps it."""
    found = united(read(kind, data, f"{number}.jsonl")[1] for number, data in enumerate(files))
    once = {
        name: frame.sort("source_file", "source_line").unique("record_key", keep="first")
        for name, frame in found.items()
    }
    return transcripts.assemble(once)


def told(rows: Records) -> dict[str, list[dict[str, Any]]]:
    """Return what rows say, whatever copy of a line it was read from."""
    keys = {"executions": "execution_id", "llm_calls": "call_id", "tool_calls": "tool_call_id"}
    lineage = pl.selectors.matches("^(result_)?source_(file|line)$")
    return {name: frame.drop(lineage).sort(keys[name]).to_dicts() for name, frame in rows.items()}
