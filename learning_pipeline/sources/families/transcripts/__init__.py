"""The family of agent transcripts: prompts, model calls and tools of a session."""

from learning_pipeline.sources.families.transcripts.assemble import assemble
from learning_pipeline.sources.families.transcripts.schema import SCHEMAS, TEXT_COLUMNS
from learning_pipeline.sources.families.transcripts.table import RecordTable

NAME = "transcripts"
STREAMS = ("executions", "llm_calls", "tool_calls")

__all__ = ["NAME", "SCHEMAS", "STREAMS", "TEXT_COLUMNS", "RecordTable", "assemble"]
