from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from learning_pipeline_tests.factories import NOON
from learning_pipeline_tests.publish.helpers import ask, load, version

RECOMMENDED = [
    {"rank": 1, "agent_name": "best", "expected_cost_usd": 2.0, "success_probability": 0.9, "n": 40},
    {"rank": 2, "agent_name": "second", "expected_cost_usd": None, "success_probability": 0.8},
    {"rank": 3, "agent_name": "cheap", "model": "m", "expected_cost_usd": 0.1, "success_probability": 0.7},
    {"rank": 4, "agent_name": "last", "expected_cost_usd": 0.2, "success_probability": 0.1},
    {"rank": 1, "agent_name": "local", "repository": "repo"},
    {"rank": 1, "agent_name": "anything", "task_type": "other"},
]


def recommend(url: str, *arguments: Any) -> list[Any]:
    marks = ", ".join("%s" for _ in arguments)
    return [
        row[0] for row in ask(url, f"select agent_name from enhanced_learning.recommend_agent({marks})", *arguments)
    ]


@pytest.fixture
def recommended(upgraded: str) -> str:
    load(upgraded, version([{"execution_id": "a"}], None, RECOMMENDED))
    return upgraded


def test_recommendations_come_best_first(recommended: str) -> None:
    assert recommend(recommended, "bug_fix") == ["best", "second", "cheap"]
    assert recommend(recommended, "bug_fix", None, None, 10) == ["best", "second", "cheap", "last"]
    assert recommend(recommended, "bug_fix", None, None, 1) == ["best"]


def test_the_repositorys_own_recommendations_come_before_those_for_all(recommended: str) -> None:
    assert recommend(recommended, "bug_fix", "repo") == ["local"]
    assert recommend(recommended, "bug_fix", "elsewhere") == ["best", "second", "cheap"]
    found = ask(
        recommended,
        "select matched_task_type, matched_repository from enhanced_learning.recommend_agent('bug_fix', 'repo')",
    )
    assert found == [("bug_fix", "repo")]


def test_a_cost_limit_leaves_out_what_costs_more_and_what_nobody_knows(recommended: str) -> None:
    found = ask(recommended, "select rank, agent_name from enhanced_learning.recommend_agent('bug_fix', null, 1.0)")
    assert found == [(1, "cheap"), (2, "last")]


@pytest.mark.parametrize(
    "task_type", ["gardening", "", None, "'; drop schema enhanced_learning cascade; --", "x" * 10_000]
)
def test_an_unknown_kind_of_task_is_answered_as_other(recommended: str, task_type: str | None) -> None:
    assert recommend(recommended, task_type) == ["anything"]


def test_without_anything_for_other_an_unknown_kind_has_no_answer(upgraded: str) -> None:
    load(upgraded, version([{"execution_id": "a"}], None, RECOMMENDED[:1]))
    assert recommend(upgraded, "gardening") == []
    assert recommend(upgraded, "bug_fix", None, None, 0) == []
    assert recommend(upgraded, "bug_fix", None, None, -1) == []


def test_similar_tasks_are_those_of_exact_cosine(upgraded: str) -> None:
    generator = np.random.default_rng(7)
    names = [f"x{number:03}" for number in range(300)]
    vectors = generator.normal(size=(300, 512)).astype(np.float32)
    rows = [
        {"execution_id": name, "repository": f"r{number % 3}", "started_at": NOON + timedelta(days=number % 10),
         "ended_at": None}
        for number, name in enumerate(names)
    ]  # fmt: skip
    load(upgraded, version(rows, dict(zip(names, vectors, strict=True))))
    wanted = vectors[5] + generator.normal(size=512).astype(np.float32)
    exact = vectors @ wanted / np.linalg.norm(vectors, axis=1) / np.linalg.norm(wanted)
    with psycopg.connect(upgraded) as connection:
        for scans in ("set enable_seqscan = on", "set enable_seqscan = off"):  # Without and with the index.
            connection.execute(scans)
            for repository, since in ((None, None), ("r2", None), ("r1", NOON + timedelta(days=5))):
                found = connection.execute(
                    "select execution_id, similarity from enhanced_learning.similar_tasks(%s::vector, 10, -1, %s, %s)",
                    (str(wanted.tolist()), repository, since),
                ).fetchall()
                allowed = [
                    number
                    for number, row in enumerate(rows)
                    if (repository is None or row["repository"] == repository)
                    and (since is None or row["started_at"] >= since)
                ]
                best = sorted(allowed, key=lambda number: -exact[number])[:10]
                assert [name for name, _ in found] == [names[number] for number in best]
                assert np.allclose([similarity for _, similarity in found], exact[best], atol=1e-6)


def test_similar_tasks_below_the_least_similarity_are_left_out(upgraded: str) -> None:
    load(upgraded, version([{"execution_id": name} for name in "abc"], {"a": [1.0], "b": [0.6, 0.8], "c": [0.0, 1.0]}))
    one = str([1.0] + [0.0] * 511)
    similar = "select execution_id, round(similarity::numeric, 6)::float8 from enhanced_learning.similar_tasks"
    assert ask(upgraded, f"{similar}(%s::vector)", one) == [("a", 1.0)]
    assert ask(upgraded, f"{similar}(%s::vector, 10, 0.5)", one) == [("a", 1.0), ("b", 0.6)]
    assert ask(upgraded, f"{similar}(%s::vector, 1, 0.5)", one) == [("a", 1.0)]
    assert ask(upgraded, f"{similar}(%s::vector, 10, -1)", one) == [("a", 1.0), ("b", 0.6), ("c", 0.0)]


def test_a_vector_without_direction_is_similar_to_nothing(upgraded: str) -> None:
    load(upgraded, version([{"execution_id": "a"}], {"a": [1.0]}))
    nothing = str([0.0] * 512)
    assert ask(upgraded, "select * from enhanced_learning.similar_tasks(%s::vector, 10, -1)", nothing) == []


def test_a_vector_of_another_length_is_refused(upgraded: str) -> None:
    load(upgraded, version([{"execution_id": "a"}], {"a": [1.0]}))
    with pytest.raises(psycopg.errors.DataException, match="512"):
        ask(upgraded, "select * from enhanced_learning.similar_tasks('[1,2,3]'::vector)")


def test_no_search_path_changes_what_the_functions_read(recommended: str) -> None:
    with psycopg.connect(recommended) as connection:
        connection.execute("create temp table routing_recommendations (agent_name text)")
        connection.execute("create schema evil; create table evil.routing_recommendations (agent_name text)")
        connection.execute("set search_path = evil, pg_temp")
        found = connection.execute("select agent_name from enhanced_learning.recommend_agent('bug_fix', k => 1)")
        assert found.fetchall() == [("best",)]
        connection.rollback()
