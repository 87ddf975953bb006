"""`lake`: the lines that were rejected, one by one; taking in the lake of another machine."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from learning_pipeline.cli.options import home_option, wait_option


@click.group()
def lake() -> None:
    """See which lines were rejected; bring the lakes of several machines together."""


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


@lake.command()
@home_option
@click.option("--all", "all_of_them", is_flag=True, help="Also those that were read since.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def rejected(home: Path | None, all_of_them: bool, form: str) -> None:
    """List the lines in quarantine: file, line, and which rule each of them broke."""
    from learning_pipeline.cli.query import print_rows
    from learning_pipeline.lake.quarantine import rejects
    from learning_pipeline.lake.state import State
    from learning_pipeline.lake.store import Lake
    from learning_pipeline.settings import load_settings

    settings, columns = load_settings(home), ["source", "check", "column", "source_file", "source_line", "reason"]
    if all_of_them:
        columns.append("resolved_at")
    rows: list[tuple[Any, ...]] = []
    if settings.state_path.exists():
        with State(settings.state_path) as state:
            found = rejects(Lake(settings.lake_dir, state), resolved=all_of_them)
        rows = found.sort("source", "source_file", "source_line", "check").select(columns).rows()
    print_rows(form, columns, rows, cut=False)
