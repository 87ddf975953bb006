"""`sample`: made-up raw logs."""

from datetime import datetime
from pathlib import Path

import click

LAST_DAY = "2026-10-31"


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="A new directory.")
@click.option("--days", type=click.IntRange(min=1), default=14, show_default=True)
@click.option("--sessions", type=click.IntRange(min=1), default=40, show_default=True)
@click.option("--seed", type=int, default=20260101, show_default=True)
@click.option(
    "--last-day",
    type=click.DateTime(["%Y-%m-%d"]),
    default=LAST_DAY,
    show_default=True,
    help="Day of the last events.",
)
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Length of lines and sessions; 1 is as long as real ones.",
)
@click.option("--executions", type=click.IntRange(min=0), help="Executions in the execution log; default 20 a session.")
def sample(
    out: Path, days: int, sessions: int, seed: int, last_day: datetime, scale: float, executions: int | None
) -> None:
    """Write made-up raw logs in every format that is supported; the same options give the same bytes."""
    from learning_pipeline.cli.progress import progress_bars
    from learning_pipeline.cli.summary import program_name
    from learning_pipeline.sample import write_sample

    with progress_bars() as progress:
        write_sample(
            out,
            days=days,
            sessions=sessions,
            seed=seed,
            last_day=last_day.date(),
            scale=scale,
            executions=executions,
            progress=progress,
        )
    click.echo(f"written: {out}; read it with: {program_name()} refresh --source auto={out}")
