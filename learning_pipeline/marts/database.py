"""The one module that owns marts.duckdb.

The file is never written in place. A new one is built beside it and renamed over it, so a reader sees one whole
version, and keeps the one it opened. It holds, in `_partitions`, the digest of every part that it was put
together from; when these are the digests of what is staged, nothing is written.

It is always written whole, which keeps it small and simple: a file that is patched would keep the holes of the rows
that were removed. What did not change is copied from the version before (`carry`), the rest is read from the parts.
"""

import os
import shutil
from contextlib import suppress
from datetime import date
from pathlib import Path

import duckdb

from learning_pipeline.contracts.base import Table, column_comments, description, polars_schema
from learning_pipeline.errors import PipelineError
from learning_pipeline.marts.carry import Before
from learning_pipeline.marts.quality import duckdb_type, ordered_columns
from learning_pipeline.marts.registry import described
from learning_pipeline.marts.staging import Part


class WriteError(PipelineError):
    """The new file could not be put together."""


Parts = dict[tuple[str, date | None], Part]

# DuckDB 2 writes this form, and every client from 1.1 on reads it.
_STORAGE_VERSION = "v1.0.0"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_MEMORY = "256MB"
_TIME_DEPENDENT = "mart_freshness"


def holds(path: Path, parts: Parts) -> bool:
    """Say whether the file at a path was put together from just these parts. `mart_freshness` does not count."""
    if not path.exists():
        return False
    try:
        with duckdb.connect(str(path), read_only=True, config=_CONFIG) as connection:
            rows = connection.execute(
                "select table_name, day, digest from _partitions where table_name <> ?", [_TIME_DEPENDENT]
            ).fetchall()
    except duckdb.Error:
        return False  # not a file of ours, or not whole: it is replaced
    wanted = {(name, day, part.digest) for (name, day), part in parts.items() if name != _TIME_DEPENDENT}
    return {(name, day, digest) for name, day, digest in rows} == wanted


def write(path: Path, parts: Parts, files: dict[tuple[str, date | None], Path]) -> None:
    """Put the parts together in a new file, and rename it to `path`.

    Raises:
        PipelineError: the file could not be written; the one that was there is untouched.
    """
    _remove_leftovers(path)
    building = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            _fill(building, parts, files, path)
        except duckdb.Error:  # the version before may be damaged: then all comes from the parts
            building.unlink(missing_ok=True)
            _fill(building, parts, files, None)
        # A log that another program left would be read into the new file.
        path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
        os.replace(building, path)
    except (duckdb.Error, OSError) as error:
        raise WriteError(f"cannot write {path}: {str(error).splitlines()[0]}") from error
    finally:
        _remove_leftovers(path)


def _remove_leftovers(path: Path) -> None:
    """Remove what a run that was killed left half-built."""
    for leftover in path.parent.glob(f".{path.name}.*.part*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            with suppress(FileNotFoundError):
                leftover.unlink()


def _fill(building: Path, parts: Parts, files: dict[tuple[str, date | None], Path], old: Path | None) -> None:
    by_table: dict[str, dict[date | None, Part]] = {}
    for (name, day), part in parts.items():
        by_table.setdefault(name, {})[day] = part
    config = _CONFIG | {"memory_limit": _MEMORY, "temp_directory": f"{building}.tmp"}
    with duckdb.connect(config=config) as connection:
        connection.execute(f"attach {_text(str(building))} as marts (storage_version {_text(_STORAGE_VERSION)})")
        connection.execute("use marts")
        before = Before(connection, old) if old else None
        connection.execute("begin")
        for name, (_, contract) in described().items():
            _create(connection, name, contract)
            # By day: the rows of a table lie in the order of time.
            wanted = by_table.get(name, {})
            carried = before.carry(name, _columns(contract), wanted) if before else set()
            days = sorted((day for day, part in wanted.items() if part.rows and day not in carried), key=str)
            staged = [(name, day) for day in days]
            if staged:
                columns = ", ".join(_quoted(column) for column in ordered_columns(contract))
                connection.execute(
                    f"insert into {_quoted(name)} select {columns} from read_parquet(?, hive_partitioning = false)",
                    [[str(files[key]) for key in staged]],
                )
        if parts:
            told = [(name, day, part.digest, part.rows) for (name, day), part in sorted(parts.items(), key=str)]
            columns = ", ".join(
                ["unnest(?::varchar[])", "unnest(?::date[])", "unnest(?::varchar[])", "unnest(?::bigint[])"]
            )
            connection.execute(
                f"insert into _partitions select {columns}", [list(one) for one in zip(*told, strict=True)]
            )
        connection.execute("commit")
        if before:
            before.close()
        connection.execute("checkpoint marts")
        connection.execute("use memory")
        connection.execute("detach marts")


def _columns(contract: type[Table]) -> list[tuple[str, str]]:
    """Return names and DuckDB types of a table's columns, in order."""
    schema = polars_schema(contract)
    return [(column, duckdb_type(schema[column])) for column in ordered_columns(contract)]


def _create(connection: duckdb.DuckDBPyConnection, name: str, contract: type[Table]) -> None:
    comments, columns = column_comments(contract), _columns(contract)
    declared = ", ".join(f"{_quoted(column)} {kind}" for column, kind in columns)
    connection.execute(f"create table {_quoted(name)} ({declared})")
    connection.execute(f"comment on table {_quoted(name)} is {_text(description(contract))}")
    for column, _ in columns:
        connection.execute(f"comment on column {_quoted(name)}.{_quoted(column)} is {_text(comments[column])}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
