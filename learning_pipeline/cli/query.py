"""`query`: questions to the marts."""

import csv
import json
import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from learning_pipeline.cli.options import home_option
from learning_pipeline.errors import UsageError

MAX_CELL = 60


@click.command()
@click.argument("name", required=False)
@home_option
@click.option("--sql", help="Ask this instead of a named question.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--list", "list_all", is_flag=True, help="List the named questions.")
def query(home: Path | None, name: str | None, sql: str | None, form: str, list_all: bool) -> None:
    """Ask the marts: a named question or SQL."""
    from learning_pipeline.marts.query import queries, run
    from learning_pipeline.settings import load_settings

    if list_all:
        _print(form, ["name", "question"], sorted(queries().items()))
        return
    if (name is None) == (sql is None):
        raise UsageError("query: give the name of a question or --sql SQL; query --list shows the names")
    result = run(load_settings(home), sql=sql, name=name)
    _print(form, result.columns, result.rows)


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; money stays exact as text would not: it becomes a number."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        value = round(value, 6).normalize()
        return f"{value:f}"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = " ".join(str(value).split())
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"


def _print(form: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if form == "json":
        click.echo(json.dumps([dict(zip(columns, map(plain, row), strict=True)) for row in rows], indent=1))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([["" if value is None else plain(value) for value in row] for row in rows])
    else:
        cells = [list(columns), *([_cell(value) for value in row] for row in rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
        numeric = [_numeric([row[i] for row in rows]) for i in range(len(columns))]
        for number, row in enumerate(cells):
            aligned = [text.rjust(w) if n else text.ljust(w) for text, w, n in zip(row, widths, numeric, strict=True)]
            click.echo("  ".join(aligned).rstrip())
            if number == 0:
                click.echo("  ".join("-" * width for width in widths))
        click.echo(f"({len(rows)} row{'' if len(rows) == 1 else 's'})", err=True)


def _numeric(values: Sequence[Any]) -> bool:
    found = [value for value in values if value is not None]
    return bool(found) and all(isinstance(value, int | float | Decimal) and value is not True for value in found)
