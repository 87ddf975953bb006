"""`lake merge`: takes in the lake of another machine."""

from datetime import UTC, datetime
from pathlib import Path

import click

from learning_pipeline.cli.options import home_option, wait_option


@click.group()
def lake() -> None:
    """Bring the lakes of several machines together."""


@lake.command()
@click.argument("other", type=click.Path(path_type=Path))
@home_option
@wait_option
def merge(other: Path, home: Path | None, wait: float) -> None:
    """Take in what the home directory OTHER has landed; what both have read counts once."""
    from learning_pipeline.assets.lock import home_lock
    from learning_pipeline.cli.summary import counted
    from learning_pipeline.lake.combine import combine
    from learning_pipeline.settings import load_settings

    settings = load_settings(home)
    with home_lock(settings.home, wait_seconds=wait):
        report = combine(settings, other, now=datetime.now(UTC))
    click.echo(
        f"merged: {counted(report.lines, 'new line')} and {counted(report.rejects, 'reject')},"
        f" {counted(len(report.days), 'day')} changed"
    )
    if report.days:
        click.echo("next: learning-pipeline build")
