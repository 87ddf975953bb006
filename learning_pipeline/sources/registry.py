"""The source kinds and families there are. A new source is a module of its kind's name, and a line here."""

from importlib import import_module
from typing import Any

# Kinds that read files, in the order in which a file of unknown kind is offered to them.
FILE_KINDS = ("claude_code", "git_hooks", "execution_log")
# Kinds that read a git repository.
REPOSITORY_KINDS = ("git_history",)
KINDS = (*FILE_KINDS, *REPOSITORY_KINDS)
FAMILIES = ("transcripts", "executions", "git")


def source(kind: str) -> Any:
    """Return the source module of a kind (see `sources.base.Source`)."""
    return import_module(f"learning_pipeline.sources.{kind}")


def family(name: str) -> Any:
    """Return the family module (see `sources.base.Family`)."""
    return import_module(f"learning_pipeline.sources.families.{name}")
