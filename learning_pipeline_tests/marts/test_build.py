from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from learning_pipeline.contracts.base import key_columns, polars_schema
from learning_pipeline.errors import PipelineError
from learning_pipeline.lake.state import State
from learning_pipeline.marts.build import build, build_days, stale_days, write_database
from learning_pipeline.marts.digest import digests
from learning_pipeline.marts.reader import read
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.marts.staging import Staging, part_path
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, events, fill_lake
from learning_pipeline_tests.marts.conftest import FIRST, NOW, commit_id, copied, world

DAY = timedelta(days=1)


def stamps(home: Path) -> dict[Path, tuple[int, int]]:
    """Return inode and time of every staged file: what changes when one is written."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (home / "marts").rglob("*.parquet")}


def written(before: dict[Path, tuple[int, int]], home: Path) -> set[tuple[str, str]]:
    """Return table and day of the files that were written since; sums by month are no tables."""
    changed = [path for path, stamp in stamps(home).items() if before.get(path) != stamp]
    found = {(path.relative_to(home / "marts").parts[0], path.parent.name) for path in changed}
    return {(table, day) for table, day in found if not table.startswith("_")}


def test_every_table_has_its_contracts_form_and_a_unique_key(full: Settings) -> None:
    report = build(full, now=NOW)
    for name, spec in TABLES.items():
        frame = read(full, name).collect()
        assert frame.schema == polars_schema(spec.contract), name
        assert not frame.select(key_columns(spec.contract)).is_duplicated().any(), name
        assert report.tables[name] == frame.height, name
    always = ("fct_", "mart_agent_daily", "mart_usage", "mart_session", "mart_metric")
    assert [name for name in TABLES if not report.tables[name] and name.startswith(always)] == []


def test_a_second_build_does_nothing(built: Settings) -> None:
    before, inode = stamps(built.home), built.marts_path.stat().st_ino
    again = build(built, now=NOW + DAY)
    assert (again.days, again.changed, stale_days(built)) == ([], False, [])
    assert written(before, built.home) == set()
    assert built.marts_path.stat().st_ino == inode


def test_an_empty_lake_makes_all_tables_without_rows(settings: Settings) -> None:
    report = build(settings, now=NOW)
    assert report.days == [] and report.changed
    assert {name for name, rows in report.tables.items() if rows} == {
        "mart_alert",
        "mart_data_dictionary",
        "mart_freshness",
    }
    assert set(digests(settings.marts_path)) >= {"fct_executions", "mart_usage_daily", "dim_models"}
    assert not build(settings, now=NOW).changed


def test_a_late_event_rebuilds_its_own_day_only(built: Settings) -> None:
    before = stamps(built.home)
    same_day = [row for row in world()["llm_calls"] if row.get("started_at", NOON).date() == NOON.date()]
    fill_lake(built.home, llm_calls=[*same_day, {"call_id": "late", "input_tokens": 5, "output_tokens": 5}])
    assert NOON.date() in stale_days(built)
    report = build(built, now=NOW)
    days = {day for _, day in written(before, built.home) if day.startswith("day=")}
    assert report.changed
    assert days == {f"day={NOON.date()}"}


def test_a_call_after_midnight_counts_for_its_execution(settings: Settings) -> None:
    late = datetime(2026, 3, 2, 23, 59, tzinfo=NOON.tzinfo)
    execution = {
        "execution_id": "e",
        "started_at": late,
        "ended_at": late + timedelta(minutes=9),
        "duration_ms": 540_000,
    }
    call = {"execution_id": "e", "input_tokens": 100_000, "output_tokens": 0}
    fill_lake(settings.home, executions=[execution], llm_calls=[call | {"call_id": "1", "started_at": late}])
    build(settings, now=NOW)
    assert read(settings, "fct_executions").collect()["cost_usd"].to_list() == [Decimal("0.3")]
    fill_lake(settings.home, llm_calls=[call | {"call_id": "2", "started_at": late + timedelta(minutes=2)}])
    assert stale_days(settings) == [date(2026, 3, 2), date(2026, 3, 3)]
    build(settings, now=NOW)
    assert read(settings, "fct_executions").collect()["cost_usd"].to_list() == [Decimal("0.6")]


def test_cost_of_an_execution_is_unknown_when_that_of_a_call_is(settings: Settings) -> None:
    calls = [{"call_id": "1", "execution_id": "e", "input_tokens": 5, "output_tokens": 5}]
    calls.append({"call_id": "2", "execution_id": "e", "model": "no-such-model", "input_tokens": 5, "output_tokens": 5})
    fill_lake(settings.home, executions=[{"execution_id": "e"}, {"execution_id": "without"}], llm_calls=calls)
    build(settings, now=NOW)
    assert read(settings, "fct_executions").collect()["cost_usd"].to_list() == [None, None]
    unpriced = read(settings, "mart_unpriced_models").collect()
    assert unpriced.select("model", "calls", "input_tokens").rows() == [("no-such-model", 1, 5)]


def test_a_late_git_event_reaches_the_execution(settings: Settings) -> None:
    tool = {"tool_call_id": "t", "execution_id": "e", "commit_prefix": commit_id(1)[:8]}
    fill_lake(settings.home, executions=[{"execution_id": "e"}], tool_calls=[tool])
    build(settings, now=NOW)

    def told() -> tuple[Any, ...]:
        return read(settings, "fct_executions").select("commits", "committed", "reverted").collect().row(0)

    assert told() == ([commit_id(1)[:8]], True, None)
    made = {"event_id": "g1", "commit": commit_id(1), "occurred_at": NOON + 3 * DAY}
    fill_lake(settings.home, git_events=[made])
    assert stale_days(settings) == [NOON.date(), (NOON + 3 * DAY).date()]
    build(settings, now=NOW)
    assert told() == ([commit_id(1)], True, False)
    undone = {"event_id": "g2", "commit": commit_id(2), "reverts_commit": commit_id(1), "occurred_at": NOON + 9 * DAY}
    fill_lake(settings.home, git_events=[undone])
    build(settings, now=NOW)
    assert told() == ([commit_id(1)], True, True)


def test_a_git_event_of_nobody_rebuilds_no_execution(built: Settings) -> None:
    before = stamps(built.home)
    far = NOON + 200 * DAY
    fill_lake(built.home, git_events=[{"event_id": "x", "commit": commit_id(999), "occurred_at": far}])
    assert stale_days(built) == [far.date()]
    build(built, now=NOW)
    assert {(table, day) for table, day in written(before, built.home) if day.startswith("day=")} == {
        ("fct_git_events", f"day={far.date()}"),
        ("mart_git_daily", f"day={far.date()}"),
        ("mart_commit_cost", f"day={far.date()}"),
    }


def test_any_way_to_the_same_lake_gives_the_same_marts(built: Settings, tmp_path: Path) -> None:
    rows, once, twice = world(), built, load_settings(tmp_path / "twice")
    for part in (0, 1):
        some = {stream: [row for n, row in enumerate(all_) if part or n % 3] for stream, all_ in rows.items()}
        fill_lake(twice.home, **{stream: reversed(all_) for stream, all_ in some.items()})
        build(twice, now=NOW + part * DAY)
    assert digests(once.marts_path) == digests(twice.marts_path)
    fill_lake(
        once.home, llm_calls=[{"call_id": "more", "input_tokens": 1, "output_tokens": 1, "started_at": NOON - 99 * DAY}]
    )
    build(once, now=NOW)
    assert digests(once.marts_path) != digests(twice.marts_path)


@pytest.fixture(scope="module")
def rewritten(world_home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A home that is built, and whose lake is another since; digests of the marts of that lake, made from nothing."""
    rows = {stream: rows[::2] for stream, rows in world(seed=8).items()}
    home = copied(world_home, tmp_path_factory.mktemp("rewritten") / "home")
    fill_lake(home, **rows)
    clean = load_settings(copied(home, home.with_name("clean"), built=False))
    build(clean, now=NOW)
    return home, digests(clean.marts_path)


