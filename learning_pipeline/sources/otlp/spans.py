"""Spans: those of the GenAI semantic conventions (chat, invoke_agent, execute_tool), and Claude Code's own.

A call is told by its own span alone: an agent's span sums up its calls, and is never counted. Which agent made a
call is told by the spans above it; they are exported later than it, so the family puts the tree together.
"""

from datetime import timedelta
from typing import Any

import msgspec

from learning_pipeline.sources import normal
from learning_pipeline.sources.otlp import claude
from learning_pipeline.sources.otlp.others import uncached
from learning_pipeline.sources.otlp.sink import Origin, Sink
from learning_pipeline.sources.otlp.values import count, flag, known_id, millis, moment, money, text
from learning_pipeline.sources.otlp.wire import Attributes, Span, attributes
from learning_pipeline.sources.typed import text_of

_CHATS = frozenset(("chat", "generate_content", "text_completion"))
_AGENTS = frozenset(("invoke_agent",))
_TOOLS = frozenset(("execute_tool",))
# Operations that use no model, or are told by their parts.
_IGNORED = frozenset(
    ("create_agent", "invoke_workflow", "execute_hook", "embeddings", "retrieval", "llm_call", "tool_call")
)
# Why a model stopped, in the words of most programs -> in those of Claude, which all others are held against.
_STOPPED = {"stop": "end_turn", "tool_calls": "tool_use", "tool_call": "tool_use", "function_call": "tool_use"}
_STOPPED |= {"length": "max_tokens", "content_filter": "refusal"}
_IGNORED_OF_CLAUDE = frozenset(("tool.execution", "tool.blocked_on_user", "hook"))


def span(sink: Sink, span: Span, resource: Attributes) -> str | None:
    """Add the records of a span; return the rule by which it makes none, or None.

    Raises:
        LineError: a span that is known is broken.
    """
    own = attributes(span.attributes)
    name = span.name or ""
    if name.startswith(claude.PREFIX):
        return _of_claude(sink, span, name.removeprefix(claude.PREFIX), own, resource)
    operation = text(own, "gen_ai.operation.name")
    if operation is None:
        return "not_genai"
    if operation in _IGNORED:
        return f"span:{operation}"
    if operation not in _CHATS and operation not in _AGENTS and operation not in _TOOLS:
        sink.unknown[f"kind:gen_ai.operation.name/{operation[:100]}"] += 1
        return "unknown_operation"
    origin, duration = _origin(span, own, resource)
    if operation in _CHATS:
        own_id = _chat(sink, span, own, origin, duration)
    elif operation in _TOOLS:
        own_id = _tool(sink, span, own, origin, duration)
    else:
        own_id = _agent(sink, span, own, origin.before(duration))
    _place(sink, span, own, origin, duration, operation, own_id)
    return None


def key(span: Span) -> str:
    """Return the id of a span: of all spans, not only of its trace."""
    return f"{(span.traceId or '').lower()}:{(span.spanId or '').lower()}"


def _origin(span: Span, own: Attributes, resource: Attributes) -> tuple[Origin, int]:
    """Return who tells it, at its end, and how long it took.

    A session is what the span's program calls one, else the conversation; else the trace stands for it.
    """
    began = moment(span.startTimeUnixNano, span.endTimeUnixNano)
    ended = max(began, moment(span.endTimeUnixNano, span.startTimeUnixNano))
    session = known_id(own, "copilot_chat.chat_session_id", "copilot_chat.parent_chat_session_id")
    session = session or known_id(resource | own, "gen_ai.conversation.id", "session.id")
    session = session or f"trace:{(span.traceId or '').lower()}"
    name = text(own, "gen_ai.agent.name") or text(resource, "service.name")
    version = text(resource, "service.version")
    branch = text(own, "copilot_chat.repo.head_branch_name")
    duration = round((ended - began).total_seconds() * 1000)
    # Durations are whole milliseconds: the beginning stays exact, as it says which task a span belongs to.
    return Origin(session, began + timedelta(milliseconds=duration), name, version, branch=branch), duration


def _place(sink: Sink, span: Span, own: Attributes, origin: Origin, duration: int, operation: str, own_id: str) -> None:
    """Tell where in its trace a span is, and how it ended."""
    parent = span.parentSpanId
    sink.add(
        "span",
        origin,
        key(span),
        span_id=key(span),
        parent_span_id=f"{(span.traceId or '').lower()}:{parent.lower()}" if parent else None,
        operation=operation,
        own_id=own_id,
        duration_ms=duration,
        outcome="failure" if _failure(span, own) is not None else None,
    )


def _failure(span: Span, own: Attributes) -> str | None:
    """Return the kind of error of a span that failed; None where it did not say so."""
    code = span.status.code if span.status else None
    said = text(own, "error.type")
    if code not in (2, "2", "STATUS_CODE_ERROR") and said is None:
        return None
    message = (span.status.message if span.status else None) or ""
    return claude.error_type({"word": said, "message": message}, "word", "message") or "unknown"


