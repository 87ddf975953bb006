"""Small facts read out of the words of a transcript: commits, exit codes, denials, durations."""

import re
from typing import Any

import msgspec

from learning_pipeline.sources.claude_code.rows import NOTHING, Block, ToolInput, ToolUseResult
from learning_pipeline.sources.shell import printed_commit

_TOOL_INPUT = msgspec.json.Decoder(ToolInput)

# Tagged strings are the program's own words in a user's row, not a prompt.
TAGGED = (
    "<local-command",
    "<command-",
    "<bash-",
    "<task-notification",
    "<system-reminder",
)
INTERRUPTED = "[Request interrupted"

_EXIT_CODE = re.compile(rb"Exit code (-?\d{1,6})\b")
_ABBREVIATED = re.compile(r"[0-9a-f]{7,40}")


def text_of(value: Any) -> str | None:
    """Return the value if it is a string, without the NUL characters that databases reject."""
    return value.replace("\x00", "") if isinstance(value, str) else None


def tool_input(block: Block) -> ToolInput:
    """Return the kept inputs of a tool_use block; empty where the input is not an object."""
    if block.input is NOTHING:
        return ToolInput()
    try:
        return _TOOL_INPUT.decode(block.input)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ToolInput()


def commit_prefix(block: Block, result: object) -> str | None:
    """Return the abbreviated commit that a tool's result says was made."""
    if isinstance(result, ToolUseResult) and isinstance(result.gitOperation, dict):
        commit = result.gitOperation.get("commit")
        sha = commit.get("sha") if isinstance(commit, dict) else None
        if isinstance(sha, str) and _ABBREVIATED.fullmatch(sha):
            return sha
    return printed_commit(bytes(block.content))


def exit_code(block: Block) -> int | None:
    """Return the exit code that a failed command's result states at its beginning."""
    found = _EXIT_CODE.search(bytes(block.content)[:80])
    return int(found.group(1)) if found else None


def decision(block: Block, result: object, denial: str | None) -> str | None:
    """Return `reject` where the user did not let the tool run; the log does not tell of consent."""
    rejected = (
        denial == "user-rejected"
        or (isinstance(result, str) and result.startswith("User rejected"))
        or (block.is_error and b"doesn't want to proceed with this tool use" in bytes(block.content)[:200])
    )
    return "reject" if rejected else None


def duration_ms(result: object) -> int | None:
    """Return how long a tool took, where its result says so."""
    if not isinstance(result, ToolUseResult):
        return None
    for value, scale in ((result.totalDurationMs, 1), (result.durationMs, 1), (result.durationSeconds, 1000)):
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12:
            return round(value * scale)
    return None
