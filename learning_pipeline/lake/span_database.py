"""Reads a database of GenAI spans, which Copilot keeps, as if an exporter had written each span as a line."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

from learning_pipeline.errors import PipelineError
from learning_pipeline.sources.base import Line
from learning_pipeline.sources.otlp import sqlite


class SpanReader:
    """The spans of one database, one after another; afterwards, what could not be read of it."""

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.offset = size  # a database is read whole
        self.number = 0
        self.bytes_read = size
        self.unfinished: Line | None = None
        self.failure: str | None = None

    def __iter__(self) -> Iterator[Line]:
        # What is still in a write-ahead log can be read only beside it; a copy that has none may be anywhere.
        mode = "mode=ro" if os.path.exists(f"{self.path}-wal") else "mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(f"file:{quote(self.path)}?{mode}", uri=True)) as db:
                for line in sqlite.lines(db):
                    self.number = line.number
                    yield line
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise PipelineError(f"cannot read {self.path}: another program holds it ({error})") from error
            self.failure = f"cannot read on: {error}"
