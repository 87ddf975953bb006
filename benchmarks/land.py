"""Measures landing and the idle refresh on transcripts grown by the sample generator.

    python benchmarks/land.py            # 500 MB
    python benchmarks/land.py --mb 100 --runs 3
    python benchmarks/land.py --tree ~/.claude/projects    # transcripts of your own instead

It prints ratios measured in one run: absolute times say little on another machine.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import Run, ratio, run, show

from learning_pipeline.sample import write_sample

# What one session of the generator comes to, in MB; the tree is grown until it is large enough.
_SESSION_MB = 0.5
_LAST_DAY = date(2026, 10, 31)
PROGRAM = [sys.executable, "-m", "learning_pipeline.cli.main"]


def size_mb(tree: Path) -> float:
    return sum(path.stat().st_size for path in tree.rglob("*.jsonl")) / 1e6


def grow(out: Path, wanted_mb: float) -> Path:
    """Write a tree of transcripts of at least the wanted size."""
    sessions = int(wanted_mb / _SESSION_MB)
    while True:
        shutil.rmtree(out, ignore_errors=True)
        write_sample(out, days=30, sessions=sessions, seed=7, last_day=_LAST_DAY)
        if size_mb(out / "claude_code") >= wanted_mb:
            return out / "claude_code"
        sessions = int(sessions * 1.15) + 1


def one_file(tree: Path, target: Path, wanted_mb: float) -> Path:
    """Put transcripts one behind another until the file is large enough; return its directory."""
    target.mkdir()
    with (target / "large.jsonl").open("wb") as file:
        for path in sorted(tree.rglob("*.jsonl")):
            file.write(path.read_bytes().rstrip(b"\n") + b"\n")
            if file.tell() > wanted_mb * 1e6:
                break
    return target


def land(home: Path, tree: Path) -> list[str]:
    return [*PROGRAM, "land", "--home", str(home), "--source", f"claude_code={tree}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=500, help="size of the tree")
    parser.add_argument(
        "--tree", type=Path, help="transcripts to read instead of generated ones; nothing is written there"
    )
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each command, after one warm-up")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        tree = given.tree.resolve(strict=True) if given.tree else grow(base / "sample", given.mb)
        print(f"{size_mb(tree):.0f} MB in {sum(1 for _ in tree.rglob('*.jsonl'))} files, {os.cpu_count()} cores\n")
        commands = {
            "plain read and typed decode": [sys.executable, str(Path(__file__).parent / "plain_decode.py"), str(tree)]
        }
        environment: dict[str, str] = {}
        if shutil.which("ccusage"):
            (base / "claude").mkdir()
            (base / "claude" / "projects").symlink_to(tree)
            environment["CLAUDE_CONFIG_DIR"] = str(base / "claude")
            commands["ccusage claude daily"] = ["ccusage", "claude", "daily", "--json", "--offline"]
        figures: dict[str, list[Run]] = {"land": [], **{name: [] for name in commands}}
        for number in range(given.runs + 1):
            home = base / f"home{number}"
            runs = {"land": run(land(home, tree), environment)}
            runs |= {name: run(command, environment) for name, command in commands.items()}
            if number:  # the first warms up
                for name, figure in runs.items():
                    figures[name].append(figure)
        for name, found in figures.items():
            show(name, found)
        ratio("land / plain decode", figures["land"], figures["plain read and typed decode"], 3)
        if "ccusage claude daily" in figures:
            ratio("land / ccusage", figures["land"], figures["ccusage claude daily"], 2)
        else:
            print("ccusage is not on the path: not compared")

        print()
        refresh = [
            *PROGRAM,
            "refresh",
            "--home",
            str(base / "home1"),
            "--source",
            f"claude_code={tree}",
            "--no-publish",
        ]
        subprocess.run(refresh, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        show("refresh with nothing new", [run(refresh) for _ in range(given.runs)])

        print()
        for megabytes in (size_mb(tree) / 8, size_mb(tree)):
            large = one_file(tree, base / f"large{megabytes:.0f}", megabytes)
            show(f"land of one file of {size_mb(large):.0f} MB", [run(land(base / f"one{megabytes:.0f}", large))])


if __name__ == "__main__":
    main()
