"""`models`: the versions of the router, and what a person decides about them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from learning_pipeline.cli.options import home_option, json_option

if TYPE_CHECKING:
    from learning_pipeline.routing.registry import Registry

_reason = click.option("--reason", required=True, help="Why; it is kept with the version.")


def _registry(home: Path | None) -> "Registry":
    from learning_pipeline.routing.registry import Registry
    from learning_pipeline.settings import load_settings

    return Registry(load_settings(home).models_dir)


def _note(home: Path | None, version: str, reason: str, now: datetime) -> None:
    """Note a promotion by hand in the audit log."""
    from learning_pipeline.settings import load_settings
    from learning_pipeline.watch import audit

    audit.promotion(load_settings(home).home, version, reason, now)


@click.group()
def models() -> None:
    """List the router's versions; force one, roll back, hold; weigh cost and time."""


@models.command("list")
@home_option
@json_option
def show(home: Path | None, as_json: bool) -> None:
    """List all versions, oldest first, with their stage and why they have it."""
    registry = _registry(home)
    hold, latest = registry.held(), registry.latest()
    rows = [
        {
            "version": item.version,
            "stage": item.stage,
            "created_at": item.created_at.isoformat(),
            "method": item.manifest.get("method"),
            "labelled": item.manifest.get("labelled"),
            "latest": latest is not None and item.version == latest.version,
            "reason": item.reason,
        }
        for item in registry.versions()
    ]
    if as_json:
        click.echo(json.dumps({"versions": rows, "hold": hold, "weights": registry.weights()}))
        return
    for row in rows:
        click.echo(f"{row['version']}  {row['stage']:<10}  {str(row['created_at'])[:19]}  {row['reason']}")
    if not rows:
        click.echo("no version yet: refresh, or train")
    if hold is not None:
        click.echo(f"promotion is on hold: {hold}")


@models.command()
@home_option
@click.argument("version")
@_reason
def force(home: Path | None, version: str, reason: str) -> None:
    """Put VERSION into production, whatever the gate says."""
    now = datetime.now(UTC)
    _registry(home).change(version, "production", f"forced: {reason}", now=now)
    _note(home, version, f"forced: {reason}", now)
    click.echo(f"{version} is in production")


@models.command()
@home_option
@_reason
def rollback(home: Path | None, reason: str) -> None:
    """Put the version back into production that was replaced last."""
    now = datetime.now(UTC)
    back = _registry(home).rollback(reason, now=now)
    _note(home, back.version, f"rolled back: {reason}", now)
    click.echo(f"{back.version} is in production again")


@models.command()
@home_option
@_reason
def hold(home: Path | None, reason: str) -> None:
    """Promote no version until `models release`."""
    _registry(home).hold(reason, now=datetime.now(UTC))
    click.echo("no version is promoted until `models release`")


@models.command()
@home_option
def release(home: Path | None) -> None:
    """Let versions be promoted again."""
    _registry(home).hold(None, now=datetime.now(UTC))
    click.echo("versions are promoted again when they pass")


@models.command()
@home_option
@click.argument("task_type")
@click.option("--cost", type=click.FloatRange(min=0), help="What a share of cost counts against success.")
@click.option("--time", "time_", type=click.FloatRange(min=0), help="What a share of time counts against success.")
def weigh(home: Path | None, task_type: str, cost: float | None, time_: float | None) -> None:
    """Set how much cost and time count in tasks of TASK_TYPE; without options, as training chose."""
    weights = {name: value for name, value in (("cost", cost), ("time", time_)) if value is not None}
    _registry(home).weigh(task_type, weights or None)
    click.echo(f"{task_type}: {weights or 'as training chose'}")


@models.command()
@home_option
@json_option
def drift(home: Path | None, as_json: bool) -> None:
    """Say whether what the version in production learned still holds, and whether to train anew."""
    from learning_pipeline.errors import PipelineError
    from learning_pipeline.marts.reader import read
    from learning_pipeline.routing.drift import signals, triggers
    from learning_pipeline.routing.labels import experience
    from learning_pipeline.routing.registry import Registry
    from learning_pipeline.settings import load_settings

    settings = load_settings(home)
    registry = Registry(settings.models_dir)
    item = registry.current() or registry.latest()
    if item is None or not item.manifest.get("last_at"):
        raise PipelineError("there is no version to look at: refresh, or train")
    answered = read(settings, "mart_router_prediction").collect()
    joined = int(answered["is_joined"].sum()) / answered.height if answered.height else None
    rows = experience(read(settings, "fct_executions"))
    found = signals(
        rows,
        answered.filter(router_version=item.version),
        datetime.fromisoformat(item.manifest["last_at"]),
        datetime.now(UTC),
    )
    due = triggers(found)
    if as_json:
        shown = [{**vars(one), "fires": one.fires} for one in found]
        fields = {"version": item.version, "answers": answered.height, "join_rate": joined}
        click.echo(json.dumps({**fields, "signals": shown, "triggers": due}))
        return
    rate = "none" if joined is None else f"{joined:.0%} of {answered.height}"
    click.echo(f"{item.version} ({item.stage}); answers joined with an execution: {rate}")
    for line in due or ["nothing asks for a new training"]:
        click.echo(f"  {line}")
