"""What is known of a file: how it is on disk now, and how far it was read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """One file, as it is on disk now."""

    kind: str
    path: str
    size: int
    mtime_ns: int
    is_repository: bool = False  # read by git, not as a file


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a file was read, and what it looked like then."""

    size: int
    mtime_ns: int
    fingerprint: str
    offset: int
    line: int

    def row(self) -> tuple[int, int, str, int, int]:
        """Return it as the columns of the table `files`."""
        return self.size, self.mtime_ns, self.fingerprint, self.offset, self.line
