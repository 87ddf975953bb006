"""What was told before: so that a finding is told once when it fires, and once when it clears."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from learning_pipeline.errors import PipelineError

OK = "ok"


@dataclass(frozen=True)
class Standing:
    """How a finding stands, and since when it was seen so (UTC, ISO 8601)."""

    state: str
    since: str


@dataclass(frozen=True)
class Change:
    """A finding that fired, changed its severity, or cleared."""

    name: str
    state: str
    before: str
    since: str

    @property
    def cleared(self) -> bool:
        return self.state == OK


Standings = Mapping[str, Standing]


def advance(before: Standings, states: Mapping[str, str], now: datetime) -> tuple[dict[str, Standing], list[Change]]:
    """Return how everything stands now, and what has changed.

    A finding that is no longer there (its agent has gone) has cleared; one that is new and ok is no change.
    """
    seen = now.astimezone(UTC).isoformat(timespec="seconds")
    after: dict[str, Standing] = {}
    changes = []
    for name in sorted({*before, *states}):
        state = states.get(name, OK)
        was = before.get(name)
        if was is not None and was.state == state:
            standing = was
        else:
            standing = Standing(state, seen)
            old = was.state if was is not None else OK
            if old != state:
                changes.append(Change(name, state, old, seen))
        if name in states:
            after[name] = standing
    return after, changes


def load(path: Path) -> dict[str, Standing]:
    """Return what a file remembers; nothing where it is not there or damaged: then all is told once more."""
    try:
        found = json.loads(path.read_bytes())
        return {str(name): Standing(**fields) for name, fields in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def save(path: Path, standings: Standings) -> None:
    """Write what is to be remembered, whole or not at all.

    Raises:
        PipelineError: the file cannot be written.
    """
    text = json.dumps({name: asdict(one) for name, one in sorted(standings.items())}, indent=1)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text + "\n", "utf-8")
        part.replace(path)
    except OSError as error:
        raise PipelineError(f"cannot write {path}: {error.strerror}") from error
