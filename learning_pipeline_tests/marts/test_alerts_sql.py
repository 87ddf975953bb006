"""What the alert rules measure, computed a second time: in plain SQL, over the facts of the database."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from learning_pipeline.marts.alert_rules import RULES
from learning_pipeline.marts.build import build
from learning_pipeline.settings import load_settings
from learning_pipeline_tests.factories import NOON, fill_lake

# By rule: table, time, what counts, and the subjects.
WORK, AT = "fct_executions", "coalesce(started_at, ended_at)"
ENDED = "case when outcome not in ('open', 'unknown') then coalesce(error_type <> 'interrupted', false) end"
RATES = {
    "success_rate": (WORK, AT, "success", ("'all'", "agent_name")),
    "error_rate": (WORK, AT, ENDED, ("'all'", "agent_name")),
    "model_error_rate": ("fct_llm_calls", "started_at", "is_error", ("model",)),
    "tool_error_rate": ("fct_tool_calls", "started_at", "is_error", ("'all'",)),
    "fallback_share": ("fct_routing_decisions", "decided_at", "fallback", ("'all'",)),
    "routing_latency": ("fct_routing_decisions", "decided_at", "routing_us > 200000", ("'all'",)),
    "model_latency": ("fct_llm_calls", "started_at", "duration_ms > 120000", ("model",)),
    "stuck_runs": (WORK, AT, "is_stuck", ("'all'",)),
    "agent_health": ("fct_health_events", "occurred_at", "event_type in ('error', 'degraded')", ("agent_name",)),
}
DAYS, A_DAY = 40, 90


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    rng = random.Random(5)
    streams: dict[str, list[dict[str, object]]] = {}
    for number in range(DAYS * A_DAY):
        at = NOON + timedelta(days=rng.randrange(DAYS), minutes=rng.randrange(24 * 60))
        success = rng.choice([True, True, False, None])
        outcome = {True: "success", False: "failure", None: rng.choice(["open", "unknown", "interrupted"])}[success]
        error = {"error_type": rng.choice(["tool", "interrupted"]) if success is False else None}
        agent = {"agent_name": rng.choice(["alpha", "beta"])}
        work = {"execution_id": f"e{number}", "started_at": at, "ended_at": at, "duration_ms": 0, "success": success}
        streams.setdefault("executions", []).append(work | agent | error | {"outcome": outcome})
        call = {"call_id": f"c{number}", "started_at": at, "model": rng.choice(["gpt-5", None])}
        told = {"is_error": rng.choice([True, False, None]), "duration_ms": rng.choice([1, 150_000, None])}
        streams.setdefault("llm_calls", []).append(call | told)
        tool = {"tool_call_id": f"t{number}", "started_at": at, "is_error": rng.choice([True, False, None])}
        streams.setdefault("tool_calls", []).append(tool)
        asked = {"decision_id": f"d{number}", "decided_at": at, "fallback": rng.choice([True, False, None])}
        streams.setdefault("routing_decisions", []).append(asked | {"routing_us": rng.choice([9, 300_000, None])})
        sign = {
            "event_id": f"h{number}",
            "occurred_at": at,
            "event_type": rng.choice(["heartbeat", "degraded", "started"]),
        }
        streams.setdefault("health_events", []).append(sign | agent)
    settings = load_settings(tmp_path_factory.mktemp("alerts") / "home")
    fill_lake(settings.home, **streams)
    build(settings, now=NOON + timedelta(days=DAYS + 5))
    with duckdb.connect(str(settings.marts_path), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def counted(rule: str, hours: int, until: int = 0) -> str:
    """Return SQL: subject, k and n of the hours that end so many hours before the evaluation."""
    table, at, hit, subjects = RATES[rule]
    end = f"((select max(as_of) from mart_alert) - interval {until} hour)"
    return " union all ".join(
        f"""select {subject} as subject, count(*) filter (where {hit}) as k, count({hit}) as n from {table}
        where {at} >= {end} - interval {hours} hour and {at} < {end} and {subject} is not null
        group by 1 having count({hit}) > 0"""
        for subject in subjects
    )


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.form == "rate"], ids=lambda rule: rule.name)
def test_value_and_n_of_rates(marts: duckdb.DuckDBPyConnection, rule: object) -> None:
    one = next(known for known in RULES if known is rule)
    found = marts.execute(
        "select subject, n, round(value, 12) from mart_alert where rule = ? and n > 0 order by 1", [one.name]
    ).fetchall()
    wanted = marts.execute(
        f"select subject, n, case when n >= ? then round(k / n, 12) end from ({counted(one.name, one.window_hours)}) "
        "order by 1",
        [one.least_n],
    ).fetchall()
    assert found == wanted and found


def test_loss_of_success_against_the_four_weeks_before(marts: duckdb.DuckDBPyConnection) -> None:
    week = 7 * 24
    found = marts.execute(
        "select subject, n, round(value, 12) from mart_alert where rule = 'degradation' order by 1"
    ).fetchall()
    wanted = marts.execute(
        f"""select subject, least(now_.n, was.n), round(was.k / was.n - now_.k / now_.n, 12)
        from ({counted("success_rate", week)}) now_ join ({counted("success_rate", 4 * week, week)}) was
        using (subject) order by 1"""
    ).fetchall()
    assert found == wanted and len(found) == 3


def test_volume_and_cost_against_the_median_of_usual_days(marts: duckdb.DuckDBPyConnection) -> None:
    found = marts.execute("select n, round(value, 12) from mart_alert where rule = 'volume_high'").fetchone()
    end = "(select max(as_of) from mart_alert)"
    wanted = marts.execute(
        f"""with days as (
            select range as back, count(e.execution_id) as n from range(15)
            left join fct_executions e on {AT} >= {end} - to_hours(24 * (range::int + 1))
                and {AT} < {end} - to_hours(24 * range::int)
            group by 1
        )
        select any_value(n) filter (where back = 0),
            round(any_value(n) filter (where back = 0) / median(n) filter (where back > 0), 12) from days"""
    ).fetchone()
    assert found == wanted and found is not None


@pytest.mark.slow
def test_a_loss_is_told_in_a_week_of_more_work_than_the_four_before(tmp_path: Path) -> None:
    """Each rate is by the count of its own window, and not by the smaller of both, which `n` tells."""
    settings = load_settings(tmp_path / "home")
    weeks = [(NOON + timedelta(hours=8 * n), True) for n in range(4 * 21)]
    weeks += [(NOON + timedelta(days=28, minutes=20 * n), n % 4 > 0) for n in range(7 * 72)]
    work = [
        {"execution_id": f"e{n}", "started_at": at, "ended_at": at, "duration_ms": 0, "success": success}
        | ({} if success else {"outcome": "failure", "error_type": "tool"})
        for n, (at, success) in enumerate(weeks)
    ]
    fill_lake(settings.home, executions=work)
    build(settings, now=NOON + timedelta(days=36))
    with duckdb.connect(str(settings.marts_path), read_only=True) as connection:
        found = connection.execute(
            "select state, value > 0.2, n < 100 from mart_alert where rule = 'degradation' and subject = 'all'"
        ).fetchone()
    assert found == ("critical", True, True)
