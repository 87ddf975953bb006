"""How fast marts are built: beside hand-written SQL for the same results, and one new day beside a year and a month.

    python benchmarks/marts.py [--executions N] [--days N]

Work is made up in the lake itself, N executions a day with two model calls and two tool calls each. Everything is
measured in this one run: what counts are the ratios, not the seconds of this machine.
"""

import argparse
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.marts.build import build
from learning_pipeline.marts.patch import declared_types
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.settings import Settings, load_settings

sys.path.insert(0, str(Path(__file__).parents[1]))  # the recomputations are the tests' own

from learning_pipeline_tests.marts.recomputed import RECOMPUTED
from learning_pipeline_tests.marts.recomputed_facts import FACTS_RECOMPUTED
from learning_pipeline_tests.marts.second_look import as_view
from learning_pipeline_tests.marts.test_sql import SAME

LAST = date(2026, 10, 31)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
_CALLS = 2
# Walks over pairs of rows: right, and no way to ask for it fast.
_NOT_SQL = ("mart_error_resolution", "mart_routing_component")
_WORK = FACTS_RECOMPUTED["fct_executions"]
_FACTS = {
    "fct_tool_calls": "from lake_tool_calls",
    "fct_outcomes": FACTS_RECOMPUTED["fct_outcomes"][1],
    "fct_executions": f"""select e.*, o.* exclude (execution_id, day), c.* exclude (execution_id, day)
        from ({_WORK[1]}) as e({_WORK[0].removeprefix("select").removesuffix("from fct_executions")})
        left join ({FACTS_RECOMPUTED["fct_executions cost"][1]})
            as o(execution_id, day, cost_usd, price_version) using (execution_id, day)
        left join ({FACTS_RECOMPUTED["fct_executions commits"][1]})
            as c(execution_id, day, committed, reverted, commits) using (execution_id, day)""",
}


def made_up(rng: np.random.Generator, day: date, n: int) -> dict[str, pl.DataFrame]:
    """Return one day's events by stream."""
    start = np.datetime64(day, "us") + rng.integers(0, 86_000_000_000, n).astype("timedelta64[us]")
    took = np.exp(rng.normal(10, 1, n)).astype(int)
    ids = np.array([f"{day}-{i}" for i in range(n)])
    session = np.array([f"{day}-s{i // 6}" for i in range(n)])
    success = rng.random(n) < 0.85
    agent = rng.choice([f"agent-{i}" for i in range(20)], n)
    work = pl.DataFrame(
        {
            "execution_id": ids,
            "session_id": session,
            "agent_name": agent,
            "agent_kind": "main",
            "model": rng.choice(["claude-sonnet-4-5", "gpt-5", "claude-opus-4-5-20251101"], n),
            "task_type": rng.choice(["bug_fix", "feature", "testing", "documentation"], n),
            "repository": rng.choice([f"repo-{i}" for i in range(8)], n),
            "branch": rng.choice(["main", "topic"], n),
            "pool_type": rng.choice(["thread", "swarm"], n),
            "started_at": start,
            "ended_at": start + (took * 1000).astype("timedelta64[us]"),
            "duration_ms": took,
            "success": success,
            "outcome": np.where(success, "success", "failure"),
            "error_type": [None if well else "tool" for well in success],
            "quality_score": rng.random(n),
            "tool_calls": np.full(n, _CALLS),
            "tool_errors": rng.integers(0, 2, n),
            "solution_summary": rng.choice([f"way {'abcdefgh'[i]}" for i in range(8)], n),
            "outcome_source": "reported",
            "label_weight": 0.8,
        }
    )
    many = np.repeat(np.arange(n), _CALLS)
    of_calls = work.select("execution_id", "session_id", "agent_name", "model", "started_at")[many].with_columns(
        call_id=pl.concat_str("execution_id", pl.int_range(pl.len()).cast(pl.String)),
        input_tokens=pl.Series(rng.integers(1, 3000, len(many))),
        output_tokens=pl.Series(rng.integers(1, 3000, len(many))),
        is_error=pl.lit(False),
        is_subagent=pl.lit(False),
        provider=pl.lit("anthropic"),
    )
    of_tools = work.select("execution_id", "session_id", "agent_name", "started_at")[many].with_columns(
        tool_call_id=pl.concat_str("execution_id", pl.int_range(pl.len()).cast(pl.String)),
        tool_name=pl.Series(rng.choice(["Bash", "Read", "Edit"], len(many))),
        tool_kind=pl.lit("builtin"),
        is_error=pl.Series(rng.random(len(many)) < 0.05),
        duration_ms=pl.Series(rng.integers(1, 9000, len(many))),
    )
    return {
        name: _stream(name, day, rows)
        for name, rows in (("executions", work), ("llm_calls", of_calls), ("tool_calls", of_tools))
    }