def _chat(sink: Sink, span: Span, own: Attributes, origin: Origin, duration: int) -> str:
    cached = count(own, "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens")
    written = count(own, "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens")
    told = count(own, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
    response = known_id(own, "gen_ai.response.id")
    # Other programs give all calls of a turn one response id: only a message's id tells calls apart.
    call_id = response if response is not None and response.startswith("msg_") else f"span:{key(span)}"
    reason = _first_word(own.get("gen_ai.response.finish_reasons"))
    sink.add(
        "call",
        origin,
        f"span\x1f{key(span)}",
        call_id=call_id,
        model=normal.model(text(own, "gen_ai.response.model")) or normal.model(text(own, "gen_ai.request.model")),
        stop_reason=_STOPPED.get(reason or "", reason),
        input_tokens=uncached(uncached(told, cached), written),
        output_tokens=count(own, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        cache_read_tokens=cached,
        cache_write_5m_tokens=written,
        reasoning_tokens=count(
            own, "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "gen_ai.usage.reasoning"
        ),
        reported_cost_usd=money(own, "gen_ai.usage.cost"),
        duration_ms=duration,
        error_type=_failure(span, own),
    )
    return call_id


def _first_word(reasons: Any) -> str | None:
    """Return the reason to stop out of a list, or the text of one."""
    listed = _json(reasons)
    first = listed[0] if isinstance(listed, list) and listed else reasons
    return first if isinstance(first, str) and first else None


def _tool(sink: Sink, span: Span, own: Attributes, origin: Origin, duration: int) -> str:
    """Add a tool call. One outside every session is a part of another tool's call, whose id it repeats."""
    call_id = known_id(own, "gen_ai.tool.call.id", "gen_ai.tool.call_id")
    if call_id is None or origin.session.startswith("trace:"):
        call_id = f"span:{key(span)}"
    arguments, output = text(own, "gen_ai.tool.call.arguments"), text(own, "gen_ai.tool.call.result")
    name = text(own, "gen_ai.tool.name")
    error = _failure(span, own)
    code = span.status.code if span.status else None
    worked = code in (1, "1", "STATUS_CODE_OK")
    use = {
        "tool_name": name,
        "input_bytes": _size(arguments),
        "file_path": _path(own.get("gen_ai.tool.call.arguments")),
        "tool_kind": "mcp" if text(own, "mcp.method.name", "mcp.session.id") else None,
    }
    result = {
        "is_error": True if error else False if worked else None,
        "output_bytes": _size(output),
        "duration_ms": duration,
        "error_type": None if error == "unknown" else error,
    }
    sink.tool_call(origin, f"span\x1f{key(span)}", call_id, use, result)
    return call_id


def _path(arguments: Any) -> str | None:
    found = _json(arguments)
    if not isinstance(found, dict):
        return None
    return text_of(found.get("filePath") or found.get("file_path") or found.get("path"))


def _agent(sink: Sink, span: Span, own: Attributes, began: Origin) -> str:
    """Add a task given to an agent. Whether it is the main one, its place in the trace tells."""
    record_id = f"span:{key(span)}"
    sink.add("prompt", began, record_id, record_id=record_id, text=_asked(span, own))
    return record_id


def _asked(span: Span, own: Attributes) -> str | None:
    """Return what the user asked, where the program logs it."""
    for event in span.events or ():
        if event.name == "user_message":
            said = text(attributes(event.attributes), "content")
            if said is not None:
                return said
    said = text(own, "copilot_chat.user_request")
    if said is not None:
        return said
    messages = _json(own.get("gen_ai.input.messages"))
    asked = [each for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []
    for message in reversed(asked):
        if message.get("role") == "user":
            parts = message.get("parts") or message.get("content")
            if isinstance(parts, str):
                return parts
            found = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
            words = [part.get("content") or part.get("text") for part in found]
            return "\n".join(word for word in words if isinstance(word, str)) or None
    return None


def _json(value: Any) -> Any:
    """Return what an attribute holds that is a structure, or the JSON text of one; None where it is neither."""
    if isinstance(value, str):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return None
    return value if isinstance(value, list | dict) else None


def _of_claude(sink: Sink, span: Span, name: str, own: Attributes, resource: Attributes) -> str | None:
    """Read a span of Claude Code: its names are those of its events, its input holds no cache counts."""
    if name in _IGNORED_OF_CLAUDE:
        return f"span:claude_code.{name}"
    if name not in ("llm_request", "tool", "interaction"):
        sink.unknown[f"kind:claude_code.{name[:100]}"] += 1
        return "unknown_operation"
    found, duration = _origin(span, own, resource)
    session = claude.session_of(resource | own)
    origin = Origin(session, found.at, claude.AGENT, found.version, known_id(own, "agent_id"))
    if name == "llm_request":
        by, is_subagent = claude.speaker(own, origin)
        request = known_id(own, "request_id")
        message = known_id(own, "gen_ai.response.id")
        fallback = request or f"span:{key(span)}"
        failed = flag(own, "success") is False
        sink.add(
            "call",
            by,
            f"span\x1f{key(span)}",
            call_id=message if message is not None and message.startswith("msg_") else fallback,
            request_id=request,
            model=normal.model(text(own, "model", "gen_ai.response.model", "gen_ai.request.model")),
            stop_reason=text(own, "stop_reason") or _first_word(own.get("gen_ai.response.finish_reasons")),
            duration_ms=millis(own, "duration_ms") or duration,
            error_type=(claude.error_type(own, "status_code", "error") or "api") if failed else None,
            is_subagent=is_subagent or None,
            **claude.counts(own),
        )
    elif name == "tool":
        call_id = known_id(own, "tool_use_id", "gen_ai.tool.call.id") or f"span:{key(span)}"
        use, _ = claude.tool_input(own)
        sink.tool_call(origin, f"span\x1f{key(span)}", call_id, use, {"duration_ms": millis(own, "duration_ms")})
    else:
        prompt = known_id(own, "prompt.id") or f"span:{key(span)}"
        sink.prompt(origin.before(duration), prompt, text(own, "user_prompt"))
    return None


def _size(value: str | None) -> int | None:
    return None if value is None else len(value.encode("utf-8", "replace"))
