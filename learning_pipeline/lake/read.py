"""Reads files line by line in bounded memory, compressed ones too."""

import hashlib
import io
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake import blobs, compressed
from learning_pipeline.sources.base import Line

_BLOCK = 1024 * 1024
# A line is cut here; what is cut off cannot be read, so the line is rejected with its beginning kept.
_MAX_LINE = 64 * 1024 * 1024
_HEAD = 4096
_HEAD_BYTES = 64 * 1024
_TAIL = 4096
_BOM = b"\xef\xbb\xbf"


def _open(path: str) -> BinaryIO:
    if blobs.is_blob(path):
        return blobs.open_blob(path)
    try:
        return compressed.open_file(path)
    except OSError as error:
        raise PipelineError(f"cannot read {path}: {error.strerror}; mend its permissions or leave it out") from error


def head(path: str) -> bytes:
    """Return the first 64 KiB of a file; of one that breaks off before, what can be read.

    Raises:
        PipelineError: it cannot be read.
    """
    with _open(path) as file:
        return io.BufferedReader(_Salvaged(file), _HEAD_BYTES).read(_HEAD_BYTES).removeprefix(_BOM)


def fingerprint(path: str, offset: int) -> str:
    """Return a digest of the beginning of a file and of what is right before an offset.

    An append-only file that still has it was only appended to; one that has not was rewritten.
    """
    digest = hashlib.blake2b(digest_size=16)
    with _open(path) as file:
        digest.update(file.read(min(_HEAD, offset)))
        if offset > _HEAD and not compressed.is_compressed(path):
            file.seek(max(_HEAD, offset - _TAIL))
            digest.update(file.read(offset - file.tell()))
    return digest.hexdigest()


class _Salvaged(io.RawIOBase):
    """A stream that ends where it breaks off: what could be read before is kept."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.failure: str | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return int(self._stream.readinto1(buffer))  # type: ignore[attr-defined]
        except compressed.broken() as error:
            self.failure = f"cannot read on: {error}"
            return 0


class Reader:
    """The non-blank lines of one file from an offset on; afterwards, how far it came.

    Given an end, which is that of a line, it reads no further. Read whole, the file is one line, byte for byte.
    """

    def __init__(
        self, path: str, offset: int = 0, line: int = 0, end: int | None = None, *, whole: bool = False
    ) -> None:
        self.path = path
        self.end = end
        self.whole = whole
        self.offset = offset  # after the last line
        self.number = line  # lines so far, blank ones too
        self.bytes_read = 0
        # The last line, where no line break ends it: it may still grow.
        self.unfinished: Line | None = None
        self.failure: str | None = None

    def __iter__(self) -> Iterator[Line]:
        with _open(self.path) as stream:
            if self.offset:
                stream.seek(self.offset)
            salvaged = _Salvaged(stream)
            if self.whole:
                yield from self._at_once(salvaged)
                return
            offset, number, rest = self.offset, self.number, False
            # readline finds the end of a line by memchr: splitting blocks takes three times as long.
            readline = io.BufferedReader(salvaged, _BLOCK).readline
            end = sys.maxsize if self.end is None else self.end
            while offset < end and (raw := readline(_MAX_LINE)):
                ended = raw.endswith(b"\n")
                if not rest:
                    number += 1
                    if not raw.isspace():
                        text = raw[:-1] if ended else raw
                        line = Line(number, offset, text if offset else text.removeprefix(_BOM))
                        if not ended:
                            self.unfinished = line
                        yield line
                offset += len(raw)
                # What a line is too long for is passed over: it is rejected by its beginning.
                rest = (not ended and len(raw) == _MAX_LINE) or (rest and not ended)
            self.bytes_read = offset - self.offset
            self.offset, self.number, self.failure = offset, number, salvaged.failure
            if self.unfinished is not None and offset != self.unfinished.offset + len(self.unfinished.raw):
                self.unfinished = None

    def _at_once(self, stream: _Salvaged) -> Iterator[Line]:
        raw = io.BufferedReader(stream, _BLOCK).read(_MAX_LINE)
        self.offset = self.bytes_read = len(raw)
        self.number, self.failure = 1, stream.failure
        if raw and not raw.isspace():
            yield Line(1, 0, raw)


def spans(path: str, start: int, line: int, size: int, length: int) -> list[tuple[int, int, int | None]]:
    """Cut a file into parts that end with a line: (offset, lines before it, end) of each; the last has no end.

    Args:
        start, line: offset to begin at, and how many lines are before it.
        size: of the file.
        length: of a part, in bytes, at least.
    """
    found: list[tuple[int, int, int | None]] = []
    with _open(path) as file:
        file.seek(start)
        while size - start > 2 * length:
            lines, position = line, start
            while position - start < length and (block := file.read(_BLOCK)):
                lines += block.count(b"\n")
                position += len(block)
            rest = file.readline()
            end = position + len(rest)
            found.append((start, line, end))
            start, line = end, lines + rest.count(b"\n")
    return [*found, (start, line, None)]
