"""From the lines of one session's events to records of the transcript family."""

import re
from collections.abc import Iterable
from typing import Literal

from learning_pipeline.sources.base import Line, Options, Parsed
from learning_pipeline.sources.copilot_cli.records import Recorder
from learning_pipeline.sources.copilot_cli.rows import Row
from learning_pipeline.sources.families.transcripts.table import RecordTable
from learning_pipeline.sources.typed import Rows, read_rows

KIND = "copilot_cli"
FAMILY = "transcripts"
MODE: Literal["document", "append"] = "document"

_ROWS = Rows(Row)
_TYPE = re.compile(rb'"type"\s*:\s*"(?:session\.(?:start|resume)|user\.message|assistant\.|tool\.execution_|hook\.)')


def sniff(head: bytes) -> bool:
    """Say whether one of a file's first lines is an event of Copilot: its type, its data and a parent's id."""
    for line in head.lstrip().split(b"\n", 3)[:3]:
        if line.startswith(b"{") and b'"data"' in line and b'"parentId"' in line and _TYPE.search(line):
            return True
    return False


def parse(lines: Iterable[Line], options: Options, table: RecordTable) -> Parsed:
    """Read the events of one session into a table."""
    parsed = Parsed()
    read_rows(lines, _ROWS, Recorder(table, parsed).add, parsed, "a log of events")
    return parsed
