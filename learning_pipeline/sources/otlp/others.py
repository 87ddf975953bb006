"""The events of Codex and of Gemini CLI."""

from typing import Any

import msgspec

from learning_pipeline.sources import normal, shell
from learning_pipeline.sources.otlp.claude import error_type
from learning_pipeline.sources.otlp.sink import Origin, Sink, made_id
from learning_pipeline.sources.otlp.values import count, flag, known_id, millis, text
from learning_pipeline.sources.otlp.wire import Attributes

CODEX = "codex."
GEMINI = "gemini_cli."
AGENTS = {CODEX: "codex", GEMINI: "gemini-cli"}

_IGNORED = frozenset(
    (
        "codex.conversation_starts",
        "codex.sandbox_assessment",
        "codex.sandbox_assessment_latency",
        "codex.startup_phase",
        "codex.turn_ttft",
        "codex.websocket_connect",
        "codex.websocket_event",
        "codex.websocket_request",
        "gemini_cli.agent.finish",
        "gemini_cli.agent.start",
        "gemini_cli.api_request",  # its api_response tells the tokens
        "gemini_cli.chat.content_retry_failure",
        "gemini_cli.chat.invalid_chunk",
        "gemini_cli.chat_compression",
        "gemini_cli.config",
        "gemini_cli.conversation_finished",
        "gemini_cli.edit_correction",
        "gemini_cli.edit_strategy",
        "gemini_cli.extension_disable",
        "gemini_cli.extension_enable",
        "gemini_cli.extension_install",
        "gemini_cli.extension_uninstall",
        "gemini_cli.extension_update",
        "gemini_cli.file_operation",
        "gemini_cli.flash_fallback",
        "gemini_cli.ide_connection",
        "gemini_cli.malformed_json_response",
        "gemini_cli.model_routing",
        "gemini_cli.next_speaker_check",
        "gemini_cli.ripgrep_fallback",
        "gemini_cli.slash_command",
        "gemini_cli.slash_command.model",
        "gemini_cli.tool_output_truncated",
        "gemini_cli.web_fetch_fallback_attempt",
    )
)


def codex(sink: Sink, name: str, given: Attributes, origin: Origin) -> str | None:
    """Add the records of an event of Codex; return the rule by which it makes none, or None."""
    identity = made_id(origin.session, name, origin.at, given.get("event.kind"), given.get("call_id"))
    if name == "codex.user_prompt":
        sink.prompt(origin, identity, text(given, "prompt"))
    elif name == "codex.sse_event":
        return _codex_stream(sink, given, origin, identity)
    elif name == "codex.api_request":
        if text(given, "error.message") is None:
            return "event:codex.api_request"  # the stream that it opens tells the tokens
        _failed(sink, given, origin, identity, "http.response.status_code", "error.message")
    elif name == "codex.tool_result":
        call_id = known_id(given, "call_id") or identity
        success = flag(given, "success")
        arguments, output = text(given, "arguments"), text(given, "output")
        result = {
            "is_error": None if success is None else not success,
            "output_bytes": _size(output),
            "duration_ms": millis(given, "duration_ms"),
        }
        use = _codex_tool(text(given, "tool_name"), arguments)
        sink.tool_call(origin, f"result\x1f{call_id}", call_id, use, result)
    elif name == "codex.tool_decision":
        call_id = known_id(given, "call_id") or identity
        use = _codex_tool(text(given, "tool_name"), None)
        decision = normal.decision(text(given, "decision"))
        sink.tool_call(origin, f"decision\x1f{call_id}", call_id, use, {"decision": decision})
    else:
        return f"event:{name}" if name in _IGNORED else "unknown_kind"
    return None


def _codex_stream(sink: Sink, given: Attributes, origin: Origin, identity: str) -> str | None:
    """Only the end of a response tells tokens; its input holds what came from the cache, its output the reasoning."""
    if text(given, "error.message") is not None:
        _failed(sink, given, origin, identity, "event.kind", "error.message")
        return None
    if given.get("event.kind") != "response.completed":
        return "event:codex.sse_event"
    cached = count(given, "cached_token_count")
    sink.add(
        "call",
        origin,
        f"log\x1f{identity}",
        call_id=identity,
        model=normal.model(given.get("model")),
        input_tokens=uncached(count(given, "input_token_count"), cached),
        output_tokens=count(given, "output_token_count"),
        cache_read_tokens=cached,
        reasoning_tokens=count(given, "reasoning_token_count"),
        duration_ms=millis(given, "duration_ms"),
    )
    return None


