"""`sample`: made-up raw logs."""

from datetime import datetime
from pathlib import Path

import click


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Directory to write into.")
@click.option("--days", type=click.IntRange(min=1), default=14, show_default=True)
@click.option("--sessions", type=click.IntRange(min=1), default=40, show_default=True)
@click.option("--seed", type=int, default=20260101, show_default=True)
@click.option(
    "--last-day",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2026-01-31",
    show_default=True,
    help="Day of the last event.",
)
def sample(out: Path, days: int, sessions: int, seed: int, last_day: datetime) -> None:
    """Write made-up raw logs in every format that is supported; the same options give the same bytes."""
    from learning_pipeline.sample import write_sample

    write_sample(out, days=days, sessions=sessions, seed=seed, last_day=last_day.date())
    click.echo(f"written: {out}; read it with: learning-pipeline refresh --source auto={out}")
