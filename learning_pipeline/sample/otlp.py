"""Telemetry exports: Claude Code's logs and metrics with the results of its runs, and spans of a traced agent."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from learning_pipeline.sample.clock import iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.manifest import Book

SOURCE = "otlp"
MODEL = "claude-haiku-4-5-20251001"
TRACED_MODEL = "gpt-4.1-2025-04-14"
# USD per million tokens: uncached input, output, cache read, cache write for an hour.
_PRICES = (1.0, 5.0, 0.1, 2.0)
_COUNTERS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cacheRead": "cache_read_tokens",
    "cacheCreation": "cache_creation_tokens",
}

Row = dict[str, Any]


def write_telemetry(dice: Dice, book: Book, out: Path, starts: list[int]) -> None:
    """Write a session for each start: in turn with logs, metrics and a result, with metrics alone, and as spans."""
    for number, start in enumerate(starts):
        if number % 3 == 2:
            _spans(dice, book, out, start)
        else:
            _Session(dice, book, start).write(out, logged=number % 3 == 0)


def _value(value: Any) -> Row:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": value}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def _pairs(given: Row) -> list[Row]:
    return [{"key": name, "value": _value(value)} for name, value in given.items()]


def _lines(rows: list[Row]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _nanos(at: int) -> str:
    return f"{at}000000"


class _Session:
    """One session of Claude Code, as it exports it."""

    def __init__(self, dice: Dice, book: Book, start: int) -> None:
        self.dice, self.book, self.start, self.now = dice, book, start, start
        self.id, self.number = dice.uuid(), 0
        self.person = {"user.id": dice.hex(64), "user.email": "ada@example.com", "organization.id": dice.uuid()}
        self.records: list[Row] = []
        self.points: list[Row] = []
        self.totals = dict.fromkeys(_COUNTERS.values(), 0)
        self.cost = 0.0

    def write(self, out: Path, *, logged: bool) -> None:
        """Write the session's files: what it used is told by its logs, or by its metrics alone."""
        for _ in range(self.dice.between(1, 3)):
            self._turn(logged)
        folder = out / SOURCE / self.id
        self.book.count(SOURCE, "sessions")
        self.book.file(SOURCE, folder / "metrics.jsonl", _lines(self.points))
        if logged:
            halves = [self.records[::2], self.records[1::2]]
            self.book.file(SOURCE, folder / "logs.jsonl", _lines([self._logs(half) for half in halves if half]))
            self.book.file(SOURCE, folder / "result.json", _lines([self._result()]))

    def _event(self, name: str, given: Row) -> None:
        self.number += 1
        common = {**self.person, "session.id": self.id, "event.name": name, "event.timestamp": iso_ms(self.now)}
        self.records.append(
            {
                "timeUnixNano": _nanos(self.now),
                "observedTimeUnixNano": _nanos(self.now),
                "body": {"stringValue": f"claude_code.{name}"},
                "attributes": _pairs({**common, "event.sequence": self.number, **given}),
            }
        )

    def _turn(self, logged: bool) -> None:
        prompt = {"prompt.id": self.dice.uuid()}
        self._event("user_prompt", {**prompt, "prompt_length": 40, "prompt": "<REDACTED>"})
        self.book.count(SOURCE, "prompts", int(logged))
        for last in [False] * self.dice.between(0, 2) + [True]:
            self._call(prompt, logged)
            if not last:
                self._tool(prompt, logged)
        self._export()

    def _call(self, prompt: Row, logged: bool) -> None:
        duration = 800 + int(self.dice.spread(3000))
        self.now += duration
        used = {
            "input_tokens": int(self.dice.spread(20)) + 1,
            "output_tokens": int(self.dice.spread(300)) + 1,
            "cache_read_tokens": int(self.dice.spread(20_000)),
            "cache_creation_tokens": int(self.dice.spread(3000)),
        }
        # A sum of binary numbers, as the program makes it: its last digits are noise, and kept.
        cost = sum(count * price / 1e6 for count, price in zip(used.values(), _PRICES, strict=True))
        self.cost += cost
        for name, count in used.items():
            self.totals[name] += count
        own = {"model": MODEL, **used, "cost_usd": cost, "duration_ms": duration, "query_source": "repl_main_thread"}
        self._event("api_request", {**prompt, **own, "request_id": f"req_{self.dice.hex(24)}"})
        if logged:
            # Metrics alone tell the sums of each export, and not the calls.
            self.book.count(SOURCE, "calls")
            self.book.count(SOURCE, "reported_usd_e24", int(Decimal(repr(cost)) * 10**24))
        self._used(used)

    def _used(self, used: Row) -> None:
        for name, count in used.items():
            self.book.count(SOURCE, name, count)

    def _tool(self, prompt: Row, logged: bool) -> None:
        failed = self.dice.chance(0.15)
        duration = 20 + int(self.dice.spread(2000))
        tool = {"tool_name": self.dice.pick(("Read", "Bash", "Edit")), "tool_use_id": f"toolu_{self.dice.hex(24)}"}
        self._event("tool_decision", {**prompt, **tool, "decision": "accept", "source": "config"})
        self.now += duration
        sizes = {"tool_input_size_bytes": "64", "tool_result_size_bytes": "512"}
        done = {"success": "false" if failed else "true", "duration_ms": str(duration), **sizes}
        self._event("tool_result", {**prompt, **tool, **done})
        self.book.count(SOURCE, "tool_calls", int(logged))
        self.book.count(SOURCE, "tool_errors", int(failed and logged))

    def _export(self) -> None:
        """Export the counters, which go on counting."""
        self.now += 60_000
        common = {**self.person, "session.id": self.id, "model": MODEL, "query_source": "main"}

        def counter(name: str, points: list[tuple[Row, float]]) -> Row:
            times = {"startTimeUnixNano": _nanos(self.start), "timeUnixNano": _nanos(self.now)}
            rows = [{"attributes": _pairs({**common, **own}), **times, "asDouble": count} for own, count in points]
            return {"name": name, "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": rows}}

        counts: list[tuple[Row, float]] = [
            ({"type": kind}, float(self.totals[name])) for kind, name in _COUNTERS.items()
        ]
        found = [counter("claude_code.cost.usage", [({}, self.cost)]), counter("claude_code.token.usage", counts)]
        scoped = {"scope": {"name": "com.anthropic.claude_code"}, "metrics": found}
        self.points.append({"resourceMetrics": [{"resource": self._resource(), "scopeMetrics": [scoped]}]})

    def _resource(self) -> Row:
        return {"attributes": _pairs({"service.name": "claude-code", "service.version": "2.1.220"})}

    def _logs(self, records: list[Row]) -> Row:
        scoped = {"scope": {"name": "com.anthropic.claude_code.events", "version": "2.1.220"}, "logRecords": records}
        return {"resourceLogs": [{"resource": self._resource(), "scopeLogs": [scoped]}]}

    def _result(self) -> Row:
        names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
        used = dict(zip(names, self.totals.values(), strict=True))
        written = self.totals["cache_creation_tokens"]
        return {
            "type": "result",
            "subtype": "success",
            "is_error": False,
            "duration_ms": self.now - self.start,
            "session_id": self.id,
            "total_cost_usd": self.cost,
            "usage": {"cache_creation": {"ephemeral_1h_input_tokens": written, "ephemeral_5m_input_tokens": 0}},
            "modelUsage": {MODEL: {**used, "webSearchRequests": 0, "costUSD": self.cost}},
            "uuid": self.dice.uuid(),
        }


