"""Tool calls of a transcript: their inputs, results, errors and progress, shaped by tool."""

from dataclasses import dataclass
from typing import Any

from learning_pipeline.sample.claude_rows import SOURCE, Row, Transcript
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.filler import Filler
from learning_pipeline.sample.world import Repository

# How often each tool is called, from the mix of real sessions.
TOOL_MIX = (
    ("Bash", 0.3),
    ("Read", 0.27),
    ("Edit", 0.21),
    ("Grep", 0.13),
    ("Glob", 0.03),
    ("TodoWrite", 0.03),
    ("Write", 0.02),
    ("mcp__tracker__get_issue", 0.01),
)
_COMMANDS = {
    "py": ("pytest -q", "ruff check .", "git status", "git diff --stat", "python -m build", "ls -la"),
    "ts": ("npm test", "npm run lint", "git status", "git diff", "npx tsc --noEmit", "ls src"),
    "yaml": ("terraform plan", "kubectl get pods", "git status", "helm lint .", "yamllint .", "ls"),
}
TEST_COMMAND = {"py": "pytest -q", "ts": "npm test", "yaml": "helm lint ."}


@dataclass(frozen=True)
class Bench:
    """What tool calls draw on: the text pools, the repository, the factor on bulky content."""

    filler: Filler
    repository: Repository
    bulk: float

    def size(self, dice: Dice, middle: float) -> float:
        """Return a number of characters: half under `middle`, a tail up to twenty times it."""
        draw = dice.random()
        if draw < 0.5:
            factor = 0.15 + 1.7 * draw
        elif draw < 0.9:
            factor = 1 + (draw - 0.5) * 8
        else:
            factor = 4.2 + (draw - 0.9) * (draw - 0.9) * 1600
        return middle * factor * self.bulk

    def file(self, dice: Dice) -> str:
        part = dice.pick(self.repository.parts)
        return f"{self.repository.path}/src/{part}/{dice.pick(self.repository.parts)}.{self.repository.suffix}"


def tool_input(dice: Dice, bench: Bench, tool: str) -> Row:
    """Return the input of a tool call."""
    if tool == "Bash":
        command = dice.pick(_COMMANDS[bench.repository.suffix])
        return {"command": command, "description": f"Run {command.split()[0]}"}
    if tool == "Read":
        return {"file_path": bench.file(dice)}
    if tool == "Edit":
        return {
            "replace_all": False,
            "file_path": bench.file(dice),
            "old_string": bench.filler.code(dice, bench.size(dice, 300)).json,
            "new_string": bench.filler.code(dice, bench.size(dice, 420)).json,
        }
    if tool == "Write":
        return {"file_path": bench.file(dice), "content": bench.filler.code(dice, bench.size(dice, 2500)).json}
    if tool == "Grep":
        return {"pattern": dice.pick(bench.repository.parts), "path": bench.repository.path, "output_mode": "content"}
    if tool == "Glob":
        return {"pattern": f"**/*.{bench.repository.suffix}"}
    if tool == "TodoWrite":
        return {"todos": [_todo(dice, bench) for _ in range(3)]}
    return {"id": f"ORC-{dice.below(900) + 100}"}


def _todo(dice: Dice, bench: Bench) -> Row:
    part = dice.pick(bench.repository.parts)
    return {"content": f"Change {part}", "status": "pending", "activeForm": f"Changing {part}"}


def _patch(dice: Dice, bench: Bench) -> list[Row]:
    start = dice.below(400) + 1
    text = bench.filler.code(dice, bench.size(dice, 500))
    lines = [(" ", "+", "-")[index % 3] + line for index, line in enumerate(text.text.split("\n"))]
    return [{"oldStart": start, "oldLines": 7, "newStart": start, "newLines": 9, "lines": lines}]


