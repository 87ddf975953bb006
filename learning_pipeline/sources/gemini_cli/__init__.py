"""Sessions of Gemini CLI: `~/.gemini/tmp/<hash>/chats/session-*.json`, and the newer `.jsonl`."""

from learning_pipeline.sources.gemini_cli.parse import FAMILY, KIND, MODE, parse, sniff

__all__ = ["FAMILY", "KIND", "MODE", "parse", "sniff"]
