"""The marts that analysts compare and watch with, against plain SQL over the facts: made-up, sample and real data."""

import json
import random
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from learning_pipeline.contracts.base import conform, key_columns, polars_schema
from learning_pipeline.contracts.routing import MartRouterEvaluation
from learning_pipeline.lake.land import land
from learning_pipeline.marts import query
from learning_pipeline.marts.build import build
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.marts.stats import wilson_interval
from learning_pipeline.settings import SourceSpec, load_settings
from learning_pipeline_tests.factories import fill_lake
from learning_pipeline_tests.homes import SHARED
from learning_pipeline_tests.marts.archives import unpacked
from learning_pipeline_tests.marts.conftest import FIRST, NOW, world
from learning_pipeline_tests.marts.everything import ARGUED, EVERY, PRICED
from learning_pipeline_tests.marts.priced import wrong_calls, wrong_executions, wrong_models
from learning_pipeline_tests.marts.recomputed import METRICS, TOTALS
from learning_pipeline_tests.marts.second_look import looked_at
from learning_pipeline_tests.marts.test_sql import rows_of, same

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
LATER = datetime(2026, 11, 1, tzinfo=UTC)
REAL = ("entireio-cli-checkpoints", "aider")
# All archives together, read as whatever is in them.
ALL = "every archive"
BUDGETS: list[dict[str, Any]] = [
    {"name": "all", "limit_usd": 50, "period": "week"},
    {"name": "of a source", "limit_usd": 20, "period": "day", "source": "claude_code"},
    {"name": "of a model", "limit_usd": 100, "model": "claude-opus-4-6"},
]
# Of these, made-up days are too few, or there is no landing that would write them.
NOT_MADE_UP = ("mart_anomaly", "mart_drift", "mart_forecast", "mart_data_quality", "mart_quarantine_reason")
NOT_MADE_UP += ("mart_unknown_fields", "mart_ignored_rule")
SUMMED_UP = ("mart_usage_daily", "mart_usage_monthly", "mart_usage_session", "mart_branch_daily", "mart_branch_cost")
SUMMED = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
SUMMED += ("cost_usd", "reported_cost_usd", "calls", "executions")


def varied(seed: int = 11) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of `world` with pools, workflows, branches, summaries, and told decisions."""
    rng = random.Random(seed)
    rows = world()
    for n, row in enumerate(rows["executions"]):
        row |= {
            "pool_type": rng.choice(["thread", "swarm", None]),
            "workflow_id": rng.choice([f"flow-{n // 6}", None]),
            "branch": rng.choice(["main", "topic", None]),
            "model_tier": rng.choice(["small", "large", None]),
            "solution_summary": rng.choice([f"Added a test, take {n}", "Fixed the parser.", "fixed the parser", None]),
            "correlation_id": f"r{n % 80}",
            "tool_calls": rng.choice([None, 0, 3, 7]),
        }
    rows["executions"].append(
        {"execution_id": "undated", "agent_name": "alpha", "started_at": None, "ended_at": None, "duration_ms": 5}
        | {"day": datetime(1970, 1, 1).date(), "session_id": "session-1"}
    )
    for n, row in enumerate(rows["llm_calls"]):
        row |= {"branch": rng.choice(["main", None, None])} if n % 2 else {}
        if n == 5:  # on the full hour itself
            row["started_at"] = FIRST + timedelta(days=2, hours=5)
    for n, row in enumerate(rows["routing_decisions"]):
        outcome = rng.choice([True, True, False, None])
        row |= {
            "strategy": rng.choice(["rules", "model", None]),
            "selected_agent": rng.choice(["alpha", "beta", None]),
            "expected_agent": rng.choice(["alpha", None]),
            "correlation_id": f"r{n}",
            "confidence": rng.choice([None, 1.0, round(rng.random(), 2)]),
            "actual_success": outcome,
            "validated_at": None if outcome is None else row["decided_at"],
            "cache_hit": rng.choice([None, True, False]),
            "fallback": rng.choice([None, True, False]),
            "routing_us": rng.choice([None, rng.randrange(9000)]),
            **{f"{p}_confidence": rng.choice([None, rng.random()]) for p in ("trigger", "context", "capability")},
            "historical_confidence": rng.random(),
            "execution_id": f"e{n}" if n % 4 == 0 else None,
        }
    for n, row in enumerate(rows["agent_transformations"]):
        row |= {
            "event_type": ("start", "complete", "failed")[n % 3],
            "correlation_id": rng.choice([f"r{n}", f"r{n // 2}", None]),
            "source_agent": rng.choice(["alpha", "beta", None]),
            "target_agent": rng.choice(["alpha", "beta"]),
            "success": rng.choice([None, True]),
            "total_ms": rng.choice([None, rng.randrange(9000)]),
        }
    for row in rows["interactions"]:
        row |= {
            "source_agent": rng.choice(["alpha", "beta", "gamma"]),
            "target_agent": rng.choice(["alpha", "beta", "omega"]),
            "success": rng.choice([None, True, False]),
            "latency_ms": rng.choice([None, rng.randrange(9000)]),
        }
    return rows


def told_answers(home: Path) -> None:
    """Write what a router would: measures of a version, and answers on executions of `world`."""
    (home / "models" / "v1").mkdir(parents=True)
    measures = {"router_version": "v1", "created_at": NOW, "subject_kind": "policy", "subject": "router"}
    measures |= {"metric": "success_rate", "value": 0.5, "n": 9, "basis": "held_out"}
    conform(pl.LazyFrame([measures]), MartRouterEvaluation).collect().write_parquet(
        home / "models" / "v1" / "evaluation.parquet"
    )
    (home / "models" / "predictions").mkdir()
    lines = [
        {
            "prediction_id": f"p{n}",
            "predicted_at": (FIRST + timedelta(hours=n)).isoformat(),
            "router_version": "v1",
            "rung": "model",
            "task_id": f"e{n}" if n % 3 else f"r{n}" if n % 2 else None,
            "task_hash": f"{n % 7:064d}",
            "agent_name": None if n % 5 == 0 else ("alpha", "beta")[n % 2],
            "model": "gpt-5" if n % 4 else None,
            "success_probability": n / 100,
        }
        for n in range(100)
    ]
    (home / "models" / "predictions" / "2026-03-01.jsonl").write_text("".join(f"{json.dumps(x)}\n" for x in lines))


@pytest.fixture(
    scope="module",
    params=["made_up", pytest.param("sample", marks=pytest.mark.slow)]
    + [pytest.param(name, marks=pytest.mark.slow) for name in (*REAL, ALL)],
)
def marts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of marts; the made-up one has something in almost each of them."""
    home, name = tmp_path_factory.mktemp("home"), str(request.param)
    # Facts are kept so long that SQL sees all that the marts saw.
    settings = load_settings(home, host="test", workers=1, retention_days=100_000, budgets=BUDGETS)
    if name == "made_up":
        told_answers(settings.home)
        fill_lake(settings.home, **varied())
    elif name == "sample":
        land(settings, [SourceSpec(kind="auto", path=SAMPLE)], now=LATER)
    elif name == ALL:
        tree = tmp_path_factory.mktemp("tree")
        if not unpacked(tree):
            pytest.skip("there are no archives")
        land(settings, [SourceSpec(kind="auto", path=tree)], now=LATER)
    else:
        archive = SHARED / "data" / f"{name}.tar.gz"
        if not archive.exists():
            pytest.skip(f"there is no {archive}")
        tree = tmp_path_factory.mktemp(name)
        with tarfile.open(archive) as tar:
            tar.extractall(tree, filter="data")
        kind = "aider" if name == "aider" else "claude_code"
        land(settings, [SourceSpec(kind=kind, path=tree)], now=LATER)
    build(settings, now=NOW if name == "made_up" else LATER)
    with looked_at(settings) as connection:
        yield connection


