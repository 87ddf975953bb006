"""OpenTelemetry exports (OTLP/JSON) of agents, and the results that `claude -p --output-format json` prints."""

from learning_pipeline.sources.otlp.parse import FAMILY, KIND, LINES_APART, MODE, parse, sniff

__all__ = ["FAMILY", "KIND", "LINES_APART", "MODE", "parse", "sniff"]
