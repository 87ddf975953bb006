"""Exported tables: the same rows from CSV, Parquet, SQLite and DuckDB, under names of their own."""

import csv
import gzip
import io
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.errors import UsageError
from learning_pipeline.lake.tables import TableReader
from learning_pipeline.settings import load_settings
from learning_pipeline.sources import table
from learning_pipeline.sources.base import Options, Parsed
from learning_pipeline.sources.table_map import TableMap, to_line
from learning_pipeline_tests.homes import digests, land_all, read

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LINEAGE = ("source_file", "source_line", "landed_at", "attributes")
FORMATS = ("csv", "tsv", "parquet", "sqlite", "duckdb")
Row = dict[str, Any]


def run(number: int, **more: Any) -> Row:
    return {
        "execution_id": f"run-{number}",
        "agent_name": "builder",
        "started_at": START + timedelta(hours=number),
        "duration_seconds": 1.5 * number,
        "status": "success" if number % 2 else "failed",
        "input_tokens": 100 * number,
        "cost_usd": None if number == 2 else 0.25 * number,
        "checks": '[{"command": "pytest", "exit_code": 0}]' if number == 4 else None,
        **more,
    }


RUNS = [run(number) for number in range(1, 6)]


def text_of(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def write_csv(path: Path, rows: list[Row], separator: str = ",", encoding: str = "utf-8") -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(rows[0])
    writer.writerows([map(text_of, row.values()) for row in rows])
    path.write_bytes(text.getvalue().encode(encoding))


def write_sqlite(path: Path, tables: dict[str, list[Row]]) -> None:
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        for name, rows in tables.items():
            db.execute(f'create table "{name}" ({", ".join(rows[0])})')
            marks = ", ".join("?" * len(rows[0]))
            db.executemany(f'insert into "{name}" values ({marks})', [[*map(text_of, row.values())] for row in rows])
    db.close()


def write_duckdb(path: Path, tables: dict[str, list[Row]]) -> None:
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as db:
        for name, rows in tables.items():
            parquet = path.with_suffix(f".{name}.parquet")
            pl.DataFrame(rows).write_parquet(parquet)
            db.execute(f'create table "{name}" as from read_parquet(?)', [str(parquet)])
            parquet.unlink()


def write(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Callable[[], None]] = {
        ".csv": lambda: write_csv(path, rows),
        ".tsv": lambda: write_csv(path, rows, "\t"),
        ".parquet": lambda: pl.DataFrame(rows).write_parquet(path),
        ".sqlite": lambda: write_sqlite(path, {"runs": rows}),
        ".duckdb": lambda: write_duckdb(path, {"runs": rows}),
    }
    writers[path.suffix]()


def parse(path: Path, *maps: TableMap, kind: str = "table") -> tuple[Parsed, TableReader]:
    reader = TableReader(str(path), path.stat().st_size, kind, maps)
    parsed = table.parse(reader, Options())
    reader.account(parsed)
    lines = {*parsed.records["source_line"]}
    assert parsed.lines_read == len(lines) + len(parsed.rejects) + parsed.ignored.total()
    return parsed, reader


class TestFormats:
    @pytest.mark.parametrize("suffix", FORMATS)
    def test_every_format_gives_the_same_executions(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / "logs" / f"runs.{suffix}"
        write(path, RUNS)
        report = land_all(tmp_path / "home", path, kind="table")
        assert (report.lines_read, report.events, report.unknown_fields) == (5, 5, {})
        found = read(tmp_path / "home", "executions").sort("execution_id")
        assert found["execution_id"].to_list() == [f"run-{number}" for number in range(1, 6)]
        assert found["started_at"].to_list() == [row["started_at"] for row in RUNS]
        assert found["duration_ms"].to_list() == [1500, 3000, 4500, 6000, 7500]
        assert found["reported_cost_usd"].to_list() == [Decimal("0.25"), None, *map(Decimal, ("0.75", "1", "1.25"))]
        assert found["outcome"].to_list() == ["success", "failure", "success", "success", "success"]
        assert found["outcome_source"].to_list()[3] == "check"
        assert found["source"].unique().to_list() == ["table"]

    @pytest.mark.parametrize("suffix", FORMATS)
    def test_the_rows_of_several_files_are_the_rows_of_one(self, tmp_path: Path, suffix: str) -> None:
        write(tmp_path / "whole" / f"all.{suffix}", RUNS)
        land_all(tmp_path / "one", tmp_path / "whole", kind="table")
        for name, rows in (("b", RUNS[2:]), ("a", RUNS[:3]), ("c", RUNS[1:2])):
            write(tmp_path / "parts" / f"{name}.{suffix}", rows)
            land_all(tmp_path / "several", tmp_path / "parts", kind="table")
        left, right = (read(tmp_path / home, "executions").drop(LINEAGE) for home in ("one", "several"))
        assert left.sort("execution_id").equals(right.sort("execution_id"))

    @pytest.mark.parametrize("suffix", FORMATS)
    def test_a_table_that_grows_is_read_whole_and_adds_what_is_new(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / "logs" / f"runs.{suffix}"
        write(path, RUNS[:3])
        land_all(tmp_path / "grown", path, kind="table")
        before = digests(tmp_path / "grown")
        assert land_all(tmp_path / "grown", path, kind="table").files_changed == 0
        write(path, RUNS)
        report = land_all(tmp_path / "grown", path, kind="table")
        assert (report.lines_read, report.events, report.duplicates) == (5, 2, 3)
        path.unlink()
        write(path, RUNS[3:])
        assert land_all(tmp_path / "grown", path, kind="table").events == 0
        assert before.keys() <= digests(tmp_path / "grown").keys()
        assert read(tmp_path / "grown", "executions").height == 5

    def test_a_compressed_file_and_a_directory(self, tmp_path: Path) -> None:
        write(tmp_path / "logs" / "a.csv", RUNS[:2])
        data = (tmp_path / "logs" / "a.csv").read_bytes()
        (tmp_path / "logs" / "b.csv.gz").write_bytes(gzip.compress(data))
        report = land_all(tmp_path / "home", tmp_path / "logs", kind="table")
        assert (report.files_scanned, report.lines_read, report.events, report.duplicates) == (2, 4, 2, 2)

    def test_auto_knows_tables(self, tmp_path: Path) -> None:
        for suffix in FORMATS:
            write(tmp_path / "logs" / f"runs.{suffix}", RUNS)
        (tmp_path / "logs" / "words.csv").write_text("name,colour\nada,red\n")
        report = land_all(tmp_path / "home", tmp_path / "logs", kind="auto")
        assert {kind: counts["lines_read"] for kind, counts in report.sources.items()} == {"table": 25}
        assert len(report.unrecognised) == 1

    def test_other_logs_may_be_tables(self, tmp_path: Path) -> None:
        rows = [{"execution_id": "run-1", "given_at": START, "rating": 4, "comment": "fine"}]
        write(tmp_path / "logs" / "ratings.parquet", rows)
        report = land_all(tmp_path / "home", tmp_path / "logs" / "ratings.parquet", kind="feedback")
        assert report.sources["feedback"]["events"] == 1
        assert read(tmp_path / "home", "feedback")["rating"].to_list() == [4.0]


class TestNames:
    def test_a_map_names_columns_and_what_is_in_no_column(self, tmp_path: Path) -> None:
        path = tmp_path / "export-7.csv"
        path.write_text("Nr,Begin,Secs,OK,secret\n7,2026-03-02T09:00:00Z,2.5,yes,x\n")
        how = TableMap(
            file="export-*.csv",
            columns={"Nr": "execution_id", "Begin": "started_at", "Secs": "duration_s", "OK": "success", "secret": ""},
            values={"agent_name": "nightly"},
        )
        parsed, _ = parse(path, TableMap(file="other*"), how)
        (row,) = parsed.records.to_dicts()
        assert (row["execution_id"], row["agent_name"], row["duration_ms"]) == ("7", "nightly", 2500)
        assert (row["outcome"], row["attributes"], parsed.unknown) == ("success", None, {})

    def test_a_column_that_no_map_and_no_alias_names_is_kept_and_counted(self, tmp_path: Path) -> None:
        write(tmp_path / "a.csv", [run(1, mood="good")])
        parsed, _ = parse(tmp_path / "a.csv")
        assert parsed.unknown == {"mood": 1}
        assert json.loads(parsed.records["attributes"][0])["mood"] == "good"

    def test_a_mapped_column_has_the_name_before_one_of_that_name(self) -> None:
        how = TableMap(columns={"who": "agent"})
        assert json.loads(to_line([("agent", "x"), ("who", "y")], how)) == {"agent": "y", "agent (column)": "x"}

    @pytest.mark.parametrize("word", ["", " ", "NULL", "null", "NaN", "None", "\\N", "N/A", "<NA>"])
    def test_words_for_nothing_are_nothing(self, word: str) -> None:
        assert to_line([("a", word), ("b", None), ("c", "x")], TableMap()) == b'{"c":"x"}'

    def test_tables_of_a_database_go_by_their_names_and_columns(self, tmp_path: Path) -> None:
        tables = {"runs": RUNS, "ratings": [{"stars": 5, "run": "run-1", "at": START}], "zoo": [{"animal": "cat"}] * 3}
        write_sqlite(tmp_path / "a.sqlite", tables)
        write_duckdb(tmp_path / "a.duckdb", tables)
        ratings = TableMap(table="rat*", kind="feedback", columns={"stars": "rating"})
        for name in ("a.sqlite", "a.duckdb"):
            parsed, _ = parse(tmp_path / name, ratings)
            assert (parsed.lines_read, parsed.ignored) == (8, {"other_table": 3})
            reader = TableReader(str(tmp_path / name), 0, "feedback", (ratings,))
            lines = [json.loads(line.raw) for line in reader]
            assert [line["rating"] for line in lines] == [5]

    def test_maps_are_settings(self, tmp_path: Path) -> None:
        (tmp_path / "learning_pipeline.toml").write_text(
            '[[tables]]\nfile = "*.csv"\n[tables.columns]\nNr = "execution_id"\nwho = "agent"\n'
            '[tables.values]\nstatus = "done"\n'
        )
        (tmp_path / "a.csv").write_text("Nr,who,started_at\n1,ada,2026-03-02T09:00:00Z\n")
        land_all(tmp_path, tmp_path / "a.csv", kind="table")
        assert read(tmp_path, "executions").select("execution_id", "agent_name", "outcome").rows() == [
            ("1", "ada", "success")
        ]
        (tmp_path / "learning_pipeline.toml").write_text('[[tables]]\nkind = "diary"\n')
        with pytest.raises(UsageError, match="kind"):
            load_settings(tmp_path)


class TestRules:
    def test_units_and_times_are_read_by_the_rules_of_the_log(self, tmp_path: Path) -> None:
        naive = run(1) | {"started_at": START.replace(tzinfo=None)}
        write(tmp_path / "a.parquet", [naive, run(2) | {"started_at": None}])
        parsed, _ = parse(tmp_path / "a.parquet")
        assert [(reject.line, reject.check) for reject in parsed.rejects] == [(1, "naive_time"), (2, "missing_field")]

    def test_excel_writes_semicolons_and_utf_16(self, tmp_path: Path) -> None:
        write_csv(tmp_path / "a.csv", RUNS, ";", "utf-16")
        write_csv(tmp_path / "b.csv", RUNS, ";", "utf-8-sig")
        assert parse(tmp_path / "a.csv")[0].records.height == parse(tmp_path / "b.csv")[0].records.height == 5

    def test_a_cell_may_hold_line_breaks_and_commas(self, tmp_path: Path) -> None:
        write(tmp_path / "a.csv", [run(1, task_text='fix "it",\nplease\n'), run(2)])
        parsed, _ = parse(tmp_path / "a.csv")
        assert parsed.records["task_text"].to_list()[0] == 'fix "it",\nplease\n'
        assert parsed.lines_read == 2

    def test_a_bad_row_costs_that_row_only(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        head = "execution_id,agent,started_at,status\n"
        good = "1,ada,2026-03-02T09:00:00Z,done\n"
        path.write_bytes(
            f"{head}{good}2,ada,2026-03-02T09:00:00Z,done,too,many\n".encode() + b"3,\xff\xfe,x,y\n4,ada\n"
        )
        parsed, _ = parse(path)
        assert [reject.check for reject in parsed.rejects] == ["missing_field", "ragged_row", "utf8"]
        assert parsed.records["execution_id"].to_list() == ["1"]

    @pytest.mark.parametrize("suffix", ["parquet", "sqlite", "duckdb", "csv.gz"])
    def test_a_broken_file_is_kept_in_quarantine(self, tmp_path: Path, suffix: str) -> None:
        whole = tmp_path / f"whole.{suffix}"
        if suffix == "csv.gz":
            write(tmp_path / "whole.csv", RUNS)
            whole.write_bytes(gzip.compress((tmp_path / "whole.csv").read_bytes()))
        else:
            write(whole, RUNS)
        data = whole.read_bytes()
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(data[: min(len(data) // 2, 2000)] if suffix != "csv.gz" else data[:-12])
        report = land_all(tmp_path / "home", path, kind="table")
        assert report.quarantined == 1
        assert read(tmp_path / "home", "quarantine")["check"].to_list() == ["unreadable"]

    def test_a_database_that_is_written_to_is_not_taken_for_read(self, tmp_path: Path) -> None:
        write(tmp_path / "a.sqlite", RUNS)
        with sqlite3.connect(tmp_path / "a.sqlite") as db:
            db.execute("begin exclusive")
            report = land_all(tmp_path / "home", tmp_path / "a.sqlite", kind="table")
        assert report.events == 0 and "another program" in report.broken["table"][0]
        db.close()
        assert land_all(tmp_path / "home", tmp_path / "a.sqlite", kind="table").events == 5

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), min_size=1, max_size=5))
    def test_damage_is_accounted_for(
        self, tmp_path_factory: pytest.TempPathFactory, wounds: list[tuple[int, bytes]]
    ) -> None:
        path = tmp_path_factory.mktemp("damage") / "a.csv"
        write(path, RUNS)
        data = path.read_bytes()
        for at, put in wounds:
            at %= len(data)
            data = data[:at] + put + data[at + 1 :]
        path.write_bytes(data)
        parse(path)


def test_sniff() -> None:
    for head in (b"PAR1\x15", b"SQLite format 3\x00\x10", b"\0" * 8 + b"DUCK", b"task_id,agent,status\n1,a,done\n"):
        assert table.sniff(head)
    for head in (
        b"",
        b"{}",
        b'{"agent": "a", "task_id": "1"}',
        b"name,colour\n",
        b"words",
        b"repo,post-commit,1700000000",
    ):
        assert not table.sniff(head)
