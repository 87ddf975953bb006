"""Bulky text for tool results: made once per seed, and encoded as JSON once, not once per use."""

from dataclasses import dataclass

import msgspec

from learning_pipeline.sample.dice import Dice

_NAMES = (
    "order", "invoice", "cursor", "window", "batch", "client", "record", "policy", "ledger", "anchor",
    "signal", "bucket", "matrix", "parcel", "ticket", "session", "worker", "report", "filter", "margin",
)  # fmt: skip
_LINES = (
    "def load_{a}({b}: str, limit: int = {n}) -> list[str]:",
    "    {a} = build_{b}({c}, retries={n})",
    "    if {a} is None or {b}.closed:",
    '        raise ValueError(f"{a} without {b}: {{{c}}}")',
    "    for index, {a} in enumerate({b}.items(), start={n}):",
    "        {c}.append(({a}, index * {n}))",
    "    return sorted({a}, key=lambda item: item.{b})",
    "",
    "class {A}{B}:",
    '    """Keeps one {a} per {b}; see the notes on {c}."""',
    "    # the {a} is closed before the {b} is written",
    "\tlog.info(\"{a} done\", {b}={n}, {c}='ok')",
    "        assert {a}.{b} == {n}, {c}",
)
_WORDS = (
    "the", "a", "first", "then", "check", "change", "file", "test", "value", "because", "which", "module", "should",
    "need", "look", "where", "is", "called", "from", "result", "keep", "interface", "error", "path", "still", "now",
    "read", "before", "after", "write", "helper", "simple", "case", "returns", "when", "empty", "and", "or", "with",
)  # fmt: skip

# Characters of a piece per size class; a request is served by the nearest class.
_CLASSES = tuple(int(48 * 1.5**step) for step in range(21))
_VARIANTS = 6


@dataclass(frozen=True)
class Piece:
    """A text, its JSON encoding, the encoding with line numbers in front, and its number of lines."""

    text: str
    json: msgspec.Raw
    numbered: msgspec.Raw
    lines: int


def _encoded(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text))


class Filler:
    """Pools of code-like and prose-like pieces in size classes."""

    def __init__(self, seed: int) -> None:
        dice = Dice(seed, "filler")
        code = self._code(dice, _CLASSES[-1] * 2)
        prose = self._prose(dice, _CLASSES[12] * 3)
        self._code_pool = self._pool(dice, code, _CLASSES, numbered=True)
        self._prose_pool = self._pool(dice, prose, _CLASSES[:13], numbered=False)
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        text = "".join(dice.pick(letters) for _ in range(6000))
        self._signatures = [text[at : at + size] + "==" for at, size in ((11, 340), (503, 620), (997, 904), (80, 1500))]

    @staticmethod
    def _code(dice: Dice, size: int) -> str:
        lines: list[str] = []
        total = 0
        while total < size:
            a, b, c = dice.pick(_NAMES), dice.pick(_NAMES), dice.pick(_NAMES)
            line = dice.pick(_LINES).format(a=a, b=b, c=c, A=a.title(), B=b.title(), n=dice.below(500))
            lines.append(line)
            total += len(line) + 1
        return "\n".join(lines)

    @staticmethod
    def _prose(dice: Dice, size: int) -> str:
        parts: list[str] = []
        total = 0
        while total < size:
            words = [dice.pick(_WORDS) for _ in range(dice.between(5, 16))]
            sentence = " ".join(words).capitalize() + (".\n\n" if dice.chance(0.15) else ". ")
            parts.append(sentence)
            total += len(sentence)
        return "".join(parts)

    @staticmethod
    def _pool(dice: Dice, base: str, sizes: tuple[int, ...], *, numbered: bool) -> list[list[Piece]]:
        pool = []
        for size in sizes:
            row = []
            for _ in range(_VARIANTS):
                start = dice.below(len(base) - size)
                text = base[start : start + size]
                lines = text.split("\n")
                with_numbers = "\n".join(f"{n:6}\u2192{line}" for n, line in enumerate(lines, 1)) if numbered else text
                row.append(Piece(text, _encoded(text), _encoded(with_numbers), len(lines)))
            pool.append(row)
        return pool

    @staticmethod
    def _nearest(pool: list[list[Piece]], dice: Dice, characters: float) -> Piece:
        index = 0
        last = len(pool) - 1
        while index < last and _CLASSES[index] < characters:
            index += 1
        return dice.pick(pool[index])

    def code(self, dice: Dice, characters: float) -> Piece:
        """Return a code-like piece of about so many characters."""
        return self._nearest(self._code_pool, dice, characters)

    def prose(self, dice: Dice, characters: float) -> Piece:
        """Return a prose-like piece of about so many characters."""
        return self._nearest(self._prose_pool, dice, characters)

    def signature(self, dice: Dice, bulk: float) -> str:
        """Return a signature as long as real ones, times `bulk` where that is less than 1."""
        text = dice.pick(self._signatures)
        return text if bulk >= 1 else text[: max(24, int(len(text) * bulk))]
