"""Small facts read out of what Copilot's tools were given and gave back."""

import re
from typing import Any, NamedTuple

import msgspec

from learning_pipeline.sources.copilot_cli.rows import Data, ToolInput
from learning_pipeline.sources.shell import makes_commit, program
from learning_pipeline.sources.typed import text_of, value_of

SHELL_TOOLS = frozenset(("bash", "powershell", "run_in_terminal"))
SUBAGENT_TOOLS = frozenset(("task", "runSubagent"))

_INPUT = msgspec.json.Decoder(ToolInput)
_PATCHED = re.compile(r"^\*\*\* (?:Update|Add|Delete) File: (.+)$", re.MULTILINE)
# How the output of a shell ends.
_EXIT_CODE = re.compile(r"<(?:[^<>\n]{0,60} )?(?:exited|completed) with exit code (-?\d{1,10})>\s*$")
_DENIED = frozenset(("rejected", "denied"))


class Given(NamedTuple):
    """What a tool was given."""

    file_path: str | None = None
    command_name: str | None = None
    commits: bool | None = None
    subagent_type: str | None = None
    requested_model: str | None = None
    text: str | None = None


class Result(NamedTuple):
    """What a tool gave back; `is_error` is null where the log does not say."""

    is_error: bool | None = None
    exit_code: int | None = None
    error_type: str | None = None
    lines_added: int | None = None
    lines_removed: int | None = None


def given(name: str | None, data: Data) -> Given:
    """Return the kept inputs of a tool call."""
    try:
        inputs = _INPUT.decode(data.arguments) if data.arguments else ToolInput()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        inputs = ToolInput()
    if name in SUBAGENT_TOOLS:
        kind, model = text_of(inputs.agent_type), text_of(inputs.model)
        return Given(subagent_type=kind, requested_model=model, text=text_of(inputs.prompt))
    command = text_of(inputs.command)
    if name in SHELL_TOOLS and command is not None:
        return Given(command_name=program(command), commits=makes_commit(command))
    if name == "skill":
        return Given(command_name=text_of(inputs.skill))
    patch = text_of(inputs.input)
    patched = _PATCHED.search(patch) if name == "apply_patch" and patch is not None else None
    return Given(file_path=patched.group(1).strip() if patched else text_of(inputs.path or inputs.filePath))


def result(data: Data) -> Result:
    """Return what the end of a tool call tells."""
    found, error = _object(value_of(data.result)), _object(value_of(data.error))
    is_error = None
    if isinstance(data.success, bool):
        is_error = not data.success
    elif error:
        is_error = True
    elif found.get("result_type") in ("success", "failure", "rejected", "denied"):
        is_error = found["result_type"] != "success"
    metrics = _object(_object(value_of(data.toolTelemetry)).get("metrics"))
    printed = _EXIT_CODE.search((text_of(found.get("content")) or text_of(error.get("message")) or "")[-400:])
    code = text_of(error.get("code")) or text_of(found.get("result_type"))
    word = "permission" if code in _DENIED else "timeout" if code == "timeout" else None
    return Result(
        is_error,
        int(printed.group(1)) if printed else _count(metrics.get("exit_code"), least=-(2**31)),
        word if is_error else None,
        _count(metrics.get("linesAdded")),
        _count(metrics.get("linesRemoved")),
    )


def decision(kind: str | None) -> str | None:
    """Return whether the user let a tool run; null where a rule decided."""
    if kind is not None and kind.startswith("approved"):
        return "accept"
    return "reject" if kind == "denied-interactively-by-user" else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any, least: int = 0) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**31 else None
