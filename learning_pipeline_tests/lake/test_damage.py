"""Ten thousand damaged lines: each ends as an event, a reject or under a rule; none is lost, nothing fails."""

import random
from pathlib import Path

import polars as pl

from learning_pipeline_tests.homes import land_all, read
from learning_pipeline_tests.transcripts import Session


def damaged(line: bytes, dice: random.Random) -> bytes:
    data = bytearray(line)
    for _ in range(dice.randint(1, 3)):
        kind, at = dice.randrange(5), dice.randrange(max(1, len(data)))
        if kind == 0:
            data[at : at + 1] = bytes([dice.randrange(256)])
        elif kind == 1:
            del data[at : at + dice.randint(1, 40)]
        elif kind == 2:
            data[at:at] = dice.randbytes(dice.randint(1, 20))
        elif kind == 3:
            data[at:at] = data[: dice.randint(1, len(data) or 1)]
        else:
            data = data[: at + 1]
        data = data.replace(b"\n", b" ") or bytearray(b"x")
    return bytes(data)


def test_ten_thousand_damaged_lines(tmp_path: Path) -> None:
    dice = random.Random(11)
    lines = []
    while len(lines) < 10_000:
        session = Session(f"s{len(lines)}")
        session.turn("t", error=dice.random() < 0.3)
        lines += [damaged(line, dice) for line in session.lines]
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "damaged.jsonl").write_bytes(b"\n".join(lines))
    report = land_all(tmp_path / "home", tmp_path / "logs")
    assert report.lines_read == sum(1 for line in lines if line.strip())
    assert report.quarantined > 5_000
    rejects = read(tmp_path / "home", "quarantine")
    assert rejects.height == report.quarantined
    assert rejects.filter(
        pl.any_horizontal(pl.col("source_file", "source_line", "reason", "check").is_null())
    ).is_empty()
    assert rejects["source_line"].n_unique() == rejects.height
