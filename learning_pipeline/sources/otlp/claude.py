"""The events of Claude Code."""

import re
from dataclasses import replace
from typing import Any

import msgspec

from learning_pipeline.sources import normal, shell
from learning_pipeline.sources.otlp.sink import Origin, Sink, made_id
from learning_pipeline.sources.otlp.values import count, decimal_text, flag, known_id, millis, money, text
from learning_pipeline.sources.otlp.wire import Attributes
from learning_pipeline.sources.typed import text_of

AGENT = "claude-code"
PREFIX = "claude_code."
SCOPE = "com.anthropic.claude_code"

# Events that hold nothing that is kept: each is an ignored rule of its own.
IGNORED = frozenset(
    (
        "api_request_body",
        "api_response_body",
        "api_retries_exhausted",  # its last api_error says the same
        "assistant_response",  # its api_request says the same
        "at_mention",
        "auth",
        "compaction",
        "feedback_survey",
        "hook_execution_complete",
        "hook_execution_start",
        "hook_plugin_metrics",
        "hook_registered",
        "internal_error",
        "mcp_server_connection",
        "permission_mode_changed",
        "plugin_installed",
        "plugin_loaded",
        "skill_activated",
    )
)
_MOST_ATTEMPTS = 100
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


def event(sink: Sink, name: str, given: Attributes, origin: Origin) -> str | None:
    """Add the records of an event; return the rule by which it makes none, or None.

    `unknown_kind` is returned for an event of a name that is not known.
    """
    if name == "api_request":
        _api_request(sink, given, origin)
    elif name == "tool_result":
        _tool_result(sink, given, origin)
    elif name == "tool_decision":
        _tool_decision(sink, given, origin)
    elif name == "api_error":
        _api_error(sink, given, origin)
    elif name != "user_prompt":
        return f"event:{name}" if name in IGNORED else "unknown_kind"
    if name == "user_prompt":
        prompt = known_id(given, "prompt.id") or _made(given, origin)
        sink.prompt(origin, prompt, text(given, "prompt"))
    elif (prompt_id := known_id(given, "prompt.id")) is not None:
        began = origin.before(millis(given, "duration_ms") if name != "tool_decision" else None)
        sink.prompt(began, prompt_id)
    return None


def session_of(given: Attributes) -> str:
    """Return the session; where none is told, what the event shares with the fewest others stands for it."""
    named = known_id(given, "session.id")
    if named is not None:
        return named
    return made_id("session", known_id(given, "prompt.id", "request_id", "client_request_id", "event.timestamp"))


def _made(given: Attributes, origin: Origin) -> str:
    return made_id(origin.session, given.get("event.name"), given.get("event.sequence"), origin.at)


def speaker(given: Attributes, origin: Origin) -> tuple[Origin, bool]:
    """Return the origin with the agent that a call was made by, and whether that is a sub-agent.

    `query_source` is `agent:KIND:NAME` for sub-agents (of spans, just the name beside an agent's id); all other
    words are the main agent and its helpers.
    """
    source = text(given, "query_source") or ""
    agent_id = known_id(given, "agent_id")
    if not source.startswith("agent:") and source != "subagent" and agent_id is None:
        return origin, False
    last = source.rpartition(":")[2]
    name = text(given, "agent.name") or (last if last not in ("", "subagent", "main") else None)
    return replace(origin, agent_name=name or "subagent", agent_id=agent_id), True


def counts(given: Attributes) -> dict[str, int | None]:
    """Return the token counts of a call. How long what it wrote to the cache is kept is not told."""
    return {
        "input_tokens": count(given, "input_tokens"),
        "output_tokens": count(given, "output_tokens"),
        "cache_read_tokens": count(given, "cache_read_tokens"),
        "cache_write_5m_tokens": count(given, "cache_creation_tokens"),
    }