@pytest.mark.parametrize("mart", EVERY)
def test_a_mart_is_what_plain_sql_makes_of_the_facts(
    marts: duckdb.DuckDBPyConnection, mart: str, request: pytest.FixtureRequest
) -> None:
    of_mart, of_facts = EVERY[mart]
    got, expected = rows_of(marts, of_mart), rows_of(marts, of_facts)
    assert got or "made_up" not in request.node.callspec.id or mart.split()[0] in NOT_MADE_UP
    assert len(got) == len(expected)
    assert [pair for pair in zip(got, expected, strict=True) if not same(*pair)][:3] == []


def test_every_column_is_compared_or_argued_for(marts: duckdb.DuckDBPyConnection) -> None:
    compared = {table: set(columns) for table, columns in PRICED.items()}
    for name, (of_mart, _) in EVERY.items():
        described = marts.execute(of_mart).description or []
        compared.setdefault(name.split()[0], set()).update(column[0] for column in described)
    left = {
        f"{table}.{column}"
        for table, spec in TABLES.items()
        for column in polars_schema(spec.contract)
        if column not in compared.get(table, ())
    }
    assert left == set(ARGUED)


@pytest.mark.parametrize("wrong", [wrong_calls, wrong_executions, wrong_models])
def test_costs_are_those_that_the_price_list_computes(marts: duckdb.DuckDBPyConnection, wrong: Any) -> None:
    assert wrong(marts)[:5] == []


def test_no_null_is_where_the_dictionary_says_there_is_none(marts: duckdb.DuckDBPyConnection) -> None:
    said = marts.execute(
        "select table_name, list(column_name) from mart_data_dictionary where not is_nullable group by all"
    ).fetchall()
    for table, columns in said:
        nulls = ", ".join(f'count(*) - count("{column}")' for column in columns)
        assert not any(marts.execute(f"select {nulls} from {table}").fetchone() or ()), table


def test_every_table_and_column_has_a_comment(marts: duckdb.DuckDBPyConnection) -> None:
    bare = """select table_name, column_name from duckdb_columns()
        where database_name = 'marts' and comment is null and not internal
        union all select table_name, null from duckdb_tables() where comment is null and database_name = 'marts'"""
    assert marts.execute(bare).fetchall() == []


