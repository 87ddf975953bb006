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
    unreadable: list[str] = field(default_factory=list)  # what could not be opened, and what to do
    seconds: float = 0.0
