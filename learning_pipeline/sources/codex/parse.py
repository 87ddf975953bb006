"""From the lines of one Codex rollout to records of the transcript family."""

import re
from collections.abc import Iterable
from typing import Literal

from learning_pipeline.sources.base import Line, Options, Parsed
from learning_pipeline.sources.codex.records import Recorder
from learning_pipeline.sources.codex.rows import Row
from learning_pipeline.sources.families.transcripts.table import RecordTable
from learning_pipeline.sources.typed import Rows, read_rows

KIND = "codex"
FAMILY = "transcripts"
MODE: Literal["document", "append"] = "document"

_ROWS = Rows(Row)
_TYPE = re.compile(rb'"type"\s*:\s*"(?:session_meta|response_item|event_msg|turn_context|compacted)"')


def sniff(head: bytes) -> bool:
    """Say whether one of a file's first lines is a rollout's: its type, and a payload."""
    for line in head.lstrip().split(b"\n", 3)[:3]:
        if line.startswith(b"{") and b'"payload"' in line and _TYPE.search(line):
            return True
    return False


def parse(lines: Iterable[Line], options: Options, table: RecordTable) -> Parsed:
    """Read one rollout into a table. What another session's file told already is ignored by a named rule."""
    parsed = Parsed()
    recorder = Recorder(table, parsed)
    read_rows(lines, _ROWS, recorder.add, parsed, "a rollout")
    recorder.end()
    return parsed
