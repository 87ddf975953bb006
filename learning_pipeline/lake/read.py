"""Reads files line by line in bounded memory, compressed ones too."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from learning_pipeline.errors import PipelineError
from learning_pipeline.sources.base import Line

_BLOCK = 4 * 1024 * 1024
# A line is cut here; what is cut off cannot be read, so the line is rejected with its beginning kept.
_MAX_LINE = 64 * 1024 * 1024
_HEAD = 4096
_TAIL = 4096


def _open(path: str) -> BinaryIO:
    try:
        return cast(BinaryIO, gzip.open(path, "rb")) if path.endswith(".gz") else open(path, "rb")
    except OSError as error:
        raise PipelineError(f"cannot read {path}: {error.strerror}; mend its permissions or leave it out") from error


def head(path: str) -> bytes:
    """Return the first 64 KiB of a file.

    Raises:
        PipelineError: it cannot be read.
    """
    with _open(path) as file:
        try:
            return file.read(64 * 1024)
        except (OSError, EOFError, zlib.error) as error:
            raise PipelineError(f"cannot read {path}: {error}") from error


def fingerprint(path: str, offset: int) -> str:
    """Return a digest of the beginning of a file and of what is right before an offset.

    An append-only file that still has it was only appended to; one that has not was rewritten.
    """
    digest = hashlib.blake2b(digest_size=16)
    with _open(path) as file:
        digest.update(file.read(min(_HEAD, offset)))
        if offset > _HEAD and not path.endswith(".gz"):
            file.seek(max(_HEAD, offset - _TAIL))
            digest.update(file.read(offset - file.tell()))
    return digest.hexdigest()


class Reader:
    """The non-blank lines of one file from an offset on; afterwards, how far it came."""

    def __init__(self, path: str, offset: int = 0, line: int = 0) -> None:
        self.path = path
        self.offset = offset  # after the last line
        self.number = line  # lines so far, blank ones too
        self.bytes_read = 0
        # The last line, where no line break ends it: it may still grow.
        self.unfinished: Line | None = None
        self.failure: str | None = None

    def __iter__(self) -> Iterator[Line]:
        held = b""
        with _open(self.path) as file:
            if self.offset:
                file.seek(self.offset)
            while block := self._read(file):
                self.bytes_read += len(block)
                parts = block.split(b"\n")
                if len(parts) == 1 and held:
                    held += block
                    continue
                parts[0] = held + parts[0]
                held = parts.pop()
                offset, number = self.offset, self.number
                for part in parts:
                    number += 1
                    if part and not part.isspace():
                        yield Line(number, offset, part[:_MAX_LINE])
                    offset += len(part) + 1
                self.offset, self.number = offset, number
        if held:
            self.number += 1
            if not held.isspace():
                self.unfinished = Line(self.number, self.offset, held[:_MAX_LINE])
                yield self.unfinished
            self.offset += len(held)

    def _read(self, file: BinaryIO) -> bytes:
        try:
            # Of a compressed file, what there is: a whole block would be lost with the break in it.
            return file.read1(_BLOCK) if isinstance(file, gzip.GzipFile) else file.read(_BLOCK)
        except (OSError, EOFError, zlib.error) as error:
            # What could be read is kept; the rest is told as one reject.
            self.failure = f"cannot read on: {error}"
            return b""
