"""The family of agent transcripts: prompts, model calls and tools of a session."""

from learning_pipeline.sources.families.transcripts.assemble import assemble
from learning_pipeline.sources.families.transcripts.schema import SCHEMA, TEXT_COLUMNS

NAME = "transcripts"
STREAMS = ("executions", "llm_calls", "tool_calls")

__all__ = ["NAME", "SCHEMA", "STREAMS", "TEXT_COLUMNS", "assemble"]
