"""What agents may ask: read-only, with bounded rows, cells and time. Plain functions, without the protocol."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

from learning_pipeline.errors import PipelineError
from learning_pipeline.marts import query
from learning_pipeline.routing.router import Router
from learning_pipeline.settings import Settings

MAX_ROWS = 200
MAX_CELL = 1000
QUERY_SECONDS = 10.0
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
    "memory_limit": "1GB",
    "threads": "2",
}
# Column that executions are counted by -> the same.
GROUPS = ("agent_name", "model", "task_type", "repository", "day")


@dataclass(frozen=True)
class Limits:
    """How much one answer may be."""

    rows: int = MAX_ROWS
    seconds: float = QUERY_SECONDS


def ask(settings: Settings, sql: str, parameters: Sequence[Any], limits: Limits) -> dict[str, Any]:
    """Return `rows` (a list of objects), and `more`: whether there are more rows than may be returned.

    Raises:
        PipelineError: there are no marts, they cannot be read, or the question takes too long.
    """
    import duckdb

    if not settings.marts_path.exists():
        raise PipelineError("there are no marts yet: run learning-pipeline refresh")
    try:
        with duckdb.connect(str(settings.marts_path), read_only=True, config=_CONFIG) as connection:
            timer = threading.Timer(limits.seconds, connection.interrupt)
            timer.start()
            try:
                cursor = connection.execute(sql, parameters)
                names = [column[0] for column in cursor.description or []]
                found = cursor.fetchmany(limits.rows + 1)
            finally:
                timer.cancel()
    except duckdb.InterruptException as error:
        raise PipelineError(f"the question took longer than {limits.seconds:g} s and was stopped") from error
    except duckdb.Error as error:
        raise PipelineError(f"the marts cannot answer: {str(error).splitlines()[0]}") from error
    rows = [{name: plain(value) for name, value in zip(names, row, strict=True)} for row in found[: limits.rows]]
    return {"rows": rows, "more": len(found) > limits.rows}


def plain(value: Any) -> Any:
    """Return a value as JSON holds it; long texts are cut."""
    if isinstance(value, str):
        return value if len(value) <= MAX_CELL else value[: MAX_CELL - 1] + "…"
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float):
        return value if isfinite(value) else None  # JSON has no such numbers
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value[:MAX_ROWS]]
    return value if isinstance(value, int | bool | None) else plain(str(value))


def database_status(settings: Settings, limits: Limits) -> dict[str, Any]:
    """Return the tables with their rows and newest day, the alerts that are raised, and the named queries."""
    tables = ask(
        settings,
        "select table_name, rows, newest_event_at, newest_day, age_hours from mart_freshness order by table_name",
        (),
        limits,
    )
    raised = ask(
        settings,
        "select rule, subject, state, value, threshold, n, since, message from mart_alert where state <> 'ok'"
        " order by state, rule, subject",
        (),
        limits,
    )
    return {"tables": tables["rows"], "alerts": raised["rows"], "queries": query.queries()}


def execution_statistics(
    settings: Settings,
    days: int,
    group_by: str,
    agent_name: str | None,
    repository: str | None,
    limits: Limits,
) -> dict[str, Any]:
    """Return executions by a column over the last days of the data: counts, success with interval, time, cost."""
    if group_by not in GROUPS:
        raise PipelineError(f"group_by must be one of {', '.join(GROUPS)}")
    # The column is one of GROUPS; everything else that is given goes in as a parameter.
    sql = f"""
        with newest as (select max(day) as day from fct_executions),
        counted as (
            select {group_by}, count(*) as executions, count(success) as labelled,
                count(*) filter (success) as successes, count(*) filter (outcome = 'open') as open,
                median(duration_ms) as median_ms, quantile_cont(duration_ms, 0.95) as p95_ms,
                sum(cost_usd) as cost_usd, count(cost_usd) as priced
            from fct_executions
            where day > (select day from newest) - cast(? as integer)
                and (cast(? as varchar) is null or agent_name = ?) and (cast(? as varchar) is null or repository = ?)
            group by {group_by}
        )
        select * from counted order by executions desc, {group_by} nulls last
    """
    found = ask(settings, sql, (days, agent_name, agent_name, repository, repository), limits)
    for row in found["rows"]:
        row.update(_rated(row["successes"], row["labelled"]))
    return found


def performance_metrics(settings: Settings, agent_name: str | None, limits: Limits) -> dict[str, Any]:
    """Return the leaderboard over 30 days: success with interval, trend, cost of a success, speed."""
    sql = """
        select agent_name, executions_30d, labelled_30d, success_rate_30d, success_low_30d, success_high_30d, trend_30d,
            cost_per_success_usd_30d, p50_ms_30d, p95_ms_30d, newest_day
        from mart_agent_leaderboard
        where cast(? as varchar) is null or agent_name = ?
        order by executions_30d desc, agent_name
    """
    return ask(settings, sql, (agent_name, agent_name), limits)


def named_query(settings: Settings, name: str, limits: Limits) -> dict[str, Any]:
    """Return what a question of the query book answers."""
    return ask(settings, query.text(name), (), limits)


def recommend_agent(
    settings: Settings, task_text: str, task_type: str | None, repository: str | None, candidates: list[str] | None
) -> dict[str, Any]:
    """Return who should take a task, as `route` does."""
    router = _router(settings.home, _stamp(settings))
    answer = router.route(task_text, task_type=task_type, repository=repository, candidates=candidates)
    found = plain(answer)
    assert isinstance(found, dict)
    return found


def similar_tasks(
    settings: Settings, task_text: str, k: int, min_similarity: float, repository: str | None
) -> dict[str, Any]:
    """Return the past tasks that are most like a text, nearest first."""
    router = _router(settings.home, _stamp(settings))
    if router.model is None:
        raise PipelineError("no router was trained yet, so there is nothing to compare with: run refresh")
    nearest = router.route(task_text, repository=repository)["nearest"]
    rows = [plain(task) for task in nearest if task["similarity"] >= min_similarity]
    return {"rows": rows[:k], "more": len(rows) > k}


def _rated(successes: int, n: int) -> dict[str, Any]:
    from learning_pipeline.marts.stats import wilson_interval

    low, high = wilson_interval(successes, n) or (None, None)
    return {"success_rate": successes / n if n else None, "success_low": low, "success_high": high}


@lru_cache(maxsize=1)
def _router(home: Path, stamp: tuple[int, int] | None) -> Router:
    """Return the router of a registry as it is at a stamp: the one in production, else the newest."""
    del stamp
    router = Router.load(home, "production")
    return router if router.model is not None else Router.load(home, "latest")


def _stamp(settings: Settings) -> tuple[int, int] | None:
    try:
        stat = (settings.models_dir / "registry.json").stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_size
