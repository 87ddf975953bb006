"""`db`: the PostgreSQL server and its schema."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import click

from learning_pipeline.cli.options import home_option
from learning_pipeline.errors import PipelineError, UsageError


@click.group()
def db() -> None:
    """Migrate, look at, use or stop the PostgreSQL server."""


@contextmanager
def _server(home: Path | None) -> Iterator[str]:
    from learning_pipeline.publish.server import database
    from learning_pipeline.settings import load_settings

    with database(load_settings(home)) as url:
        yield url


@db.command()
@home_option
def upgrade(home: Path | None) -> None:
    """Apply all migrations."""
    from learning_pipeline.publish import migrate

    with _server(home) as url:
        migrate.upgrade(url)
        _print_status(migrate.status(url))


@db.command()
@home_option
@click.option("--to", metavar="REVISION", help="Keep this revision and those before it; default: roll back all.")
def downgrade(home: Path | None, to: str | None) -> None:
    """Roll migrations back."""
    from learning_pipeline.publish import migrate

    with _server(home) as url:
        migrate.downgrade(url, to)
        _print_status(migrate.status(url))


@db.command()
@home_option
def status(home: Path | None) -> None:
    """Show which migrations are applied."""
    from learning_pipeline.publish import migrate

    with _server(home) as url:
        _print_status(migrate.status(url))


def _print_status(revisions: list[tuple[str, bool]]) -> None:
    for revision, applied in revisions:
        click.echo(f"{'applied' if applied else 'pending'}  {revision}")


@db.command(context_settings={"ignore_unknown_options": True})
@home_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(home: Path | None, command: tuple[str, ...]) -> None:
    """Run a command while the server is up: db run -- psql."""
    if not command:
        raise UsageError("db run: give a command after --, as in: db run -- psql -c 'select 1'")
    with _server(home) as url:
        try:
            child = subprocess.Popen(command, env={**os.environ, **client_environment(url)})
        except OSError as error:
            raise PipelineError(f"db run: cannot start {command[0]}: {error.strerror}") from error
        code = _wait(child)
    raise SystemExit(code)


def _wait(child: subprocess.Popen[bytes]) -> int:
    """Return the child's exit code; an interrupt goes to the child, which decides what it means."""
    while True:
        try:
            code = child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
        else:
            return code if code >= 0 else 128 - code


def client_environment(url: str) -> dict[str, str]:
    """Return the variables by which PostgreSQL's clients find the server of a URL."""
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    found = {
        "LEARNING_PIPELINE_POSTGRES_URL": url,
        "PGHOST": unquote(parts.hostname or "") or options.get("host", ""),
        "PGPORT": str(parts.port or options.get("port", "")),
        "PGUSER": unquote(parts.username or "") or options.get("user", ""),
        "PGPASSWORD": unquote(parts.password or "") or options.get("password", ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")) or options.get("dbname", ""),
    }
    return {name: value for name, value in found.items() if value}


@db.command()
@home_option
def stop(home: Path | None) -> None:
    """Stop the embedded server, one that was left behind too."""
    from learning_pipeline.publish import server
    from learning_pipeline.settings import load_settings

    stopped = server.stop(load_settings(home))
    click.echo("stopped" if stopped else "it was not running")
