"""The audit log: one line of JSON for every landing, training, promotion and publish, in `audit.jsonl`.

Lines are only ever added, each with one write; one that a crash cut short is passed over when the log is read.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from learning_pipeline.errors import PipelineError
from learning_pipeline.settings import AUDIT_NAME as NAME

LANDING, TRAINING, PROMOTION, PUBLISH = "landing", "training", "promotion", "publish"
_TAIL_BYTES = 1 << 16
_COUNTS = ("lines_read", "events", "duplicates", "quarantined", "ignored", "files_changed", "bytes_read")


@dataclass(frozen=True)
class Event:
    """One thing that the pipeline did.

    subject: what it was done to: the days that a landing touched, a router version, the id of a publish.
    """

    event_type: str
    occurred_at: str
    subject: str
    detail: Mapping[str, Any]


class Landed(Protocol):
    """What is needed of the report of a landing."""

    files_changed: int
    days: list[Any]


class Trained(Protocol):
    """What is needed of the report of a training."""

    @property
    def version(self) -> str | None: ...
    @property
    def trained(self) -> bool: ...
    @property
    def promoted(self) -> bool: ...
    @property
    def reason(self) -> str: ...


class Published(Protocol):
    """What is needed of the report of a publish."""

    @property
    def publish_id(self) -> str: ...
    @property
    def published(self) -> bool: ...
    @property
    def rows(self) -> Mapping[str, int]: ...


def landing(home: Path, report: Landed, now: datetime) -> None:
    """Note a landing that read something."""
    if report.files_changed:
        days = sorted(str(day) for day in report.days)
        subject = f"{days[0]} to {days[-1]}" if days else "no day"
        detail = {name: getattr(report, name) for name in _COUNTS} | {"days": len(days)}
        append(home, Event(LANDING, _text(now), subject, detail))


def training(home: Path, report: Trained, now: datetime) -> None:
    """Note a training that made a version, and its promotion."""
    if report.trained and report.version:
        append(home, Event(TRAINING, _text(now), report.version, {"reason": report.reason}))
    if report.promoted and report.version:
        append(home, Event(PROMOTION, _text(now), report.version, {"reason": report.reason}))


def promotion(home: Path, version: str, reason: str, now: datetime) -> None:
    """Note a promotion by hand."""
    append(home, Event(PROMOTION, _text(now), version, {"reason": reason}))


def publish(home: Path, report: Published, now: datetime) -> None:
    """Note a publish that changed something."""
    if report.published:
        detail = {"rows": sum(report.rows.values()), "tables": len(report.rows)}
        append(home, Event(PUBLISH, _text(now), report.publish_id, detail))


def append(home: Path, event: Event) -> None:
    """Add an event.

    Raises:
        PipelineError: the log cannot be written.
    """
    path = home / NAME
    line = json.dumps(asdict(event), ensure_ascii=True).encode() + b"\n"
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(file).st_size
            # What a crash left of a line must not swallow this one.
            cut = size and os.pread(file, 1, size - 1) != b"\n"
            os.write(file, b"\n" + line if cut else line)
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise PipelineError(f"cannot write {path}: {error.strerror}") from error


def newest(home: Path, limit: int) -> list[dict[str, Any]]:
    """Return the newest events, the newest first; of a long log, those in its last 64 KiB."""
    path = home / NAME
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PipelineError(f"cannot read {path}: {error.strerror}") from error
    return list(_events(reversed(lines), limit))


def _events(lines: Iterator[bytes], limit: int) -> Iterator[dict[str, Any]]:
    found = 0
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:  # cut short by a crash, or by where reading began
            continue
        if isinstance(event, dict) and found < limit:
            found += 1
            yield event


def _text(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="seconds")
