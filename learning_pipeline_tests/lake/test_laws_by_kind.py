"""The laws of landing hold for every kind of log."""

import random
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from learning_pipeline.contracts.base import key_columns
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.lake import landing, work
from learning_pipeline.lake.discover import is_wanted
from learning_pipeline.lake.land import land
from learning_pipeline.sample import write_sample
from learning_pipeline.settings import SourceSpec
from learning_pipeline.sources.registry import FILE_KINDS, source
from learning_pipeline_tests.homes import NOW, SHARED, digests, land_all, read, settings_of

# Tables are binary, or have a header: their lines are rows, and cannot be moved about as bytes.
ROWS = ("table",)
# Where a record stands, and when it was landed: not what it says.
PLACE = ("source_file", "source_line", "landed_at")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample")
    write_sample(out, days=4, sessions=10, seed=11, last_day=date(2026, 2, 20))
    return out


@pytest.fixture(params=FILE_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def logs(sample: Path, kind: str, tmp_path: Path) -> Path:
    """A copy of the sample's files of a kind."""
    if not any(is_wanted(SourceSpec(kind=kind, path=sample), path.name) for path in files(sample / kind)):
        pytest.skip(f"the sample has no files of kind {kind}; git repositories are read by git")
    shutil.copytree(sample / kind, tmp_path / "logs")
    return tmp_path / "logs"


def files(logs: Path) -> list[Path]:
    return sorted(path for path in logs.rglob("*") if path.is_file())


def rows(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return what the lake says, in an order of its own."""
    found = {}
    for stream, contract in STREAMS.items():
        if stream != "quarantine":
            frame = read(home, stream).drop(PLACE, strict=False)
            found[stream] = frame.sort(key_columns(contract)).rows()
    return found


def test_every_line_is_accounted_for_and_read_once(logs: Path, kind: str, tmp_path: Path) -> None:
    first = land_all(tmp_path / "home", logs, kind=kind)
    assert first.lines_read > 0 and first.events > 0
    assert set(first.sources) == {kind}
    before = digests(tmp_path / "home")
    second = land_all(tmp_path / "home", logs, kind=kind)
    assert (second.files_changed, second.bytes_read, second.days) == (0, 0, [])
    assert digests(tmp_path / "home") == before


def test_what_is_read_in_two_halves_or_as_it_grows_comes_to_the_same(logs: Path, kind: str, tmp_path: Path) -> None:
    land_all(tmp_path / "whole", logs, kind=kind)
    wanted = digests(tmp_path / "whole")
    halves = tmp_path / "halves"
    for path in files(logs)[::2]:
        target = halves / path.relative_to(logs)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    land_all(tmp_path / "home", halves, kind=kind)
    shutil.copytree(logs, halves, dirs_exist_ok=True)
    land_all(tmp_path / "home", halves, kind=kind)
    assert rows(tmp_path / "home") == rows(tmp_path / "whole")
    if kind in ROWS or getattr(source(kind), "WHOLE_FILE", False):
        return
    grown = tmp_path / "grown"
    shutil.copytree(logs, grown)
    for part in (0.4, 0.7, 1.0):
        for path in files(grown):
            lines = (logs / path.relative_to(grown)).read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(lines[: max(1, int(len(lines) * part))]))
        land_all(tmp_path / "growing", grown, kind=kind)
    assert rows(tmp_path / "growing") == rows(tmp_path / "whole")
    assert len(digests(tmp_path / "growing")) == len(wanted)


def test_a_landing_that_does_not_fit_in_memory_at_once_comes_to_the_same(
    logs: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = land_all(tmp_path / "whole", logs, kind=kind)
    monkeypatch.setattr(work, "_PIECE_BYTES", 1)
    monkeypatch.setattr(work, "_LARGE_PIECE_BYTES", 20_000)
    monkeypatch.setattr(work, "_HELD_BYTES", 1)
    monkeypatch.setattr(landing, "MERGE_BYTES", 4_000)
    pieces = land_all(tmp_path / "home", logs, kind=kind)
    assert digests(tmp_path / "home") == digests(tmp_path / "whole")
    assert pieces.sources == whole.sources


def test_lines_that_stand_for_themselves_may_come_in_any_order(logs: Path, kind: str, tmp_path: Path) -> None:
    if not getattr(source(kind), "LINES_APART", False):
        pytest.skip(f"lines of {kind} need those above them in their file")
    land_all(tmp_path / "whole", logs, kind=kind)
    chance = random.Random(5)
    lines = [line.rstrip(b"\n") for path in files(logs) for line in path.read_bytes().splitlines(keepends=True)]
    chance.shuffle(lines)
    lines += chance.sample(lines, len(lines) // 3)
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for number in range(3):
        (mixed / f"{number}.jsonl").write_bytes(b"\n".join(lines[number::3]) + b"\n")
    land_all(tmp_path / "home", mixed, kind=kind)
    assert rows(tmp_path / "home") == rows(tmp_path / "whole")


def test_what_was_landed_stays_when_its_file_is_cut_rewritten_or_gone(logs: Path, kind: str, tmp_path: Path) -> None:
    land_all(tmp_path / "home", logs, kind=kind)
    wanted = digests(tmp_path / "home")
    for number, path in enumerate(files(logs)):
        data = path.read_bytes()
        if number % 3 == 0:
            path.unlink()
        elif number % 3 == 1:
            path.write_bytes(data[: len(data) // 2])
        else:
            path.write_bytes(b"")
    land_all(tmp_path / "home", logs, kind=kind)
    assert digests(tmp_path / "home") == wanted


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Damage some bytes of a file's lines, as disks, editors and crashes do."""
    lines = data.split(b"\n")
    for _ in range(max(1, len(lines) // 3)):
        at = chance.randrange(len(lines))
        line = bytearray(lines[at])
        if not line:
            continue
        place = chance.randrange(len(line))
        match chance.randrange(5):
            case 0:
                line[place] = chance.randrange(256)
            case 1:
                del line[place:]
            case 2:
                del line[place : place + chance.randrange(1, 40)]
            case 3:
                line[place:place] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 9)))
            case _:
                line += lines[chance.randrange(len(lines))]
        lines[at] = bytes(line)
    return b"\n".join(lines)


def test_damaged_lines_are_kept_with_file_line_and_reason(logs: Path, kind: str, tmp_path: Path) -> None:
    chance = random.Random(kind)
    for path in files(logs):
        path.write_bytes(damaged(path.read_bytes(), chance))
    report = land_all(tmp_path / "home", logs, kind=kind)
    rejects = read(tmp_path / "home", "quarantine")
    assert rejects.select("source_file", "source_line").unique().height >= report.quarantined
    for name in ("source_file", "source_line", "reason", "check"):
        assert rejects[name].null_count() == 0


@pytest.mark.slow
def test_tens_of_thousands_of_damaged_lines(tmp_path: Path) -> None:
    chance = random.Random(100)
    seen = 0
    for seed in range(40):
        tree = tmp_path / f"sample{seed}"
        write_sample(tree, days=20, sessions=60, seed=seed, last_day=date(2026, 2, 20))
        for path in files(tree):
            data = path.read_bytes()
            for _ in range(3):
                data = damaged(data, chance)
            path.write_bytes(data)
        report = land_all(tmp_path / "home", tree, kind="auto")
        seen += report.lines_read
        shutil.rmtree(tree)
        if seen >= 30_000:
            break
    assert seen >= 30_000
    rejects = read(tmp_path / "home", "quarantine")
    for name in ("source_file", "source_line", "reason", "check"):
        assert rejects[name].null_count() == 0


REAL = {
    "agentv-checkpoints": "auto",
    "entireio-cli-checkpoints": "entire_checkpoints",
    "aider": "aider",
    "git-ai": "auto",
    "quantstats-hooks": "hook_log",
    "otlp-proto-examples": "otlp",
}


@pytest.fixture(params=REAL)
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    archive = SHARED / "data" / f"{request.param}.tar.gz"
    if not archive.exists():
        pytest.skip("the real logs are not here")
    shutil.unpack_archive(archive, tmp_path / "real", filter="data")
    yield REAL[request.param], tmp_path / "real"


@pytest.mark.slow
def test_the_laws_hold_on_real_files(real: tuple[str, Path], tmp_path: Path) -> None:
    kind, tree = real
    settings = settings_of(tmp_path / "whole", naive_timezone="Europe/Berlin")
    specs = [SourceSpec(kind=kind, path=tree)]
    whole = land(settings, specs, now=NOW)
    assert whole.lines_read == whole.events + whole.duplicates + whole.quarantined + whole.ignored
    assert whole.lines_read > 0
    wanted = digests(tmp_path / "whole")
    again = land(settings, specs, now=NOW + timedelta(days=1))
    assert (again.files_changed, again.bytes_read) == (0, 0)
    chance = random.Random(3)
    paths = files(tree)
    chance.shuffle(paths)
    # Moved away, and brought back in four runs, in another order.
    store = tmp_path / "store"
    tree.rename(store)
    for number in range(4):
        for path in paths[number::4]:
            target = path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(store / path.relative_to(tree), target)
        split = settings_of(tmp_path / "split", naive_timezone="Europe/Berlin")
        land(split, specs, now=NOW)
    assert digests(tmp_path / "split") == wanted
    for path in paths[::2]:
        path.unlink()
    for path in paths[1::2]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    land(split, specs, now=NOW)
    assert digests(tmp_path / "split") == wanted
    assert isinstance(read(tmp_path / "split", "executions"), pl.DataFrame)
