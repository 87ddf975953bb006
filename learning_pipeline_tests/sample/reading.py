"""A plain reader of transcripts, slow and independent of the program: what the manifest has to agree with."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TAGS = ("<local-command", "<command-", "<bash-", "<task-notification", "<system-reminder")


def objects(line: bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects of a line, also of several that are glued together; raise ValueError where one is torn."""
    text = line.decode("utf-8")
    decoder = json.JSONDecoder()
    at = 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value


def is_prompt(row: dict[str, Any]) -> bool:
    """Say whether a row is what a human typed: the rule behind the golden numbers."""
    if row["type"] != "user" or row["isSidechain"] or row.get("isMeta") or row.get("isCompactSummary"):
        return False
    content = row["message"]["content"]
    if "toolUseResult" in row:
        return False
    if isinstance(content, str):
        return not content.startswith(_TAGS)
    texts = [block["text"] for block in content if block["type"] == "text"]
    kinds = {block["type"] for block in content}
    return bool(texts) and "tool_result" not in kinds and not texts[0].startswith("[Request interrupted")


@dataclass
class Found:
    """What a tree of transcripts holds."""

    calls: dict[str, tuple[str, str, dict[str, int]]] = field(default_factory=dict)
    subagent_calls: set[str] = field(default_factory=set)
    prompts: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    tools: dict[str, str] = field(default_factory=dict)
    subagent_tools: set[str] = field(default_factory=set)
    errors: set[str] = field(default_factory=set)
    subagent_errors: set[str] = field(default_factory=set)
    api_errors: set[str] = field(default_factory=set)
    agents: set[str] = field(default_factory=set)
    commits: set[str] = field(default_factory=set)
    lines: int = 0
    glued: int = 0
    damaged: int = 0

    def tree(self, root: Path) -> "Found":
        for path in sorted(root.rglob("*.jsonl")):
            for line in path.read_bytes().split(b"\n"):
                if line:
                    self.line(line)
        return self

    def line(self, line: bytes) -> None:
        self.lines += 1
        try:
            rows = list(objects(line))
        except ValueError:
            self.damaged += 1
            return
        self.glued += len(rows) > 1
        for row in rows:
            self.row(row)

    def row(self, row: dict[str, Any]) -> None:
        if "sessionId" in row:
            self.sessions.add(row["sessionId"])
        if row["type"] == "progress" and row["data"]["type"] == "agent_progress":
            self.agents.add(row["data"]["agentId"])
            self.said({**row["data"]["message"], "isSidechain": True})
        elif row["type"] in ("user", "assistant"):
            if row["isSidechain"]:
                self.agents.add(row["agentId"])
            self.said(row)

    def said(self, row: dict[str, Any]) -> None:
        sub = row["isSidechain"]
        message = row["message"]
        if row["type"] == "user":
            if is_prompt(row):
                self.prompts.add(row["uuid"])
            for block in message["content"] if isinstance(message["content"], list) else []:
                if block.get("is_error"):
                    (self.subagent_errors if sub else self.errors).add(row["uuid"])
            result = row.get("toolUseResult")
            if isinstance(result, dict) and "commit" in result.get("gitOperation", {}):
                self.commits.add(result["gitOperation"]["commit"]["sha"])
            return
        if message["model"] == "<synthetic>":
            if row["isApiErrorMessage"]:
                self.api_errors.add(row["uuid"])
            return
        for block in message["content"]:
            if block["type"] == "tool_use":
                self.tools[block["id"]] = block["name"]
                if sub:
                    self.subagent_tools.add(block["id"])
        day, model, usage = row["timestamp"][:10], message["model"], message["usage"]
        known = self.calls.get(message["id"])
        if known is None or known[2]["output_tokens"] < usage["output_tokens"]:
            self.calls[message["id"]] = (known[0] if known else day, model, usage)
        if sub:
            self.subagent_calls.add(message["id"])

    def usage(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """Return, per day and model: calls, input, output, cache read, five-minute and one-hour cache write."""
        sums: dict[tuple[str, str], Counter[int]] = {}
        for day, model, usage in self.calls.values():
            writes = usage["cache_creation"]
            numbers = (
                1,
                usage["input_tokens"],
                usage["output_tokens"],
                usage["cache_read_input_tokens"],
                writes["ephemeral_5m_input_tokens"],
                writes["ephemeral_1h_input_tokens"],
            )
            total = sums.setdefault((day, model), Counter())
            for index, number in enumerate(numbers):
                total[index] += number
        return {key: tuple(total[index] for index in range(6)) for key, total in sums.items()}