def _stream(name: str, day: date, rows: pl.DataFrame) -> pl.DataFrame:
    common = {"source": "claude_code", "source_file": "log.jsonl", "source_line": 1, "host": "bench"}
    if name == "executions":
        common["source"] = "execution_log"
    full = rows.with_columns(
        **{column: pl.lit(value) for column, value in common.items()}, landed_at=pl.lit(NOW), day=pl.lit(day)
    )
    return full.select(
        (
            pl.col(column).dt.replace_time_zone("UTC")
            if column in full.columns and full[column].dtype == pl.Datetime("us")
            else pl.col(column)
            if column in full.columns
            else pl.lit(None)
        )
        .cast(kind)
        .alias(column)
        for column, kind in polars_schema(STREAMS[name]).items()
    )


def fill(settings: Settings, days: list[date], a_day: int) -> None:
    """Write made-up days into the lake of a home directory."""
    with State(settings.state_path) as state:
        lake = Lake(settings.lake_dir, state)
        for day in days:
            for stream, frame in made_up(np.random.default_rng(day.toordinal()), day, a_day).items():
                lake.replace(stream, day, frame)


def before(day: date, count: int) -> list[date]:
    return [day - timedelta(days=back) for back in range(count, 0, -1)]


def timed_build(settings: Settings) -> float:
    started = time.perf_counter()
    build(settings, now=NOW)
    return time.perf_counter() - started


def by_sql(settings: Settings) -> tuple[float, int]:
    """Return how long plain SQL takes for a database of the facts and of the marts it is written for, and how many.

    It makes the facts from the lake, as the pipeline does; but what calls cost, which no SQL is written for, and the
    facts that are few are taken as they are staged.
    """
    asked = {name: sql for name, (_, sql) in (SAME | RECOMPUTED).items() if not name.startswith(_NOT_SQL)}
    path = settings.home / "by_sql.duckdb"
    path.unlink(missing_ok=True)
    started = time.perf_counter()
    with duckdb.connect(str(path)) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"create temp view landings as select timestamptz '{NOW}' as landed")
        for stream, contract in STREAMS.items():
            as_view(connection, f"lake_{stream}", settings.lake_dir / stream, "*/*.parquet", contract)
        for name, spec in TABLES.items():
            if name in _FACTS:
                connection.execute(f"create table {name} as {_FACTS[name]}")
                continue
            # What a question asks of other marts comes from what is staged.
            made = "table" if spec.kind == "fact" else "view"
            files = sorted(map(str, (settings.staging_dir / name).rglob("*.parquet")))
            columns = ", ".join(f'"{column}"' for column in polars_schema(spec.contract))
            if files:
                found = f"read_parquet({files}, hive_partitioning = false)"
                connection.execute(f"create {made} {name} as select {columns} from {found}")
            else:
                empty = ", ".join(f'"{column}" {kind}' for column, kind in declared_types(spec.contract))
                connection.execute(f"create table {name} ({empty})")
        for number, sql in enumerate(asked.values()):
            connection.execute(f"create table t{number} as {sql}")
        connection.execute("checkpoint")
    return time.perf_counter() - started, len(asked)


def main() -> None:
    """Print the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--executions", type=int, default=1000, help="a day")
    options.add_argument("--days", type=int, default=365, help="of the long history")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        refreshed = {}
        for length in (30, given.days):
            settings = load_settings(Path(folder) / str(length))
            fill(settings, before(LAST, length), given.executions)
            whole = timed_build(settings)
            print(f"{length:4} days, all marts: {whole:7.2f} s")
            if length == 30:
                sql, marts = by_sql(settings)
                daily = [name for name in TABLES if name.startswith("mart_")]
                print(f"     facts and {marts} of {len(daily)} marts by plain SQL: {sql:.2f} s")
                print(f"     all marts against it: {whole / sql:.2f} x  (goal: at most 2)")
            fill(settings, [LAST], given.executions)
            refreshed[length] = timed_build(settings)
            print(f"     one new day:    {refreshed[length]:7.2f} s")
        ratio = refreshed[given.days] / refreshed[30]
        print(f"one new day, {given.days} days against 30: {ratio:.2f} x  (goal: at most 1.3)")


if __name__ == "__main__":
    main()
