"""From staged facts to what is published."""

from pathlib import Path

import polars as pl
import pytest

from learning_pipeline.contracts.routing import RoutingRecommendations
from learning_pipeline.marts.build import build_days, stale_days
from learning_pipeline.routing.recommendations import embeddings, evaluations, recommendations
from learning_pipeline.routing.train import train
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.routing.world import rows


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = load_settings(tmp_path_factory.mktemp("home"))
    fill_lake(settings.home, executions=rows(900))
    build_days(settings, "fct_executions", stale_days(settings), now=NOON)
    report = train(settings, now=NOON)
    assert report.promoted, report.reason
    assert not train(settings, now=NOON).trained
    return settings


def test_recommendations_meet_their_contract_and_rank_the_best_first(settings: Settings) -> None:
    frame = recommendations(settings)
    assert frame is not None
    RoutingRecommendations.validate(frame)
    best = frame.filter(pl.col("rank") == 1, pl.col("repository").is_null())
    assert dict(best.select("task_type", "agent_name").iter_rows()) == {"bug_fix": "alpha", "testing": "beta"}
    assert set(frame["repository"]) == {None, "shop", "blog"}
    assert frame.select((pl.col("interval_low") <= pl.col("success_probability")).all()).item()
    assert frame.select((pl.col("success_probability") <= pl.col("interval_high")).all()).item()
    groups = frame.group_by("task_type", "repository").agg(pl.col("rank"), pl.col("utility"))
    assert all(list(ranks) == list(range(1, len(ranks) + 1)) for ranks in groups["rank"])


def test_embeddings_are_unit_vectors_of_512(settings: Settings) -> None:
    found = embeddings(settings)
    assert found is not None
    version, frame = found
    assert frame.height == 900
    assert frame.schema == {"execution_id": pl.String, "task_embedding": pl.List(pl.Float32)}
    assert set(frame["task_embedding"].list.len()) == {512}
    again = embeddings(settings)
    assert again is not None
    assert again[0] == version
    assert again[1].equals(frame)


def test_before_training_there_is_nothing(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert recommendations(settings) is None
    assert embeddings(settings) is None
    assert evaluations(settings).is_empty()
