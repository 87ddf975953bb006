"""Opens files, compressed ones by the end of their name: rotation leaves them beside the others."""

import bz2
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, cast


class _Zstd(io.RawIOBase):
    """The bytes of a zstd file. The library's own reader takes one that breaks off for one that ends."""

    def __init__(self, path: str, mode: str) -> None:
        import zstandard

        self._file = open(path, mode)  # noqa: SIM115 - it is closed with this stream
        self._frame = zstandard.ZstdDecompressor().decompressobj
        self._current: Any = None
        self._given = b""
        self._made = b""

    def readable(self) -> bool:
        return True

    def read1(self, size: int) -> bytes:
        """Return some bytes; none at the end."""
        while size and not self._made:
            given = self._given or self._file.read(_BLOCK)
            self._given = b""
            if not given:
                if self._current is not None:
                    raise EOFError("Compressed file ended before the end-of-stream marker was reached")
                return b""
            self._current = self._current or self._frame()
            self._made = self._current.decompress(given)
            if self._current.eof:
                self._given, self._current = self._current.unused_data, None
        made, self._made = self._made[:size], self._made[size:]
        return made

    def readinto(self, buffer: Any) -> int:
        data = self.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    readinto1 = readinto

    def close(self) -> None:
        self._file.close()
        super().close()


_BLOCK = 256 * 1024
_OPENERS: dict[str, Callable[[str, str], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": _Zstd}


def is_compressed(path: str) -> bool:
    """Say whether a file's name says that it is compressed."""
    return _suffix(path) in _OPENERS


def without_suffix(path: str) -> str:
    """Return the name that a file has when it is not compressed."""
    return path.removesuffix(_suffix(path)) if is_compressed(path) else path


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1]


def open_file(path: str) -> BinaryIO:
    """Open a file to read its bytes.

    Raises:
        OSError: it cannot be opened.
    """
    return cast(BinaryIO, _OPENERS.get(_suffix(path), open)(path, "rb"))


def broken() -> tuple[type[Exception], ...]:
    """Return what is raised where a file, or what is compressed in it, cannot be read on."""
    import zstandard

    return (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
