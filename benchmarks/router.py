"""How fast the router is: training, its table, one task, a batch of 10,000; and how much memory training takes.

    python benchmarks/router.py WORK_DIR [--executions N]

Executions of six agents at four kinds of task, with text, cost and an outcome each, are landed and built in a home of
its own. Printed are wall and processor seconds and peak memory of `train`, the seconds that its training table takes to
read, the median milliseconds of `route` for one task once loaded, and the seconds of a batch of 10,000.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

_KINDS = ("bug_fix", "testing", "refactoring", "documentation")
_STEMS = ("parser", "login", "total", "cache", "report", "queue", "index", "token", "upload", "schedule")


def execution_lines(n: int, seed: int = 0) -> Iterator[str]:
    """Return `execution_log` lines: one task each, of its own text, in the last ninety days."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.3, 0.95, (6, len(_KINDS)))
    words = [
        f"{stem}{suffix}" for stem in _STEMS for suffix in ("", "s", "er", " store", " view", " test", " of users")
    ]
    begin, step = datetime.now(UTC) - timedelta(days=90), timedelta(days=90) / n
    for number in range(n):
        agent, kind = int(rng.integers(6)), int(rng.integers(len(_KINDS)))
        start = begin + number * step
        text = f"{_KINDS[kind].replace('_', ' ')}: {' '.join(rng.choice(words, 12))} in case {number}"
        yield json.dumps(
            {
                "execution_id": f"run-{number}",
                "agent_name": f"agent-{agent}",
                "model": "claude-sonnet-4-5" if agent % 2 else "claude-haiku-4-5",
                "task_type": _KINDS[kind],
                "task_text": text,
                "repository": f"repository-{number % 7}",
                "started_at": start.isoformat(),
                "ended_at": (start + timedelta(seconds=60)).isoformat(),
                "cost_usd": round(float(np.exp(rng.normal(-2 + agent / 4, 0.5))), 6),
                "success": bool(rng.random() < truth[agent, kind]),
            }
        )


def measured(command: list[str]) -> tuple[float, float, float]:
    """Run a command; return its wall seconds, processor seconds and peak memory in GB."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6


def main() -> None:
    """Print the measures, a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--executions", type=int, default=100_000)
    arguments = parser.parse_args()
    home, log = arguments.work / "home", arguments.work / "runs.jsonl"
    home.mkdir(parents=True)
    log.write_text("\n".join(execution_lines(arguments.executions)) + "\n", "utf-8")
    command = [sys.executable, "-m", "learning_pipeline.cli.main"]
    for step in (["land", "--source", f"execution_log={log}"], ["build"]):
        measured([*command, *step, "--home", str(home)])
    wall, processor, memory = measured([*command, "train", "--home", str(home)])
    print(f"train on {arguments.executions} executions: {wall:.1f} s, {processor:.1f} s of processor, {memory:.2f} GB")

    from learning_pipeline.routing.router import Router
    from learning_pipeline.routing.train import recent
    from learning_pipeline.settings import load_settings

    begin = time.monotonic()
    rows = recent(load_settings(home))
    print(f"training table of {rows.height} rows: {time.monotonic() - begin:.2f} s")
    router = Router.load(home, "latest")
    asked = [json.loads(line)["task_text"] for line in execution_lines(10_000, seed=1)]
    times = []
    for text in asked[:300]:
        begin = time.perf_counter()
        router.route(text)
        times.append(time.perf_counter() - begin)
    print(f"route, one task: median {1e3 * float(np.median(times)):.2f} ms")
    begin = time.monotonic()
    router.route_batch([{"task_text": text} for text in asked])
    print(f"route, a batch of {len(asked)}: {time.monotonic() - begin:.2f} s")


if __name__ == "__main__":
    main()
