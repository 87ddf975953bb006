"""Authorship notes of git-ai: who, of agents and people, wrote the lines of a commit."""

from learning_pipeline.sources.git_notes.parse import FAMILY, KIND, LINES_APART, MODE, line_of, parse, sniff

__all__ = ["FAMILY", "KIND", "LINES_APART", "MODE", "line_of", "parse", "sniff"]