def tool_result(t: Transcript, bench: Bench, tool: str, given: Row) -> tuple[Any, Any]:
    """Return the content of a result block and the row's toolUseResult, for a call that went well."""
    dice, filler = t.dice, bench.filler
    if tool == "Bash":
        text = filler.code(dice, bench.size(dice, 420)).json
        result: Row = {"stdout": text, "stderr": "", "interrupted": False, "isImage": False}
        if t.generation == "D":
            result["noOutputExpected"] = False
        return text, result
    if tool == "Read":
        piece = filler.code(dice, bench.size(dice, 2300))
        file = {
            "filePath": given["file_path"],
            "content": piece.json,
            "numLines": piece.lines,
            "startLine": 1,
            "totalLines": piece.lines,
        }
        return piece.numbered, {"type": "text", "file": file}
    if tool == "Edit":
        edit = {
            "filePath": given["file_path"],
            "oldString": given["old_string"],
            "newString": given["new_string"],
            "originalFile": filler.code(dice, bench.size(dice, 5600)).json,
            "structuredPatch": _patch(dice, bench),
            "userModified": False,
            "replaceAll": False,
        }
        return f"The file {given['file_path']} has been updated successfully.", edit
    if tool == "Write":
        created = {
            "type": "create",
            "filePath": given["file_path"],
            "content": given["content"],
            "structuredPatch": [],
            "originalFile": None,
        }
        return f"File created successfully at: {given['file_path']}", created
    if tool == "Grep":
        piece = filler.code(dice, bench.size(dice, 800))
        found = {"mode": "content", "numFiles": 0, "filenames": [], "content": piece.json, "numLines": piece.lines}
        return piece.json, found
    if tool == "Glob":
        names = [bench.file(dice) for _ in range(dice.between(1, 8))]
        return "\n".join(names), {
            "filenames": names,
            "durationMs": dice.between(5, 400),
            "numFiles": len(names),
            "truncated": False,
        }
    if tool == "TodoWrite":
        return "Todos have been modified successfully.", {"oldTodos": [], "newTodos": given["todos"]}
    text_block = [{"type": "text", "text": filler.prose(dice, bench.size(dice, 700)).json}]
    return text_block, text_block


def tool_failure(t: Transcript, bench: Bench, tool: str) -> tuple[Any, str]:
    """Return the content of a result block and the row's toolUseResult, for a call that failed."""
    if tool == "Bash":
        text = f"Exit code {t.dice.pick((1, 1, 1, 2, 127))}\n" + bench.filler.code(t.dice, bench.size(t.dice, 500)).text
    elif tool in ("Edit", "Write"):
        text = "<tool_use_error>String to replace not found in file.</tool_use_error>"
    elif tool == "Read":
        text = "<tool_use_error>File does not exist.</tool_use_error>"
    else:
        text = "<tool_use_error>Request failed with status 404.</tool_use_error>"
    return text, f"Error: {text}"


def ticks(t: Transcript, bench: Bench, tool: str, tool_use_id: str) -> None:
    """Write the progress rows of generation B between a call and its result."""
    if t.generation != "B" or t.is_subagent:
        return
    dice = t.dice
    if tool == "Bash":
        for tick in range(dice.weighted(((0, 0.55), (1, 0.15), (4, 0.2), (14, 0.1)))):
            t.wait(1000)
            text = bench.filler.code(dice, bench.size(dice, 60))
            data = {
                "type": "bash_progress",
                "output": text.json,
                "fullOutput": text.json,
                "elapsedTimeSeconds": tick + 2,
                "totalLines": text.lines,
            }
            t.progress(data, f"bash-progress-{tick}", tool_use_id)
    elif tool.startswith("mcp__"):
        data = {"type": "mcp_progress", "status": "started", "serverName": "tracker", "toolName": "get_issue"}
        t.progress(data, tool_use_id, tool_use_id)
    elif dice.chance(0.8):
        data = {
            "type": "hook_progress",
            "hookEvent": "PostToolUse",
            "hookName": f"PostToolUse:{tool}",
            "command": "scripts/after-tool.sh",
        }
        t.progress(data, tool_use_id, tool_use_id)


def count_call(t: Transcript, tool: str) -> None:
    """Count a tool call in the truth."""
    t.book.count(SOURCE, "subagent_tool_calls" if t.is_subagent else "tool_calls")
    if not t.is_subagent:
        t.book.count(SOURCE, f"tool_calls:{tool}")
