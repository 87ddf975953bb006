"""`hooks`: git hooks that write down what git does."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from learning_pipeline.cli.options import F, home_option, wait_option
from learning_pipeline.errors import UsageError

if TYPE_CHECKING:
    from learning_pipeline.hooks import HookStatus


@click.group()
def hooks() -> None:
    """Install the git hooks that write events, or back-fill a repository."""


def _where(command: F) -> F:
    everywhere = click.option("--global", "everywhere", is_flag=True, help="For all repositories of this user.")
    repository = click.option(
        "--repo",
        type=click.Path(path_type=Path, file_okay=False),
        help="Repository; default the one around the working directory.",
    )
    return everywhere(repository(command))


def _repository(everywhere: bool, repo: Path | None) -> Path | None:
    if everywhere and repo is not None:
        raise UsageError("hooks: give --global or --repo DIR, not both")
    return None if everywhere else repo or Path.cwd()


def _show(status: "HookStatus") -> None:
    click.echo(f"{status.scope}: {status.state} ({status.directory})")
    if status.installed:
        click.echo(f"  writes events: {', '.join(status.installed)}")
    if status.chained:
        click.echo(f"  were there before, and still run: {', '.join(status.chained)}")


@hooks.command()
@home_option
@_where
def install(home: Path | None, everywhere: bool, repo: Path | None) -> None:
    """Install the hooks; hooks that are there already still run. Installing again renews them."""
    from learning_pipeline.hooks import install as run
    from learning_pipeline.hooks import spool_dir
    from learning_pipeline.settings import load_settings

    spool = spool_dir(load_settings(home).home)
    _show(run(_repository(everywhere, repo), spool=spool))
    click.echo(f"  to: {spool}")


@hooks.command()
@home_option
@_where
def uninstall(home: Path | None, everywhere: bool, repo: Path | None) -> None:
    """Remove the hooks, and put back what was there before. Events that were written stay."""
    from learning_pipeline.hooks import uninstall as run

    _show(run(_repository(everywhere, repo)))


@hooks.command()
@home_option
@_where
def status(home: Path | None, everywhere: bool, repo: Path | None) -> None:
    """Show what is installed, and which hooks of others still run."""
    from learning_pipeline.hooks import status as run

    _show(run(_repository(everywhere, repo)))


@hooks.command()
@home_option
@wait_option
@click.argument("repository", type=click.Path(path_type=Path, file_okay=False))
def backfill(home: Path | None, wait: float, repository: Path) -> None:
    """Land the history that REPOSITORY has from before its hooks."""
    from learning_pipeline.assets.lock import home_lock
    from learning_pipeline.assets.refresh import COUNTS
    from learning_pipeline.cli.progress import progress_bars
    from learning_pipeline.cli.summary import landing_text
    from learning_pipeline.lake.land import land
    from learning_pipeline.settings import SourceSpec, load_settings

    settings = load_settings(home)
    spec = SourceSpec(kind="git_history", path=repository.expanduser().absolute())
    with home_lock(settings.home, wait_seconds=wait), progress_bars() as progress:
        report = land(settings, [spec], now=datetime.now(UTC), progress=progress)
    click.echo(landing_text({name: getattr(report, name) for name in COUNTS}, len(report.days)))
    click.echo("now in the lake; learning-pipeline refresh builds the marts from it")
