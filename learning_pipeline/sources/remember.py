"""Remembers what was found out of words that come again and again: agents, models, states, repositories."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")

_MOST_WORDS = 4096
# A longer text is not remembered: it hardly comes again, and would be kept in memory.
_LONGEST = 200


def remembered(of: Callable[[str], T]) -> Callable[[str], T]:
    """Make a pure function of a word remember its answers; errors are raised anew."""
    known = lru_cache(maxsize=_MOST_WORDS)(of)

    @wraps(of)
    def answer(word: str) -> T:
        return known(word) if len(word) <= _LONGEST else of(word)

    return answer
