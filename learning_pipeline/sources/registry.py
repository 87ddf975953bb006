"""The source kinds and families there are. A new source is a module of its kind's name, and a line here."""

from importlib import import_module
from typing import Any

_LINES = ("*.jsonl", "*.jsonl.*", "*.ndjson", "*.ndjson.*", "*.json", "*.log", "*.log.*")
# Kinds that read files, and the names that their files have; a rotated (`.jsonl.1`) or compressed (`.jsonl.gz`)
# file is one too. A file of unknown kind is offered to them in this order.
FILE_PATTERNS: dict[str, tuple[str, ...]] = {
    "otlp": ("*.json", "*.json.*", "*.jsonl", "*.jsonl.*", "*.ndjson", "*.ndjson.*", "*.log", "*.log.*", "*.db"),
    "gemini_cli": ("*.json", "*.jsonl", "*.jsonl.*"),
    "hook_log": ("*.json", "*.json.*", "*.jsonl", "*.jsonl.*", "*.ndjson", "*.log", "*.log.*"),
    "aider": ("*.jsonl", "*.jsonl.*", "*.log", "*.log.*"),
    "claude_code": ("*.jsonl", "*.jsonl.*"),
    "codex": ("*.jsonl", "*.jsonl.*"),
    "copilot_cli": ("*.jsonl", "*.jsonl.*"),
    "git_notes": ("*.jsonl", "*.jsonl.*"),
    "entire_checkpoints": ("*.json", "*.jsonl", "content_hash.txt", "context.md", "prompt.txt"),
    "git_history": ("*.jsonl", "*.jsonl.*"),
    "git_hooks": ("*.jsonl", "*.jsonl.*", "*.log", "*.log.*", "*.csv", "*.csv.*"),
    "routing_log": _LINES,
    "transformation_log": _LINES,
    "interaction_log": _LINES,
    "feedback": _LINES,
    "health_log": _LINES,
    "agent_definitions": ("*.md", "*.yaml", "*.yml"),
    "execution_log": _LINES,
    "table": ("*.csv", "*.csv.gz", "*.tsv", "*.tsv.gz", "*.parquet", "*.sqlite", "*.sqlite3", "*.db", "*.duckdb"),
}
FILE_KINDS = tuple(FILE_PATTERNS)
# Kinds that read a git repository, where that is what they are given, and files else.
REPOSITORY_KINDS = ("git_history", "git_notes", "entire_checkpoints")
KINDS = tuple(dict.fromkeys((*FILE_KINDS, *REPOSITORY_KINDS)))
# Families of one stream, whose records are its rows.
_FLAT = ("routing_decisions", "agent_transformations", "interactions", "feedback", "agent_definitions", "health_events")
FAMILIES = ("transcripts", "executions", "git", "aider", *_FLAT)


def source(kind: str) -> Any:
    """Return the source module of a kind (see `sources.base.Source`)."""
    return import_module(f"learning_pipeline.sources.{kind}")


def family(name: str) -> Any:
    """Return the family module (see `sources.base.Family`)."""
    if name in _FLAT:
        return import_module("learning_pipeline.sources.families.flat").FLAT[name]
    return import_module(f"learning_pipeline.sources.families.{name}")
