"""The one module that owns marts.duckdb.

The file is never written in place. A new one is built beside it and renamed over it, so a reader sees one whole
version, and keeps the one it opened. It holds, in `_partitions`, the digest of every part that it was put
together from; when these are the digests of what is staged, nothing is written.

Mostly the new file begins as a copy of the old one, into which what changed is put (`patch`). It is written whole where
much changed, or where rows that were removed have left too many holes. DuckDB would sync it again and again; nobody
sees it before it is renamed, so it is synced once, right before that.
"""

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from learning_pipeline.contracts.base import Table, column_comments, description
from learning_pipeline.errors import PipelineError
from learning_pipeline.marts import patch
from learning_pipeline.marts.copied import Copy, copy, sync
from learning_pipeline.marts.patch import Parts
from learning_pipeline.marts.quality import ordered_columns
from learning_pipeline.marts.registry import described


class WriteError(PipelineError):
    """The new file could not be put together."""


_NAME = "marts"
# DuckDB 2 writes this form, and every client from 1.1 on reads it.
_STORAGE_VERSION = "v1.0.0"
_Config = dict[str, str | bool | int | float | list[str]]
_CONFIG: _Config = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
# Tables are filled side by side, each by one thread: so the rows of each lie in the order in which they are read, in
# less than half of the time that DuckDB's own way to keep their order takes.
_AT_ONCE = 2
_FILL: _Config = {
    "memory_limit": "1GB",
    "threads": 1,
    "preserve_insertion_order": "false",
    "fsync_mode": "NONE",
    # A checkpoint that runs beside a delete can free blocks of a table whose metadata it keeps (duckdb/duckdb#25970):
    # DuckDB 2.0 still reads such a file, 1.x does not. So there is one checkpoint, at the end, and it keeps none.
    "checkpoint_threshold": "1TB",
    "experimental_metadata_reuse": "false",
}
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


@contextmanager
def copied_ahead(path: Path, parts: Parts) -> Iterator[Copy | None]:
    """Begin to copy the file that is there, where it will be patched: some of these parts are not in it.

    Args:
        parts: what is known by now of the tables that it shall hold; of some of them all, of others nothing.
    """
    _remove_leftovers(path)
    needed = _todo(path, parts, {name for name, _ in parts})
    copied = Copy(path, path.with_name(f".{path.name}.{os.getpid()}.part.copy")) if needed else None
    try:
        yield copied
    finally:
        if copied is not None:
            copied.is_there()
        _remove_leftovers(path)


def write(path: Path, parts: Parts, files: dict[tuple[str, date | None], Path], copied: Copy | None = None) -> None:
    """Put the parts together in a new file, and rename it to `path`.

    What changed is put into a copy of the file that is there (see `patch`), where that is whole, has the form of
    today, and is mostly the same; else the new one is made from nothing.

    Args:
        copied: the copy that was begun before.

    Raises:
        PipelineError: the file could not be written; the one that was there is untouched.
    """
    building = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if not _patched(building, parts, files, path, copied):
            _remove_leftovers(path)
            _filled(building, parts, files)
        sync(building)
        # A log that another program left would be read into the new file.
        _log(path).unlink(missing_ok=True)
        os.replace(building, path)
    except (duckdb.Error, OSError) as error:
        raise WriteError(f"cannot write {path}: {str(error).splitlines()[0]}") from error
    finally:
        _remove_leftovers(path)


def _log(path: Path) -> Path:
    """Return where DuckDB keeps what is not in the file yet: only another program leaves one."""
    return path.with_name(f"{path.name}.wal")


