"""The tool calls of one rollout."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid5

from learning_pipeline.sources.codex import facts
from learning_pipeline.sources.codex.rows import Payload
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.typed import text_of, value_of

_NAMESPACE = UUID("b0a5a2c4-2a53-5d0e-8f0c-0c8a3f5f7d11")
_UNNAMED = {"local_shell_call": "local_shell", "tool_search_call": "tool_search"}


def identifier(thread: str, what: str) -> str:
    """Return an id that no other session has: the given one where it is a UUID, else one made of both."""
    try:
        return str(UUID(what))
    except ValueError:
        return str(uuid5(_NAMESPACE, f"{thread}\x1f{what}"))


class Tools:
    """Makes records of tool calls. What an event told of a call's end is used when its output comes, below it."""

    def __init__(self, put: Callable[..., None]) -> None:
        """Begin with a function that takes kind, line, time, identity and the columns of a record."""
        self.put = put
        self.called = False  # the response that is being written calls a tool
        self._ended: dict[str, tuple[bool | None, int | None]] = {}  # whether a call failed, and its milliseconds
        self._spawns: dict[str, str | None] = {}  # calls that start a sub-agent, and its id
        self._shells: set[str] = set()

    def event(self, payload: Payload) -> None:
        """Take note of what an event tells of a tool call."""
        if payload.call_id is None:
            return
        if payload.type == "mcp_tool_call_end":
            self._ended[payload.call_id] = facts.mcp_result(payload)
        elif payload.type == "collab_agent_spawn_end":
            self._spawns[payload.call_id] = text_of(payload.new_thread_id)

    def patch(self, payload: Payload, line: int, time: str) -> bool:
        """Record what a patch changed; say whether it changed anything."""
        if payload.call_id is not None and isinstance(payload.success, bool):
            self._ended[payload.call_id] = (not payload.success, None)
        changed = facts.changes(payload) if payload.success is True else []
        for path, added, removed in changed:
            identity = f"{payload.call_id or time}\x1f{path}"
            self.put("change", line, time, identity, file_path=path, lines_added=added, lines_removed=removed)
        return bool(changed)

    def use(self, payload: Payload, line: int, time: str) -> None:
        """Record that the model called a tool."""
        name = text_of(payload.name) or _UNNAMED.get(payload.type or "")
        given = facts.given(name, payload)
        call_id = payload.call_id or payload.id
        if call_id is None:
            raise LineError("missing_field", f"a {payload.type} without call_id", "payload.call_id")
        kind = None
        if name in facts.SHELL_TOOLS:
            kind = "shell"
            self._shells.add(call_id)
        elif name == facts.SUBAGENT_TOOL:
            kind = "subagent"
            self._spawns.setdefault(call_id, None)
        namespace = text_of(payload.namespace)
        self.called = True
        self.put(
            "tool_use",
            line,
            time,
            call_id,
            tool_call_id=call_id,
            tool_name=f"{namespace}__{name}" if namespace and name else name,
            tool_kind=kind,
            input_bytes=len(bytes(payload.arguments or payload.input or payload.action)),
            **given._asdict(),
        )

    def provider(self, payload: Payload, line: int, time: str) -> None:
        """Record a tool that the provider ran: one row tells of its use and of its end."""
        name = (payload.type or "").removesuffix("_call")
        call_id = payload.call_id or payload.id or identifier(time, f"{name} {bytes(payload.action).hex()}")
        size = len(bytes(payload.action))
        self.put("tool_use", line, time, call_id, tool_call_id=call_id, tool_name=name, input_bytes=size)
        status = text_of(payload.status)
        if status in ("completed", "failed"):
            self.put("tool_result", line, time, call_id, tool_call_id=call_id, is_error=status == "failed")

    def result(self, payload: Payload, line: int, time: str) -> None:
        """Record what a tool gave back."""
        call_id = payload.call_id
        if call_id is None:
            raise LineError("missing_field", f"a {payload.type} without call_id", "payload.call_id")
        found = facts.output(payload)
        failed, duration = self._ended.get(call_id, (None, None))
        is_spawn = call_id in self._spawns
        self.put(
            "tool_result",
            line,
            time,
            call_id,
            tool_call_id=call_id,
            is_error=found.is_error if failed is None else failed or bool(found.exit_code),
            output_bytes=len(bytes(payload.output)) or None,
            exit_code=found.exit_code,
            decision=found.decision,
            commit_prefix=facts.commit_prefix(payload) if call_id in self._shells else None,
            # A sub-agent's tool gives back its id at once, and not what it did.
            result_agent_id=self._spawns[call_id] or facts.spawned_agent(value_of(payload.output))
            if is_spawn
            else None,
            in_background=True if is_spawn else None,
            duration_ms=found.duration_ms if found.duration_ms is not None else duration,
            error_type=found.error_type,
        )


# What is done with a response item of each type that tells of a tool.
TOOLS: Mapping[str | None, Callable[[Tools, Payload, int, str], Any]] = MappingProxyType(
    {
        "function_call": Tools.use,
        "custom_tool_call": Tools.use,
        "local_shell_call": Tools.use,
        "tool_search_call": Tools.use,
        "web_search_call": Tools.provider,
        "image_generation_call": Tools.provider,
        "function_call_output": Tools.result,
        "custom_tool_call_output": Tools.result,
        "tool_search_output": Tools.result,
    }
)
