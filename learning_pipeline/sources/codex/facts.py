"""Small facts read out of what Codex's tools were given and gave back."""

import re
from typing import Any, NamedTuple

import msgspec

from learning_pipeline.sources.codex.rows import Payload, ToolInput
from learning_pipeline.sources.shell import makes_commit, printed_commit, program
from learning_pipeline.sources.typed import text_of, value_of

SHELL_TOOLS = frozenset(("exec_command", "write_stdin", "shell", "shell_command", "local_shell", "container.exec"))
SUBAGENT_TOOL = "spawn_agent"

_INPUT = msgspec.json.Decoder(ToolInput)
_PATCHED = re.compile(r"^\*\*\* (?:Update|Add|Delete) File: (.+)$", re.MULTILINE)
# A command's output begins with these lines; what the command itself printed comes after `Output:`.
_EXIT_CODE = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d{1,10})$", re.MULTILINE)
_WALL_TIME = re.compile(r"^Wall time: (\d{1,9}(?:\.\d{1,9})?) seconds?$", re.MULTILINE)
_STOPPED = re.compile(r"aborted by user|command was aborted|cancelled by user", re.IGNORECASE)
_REJECTED = re.compile(r"(?:[\w .]{0,40} )?(?:rejected|denied) by (?:the )?user|rejected:|user rejected", re.IGNORECASE)
_FAILED = re.compile(r"(?:[\w.]+(?: \w+){0,3} (?:failed|error)\b|failed to |error:|err:|unsupported )", re.IGNORECASE)
_TIMED_OUT = re.compile(r"command timed out|timed out after", re.IGNORECASE)
_HEAD_CHARACTERS = 600


class Given(NamedTuple):
    """What a tool was given."""

    file_path: str | None = None
    command_name: str | None = None
    commits: bool | None = None
    subagent_type: str | None = None
    requested_model: str | None = None
    text: str | None = None


class Output(NamedTuple):
    """What a tool gave back. `is_error` is what the words tell: an exit code that is not 0, or a failure in words."""

    is_error: bool
    exit_code: int | None = None
    duration_ms: int | None = None
    decision: str | None = None
    error_type: str | None = None


def given(name: str | None, payload: Payload) -> Given:
    """Return the kept inputs of a tool call."""
    part = payload.input or payload.arguments or payload.action
    value = value_of(part)
    if isinstance(value, str) and value[:1] == "{":
        try:
            inputs = _INPUT.decode(value)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            inputs = ToolInput()
    else:
        inputs = _known(value) if isinstance(value, dict) else ToolInput(input=value)
    if name == SUBAGENT_TOOL:
        kind, model = text_of(inputs.agent_type), text_of(inputs.model)
        return Given(subagent_type=kind, requested_model=model, text=text_of(inputs.message))
    command = _command(inputs.cmd if inputs.cmd is not None else inputs.command)
    if command is not None and name in SHELL_TOOLS:
        return Given(command_name=program(command), commits=makes_commit(command))
    patch = next((text for text in (inputs.patch, inputs.input, command) if isinstance(text, str)), "")
    patched = _PATCHED.search(patch) if name == "apply_patch" else None
    return Given(file_path=patched.group(1).strip() if patched else text_of(inputs.path))


def _known(value: dict[str, Any]) -> ToolInput:
    return ToolInput(**{name: value[name] for name in ToolInput.__struct_fields__ if name in value})


def _command(value: Any) -> str | None:
    """Return a shell command as one text; it may be given as the words of `bash -lc "..."`."""
    if isinstance(value, list):
        words = [word for word in value if isinstance(word, str)]
        value = words[2] if len(words) == 3 and words[1] in ("-lc", "-c") else " ".join(words)
    return text_of(value)


