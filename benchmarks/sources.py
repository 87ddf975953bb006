"""Measures landing by kind of log, of a large mixed tree, and of one day beside a year of history.

    python benchmarks/sources.py                 # two GiB of mixed logs
    python benchmarks/sources.py --mixed-mb 300 --runs 3

Ratios are measured in one run; `beyond start` leaves out what landing nothing takes.
"""

import argparse
import shutil
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import Run, middle, ratio, run, show

from learning_pipeline.lake.discover import is_wanted
from learning_pipeline.sample import write_sample
from learning_pipeline.settings import SourceSpec
from learning_pipeline.sources.registry import FILE_KINDS

_LAST_DAY = date(2026, 10, 31)
PROGRAM = [sys.executable, "-m", "learning_pipeline.cli.main"]
PLAIN = [sys.executable, str(Path(__file__).parent / "plain_json.py")]


def size_mb(tree: Path) -> float:
    return sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) / 1e6


def lines_of(tree: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in tree.rglob("*") if path.is_file())


def land(home: Path, *sources: str) -> list[str]:
    given = [part for source in sources for part in ("--source", source)]
    return [*PROGRAM, "land", "--home", str(home), *given]


def by_kind(base: Path, runs: int) -> None:
    """Land the sample of each kind alone, and decode the same files as plain JSON.

    Transcripts are short here (scale), so that the other kinds, which grow with the number of sessions, weigh enough.
    """
    sample = base / "sample"
    write_sample(sample, days=30, sessions=3000, seed=5, last_day=_LAST_DAY, scale=0.2)
    empty = base / "empty"
    empty.mkdir()
    idle = [run(land(base / f"idle{n}", f"claude_code={empty}")) for n in range(runs)]
    show("land of nothing", idle)
    start = middle(idle).wall
    for kind in FILE_KINDS:
        tree = sample / kind
        if not any(is_wanted(SourceSpec(kind=kind, path=tree), path.name) for path in tree.rglob("*")):
            continue
        size = size_mb(tree)
        landed = [run(land(base / f"{kind}{n}", f"{kind}={tree}")) for n in range(runs)]
        plain = [run([*PLAIN, str(tree)]) for _ in range(runs)]
        wall, least = middle(landed).wall - start, middle(plain).wall
        told = f"{size / wall:6.1f} MB/s, {lines_of(tree) / wall:9,.0f} lines/s beyond start"
        speed = told if wall > 0.05 else "too little to tell its speed"
        print(f"{kind:<22} {size:8.2f} MB  land {wall + start:6.2f} s  plain decode {least:5.2f} s  {speed}")


def mixed(base: Path, megabytes: float) -> None:
    """Land a tree of all kinds in one go."""
    tree = base / "mixed"
    number = 0
    while not tree.exists() or size_mb(tree) < megabytes:
        sessions = max(20, int(min(megabytes, 500) / 0.5))
        write_sample(tree / str(number), days=30, sessions=sessions, seed=number, last_day=_LAST_DAY)
        number += 1
    landed = [run(land(base / "home_mixed", f"auto={tree}"))]
    show(f"land of {size_mb(tree):.0f} MB of all kinds", landed)
    print(f"{'':<34} peak memory of a process (goal: under 1000 MB)")
    shutil.rmtree(tree)


def beside_a_year(base: Path, runs: int) -> None:
    """Land one day's logs into an empty home and into one that holds a year."""
    year, day = base / "year", base / "day"
    write_sample(year, days=365, sessions=1500, seed=1, last_day=_LAST_DAY)
    write_sample(day, days=1, sessions=40, seed=2, last_day=_LAST_DAY + timedelta(days=1))
    full = base / "full"
    run(land(full, f"auto={year}"))
    figures: dict[str, list[Run]] = {"a day into an empty home": [], "a day beside a year": []}
    for number in range(runs + 1):
        home = base / f"with_year{number}"
        shutil.copytree(full, home)
        runs_now = (run(land(base / f"new{number}", f"auto={day}")), run(land(home, f"auto={day}")))
        shutil.rmtree(home)
        if number:  # the first warms up
            for name, figure in zip(figures, runs_now, strict=True):
                figures[name].append(figure)
    for name, found in figures.items():
        show(name, found)
    ratio("beside a year / into nothing", figures["a day beside a year"], figures["a day into an empty home"], 1.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixed-mb", type=float, default=2148, help="size of the mixed tree")
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each command")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        by_kind(base, given.runs)
        print()
        beside_a_year(base, given.runs)
        print()
        mixed(base, given.mixed_mb)


if __name__ == "__main__":
    main()
