"""What is published of watching is what it is of: alerts, baselines, answers of the router, the audit log."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from learning_pipeline.errors import PipelineError
from learning_pipeline.marts import build, reader
from learning_pipeline.publish import load, migrate, watched
from learning_pipeline.publish.load import PublishReport
from learning_pipeline.routing import audit as answers
from learning_pipeline.routing.train import train
from learning_pipeline.settings import AUDIT_NAME, Settings, load_settings
from learning_pipeline.watch import audit
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.publish.helpers import ask
from learning_pipeline_tests.publish.test_load import executions

LATER = NOON + timedelta(days=40)
_ANSWER = {
    "chosen": {"agent_name": "alpha", "model": None},
    "candidates": [{"agent_name": "alpha", "model": None, "success_probability": 0.7, "interval": [0.4, 0.9]}],
    "router_version": None,
    "rung": "rules",
    "propensity": 1.0,
}


@pytest.fixture
def home(url: str, tmp_path: Path) -> Settings:
    """Give a home with 40 days of work, two answers of the router and an audit log."""
    settings = load_settings(tmp_path, postgres_url=url)
    rows = [{**row, "started_at": NOON + timedelta(days=n % 40)} for n, row in enumerate(executions(240))]
    fill_lake(tmp_path, executions=rows)
    asked = [{"task_id": "e001", "task_text": "x"}, {"task_id": "nobody's", "task_text": "y"}]
    answers.write(settings.models_dir, asked, [_ANSWER, _ANSWER], NOON)
    build.build(settings, now=LATER)
    return settings


def publish(settings: Settings) -> PublishReport:
    return load.publish(settings, now=LATER)


def test_each_is_equal_to_its_mart(home: Settings, url: str) -> None:
    publish(home)
    mart = reader.read(home, "mart_alert").collect()
    wanted = mart.select("rule", "subject", "state", "value", "n", "as_of").rows()
    query = "select rule, subject, state, value, n, as_of from enhanced_learning.alerts"
    assert sorted(ask(url, query)) == sorted(wanted)
    mart = reader.read(home, "mart_baseline").collect()
    agents = mart.filter(mart["subject_kind"] == "agent")
    assert agents.height >= 4
    query = "select agent_name, metric, baseline, n, usual_high from enhanced_learning.performance_baselines"
    assert sorted(ask(url, query)) == sorted(agents.select("agent_name", "metric", "median", "n", "usual_high").rows())
    query = (
        "select correlation_id, model_version, rung, agent_name, success_probability, execution_id, actual_success, "
        "actual_at from enhanced_learning.ml_predictions order by 1"
    )
    joined, open_ = ask(url, query)
    assert joined == ("e001", None, "rules", "alpha", 0.7, "e001", False, NOON + timedelta(days=1))
    assert open_ == ("nobody's", None, "rules", "alpha", 0.7, None, None, None)


def test_the_audit_log_is_published_with_the_next_version_and_never_twice(home: Settings, url: str) -> None:
    trained = train(home, now=LATER)
    audit.training(home.home, trained, LATER)
    audit.promotion(home.home, "v1", "forced: \ud800 \x00 'odd'", LATER)
    audit.append(home.home, audit.Event("landing", NOON.isoformat(), "2026-03-01 to 2026-03-02", {"events": 3}))
    with (home.home / AUDIT_NAME).open("ab") as file:
        file.write(
            b'{"event_type": "landing"}\n[]\n{"event_type": "other", "subject": "", "occurred_at": ""}\nhalf a l'
        )
    audit.publish(home.home, publish(home), LATER)
    query = "select event_type, subject, detail from enhanced_learning.audit_log order by occurred_at, event_type"
    landing, promotion, published, training = ask(url, query)
    assert landing == ("landing", "2026-03-01 to 2026-03-02", {"events": 3})
    assert promotion[:2] == ("promotion", "v1")
    assert "odd" in json.dumps(promotion[2])
    assert training[:2] == ("training", trained.version)
    assert training[2]["data_digest"]  # as the registry tells it, which knows more
    assert published[0] == "publish"
    before = ask(url, query)
    assert not publish(home).published
    assert ask(url, query) == before


def test_an_audit_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert list(watched.events(tmp_path)) == []
    (tmp_path / AUDIT_NAME).mkdir()
    with pytest.raises(PipelineError, match=AUDIT_NAME):
        list(watched.events(tmp_path))


def test_what_a_migration_emptied_is_filled_by_the_next_publish(home: Settings, url: str) -> None:
    """Down and up again: the content is the same, and is loaded all the same."""
    first = publish(home)
    query = "select count(*) from enhanced_learning.alerts"
    before = ask(url, query)
    migrate.downgrade(url, "0005_tables")
    migrate.upgrade(url)
    assert ask(url, query) == [(0,)]
    again = publish(home)
    assert (again.publish_id, again.rows) == (first.publish_id, first.rows)
    assert ask(url, query) == before
    assert not publish(home).published
