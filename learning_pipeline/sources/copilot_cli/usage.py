"""Tokens of model calls: output of each message, everything else only at the end of a run of the program.

The sums at the end, one for each model, include what the messages told. So the messages are taken off: what is left
is one more call, or, where the run made a single call with the model, what that call really used.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from learning_pipeline.sources.copilot_cli.rows import Metrics
from learning_pipeline.sources.json_lines import LineError

# Stands for the model of a message that names none.
NO_MODEL = ""
_MOST_TOKENS = 2**53


class Sums(NamedTuple):
    """Tokens as the log counts them: input with what came from the cache or went into it."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    reasoning: int


class Rest(NamedTuple):
    """What a model used beside what its messages told. `call_id` names its only call; `input` is uncached."""

    model: str
    call_id: str | None
    input: int
    output: int
    cache_read: int
    cache_write: int
    reasoning: int


@dataclass(slots=True)
class Run:
    """What happened since the program was last started."""

    prompts: int = 0
    calls: dict[str, list[str]] = field(default_factory=dict)  # by model
    output: Counter[str] = field(default_factory=Counter)


class Usages:
    """The counts of one session, in the order of its events."""

    def __init__(self) -> None:
        self.run = Run()
        self._before: dict[str, Sums] = {}

    def begin(self) -> None:
        """Take note that the program was started again; where it was killed before, it told no sums."""
        self.run = Run()

    def message(self, model: str, call_id: str, output: int | None) -> None:
        """Take note of a message of a model."""
        self.run.calls.setdefault(model, []).append(call_id)
        self.run.output[model] += output or 0

    def end(self, metrics: dict[str, Metrics]) -> list[Rest]:
        """Return what is left of the sums at the end of a run, and begin the next run.

        Raises:
            LineError: a count is below zero, or larger than any.
        """
        sums = {model: _sums(found) for model, found in metrics.items()}
        if len(sums) == 1:
            self._name_the_unnamed(next(iter(sums)))
        before = self._before if self._goes_on(sums) else {}
        found = []
        for model, now in sums.items():
            part = Sums(*(max(0, a - b) for a, b in zip(now, before.get(model, (0,) * 5), strict=True)))
            calls = self.run.calls.get(model, [])
            requests = metrics[model].requests
            count = requests.count if requests is not None else None
            if not any(part) and not count:
                continue
            alone = len(calls) == 1 and count in (1, None)
            told = 0 if alone else self.run.output[model]
            found.append(
                Rest(
                    model,
                    calls[0] if alone else None,
                    max(0, part.input - part.cache_read - part.cache_write),
                    max(0, part.output - told),
                    part.cache_read,
                    part.cache_write,
                    part.reasoning,
                )
            )
        self._before = sums
        self.run = Run()
        return found

    def _name_the_unnamed(self, model: str) -> None:
        """Take messages without a model's name for those of the only model that was used."""
        self.run.calls.setdefault(model, []).extend(self.run.calls.pop(NO_MODEL, []))
        self.run.output[model] += self.run.output.pop(NO_MODEL, 0)

    def _goes_on(self, sums: dict[str, Sums]) -> bool:
        """Say whether these sums go on from those of the run before, or begin at zero.

        Versions differ. Sums that go on are nowhere smaller, and nearer to what all messages told than to what those
        of this run told.
        """
        if not all(
            model in sums and all(now >= then for now, then in zip(sums[model], old, strict=True))
            for model, old in self._before.items()
        ):
            return False
        now = sum(found.output for found in sums.values())
        then = sum(found.output for found in self._before.values())
        here = self.run.output.total()
        return not self._before or abs(now - then - here) <= abs(now - here)


def _sums(metrics: Metrics) -> Sums:
    usage = metrics.usage
    if usage is None:
        return Sums(0, 0, 0, 0, 0)
    counts = (
        usage.inputTokens,
        usage.outputTokens,
        usage.cacheReadTokens,
        usage.cacheWriteTokens,
        usage.reasoningTokens,
    )
    for count in counts:
        if count is not None and not 0 <= count < _MOST_TOKENS:
            raise LineError("range", f"a token count is {count}", "data.modelMetrics")
    return Sums(*(count or 0 for count in counts))
