"""`report`: the page with charts, without Dagster."""

import json
from pathlib import Path

import click

from learning_pipeline.cli.options import home_option, json_option, wait_option


@click.command()
@home_option
@json_option
@wait_option
def report(home: Path | None, as_json: bool, wait: float) -> None:
    """Make the page with charts, reports/index.html, from the marts as they are."""
    from learning_pipeline.assets.lock import home_lock
    from learning_pipeline.cli.summary import counted, short_path
    from learning_pipeline.report.write import write_page
    from learning_pipeline.settings import load_settings

    settings = load_settings(home)
    with home_lock(settings.home, wait_seconds=wait):
        page = write_page(settings)
    version = "a new version" if page.changed else "unchanged"
    left_out = f", {len(page.left_out)} left out as the page says" if page.left_out else ""
    click.echo(f"{counted(page.charts, 'chart')}{left_out}, {version}: {short_path(page.path)}", err=as_json)
    if as_json:
        fields = {
            "report_path": page.path,
            "changed": page.changed,
            "bytes": page.size_bytes,
            "charts": page.charts,
            "left_out": page.left_out,
            "seconds": round(page.seconds, 3),
        }
        click.echo(json.dumps(fields, default=str))
