"""Tokens of model calls, out of counters that only grow.

A `token_count` row tells the session's sum so far and the last call's part. It is written again when only the rate
limits changed, so a part counts where the sum is another than the one above: this is what ccusage counts, too.
"""

from collections import Counter
from typing import NamedTuple

from learning_pipeline.sources.codex.rows import Info, Usage
from learning_pipeline.sources.json_lines import LineError

_MOST_TOKENS = 2**53
_Counts = tuple[int, int, int, int]  # input, cached input, output, reasoning


class Call(NamedTuple):
    """The usage of one call; `input` is without what came from the cache, `reasoning` is a part of `output`."""

    identity: str
    input: int
    cached: int
    output: int
    reasoning: int


class Usages:
    """The counters of one session, in the order of its rows."""

    def __init__(self) -> None:
        self._sum: _Counts | None = None
        self._times: Counter[str] = Counter()

    def seen(self, info: Info) -> None:
        """Take note of a sum that another session's call brought about."""
        self._sum = _counts(info.total_token_usage) or self._sum

    def add(self, info: Info, time: str) -> Call | str:
        """Return the call that a row tells of, or the name of the rule by which it tells of none.

        Raises:
            LineError: a count is below zero, or larger than any.
        """
        total, last = _counts(info.total_token_usage), _counts(info.last_token_usage)
        before, self._sum = self._sum, total or self._sum
        if total is not None and total == before:
            return "repeated_usage"
        if last is None and total is not None:
            last = _above(total, before)
        if last is None or not any(last):
            return "no_usage"
        # The sum names the call in every copy of the log; the same sum again is a counter that was set back.
        identity = " ".join(map(str, total)) if total is not None else f"at {time} {' '.join(map(str, last))}"
        self._times[identity] += 1
        if self._times[identity] > 1:
            identity = f"{identity} again {self._times[identity]}"
        given, cached, output, reasoning = last
        cached = min(cached, given)
        return Call(f"usage {identity}", given - cached, cached, output, reasoning)


def _above(total: _Counts, before: _Counts | None) -> _Counts:
    """Return how much a sum grew; a counter that was set back did not."""
    a, b, c, d = (max(0, now - then) for now, then in zip(total, before or (0, 0, 0, 0), strict=True))
    return a, b, c, d


def _counts(usage: Usage | None) -> _Counts | None:
    if usage is None:
        return None
    found = (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens, usage.reasoning_output_tokens)
    for count in found:
        if count is not None and not 0 <= count < _MOST_TOKENS:
            raise LineError("range", f"a token count is {count}", "payload.info")
    if all(count is None for count in found):
        return None
    return found[0] or 0, found[1] or 0, found[2] or 0, found[3] or 0
