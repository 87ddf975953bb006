"""`refresh`: the main job."""

import json
from pathlib import Path

import click

from learning_pipeline.cli.options import complain, home_option, inputs, json_option, source_option, wait_option


@click.command()
@home_option
@source_option
@json_option
@wait_option
@click.option("--no-publish", is_flag=True, help="Leave PostgreSQL alone.")
def refresh(home: Path | None, sources: tuple[str, ...], as_json: bool, wait: float, no_publish: bool) -> None:
    """Do everything that is new: land, build, train, publish."""
    from datetime import UTC, datetime

    from learning_pipeline.assets.refresh import refresh as run
    from learning_pipeline.cli.progress import progress_bars
    from learning_pipeline.cli.summary import refresh_text
    from learning_pipeline.settings import load_settings

    settings = load_settings(home, publish=False if no_publish else None)
    specs = inputs(settings, sources)
    with progress_bars() as progress:
        report = run(
            settings,
            specs,
            now=datetime.now(UTC),
            publish=settings.publish,
            progress=progress,
            wait_seconds=wait,
        )
    click.echo(refresh_text(report, settings, specs), err=as_json)
    if as_json:
        click.echo(json.dumps(report.summary()))
    complain(report.unreadable)
