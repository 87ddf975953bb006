"""From the lines of one file of exports to records of the transcript family."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from learning_pipeline.sources.base import Line, Options, Parsed, Reject
from learning_pipeline.sources.documents import joined
from learning_pipeline.sources.families.transcripts.table import RecordTable
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.otlp import claude, envelope, metrics, others, spans, sqlite
from learning_pipeline.sources.otlp.fields import unknown_fields
from learning_pipeline.sources.otlp.sink import Origin, Sink
from learning_pipeline.sources.otlp.values import known_id, moment, text
from learning_pipeline.sources.otlp.wire import Attributes, Batch, LogRecord, Scope, attributes, decode, plain

KIND = "otlp"
FAMILY = "transcripts"
MODE: Literal["document", "append"] = "append"
LINES_APART = True

# Rows of `claude -p --output-format stream-json` beside the result, which sums them up.
_STREAMED = frozenset(
    ("system", "assistant", "user", "stream_event", "rate_limit_event", "tool_progress", "auth_status")
)
_EXPORT = re.compile(rb'^\s*\[?\s*\{\s*"resource(?:Logs|Metrics|Spans)"\s*:')
_PRINTED = re.compile(rb'^\s*\[?\s*\{[^\n]{0,4000}?"type"\s*:\s*"(?:result"|system"\s*,\s*"subtype"\s*:\s*"init")')
# Attributes that say who a person is; so does the value that follows.
_PERSONAL = re.compile(
    rb'("key"\s*:\s*"(?:user\.[\w.]+|organization\.[\w.]+|installation\.id|enduser\.[\w.]+)"\s*,\s*"value"\s*:\s*)\{[^{}]*\}'
)


def sniff(head: bytes) -> bool:
    """Say whether a file begins like an export batch, a result of `claude -p`, or a database of GenAI spans."""
    if sqlite.is_database(head) or _EXPORT.match(head):
        return True
    return _PRINTED.match(head) is not None and b'"session_id"' in head


def parse(lines: Iterable[Line], options: Options, table: RecordTable) -> Parsed:
    """Read export batches into a table: each line, or the document that a file is, is a batch."""
    reader = _Reader(table)
    for line in joined(lines):
        reader.line(line)
    return reader.parsed


class _Reader:
    """Reads one file, and keeps account of its lines."""

    def __init__(self, table: RecordTable) -> None:
        self.parsed = Parsed()
        self.sink = Sink(table, self.parsed.unknown)
        self.rules: set[str] = set()  # by which something of the present line makes no record
        self.bad: LineError | None = None

    def line(self, line: Line) -> None:
        """Read a batch. It is rejected for the first thing in it that is wrong; what is good in it stays."""
        self.parsed.lines_read += 1
        self.sink.line = line.number
        self.rules, self.bad = set(), None
        before = self.sink.table.added
        try:
            for batch, raw in decode(line.raw):
                self._batch(batch, raw)
        except LineError as error:
            self.bad = self.bad or error
        self.sink.end_line()
        gave = self.sink.table.added > before
        if self.bad is None and not gave and "unknown_kind" in self.rules:
            self.bad = LineError("unknown_kind", "the batch holds only events that are not known")
        if self.bad is not None:
            self._reject(line, self.bad)
        elif not gave:
            rule = next(iter(self.rules), "empty") if len(self.rules) < 2 else "nothing_kept"
            self.parsed.ignored[rule] += 1

    def _reject(self, line: Line, bad: LineError) -> None:
        raw = _PERSONAL.sub(rb'\1{"stringValue":"[personal]"}', line.raw[: 64 * 1024])
        self.parsed.rejects.append(Reject(line.number, line.offset, bad.check, bad.reason, raw, bad.column, bad.value))

    def _batch(self, batch: Batch, raw: bytes) -> None:
        if not batch.is_export:
            self._printed(batch, raw)
            return
        for rule in self._told(batch):
            if rule is not None:
                self.rules.add(rule)

    def _told(self, batch: Batch) -> Iterator[str | None]:
        """Read what a batch holds, part by part; yield the rule by which a part makes no record, or None."""
        for logs in batch.resourceLogs or ():
            resource = attributes(logs.resource.attributes) if logs.resource else {}
            for of_scope in logs.scopeLogs or ():
                for record in of_scope.logRecords or ():
                    yield self._safely(self._log, record, resource, of_scope.scope)
        for measured in batch.resourceMetrics or ():
            resource = attributes(measured.resource.attributes) if measured.resource else {}
            for scope in measured.scopeMetrics or ():
                for metric in scope.metrics or ():
                    yield self._safely(metrics.metric, self.sink, metric, resource)
        for traced in batch.resourceSpans or ():
            resource = attributes(traced.resource.attributes) if traced.resource else {}
            for part in traced.scopeSpans or ():
                for span in part.spans or ():
                    yield self._safely(spans.span, self.sink, span, resource)

    def _safely(self, read: Callable[..., str | None], *given: Any) -> str | None:
        """Read one part of a batch; what is wrong with it leaves the others as they are."""
        try:
            return read(*given)
        except LineError as error:
            self.bad = self.bad or error
            return None

    def _log(self, record: LogRecord, resource: Attributes, scope: Scope | None) -> str | None:
        given = attributes(record.attributes)
        name = event_name(record, given, resource, scope)
        agent, _, event = name.partition(".")
        if agent not in ("claude_code", "codex", "gemini_cli"):
            return "not_genai"
        merged = resource | given
        at = moment(record.timeUnixNano, record.observedTimeUnixNano, given.get("event.timestamp"))
        version = text(merged, "app.version", "service.version")
        before = self.sink.table.added
        if agent == "claude_code":
            origin = Origin(claude.session_of(merged), at, claude.AGENT, version)
            rule = claude.event(self.sink, event, given, origin)
        else:
            session = known_id(merged, "conversation.id", "session.id")
            if session is None:
                raise LineError("missing_field", f"{name} without a session", "session.id")
            origin = Origin(session, at, others.AGENTS[f"{agent}."], version)
            read = others.codex if agent == "codex" else others.gemini
            rule = read(self.sink, name, given, origin)
        if rule == "unknown_kind":
            self.parsed.unknown[f"kind:{name[:100]}"] += 1
        elif self.sink.table.added > before:
            unknown_fields(agent, name, given, resource, self.parsed.unknown)
        return rule

    def _printed(self, batch: Batch, raw: bytes) -> None:
        """Read what `claude -p` prints: the result is kept, the rows before it say nothing that it does not sum up."""
        if batch.type == "result" and batch.session_id is not None:
            self._safely(envelope.result, self.sink, raw)
        elif isinstance(batch.type, str) and batch.type in _STREAMED and batch.session_id is not None:
            self.rules.add(f"stream:{batch.type}")
        else:
            raise LineError("not_otlp", "the line is neither an export batch nor a result of claude -p")


def event_name(record: LogRecord, given: Attributes, resource: Attributes, scope: Scope | None) -> str:
    """Return an event's name with its agent before it, however its version spells it; empty where it has none."""
    said = (given.get("event.name"), record.eventName, plain(record.body))
    names = [name for name in said if isinstance(name, str)]
    for name in names:
        if name.startswith((claude.PREFIX, others.CODEX, others.GEMINI)):
            return name
    of_claude = (scope is not None and (scope.name or "").startswith(claude.SCOPE)) or (
        resource.get("service.name") == "claude-code"
    )
    return f"{claude.PREFIX}{names[0]}" if of_claude and names else ""
