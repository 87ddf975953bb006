"""Analytics logs of aider: `--analytics-log FILE`, one event a line."""

from learning_pipeline.sources.aider.parse import FAMILY, KIND, LINES_APART, MODE, parse, sniff

__all__ = ["FAMILY", "KIND", "LINES_APART", "MODE", "parse", "sniff"]
