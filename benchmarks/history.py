"""Years of logs without years of reading: some days of the sample generator, landed for real, told again and again."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.lake.land import land
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.sample import write_sample
from learning_pipeline.settings import Settings, SourceSpec

# Days that are generated. What is reported later than the last of them falls into the next telling.
CYCLE = 2
LAST = date(2026, 10, 31)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
A_SESSION = 28.5  # executions of all programs for each session that is asked for, as counted
_COMMITS = ("commit", "commit_prefix", "reverts_commit")
_DIGITS = "0123456789abcdef"
_IDS = (
    "execution_id", "session_id", "parent_execution_id", "correlation_id", "workflow_id", "task_hash", "call_id",
    "request_id", "tool_call_id", "decision_id", "request_hash", "event_id", "parent_event_id", "interaction_id",
    "feedback_id",
)  # fmt: skip
# What attributes and subjects name: checkpoints by id, pull requests by number.
_CHECKPOINT = '"([0-9a-f]{12})"'
_PULLED = '("number":|#)(\\d+)'


class History:
    """Generated days in a lake of their own, to be written into other lakes under other dates."""

    def __init__(self, base: Path, settings: Settings, executions: int) -> None:
        """Generate and land about so many executions a day."""
        sessions = max(1, round(executions * CYCLE / A_SESSION))
        write_sample(base / "raw", days=CYCLE, sessions=sessions, seed=5, last_day=LAST, scale=0.1)
        first = settings.model_copy(update={"home": base / "first"})
        land(first, [SourceSpec(kind="auto", path=base / "raw")], now=NOW)
        with State(first.state_path) as state:
            lake = Lake(first.lake_dir, state)
            self._told = {
                (stream, day): lake.read(stream, [day]).collect()
                for stream in STREAMS
                for day in lake.digests(stream)
                if stream != "quarantine"
            }

    def write(self, settings: Settings, days: Sequence[date]) -> None:
        """Write what is told for each of these days into a lake; what has no date is written as it is, once."""
        with State(settings.state_path) as state:
            lake = Lake(settings.lake_dir, state)
            for stream in STREAMS:
                if (stream, UNDATED) in self._told:
                    lake.replace(stream, UNDATED, self._told[stream, UNDATED])
                for day in days:
                    rows = [
                        _moved(frame, (day - told).days)
                        for (of, told), frame in self._told.items()
                        if of == stream and told != UNDATED and (day - told).days % CYCLE == 0
                    ]
                    if rows:
                        lake.replace(stream, day, pl.concat(rows))


def _moved(rows: pl.DataFrame, days: int) -> pl.DataFrame:
    """Tell the same some days later, of other work."""
    number = days // CYCLE + 1000
    mark = f"{number:04x}"
    changed = []
    for name, dtype in rows.schema.items():
        column = pl.col(name)
        if name == "day" or (isinstance(dtype, pl.Datetime) and name not in ("landed_at", "loaded_at")):
            changed.append(column + timedelta(days=days))
        elif name in _COMMITS:
            changed.append(_other_commit(column, number))
        elif name == "attributes":
            changed.append(
                column.str.replace_all(_CHECKPOINT, f'"{mark}$1"').str.replace_all(_PULLED, f"${{1}}{number}$2")
            )
        elif name == "subject":
            changed.append(column.str.replace(_PULLED, f"${{1}}{number}$2"))
        elif name == "parents":
            changed.append(column.list.eval(_other_commit(pl.element(), number)))
        elif name in _IDS:
            changed.append((pl.lit(mark) + column).alias(name))
    return rows.with_columns(changed)


def _other_commit(commit: pl.Expr, number: int) -> pl.Expr:
    """Return another commit for each, whose abbreviations are those of the given one, changed in the same way."""
    return commit.str.replace_many(list(_DIGITS), random.Random(number).sample(_DIGITS, len(_DIGITS)))
