"""The family of aider's analytics: events of a user, sorted into sessions and messages."""

from learning_pipeline.sources.families.aider.rows import assemble
from learning_pipeline.sources.families.aider.sessions import SCHEMAS, group_of

NAME = "aider"
STREAMS = ("executions", "llm_calls", "feedback")
TEXT_COLUMNS = ("text",)

__all__ = ["NAME", "SCHEMAS", "STREAMS", "TEXT_COLUMNS", "assemble", "group_of"]
