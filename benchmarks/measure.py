"""Runs a command as a whole process and says how long it took and how much memory it used."""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Run:
    """Wall and processor seconds, and the peak memory of the largest of its processes in MB."""

    wall: float
    cpu: float
    peak_mb: float


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """Run a command, interpreter start included; its output is thrown away.

    Raises:
        RuntimeError: it failed.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **(environment or {})}
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise RuntimeError(f"{' '.join(command)} failed: {errors.decode('utf-8', 'replace')[-500:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def middle(runs: Sequence[Run]) -> Run:
    """Return the median of each figure."""
    return Run(median(r.wall for r in runs), median(r.cpu for r in runs), median(r.peak_mb for r in runs))


def show(name: str, runs: Sequence[Run]) -> None:
    """Print a row: the median, least and largest wall time, processor time and peak memory."""
    walls = sorted(r.wall for r in runs)
    mid = middle(runs)
    print(
        f"{name:<34} {mid.wall:7.2f} s ({walls[0]:.2f} to {walls[-1]:.2f})  cpu {mid.cpu:6.2f} s  {mid.peak_mb:6.0f} MB"
    )


def ratio(name: str, left: Sequence[Run], right: Sequence[Run], limit: float | None = None) -> None:
    """Print how much longer one command took than another, run by run."""
    ratios = sorted(a.wall / b.wall for a, b in zip(left, right, strict=True))
    goal = f"  (goal: at most {limit:g})" if limit is not None else ""
    print(f"{name:<34} {median(ratios):7.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f}){goal}")