def _spans(dice: Dice, book: Book, out: Path, start: int) -> None:
    """Write a traced task: calls and a tool, and above them the agent's span, which sums them up and comes last."""
    session, trace, agent = dice.uuid(), dice.hex(32), dice.hex(16)
    common = {"gen_ai.conversation.id": session, "gen_ai.provider.name": "github"}
    batches: list[Row] = []
    now, total_in, total_out = start, 0, 0

    def add(name: str, until: int, own: Row, parent: str | None = None, span: str | None = None) -> None:
        row = {
            "traceId": trace,
            "spanId": span or dice.hex(16),
            "parentSpanId": parent or "",
            "name": name,
            "startTimeUnixNano": _nanos(now if parent else start),
            "endTimeUnixNano": _nanos(until),
            "attributes": _pairs({"gen_ai.operation.name": name, **common, **own}),
            "status": {"code": 1},
        }
        resource = {"attributes": _pairs({"service.name": "traced-agent"})}
        batches.append({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [row]}]}]})

    for call in range(dice.between(1, 3)):
        given, cached, said = int(dice.spread(4000)) + 1, int(dice.spread(9000)), int(dice.spread(200)) + 1
        total_in, total_out = total_in + given + cached, total_out + said
        used = {"gen_ai.usage.input_tokens": given + cached, "gen_ai.usage.output_tokens": said}
        own = {**used, "gen_ai.usage.cache_read.input_tokens": cached, "gen_ai.response.model": TRACED_MODEL}
        add("chat", now + 900, own, agent)
        now += 1000
        book.count(SOURCE, "calls")
        for name, count in (("input_tokens", given), ("output_tokens", said), ("cache_read_tokens", cached)):
            book.count(SOURCE, name, count)
        if call == 0:
            add(
                "execute_tool",
                now + 40,
                {"gen_ai.tool.name": "apply_patch", "gen_ai.tool.call.id": dice.hex(12)},
                agent,
            )
            now += 100
            book.count(SOURCE, "tool_calls")
    sums = {"gen_ai.usage.input_tokens": total_in, "gen_ai.usage.output_tokens": total_out}
    add("invoke_agent", now, {**sums, "gen_ai.agent.name": "patcher"}, span=agent)
    book.count(SOURCE, "prompts")
    book.count(SOURCE, "sessions")
    book.file(SOURCE, out / SOURCE / "spans" / f"{session}.jsonl", _lines(batches))
