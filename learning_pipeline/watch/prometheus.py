"""Findings and alerts as a text file for Prometheus' node exporter."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

LEVELS = {"ok": 0, "warning": 1, "critical": 2}
PREFIX = "learning_pipeline"


@dataclass(frozen=True)
class Metrics:
    """What is told: the state of each finding by name, the rows of mart_alert, and when it was asked."""

    states: Mapping[str, str]
    alerts: Iterable[Mapping[str, Any]]
    asked_at: datetime


class _Collector:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> "Iterator[GaugeMetricFamily]":
        from prometheus_client.core import GaugeMetricFamily

        metrics = self._metrics
        alerts = sorted(metrics.alerts, key=lambda row: (row["rule"], row["subject"]))
        health = GaugeMetricFamily(f"{PREFIX}_health", "0 ok, 1 warning, 2 critical", labels=["check"])
        for name, state in sorted(metrics.states.items()):
            health.add_metric([name], LEVELS[state])
        yield health
        for name, column, text in (
            ("alert_state", "state", "0 ok, 1 warning, 2 critical, as of the newest event"),
            ("alert_value", "value", "What the rule measured"),
            ("alert_threshold", "threshold", "Threshold that the state is about"),
            ("alert_events", "n", "Events behind the value"),
            ("alert_since_seconds", "since", "Unix time since which it stands so"),
        ):
            gauge = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=["rule", "subject"])
            for row in alerts:
                value = row[column]
                if value is not None:  # unknown is not told, above all not as 0
                    gauge.add_metric([row["rule"], row["subject"]], _number(value))
            yield gauge
        worst = max((LEVELS[state] for state in metrics.states.values()), default=0)
        yield GaugeMetricFamily(f"{PREFIX}_health_worst", "The worst of all findings", value=worst)
        yield GaugeMetricFamily(
            f"{PREFIX}_health_asked_seconds", "Unix time at which it was asked", value=metrics.asked_at.timestamp()
        )


def _number(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    return float(LEVELS[value] if isinstance(value, str) else value)


def write(path: Path, metrics: Metrics) -> None:
    """Write the file, whole or not at all.

    Raises:
        PipelineError: it cannot be written.
    """
    from prometheus_client import CollectorRegistry, write_to_textfile

    registry = CollectorRegistry()
    registry.register(_Collector(metrics))
    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        raise PipelineError(f"cannot write {path}: {error.strerror}") from error