def _remove_leftovers(path: Path) -> None:
    """Remove what a run that was killed left half-built."""
    for leftover in path.parent.glob(f".{path.name}.*.part*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            with suppress(FileNotFoundError):
                leftover.unlink()


@contextmanager
def _opened(building: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a file as `marts`, to be written; on leaving, nothing is left in a log beside it."""
    with duckdb.connect(config=_CONFIG | _FILL | {"temp_directory": f"{building}.tmp"}) as connection:
        connection.execute(f"attach {_text(str(building))} as {_NAME} (storage_version {_text(_STORAGE_VERSION)})")
        yield connection
        connection.execute(f"checkpoint {_NAME}")
        connection.execute(f"detach {_NAME}")


def _change(connection: duckdb.DuckDBPyConnection, todo: Mapping[str, list[tuple[str, list[object]]]]) -> None:
    """Run statements with their parameters, by table: those of one table in order, tables side by side.

    They are not one transaction: nobody sees the file before it is whole.
    """

    def run(name: str) -> None:
        with connection.cursor() as own:
            for statement, parameters in todo[name]:
                own.execute(statement, parameters)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in [pool.submit(run, name) for name in todo]:
            done.result()


def _todo(old: Path, parts: Parts, tables: Collection[str] | None = None) -> dict[str, patch.Change] | None:
    """Return what is to be done to these tables (default all) of the file that is there; None to make it whole."""
    if not old.exists() or _log(old).exists():
        return None
    contracts = {name: contract for name, (_, contract) in described().items()}
    try:
        with duckdb.connect(config=_CONFIG) as looking:
            looking.execute(f"attach {_text(str(old))} as {_NAME} (read_only)")
            held = patch.Held(looking, _NAME)
            if not held.is_ours(contracts) or patch.wastes(looking, _NAME):
                return None
            return patch.changes(held, parts, tables)
    except duckdb.Error:
        return None  # it is not a file of ours, or damaged


def _patched(
    building: Path, parts: Parts, files: dict[tuple[str, date | None], Path], old: Path, copied: Copy | None
) -> bool:
    """Make the new file from a copy of the old one; say no where it has to be made from nothing."""
    todo = _todo(old, parts)
    if todo is None:
        return False
    if copied is not None and copied.is_there():
        copied.path.rename(building)
    else:
        copy(old, building)
    try:
        with _opened(building) as connection:
            work: dict[str, list[tuple[str, list[object]]]] = {}
            for name, one in todo.items():
                work[name] = _insert(name, described()[name][1], [files[name, day] for day in one.written])
                if one.empties:
                    work[name].insert(0, (f"delete from {_table(name)}", []))
                elif one.removed:
                    gone = list(one.removed)
                    work[name].insert(0, (f"delete from {_table(name)} where list_contains(?::date[], day)", [gone]))
            _change(connection, work)
            _tell(connection, parts)
    except duckdb.Error:
        return False  # it is damaged
    return True


def _filled(building: Path, parts: Parts, files: dict[tuple[str, date | None], Path]) -> None:
    """Make the new file from nothing."""
    days: dict[str, list[date | None]] = {}
    for (name, day), part in parts.items():
        if part.rows:
            days.setdefault(name, []).append(day)
    building.write_bytes(_empty_file())
    with _opened(building) as connection:
        work = {}
        # The largest first: then none is left alone at the end. By day: rows lie in the order of time.
        sizes = {name: sum(parts[name, day].rows for day in some) for name, some in days.items()}
        for name in sorted(days, key=lambda one: -sizes[one]):
            contract = described()[name][1]
            work[name] = _insert(name, contract, [files[name, day] for day in sorted(days[name], key=patch.order)])
        _change(connection, work)
        _tell(connection, parts)


@cache
def _empty_file() -> bytes:
    """Return a file of all tables without rows. It is made once: 1,400 comments take longer than most inserts."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.duckdb"
        with _opened(path) as connection:
            connection.execute("begin")  # else each of them is a transaction of its own
            for name, (_, contract) in described().items():
                _create(connection, name, contract)
            connection.execute("commit")
        return path.read_bytes()


def _insert(name: str, contract: type[Table], paths: list[Path]) -> list[tuple[str, list[object]]]:
    """Return how the rows of Parquet files are put into a table."""
    if not paths:
        return []
    columns = ", ".join(_quoted(column) for column in ordered_columns(contract))
    found = "read_parquet(?, hive_partitioning = false)"
    return [(f"insert into {_table(name)} select {columns} from {found}", [[str(path) for path in paths]])]


def _tell(connection: duckdb.DuckDBPyConnection, parts: Parts) -> None:
    """Write down what the file is put together from."""
    connection.execute(f"delete from {_table('_partitions')}")
    if parts:
        told = [(name, day, part.digest, part.rows) for (name, day), part in sorted(parts.items(), key=str)]
        columns = ", ".join(
            ["unnest(?::varchar[])", "unnest(?::date[])", "unnest(?::varchar[])", "unnest(?::bigint[])"]
        )
        connection.execute(
            f"insert into {_table('_partitions')} select {columns}", [list(one) for one in zip(*told, strict=True)]
        )


def _create(connection: duckdb.DuckDBPyConnection, name: str, contract: type[Table]) -> None:
    comments, columns = column_comments(contract), patch.declared_types(contract)
    declared = ", ".join(f"{_quoted(column)} {kind}" for column, kind in columns)
    connection.execute(f"create table {_table(name)} ({declared})")
    connection.execute(f"comment on table {_table(name)} is {_text(description(contract))}")
    for column, _ in columns:
        connection.execute(f"comment on column {_table(name)}.{_quoted(column)} is {_text(comments[column])}")


def _table(name: str) -> str:
    return f"{_NAME}.{_quoted(name)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
