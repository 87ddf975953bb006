"""`query`: questions to the marts."""

import csv
import json
import shutil
import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from learning_pipeline.cli.options import home_option
from learning_pipeline.errors import UsageError

# A column of text is not made narrower than this to fit the terminal; then lines are longer than it is wide.
LEAST_WIDTH = 12
_GAP = "  "


@click.command()
@click.argument("name", required=False)
@home_option
@click.option("--sql", help="Ask this instead of a named question.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--list", "list_all", is_flag=True, help="List the named questions.")
def query(home: Path | None, name: str | None, sql: str | None, form: str, list_all: bool) -> None:
    """Ask the marts: a named question or SQL."""
    from learning_pipeline.marts.query import queries, run, why_empty
    from learning_pipeline.settings import load_settings

    if list_all:
        print_rows(form, ["name", "question"], sorted(queries().items()), cut=False)
        return
    if (name is None) == (sql is None):
        raise UsageError("query: give the name of a question or --sql SQL; query --list shows the names")
    result = run(load_settings(home), sql=sql, name=name)
    print_rows(form, result.columns, result.rows)
    why = why_empty(name) if name and not result.rows else None
    if why:
        click.echo(f"empty: {why}", err=True)


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
    return " ".join(str(value).split())


def fitted(widths: Sequence[int], fixed: Sequence[bool], room: int) -> list[int]:
    """Return the widths made to fit: the widest columns that are not fixed give way first, down to LEAST_WIDTH."""
    fits = list(widths)
    over = sum(fits) + len(_GAP) * (len(fits) - 1) - room
    while over > 0:
        loose = [i for i, keep in enumerate(fixed) if not keep and fits[i] > LEAST_WIDTH]
        if not loose:
            break
        widest = max(loose, key=lambda i: fits[i])
        # As much as is needed, yet not below the column that is the widest then.
        floor = max((fits[i] for i in loose if i != widest), default=LEAST_WIDTH)
        less = min(over, max(fits[widest] - floor, 1))
        fits[widest] -= less
        over -= less
    return fits


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def print_rows(form: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, cut: bool = True) -> None:
    """Print rows. Cells of a table are cut only to fit the width of a terminal."""
    if form == "json":
        click.echo(json.dumps([dict(zip(columns, map(plain, row), strict=True)) for row in rows], indent=1))
    elif not columns:
        return
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([["" if value is None else plain(value) for value in row] for row in rows])
    else:
        cells = [list(columns), *([_cell(value) for value in row] for row in rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
        numeric = [_numeric([row[i] for row in rows]) for i in range(len(columns))]
        if cut and sys.stdout.isatty():
            widths = fitted(widths, numeric, shutil.get_terminal_size().columns)
        for number, row in enumerate(cells):
            row = [_cut(text, width) for text, width in zip(row, widths, strict=True)]
            aligned = [text.rjust(w) if n else text.ljust(w) for text, w, n in zip(row, widths, numeric, strict=True)]
            click.echo(_GAP.join(aligned).rstrip())
            if number == 0:
                click.echo(_GAP.join("-" * width for width in widths))
        click.echo(f"({len(rows)} row{'' if len(rows) == 1 else 's'})", err=True)


def _numeric(values: Sequence[Any]) -> bool:
    found = [value for value in values if value is not None]
    return bool(found) and all(isinstance(value, int | float | Decimal) and value is not True for value in found)
