"""The other logs of the sample's agent pool: a landing finds what the manifest says, and what plain JSON tells."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from learning_pipeline.marts.build import build
from learning_pipeline.marts.reader import read as read_mart
from learning_pipeline.sample import Manifest, write_sample
from learning_pipeline_tests.homes import land_all, read, settings_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KINDS = ("routing_log", "transformation_log", "interaction_log", "feedback", "health_log", "agent_definitions")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest, Path]:
    out, home = tmp_path_factory.mktemp("sample") / "logs", tmp_path_factory.mktemp("home")
    manifest = write_sample(out, days=6, sessions=8, seed=5, last_day=date(2026, 10, 31), scale=0.05, executions=600)
    for kind in (*KINDS, "execution_log"):
        land_all(home, out / kind, kind=kind, now=NOW)
    return out, manifest, home


def lines(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.jsonl")):
        yield from map(json.loads, path.read_bytes().splitlines())


def test_every_line_is_an_event_or_was_planted_as_damage(sample: tuple[Path, Manifest, Path]) -> None:
    _, manifest, home = sample
    rejects = Counter(read(home, "quarantine")["source"])
    for kind in KINDS[:-1]:
        truth = manifest.sources[kind]
        assert rejects[kind] == sum(truth.damaged.values()) == 1
        assert truth.lines == truth.counts["events"] + 1


def test_decisions_and_what_became_of_them(sample: tuple[Path, Manifest, Path]) -> None:
    out, manifest, home = sample
    counts = manifest.sources["routing_log"].counts
    rows = read(home, "routing_decisions")
    told = [line for line in lines(out / "routing_log") if "decision_id" in line]
    assert rows.height == counts["decisions"] == len({line["decision_id"] for line in told})
    assert rows["actual_success"].drop_nulls().len() == counts["validated"]
    assert rows["cache_hit"].sum() == counts["cache_hits"]
    assert rows["actual_success"].sum() == sum(line.get("actual_success", False) for line in told)
    assert rows["routing_us"].sum() == sum(
        line.get("total_routing_time_us", 0) + 1000 * line.get("routing_time_ms", 0) for line in told
    )


def test_steps_interactions_signs_and_definitions(sample: tuple[Path, Manifest, Path]) -> None:
    out, manifest, home = sample
    counts = manifest.sources["transformation_log"].counts
    steps = Counter(read(home, "agent_transformations")["event_type"])
    assert steps == {"start": counts["starts"], "complete": counts["completions"], "failed": counts["failures"]}
    assert read(home, "interactions").height == manifest.sources["interaction_log"].counts["events"]
    signs = read(home, "health_events")
    assert signs.height == manifest.sources["health_log"].counts["events"]
    assert signs["error_type"].drop_nulls().len() == sum("category" in line for line in lines(out / "health_log"))
    assert read(home, "agent_definitions").height == manifest.sources["agent_definitions"].counts["definitions"]


def test_feedback_decides_over_what_was_reported(sample: tuple[Path, Manifest, Path]) -> None:
    out, manifest, home = sample
    counts = manifest.sources["feedback"].counts
    told = [line for line in lines(out / "feedback") if "feedback_id" in line]
    assert len(told) == counts["good"] + counts["bad"]
    # Not every program of the pool writes the session of its executions.
    sessions = set(read(home, "executions")["session_id"])
    found = [line for line in told if "session_id" not in line or line["session_id"] in sessions]
    good = Counter(line.get("rating", 0) >= 4 or line.get("satisfaction") == "excellent" for line in found)
    settings = settings_of(home)
    build(settings, now=NOW)
    judged = read_mart(settings, "fct_outcomes").filter(outcome_source="feedback").collect()
    assert Counter(judged["success"]) == good and good[True] > 10 and good[False] > 5
    assert judged["is_decisive"].all()
    decided = read_mart(settings, "fct_executions").filter(outcome_source="feedback").collect()
    assert decided.height == judged.height
