"""Each law holds for sound data, and says so when it does not."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from learning_pipeline.assets import laws, record
from learning_pipeline.contracts.base import conform
from learning_pipeline.contracts.facts import FctExecutions, FctLlmCalls
from learning_pipeline.contracts.vocabulary import LABEL_WEIGHTS
from learning_pipeline.lake.store import Lake, State
from learning_pipeline.settings import load_settings
from learning_pipeline_tests.factories import NOON, events, fill_lake


def executions(**columns: object) -> pl.LazyFrame:
    return conform(
        events("executions", [{"execution_id": "a"}, {"execution_id": "b", **columns}]).lazy(), FctExecutions
    )


def ledger(lines_read: int) -> pl.DataFrame:
    row = {"event_lines": 5, "duplicates": 2, "quarantined": 1, "ignored": 2}
    return pl.DataFrame([{"source": "s", "source_file": "f", "lines_read": lines_read, **row}])


def test_conservation() -> None:
    assert laws.conservation(ledger(10), "s").passed
    broken = laws.conservation(ledger(11), "s")
    assert not broken.passed
    assert broken.numbers["first_file"] == "f"
    assert laws.conservation(ledger(11), "another source").passed


def test_two_files_that_are_wrong_in_opposite_ways_do_not_make_a_right() -> None:
    assert not laws.conservation(pl.concat([ledger(9), ledger(11)]), "s").passed


def test_keys_unique() -> None:
    sound = executions()
    assert laws.keys_unique(sound, FctExecutions).passed
    twice = laws.keys_unique(pl.concat([sound, sound.head(1)]), FctExecutions)
    assert not twice.passed
    assert twice.numbers["repeated"] == 1
    without = sound.with_columns(execution_id=pl.lit(None, pl.String))
    assert laws.keys_unique(without, FctExecutions).numbers["null_keys"] == 2


@pytest.mark.parametrize("outcome", ["unknown", "open", "interrupted", "abandoned", "partial"])
def test_a_success_that_the_outcome_does_not_tell_is_found(outcome: str) -> None:
    assert laws.unknown_is_null(executions(outcome=outcome, success=None)).passed
    assert not laws.unknown_is_null(executions(outcome=outcome, success=True)).passed
    assert not laws.unknown_is_null(executions(outcome=outcome, success=False)).passed


def test_a_known_outcome_without_its_success_is_found() -> None:
    assert not laws.unknown_is_null(executions(outcome="failure", success=None)).passed


@pytest.mark.parametrize(("source", "weight"), sorted(LABEL_WEIGHTS.items()))
def test_labels_have_the_weight_of_their_evidence(source: str, weight: float) -> None:
    has_evidence = source != "none"
    assert laws.labels_observed(executions(outcome_source=source, label_weight=weight)).passed == has_evidence
    assert not laws.labels_observed(executions(outcome_source=source, label_weight=0.123)).passed


def test_a_cost_without_a_price_is_found() -> None:
    def calls(cost: int | None, version: str | None) -> pl.LazyFrame:
        frame = events("llm_calls", [{"call_id": "a", "input_tokens": 3}]).lazy()
        return conform(frame.with_columns(cost_usd=pl.lit(cost), price_version=pl.lit(version)), FctLlmCalls)

    assert laws.unpriced_is_null(calls(None, None)).passed
    assert laws.unpriced_is_null(calls(0, "2026")).passed
    assert not laws.unpriced_is_null(calls(0, None)).passed


def test_a_partition_that_something_else_changed_is_found(tmp_path: Path) -> None:
    fill_lake(tmp_path, executions=[{"execution_id": "a"}, {"execution_id": "b", "task_text": "x"}], llm_calls=[])
    settings = load_settings(tmp_path)
    assert laws.lake_untouched(settings).passed
    with State(settings.state_path) as state:
        path = Lake(settings.lake_dir, state).path("executions", NOON.date())
    pl.read_parquet(path).head(1).write_parquet(path)
    assert not laws.lake_untouched(settings).passed
    path.write_bytes(b"no Parquet")
    assert not laws.lake_untouched(settings).passed
    path.unlink()
    assert not laws.lake_untouched(settings).passed


def test_fresh(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert not laws.fresh(settings, NOON).passed
    record.mark_looked(settings, NOON)
    assert laws.fresh(settings, NOON + timedelta(hours=35)).passed
    late = laws.fresh(settings, NOON + timedelta(hours=37))
    assert not late.passed
    assert late.warning


def test_a_database_that_is_not_there_or_no_database_is_not_complete(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert not laws.database_complete(settings).passed
    settings.marts_path.write_bytes(b"this is not a database" * 1000)
    assert not laws.database_complete(settings).passed
