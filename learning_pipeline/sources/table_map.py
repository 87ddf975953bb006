"""How the columns of a table become the fields of a line.

A map names the files and tables that it is for, the kind of in-house log that their rows are, and which column is
which field. Columns that it does not name keep their names, and the log's own aliases apply to them. Without a map
a column is the field of its name.
"""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec

# Kinds of log that rows may be lines of; `table` reads those of an execution log.
IN_HOUSE = (
    "execution_log",
    "routing_log",
    "transformation_log",
    "interaction_log",
    "feedback",
    "health_log",
)
_MAGIC = {b"PAR1": "parquet", b"SQLite format 3\x00": "sqlite"}
_DUCKDB = b"DUCK"  # after a check sum of eight bytes
SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")

# Texts that stand for no value in exports.
_NOTHING = frozenset(("", "null", "\\n", "nan", "none", "nat", "na", "n/a", "<na>"))
# Fields that hold lists or objects: in a table, as JSON in a text.
_NESTED = frozenset(
    (
        *("checks", "agents", "agents_invoked", "agent_sequence", "execution_sequence", "delta", "tool_events"),
        *("alternatives", "confidence_components", "context_snapshot", "dependency_chain"),
    )
)
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class TableMap:
    """What the rows of some tables are."""

    file: str = "*"  # pattern of the file's name
    table: str = "*"  # pattern of the table's name, in a database
    kind: str = "execution_log"
    columns: Mapping[str, str] = field(default_factory=dict)  # column -> field; to an empty name: left out
    values: Mapping[str, Any] = field(default_factory=dict)  # field -> what it is in every row


AS_IS = TableMap()


def magic(head: bytes) -> str | None:
    """Return the format that a file's first bytes name: parquet, sqlite or duckdb."""
    if head[8:12] == _DUCKDB:
        return "duckdb"
    return next((name for start, name in _MAGIC.items() if head.startswith(start)), None)


def kind_of_log(kind: str) -> str:
    """Return the kind of log whose lines the rows are that a source kind reads."""
    return "execution_log" if kind == "table" else kind


def find_map(maps: Sequence[TableMap], file: str, table: str | None) -> TableMap | None:
    """Return the first map that is for a file, and the table in it where it is a database."""
    for each in maps:
        if fnmatch.fnmatchcase(file, each.file) and (table is None or fnmatch.fnmatchcase(table, each.table)):
            return each
    return None


def to_line(row: Iterable[tuple[str, Any]], how: TableMap) -> bytes:
    """Return the line that a row is: a JSON object of the cells that hold something."""
    line: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for column, value in row:
        if value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING):
            continue
        name = how.columns.get(column)
        if name is None:
            own[column] = _value(column, value)
        elif name:
            line[name] = _value(name, value)
    for name, value in how.values.items():
        line.setdefault(name, value)
    for column, value in own.items():
        # A mapped column has the name: this one is kept beside it.
        line[column if column not in line else f"{column} (column)"] = value
    return msgspec.json.encode(line, enc_hook=str)


def _value(name: str, value: Any) -> Any:
    if isinstance(value, timedelta):
        return str(value.total_seconds()) if name.endswith(("_s", "_seconds")) else round(value / _MILLISECOND, 3)
    if isinstance(value, str) and name in _NESTED and value.lstrip().startswith(("[", "{")):
        try:
            return _decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


_MILLISECOND = timedelta(milliseconds=1)
