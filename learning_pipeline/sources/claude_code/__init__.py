"""Claude Code session transcripts: `~/.claude/projects/<slug>/<session>.jsonl` and `agent-*.jsonl`."""

from learning_pipeline.sources.claude_code.parse import FAMILY, KIND, MODE, parse, sniff
from learning_pipeline.sources.claude_code.table import RecordTable

__all__ = ["FAMILY", "KIND", "MODE", "RecordTable", "parse", "sniff"]
