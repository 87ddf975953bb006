"""Definitions of agents: YAML registries, and Markdown with YAML front matter as under `.claude/agents/`.

`documents` finds the definitions in a file, `parse` makes records of them.
"""

from learning_pipeline.sources.agent_definitions.parse import FAMILY, KIND, MODE, WHOLE_FILE, parse, sniff

__all__ = ["FAMILY", "KIND", "MODE", "WHOLE_FILE", "parse", "sniff"]
