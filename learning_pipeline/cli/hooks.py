"""`hooks`: git hooks that write down what git does."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from learning_pipeline.cli.options import F, home_option, wait_option
from learning_pipeline.errors import UsageError

if TYPE_CHECKING:
    from learning_pipeline.hooks import HookStatus

SPOOL = "lp_spool="  # the line of a hook that says where it writes to


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
        for place in sorted({_spool_of(status.directory / name) for name in status.installed}):
            click.echo(f"  to: {place}")
    if status.chained:
        click.echo(f"  were there before, and still run: {', '.join(status.chained)}")


def _spool_of(hook: Path) -> str:
    """Return where an installed hook writes to, by what stands in it."""
    try:
        lines = hook.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return next(shlex.split(line)[0] for line in lines if line.startswith(SPOOL)).removeprefix(SPOOL)
    except (OSError, ValueError, StopIteration):
        return f"unknown, since {hook} cannot be read; install the hooks again"


def _settled_home(home: Path | None) -> Path:
    """Return the home directory that hooks may write to for good: a named one, or one that is in use."""
    from learning_pipeline.settings import home_is_named, load_settings

    settings = load_settings(home)
    if not home_is_named(home) and not settings.state_path.exists():
        raise UsageError(f"hooks install: say where the events go: --home DIR ({settings.home} is not in use as one)")
    return settings.home


@hooks.command()
@home_option
@_where
def install(home: Path | None, everywhere: bool, repo: Path | None) -> None:
    """Install the hooks; hooks that are there already still run. Installing again renews them."""
    from learning_pipeline.hooks import install as run
    from learning_pipeline.hooks import spool_dir

    _show(run(_repository(everywhere, repo), spool=spool_dir(_settled_home(home))))


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
    from learning_pipeline.lake.git import is_repository
    from learning_pipeline.lake.land import land
    from learning_pipeline.settings import SourceSpec, load_settings

    if not is_repository(repository.expanduser()):
        raise UsageError(f"hooks backfill: {repository} is no git repository; name the top of one")
    settings = load_settings(home)
    spec = SourceSpec(kind="git_history", path=repository.expanduser().absolute())
    with home_lock(settings.home, wait_seconds=wait), progress_bars() as progress:
        report = land(settings, [spec], now=datetime.now(UTC), progress=progress)
    click.echo(landing_text({name: getattr(report, name) for name in COUNTS}, len(report.days)))
    click.echo("now in the lake; learning-pipeline refresh builds the marts from it")
