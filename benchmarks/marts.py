"""How fast marts are built: beside hand-written SQL for the same results, and one new day beside a year and a month.

    python benchmarks/marts.py [--executions N] [--days N] [--keep DIRECTORY]

The history is what the sample generator tells of two days, of about N executions each, landed and told again and
again. A new day is measured twice: its marts alone, and `refresh` as a command on its logs: landing, marts, training,
laws and the page. All of it is one run: what counts are the ratios, not the seconds of this machine.
"""

import argparse
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import duckdb

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.lake.state import State
from learning_pipeline.marts.build import build
from learning_pipeline.marts.patch import declared_types
from learning_pipeline.marts.query import queries, text
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.sample import write_sample
from learning_pipeline.settings import Settings, load_settings

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))  # the recomputations are the tests' own

from history import A_SESSION, LAST, NOW, History
from measure import run

from learning_pipeline_tests.marts.recomputed import RECOMPUTED
from learning_pipeline_tests.marts.recomputed_facts import FACTS_RECOMPUTED
from learning_pipeline_tests.marts.second_look import as_view
from learning_pipeline_tests.marts.test_sql import SAME

_NEW_DAYS = 3
_REFRESHES = 3  # and one before, which makes what a home has but once
_SLOWEST = 12
_GOAL_MS = 200
# Walks over pairs of rows: right, and no way to ask for it fast.
_NOT_SQL = ("mart_error_resolution", "mart_routing_component")
# What prices calls and finds out commits is no SQL: it is taken as it is staged.
_STAGED = ("fct_llm_calls", "fct_commit_links")
_WORK = FACTS_RECOMPUTED["fct_executions"]
_FACTS = {name: sql for name, (_, sql) in FACTS_RECOMPUTED.items() if name in TABLES and name not in _STAGED} | {
    "fct_executions": f"""select e.*, o.* exclude (execution_id, day), c.* exclude (execution_id, day)
        from ({_WORK[1]}) as e({_WORK[0].removeprefix("select").removesuffix("from fct_executions")})
        left join ({FACTS_RECOMPUTED["fct_executions cost"][1]})
            as o(execution_id, day, cost_usd, price_version) using (execution_id, day)
        left join ({FACTS_RECOMPUTED["fct_executions commits"][1]})
            as c(execution_id, day, committed, reverted, commits) using (execution_id, day)""",
    "fct_outcomes": f"""select * from ({FACTS_RECOMPUTED["fct_outcomes"][1]})
        as o(execution_id, outcome_source, evidence, day, outcome, success, label_weight, observed_at, is_decisive)""",
}
_MARTS = {name: sql for name, (_, sql) in (SAME | RECOMPUTED).items() if not name.startswith(_NOT_SQL)}
BY_SQL = {*_FACTS, *(name.split()[0] for name in _MARTS)} & TABLES.keys()


def before(day: date, count: int) -> list[date]:
    return [day - timedelta(days=back) for back in range(count, 0, -1)]


def executions(settings: Settings) -> int:
    with State(settings.state_path) as state:
        return int(state.query("select sum(rows) from partitions where stream = 'executions'")[0][0])