def _codex_tool(name: str | None, arguments: str | None) -> dict[str, Any]:
    use: dict[str, Any] = {"tool_name": name, "input_bytes": _size(arguments)}
    if name in ("shell", "local_shell", "exec_command", "shell_command", "container.exec"):
        use["tool_kind"] = "shell"
        command = _command(arguments)
        if command is not None:
            use |= {"command_name": shell.program(command), "commits": shell.makes_commit(command)}
    return use


def _command(arguments: str | None) -> str | None:
    """Return the command line in a shell call's arguments: a text, or a list that may end in `bash -lc TEXT`."""
    if arguments is None:
        return None
    try:
        found = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return None
    command = (found.get("command") or found.get("cmd")) if isinstance(found, dict) else None
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        return command[2] if len(command) == 3 and command[1] in ("-lc", "-c") else " ".join(command)
    return command if isinstance(command, str) else None


def gemini(sink: Sink, name: str, given: Attributes, origin: Origin) -> str | None:
    """Add the records of an event of Gemini CLI; return the rule by which it makes none, or None."""
    prompt_id = known_id(given, "prompt_id")
    identity = made_id(origin.session, name, origin.at, prompt_id, given.get("function_name"))
    duration = millis(given, "duration_ms")
    if name == "gemini_cli.user_prompt":
        sink.prompt(origin, prompt_id or identity, text(given, "prompt"))
        return None
    if name == "gemini_cli.api_response":
        _gemini_call(sink, given, origin, identity, duration)
    elif name == "gemini_cli.api_error":
        _failed(sink, given, origin, identity, "status_code", "error")
    elif name == "gemini_cli.chat.content_retry":
        sink.add("retry", origin, identity, attempt=count(given, "attempt_number"))
    elif name == "gemini_cli.tool_call":
        success = flag(given, "success")
        use = {
            "tool_name": text(given, "function_name"),
            "input_bytes": _size(text(given, "function_args")),
            "tool_kind": _gemini_kind(given),
        }
        result = {
            "is_error": None if success is None else not success,
            "output_bytes": count(given, "content_length"),
            "duration_ms": duration,
            "decision": normal.decision(text(given, "decision")),
            "error_type": error_type(given, "error_type", "error") if success is False else None,
        }
        sink.tool_call(origin, identity, identity, use, result)
    else:
        return f"event:{name}" if name in _IGNORED else "unknown_kind"
    if prompt_id is not None:
        sink.prompt(origin.before(duration), prompt_id)
    return None


def _gemini_call(sink: Sink, given: Attributes, origin: Origin, identity: str, duration: int | None) -> None:
    """The input holds what came from the cache and not what tools gave; the output does not hold the thoughts."""
    cached = count(given, "cached_content_token_count")
    told, tools = count(given, "input_token_count"), count(given, "tool_token_count")
    output, thoughts = count(given, "output_token_count"), count(given, "thoughts_token_count")
    given_in = uncached(told, cached)
    sink.add(
        "call",
        origin,
        f"log\x1f{identity}",
        call_id=identity,
        model=normal.model(given.get("model")),
        input_tokens=None if given_in is None else given_in + (tools or 0),
        output_tokens=None if output is None else output + (thoughts or 0),
        cache_read_tokens=cached,
        reasoning_tokens=thoughts,
        duration_ms=duration,
    )


def _gemini_kind(given: Attributes) -> str | None:
    if text(given, "tool_type") == "mcp":
        return "mcp"
    return "shell" if given.get("function_name") == "run_shell_command" else None


def _failed(sink: Sink, given: Attributes, origin: Origin, identity: str, word: str, message: str) -> None:
    sink.add("api_error", origin, identity, text=text(given, message), error_type=error_type(given, word, message))


def uncached(told: int | None, cached: int | None) -> int | None:
    """Return the input without what came from the cache; a count below that did not hold it."""
    return told if told is None or cached is None or cached > told else told - cached


def _size(value: str | None) -> int | None:
    return None if value is None else len(value.encode("utf-8", "replace"))
