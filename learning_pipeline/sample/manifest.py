"""What is known to be true of a sample: the numbers that a landing of it has to find."""

from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec


class Usage(msgspec.Struct, order=True):
    """Token sums of distinct model calls of one day and model, each by its largest output count."""

    day: str
    model: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0


class Truth(msgspec.Struct, order=True):
    """Executions of one agent, kind of task and model: the planted rate, and what came of it in the logs.

    `states` counts how they ended; `labelled` are those whose end says success or failure.
    """

    source: str
    agent: str
    task_type: str
    model: str
    planted_success: float
    executions: int = 0
    labelled: int = 0
    successes: int = 0
    states: dict[str, int] = {}
    reported_cost_usd: str | None = None


class SourceTruth(msgspec.Struct):
    """Counts of one source kind. `lines` are non-blank lines as they are in the files; names say the rest.

    `damaged` counts lines that hold no readable record, by kind of damage. `unknown` counts planted names.
    """

    files: int = 0
    bytes: int = 0
    lines: int = 0
    counts: dict[str, int] = {}
    lines_by_kind: dict[str, int] = {}
    damaged: dict[str, int] = {}
    unknown: dict[str, int] = {}


class Manifest(msgspec.Struct):
    """Everything that was planted in a sample."""

    seed: int
    days: int
    sessions: int
    scale: float
    first_day: date
    last_day: date
    sources: dict[str, SourceTruth]
    usage: list[Usage]
    truth: list[Truth]
    commits: dict[str, list[str]]  # full ids per repository, oldest first

    def write(self, path: Path) -> None:
        """Write it as JSON, one line per row of its tables."""
        parts = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, list):
                text = b"[\n " + b",\n ".join(map(msgspec.json.encode, value)) + b"\n]"
            else:
                text = msgspec.json.encode(value)
            parts.append(msgspec.json.encode(name) + b": " + text)
        path.write_bytes(b"{" + b",\n".join(parts) + b"}\n")

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        return msgspec.json.decode(path.read_bytes(), type=cls)


class Book:
    """Collects the truth while logs are written."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.kinds: dict[str, Counter[str]] = {}
        self.damaged: dict[str, Counter[str]] = {}
        self.unknown: dict[str, Counter[str]] = {}
        self.files: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.lines: Counter[str] = Counter()
        self._usage: dict[tuple[str, str], Usage] = {}
        self._truth: dict[tuple[str, str, str, str], Truth] = {}
        self._cost: dict[tuple[str, str, str, str], Decimal] = {}

    def count(self, source: str, name: str, n: int = 1) -> None:
        self.counts.setdefault(source, Counter())[name] += n

    def kind(self, source: str, name: str, n: int = 1) -> None:
        self.kinds.setdefault(source, Counter())[name] += n

    def damage(self, source: str, name: str, n: int = 1) -> None:
        self.damaged.setdefault(source, Counter())[name] += n

    def strange(self, source: str, name: str, n: int = 1) -> None:
        self.unknown.setdefault(source, Counter())[name] += n

    def file(self, source: str, path: Path, data: bytes) -> None:
        """Write a file and count its lines."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.files[source] += 1
        self.bytes[source] += len(data)
        self.lines[source] += data.count(b"\n") + (0 if data.endswith(b"\n") or not data else 1)

    def usage(self, day: str, model: str, numbers: tuple[int, int, int, int, int]) -> None:
        """Add a model call: input, output, cache read, five-minute and one-hour cache write tokens."""
        row = self._usage.get((day, model))
        if row is None:
            row = self._usage[day, model] = Usage(day, model)
        row.calls += 1
        row.input_tokens += numbers[0]
        row.output_tokens += numbers[1]
        row.cache_read_tokens += numbers[2]
        row.cache_write_5m_tokens += numbers[3]
        row.cache_write_1h_tokens += numbers[4]

    def execution(
        self,
        key: tuple[str, str, str, str],
        planted: float,
        state: str,
        success: bool | None,
        cost: Decimal | None = None,
    ) -> None:
        """Add an execution; the key is source, agent, kind of task, model."""
        row = self._truth.get(key)
        if row is None:
            row = self._truth[key] = Truth(*key, planted_success=round(planted, 4), states={})
        row.executions += 1
        row.states[state] = row.states.get(state, 0) + 1
        if success is not None:
            row.labelled += 1
            row.successes += success
        if cost is not None:
            self._cost[key] = self._cost.get(key, Decimal(0)) + cost

    def close(self, commits: dict[str, list[str]], **about: Any) -> Manifest:
        """Return the manifest."""
        for key, cost in self._cost.items():
            self._truth[key].reported_cost_usd = str(cost)
        for row in self._truth.values():
            row.states = dict(sorted(row.states.items()))
        sources = {
            source: SourceTruth(
                files=self.files[source],
                bytes=self.bytes[source],
                lines=self.lines[source],
                counts=dict(sorted(self.counts.get(source, Counter()).items())),
                lines_by_kind=dict(sorted(self.kinds.get(source, Counter()).items())),
                damaged=dict(sorted(self.damaged.get(source, Counter()).items())),
                unknown=dict(sorted(self.unknown.get(source, Counter()).items())),
            )
            for source in sorted(self.files)
        }
        return Manifest(
            sources=sources,
            usage=sorted(self._usage.values()),
            truth=sorted(self._truth.values(), key=lambda row: (row.source, row.agent, row.task_type, row.model)),
            commits=commits,
            **about,
        )
