"""A text embedding of 512 dimensions, fitted on one's own tasks.

TF-IDF of words and character n-grams (see `text`), reduced by truncated singular value decomposition, rows of
unit length: latent semantic analysis (Deerwester et al., 1990). Only texts go in, never an outcome. Where the
corpus has a rank below 512, the columns past its rank are zero, for every text. A text without a known
feature, or without any, is the zero vector. The version is a digest of everything that was fitted; the same
texts in any order and the same seed give the same version.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from learning_pipeline.routing.text import Array, Vocabulary, normalise

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

DIMENSIONS = 512
# Texts that the embedding is fitted on: more do not change the leading directions much, and cost minutes.
FIT_LIMIT = 10_000
# Texts from which on the embedding is not fitted anew for every new text.
_FIRST_STEP = 200
_ITERATIONS = 2
_CHUNK = 1_000


def text_key(text: str) -> str:
    """Return the key under which a text's embedding is kept: a digest of its normalised form."""
    return hashlib.blake2b(normalise(text).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def digest_of(arrays: dict[str, Array]) -> str:
    """Return a digest of arrays, by name, type, shape and bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Embedding:
    """A fitted embedding: a vocabulary and the directions that its features are projected on."""

    vocabulary: Vocabulary
    directions: Array = field(repr=False)  # float32 (features, rank), of float16 precision

    @cached_property
    def version(self) -> str:
        """Digest of the fitted arrays, words included."""
        arrays = {**self.arrays(), "words": np.array(self.vocabulary.words or ("",))}
        return digest_of(arrays)[:16]

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: column for column, word in enumerate(self.vocabulary.words)}

    def arrays(self) -> dict[str, Array]:
        """Return what has to be stored, besides the vocabulary's words."""
        return {
            "embedding_grams": self.vocabulary.grams,
            "embedding_rarity": self.vocabulary.rarity,
            "embedding_directions": self.directions.astype(np.float16),
        }

    @classmethod
    def of_arrays(cls, words: Sequence[str], arrays: dict[str, Array]) -> "Embedding":
        """Make an embedding from what `arrays` returned and the vocabulary's words."""
        vocabulary = Vocabulary(tuple(words), arrays["embedding_grams"], arrays["embedding_rarity"])
        return cls(vocabulary, arrays["embedding_directions"].astype(np.float32))

    def embed(self, texts: Sequence[str | None]) -> Array:
        """Return one row a text: float32, 512 columns, of length one, or zero where nothing is known of it."""
        return self.look(texts)[1]

    def look(self, texts: Sequence[str | None]) -> "tuple[csr_matrix, Array]":
        """Return the weighted counts of the vocabulary's words in each text, and each text's embedding."""
        from scipy.sparse import csr_matrix, vstack

        result = np.zeros((len(texts), DIMENSIONS), np.float32)
        rank, known = self.directions.shape[1], len(self.vocabulary.words)
        counted = []
        for begin in range(0, len(texts), _CHUNK):
            chunk = [normalise(text) for text in texts[begin : begin + _CHUNK]]
            matrix = self.vocabulary.matrix(chunk, self._index)
            counted.append(matrix[:, :known])
            if rank:
                projected = np.asarray(matrix @ self.directions)
                lengths = np.linalg.norm(projected, axis=1, keepdims=True)
                np.divide(projected, lengths, out=result[begin : begin + len(chunk), :rank], where=lengths > 1e-6)
        return (vstack(counted, format="csr") if counted else csr_matrix((0, known), dtype=np.float32)), result


def settled(texts: Iterable[str | None]) -> list[str]:
    """Return the normalised texts that an embedding is fitted on: the oldest ones, each once.

    As many as the largest step that the corpus has reached; each step is a quarter above the one before, from
    `_FIRST_STEP`. Below that, all of them.

    Args:
        texts: in the order of time.
    """
    seen = dict.fromkeys(normalise(text) for text in dict.fromkeys(texts))
    seen.pop("", None)
    step = _FIRST_STEP
    while step + step // 4 <= len(seen):
        step += step // 4
    return list(islice(seen, step if len(seen) >= _FIRST_STEP else None))


def fit(texts: Iterable[str | None], *, seed: int) -> Embedding:
    """Fit an embedding on texts; equal texts count once, and their order does not matter."""
    from scipy.sparse import vstack
    from sklearn.decomposition import TruncatedSVD
    from threadpoolctl import threadpool_limits

    corpus = sorted({normalise(text) for text in texts} - {""})
    if len(corpus) > FIT_LIMIT:
        kept = np.random.default_rng(seed).choice(len(corpus), FIT_LIMIT, replace=False)
        corpus = [corpus[position] for position in np.sort(kept)]
    vocabulary = Vocabulary.fit(corpus)
    rank = min(DIMENSIONS, len(corpus), len(vocabulary))
    if rank == 0:
        return Embedding(vocabulary, np.zeros((len(vocabulary), 0), np.float32))
    index = {word: column for column, word in enumerate(vocabulary.words)}
    parts = [vocabulary.matrix(corpus[begin : begin + _CHUNK], index) for begin in range(0, len(corpus), _CHUNK)]
    matrix = vstack(parts, format="csr")
    if rank == 1:  # one text has one direction: itself
        return Embedding(vocabulary, _rounded(matrix[:1].toarray().T))
    with threadpool_limits(limits=1):  # sums in one order, so that digests are equal
        svd = TruncatedSVD(rank, algorithm="randomized", n_iter=_ITERATIONS, random_state=seed)
        svd.fit(matrix)
    strengths = svd.singular_values_
    kept_rank = int((strengths > strengths[0] * 1e-4).sum())
    directions = svd.components_[:kept_rank].T
    signs = np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(kept_rank)])
    return Embedding(vocabulary, _rounded(directions * signs))


def _rounded(directions: Array) -> Array:
    """Keep what is stored: training and use then see the same numbers."""
    return np.ascontiguousarray(directions.astype(np.float16).astype(np.float32))
