"""Text into weighted counts of words and character n-grams.

A task's text is normalised (Unicode NFKC, case folded, white space collapsed, cut to its beginning and end).
Features are words, pairs of words, and runs of three and four characters. A run is packed into one 64-bit
number, 16 bits a character, so that counting is array work and the vocabulary is exact: nothing is hashed.
Characters beyond the basic plane are folded into its private area.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = npt.NDArray[Any]

HEAD_CHARACTERS = 1500
TAIL_CHARACTERS = 500
WORD_LIMIT = 8_000
GRAM_LIMIT = 12_000
_LONGEST_WORD = 40

_WORD = re.compile(r"\w+")
_SPACE = re.compile(r"[\s\x00]+")


def cut(text: str) -> str:
    if len(text) <= HEAD_CHARACTERS + TAIL_CHARACTERS:
        return text
    return f"{text[:HEAD_CHARACTERS]} {text[-TAIL_CHARACTERS:]}"


def normalise(text: str | None) -> str:
    """Return the form of a text that features are taken from; empty for no text."""
    if not text:
        return ""
    return _SPACE.sub(" ", cut(unicodedata.normalize("NFKC", cut(text)).casefold())).strip()


def words(text: str) -> list[str]:
    """Return the words and the pairs of neighbouring words of a normalised text."""
    found = [word[:_LONGEST_WORD] for word in _WORD.findall(text)]
    return found + [f"{first} {second}" for first, second in pairwise(found)]


def grams(texts: Sequence[str]) -> tuple[Array, Array]:
    """Return (row, packed run) of every run of three and four characters of normalised texts."""
    if not texts:
        return np.empty(0, np.int64), np.empty(0, np.uint64)
    padded = [f" {text} \x00" if text else "\x00" for text in texts]
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    points = np.where(points > 0xFFFF, 0xE000 + points % 0x1900, points)
    rows = np.repeat(np.arange(len(texts)), [len(text) for text in padded])
    three = (points[:-2] << 32) | (points[1:-1] << 16) | points[2:]
    inside = (points[:-2] > 0) & (points[1:-1] > 0) & (points[2:] > 0)
    four = (points[:-3] << 48) | three[1:]
    inside_four = (points[:-3] > 0) & inside[1:]
    return (
        np.concatenate([rows[:-2][inside], rows[:-3][inside_four]]),
        np.concatenate([three[inside], four[inside_four]]),
    )


def _most_common(counts: Counter[Any], documents: int, limit: int) -> list[Any]:
    least = 2 if documents >= 50 else 1
    kept = [(-count, item) for item, count in counts.items() if count >= least]
    return sorted(item for _, item in sorted(kept)[:limit])


@dataclass(frozen=True)
class Vocabulary:
    """Words (columns from 0) and packed runs of characters (the columns after), with their rarity."""

    words: tuple[str, ...]
    grams: Array  # uint64, sorted
    rarity: Array  # float32, one a column

    @classmethod
    def fit(cls, texts: Sequence[str]) -> "Vocabulary":
        """Choose the features that most texts share, and weigh each by how few texts have it.

        Rarity is the smoothed inverse document frequency of scikit-learn: ln((1 + texts) / (1 + texts with it)) + 1.
        """
        word_counts: Counter[str] = Counter()
        for text in texts:
            word_counts.update(set(words(text)))
        chosen_words = _most_common(word_counts, len(texts), WORD_LIMIT)
        codes, counts = _document_frequencies(texts)
        least = 2 if len(texts) >= 50 else 1
        order = np.lexsort((codes, -counts))
        order = np.sort(order[counts[order] >= least][:GRAM_LIMIT])
        frequency = np.concatenate([[word_counts[word] for word in chosen_words], counts[order]])
        rarity = np.log((1 + len(texts)) / (1 + frequency)) + 1
        return cls(tuple(chosen_words), codes[order], rarity.astype(np.float32))

    def __len__(self) -> int:
        return len(self.words) + len(self.grams)

    def matrix(self, texts: Sequence[str], index: dict[str, int]) -> "csr_matrix":
        """Return one row a normalised text: (1 + ln count) times rarity, words and runs each of unit length.

        Args:
            texts: normalised texts.
            index: column of each word; the caller keeps it so that it is made once.
        """
        from scipy.sparse import csr_matrix

        width = len(self)
        rows, codes = grams(texts)
        found = np.searchsorted(self.grams, codes)
        known = np.zeros(len(codes), bool)
        if len(self.grams):
            known = self.grams[np.minimum(found, len(self.grams) - 1)] == codes
        keys = [rows[known] * width + found[known] + len(self.words)]
        for row, text in enumerate(texts):
            columns = [index[word] for word in words(text) if word in index]
            keys.append(np.asarray(columns, np.int64) + row * width)
        cells, counts = np.unique(np.concatenate(keys), return_counts=True)
        row_of, column_of = np.divmod(cells, max(width, 1))
        values = (1 + np.log(counts)) * self.rarity[column_of]
        block = row_of * 2 + (column_of >= len(self.words))
        lengths = np.sqrt(np.bincount(block, values**2, minlength=2 * len(texts)))
        values = (values / lengths[block]).astype(np.float32)
        starts = np.searchsorted(row_of, np.arange(len(texts) + 1))
        return csr_matrix((values, column_of, starts), shape=(len(texts), width))


def _document_frequencies(texts: Sequence[str]) -> tuple[Array, Array]:
    codes, counts = np.empty(0, np.uint64), np.empty(0, np.int64)
    for begin in range(0, len(texts), 1000):
        part = texts[begin : begin + 1000]
        rows, found = grams(part)
        order = np.lexsort((found, rows))
        rows, found = rows[order], found[order]
        first = np.ones(len(found), bool)
        first[1:] = (found[1:] != found[:-1]) | (rows[1:] != rows[:-1])
        both = np.concatenate([codes, found[first]])
        weights = np.concatenate([counts, np.ones(int(first.sum()), np.int64)])
        codes, inverse = np.unique(both, return_inverse=True)
        counts = np.bincount(inverse, weights, minlength=len(codes)).astype(np.int64)
    return codes, counts
