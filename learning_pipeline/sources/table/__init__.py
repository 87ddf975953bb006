"""Exported tables (CSV, Parquet, SQLite, DuckDB) whose rows are lines of an in-house log.

The lake reads the files (`lake.tables`) and hands each row over as a line, with its columns named as `table_map` says.
"""

from collections.abc import Iterable
from typing import Literal

from learning_pipeline.sources import execution_log
from learning_pipeline.sources.base import Line, Options, Parsed
from learning_pipeline.sources.table.header import header_line
from learning_pipeline.sources.table_map import magic

KIND = "table"
FAMILY = execution_log.FAMILY
MODE: Literal["document", "append"] = "document"

__all__ = ["FAMILY", "KIND", "MODE", "parse", "sniff"]


def sniff(head: bytes) -> bool:
    """Say whether a file is a database or Parquet, or CSV whose header names an agent and a run."""
    line = None if magic(head) is not None else header_line(head)
    return magic(head) is not None or (line is not None and execution_log.sniff(line))


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read rows as lines of an execution log."""
    return execution_log.parse(lines, options)
