"""How a task is written, in numbers: lengths, lines, digits, symbols, kinds of words.

Everything is read from the text alone, cut to its beginning and end as for the embedding. A task without text
has zeros. `NAMES` are the columns; changing what one means changes `VERSION`.
"""

import re
from collections.abc import Sequence
from math import log1p, sqrt
from statistics import median

import numpy as np

from learning_pipeline.routing.text import Array, cut

VERSION = 1
NAMES = (
    "characters", "words", "mean_word", "longest_word", "digit_share", "numbers", "upper_share", "lines",
    "longest_line", "shortest_line", "spread_of_lines", "median_line", "first_line", "last_lines_mean",
    "last_lines_longest", "lines_with_digit_share", "question_marks", "operator_share", "latex_share",
    "bracket_share", "underscores", "negations", "distinct_word_share", "commas", "quotes", "sentences", "colons",
    "backticks", "bullets", "question_words", "code_words", "beyond_ascii_share",
)  # fmt: skip

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NEGATION = re.compile(r"\b(?:not|except|false|incorrect|least|never|no)\b", re.I)
_QUESTION = re.compile(r"\b(?:which|what|how|why|who|when|where)\b", re.I)
_CODE = re.compile(r"\b(?:def|class|import|return|function|assert)\b")
_LINE_FROM_DIGIT = re.compile(r"\d[^\n]*")


def _without(characters: str) -> dict[int, int | None]:
    return str.maketrans("", "", characters)


_UPPER, _DIGITS = _without("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), _without("0123456789")
_OPERATORS, _LATEX, _BRACKETS = _without("+-*/=^<>"), _without("\\${}"), _without("()[]")


def matrix(texts: Sequence[str | None]) -> Array:
    """Return one row a text and one column a name: float32."""
    rows = [_numbers(cut(text)) if text else (0.0,) * len(NAMES) for text in texts]
    return np.array(rows, np.float32).reshape(len(rows), len(NAMES))


def _numbers(text: str) -> tuple[float, ...]:
    length = max(len(text), 1)
    parts = text.split()
    sizes = [len(part) for part in parts] or [0]
    lines = text.split("\n")
    long = [len(line) for line in lines]
    mean = sum(long) / len(long)
    tail = long[-5:]

    def share(table: dict[int, int | None]) -> float:
        return (len(text) - len(text.translate(table))) / length

    return (
        log1p(len(text)),
        log1p(len(parts)),
        sum(sizes) / len(sizes),
        min(max(sizes), 60),
        share(_DIGITS),
        log1p(len(_NUMBER.findall(text))),
        share(_UPPER),
        len(lines),
        max(long),
        min(long),
        sqrt(sum((one - mean) ** 2 for one in long) / len(long)),
        median(long),
        log1p(long[0]),
        sum(tail) / len(tail),
        max(tail),
        len(_LINE_FROM_DIGIT.findall(text)) / len(lines),
        text.count("?"),
        share(_OPERATORS),
        share(_LATEX),
        share(_BRACKETS),
        text.count("_"),
        len(_NEGATION.findall(text)),
        len({part.lower() for part in parts}) / max(len(parts), 1),
        text.count(","),
        text.count('"') + text.count("'"),
        text.count(". "),
        text.count(":"),
        text.count("`"),
        text.count("- "),
        len(_QUESTION.findall(text)),
        len(_CODE.findall(text)),
        (len(text) - len(text.encode("ascii", "ignore"))) / length,
    )
