"""The source kinds and families there are. A new source is a module of its kind's name, and a line here."""

from importlib import import_module
from typing import Any

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
    "execution_log": ("*.jsonl", "*.jsonl.*", "*.ndjson", "*.ndjson.*", "*.json", "*.log", "*.log.*"),
    "table": ("*.csv", "*.csv.gz", "*.tsv", "*.tsv.gz", "*.parquet", "*.sqlite", "*.sqlite3", "*.db", "*.duckdb"),
}
FILE_KINDS = tuple(FILE_PATTERNS)
# Kinds that read a git repository, where that is what they are given, and files else.
REPOSITORY_KINDS = ("git_history", "git_notes", "entire_checkpoints")
KINDS = tuple(dict.fromkeys((*FILE_KINDS, *REPOSITORY_KINDS)))
FAMILIES = ("transcripts", "executions", "git", "aider")


def source(kind: str) -> Any:
    """Return the source module of a kind (see `sources.base.Source`)."""
    return import_module(f"learning_pipeline.sources.{kind}")


def family(name: str) -> Any:
    """Return the family module (see `sources.base.Family`)."""
    return import_module(f"learning_pipeline.sources.families.{name}")
