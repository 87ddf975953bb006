"""`learning-pipeline`: the root command. A subcommand's module is imported when it is called."""

import gc
import sys
from importlib import import_module
from typing import NoReturn

import click

from learning_pipeline.errors import PipelineError, UsageError

# name: (module, what `--help` says of it)
COMMANDS = {
    "refresh": ("refresh", "Do everything that is new: land, build, train, publish."),
    "land": ("steps", "Read what is new in the raw logs into the lake."),
    "lake": ("lake", "Bring the lakes of several machines together."),
    "build": ("steps", "Rebuild facts and marts of the days that landing touched."),
    "train": ("steps", "Train the router on the facts."),
    "report": ("report", "Make the page with charts, reports/index.html, from the marts."),
    "publish": ("steps", "Load the marts and the router into PostgreSQL."),
    "route": ("route", "Say which agent or model should take a task."),
    "models": ("models", "List the router's versions; force one, roll back, hold; weigh cost and time."),
    "query": ("query", "Ask the marts: a named question or SQL."),
    "health": ("health", "Say whether all is well: exit code 0, 1 (critical) or 3 (warning)."),
    "hooks": ("hooks", "Install the git hooks that write events, or back-fill a repository."),
    "db": ("db", "Migrate, look at, use or stop the PostgreSQL server."),
    "mcp": ("mcp", "Answer agents over the Model Context Protocol, read-only."),
    "ui": ("ui", "Start Dagster's web server and daemon."),
    "sample": ("sample", "Write made-up raw logs in every format that is supported."),
}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"learning_pipeline.cli.{COMMANDS[cmd_name][0]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 success, 1 a failure that is explained in one line, 2 wrong usage.",
)
@click.version_option(package_name="learning-pipeline")
def root() -> None:
    """Turn the logs of AI agents and of git into DuckDB marts, a routing model and a PostgreSQL schema."""


def main() -> NoReturn:
    """Run the command line; every explained failure is one line on standard error."""
    try:
        code = root.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except UsageError as error:
        code = _explain(error, 2)
    except PipelineError as error:
        code = _explain(error, 1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away: nobody to tell
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: PipelineError, code: int) -> int:
    click.echo(f"learning-pipeline: {' '.join(str(error).split())}", err=True)
    return code


def program() -> NoReturn:
    """Run the command line as all that a process does."""
    try:
        main()
    finally:
        # Else the interpreter's last act is to look for cycles in all there is, three times: a tenth of a second.
        # DuckDB takes what is not looked at for a leak, and tells of it.
        if "duckdb" not in sys.modules:
            gc.freeze()


if __name__ == "__main__":
    program()
