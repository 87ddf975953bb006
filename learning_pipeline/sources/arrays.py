"""Files that are JSON arrays of records, rewritten as they grow: their records one by one, in bounded memory.

A record of an array stands for a line: its number is its place in the array, from 1. What is damaged costs one
record where the array is indented, as programs write it; else it costs what follows up to the next whole object.
"""

import itertools
import re
from collections.abc import Iterable, Iterator

from learning_pipeline.sources.base import Line
from learning_pipeline.sources.json_lines import MAX_LINE_BYTES

# Strings hold no line break in JSON, so the structure of each line can be found on its own.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}]')
_BETWEEN = b" \t\r\n,"
_BOM = b"\xef\xbb\xbf"


def is_array(raw: bytes) -> bool:
    """Say whether a file that begins with these bytes is an array."""
    return raw.removeprefix(_BOM).lstrip().startswith(b"[")


def records(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield each record of a file that is an array as a line; the lines of any other file as they are."""
    found = iter(lines)
    first = next(found, None)
    if first is None:
        return iter(())
    if not is_array(first.raw):
        return itertools.chain((first,), found)
    return _numbered(_Splitter().split(itertools.chain((first,), found)))


def _numbered(parts: Iterator[tuple[int, bytes]]) -> Iterator[Line]:
    for number, (offset, raw) in enumerate(parts, 1):
        yield Line(number, offset, raw)


class _Splitter:
    """Finds the objects of an array, whatever is between and in them."""

    def __init__(self) -> None:
        self.depth = 0
        self.held: list[bytes] = []
        self.size = 0
        self.at = 0  # where what is held begins
        self.opening: bytes | None = None  # how the first record's line begins, where it begins a line

    def split(self, lines: Iterator[Line]) -> Iterator[tuple[int, bytes]]:
        opened = False
        for line in lines:
            raw, start = line.raw, 0
            if not opened:
                opened = True
                start = raw.index(b"[") + 1
            if self.depth and raw.rstrip() == self.opening:
                yield from self._flush()  # a record that was never closed
            for token in _TOKEN.finditer(raw, start):
                mark = token.group()
                if mark == b"{":
                    if self.depth == 0:
                        self._hold(raw[start : token.start()], line.offset + start)
                        yield from self._flush()
                        start = token.start()
                        if self.opening is None and not raw[:start].strip(b" \t"):
                            self.opening = raw[: start + 1]
                    self.depth += 1
                elif mark == b"}" and self.depth:
                    self.depth -= 1
                    if self.depth == 0:
                        self._hold(raw[start : token.end()], line.offset + start)
                        start = token.end()
                        yield from self._flush()
            self._hold(raw[start:], line.offset + start)
            if self.size > 2 * MAX_LINE_BYTES:
                yield from self._flush()
        yield from self._flush()

    def _hold(self, raw: bytes, offset: int) -> None:
        if raw and (self.depth or not self._is_nothing(raw)):
            if not self.held:
                self.at = offset
            self.held.append(raw)
            self.size += len(raw)

    def _is_nothing(self, raw: bytes) -> bool:
        """Say whether what stands between records is only what separates them, or the array's end."""
        return not raw.strip(_BETWEEN) or raw.strip(_BETWEEN) == b"]"

    def _flush(self) -> Iterator[tuple[int, bytes]]:
        if self.held:
            yield self.at, b"\n".join(self.held)
        self.held.clear()
        self.size = self.depth = 0
