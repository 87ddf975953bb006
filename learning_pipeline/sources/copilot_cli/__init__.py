"""Copilot CLI sessions: `~/.copilot/session-state/<session>/events.jsonl`."""

from learning_pipeline.sources.copilot_cli.parse import FAMILY, KIND, MODE, parse, sniff

__all__ = ["FAMILY", "KIND", "MODE", "parse", "sniff"]
