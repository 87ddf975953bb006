"""What `claude -p` prints: the result of a run, with what it cost."""

from typing import Any

import msgspec

from learning_pipeline.sources import normal
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.otlp import claude
from learning_pipeline.sources.otlp.sink import Origin, Sink, made_id
from learning_pipeline.sources.otlp.values import decimal_text, moment
from learning_pipeline.sources.otlp.wire import exact

_TOKENS = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheReadInputTokens": "cache_read_tokens",
    "cacheCreationInputTokens": "cache_write_tokens",
    "webSearchRequests": "web_searches",
}
# How a run ended -> the normal form of it. A run that came to its end may still have failed at its task.
_OUTCOMES = {"error_max_turns": "partial", "error_max_budget_usd": "partial", "error_during_execution": "failure"}


class OfModel(msgspec.Struct):
    inputTokens: Any = None  # noqa: N815
    outputTokens: Any = None  # noqa: N815
    cacheReadInputTokens: Any = None  # noqa: N815
    cacheCreationInputTokens: Any = None  # noqa: N815
    webSearchRequests: Any = None  # noqa: N815
    costUSD: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815


class CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: Any = None
    ephemeral_1h_input_tokens: Any = None


class Usage(msgspec.Struct):
    cache_creation: CacheCreation | None = None


class Result(msgspec.Struct):
    """The row of type `result`."""

    session_id: str | None = None
    uuid: str | None = None
    subtype: str | None = None
    is_error: bool | None = None
    duration_ms: Any = None
    total_cost_usd: msgspec.Raw = msgspec.Raw(b"")
    usage: Usage | None = None
    modelUsage: dict[str, OfModel] | None = None  # noqa: N815
    timestamp: Any = None


_RESULT = msgspec.json.Decoder(Result)


def result(sink: Sink, raw: bytes) -> None:
    """Add what a result says: what each model used, and how the run ended.

    A result has no time: it is put where its session is, once that is known.

    Raises:
        LineError: it names no session, or a number is none.
    """
    try:
        row = _RESULT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LineError("type", str(error)) from error
    if not row.session_id:
        raise LineError("missing_field", "a result without session_id", "session_id")
    at = None if row.timestamp is None else moment(row.timestamp)
    origin = Origin(row.session_id, at, claude.AGENT)
    run = row.uuid or made_id(row.session_id, raw)

    def add(model: str | None, measure: str, value: str) -> None:
        identity = f"{run}\x1f{model}\x1f{measure}"
        own = {"told_by": "result", "model": normal.model(model), "measure": measure, "value": value, "series": run}
        sink.add("usage", origin, identity, **own)

    models = row.modelUsage or {}
    for model, used in models.items():
        for name, measure in _TOKENS.items():
            told = getattr(used, name)
            if told is not None:
                add(model, measure, decimal_text(f"modelUsage.{name}", told))
        if (cost := exact(used.costUSD)) is not None:
            add(model, "cost_usd", decimal_text("modelUsage.costUSD", cost))
    if not models and (total := exact(row.total_cost_usd)) is not None:
        add(None, "cost_usd", decimal_text("total_cost_usd", total))
    # Of a run, not of a model: how long what was written to the cache is kept.
    written = row.usage.cache_creation if row.usage else None
    for name in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"):
        told = getattr(written, name, None)
        if told is not None:
            add(None, name, decimal_text(f"usage.cache_creation.{name}", told))
    if row.duration_ms is not None:
        add(None, "duration_ms", decimal_text("duration_ms", row.duration_ms))
    outcome = _OUTCOMES.get(row.subtype or "", "failure" if row.is_error else None)
    if outcome is not None:
        add(None, "outcome", outcome)