def output(payload: Payload) -> Output:
    """Return what the words of a tool's output tell."""
    value = value_of(payload.output)
    succeeded = None
    if isinstance(value, dict):  # oldest versions
        succeeded = value.get("success")
        value = value.get("content")
    if isinstance(value, list):
        value = next((text for item in value if isinstance(item, dict) and (text := text_of(item.get("text")))), None)
    if not isinstance(value, str):
        return Output(is_error=succeeded is False)
    if value[:1] == "{" and '"exit_code"' in value:
        return _older(value)
    head = value.split("\nOutput:", 1)[0][:_HEAD_CHARACTERS]
    code, wall = _EXIT_CODE.search(head), _WALL_TIME.search(head)
    duration = round(float(wall.group(1)) * 1000) if wall else None
    if code is not None:
        return _exited(int(code.group(1)), duration, value)
    if wall is not None:
        return Output(is_error=succeeded is False, duration_ms=duration)
    if _STOPPED.match(head):
        return Output(is_error=True, error_type="interrupted")
    if _REJECTED.match(head):
        return Output(is_error=True, decision="reject", error_type="permission")
    return Output(is_error=succeeded is False or _FAILED.match(head) is not None)


def _exited(code: int, duration: int | None, text: str) -> Output:
    timed_out = code == 124 and _TIMED_OUT.search(text[:4000]) is not None
    return Output(code != 0, code, duration, None, "timeout" if timed_out else None)


def _older(value: str) -> Output:
    """Return what an output tells that is itself a JSON object, as versions of 2025 wrote it."""
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Output(is_error=False)
    metadata = found.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    code, seconds = metadata.get("exit_code"), metadata.get("duration_seconds")
    duration = round(seconds * 1000) if isinstance(seconds, int | float) and 0 <= seconds < 1e9 else None
    if not isinstance(code, int) or isinstance(code, bool) or abs(code) >= 2**31:
        return Output(is_error=False, duration_ms=duration)
    return _exited(code, duration, str(found.get("output")))


def commit_prefix(payload: Payload) -> str | None:
    """Return the abbreviated id of the commit that a tool's output says was made."""
    return printed_commit(bytes(payload.output))


def changes(payload: Payload) -> list[tuple[str, int, int]]:
    """Return (path, lines added, lines removed) of every file that a patch changed."""
    found = value_of(payload.changes)
    result = []
    for path, change in found.items() if isinstance(found, dict) else ():
        if not isinstance(change, dict):
            continue
        kind, content = change.get("type"), change.get("content")
        lines = len(content.splitlines()) if isinstance(content, str) else 0
        added, removed = lines if kind == "add" else 0, lines if kind == "delete" else 0
        diff = change.get("unified_diff")
        if isinstance(diff, str):
            # The diff has hunks only: no header whose lines begin like these.
            added, removed = added + diff.count("\n+"), removed + diff.count("\n-")
        result.append((text_of(change.get("move_path")) or path.replace("\x00", ""), added, removed))
    return result


def mcp_result(payload: Payload) -> tuple[bool | None, int | None]:
    """Return whether a tool of an MCP server failed, and how many milliseconds it took."""
    result, duration = value_of(payload.result), payload.duration
    failed = None
    if isinstance(result, dict):
        done = result.get("Ok")
        failed = "Err" in result or (isinstance(done, dict) and done.get("isError") is True)
    if not isinstance(duration, dict):
        return failed, None
    seconds, nanos = duration.get("secs"), duration.get("nanos")
    if type(seconds) is not int or type(nanos) is not int or not 0 <= seconds < 10**9 or not 0 <= nanos < 10**9:
        return failed, None
    return failed, seconds * 1000 + round(nanos / 1e6)


def spawned_agent(output: Any) -> str | None:
    """Return the id of the sub-agent that its tool's output names."""
    if isinstance(output, str) and output[:1] == "{":
        try:
            output = msgspec.json.decode(output)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
    found = output.get("agent_id") or output.get("thread_id") if isinstance(output, dict) else None
    return text_of(found)
