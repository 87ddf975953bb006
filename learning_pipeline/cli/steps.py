"""`land`, `build`, `train`, `publish`: the steps of a refresh, one by one and without Dagster."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from learning_pipeline.cli.options import complain, home_option, inputs, json_option, source_option, wait_option

if TYPE_CHECKING:
    import polars as pl

    from learning_pipeline.progress import Progress
    from learning_pipeline.settings import Settings, SourceSpec


@contextmanager
def _writing(settings: "Settings", wait: float) -> Iterator["Progress"]:
    """Give a progress function while the home directory is held."""
    from learning_pipeline.assets.lock import home_lock
    from learning_pipeline.cli.progress import progress_bars

    with home_lock(settings.home, wait_seconds=wait), progress_bars() as progress:
        yield progress


def _show(text: str, fields: dict[str, Any], as_json: bool) -> None:
    click.echo(text, err=as_json)
    if as_json:
        click.echo(json.dumps(fields, default=str))


@click.command()
@home_option
@source_option
@json_option
@wait_option
@click.option("--retry-quarantine", "retry", is_flag=True, help="Read files with rejected lines again, from the start.")
def land(home: Path | None, sources: tuple[str, ...], as_json: bool, wait: float, retry: bool) -> None:
    """Read what is new in the raw logs into the lake."""
    from learning_pipeline.assets import broken
    from learning_pipeline.assets.record import mark_looked
    from learning_pipeline.assets.refresh import COUNTS
    from learning_pipeline.cli.summary import landing_text, unknown_text
    from learning_pipeline.lake.land import land as run
    from learning_pipeline.settings import load_settings
    from learning_pipeline.watch import audit

    settings, now = load_settings(home), datetime.now(UTC)
    specs = _of_rejects(settings) if retry and not sources else inputs(settings, sources)
    with _writing(settings, wait) as progress:
        standing = _rejects(settings) if retry else 0
        report = run(settings, specs, now=now, progress=progress, retry=retry)
        audit.landing(settings.home, report, now)
        mark_looked(settings, now)
        broken.note(settings, specs, report)
    fields = {name: getattr(report, name) for name in COUNTS}
    fields |= {"days": report.days, "sources": report.sources, "seconds": round(report.seconds, 3)}
    fields |= {"unrecognised": report.unrecognised, "unreadable": report.unreadable}
    text = landing_text({name: fields[name] for name in COUNTS}, len(report.days))
    if retry:
        fields["rejects"] = {"before": standing, "now": _rejects(settings)}
        text += f"\nin quarantine: {standing:,} before, {fields['rejects']['now']:,} now"
    if report.unrecognised:
        text += f"\n{unknown_text(report.unrecognised)}"
    _show(text, fields, as_json)
    complain(report.unreadable)


def _rejects(settings: "Settings") -> int:
    return _standing(settings).height


def _of_rejects(settings: "Settings") -> list["SourceSpec"]:
    """Return the files that have lines in quarantine, each as an input; those that are gone are left out."""
    from learning_pipeline.settings import SourceSpec

    files = _standing(settings).select("source", "source_file").unique().sort("source_file", "source").rows()
    return [SourceSpec(kind=kind, path=Path(path)) for kind, path in files if Path(path).exists()]


def _standing(settings: "Settings") -> "pl.DataFrame":
    from learning_pipeline.lake.quarantine import unresolved
    from learning_pipeline.lake.state import State
    from learning_pipeline.lake.store import Lake

    with State(settings.state_path) as state:
        return unresolved(Lake(settings.lake_dir, state))


@click.command()
@home_option
@json_option
@wait_option
@click.option("--day", "days", multiple=True, type=click.DateTime(["%Y-%m-%d"]), help="Build this day, needed or not.")
def build(home: Path | None, as_json: bool, wait: float, days: tuple[datetime, ...]) -> None:
    """Rebuild facts and marts of the days that landing touched."""
    from learning_pipeline.cli.summary import counted
    from learning_pipeline.marts.build import build as run
    from learning_pipeline.settings import load_settings

    chosen = [day.date() for day in days] or None
    settings = load_settings(home)
    with _writing(settings, wait) as progress:
        report = run(settings, now=datetime.now(UTC), days=chosen, progress=progress)
    fields = {
        "days": report.days,
        "tables": report.tables,
        "marts_path": report.marts_path,
        "changed": report.changed,
        "seconds": round(report.seconds, 3),
    }
    version = "a new version" if report.changed else "unchanged"
    _show(
        f"{counted(len(report.days), 'day')} built, {counted(len(report.tables), 'table')}, "
        f"{version}: {report.marts_path}",
        fields,
        as_json,
    )


@click.command()
@home_option
@json_option
@wait_option
def train(home: Path | None, as_json: bool, wait: float) -> None:
    """Train the router on the facts."""
    from learning_pipeline.cli.summary import why_not
    from learning_pipeline.routing.train import train as run
    from learning_pipeline.settings import load_settings
    from learning_pipeline.watch import audit

    settings, now = load_settings(home), datetime.now(UTC)
    with _writing(settings, wait) as progress:
        report = run(settings, now=now, progress=progress)
        audit.training(settings.home, report, now)
    fields = {
        "version": report.version,
        "trained": report.trained,
        "promoted": report.promoted,
        "reason": report.reason,
        "metrics": report.metrics,
        "seconds": round(report.seconds, 3),
    }
    state = "promoted" if report.promoted else "not promoted"
    _show(f"router {report.version or 'none'}: {state}, {why_not(report.version, report.reason)}", fields, as_json)


@click.command()
@home_option
@json_option
@wait_option
def publish(home: Path | None, as_json: bool, wait: float) -> None:
    """Load the marts and the router into PostgreSQL."""
    from learning_pipeline.assets.unfinished import was_published
    from learning_pipeline.publish.load import publish as run
    from learning_pipeline.settings import load_settings
    from learning_pipeline.watch import audit

    settings, now = load_settings(home), datetime.now(UTC)
    with _writing(settings, wait) as progress:
        report = run(settings, now=now, progress=progress)
        audit.publish(settings.home, report, now)
        was_published(settings, report.publish_id)
    fields = {
        "publish_id": report.publish_id,
        "published": report.published,
        "reason": report.reason,
        "rows": report.rows if report.published else {},
        "seconds": round(report.seconds, 3),
    }
    _show(f"publish{f' {report.publish_id}' if report.publish_id else ''}: {report.reason}", fields, as_json)
