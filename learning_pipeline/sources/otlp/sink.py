"""Where the records of one file go: the table of the family, with what the records of a line have in common."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from learning_pipeline.sources.base import key_of
from learning_pipeline.sources.families.transcripts.table import RecordTable


@dataclass(frozen=True, slots=True)
class Origin:
    """Who says something, when and in which session."""

    session: str
    at: datetime | None  # None where it is not told
    agent_name: str | None = None
    version: str | None = None
    agent_id: str | None = None
    cwd: str | None = None
    branch: str | None = None

    def before(self, duration_ms: int | None) -> "Origin":
        """Return the same, a duration earlier: when that began which is told of at its end."""
        if duration_ms is None or self.at is None:
            return self
        at = self.at - timedelta(milliseconds=duration_ms)
        return Origin(self.session, at, self.agent_name, self.version, self.agent_id, self.cwd, self.branch)


def _time(origin: Origin) -> datetime:
    return origin.at if origin.at is not None else datetime.max.replace(tzinfo=UTC)


def stamp(at: datetime | None) -> str | None:
    """Return a time in UTC as text, as records have it."""
    return None if at is None else f"{at.isoformat(timespec='microseconds')[:26]}Z"


class Sink:
    """Takes the records of one file, line by line."""

    def __init__(self, table: RecordTable, unknown: Counter[str]) -> None:
        self.table = table
        self.unknown = unknown
        self.line = 0
        self._prompts: dict[tuple[str, str], tuple[Origin, str | None]] = {}

    def add(self, kind: str, origin: Origin, identity: str, **own: Any) -> None:
        """Add a record of the present line."""
        self.table.add(
            kind,
            line=self.line,
            session=origin.session,
            at=stamp(origin.at),
            identity=identity,
            agent_id=origin.agent_id,
            agent_name=origin.agent_name,
            cwd=origin.cwd,
            branch=origin.branch,
            version=origin.version,
            **own,
        )

    def prompt(self, origin: Origin, prompt_id: str, text: str | None = None) -> None:
        """Note that a prompt was being worked on; many records of a line tell of the same one."""
        before = self._prompts.get((origin.session, prompt_id))
        if before is not None:
            earlier, said = before
            text = said if said is not None else text
            origin = min(origin, earlier, key=_time)
        self._prompts[origin.session, prompt_id] = origin, text

    def tool_call(
        self, origin: Origin, identity: str, call_id: str, use: dict[str, Any], result: dict[str, Any]
    ) -> None:
        """Add a tool's use, and its result where something is told of it; `origin` is when it was told."""
        self.add("tool_use", origin.before(result.get("duration_ms")), identity, tool_call_id=call_id, **use)
        if any(value is not None for value in result.values()):
            self.add("tool_result", origin, identity, tool_call_id=call_id, **result)

    def end_line(self) -> None:
        """Add what was gathered of the line."""
        for (session, prompt_id), (origin, text) in self._prompts.items():
            at = stamp(origin.at)
            self.add("prompt", origin, f"{session}\x1f{prompt_id}\x1f{at}\x1f{text}", record_id=prompt_id, text=text)
        self._prompts.clear()


def made_id(*parts: object) -> str:
    """Return an id of something that its log gives none: made of what tells it from all others."""
    return f"otlp:{key_of(*parts):016x}"
