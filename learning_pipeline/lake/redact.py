"""Takes secrets and personal data out of words before anything is written."""

from collections.abc import Mapping
from typing import Literal

import polars as pl

from learning_pipeline.lake.personal import personal_out
from learning_pipeline.lake.secret_patterns import secrets_out

Mode = Literal["full", "redacted", "hash"]

# Columns that hold a path or a program: only a home directory at their beginning is personal.
_PATHS = frozenset(("cwd", "file_path", "working_dir", "command_name"))
_HOME_POLARS = r"^(?:[A-Za-z]:)?(?:/mnt/[a-z]|/[a-z])?[/\\]{1,2}(?:home|Users)[/\\]{1,2}[^/\\]+"


def redact(text: str) -> str:
    """Return the text without secrets, mail addresses and home directories."""
    return personal_out(secrets_out(text))


def redact_columns(frame: pl.DataFrame, columns: tuple[str, ...], mode: Mode) -> pl.DataFrame:
    """Redact text columns. The hash of a task's text has its own column, made from the text as it was.

    `full` keeps everything but secrets, `redacted` also takes out mail addresses and home directories, and
    `hash` keeps no text at all (paths and program names are redacted).
    """
    changes = []
    for name in (name for name in columns if name in frame.columns):
        if name in _PATHS:
            if mode != "full":
                changes.append(pl.col(name).str.replace(_HOME_POLARS, "~").alias(name))
        elif mode == "hash":
            changes.append(pl.lit(None, dtype=pl.String).alias(name))
        else:
            words = frame[name].unique().drop_nulls()
            clean = secrets_out if mode == "full" else redact
            mended = {word: done for word in words if (done := clean(word)) != word}
            if mended:
                changes.append(pl.col(name).replace(mended).alias(name))
    return frame.with_columns(changes) if changes else frame


def redact_records(
    records: Mapping[str, pl.DataFrame], columns: tuple[str, ...], mode: Mode
) -> dict[str, pl.DataFrame]:
    """Redact the text columns of records of all kinds."""
    return {kind: redact_columns(frame, columns, mode) for kind, frame in records.items()}
