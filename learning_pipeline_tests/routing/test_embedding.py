"""A text always has the same place, and a place close to texts that say the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.routing.embedding import DIMENSIONS, Embedding, fit, settled, text_key
from learning_pipeline.routing.text import HEAD_CHARACTERS, TAIL_CHARACTERS, Vocabulary, grams, normalise
from learning_pipeline_tests.routing.world import rows

TEXTS = [row["task_text"] for row in rows(120)]


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    return fit(TEXTS, seed=1)


def test_texts_of_one_kind_are_closer(embedding: Embedding) -> None:
    crash, other_crash, testing = embedding.embed(
        ["stack trace and crash after a regression", "a crash: broken login, exception", "mock server and fixture"]
    )
    assert crash @ other_crash > crash @ testing + 0.1


@given(st.lists(st.one_of(st.none(), st.text(max_size=60)), max_size=4))
def test_any_text_has_a_place(texts: list[str | None]) -> None:
    embedding = fit(TEXTS[:20], seed=1)
    vectors = embedding.embed(texts)
    assert vectors.shape == (len(texts), DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all((lengths == 0) | np.isclose(lengths, 1, atol=1e-4))


@pytest.mark.parametrize(
    "text", ["", "   ", None, "\x00", "日本語のテスト", "🙂" * 50, "\ud800", "x" * 100_000, "ﷺ" * 3000, "a\nb"]
)
def test_odd_texts(embedding: Embedding, text: str | None) -> None:
    vector = embedding.embed([text])
    assert vector.shape == (1, DIMENSIONS)
    assert np.isfinite(vector).all()
    assert len(normalise(text)) <= HEAD_CHARACTERS + TAIL_CHARACTERS + 1
    assert len(text_key(text or "")) == 32


def test_alone_or_in_a_batch_is_the_same(embedding: Embedding) -> None:
    together = embedding.embed(TEXTS[:30])
    alone = np.vstack([embedding.embed([text]) for text in TEXTS[:30]])
    np.testing.assert_array_equal(together, alone)


def test_same_texts_same_version_in_any_order() -> None:
    version = fit(TEXTS, seed=1).version
    assert fit(list(reversed(TEXTS)) + TEXTS[:5], seed=1).version == version
    assert fit(TEXTS[1:], seed=1).version != version


@pytest.mark.parametrize("texts", [[], [None, ""], ["one"], ["one", "one"], ["a", "b"], ["same words", "words same"]])
def test_tiny_corpora(texts: list[str | None]) -> None:
    vectors = fit(texts, seed=1).embed(["one", "a", None, "unseen!"])
    assert vectors.shape == (4, DIMENSIONS)
    assert np.isfinite(vectors).all()


def test_columns_past_the_rank_are_zero() -> None:
    embedding = fit(TEXTS[:20], seed=1)
    assert embedding.directions.shape[1] <= 20
    assert not embedding.embed(TEXTS)[:, 20:].any()


def test_stored_and_read_again_it_is_the_same(embedding: Embedding) -> None:
    again = Embedding.of_arrays(embedding.vocabulary.words, embedding.arrays())
    assert again.version == embedding.version
    np.testing.assert_array_equal(again.embed(TEXTS), embedding.embed(TEXTS))


@given(st.lists(st.text(alphabet="abc ", max_size=12), max_size=5))
def test_runs_of_characters_are_those_of_the_text(texts: list[str]) -> None:
    texts = [normalise(text) for text in texts]
    found = list(zip(*(part.tolist() for part in grams(texts)), strict=True))
    expected = []
    for row, text in enumerate(texts):
        padded = f" {text} " if text else ""
        for length in (3, 4):
            for start in range(len(padded) - length + 1):
                packed = 0
                for character in padded[start : start + length]:
                    packed = packed << 16 | ord(character)
                expected.append((row, packed))
    assert sorted(found) == sorted(expected)


def test_rarer_features_weigh_more() -> None:
    vocabulary = Vocabulary.fit(["common rare", "common", "common"])
    rarity = dict(zip(vocabulary.words, vocabulary.rarity.tolist(), strict=False))
    assert rarity["rare"] > rarity["common"]


@given(st.integers(200, 900), st.integers(0, 60))
def test_a_little_more_text_fits_nothing_anew(n: int, more: int) -> None:
    corpus = [f"task {number}" for number in range(n)]
    later = [*corpus, *(f"later task {number}" for number in range(more)), *corpus[:5], None, ""]
    before, after = settled(corpus), settled(later)
    assert before == corpus[: len(before)]
    assert len(before) > n / 1.26
    assert after[: len(before)] == before
    assert len(after) in (len(before), len(before) + len(before) // 4)


def test_few_texts_are_all_fitted_on() -> None:
    assert settled(["one", None, "two", "ONE", ""]) == ["one", "two"]


def test_a_quarter_more_is_another_embedding() -> None:
    texts = [row["task_text"] for row in rows(260)]
    versions = [fit(settled(texts[:n]), seed=1).version for n in (200, 230, 249, 250, 260)]
    assert len(set(versions[:3])) == len(set(versions[3:])) == 1
    assert versions[0] != versions[3]