@pytest.mark.parametrize("column", SUMMED)
def test_sums_are_the_same_in_every_mart(marts: duckdb.DuckDBPyConnection, column: str) -> None:
    """What has no time is in no hour and no block; what has no session in no session."""
    asked = [*(f"select sum({column}) from {table}" for table in SUMMED_UP)]
    assert len({marts.execute(ask).fetchone() for ask in asked}) == 1
    dated = "where day <> date '1970-01-01'"
    for table in ("mart_usage_hourly", "mart_usage_block"):
        ask = f"select (select sum({column}) from {table}), (select sum({column}) from mart_usage_daily {dated})"
        assert len(set(marts.execute(ask).fetchall()[0])) == 1, table


@pytest.mark.parametrize("table", TABLES)
def test_the_grain_is_one_row_a_key(marts: duckdb.DuckDBPyConnection, table: str) -> None:
    keys = ", ".join(f'"{key}"' for key in key_columns(TABLES[table].contract))
    twice = f"select {keys} from {table} group by {keys} having count(*) > 1"
    assert marts.execute(twice).fetchall() == []


def test_nothing_is_lost_or_counted_twice(marts: duckdb.DuckDBPyConnection) -> None:
    [totals] = marts.execute(TOTALS).fetchall()
    assert len({total or 0 for total in totals}) == 1
    for column in ("input_tokens", "output_tokens", "cost_usd", "calls", "executions"):
        tables = ("mart_usage_daily", "mart_branch_cost")
        ask = " union all ".join(f"select sum({column}) from {table}" for table in tables)
        assert len(set(marts.execute(ask).fetchall())) == 1, column
        ask = f"""select (select sum({column}) from mart_usage_block),
            (select sum({column}) from mart_usage_daily where day <> date '1970-01-01')"""
        [(of_blocks, of_days)] = marts.execute(ask).fetchall()
        assert of_blocks == of_days, column


def test_blocks_are_those_that_one_walk_over_all_calls_makes(marts: duckdb.DuckDBPyConnection) -> None:
    """As ccusage cuts them: a walk over all calls in order of time, one by one."""
    calls = "select source, started_at from fct_llm_calls where day <> date '1970-01-01'"
    ends = " union ".join(f"select source, {end} from mart_usage_hourly" for end in ("first_call_at", "last_call_at"))
    expected: list[tuple[str, datetime]] = []
    for source, at in marts.execute(f"{calls} union ({ends}) order by 1, 2").fetchall():
        if not expected or expected[-1][0] != source or at - expected[-1][1] > timedelta(hours=5):
            expected.append((source, at.replace(minute=0, second=0, microsecond=0)))
    found = marts.execute("select source, block_start_at from mart_usage_block order by 1, 2").fetchall()
    assert found == expected


RATES = [
    ("mart_repository_daily", "successes", "labelled", "success"),
    ("mart_tier_performance", "successes", "labelled", "success"),
    ("mart_workflow_pattern", "successes", "labelled", "success"),
    ("mart_workflow_pattern", "without_successes", "without_labelled", "without_success"),
    ("mart_agent_pair", "interactions_successful", "interactions_answered", "interaction_success"),
    ("mart_routing_daily", "validated_successes", "validated", "accuracy"),
    ("mart_routing_daily", "bypasses", "executed_known", "bypass"),
    ("mart_error_daily", "errors", "errors_of_day", "share"),
]


@pytest.mark.parametrize(("mart", "hits", "n", "prefix"), RATES)
def test_every_rate_has_its_wilson_interval(
    marts: duckdb.DuckDBPyConnection, mart: str, hits: str, n: str, prefix: str
) -> None:
    for k, of, low, high in marts.execute(f"select {hits}, {n}, {prefix}_low, {prefix}_high from {mart}").fetchall():
        expected = wilson_interval(k, of)
        assert (low, high) == (pytest.approx(expected) if expected else (None, None))


def test_what_is_rare_is_pulled_to_what_is_usual(marts: duckdb.DuckDBPyConnection) -> None:
    ask = """select success_shrunk, successes, labelled,
        (successes + without_successes) / (labelled + without_labelled) from mart_workflow_pattern where labelled > 0"""
    for shrunk, hits, n, of_all in marts.execute(ask).fetchall():
        assert shrunk == pytest.approx((hits + 10 * of_all) / (n + 10))


def test_the_spread_of_a_day_is_that_of_its_logarithms(marts: duckdb.DuckDBPyConnection) -> None:
    apart = f"""select max(abs(m.log_variance - t.log_variance)),
            count(*) filter (where (m.log_variance is null) <> (t.log_variance is null))
        from mart_metric_daily m join {METRICS} using (day, subject_kind, subject, metric)"""
    [(distance, lost)] = marts.execute(apart).fetchall()
    assert (distance or 0) < 1e-6 and lost == 0


def test_every_question_of_the_book_runs(marts: duckdb.DuckDBPyConnection) -> None:
    for name in query.queries():
        marts.execute(query.text(name)).fetchall()
