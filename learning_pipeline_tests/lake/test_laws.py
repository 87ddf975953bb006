"""The laws of landing, on transcripts."""

import random
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learning_pipeline.errors import UsageError
from learning_pipeline.lake import landing, work
from learning_pipeline.lake import read as read_room
from learning_pipeline.lake.ledger import counters, ledger
from learning_pipeline.lake.state import State
from learning_pipeline.sources.families.transcripts import table
from learning_pipeline_tests.homes import NOW, digests, land_all, read, settings_of
from learning_pipeline_tests.transcripts import START, Session

STREAMS = ("executions", "llm_calls", "tool_calls")
LINEAGE = ["source_file", "source_line", "landed_at"]


def sessions(n: int = 3) -> list[Session]:
    """Return sessions over several days; each goes on past midnight."""
    result = []
    for number in range(n):
        session = Session(f"s{number}", start=START + timedelta(days=number, hours=14, minutes=58))
        for turn in range(4):
            session.turn(f"{number}t{turn}", text=f"task {turn} of {number}", error=turn == 2)
            session.now += timedelta(minutes=1)
        result.append(session)
    return result


def write(tree: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "logs"
    write(tree, {f"p/{session.name}.jsonl": session.text() for session in sessions()})
    return tree


def test_conservation_holds_for_every_file(tmp_path: Path, tree: Path) -> None:
    write(tree, {"p/copy.jsonl": sessions()[0].text(), "p/bad.jsonl": b'{"type":"user"\nnonsense\n{"type":"mode"}\n'})
    land_all(tmp_path / "home", tree)
    table = ledger(settings_of(tmp_path / "home"))
    assert table.filter(
        pl.col("lines_read") != pl.col("event_lines") + pl.col("duplicates") + pl.col("quarantined") + pl.col("ignored")
    ).is_empty()
    by_name = {Path(row["source_file"]).name: row for row in table.to_dicts()}
    assert (by_name["bad.jsonl"]["quarantined"], by_name["bad.jsonl"]["ignored"]) == (2, 1)
    assert by_name["copy.jsonl"]["event_lines"] + by_name["s0.jsonl"]["event_lines"] == len(sessions()[0].lines)


def test_a_second_landing_reads_nothing_and_writes_nothing(tmp_path: Path, tree: Path) -> None:
    home = tmp_path / "home"
    land_all(home, tree)
    before = {path: path.stat().st_mtime_ns for path in (home / "lake").rglob("*.parquet")}
    report = land_all(home, tree, now=NOW + timedelta(days=1))
    assert (report.files_changed, report.bytes_read, report.days) == (0, 0, [])
    assert {path: path.stat().st_mtime_ns for path in (home / "lake").rglob("*.parquet")} == before


def test_lines_of_a_killed_landing_count_as_new_once(tmp_path: Path, tree: Path) -> None:
    home = tmp_path / "home"
    first = land_all(home, tree)
    with State(home / "state.sqlite") as state, state.transaction() as db:
        # A landing that is killed has written events and records, and none of these.
        for table in ("landings", "files", "ledger", "counters"):
            db.execute(f"delete from {table}")
    again = land_all(home, tree, now=NOW + timedelta(days=1))
    assert (again.events, again.duplicates, again.days) == (first.events, first.duplicates, [])
    (tree / "p" / "s0.jsonl").touch()
    assert land_all(home, tree, now=NOW + timedelta(days=2)).events == 0


def test_a_touched_file_is_read_and_changes_nothing(tmp_path: Path, tree: Path) -> None:
    home = tmp_path / "home"
    land_all(home, tree)
    before = digests(home)
    (tree / "p" / "s0.jsonl").touch()
    report = land_all(home, tree, now=NOW + timedelta(days=1))
    assert (report.files_changed, report.events, report.days) == (1, 0, [])
    assert report.duplicates == report.lines_read
    assert digests(home) == before
    assert read(home, "executions")["landed_at"].unique().to_list() == [NOW]


def test_files_in_any_order_and_number_of_runs_give_the_same_lake(tmp_path: Path, tree: Path) -> None:
    write(tree, {"p/copy.jsonl": sessions()[1].text(), "a/older.jsonl": b"\n".join(sessions()[2].lines[:7])})
    land_all(tmp_path / "whole", tree)
    files = sorted(path.relative_to(tree) for path in tree.rglob("*.jsonl"))
    data = {str(path): (tree / path).read_bytes() for path in files}
    for seed in range(4):
        order = list(data)
        random.Random(seed).shuffle(order)
        for path in tree.rglob("*.jsonl"):
            path.unlink()
        for name in order:
            write(tree, {name: data[name]})
            land_all(tmp_path / f"order{seed}", tree)
        assert digests(tmp_path / f"order{seed}") == digests(tmp_path / "whole")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_same_lines_cut_in_any_way_give_the_same_events(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    base = tmp_path_factory.mktemp("cut")
    lines = [line for session in sessions(2) for line in session.lines]
    write(base / "whole", {"all.jsonl": b"\n".join(lines)})
    land_all(base / "home", base / "whole")
    files = data.draw(st.lists(st.integers(0, 3), min_size=len(lines), max_size=len(lines)))
    runs = data.draw(st.lists(st.integers(0, 1), min_size=4, max_size=4))
    order = data.draw(st.permutations(range(len(lines))))
    for run in (0, 1):
        for file in range(4):
            if runs[file] == run:
                part = [lines[index] for index in order if files[index] == file]
                write(base / "cut", {f"{file}.jsonl": b"\n".join(part)})
        (base / "cut").mkdir(exist_ok=True)
        land_all(base / "home2", base / "cut")
    for stream in STREAMS:
        left, right = (read(base / home, stream).drop(LINEAGE) for home in ("home", "home2"))
        key = left.columns
        assert left.sort(key).equals(right.sort(key)), stream


def test_a_growing_file_gives_what_the_whole_file_gives(tmp_path: Path) -> None:
    session = sessions(1)[0]
    tree = tmp_path / "logs"
    for end in (1, 5, 9, len(session.lines)):
        write(tree, {"s.jsonl": b"\n".join(session.lines[:end])})
        land_all(tmp_path / "grown", tree)
    land_all(tmp_path / "whole", tree)
    assert digests(tmp_path / "grown") == digests(tmp_path / "whole")


def test_no_event_is_lost_when_a_log_is_cut_rewritten_or_deleted(tmp_path: Path, tree: Path) -> None:
    home = tmp_path / "home"
    land_all(home, tree)
    before = digests(home)
    file = tree / "p" / "s1.jsonl"
    file.write_bytes(file.read_bytes()[:500])
    land_all(home, tree)
    file.write_bytes(b"".join(line + b"\n" for line in reversed(sessions()[1].lines)))
    land_all(home, tree)
    for path in tree.rglob("*.jsonl"):
        path.unlink()
    land_all(home, tree)
    after = digests(home)
    assert before.keys() == after.keys()
    for stream in STREAMS:
        assert read(home, stream).height == 12 if stream != "llm_calls" else 24


def test_a_late_event_lands_in_its_own_day_and_touches_no_other(tmp_path: Path, tree: Path) -> None:
    home = tmp_path / "home"
    land_all(home, tree)
    before = digests(home)
    late = Session("late", start=START - timedelta(days=5))
    late.turn("late")
    write(tree, {"p/late.jsonl": late.text()})
    report = land_all(home, tree)
    assert report.days == [(START - timedelta(days=5)).date()]
    assert {key: digest for key, digest in digests(home).items() if key in before} == before


def test_a_session_over_midnight_is_put_together_from_both_days(tmp_path: Path) -> None:
    session = Session("night", start=START + timedelta(hours=14, minutes=59, seconds=57))
    session.turn("t")
    tree = tmp_path / "logs"
    write(tree, {"b.jsonl": b"\n".join(session.lines[2:])})
    land_all(tmp_path / "home", tree)
    write(tree, {"a.jsonl": b"\n".join(session.lines[:2])})
    report = land_all(tmp_path / "home", tree)
    assert [day.day for day in report.days] == [2, 3]
    row = read(tmp_path / "home", "executions").row(0, named=True)
    assert (row["llm_calls"], row["outcome"], row["day"].day) == (2, "success", 2)


def test_drift_is_counted_by_name_and_reported(tmp_path: Path) -> None:
    session = Session()
    session.prompt(mood="sunny")
    session.row("telepathy")
    write(tmp_path / "logs", {"s.jsonl": session.text()})
    report = land_all(tmp_path / "home", tmp_path / "logs")
    assert report.unknown_fields == {"field:mood": 1, "kind:telepathy": 1}
    counted = counters(settings_of(tmp_path / "home"))
    rows = set(counted.select("kind", "name", "n").iter_rows())
    assert {("unknown_field", "mood", 1), ("unknown_kind", "telepathy", 1), ("reject", "unknown_kind", 1)} <= rows


def test_a_mended_file_resolves_its_rejects(tmp_path: Path) -> None:
    session = sessions(1)[0]
    tree, home = tmp_path / "logs", tmp_path / "home"
    broken = [*session.lines]
    broken[3] = broken[3][:-5]
    write(tree, {"s.jsonl": b"\n".join(broken)})
    land_all(home, tree)
    reject = read(home, "quarantine").row(0, named=True)
    assert (reject["source_line"], reject["check"], reject["resolved_at"]) == (4, "json", None)
    assert reject["byte_offset"] == sum(len(line) + 1 for line in broken[:3])
    write(tree, {"s.jsonl": b"\n".join(session.lines)})
    land_all(home, tree, now=NOW + timedelta(days=1))
    assert read(home, "quarantine")["resolved_at"].to_list() == [NOW + timedelta(days=1)]
    land_all(tmp_path / "clean", tree)
    assert digests(home) == digests(tmp_path / "clean")


def test_the_same_reject_seen_again_is_one_reject(tmp_path: Path) -> None:
    tree, home = tmp_path / "logs", tmp_path / "home"
    for number in range(3):
        write(tree, {"s.jsonl": b"nonsense\n" * 2 + b"\n" * number})
        land_all(home, tree, now=NOW + timedelta(days=number))
    rejects = read(home, "quarantine")
    assert (rejects.height, rejects["rejected_at"].unique().to_list()) == (2, [NOW])


def test_secrets_and_mail_never_reach_the_lake(tmp_path: Path) -> None:
    session = Session()
    secret = "AKIAIOSFODNN7EXAMPLE"
    session.prompt(f"use {secret} and write to ada@example.com in /home/ada/x")
    write(tmp_path / "logs", {"s.jsonl": session.text() + f'{{"type":"x","k":"{secret}"'.encode()})
    land_all(tmp_path / "home", tmp_path / "logs")
    text = read(tmp_path / "home", "executions")["task_text"].item()
    assert text == "use [REDACTED:aws-access-key] and write to [REDACTED:mail] in ~/x"
    for path in (tmp_path / "home").rglob("*.parquet"):
        frame = pl.read_parquet(path, hive_partitioning=False)
        for words in ("AKIAIOSFODNN7EXAMPLE", "ada@example.com", "/home/ada"):
            held = frame.drop("source_file", strict=False).select(
                pl.col(pl.String).str.contains(words, literal=True).any()
            )
            assert not any(held.row(0)), path


def test_hash_mode_keeps_no_text(tmp_path: Path, tree: Path) -> None:
    land_all(tmp_path / "home", tree, task_text="hash")
    executions = read(tmp_path / "home", "executions")
    assert executions["task_text"].null_count() == executions.height
    assert executions["task_hash"].null_count() == 0


@pytest.mark.parametrize(("kind", "words"), [("claude_cod", "unknown source kind"), ("claude_code", "does not exist")])
def test_bad_input_is_told_in_one_line(tmp_path: Path, kind: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        land_all(tmp_path / "home", tmp_path / "nothing", kind=kind)
    assert "\n" not in str(error.value)


def test_a_gzip_that_breaks_off_keeps_what_could_be_read(tmp_path: Path) -> None:
    import gzip

    session = sessions(1)[0]
    data = gzip.compress(b"".join(line + b"\n" for line in session.lines) + random.Random(1).randbytes(200_000))
    write(tmp_path / "logs", {"s.jsonl.gz": data[:-1000]})
    report = land_all(tmp_path / "home", tmp_path / "logs")
    assert report.events == len(session.lines)
    assert "unreadable" in read(tmp_path / "home", "quarantine")["check"].to_list()


def test_a_landing_that_is_merged_in_pieces_comes_to_the_same(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, {"p/copy.jsonl": sessions()[0].text()})
    whole = land_all(tmp_path / "whole", tree)
    monkeypatch.setattr(landing, "MERGE_BYTES", 2000)
    monkeypatch.setattr(table, "PACK_ROWS", 3)
    pieces = land_all(tmp_path / "pieces", tree)
    assert digests(tmp_path / "pieces") == digests(tmp_path / "whole")
    assert (pieces.events, pieces.duplicates) == (whole.events, whole.duplicates)


def test_a_large_file_that_is_read_in_parts_comes_to_the_same(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"".join(session.text() for session in sessions())
    broken = b"{broken\n" + text + b"\n{broken too\n" + text + b'{"cut'
    logs = tmp_path / "large"
    write(logs, {"all.jsonl": broken})
    whole = land_all(tmp_path / "whole", logs)
    monkeypatch.setattr(work, "_PART_BYTES", 500)
    monkeypatch.setattr(work, "_PIECE_BYTES", 900)
    monkeypatch.setattr(work, "_HELD_BYTES", 2000)
    monkeypatch.setattr(read_room, "_BLOCK", 64)
    parts = land_all(tmp_path / "parts", logs)
    assert digests(tmp_path / "parts") == digests(tmp_path / "whole")
    counts = ("lines_read", "events", "duplicates", "quarantined", "ignored", "bytes_read")
    assert [getattr(parts, name) for name in counts] == [getattr(whole, name) for name in counts]
    found, wanted = (
        read(tmp_path / home, "quarantine").select("source_line", "byte_offset", "check").sort("source_line")
        for home in ("parts", "whole")
    )
    assert found.equals(wanted)
    assert land_all(tmp_path / "parts", logs).files_changed == 0
    write(logs, {"all.jsonl": broken + b" short\n" + text})
    again = land_all(tmp_path / "parts", logs)
    assert again.events == 0 and digests(tmp_path / "parts") == digests(tmp_path / "whole")
