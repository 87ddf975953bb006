"""What a landing reports."""

from dataclasses import dataclass, field
from datetime import date

COUNTS = ("lines_read", "events", "duplicates", "quarantined", "ignored")


@dataclass
class LandReport:
    """What a landing did. `events` counts lines that brought something new."""

    lines_read: int = 0
    events: int = 0
    duplicates: int = 0
    quarantined: int = 0
    ignored: int = 0
    files_scanned: int = 0
    files_changed: int = 0
    bytes_read: int = 0
    days: list[date] = field(default_factory=list)
    sources: dict[str, dict[str, int]] = field(default_factory=dict)
    unknown_fields: dict[str, int] = field(default_factory=dict)
    unrecognised: list[str] = field(default_factory=list)  # files of an `auto` input that no kind knows
    unreadable: list[str] = field(default_factory=list)  # what could not be opened or parsed, and what to do
    broken: dict[str, list[str]] = field(default_factory=dict)  # the same by source kind
    seconds: float = 0.0

    def cannot_read(self, kind: str, why: str) -> None:
        """Note that something of a source could not be read: all else is landed."""
        self.unreadable.append(why)
        self.broken.setdefault(kind, []).append(why)
