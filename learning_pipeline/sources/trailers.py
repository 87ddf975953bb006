"""What the trailers of a commit's message tell: agents, sessions, reverts."""

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from learning_pipeline.sources.models import is_null_word, model_family, provider

_TABLES: dict[str, Any] = tomllib.loads(files("learning_pipeline.sources").joinpath("normal.toml").read_text("utf-8"))
_AGENTS = [(row["name"], re.compile(row["pattern"], re.IGNORECASE)) for row in _TABLES["agents"]]

_TRAILER = re.compile(
    r"^[ \t]*(?P<name>co-?authored-by|assisted-by|generated-by|[a-z-]*session(?:-id)?|entire-checkpoint)"
    r"[ \t]*:[ \t]*(?P<value>\S[^\r\n]*?)[ \t]*\r?$",
    re.IGNORECASE | re.MULTILINE,
)
_REVERTS = re.compile(r"\bThis reverts commit ([0-9a-f]{7,40})\b")
_SESSION_DATE = re.compile(r"^\d{4}-\d\d-\d\d-(?=[0-9a-f]{8}-)")
_CHECKPOINT = re.compile(r"[0-9a-f]{6,40}")
_MAIL = re.compile(r"<[^>]*>")


class Trailers(NamedTuple):
    """What a message tells beside its words."""

    agent: str | None = None  # co-author that is an agent, by its normal name
    model: str | None = None  # family of the model that the co-author's name holds
    session_id: str | None = None
    reverts: str | None = None  # commit that is reverted, in full or abbreviated
    checkpoints: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def agent(person: str) -> str | None:
    """Return the agent that a name with a mail address stands for, None for a person."""
    return next((name for name, pattern in _AGENTS if pattern.search(person)), None)


def session(value: str) -> str | None:
    """Return a session's id: the last part of a link, without a date in front of a UUID."""
    found = value.strip().strip("<>\"'`").rstrip("/").rpartition("/")[2]
    found = _SESSION_DATE.sub("", found)
    return None if is_null_word(found.lower()) else found


def checkpoint_of(value: str) -> str | None:
    """Return a checkpoint's id, None for what is none."""
    found = value.strip().lower()
    return found if _CHECKPOINT.fullmatch(found) else None


def trailers(message: str) -> Trailers:
    """Read a commit's whole message. Of several agents or sessions the first counts."""
    agent_name = model = session_id = None
    checkpoints: dict[str, None] = {}
    if ":" in message:
        for match in _TRAILER.finditer(message):
            name, value = match["name"].lower(), match["value"]
            if name.endswith("-by"):
                if agent_name is None and (agent_name := agent(value)) is not None:
                    model = model_of(value)
            elif name == "entire-checkpoint":
                if (checkpoint := checkpoint_of(value)) is not None:
                    checkpoints[checkpoint] = None
            elif " " not in value:
                session_id = session_id or session(value)
    reverts = _REVERTS.search(message)
    return Trailers(agent_name, model, session_id, reverts[1] if reverts else None, tuple(checkpoints))


@lru_cache(maxsize=4096)
def model_of(person: str) -> str | None:
    """Return the family of the model in a co-author's name: `Claude Opus 4.6 (1M context) <...>`."""
    name = _MAIL.sub("", person).strip()
    inner = re.search(r"\(([^()]*)\)\s*$", name)
    for words in (name, inner[1] if inner else ""):
        family = model_family(words) if words else ""
        if provider(family) is not None and any(char.isdigit() for char in family):
            return family
    return None
