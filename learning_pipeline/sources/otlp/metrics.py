"""Counters of Claude Code and Gemini CLI: what a session used, where no log tells it call by call."""

from learning_pipeline.sources import normal
from learning_pipeline.sources.base import key_of
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.otlp import claude
from learning_pipeline.sources.otlp.sink import Origin, Sink
from learning_pipeline.sources.otlp.values import decimal_text, known_id, moment, text
from learning_pipeline.sources.otlp.wire import Attributes, Metric, Point, attributes, exact

# What is measured, by the metric and its attribute `type`.
_MEASURES: dict[tuple[str, str | None], str] = {
    ("claude_code.token.usage", "input"): "input_tokens",
    ("claude_code.token.usage", "output"): "output_tokens",
    ("claude_code.token.usage", "cacheRead"): "cache_read_tokens",
    ("claude_code.token.usage", "cacheCreation"): "cache_write_tokens",
    ("claude_code.cost.usage", None): "cost_usd",
    ("claude_code.lines_of_code.count", "added"): "lines_added",
    ("claude_code.lines_of_code.count", "removed"): "lines_removed",
    ("gemini_cli.token.usage", "input"): "input_tokens_with_cache",
    ("gemini_cli.token.usage", "output"): "output_tokens",
    ("gemini_cli.token.usage", "cache"): "cache_read_tokens",
    ("gemini_cli.token.usage", "thought"): "reasoning_tokens",
    ("gemini_cli.token.usage", "tool"): "tool_tokens",
}
_COUNTED = frozenset(name for name, _ in _MEASURES)
_IGNORED = frozenset(
    f"claude_code.{name}"
    for name in ("active_time.total", "code_edit_tool.decision", "commit.count", "pull_request.count", "session.count")
)
_CUMULATIVE = (2, "2", "AGGREGATION_TEMPORALITY_CUMULATIVE")
_DELTA = (1, "1", "AGGREGATION_TEMPORALITY_DELTA")


def metric(sink: Sink, metric: Metric, resource: Attributes) -> str | None:
    """Add a record for each data point; return the rule by which there is none, or None.

    Raises:
        LineError: a point of a known counter is broken.
    """
    agent = next((name for name in ("claude_code", "gemini_cli", "codex") if metric.name.startswith(name + ".")), None)
    if agent is None:
        return "not_genai"
    if metric.name not in _COUNTED:
        # Other agents count much, and nothing that is kept; a new counter of Claude Code is worth a look.
        known = agent != "claude_code" or metric.name in _IGNORED
        return f"metric:{metric.name}" if known else "unknown_kind"
    points = (metric.sum.dataPoints if metric.sum else None) or []
    temporality = metric.sum.aggregationTemporality if metric.sum else None
    if points and temporality not in (*_CUMULATIVE, *_DELTA):
        raise LineError("temporality", f"{metric.name} does not say whether it is a delta", "aggregationTemporality")
    rules = [_point(sink, metric.name, point, resource, agent, temporality in _CUMULATIVE) for point in points]
    return None if None in rules else (rules[0] if rules else "empty")


def _point(sink: Sink, name: str, point: Point, resource: Attributes, agent: str, cumulative: bool) -> str | None:
    own = attributes(point.attributes)
    kind = text(own, "type")
    measure = _MEASURES.get((name, None)) or _MEASURES.get((name, kind))
    if measure is None:
        sink.unknown[f"kind:{name}/{str(kind)[:50]}"] += 1
        return "unknown_type"
    given = resource | own
    session = known_id(given, "session.id")
    if session is None:
        return "metric_without_session"
    value = point.asInt if point.asInt is not None else exact(point.asDouble)
    if value is None:
        raise LineError("missing_field", f"a point of {name} without a value", "asDouble")
    at, began = moment(point.timeUnixNano), str(point.startTimeUnixNano)
    origin = Origin(session, at, claude.AGENT if agent == "claude_code" else "gemini-cli")
    origin, is_subagent = claude.speaker(own, origin)
    # A series is one process's count of one thing; a process that starts anew counts from 0.
    labels = sorted((str(key), str(label)) for key, label in own.items())
    series = f"{key_of(name, session, labels, began if cumulative else None):016x}"
    sink.add(
        "usage",
        origin,
        f"metric\x1f{series}\x1f{at.isoformat()}\x1f{began}",
        told_by="metric",
        model=normal.model(own.get("model")),
        measure=measure,
        value=decimal_text(name, value),
        series=series,
        is_cumulative=cumulative,
        is_subagent=is_subagent or None,
    )
    return None