class Clock:
    """Tells from a build's progress how long each table took, and writing the database."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name = ""
        self._since = time.perf_counter()

    def __call__(self, stage: str, done: int, of: int) -> None:
        now = time.perf_counter()
        if self._name:
            self.seconds[self._name] = now - self._since
        self._name, self._since = "", now
        if done < of:
            by_day = stage == "facts and daily marts"
            tables = [name for name, spec in TABLES.items() if spec.by_day is by_day and name != "mart_freshness"]
            self._name = tables[done] if len(tables) == of else stage


def timed_build(settings: Settings) -> tuple[float, dict[str, float]]:
    clock = Clock()
    started = time.perf_counter()
    build(settings, now=NOW, progress=clock)
    return time.perf_counter() - started, clock.seconds


def refreshed_by_command(settings: Settings, base: Path, executions: int) -> list[float]:
    """Return how long the command takes on the logs of each of some new days, interpreter start included."""
    seconds = []
    for number in range(_REFRESHES + 1):
        day, logs = LAST + timedelta(days=number + 1), base / f"logs of day {number}"
        if not logs.exists():
            sessions = max(1, round(executions / A_SESSION))
            write_sample(logs, days=1, sessions=sessions, seed=100 + number, last_day=day, scale=0.1)
        command = [sys.executable, "-m", "learning_pipeline.cli.main", "refresh", "--home", str(settings.home)]
        seconds.append(run([*command, "--source", f"auto={logs}", "--no-publish"]).wall)
    return seconds[1:]


def by_sql(settings: Settings) -> float:
    """Return how long plain SQL takes for a database of the facts and marts that it is written for.

    It makes the facts from the lake, as the pipeline does; of many marts only a part of the columns, and no contract is
    held against them: it does less than what it is compared with.
    """
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
            made = "table" if name in _STAGED else "view"
            files = sorted(map(str, (settings.staging_dir / name).rglob("*.parquet")))
            columns = ", ".join(f'"{column}"' for column in polars_schema(spec.contract))
            if files:
                found = f"read_parquet({files}, hive_partitioning = false)"
                connection.execute(f"create {made} {name} as select {columns} from {found}")
            else:
                empty = ", ".join(f'"{column}" {kind}' for column, kind in declared_types(spec.contract))
                connection.execute(f"create table {name} ({empty})")
        for number, sql in enumerate(_MARTS.values()):
            connection.execute(f"create table t{number} as {sql}")
        connection.execute("checkpoint")
    return time.perf_counter() - started


def asked(settings: Settings) -> dict[str, float]:
    """Return how many milliseconds each question of the book takes on two threads: medians of five, after a first."""
    took = {}
    with duckdb.connect(str(settings.marts_path), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set threads = 2")
        for name in queries():
            seconds = []
            for _ in range(6):
                started = time.perf_counter()
                connection.execute(text(name)).fetchall()
                seconds.append(time.perf_counter() - started)
            took[name] = 1000 * median(seconds[1:])
    return took


def main() -> None:
    """Print the ratios."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--executions", type=int, default=1000, help="a day, about")
    options.add_argument("--days", type=int, default=365, help="of the long history")
    options.add_argument("--keep", type=Path, help="a new folder for what is made; default one that is removed")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = given.keep or Path(folder)
        history = History(base, load_settings(base), given.executions)
        built, refreshed = {}, {}
        for length in (30, given.days):
            settings = load_settings(base / str(length))
            history.write(settings, before(LAST - timedelta(days=_NEW_DAYS - 1), length))
            whole, took = timed_build(settings)
            print(f"{length:4} days, {executions(settings):10,} executions, all {len(TABLES)} tables: {whole:7.2f} s")
            if length == 30:
                sql = by_sql(settings)
                same = sum(took[name] for name in [*BY_SQL, "marts.duckdb"])
                print(f"     {len(BY_SQL)} of them: {same:.2f} s, by plain SQL: {sql:.2f} s")
                print(f"     against it: {same / sql:.2f} x  (goal: at most 2)")
            seconds = []
            for day in [*before(LAST, _NEW_DAYS - 1), LAST]:
                history.write(settings, [day])
                whole, took = timed_build(settings)
                seconds.append(whole)
            built[length] = median(seconds)
            print(f"     marts of a new day: {' '.join(f'{one:7.2f}' for one in seconds)} s")
            slowest = sorted(took, key=lambda name: -took[name])[:_SLOWEST]
            print(f"     of the last: {', '.join(f'{name} {took[name]:.2f}' for name in slowest)}")
            seconds = refreshed_by_command(settings, base, given.executions)
            refreshed[length] = median(seconds)
            print(f"     refresh of a new day: {' '.join(f'{one:7.2f}' for one in seconds)} s")
        answers = asked(settings)
        slow = max(answers, key=lambda name: answers[name])
        fast = sum(one < _GOAL_MS for one in answers.values())
        print(f"{fast} of {len(answers)} questions in under {_GOAL_MS} ms; the slowest, {slow}: {answers[slow]:.0f} ms")
        for what, times in (("its marts alone", built), ("refresh", refreshed)):
            ratio = times[given.days] / times[30]
            print(f"one new day, {given.days} days against 30, {what}: {ratio:.2f} x")
        print("(goal of the refresh: at most 1.3)")


if __name__ == "__main__":
    main()
