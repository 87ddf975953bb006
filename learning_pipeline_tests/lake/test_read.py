"""Reading of files line by line: every line once, with its number and offset, in bounded memory."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.lake import read
from learning_pipeline.lake.read import Reader

PARTS = st.lists(st.sampled_from([b"", b" ", b"x", b"abc", b"\r", b"y" * 40]), max_size=30)


@given(PARTS, st.booleans(), st.booleans())
def test_lines_are_what_split_gives(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], ended: bool, zipped: bool
) -> None:
    data = b"\n".join(parts) + (b"\n" if ended else b"")
    path = tmp_path_factory.mktemp("read") / ("a.jsonl.gz" if zipped else "a.jsonl")
    path.write_bytes(gzip.compress(data) if zipped else data)
    reader = Reader(str(path))
    lines = list(reader)
    expected = [(n, part) for n, part in enumerate(data.split(b"\n"), 1) if part.strip()]
    assert [(line.number, line.raw) for line in lines] == expected
    assert all(data[line.offset :].startswith(line.raw) for line in lines)
    assert (reader.offset, reader.bytes_read, reader.failure) == (len(data), len(data), None)
    last = data.split(b"\n")[-1]
    assert (reader.unfinished.raw if reader.unfinished else b"") == (last if last.strip() else b"")


def test_a_reader_goes_on_from_an_offset(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\ntwo\nthree\n")
    first = Reader(str(path))
    assert len(list(first)) == 3
    path.write_bytes(b"one\ntwo\nthree\nfour\n")
    again = Reader(str(path), first.offset, first.number)
    assert [(line.number, line.offset, line.raw) for line in again] == [(4, 14, b"four")]
    assert again.bytes_read == 5


def test_a_line_that_is_too_long_is_cut_and_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_MAX_LINE", 10)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"a" * 35 + b"\nnext\n" + b"b" * 10 + b"\n" + b"c" * 25)
    reader = Reader(str(path))
    assert [(line.number, line.raw) for line in reader] == [
        (1, b"a" * 10),
        (2, b"next"),
        (3, b"b" * 10),
        (4, b"c" * 10),
    ]
    assert (reader.offset, reader.unfinished) == (35 + 6 + 11 + 25, None)
