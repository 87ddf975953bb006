"""`ui`: Dagster's web server and daemon."""

from pathlib import Path

import click

from learning_pipeline.cli.options import home_option


@click.command()
@home_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
def ui(home: Path | None, host: str, port: int) -> None:
    """Start Dagster's web server and daemon; the schedule and the sensor run while they are up."""
    from learning_pipeline.assets.serve import serve
    from learning_pipeline.settings import load_settings

    click.echo("starting Dagster ...", err=True)
    serve(load_settings(home), host=host, port=port, ready=lambda url: click.echo(f"{url}  (Ctrl-C stops it)"))
    click.echo("stopped", err=True)
