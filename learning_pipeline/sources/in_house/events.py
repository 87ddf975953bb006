"""Reads logs in which a line is one event: records of the flat families."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import polars as pl

from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.sources.base import Line, Options, Parsed, Reject
from learning_pipeline.sources.families.flat import Flat
from learning_pipeline.sources.in_house.frames import frame_of
from learning_pipeline.sources.in_house.identity import json_text, key_of_object, uuid_of
from learning_pipeline.sources.in_house.names import Names
from learning_pipeline.sources.in_house.read import Said, read_fields
from learning_pipeline.sources.json_lines import LineError, decode

Row = dict[str, Any]
# From what an object says to the columns of its row; raises LineError for a line that breaks a rule.
Finish = Callable[[Said], Row]

# Namespace of the ids that are derived here.
NAMESPACE = UUID("3b0c8f1e-5a0d-5c64-9a53-0d6a6f5b8e21")

# Lines at the beginning of a file that are looked at to find out its kind.
_LOOKED_AT = 5


def parse_events(
    kind: str, family: Flat, names: Names, finish: Finish, lines: Iterable[Line], options: Options
) -> Parsed:
    """Read the lines of one file of a kind into records of its family."""
    rows: list[Row] = []
    parsed = Parsed()
    for line in lines:
        parsed.lines_read += 1
        try:
            rows += _rows(kind, family, names, finish, line, options, parsed)
        except LineError as error:
            if error.check == "unknown_kind":
                parsed.unknown[f"kind:{str(error.value)[:100]}"] += 1
            parsed.rejects.append(
                Reject(line.number, line.offset, error.check, error.reason, line.raw, error.column, error.value)
            )
    parsed.records = frame(family, rows)
    return parsed


def _rows(
    kind: str, family: Flat, names: Names, finish: Finish, line: Line, options: Options, parsed: Parsed
) -> list[Row]:
    rows = []
    for value in decode(line.raw):
        said = read_fields(value, names, options)
        if said.unknown:
            parsed.unknown.update(f"field:{name}" for name in said.unknown)
        row = finish(said)
        complete(family, row, said.attributes)
        row["record_key"] = key_of_object(kind, value)
        row["source_line"] = line.number
        rows.append(row)
    return rows


def complete(family: Flat, row: Row, attributes: Row) -> None:
    """Add what every record of a flat family has: its group, its own time and day, and its attributes.

    Raises:
        LineError: the row has no time of its own, and none of a later line.
    """
    time = _first_time(row, family.times)
    if time is None and not family.undated:
        raise LineError("missing_field", "the line has no time", family.times[0])
    row["at"] = row.get("at") or time
    row["day"] = UNDATED if time is None else time.astimezone(UTC).date()
    row["group_key"] = row[family.key]
    row["attributes"] = json_text(attributes) if attributes else None


def _first_time(row: Row, names: Iterable[str]) -> datetime | None:
    for name in names:
        if row.get(name) is not None:
            return row[name]
    return row.get("at")


def frame(family: Flat, rows: list[Row]) -> pl.DataFrame:
    """Return rows as records of the family."""
    return frame_of(rows, family.schema)


def derived_id(*parts: object) -> str:
    """Return the id of an event that has none: the same parts always give the same id."""
    return uuid_of(NAMESPACE, "\x1f".join(["" if part is None else str(part) for part in parts]))


def required(row: Row, *columns: str) -> None:
    """Make sure that a line tells these columns.

    Raises:
        LineError: it does not tell one of them.
    """
    for column in columns:
        if row.get(column) is None:
            raise LineError("missing_field", f"the line has no {column}", column)


def first_objects(head: bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects of the first lines of a file that can be read; a last line that is cut is left out."""
    lines = head.lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n", _LOOKED_AT)[:_LOOKED_AT]
    for raw in lines:
        try:
            yield from decode(raw)
        except LineError:
            continue
