"""What a source is: a pure function from the lines of one file to records and rejects.

A *record* is what one line says, in the normal form of its family (agent transcripts, execution logs, git).
Records are a set: the lake unites them by `record_key`, and a family's `assemble` turns the records of a group
(a session, an execution, a commit) into stream rows. Both are independent of the order in which lines came,
so no split of the input can change the result. A family has one table of records, or several of different kinds.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal, NamedTuple, Protocol

import polars as pl

from learning_pipeline.sources.table_map import TableMap

# Columns that every family's records have, in front of its own.
RECORD_COLUMNS: dict[str, type[pl.DataType] | pl.DataType] = {
    "record_key": pl.UInt64,  # identity of what the line says: the same in every copy of the line
    "group_key": pl.String,  # records with one key are assembled together
    "day": pl.Date,  # UTC date of the record's own time; UNDATED where it has none
    "source": pl.String,  # source kind
    "source_file": pl.String,
    "source_line": pl.Int64,
    "host": pl.String,
}


class Line(NamedTuple):
    """One non-blank line of a file, without its line break."""

    number: int
    offset: int
    raw: bytes


@dataclass(slots=True)
class Reject:
    """A line that could not be read, or broke a rule. `check` is the rule's short name."""

    line: int
    offset: int
    check: str
    reason: str
    raw: bytes
    column: str | None = None
    value: str | None = None


@dataclass(slots=True)
class Parsed:
    """What one file gave.

    Every line is in exactly one place: it made a record, a reject, or counts as ignored under a rule's name.
    A line that made records and also holds something broken counts as rejected; its records stay.
    `source`, `source_file` and `host` of the records are filled in by the lake.
    """

    records: pl.DataFrame = field(default_factory=pl.DataFrame)  # empty where they went to a table
    rejects: list[Reject] = field(default_factory=list)
    lines_read: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)  # field or kind that the parser does not know, by name


@dataclass(frozen=True, slots=True)
class Options:
    """What a parser may know beside the bytes."""

    naive_zone: tzinfo | None = None  # zone of times that name none; None rejects them
    # Scale of a field, from the least to the most it can be, where that is not the usual one of its kind.
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tables: tuple[TableMap, ...] = ()  # how the columns of tables are named


class Source(Protocol):
    """A source module."""

    KIND: str
    FAMILY: str
    # document: re-parsed whole when it changed; append: goes on from the last complete line.
    MODE: Literal["document", "append"]
    # Optional `WHOLE_FILE = True`: the file comes as one line, byte for byte.
    # Optional `LINES_APART = True`: no line needs another to be understood, so a large file may be read in parts.

    def sniff(self, head: bytes) -> bool:
        """Say whether a file that begins with these bytes (up to 64 KiB) is of this kind."""

    def parse(self, lines: Iterable[Line], options: Options) -> Parsed:
        """Read the lines of one file.

        Where the family has a `RecordTable`, it is a third argument, and the records go there, to be framed once
        for many files; else `Parsed.records` is a frame of the family's only kind.
        """


class Family(Protocol):
    """A family module: how its records become stream rows."""

    NAME: str
    SCHEMAS: dict[str, dict[str, type[pl.DataType] | pl.DataType]]  # of each kind of record, RECORD_COLUMNS first
    TEXT_COLUMNS: tuple[str, ...]  # words of people or agents: redacted before anything is written
    STREAMS: tuple[str, ...]  # streams that it writes

    def assemble(self, records: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """Turn all records of some groups, a frame for every kind, into rows of the family's streams.

        The rows have the stream's natural key, `group_key`, `day`, lineage (`source`, `source_file`,
        `source_line`, `host`) and what the records tell; columns that are left out become null.
        Every `day` of a row is the day of one of its group's records.
        """


Redact = Callable[[str], str]


def split_lines(data: bytes | memoryview, *, first: int = 1, base: int = 0) -> Iterator[Line]:
    """Yield the non-blank lines of a buffer. Numbers count every line; only LF ends a line."""
    raw = bytes(data)
    offset = 0
    for number, part in enumerate(raw.split(b"\n"), first):
        if part and not part.isspace():
            yield Line(number, base + offset, part)
        offset += len(part) + 1


def key_of(*parts: object) -> int:
    """Return a 64-bit key of the parts: the same parts always give the same key."""
    return key_of_text("\x1f".join("" if part is None else str(part) for part in parts))


def key_of_text(text: str) -> int:
    """Return a 64-bit key of a text."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")
