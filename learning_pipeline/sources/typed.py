"""Reads lines of a regular format into typed rows: fast where the line is as expected, patient where it is not.

The row's type forbids fields that it does not name. A line that has one is read again without it, and the field is
counted by its name: so the common line costs one pass, and nothing new is passed over in silence.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct, field
from msgspec.inspect import ListType, StructType, Type, UnionType, type_info

from learning_pipeline.sources.base import Line, Parsed, Reject
from learning_pipeline.sources.documents import joined
from learning_pipeline.sources.json_lines import LineError, decode
from learning_pipeline.sources.times import timestamp

T = TypeVar("T", bound=Struct)

NOTHING = Raw(b"")
_any = msgspec.json.Decoder()


def raw() -> Any:
    """A field whose value stays undecoded: it is skipped, not built."""
    return field(default=NOTHING)


class Rows(Generic[T]):
    """A decoder of lines that are rows of one type."""

    def __init__(self, shape: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(shape)
        self._shape = _struct(type_info(shape))
        assert self._shape is not None

    def usual(self, line: bytes) -> T | None:
        """Return the row of a line that is as expected, None for any other."""
        try:
            return self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def others(self, line: bytes, unknown: Counter[str]) -> Iterator[T]:
        """Yield the rows of a line that is not as expected: one, or several that are glued together.

        Raises:
            LineError: the line is no such row; rows before it were yielded.
        """
        for value in decode(line):
            assert self._shape is not None
            _prune(value, self._shape, "", unknown)
            try:
                yield self._decoder.decode(msgspec.json.encode(value))
            except msgspec.ValidationError as error:
                message, _, path = str(error).partition(" - at ")
                column = path.strip("`").removeprefix("$.") or None
                raise LineError("type", f"{message}{f' in {column}' if column else ''}", column) from error
            except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError, RecursionError) as error:
                raise LineError("json", str(error)) from error


def _struct(kind: Type) -> StructType | None:
    """Return the structure that a field holds: itself, or each item of its list."""
    if isinstance(kind, StructType):
        return kind
    if isinstance(kind, UnionType):
        return next(filter(None, map(_struct, kind.types)), None)
    return _struct(kind.item_type) if isinstance(kind, ListType) else None


def _prune(value: Any, shape: StructType, path: str, unknown: Counter[str]) -> None:
    """Take the fields that are not known out of a decoded object, and count them by name."""
    if isinstance(value, list):
        for item in value:
            _prune(item, shape, path, unknown)
    if not isinstance(value, dict):
        return
    fields = {part.encode_name: part.type for part in shape.fields}
    for name in [name for name in value if name not in fields]:
        unknown[f"field:{path}{name[:100]}"] += 1
        del value[name]
    for name, inner in value.items():
        below = _struct(fields[name])
        if below is not None:
            _prune(inner, below, f"{path}{name}.", unknown)


def value_of(part: Raw) -> Any:
    """Return the value of a field that stayed undecoded; None where it is missing or broken."""
    try:
        return _any.decode(part) if part else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def text_of(value: Any) -> str | None:
    """Return the value if it is a text, without the NUL characters that databases reject."""
    if isinstance(value, Raw):
        value = value_of(value)
    return value.replace("\x00", "") if isinstance(value, str) else None


@lru_cache(maxsize=8192)
def _utc_text(value: str | int | float) -> str:
    return timestamp(value).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def utc_text(value: Any, column: str = "timestamp") -> str:
    """Return a time of a log as `YYYY-MM-DDThh:mm:ss.ffffffZ`.

    Raises:
        LineError: it is missing, or is no time.
    """
    try:
        return _utc_text(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise LineError("timestamp", f"{column} is missing or not a time: {error}", column, value) from error


def read_rows(
    lines: Iterable[Line], rows: Rows[T], add: Callable[[T, Line, bool], str | None], parsed: Parsed, name: str
) -> None:
    """Read the lines of one file, and keep account of them in `parsed`.

    Args:
        add: takes a row, its line, and whether the row has the line for itself; makes records of it, or returns the
            name of the rule by which it makes none.
        name: what the file should be, for the reason of a file that is one foreign JSON document.
    """
    for line in joined(lines):
        parsed.lines_read += 1
        row = rows.usual(line.raw)
        try:
            if b"\n" in line.raw:
                raise LineError("foreign_document", f"one JSON document, not {name} of one row a line")
            rule = add(row, line, True) if row is not None else _add_others(line, rows, add, parsed)
        except LineError as error:
            parsed.rejects.append(
                Reject(line.number, line.offset, error.check, error.reason, line.raw, error.column, error.value)
            )
        else:
            if rule is not None:
                parsed.ignored[rule] += 1


def _add_others(line: Line, rows: Rows[T], add: Callable[[T, Line, bool], str | None], parsed: Parsed) -> str | None:
    """Add the rows of an unusual line. What is glued behind a row that is bad may still be good."""
    found = list(_until_bad(rows.others(line.raw, parsed.unknown)))
    alone = len(found) == 1
    rules: list[str | None] = []
    bad: LineError | None = None
    for row in found:
        try:
            if isinstance(row, LineError):
                raise row
            rules.append(add(row, line, alone))
        except LineError as error:
            bad = bad or error
    if bad is not None:
        raise bad
    return rules[0] if all(rules) else None


def _until_bad(found: Iterator[T]) -> Iterator[T | LineError]:
    try:
        yield from found
    except LineError as error:
        yield error
