"""Checkpoints of Entire: which session's work is in which commit, and how much of it an agent wrote."""

from learning_pipeline.sources.entire_checkpoints.parse import FAMILY, IGNORED_FILES, KIND, MODE, parse, sniff

__all__ = ["FAMILY", "IGNORED_FILES", "KIND", "MODE", "parse", "sniff"]
