"""Execution logs of an in-house agent pool, written by three programs with names of their own."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from learning_pipeline.sample.clock import DAY_MS, day_start, iso_day, iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.manifest import Book
from learning_pipeline.sample.texts import secret_tail, task_text
from learning_pipeline.sample.world import MODELS, POOL_AGENTS, REPOSITORIES, TASK_TYPES

SOURCE = "execution_log"
_ERRORS = (
    ("timeout", "operation timed out after 600 s"),
    ("validation", "validation failed: field 'amount' is required"),
    ("rate_limit", "rate limit exceeded, retry later"),
    ("network", "connection refused by peer"),
    ("permission", "permission denied: /srv/data"),
    ("quality_gate", "quality gate failed: coverage below 80 %"),
)
# How another program names some kinds of task.
_REPORTED = {"bug_fix": "bugfix", "testing": "test", "feature": "web_development"}
# The middle of the working day is busier.
_HOURS = tuple((hour, 1.0 + 5.0 * (7 <= hour <= 18)) for hour in range(24))


@dataclass(frozen=True)
class Run:
    """One execution, before a writer gives it a form."""

    execution_id: str
    agent: str
    model: str
    pool: str
    task_type: str
    text: str
    repository: str
    branch: str
    started: int
    duration: int
    state: str  # success, failure, unknown, open
    error: tuple[str, str] | None
    names_error_type: bool
    cost: Decimal
    tokens: tuple[int, int]
    confidence: float
    quality: float | None
    checked: bool
    session: str


def _run(dice: Dice, started: int) -> Run:
    agent = POOL_AGENTS[dice.pick(tuple(POOL_AGENTS))]
    task_type = dice.weighted(TASK_TYPES)
    model = dice.weighted(agent.models)
    price = MODELS[model]
    repository = dice.pick(REPOSITORIES)
    draw = dice.random()
    if draw < 0.03:
        state = "open"
    elif draw < 0.2:
        state = "unknown"
    else:
        state = "success" if dice.chance(agent.rate(task_type, model)) else "failure"
    tokens = (int(dice.spread(9000)) + 50, int(dice.spread(1400)) + 20)
    cost = (Decimal(str(price.input_usd)) * tokens[0] + Decimal(str(price.output_usd)) * tokens[1]) / 1_000_000
    text = task_text(dice, task_type, repository) + (secret_tail(dice) if dice.chance(0.02) else "")
    return Run(
        execution_id=dice.uuid(),
        agent=agent.name,
        model=model,
        pool=agent.pool or "",
        task_type=task_type,
        text=text,
        repository=repository.name,
        branch=repository.main_branch if dice.chance(0.5) else f"dev/{dice.pick(repository.parts)}",
        started=started,
        duration=int(dice.spread(agent.minutes * 60_000 * 80 / price.tokens_per_second)) + 500,
        state=state,
        error=dice.pick(_ERRORS) if state == "failure" else None,
        names_error_type=dice.chance(0.6),
        cost=cost.quantize(Decimal("0.000001")),
        tokens=tokens,
        confidence=round(0.5 + dice.random() * 0.49, 2),
        quality=round(0.6 + dice.random() * 0.4, 2) if state == "success" and dice.chance(0.5) else None,
        checked=dice.chance(0.4),
        session=dice.uuid(),
    )


Lines = list[tuple[int, dict[str, Any]]]


def _pair(run: Run) -> Lines:
    """Write as `started` and `completed`, with the canonical names."""
    started = {
        "event": "started",
        "execution_id": run.execution_id,
        "agent_name": run.agent,
        "started_at": iso_ms(run.started),
        "task_type": run.task_type,
        "task_text": run.text,
        "model": run.model,
        "pool_type": run.pool,
        "repository": run.repository,
        "branch": run.branch,
        "session_id": run.session,
        "confidence": run.confidence,
    }
    if run.state == "open":
        return [(run.started, started)]
    ended = run.started + run.duration
    done: dict[str, Any] = {
        "event": "completed",
        "execution_id": run.execution_id,
        "agent_name": run.agent,
        "ended_at": iso_ms(ended),
        "status": run.state if run.state != "unknown" else None,
        "success": {"success": True, "failure": False}.get(run.state),
        "duration_ms": run.duration,
        "input_tokens": run.tokens[0],
        "output_tokens": run.tokens[1],
        "cost_usd": float(run.cost),
        "quality_score": run.quality,
    }
    if run.error is not None:
        done["error_message"] = run.error[1]
        if run.names_error_type:
            done["error_type"] = run.error[0]
    return [(run.started, started), (ended, done)]


def _aliases(run: Run) -> Lines:
    """Write one line with the names, units and epoch times of another program."""
    line: dict[str, Any] = {
        "event": "record",
        "task_id": run.execution_id,
        "selected_agent": run.agent,
        "execution_start": run.started / 1000,
        "duration_seconds": run.duration / 1000,
        "task_description": run.text,
        "task_type": _REPORTED.get(run.task_type, run.task_type),
        "model_used": run.model,
        "repo": run.repository,
        "git_branch": run.branch,
        "prompt_tokens": run.tokens[0],
        "completion_tokens": run.tokens[1],
        "actual_cost": float(run.cost),
        "routing_confidence": run.confidence,
    }
    if run.state in ("success", "failure"):
        line["result"] = "passed" if run.state == "success" else "failed"
    elif run.state == "open":
        line["status"] = "in_progress"
    if run.error is not None:
        line["error"] = run.error[1]
    return [(run.started + (0 if run.state == "open" else run.duration), line)]


def _record(run: Run) -> Lines:
    """Write one line with checks as evidence, and times in epoch milliseconds."""
    line: dict[str, Any] = {
        "event": "record",
        "execution_id": run.execution_id,
        "agent_name": run.agent,
        "started_at": run.started,
        "task_text": run.text,
        "task_type": run.task_type,
        "model": run.model,
        "repository": run.repository,
        "branch": run.branch,
        "tokens_used": sum(run.tokens),
        "cost_usd": str(run.cost),
    }
    if run.state != "open":
        line["ended_at"] = run.started + run.duration
    if run.state in ("success", "failure"):
        if run.checked:
            code = 0 if run.state == "success" else 1
            line["checks"] = [{"command": "lint", "exit_code": 0}, {"command": "test", "exit_code": code}]
        else:
            line["success"] = run.state == "success"
    if run.error is not None and run.names_error_type:
        line["error_type"] = run.error[0]
    return [(run.started + (0 if run.state == "open" else run.duration), line)]


# A record that failed, with neither type nor message, is of the type `unknown`.
_WRITERS = ((_pair, 0.5), (_aliases, 0.3), (_record, 0.2))

# Lines that break a rule, by its name: the fields beside those of an acceptable line, or raw bytes.
_INVALID: tuple[tuple[str, dict[str, Any] | bytes], ...] = (
    ("not_json", b'{"event": "completed", "execution_id": "x1", "agent_name": '),
    ("negative_duration", {"duration_ms": -5}),
    ("no_agent", {"agent_name": None}),
    ("no_time", {"started_at": None}),
    ("aliases_disagree", {"duration_ms": 5, "duration_seconds": 9}),
    ("naive_time", {"started_at": "2026-10-20T10:00:00"}),
    ("not_an_object", b'["generalist", 17]'),
    ("quality_out_of_range", {"quality_score": 1.7}),
)


def _invalid(number: int, day: str) -> tuple[str, bytes]:
    name, change = _INVALID[number % len(_INVALID)]
    if isinstance(change, bytes):
        return name, change
    fine = {
        "event": "record",
        "execution_id": f"bad-{day}",
        "agent_name": "generalist",
        "started_at": f"{day}T12:00:00.000Z",
    }
    line = {key: value for key, value in {**fine, **change}.items() if value is not None}
    return name, msgspec.json.encode(line)


def write_execution_log(dice: Dice, book: Book, out: Path, days: list[Any], executions: int) -> list[Run]:
    """Write one file a day; a line is in the file of the day on which it was written. Return what was run."""
    runs = []
    files: dict[str, list[tuple[int, int, bytes]]] = {}
    first, last = day_start(days[0]), day_start(days[-1]) + DAY_MS
    for number in range(executions):
        day = days[number * len(days) // executions]
        started = day_start(day) + dice.weighted(_HOURS) * 3_600_000 + dice.below(3_600_000)
        # Some arrive late: they began days before the file in which they stand.
        late = dice.chance(0.01)
        if late:
            started = max(first, started - dice.between(3, 6) * DAY_MS)
        run = _run(dice, started)
        runs.append(run)
        lines = dice.weighted(_WRITERS)(run)
        late_day = iso_day(day_start(day)) if late else None
        for order, (at, line) in enumerate(lines):
            at = min(at, last - 1)
            files.setdefault(late_day or iso_day(at), []).append((at, order, msgspec.json.encode(line)))
        _note(book, run, lines, late)
    for number, name in enumerate(sorted(files)):
        rows = [row for _, _, row in sorted(files[name])]
        _spoil(book, rows, number, name)
        data = b"\n".join(rows) + b"\n"
        book.file(SOURCE, out / SOURCE / f"executions-{name}.jsonl", data)
    return runs


def _note(book: Book, run: Run, lines: Lines, late: bool) -> None:
    book.count(SOURCE, "executions")
    book.count(SOURCE, f"state:{run.state}")
    if late:
        book.count(SOURCE, "late_executions")
    if len(lines) == 2:
        book.count(SOURCE, "pairs")
    told = lines[-1][1]
    if run.state == "failure" and not ({"error_type", "error_message", "error"} & told.keys()):
        book.count(SOURCE, "failures_without_error_type")
    planted = POOL_AGENTS[run.agent].rate(run.task_type, run.model)
    cost_is_told = {"cost_usd", "actual_cost"} & told.keys()
    book.execution(
        (SOURCE, run.agent, run.task_type, run.model),
        planted,
        run.state,
        {"success": True, "failure": False}.get(run.state),
        run.cost if cost_is_told else None,
    )


def _spoil(book: Book, rows: list[bytes], number: int, day: str) -> None:
    """Put in what must not be read as an execution, and one line twice."""
    if number % 3 == 1:
        rows.insert(len(rows) // 2, rows[0])
        book.count(SOURCE, "duplicate_lines")
    if number % 2 == 0:
        name, raw = _invalid(number // 2, day)
        rows.append(raw)
        book.damage(SOURCE, name)
