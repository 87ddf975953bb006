"""Writes telemetry exports as agents and collectors do."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 7, 30, 10, tzinfo=UTC)
SESSION = "0b5f1c2e-0000-4000-8000-00000000aaaa"
# A call that was measured, and the cost that its program printed.
COST = "0.018472600000000002"
USAGE = {"input_tokens": 10, "output_tokens": 39, "cache_read_tokens": 17536, "cache_creation_tokens": 8257}
PERSON = {
    "user.id": "f" * 64,
    "user.email": "who@example.com",
    "user.account_uuid": "acc-1",
    "organization.id": "org-1",
}


class Exact(float):
    """A number that is printed as it was given."""

    def __new__(cls, text: str) -> "Exact":
        made = super().__new__(cls, text)
        made.text = text  # type: ignore[attr-defined]
        return made

    def __repr__(self) -> str:
        return str(self.text)  # type: ignore[attr-defined]


def value(given: Any, *, as_text: bool = False) -> dict[str, Any]:
    if as_text and not isinstance(given, bool):
        return {"stringValue": str(given)}
    if isinstance(given, bool):
        return {"boolValue": given}
    if isinstance(given, int):
        return {"intValue": given}
    if isinstance(given, float):
        return {"doubleValue": given}
    if isinstance(given, list):
        return {"arrayValue": {"values": [value(item) for item in given]}}
    return {"stringValue": given}


def pairs(given: dict[str, Any], *, as_text: bool = False) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(item, as_text=as_text)} for key, item in given.items()]


def nanos(at: datetime) -> str:
    return str(int((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1000)


def dumps(document: Any) -> str:
    """Return JSON in which a floating-point number stands as it prints itself."""
    return json.dumps(document, default=str)


def event(
    name: str, seconds: float = 0, *, session: str = SESSION, as_text: bool = False, **own: Any
) -> dict[str, Any]:
    """Return a log record of Claude Code; `__` in a name stands for a dot."""
    at = START + timedelta(seconds=seconds)
    given = {**PERSON, "session.id": session, "event.name": name, "event.timestamp": at.isoformat()}
    given |= {key.replace("__", "."): item for key, item in own.items()}
    return {
        "timeUnixNano": nanos(at),
        "observedTimeUnixNano": nanos(at),
        "body": {"stringValue": f"claude_code.{name}"},
        "attributes": pairs(given, as_text=as_text),
    }


def request(request_id: str | None = "req_1", seconds: float = 2, **own: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "model": "claude-haiku-4-5-20251001",
        **USAGE,
        "cost_usd": float(COST),
        "duration_ms": 1500,
    }
    if request_id is not None:
        given["request_id"] = request_id
    return event("api_request", seconds, **{**given, **own})


def logs(
    *records: dict[str, Any], service: str = "claude-code", scope: str = "com.anthropic.claude_code.events"
) -> bytes:
    resource = {"attributes": pairs({"service.name": service, "service.version": "2.1.220"})}
    scoped = {"scope": {"name": scope, "version": "2.1.220"}, "logRecords": list(records)}
    return dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [scoped]}]}).encode()


def point(
    amount: float, seconds: float = 60, *, session: str = SESSION, began: float = 0, **own: Any
) -> dict[str, Any]:
    given = {**PERSON, "session.id": session} | own
    times = {"startTimeUnixNano": nanos(START + timedelta(seconds=began))}
    times["timeUnixNano"] = nanos(START + timedelta(seconds=seconds))
    return {"attributes": pairs(given), **times, "asDouble": amount}


def metrics(counters: dict[str, list[dict[str, Any]]], *, temporality: int = 1) -> bytes:
    found = [
        {"name": name, "sum": {"aggregationTemporality": temporality, "isMonotonic": True, "dataPoints": points}}
        for name, points in counters.items()
    ]
    resource = {"attributes": pairs({"service.name": "claude-code"})}
    scoped = {"scope": {"name": "com.anthropic.claude_code"}, "metrics": found}
    return dumps({"resourceMetrics": [{"resource": resource, "scopeMetrics": [scoped]}]}).encode()


def usage_metrics(
    seconds: float = 60, *, times: int = 1, temporality: int = 1, began: float = 0, session: str = SESSION
) -> bytes:
    """Return an export of the counters of the measured call, made so many times."""
    model = "claude-haiku-4-5-20251001"
    kinds = {"input": 10, "output": 39, "cacheRead": 17536, "cacheCreation": 8257}
    common: dict[str, Any] = {"session": session, "began": began, "model": model, "query_source": "main"}
    return metrics(
        {
            "claude_code.cost.usage": [point(float(COST) * times, seconds, **common)],
            "claude_code.token.usage": [
                point(count * times, seconds, type=kind, **common) for kind, count in kinds.items()
            ],
        },
        temporality=temporality,
    )


def span(
    span_id: str, start: float, end: float, parent: str | None = None, *, trace: str = "t1", code: int = 0, **own: Any
) -> dict[str, Any]:
    """Return a span of the GenAI conventions; `__` in a name stands for a dot, and `gen_ai.` is put before names."""
    given = {(f"gen_ai.{key}" if "copilot" not in key else key).replace("__", "."): item for key, item in own.items()}
    return {
        "traceId": trace,
        "spanId": span_id,
        "parentSpanId": parent or "",
        "name": span_id,
        "startTimeUnixNano": nanos(START + timedelta(seconds=start)),
        "endTimeUnixNano": nanos(START + timedelta(seconds=end)),
        "attributes": pairs(given),
        "status": {"code": code},
    }


def spans(*given: dict[str, Any], service: str = "app") -> bytes:
    resource = {"attributes": pairs({"service.name": service})}
    return dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(given)}]}]}).encode()


def result(*, session: str = SESSION, cost: float = float(COST), hourly: bool = True, **own: Any) -> bytes:
    """Return what `claude -p --output-format json` prints."""
    written = USAGE["cache_creation_tokens"]
    kept = {"ephemeral_1h_input_tokens": written * hourly, "ephemeral_5m_input_tokens": written * (not hourly)}
    model = {
        "inputTokens": 10,
        "outputTokens": 39,
        "cacheReadInputTokens": 17536,
        "cacheCreationInputTokens": written,
        "webSearchRequests": 0,
        "costUSD": cost,
    }
    row = {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "duration_ms": 2400,
        "session_id": session,
        "total_cost_usd": cost,
        "usage": {"cache_creation": kept},
        "modelUsage": {"claude-haiku-4-5-20251001": model},
        "uuid": "run-1",
    }
    return dumps(row | own).encode()
