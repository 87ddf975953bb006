"""Codex CLI rollouts: `~/.codex/sessions/YYYY/MM/DD/rollout-<time>-<session>.jsonl`."""

from learning_pipeline.sources.codex.parse import FAMILY, KIND, MODE, parse, sniff

__all__ = ["FAMILY", "KIND", "MODE", "parse", "sniff"]
