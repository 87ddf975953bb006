"""The normal forms of what logs say: outcomes, error types, models, kinds of task, times and durations.

All tables are data, in `normal.toml`. Every function is pure and cheap enough to be called once per record.
"""

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from learning_pipeline.contracts.vocabulary import ERROR_TYPES, TASK_TYPES
from learning_pipeline.sources.models import (
    LONGEST_NULL_WORD,
    is_null_word,
    model,
    model_family,
    model_tier,
    provider,
    tier,
)
from learning_pipeline.sources.numbers import integer, number, ratio, usd
from learning_pipeline.sources.remember import remembered
from learning_pipeline.sources.times import duration_ms, timestamp

__all__ = [
    "LONGEST_NULL_WORD",
    "decision",
    "duration_ms",
    "error_type",
    "integer",
    "is_null_word",
    "known_error_type",
    "model",
    "model_family",
    "model_tier",
    "number",
    "outcome",
    "provider",
    "ratio",
    "task_type",
    "tier",
    "timestamp",
    "usd",
]

_TABLES: dict[str, Any] = tomllib.loads(files("learning_pipeline.sources").joinpath("normal.toml").read_text("utf-8"))

# A task's text is asked twice: its beginning, which says what is wanted, and then more of it.
_TASK_HEADS = (240, 1000)
# An error's message is asked up to here: what follows is a trace.
_MESSAGE_HEAD = 2000


def _inverted(table: dict[str, list[str]]) -> dict[str, str]:
    return {word: name for name, words in table.items() for word in words}


_OUTCOMES = _inverted(_TABLES["outcomes"])
_DECISIONS = _inverted(_TABLES["decisions"])
_ERROR_ALIASES = {name: name for name in ERROR_TYPES} | _inverted(_TABLES["error_aliases"])
_ERROR_PHRASES = [(row["type"], re.compile(row["pattern"], re.IGNORECASE)) for row in _TABLES["error_phrases"]]
_TASK_ALIASES = {name: name for name in TASK_TYPES} | _inverted(_TABLES["task_aliases"])
_TASK_PHRASES = [(row["type"], re.compile(row["pattern"], re.ASCII)) for row in _TABLES["task_phrases"]]
# Asked for every line: a union would be made anew each time.
_NUMBERS = (int, float)
_SEPARATORS = re.compile(r"[\s\-]+")


def _word(text: str) -> str:
    """Return a word as the tables spell it: lower case, no quotes, underscores for blanks and dashes."""
    text = text.strip().strip("\"'`").strip().lower()
    return _SEPARATORS.sub("_", text) if text != "-" else text


def outcome(word: object) -> str | None:
    """Return the normal form of an outcome: a status, a verdict, a boolean, or a success flag 0 or 1.

    None where nothing was said; `unknown` for a word that the table does not have.
    """
    if word is None:
        return None
    if isinstance(word, bool):
        return "success" if word else "failure"
    if isinstance(word, _NUMBERS):
        return "success" if word == 1 else "failure" if word == 0 else "unknown"
    return _outcome_of_word(word) if isinstance(word, str) else "unknown"


@remembered
def _outcome_of_word(word: str) -> str | None:
    text = _word(word)
    if is_null_word(text):
        return None
    # An enumeration may be written with its class: Status.COMPLETED.
    return _OUTCOMES.get(text) or _OUTCOMES.get(text.rpartition(".")[2], "unknown")


def decision(word: object) -> str | None:
    """Return `accept` or `reject` of a word for whether a tool was let run; None for a word that says neither."""
    return _DECISIONS.get(_word(word)) if isinstance(word, str) else None


def known_error_type(word: object) -> str | None:
    """Return the error type that a word names, or None where the table does not have it."""
    if isinstance(word, int) and not isinstance(word, bool):
        word = str(word)
    return _ERROR_ALIASES.get(_word(word)) if isinstance(word, str) else None


def error_type(message: str | None) -> str:
    """Return the error type that the message's phrases tell, `unknown` where none does."""
    return _error_type_of(message[:_MESSAGE_HEAD]) if message else "unknown"


@remembered
def _error_type_of(head: str) -> str:
    return next((name for name, pattern in _ERROR_PHRASES if pattern.search(head)), "unknown")


def task_type(text: str | None, reported: str | None = None) -> str | None:
    """Return the kind of task, one of the documented list.

    The log's own word decides where the table of aliases, or its own words, tell what it means; else the
    words of the task's text. None where there is neither; `other` where nothing matches.
    """
    if reported is not None and not reported.strip():
        reported = None
    if text is not None and not text.strip():
        text = None
    if reported is not None:
        found = _reported_task_type(reported)
        if found != "other":
            return found
    if text is not None:
        return _task_type_of_words(text[: _TASK_HEADS[-1]])
    return None if reported is None else "other"


@lru_cache(maxsize=4096)
def _reported_task_type(reported: str) -> str:
    return _TASK_ALIASES.get(_word(reported)) or _task_type_of_words(reported.replace("_", " ").replace("-", " "))


@lru_cache(maxsize=4096)
def _task_type_of_words(text: str) -> str:
    text = text.lower()
    for length in _TASK_HEADS:
        head = text[:length]
        for name, pattern in _TASK_PHRASES:
            if pattern.search(head):
                return name
        if len(text) <= length:
            break
    return "other"
