"""Names of models: what is no name, the family behind an id, who makes it, its size class."""

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

_TABLES: dict[str, Any] = tomllib.loads(files("learning_pipeline.sources").joinpath("normal.toml").read_text("utf-8"))

_NULLS = frozenset(_TABLES["nulls"]["words"])
LONGEST_NULL_WORD = max(map(len, _NULLS))
_NULL_MODELS = _NULLS | frozenset(_TABLES["nulls"]["model"])
_PROVIDERS = [(row["name"], re.compile(row["pattern"])) for row in _TABLES["providers"]]
_TIERS = [(row["tier"], re.compile(row["pattern"])) for row in _TABLES["tiers"]]
_TIER_ALIASES = {word: name for name, words in _TABLES["tier_aliases"].items() for word in words}

# What is cut off an id, in this order.
_REMARK = re.compile(r"\s*[(\[].*?[)\]]")  # (1M context), [1m]
_CLOUD_PREFIX = re.compile(r"^(?:[a-z]{2,6}\.)?(?:anthropic|amazon|meta|mistral|cohere|deepseek|openai|ai21)\.")
_CLOUD_VERSION = re.compile(r"(?:-v\d+)?:(?:\d+k?|free|latest|beta|thinking|extended|nitro|online)$")  # -v1:0, :free
_DATE = re.compile(r"[-@](?:20\d{6}|20\d\d-\d\d-\d\d|\d\d-20\d\d|(?:0[1-9]|1[0-2])[0-3]\d|(?:0[1-9]|1[0-2])-[0-3]\d)$")
_LATEST = re.compile(r"-(?:latest|v\d+)$")
_DASHED_VERSION = re.compile(r"(?<![\d.])(\d{1,2})-(\d{1,2})(?=-|$)")
_CLAUDE_ORDER = re.compile(r"^claude-([4-9](?:\.\d+)?)-(opus|sonnet|haiku|fable)(?=-|$)")


def is_null_word(text: str) -> bool:
    """Say whether a word (in lower case, stripped) stands for no value."""
    return text in _NULLS


def model(name: object) -> str | None:
    """Return the model's id as the log names it, without blanks and quotes; None for a word that names none.

    A provider before such a word (`openrouter/REDACTED`) does not make it a name.
    """
    if not isinstance(name, str):
        return None
    name = name.strip().strip("\"'`").strip()
    lower = name.lower()
    return None if lower in _NULL_MODELS or lower.rpartition("/")[2] in _NULL_MODELS else name


@lru_cache(maxsize=4096)
def model_family(name: str) -> str:
    """Return the family of a model's id: no provider, region, date or remark, version numbers with a dot.

    `us.anthropic.claude-sonnet-4-5-20250929-v1:0` and `claude-sonnet-4.5` are both `claude-sonnet-4.5`.
    An id that is nothing but a prefix or a date is returned in lower case.
    """
    text = name.strip().lower()
    text = _REMARK.sub("", text)
    text = text.rpartition("/")[2] or text
    text = _CLOUD_PREFIX.sub("", text)
    text = _CLOUD_VERSION.sub("", text)
    text = re.sub(r"[\s_]+", "-", text.strip())
    for pattern in (_LATEST, _DATE, _LATEST):
        text = pattern.sub("", text)
    text = _DASHED_VERSION.sub(r"\1.\2", text)
    text = _CLAUDE_ORDER.sub(r"claude-\2-\1", text)
    return text or name.strip().lower()


@lru_cache(maxsize=4096)
def provider(model: str | None) -> str | None:
    """Return who makes the model, or None where the table does not have it."""
    if not model:
        return None
    family = model_family(model)
    return next((name for name, pattern in _PROVIDERS if pattern.search(family)), None)


@lru_cache(maxsize=4096)
def model_tier(model: str | None) -> str | None:
    """Return the size class of the model (small, medium, large), or None where the table does not have it."""
    if not model:
        return None
    family = model_family(model)
    return next((name for name, pattern in _TIERS if pattern.search(family)), None)


def tier(word: object) -> str | None:
    """Return the size class that a log's own word names, or that the model has which it names."""
    if not isinstance(word, str):
        return None
    text = word.strip().lower().replace("-", "_").replace(" ", "_")
    return _TIER_ALIASES.get(text) or model_tier(model(word))