@pytest.mark.parametrize("moment", range(0, 40, 9))
def test_a_kill_at_any_write_converges(
    rewritten: tuple[Path, dict[str, str]], settings: Settings, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    from learning_pipeline.marts import staging

    copied(rewritten[0], settings.home)
    left = [moment]
    write = staging.write_parquet

    def dying(frame: pl.DataFrame, path: Path) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        write(frame, path)

    with monkeypatch.context() as patch:
        patch.setattr(staging, "write_parquet", dying)
        with pytest.raises(KeyboardInterrupt):
            build(settings, now=NOW)
    build(settings, now=NOW)
    assert digests(settings.marts_path) == rewritten[1]


def test_a_staged_file_that_is_gone_is_made_again(built: Settings) -> None:
    before = digests(built.marts_path)
    part_path(built.staging_dir, "fct_tool_calls", NOON.date()).unlink()
    assert stale_days(built) == [NOON.date()]
    assert not build(built, now=NOW).changed
    assert digests(built.marts_path) == before


@pytest.fixture(scope="module")
def few_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of a few rows of one day, with its marts."""
    home = tmp_path_factory.mktemp("few_rows") / "home"
    used = {"execution_id": "e", "session_id": "s", "input_tokens": 1, "output_tokens": 1}
    fill_lake(home, executions=[used], llm_calls=[{"call_id": "c"}], tool_calls=[{"tool_call_id": "t"}])
    build(load_settings(home), now=NOW)
    return home


@pytest.mark.parametrize("table", ["fct_executions", "fct_llm_calls", "mart_tool_daily", "mart_session", "dim_agents"])
@pytest.mark.parametrize("damage", [b"x", b"", b"PAR1 and no more", None])
def test_a_staged_file_that_is_damaged_is_made_again(
    few_rows: Path, settings: Settings, table: str, damage: bytes | None
) -> None:
    copied(few_rows, settings.home)
    before = digests(settings.marts_path)
    spec = TABLES[table]
    day = NOON.date() if spec.in_days else None
    path = part_path(settings.staging_dir, table, day)
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    read(settings, table).collect()
    assert stale_days(settings) == ([day] if spec.by_day else [])
    settings.marts_path.write_bytes(b"x")
    assert build(settings, now=NOW).changed
    assert digests(settings.marts_path) == before and stale_days(settings) == []
    assert read(settings, table).collect().height


def test_a_staged_file_that_is_damaged_inside_is_named_and_removed(built: Settings) -> None:
    before = digests(built.marts_path)
    path = part_path(built.staging_dir, "fct_llm_calls", NOON.date())
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(len(whole) - 8) + whole[-4:])
    built.marts_path.unlink()
    with pytest.raises(PipelineError, match=r"fct_llm_calls.*rows\.parquet was damaged and is removed: run"):
        build(built, now=NOW)
    assert build(built, now=NOW).changed
    assert digests(built.marts_path) == before


def test_days_one_by_one_equal_days_together(settings: Settings, tmp_path: Path) -> None:
    # Each day of each table costs a look at all there is, so there are not many.
    first_days = {
        stream: [row for row in events(stream, rows).to_dicts() if row["day"] < FIRST.date() + 6 * DAY]
        for stream, rows in world().items()
    }
    fill_lake(settings.home, **first_days)
    other = load_settings(copied(settings.home, tmp_path / "other"))
    build(settings, now=NOW)
    days = stale_days(other)
    assert len(days) == 6
    for table, spec in TABLES.items():
        if spec.by_day:
            for day in reversed(days):
                rows = build_days(other, table, [day], now=NOW)
                assert rows == {day: read(other, table, [day]).collect().height}
    assert stale_days(other) == []
    write_database(other, now=NOW)
    assert digests(other.marts_path) == digests(settings.marts_path)
    for table in ("fct_executions", "mart_agent_daily"):
        assert_frame_equal(read(other, table).collect(), read(settings, table).collect())


def test_facts_leave_the_database_after_their_time_and_stay_staged(settings: Settings) -> None:
    from learning_pipeline.marts.query import run

    days = [NOON - n * DAY for n in (0, 90, 91)]
    fill_lake(
        settings.home,
        llm_calls=[
            {"call_id": f"{n}", "started_at": day, "input_tokens": 1, "output_tokens": 1} for n, day in enumerate(days)
        ],
    )
    build(settings, now=NOW)
    assert run(settings, sql="select count(*) from fct_llm_calls").rows == [(2,)]
    assert run(settings, sql="select sum(calls) from mart_usage_daily").rows == [(3,)]
    assert read(settings, "fct_llm_calls").collect().height == 3
    build(load_settings(settings.home, retention_days=200), now=NOW)
    assert run(settings, sql="select count(*) from fct_llm_calls").rows == [(3,)]


def test_a_change_of_prices_reaches_all_days(built: Settings) -> None:
    path = built.home / "prices.toml"
    path.write_text("[[price]]\nmodel = 'no-such-model'\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 1\n")
    build(load_settings(built.home, price_file=path), now=NOW)
    assert read(built, "mart_unpriced_models").filter(pl.col("model") == "no-such-model").collect().is_empty()


def test_rows_that_break_the_contract_are_explained(settings: Settings) -> None:
    fill_lake(settings.home, executions=[{"execution_id": "e", "outcome": "excellent"}])
    with pytest.raises(PipelineError, match="fct_outcomes breaks its contract: column outcome, check isin"):
        build(settings, now=NOW)


def test_a_partition_that_was_emptied_leaves_nothing(settings: Settings) -> None:
    fill_lake(settings.home, tool_calls=[{"tool_call_id": "t"}])
    build(settings, now=NOW)
    with State(settings.state_path) as state, state.transaction() as db:
        db.execute("delete from partitions")
    build(settings, now=NOW)
    with Staging(settings.staging_dir) as staging:
        assert not staging.parts("fct_tool_calls") and not staging.parts("mart_tool_daily")


def test_an_execution_without_a_call_costs_its_own_tokens(settings: Settings) -> None:
    known = {"model": "claude-sonnet-4-5", "input_tokens": 1_000_000, "output_tokens": 0, "cache_write_tokens": 100}
    fill_lake(
        settings.home,
        executions=[
            # A million tokens in one go would cost twice as much: here they are of several calls, as far as we know.
            known | {"execution_id": "a", "reported_cost_usd": Decimal("7")},
            known | {"execution_id": "b", "model": "no-such-model", "reported_cost_usd": Decimal("7")},
            known | {"execution_id": "c", "model": None},
            {"execution_id": "d", "model": "claude-sonnet-4-5", "reported_cost_usd": Decimal("7")},
            known | {"execution_id": "e", "input_tokens": None},
            known | {"execution_id": "f", "source": "claude_code"},
            known | {"execution_id": "g"},
        ],
        llm_calls=[{"call_id": "1", "execution_id": "g", "input_tokens": 1_000_000, "output_tokens": 0}],
    )
    build(settings, now=NOW)
    costs = read(settings, "fct_executions").sort("execution_id").collect()["cost_usd"].to_list()
    assert costs == [Decimal("3.000375"), None, None, None, None, None, Decimal("6")]
    board = read(settings, "mart_agent_leaderboard").select("cost_usd_7d", "reported_cost_usd_7d", "costed_7d")
    assert board.collect().row(0) == (Decimal("9.000375"), Decimal("21"), 2)
    unpriced = read(settings, "mart_unpriced_models").select("model", "calls", "executions", "input_tokens").collect()
    assert unpriced.rows() == [("no-such-model", 0, 1, 1_000_000), (None, 0, 1, 1_000_000)]


def test_usage_is_counted_once_and_whole(settings: Settings) -> None:
    late = datetime(2026, 3, 2, 23, 59, tzinfo=NOON.tzinfo)
    used = {"model": "claude-sonnet-4-5", "input_tokens": 100_000, "output_tokens": 10}
    fill_lake(
        settings.home,
        executions=[
            used | {"execution_id": "whole", "reported_cost_usd": Decimal("5")},
            # Its call tells, after midnight.
            used | {"execution_id": "late", "started_at": late, "ended_at": late + timedelta(minutes=9)},
            used | {"execution_id": "transcript", "source": "claude_code"},
        ],
        llm_calls=[
            used | {"call_id": "1", "execution_id": "late", "started_at": late + timedelta(minutes=2)},
            used | {"call_id": "2", "execution_id": "other", "source": "claude_code"},
        ],
    )
    build(settings, now=NOW)
    columns = ("calls", "executions", "input_tokens", "cost_usd", "reported_cost_usd")
    known, cost = Decimal("5"), Decimal("0.30015")
    daily = read(settings, "mart_usage_daily").select("day", "source", *columns).sort("day", "source").collect()
    assert daily.rows() == [
        (date(2026, 3, 2), "claude_code", 1, 0, 100_000, cost, None),
        (date(2026, 3, 2), "execution_log", 0, 1, 100_000, cost, known),
        (date(2026, 3, 3), "execution_log", 1, 0, 100_000, cost, None),
    ]
    models = read(settings, "mart_model_daily").select("day", *columns).sort("day").collect()
    assert models.rows() == [
        (date(2026, 3, 2), 1, 3, 200_000, 2 * cost, known),
        (date(2026, 3, 3), 1, 0, 100_000, cost, None),
    ]
    fill_lake(settings.home, llm_calls=[used | {"call_id": "3", "execution_id": "whole", "source": "claude_code"}])
    build(settings, now=NOW)
    assert read(settings, "mart_usage_daily").select(pl.col("input_tokens").sum()).collect().item() == 200_000
