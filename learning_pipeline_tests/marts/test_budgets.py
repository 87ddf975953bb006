"""Budgets over their real period, against plain SQL over the facts."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from learning_pipeline.errors import UsageError
from learning_pipeline.marts.build import build
from learning_pipeline.marts.reader import read
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import fill_lake
from learning_pipeline_tests.marts.conftest import copied

NOW = datetime(2026, 5, 1, tzinfo=UTC)
FIRST = datetime(2026, 2, 20, 12, tzinfo=UTC)
BUDGETS = """
[[budgets]]
name = "all"
limit_usd = 10

[[budgets]]
name = "opus"
limit_usd = 0.9
period = "week"
model = "claude-opus-4-5"

[[budgets]]
name = "nothing priced"
limit_usd = 5
period = "day"
model = "no-such-model"
"""
MODELS = ("claude-opus-4-5", "claude-sonnet-4-5", "no-such-model")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home with budgets and marts, which tests only read."""
    tmp_path = tmp_path_factory.mktemp("home")
    (tmp_path / "learning_pipeline.toml").write_text(BUDGETS)
    calls = [
        {"call_id": f"{day}-{model}", "started_at": FIRST + timedelta(days=day), "model": model}
        | {"input_tokens": 40_000 + 1000 * day, "output_tokens": 0}
        for day in range(30)
        for model in MODELS
    ]
    fill_lake(tmp_path, llm_calls=calls)
    settings = load_settings(tmp_path)
    build(settings, now=NOW)
    return settings


@pytest.mark.parametrize(
    ("name", "period", "days", "only"),
    [
        ("all", "month", "interval 1 month", "true"),
        ("opus", "week", "interval 7 day", "model = 'claude-opus-4-5'"),
        ("nothing priced", "day", "interval 1 day", "model = 'no-such-model'"),
    ],
)
def test_each_period_is_that_of_plain_sql(made: Settings, name: str, period: str, days: str, only: str) -> None:
    with duckdb.connect(str(made.marts_path), read_only=True) as connection:
        found = connection.execute(
            "select starts_day, ends_day, cost_usd, usages, unpriced, state, is_open from mart_budget "
            "where budget = ? order by 1",
            [name],
        ).fetchall()
        wanted = connection.execute(
            f"""with spent as (
                select date_trunc('{period}', day)::date as s, sum(cost_usd) as cost, count(*) as n,
                    count(*) filter (where cost_usd is null) as unpriced
                from fct_llm_calls where {only} group by 1
            )
            select s, (s + {days} - interval 1 day)::date, cost, n, unpriced,
                case when cost >= limit_usd then 'critical' when cost >= 0.8 * limit_usd then 'warning'
                    when cost is not null then 'ok' end,
                (s + {days})::date > (select max(day) from fct_llm_calls)
            from spent, (select any_value(limit_usd) as limit_usd from mart_budget where budget = ?) order by 1""",
            [name],
        ).fetchall()
    assert found == wanted and found


def test_a_period_that_is_open_is_projected_by_its_days(made: Settings) -> None:
    rows = read(made, "mart_budget").filter(budget="all").sort("starts_day").collect()
    before, now = rows.to_dicts()
    assert (before["is_open"], before["projected_cost_usd"], before["period_days"]) == (False, None, 28)
    assert (now["elapsed_days"], now["period_days"]) == (21, 31)
    assert float(now["projected_cost_usd"]) == pytest.approx(float(now["cost_usd"]) * 31 / 21)
    assert now["spent_ratio"] == pytest.approx(float(now["cost_usd"] / Decimal(10)))


def test_it_is_an_alert_since_the_day_that_reached_it(made: Settings) -> None:
    alerts = {row["subject"]: row for row in read(made, "mart_alert").filter(rule="budget").collect().to_dicts()}
    assert set(alerts) == {"all", "opus", "nothing priced"}
    opus = read(made, "mart_budget").filter(pl.col("is_open"), budget="opus").collect().row(0, named=True)
    raised = alerts["opus"]
    assert raised["state"] == opus["state"] == "critical"
    assert raised["since"].date() == opus["reached_day"] and raised["value"] == opus["spent_ratio"]
    assert "opus: " in raised["message"] and "0.9 USD for the week" in raised["message"]
    unknown = alerts["nothing priced"]
    assert (unknown["state"], unknown["value"], unknown["since"]) == ("ok", None, None)
    assert alerts["all"]["as_of"] == max(row["as_of"] for row in alerts.values())


def test_nothing_is_spent_of_what_nothing_used(tmp_path: Path) -> None:
    (tmp_path / "learning_pipeline.toml").write_text('[[budgets]]\nname = "b"\nlimit_usd = 1\nsource = "codex"\n')
    fill_lake(tmp_path, llm_calls=[{"call_id": "c", "started_at": FIRST, "input_tokens": 1, "output_tokens": 1}])
    settings = load_settings(tmp_path)
    build(settings, now=NOW)
    row = read(settings, "mart_budget").collect().row(0, named=True)
    assert (row["starts_day"], row["usages"], row["cost_usd"], row["state"]) == (date(2026, 2, 1), 0, None, None)


def test_a_budget_that_changes_is_seen_by_the_next_build(made: Settings, tmp_path: Path) -> None:
    home = copied(made.home, tmp_path / "home")
    path = home / "learning_pipeline.toml"
    path.write_text(path.read_text().replace("limit_usd = 10\n", "limit_usd = 1000\n"))
    settings = load_settings(home)
    assert build(settings, now=NOW).changed
    assert set(read(settings, "mart_budget").filter(budget="all").collect()["limit_usd"]) == {Decimal(1000)}
    assert not build(settings, now=NOW).changed


@pytest.mark.parametrize(
    "budgets",
    [
        [{"name": "a", "limit_usd": 0}],
        [{"name": "a", "limit_usd": 1, "period": "year"}],
        [{"name": "a", "limit_usd": 1}, {"name": "a", "limit_usd": 2}],
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(tmp_path: Path, budgets: list[dict[str, object]]) -> None:
    (tmp_path / "learning_pipeline.toml").write_text(
        "budgets = ["
        + ", ".join("{" + ", ".join(f"{k} = {json.dumps(v)}" for k, v in b.items()) + "}" for b in budgets)
        + "]"
    )
    with pytest.raises(UsageError, match="budgets"):
        load_settings(tmp_path)
