"""Asks marts.duckdb: questions of the query book by name, or any SQL, read-only."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learning_pipeline.errors import PipelineError, UsageError
from learning_pipeline.settings import Settings

# The book lies beside the package: in a checkout, and where it is installed as editable.
BOOK = Path(__file__).parents[2] / "sql" / "queries"
_EMPTY = "-- Empty:"


@dataclass(frozen=True)
class Result:
    """Rows with the names and DuckDB types of their columns."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]


def queries() -> dict[str, str]:
    """Return the one-line description of each question of the book, by name.

    Raises:
        PipelineError: the book is not there.
    """
    return {path.stem: _description(path) for path in _files()}


def text(name: str) -> str:
    """Return the SQL of a named question. Raises UsageError where the book does not have it."""
    files = {path.stem: path for path in _files()}
    if name not in files:
        close = difflib.get_close_matches(name, files, 3)
        raise UsageError(f"there is no query {name!r}; {_instead(close)}query --list shows all {len(files)}")
    return files[name].read_text("utf-8")


def why_empty(name: str) -> str | None:
    """Return what it means that a named question has no answer; None where its file does not say."""
    lines = text(name).splitlines()
    return lines[1].removeprefix(_EMPTY).strip() if len(lines) > 1 and lines[1].startswith(_EMPTY) else None


def _instead(close: list[str]) -> str:
    return f"did you mean {' or '.join(close)}? " if close else ""


def run(settings: Settings, *, sql: str | None = None, name: str | None = None) -> Result:
    """Run a named question, or one SQL statement, on the marts. It can read nothing else and change nothing.

    The result of a statement that answers nothing (as SET) has no columns.

    Raises:
        UsageError: not exactly one of sql and name was given, the name is unknown, or the SQL is not one statement.
        PipelineError: there are no marts yet, or the SQL is wrong; the message says what and where.
    """
    import duckdb

    if (sql is None) == (name is None):
        raise UsageError("give either the name of a query or SQL")
    statement = sql if sql is not None else text(str(name))
    if not settings.marts_path.exists():
        raise PipelineError(f"{settings.marts_path} does not exist yet: run `learning-pipeline refresh` first")
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "enable_external_access": "false",
    }
    try:
        with duckdb.connect(str(settings.marts_path), read_only=True, config=config) as connection:
            connection.execute("set timezone = 'UTC'")
            statements = connection.extract_statements(statement)
            if len(statements) != 1:
                raise UsageError(f"--sql takes one statement only, and this is {len(statements) or 'none'}")
            cursor = connection.execute(statements[0])
            described = cursor.description or []
            if statements[0].type != duckdb.StatementType.SELECT and [column[0] for column in described] == ["Success"]:
                return Result([], [], [])
            return Result(
                [column[0] for column in described], [str(column[1]) for column in described], cursor.fetchall()
            )
    except (duckdb.IOException, duckdb.FatalException, duckdb.InternalException) as error:
        said = str(error).splitlines()[0]
        raise PipelineError(f"cannot read the marts: {said}; `learning-pipeline refresh` builds them again") from error
    except duckdb.Error as error:
        where = f"query {name}" if name else "SQL"
        raise PipelineError(f"{where}: {' '.join(str(error).split())}") from error


def _files() -> list[Path]:
    if not BOOK.is_dir():
        raise PipelineError(f"the query book {BOOK} is not there: install from the checkout with pip install -e .")
    return sorted(BOOK.glob("*.sql"))


def _description(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().removeprefix("--").strip()
