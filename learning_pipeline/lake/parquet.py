"""Parquet files: there whole or not at all, and told by name where they are damaged.

It stands apart from the contracts: a process that only parses need not import what checks them.
"""

import os
from functools import lru_cache
from pathlib import Path

import polars as pl

from learning_pipeline.errors import PipelineError


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a Parquet file so that it is there whole or not at all."""
    put_in_place(write_beside(frame, path), path)


def write_beside(frame: pl.DataFrame, path: Path) -> Path:
    """Write a Parquet file beside the place where it belongs, and return where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    frame.write_parquet(part, compression="zstd", compression_level=1, statistics=True)
    return part


def put_in_place(part: Path, path: Path) -> None:
    """Make what was written beside a file the file."""
    os.replace(part, path)


def read_parquet(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """Read a Parquet file of the lake.

    Raises:
        PipelineError: it is damaged; the message says what to do.
    """
    try:
        return pl.read_parquet(path, columns=columns, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise PipelineError(_damaged(path)) from error


def look_at(path: Path) -> None:
    """Look at the head of a file, once as long as it does not change.

    Raises:
        PipelineError: it is damaged; the message says what to do.
    """
    try:
        about = path.stat()
        _head(path, about.st_mtime_ns, about.st_size)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise PipelineError(_damaged(path)) from error


@lru_cache(maxsize=100_000)
def _head(path: Path, _changed_ns: int, _size: int) -> None:
    pl.read_parquet_schema(path)


def _damaged(path: Path) -> str:
    return f"{path} is damaged: delete it, and the next refresh makes it again from what else is known"
