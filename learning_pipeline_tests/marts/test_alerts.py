"""Every alert rule fires once on what is planted, says since when, and clears once; and is silent otherwise."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import polars as pl
import pytest

from learning_pipeline.contracts.base import conform
from learning_pipeline.contracts.facts import FACTS
from learning_pipeline.contracts.marts_alert import MartAlert
from learning_pipeline.marts.alert_rules import RULES
from learning_pipeline.marts.alert_series import SERIES, TIMES, by_day
from learning_pipeline.marts.alerts import alert
from learning_pipeline_tests.factories import events

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
GOOD_HOURS, BAD_HOURS, HOURS = 36 * 24, 36, 48 * 24
BAD = FIRST + timedelta(hours=GOOD_HOURS)
END = FIRST + timedelta(hours=HOURS)
LATER = END + timedelta(days=30)
PER_HOUR = 6
Rows = dict[str, list[dict[str, Any]]]
Change = Callable[[str, int, dict[str, Any]], list[dict[str, Any]]]


def _only(stream: str, **values: Any) -> Change:
    """Change the rows of a stream, all but one in six."""
    return lambda name, k, row: [row | values if name == stream and k else row]


def _times(stream: str, n: int) -> Change:
    def change(name: str, k: int, row: dict[str, Any]) -> list[dict[str, Any]]:
        key = next(iter(row))
        return [row | {key: f"{row[key]}.{i}"} for i in range(n if name == stream else 1)]

    return change


FAILED = {"success": False, "outcome": "failure", "error_type": "tool"}
PLANTED: dict[str, Change] = {
    "success_rate": _only("executions", **FAILED),
    "error_rate": _only("executions", **FAILED),
    "model_error_rate": _only("llm_calls", is_error=True),
    "tool_error_rate": _only("tool_calls", is_error=True),
    "no_executions": lambda name, k, row: [] if name in ("executions", "llm_calls", "tool_calls") else [row],
    "cost_spike": _only("llm_calls", cost_usd=0.6),
    "volume_high": _times("executions", 5),
    "volume_low": lambda name, k, row: [] if name == "executions" and k else [row],
    "fallback_share": _only("routing_decisions", fallback=True),
    "routing_latency": _only("routing_decisions", routing_us=900_000),
    "model_latency": _only("llm_calls", duration_ms=600_000),
    "degradation": _only("executions", **FAILED),
    "stuck_runs": _only("executions", outcome="open", success=None, is_stuck=True, ended_at=None),
    "agent_health": _only("health_events", event_type="degraded"),
}


def _hour(hour: int, change: Change | None) -> Rows:
    rows: Rows = {name.removeprefix("fct_"): [] for name in TIMES}
    for k in range(PER_HOUR):
        at = FIRST + timedelta(hours=hour, minutes=9 * k)
        name = f"{hour}.{k}"
        one: dict[str, dict[str, Any]] = {
            "executions": {"execution_id": name, "started_at": at, "ended_at": at + timedelta(minutes=1)},
            "llm_calls": {"call_id": name, "execution_id": name, "started_at": at, "is_error": False, "cost_usd": 0.1},
            "tool_calls": {"tool_call_id": name, "started_at": at},
            "routing_decisions": {"decision_id": name, "decided_at": at, "fallback": False, "routing_us": 900},
            "health_events": {"event_id": name, "occurred_at": at},
        }
        one["executions"]["is_stuck"] = False
        one["llm_calls"]["duration_ms"] = 9000
        for stream, row in one.items():
            rows[stream] += change(stream, k, row) if change else [row]
    return rows


def _facts(rows: Rows) -> dict[str, pl.DataFrame]:
    """Return rows of streams as facts, with the columns that only facts have."""
    found = {}
    for stream, some in rows.items():
        more = {"executions": ["is_stuck"], "llm_calls": ["cost_usd"]}.get(stream, [])
        plain = [{key: value for key, value in row.items() if key not in more} for row in some]
        added = [pl.Series(name, [row.get(name) for row in some], strict=False) for name in more if some]
        contract = FACTS[f"fct_{stream}"]
        found[f"fct_{stream}"] = conform(events(stream, plain).with_columns(added).lazy(), contract).collect()
    return found


def _together(hours: range, change: Change | None) -> dict[str, pl.DataFrame]:
    rows: Rows = {}
    for hour in hours:
        for stream, some in _hour(hour, change).items():
            rows.setdefault(stream, []).extend(some)
    return _facts(rows)


@cache
def _good() -> dict[str, pl.DataFrame]:
    return _together(range(HOURS), None)


def planted(change: Change, bad_hours: int = BAD_HOURS) -> dict[str, pl.DataFrame]:
    """Return good facts, with those of some hours replaced."""
    bad = _together(range(GOOD_HOURS, GOOD_HOURS + bad_hours), change)
    until = BAD + timedelta(hours=bad_hours)
    found = {}
    for name, good in _good().items():
        at = pl.coalesce(TIMES[name])
        found[name] = pl.concat([good.filter((at < BAD) | (at >= until)), bad[name]])
    return found


def evaluated(facts: dict[str, pl.DataFrame], now: datetime = LATER) -> pl.DataFrame:
    rows = alert(by_day({name: frame.lazy() for name, frame in facts.items()}), now)
    found = conform(rows, MartAlert).collect()
    MartAlert.validate(found, lazy=True)
    return found


def of(rule: str, found: pl.DataFrame) -> dict[str, Any]:
    """Return the worst row of a rule."""
    rows = found.filter(pl.col("rule") == rule).sort(pl.col("state") == "ok", "subject").to_dicts()
    return rows[0]


def test_every_rule_is_planted_and_measured() -> None:
    assert set(PLANTED) == {rule.name for rule in RULES}
    assert {rule.measure for rule in RULES} == set(SERIES)
    for rule in RULES:
        assert (rule.warning < rule.critical) == (rule.direction == "above"), rule.name


def test_all_is_silent_where_all_is_well() -> None:
    found = evaluated(_good())
    assert set(found["rule"]) == set(PLANTED)
    assert set(found["state"]) == {"ok"}
    assert found["fired"].sum() == 0


def test_without_data_every_rule_has_a_row() -> None:
    found = evaluated(_facts({name.removeprefix("fct_"): [] for name in TIMES}))
    assert found.height == len(RULES)
    assert set(found["state"]) == {"ok"} and found["value"].null_count() == len(RULES)


@pytest.mark.parametrize("rule", sorted(PLANTED))
def test_it_fires_once_and_clears_once(rule: str) -> None:
    facts = planted(PLANTED[rule])
    before = of(rule, evaluated(facts, BAD - timedelta(minutes=1)))
    assert before["state"] == "ok" and before["fired"] == 0
    during = [of(rule, evaluated(facts, BAD + timedelta(hours=hours))) for hours in (30, 35)]
    assert [row["state"] == "ok" for row in during] == [False, False]
    assert [row["fired"] for row in during] == [1, 1] and [row["cleared"] for row in during] == [0, 0]
    assert BAD < during[0]["since"] <= BAD + timedelta(hours=30)
    if during[0]["state"] == during[1]["state"]:
        assert during[0]["since"] == during[1]["since"]
    after = of(rule, evaluated(facts))
    assert (after["state"], after["fired"], after["cleared"]) == ("ok", 1, 1)
    assert after["since"] > during[1]["since"]


def test_what_does_not_last_does_not_fire() -> None:
    """Cost has to stay high for three more hours."""
    facts = planted(_only("llm_calls", cost_usd=20.0), bad_hours=1)
    rule = next(rule for rule in RULES if rule.name == "cost_spike")
    states = [
        of("cost_spike", evaluated(facts, BAD + timedelta(hours=hours, minutes=50)))["state"]
        for hours in range(rule.for_hours + 2)
    ]
    assert states[: rule.for_hours] == ["ok"] * rule.for_hours
    assert states[-1] == "critical"


def test_chance_does_not_fire() -> None:
    """11 errors in 100 are above 10 %, and not surely so."""
    rows = [
        {"execution_id": str(n), "started_at": BAD, "is_stuck": False} | (FAILED if n < 11 else {}) for n in range(100)
    ]
    empty: Rows = {name.removeprefix("fct_"): [] for name in TIMES}
    found = of("error_rate", evaluated(_facts(empty | {"executions": rows})))
    assert (found["state"], found["value"], found["n"]) == ("ok", 0.11, 100)


def test_the_order_of_the_rows_is_no_matter() -> None:
    facts = planted(PLANTED["cost_spike"])
    order = random.Random(3)
    mixed = {
        name: frame[order.sample(range(frame.height), frame.height)] if frame.height else frame
        for name, frame in facts.items()
    }
    now = BAD + timedelta(hours=30)
    assert evaluated(facts, now).equals(evaluated(mixed, now))


def test_a_clock_that_is_wrong_does_not_silence_the_others() -> None:
    facts = planted(PLANTED["error_rate"])
    wrong = {"execution_id": "future", "started_at": datetime(2099, 1, 1, tzinfo=UTC), "ended_at": None}
    more = _facts({"executions": [wrong | {"is_stuck": False}]})["fct_executions"]
    facts["fct_executions"] = pl.concat([facts["fct_executions"], more])
    assert of("error_rate", evaluated(facts, BAD + timedelta(hours=30)))["state"] == "critical"
