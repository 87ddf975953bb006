"""`health`: whether all is well."""

import json
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from learning_pipeline.cli.options import home_option, json_option
from learning_pipeline.errors import UsageError

if TYPE_CHECKING:
    from learning_pipeline.assets.health import Finding
    from learning_pipeline.settings import Settings
    from learning_pipeline.watch.memory import Change

EXIT_CODES = {"ok": 0, "critical": 1, "warning": 3}
AUDIT_EVENTS = 20
DEFAULT_INTERVAL_SECONDS = 60.0


@click.command()
@home_option
@json_option
@click.option("--watch", is_flag=True, help="Ask again and again, and tell what fires and what clears.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1, max=86400),
    metavar="S",
    help=f"Seconds between two questions of --watch.  [default: {DEFAULT_INTERVAL_SECONDS:.0f}]",
)
@click.option(
    "--prometheus",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the findings into this file too, as Prometheus reads them.",
)
def health(home: Path | None, as_json: bool, watch: bool, interval: float | None, prometheus: Path | None) -> None:
    """Say whether all is well: exit code 0, 1 (critical) or 3 (warning).

    Asks the laws, the alert rules (mart_alert) and the machine. With --watch each finding is told once when it
    fires, and once when it clears; it ends with Ctrl-C, and with the exit code of what it saw last.
    """
    if interval is not None and not watch:
        raise UsageError("health: --interval goes with --watch")
    from learning_pipeline.settings import load_settings

    settings = load_settings(home)
    if watch:
        raise SystemExit(EXIT_CODES[_watch(settings, interval or DEFAULT_INTERVAL_SECONDS, as_json, prometheus)])
    raise SystemExit(EXIT_CODES[_once(settings, as_json, prometheus)])


def _once(settings: "Settings", as_json: bool, prometheus: Path | None) -> str:
    from learning_pipeline.assets.health import dated, memory_path, worst
    from learning_pipeline.watch import audit, memory

    now = datetime.now(UTC)
    findings = dated(_ask(settings, now, prometheus), memory.load(memory_path(settings)))
    state = worst(findings)
    if as_json:
        events = audit.newest(settings.home, AUDIT_EVENTS)
        click.echo(json.dumps({"state": state, "findings": [_fields(one) for one in findings], "audit": events}))
    else:
        _show(findings)
    return state


def _ask(settings: "Settings", now: datetime, prometheus: Path | None) -> "list[Finding]":
    from learning_pipeline.assets.health import alerts
    from learning_pipeline.assets.health import health as ask

    findings = ask(settings, now)
    if prometheus is not None:
        from learning_pipeline.watch.prometheus import Metrics, write

        write(prometheus, Metrics({one.name: one.state for one in findings}, alerts(settings), now))
    return findings


def _watch(settings: "Settings", interval: float, as_json: bool, prometheus: Path | None) -> str:
    from learning_pipeline.assets.health import remembered, worst

    state, first = "ok", True
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        while True:
            now = datetime.now(UTC)
            findings, changes = remembered(settings, _ask(settings, now, prometheus), now)
            state = worst(findings)
            if as_json:
                told = {"state": state, "asked_at": now.isoformat(), "changes": [_change(one) for one in changes]}
                click.echo(json.dumps(told))
            elif first:
                _show(findings)
            else:
                _tell(findings, changes)
            first = False
            time.sleep(interval)
    except KeyboardInterrupt:
        return state
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show(findings: "list[Finding]") -> None:
    for finding in findings:
        since = f", since {finding.since}" if finding.since and finding.state != "ok" else ""
        click.echo(f"{finding.state:<9} {finding.name}: {finding.summary}{since}")


def _tell(findings: "list[Finding]", changes: "list[Change]") -> None:
    summaries = {finding.name: finding.summary for finding in findings}
    for change in changes:
        word = "cleared" if change.cleared else change.state
        click.echo(f"{change.since} {word:<9} {change.name}: {summaries.get(change.name, 'is no longer there')}")


def _change(change: "Change") -> dict[str, Any]:
    return {"name": change.name, "state": change.state, "before": change.before, "since": change.since}


def _fields(finding: "Finding") -> dict[str, Any]:
    head = {"name": finding.name, "state": finding.state, "summary": finding.summary, "since": finding.since}
    return head | finding.numbers
