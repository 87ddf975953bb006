"""Claude Code session transcripts: `~/.claude/projects/<slug>/<session>.jsonl` and `agent-*.jsonl`."""

from learning_pipeline.sources.claude_code.parse import FAMILY, KIND, LINES_APART, MODE, parse, sniff

__all__ = ["FAMILY", "KIND", "LINES_APART", "MODE", "parse", "sniff"]
