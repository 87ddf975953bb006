"""Rules on the machine rather than on the data: asked when somebody looks, and not a part of the marts."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

GIB = 1 << 30


@dataclass(frozen=True)
class LiveRule:
    """One rule; above fires at a threshold and above it, below fires below it."""

    name: str
    measures: str
    direction: Literal["above", "below"]
    warning: float
    critical: float
    unit: str
    measure: Callable[[Path], float]
    message: str

    def state(self, value: float) -> str:
        """Return ok, warning or critical."""
        for name, threshold in (("critical", self.critical), ("warning", self.warning)):
            if value >= threshold if self.direction == "above" else value < threshold:
                return name
        return "ok"


@dataclass(frozen=True)
class Measured:
    """What a rule measured."""

    rule: LiveRule
    value: float
    state: str
    message: str


def free_ratio(home: Path) -> float:
    """Return the free part of the file system that holds the home directory."""
    usage = shutil.disk_usage(home)
    return usage.free / usage.total if usage.total else 1.0


def size_bytes(home: Path) -> float:
    """Return the bytes of all files under the home directory; files that vanish meanwhile are left out."""
    total = 0
    for directory, _, files in os.walk(home):
        for name in files:
            try:
                total += os.lstat(os.path.join(directory, name)).st_size
            except FileNotFoundError:
                continue
    return float(total)


LIVE_RULES: tuple[LiveRule, ...] = (
    LiveRule(
        "disk_free",
        "Free part of the file system of the home directory",
        "below",
        0.05,
        0.01,
        "ratio",
        free_ratio,
        "{value:.1%} of the file system is free",
    ),
    LiveRule(
        "home_size",
        "Bytes of all files under the home directory",
        "above",
        100 * GIB,
        500 * GIB,
        "bytes",
        size_bytes,
        "the home directory holds {value:,.0f} bytes",
    ),
)


def measured(home: Path, rules: tuple[LiveRule, ...] = LIVE_RULES) -> Iterator[Measured]:
    """Yield what each rule measures now."""
    for rule in rules:
        value = rule.measure(home)
        yield Measured(rule, value, rule.state(value), rule.message.format(value=value))