def _api_request(sink: Sink, given: Attributes, origin: Origin) -> None:
    request = known_id(given, "request_id")
    cost = money(given, "cost_usd")
    if cost is None and (micros := count(given, "cost_usd_micros")) is not None:
        cost = decimal_text("cost_usd_micros", f"{micros}e-6")
    identity = request or known_id(given, "client_request_id") or _made(given, origin)
    by, is_subagent = speaker(given, origin)
    sink.add(
        "call",
        by,
        f"log\x1f{identity}",
        call_id=request or made_id(identity),
        request_id=request,
        model=normal.model(given.get("model")),
        reported_cost_usd=cost,
        duration_ms=millis(given, "duration_ms"),
        is_subagent=is_subagent or None,
        **counts(given),
    )


def _tool_result(sink: Sink, given: Attributes, origin: Origin) -> None:
    call_id = known_id(given, "tool_use_id") or _made(given, origin)
    use, commit = tool_input(given)
    success = flag(given, "success")
    is_error = None if success is None else not success
    result = {
        "is_error": is_error,
        "output_bytes": count(given, "tool_result_size_bytes"),
        "duration_ms": millis(given, "duration_ms"),
        "decision": normal.decision(text(given, "decision_type", "decision")),
        "commit_prefix": commit,
        "error_type": error_type(given, "error_type", "error") if is_error else None,
    }
    sink.tool_call(origin, f"result\x1f{call_id}", call_id, use, result)


def _tool_decision(sink: Sink, given: Attributes, origin: Origin) -> None:
    call_id = known_id(given, "tool_use_id") or _made(given, origin)
    use, _ = tool_input(given)
    decision = normal.decision(text(given, "decision"))
    sink.tool_call(origin, f"decision\x1f{call_id}", call_id, use, {"decision": decision})


def _api_error(sink: Sink, given: Attributes, origin: Origin) -> None:
    identity = known_id(given, "request_id", "client_request_id") or _made(given, origin)
    by, _ = speaker(given, origin)
    sink.add("api_error", by, identity, text=text(given, "error"), error_type=error_type(given, "status_code", "error"))
    for attempt in range(1, min(count(given, "attempt") or 1, _MOST_ATTEMPTS)):
        sink.add("retry", by, f"{identity}\x1f{attempt}", attempt=attempt)


def error_type(given: Attributes, word: str, message: str) -> str | None:
    """Return the kind of error: as its word (a status code, a class) says, else as its message does."""
    said = text(given, word)
    known = normal.known_error_type(said)
    if known not in (None, "unknown"):
        return known
    found = normal.error_type(" ".join(part for part in (said, text(given, message)) if part) or None)
    return None if found == "unknown" else found


def tool_input(given: Attributes) -> tuple[dict[str, Any], str | None]:
    """Return what is told of a tool and its input, and the commit that a command says it made.

    Parameters are there only where the user chose to log them.
    """
    name = text(given, "tool_name", "gen_ai.tool.name")
    told = _object(given.get("tool_parameters")) | _object(given.get("tool_input"))
    command = told.get("full_command") or told.get("command") or told.get("bash_command") or given.get("full_command")
    path = given.get("file_path") or told.get("file_path") or told.get("notebook_path") or told.get("path")
    commit = told.get("git_commit_id")
    use: dict[str, Any] = {
        "tool_name": name,
        "input_bytes": count(given, "tool_input_size_bytes"),
        "file_path": text_of(path),
        "subagent_type": text_of(told.get("subagent_type") or given.get("subagent_type")),
    }
    if isinstance(command, str):
        use["command_name"] = shell.program(command)
        use["commits"] = shell.makes_commit(command)
    elif name == "Skill":
        use["command_name"] = text_of(told.get("skill_name") or told.get("skill") or given.get("skill_name"))
    commit = commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else None
    return use, commit


def _object(value: object) -> dict[str, Any]:
    """Return the JSON object that a text holds; empty where it holds none, or was cut."""
    if isinstance(value, str) and value[:1] == "{":
        try:
            found = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
    return {}
