"""Which session and agent a rollout is of."""

import re
from dataclasses import dataclass
from typing import Any

from learning_pipeline.sources.codex.rows import Payload
from learning_pipeline.sources.typed import text_of

_IN_FILE_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?=\.jsonl)")


@dataclass(slots=True)
class Session:
    """One thread of Codex: a session that a person began, or a sub-agent of one."""

    thread: str
    session: str  # the thread itself; of a sub-agent, the session that it works for
    agent_id: str | None = None
    agent_name: str | None = None
    cwd: str | None = None
    branch: str | None = None
    version: str | None = None
    has_history: bool = False  # its log begins with another session's history
    may_have_history: bool = False


def of_meta(payload: Payload) -> Session | None:
    """Return the session that a `session_meta` row tells of; None where it has no id."""
    thread = payload.id or text_of(payload.session_id)
    if not thread:
        return None
    spawned, word = _subagent(payload.source)
    parent = text_of(payload.session_id) or text_of(spawned.get("parent_thread_id")) or payload.parent_thread_id
    git = payload.git if isinstance(payload.git, dict) else {}
    found = Session(
        thread,
        thread,
        cwd=text_of(payload.cwd),
        branch=text_of(git.get("branch")),
        version=text_of(payload.cli_version),
        has_history=payload.forked_from_id is not None,
        may_have_history=payload.forked_from_id is not None or word is not None,
    )
    if word is not None:
        if parent == thread:
            parent = text_of(spawned.get("parent_thread_id")) or payload.parent_thread_id
        found.session = parent or thread
        found.agent_id = thread
        role = text_of(spawned.get("agent_role")) or text_of(spawned.get("agent_type")) or text_of(payload.agent_role)
        found.agent_name = role or text_of(spawned.get("agent_nickname")) or word
    return found


def _subagent(source: Any) -> tuple[dict[str, Any], str | None]:
    """Return what a sub-agent's source tells of its spawning, and the kind of sub-agent; None of a main agent.

    It is `{"subagent": "review"}`, `{"subagent": {"thread_spawn": {...}}}` or `{"subagent": {"other": "name"}}`.
    """
    if not isinstance(source, dict) or "subagent" not in source:
        return {}, None
    kind = source["subagent"]
    if isinstance(kind, dict):
        spawned = kind.get("thread_spawn")
        if isinstance(spawned, dict):
            return spawned, "subagent"
        return {}, text_of(kind.get("other")) or "subagent"
    return {}, text_of(kind) or "subagent"


def of_file(path: str | None) -> Session | None:
    """Return the session that a file's name tells, for a file whose first row cannot be read."""
    found = _IN_FILE_NAME.findall(path or "")
    return Session(found[-1], found[-1]) if found else None
