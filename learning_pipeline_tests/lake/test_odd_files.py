"""Files as rotation, links and other programs leave them."""

import bz2
import gzip
import lzma
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from learning_pipeline_tests.homes import digests, land_all, read
from learning_pipeline_tests.transcripts import Session


def session(name: str = "s1", calls: int = 3) -> Session:
    found = Session(name)
    found.prompt()
    for number in range(calls):
        found.say(f"{name}-m{number}", stop="end_turn")
    return found


PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("suffix", PACKED)
def test_a_log_that_is_rotated_and_compressed_adds_nothing(tmp_path: Path, suffix: str) -> None:
    logs, home = tmp_path / "logs", tmp_path / "home"
    logs.mkdir()
    (logs / "a.jsonl").write_bytes(session().text())
    land_all(home, logs)
    before = digests(home)
    (logs / "a.jsonl").rename(logs / "a.jsonl.1")
    assert land_all(home, logs).events == 0
    (logs / "a.jsonl.1").unlink()
    (logs / f"a.jsonl.2{suffix}").write_bytes(PACKED[suffix](session().text()))
    report = land_all(home, logs)
    assert (report.events, report.quarantined) == (0, 0) and report.duplicates > 0
    assert digests(home) == before
    # One that breaks off keeps what could be read.
    long = session("long", 4000).text()
    (logs / f"b.jsonl{suffix}").write_bytes(PACKED[suffix](long)[:-40])
    cut = land_all(home, logs)
    assert cut.quarantined >= 1
    assert "unreadable" in read(home, "quarantine")["check"].to_list()


def test_links_are_followed_and_a_loop_ends(tmp_path: Path) -> None:
    real, logs = tmp_path / "real", tmp_path / "logs"
    (real / "deep").mkdir(parents=True)
    logs.mkdir()
    (real / "deep" / "a.jsonl").write_bytes(session("s1").text())
    (tmp_path / "b.txt").write_bytes(session("s2").text())
    (logs / "linked").symlink_to(real)
    (logs / "b.jsonl").symlink_to(tmp_path / "b.txt")
    (logs / "gone.jsonl").symlink_to(tmp_path / "nothing")
    (real / "deep" / "up").symlink_to(real)
    report = land_all(tmp_path / "home", logs)
    assert report.files_scanned == 2
    assert read(tmp_path / "home", "executions").height == 2


def test_a_file_that_grows_while_it_is_read_is_read_on_next_time(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    lines = session(calls=3000).text().splitlines(keepends=True)
    log = logs / "a.jsonl"
    log.write_bytes(b"".join(lines[:1000]))

    def write() -> None:
        with log.open("ab", buffering=0) as file:
            for line in lines[1000:]:
                file.write(line[:50])
                file.write(line[50:])

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        land_all(tmp_path / "home", logs)
    writer.join()
    land_all(tmp_path / "home", logs)
    land_all(tmp_path / "clean", logs)
    assert digests(tmp_path / "home") == digests(tmp_path / "clean")
    standing = read(tmp_path / "home", "quarantine")["resolved_at"]
    assert standing.null_count() == 0


@pytest.mark.slow
def test_ten_thousand_small_files(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(10_000):
        (logs / f"{number}.jsonl").write_bytes(session(f"s{number}", 1).text() if number % 10 else b"")
    report = land_all(tmp_path / "home", logs)
    assert (report.files_scanned, report.quarantined) == (10_000, 0)
    assert read(tmp_path / "home", "executions").height == 9_000
    os.utime(logs / "7.jsonl", (1, 1))
    assert land_all(tmp_path / "home", logs).files_changed == 1


def test_what_cannot_be_opened_is_named_and_the_rest_is_landed(tmp_path: Path) -> None:
    logs, home = tmp_path / "logs", tmp_path / "home"
    logs.mkdir()
    (logs / "good.jsonl").write_bytes(session().text())
    (logs / "damaged.jsonl.zst").write_bytes(b"\x28\xb5\x2f\xfd garbage")
    Path(os.fsdecode(os.fsencode(logs) + b"/bad\xff.jsonl")).write_bytes(session("s2").text())
    report = land_all(home, logs)
    assert read(home, "executions").height == 1
    assert read(home, "quarantine")["check"].to_list() == ["unreadable"]
    assert len(report.unreadable) == 1 and "not UTF-8" in report.unreadable[0] and "\\xff" in report.unreadable[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_does_not_stop_the_others(tmp_path: Path) -> None:
    logs, home = tmp_path / "logs", tmp_path / "home"
    logs.mkdir()
    (logs / "good.jsonl").write_bytes(session().text())
    (logs / "closed.jsonl").write_bytes(session("s2").text())
    (logs / "closed.jsonl").chmod(0)
    report = land_all(home, logs)
    assert read(home, "executions").height == 1
    assert [text.startswith("cannot read") for text in report.unreadable] == [True]


def test_a_mark_of_byte_order_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    for name, start in (("plain", b""), ("marked", b"\xef\xbb\xbf")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jsonl").write_bytes(start + session().text())
        assert land_all(tmp_path / f"home_{name}", tmp_path / name).quarantined == 0
    assert digests(tmp_path / "home_plain").keys() == digests(tmp_path / "home_marked").keys()
    assert read(tmp_path / "home_marked", "executions").height == 1


def test_a_directory_that_is_named_as_a_repository_and_is_none_is_not_searched(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.jsonl").write_bytes(session().text())
    report = land_all(tmp_path / "home", logs, kind="git_notes")
    assert read(tmp_path / "home", "executions").is_empty()
    assert report.events == 0
