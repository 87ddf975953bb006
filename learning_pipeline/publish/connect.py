"""Connections to PostgreSQL, and what their failures are called. No message ever holds a password."""

import re
from typing import Any

import psycopg
from psycopg import conninfo

from learning_pipeline.errors import PipelineError, TransientError, UsageError

_CONNECT_TIMEOUT_S = 10

# SQLSTATE classes and codes that another try can heal: connection, rollback, server restart, locks, connections.
_HEALING = ("08", "40", "57P", "55P03", "53300")


def where(url: str) -> str:
    """Return the server's host, port and database for messages: nothing secret."""
    parts = _parts(url)
    host = parts.get("host") or parts.get("hostaddr") or "the local socket"
    if str(host).startswith("/"):
        return f"{host} ({parts.get('dbname') or 'default database'})"
    return f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"


def _parts(url: str) -> dict[str, Any]:
    wrong = UsageError("postgres_url is not a valid PostgreSQL URL; it looks like postgresql://user@host:5432/database")
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise wrong from None  # The parser's own message can quote parts of the URL, the password among them.
    if not all(port.isascii() and (port.isdigit() or not port) for port in str(parts.get("port") or "").split(",")):
        raise wrong
    return parts


def one_line(error: psycopg.Error, url: str = "") -> str:
    """Return the first line of what the server or the driver said, without the URL's password."""
    text = (error.diag.message_primary if error.sqlstate else None) or str(error)
    line = re.sub(r"\s+", " ", text.strip().splitlines()[0] if text.strip() else type(error).__name__)
    password = _parts(url).get("password") if url else None
    return line.replace(str(password), "***") if password else line


def can_heal(error: BaseException) -> bool:
    """Say whether the same work may succeed when it is tried again."""
    if isinstance(error, TransientError):
        return True
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)  # The connection was lost, or never came to be.
    return error.sqlstate.startswith(_HEALING)


def explained(error: psycopg.Error, url: str, doing: str) -> PipelineError:
    """Return the one-line error for a failure of the server."""
    kind = TransientError if can_heal(error) else PipelineError
    return kind(f"{doing} at {where(url)} failed: {one_line(error, url)}")


def connect(url: str, *, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a connection.

    Raises:
        UsageError: the URL is not one.
        TransientError: the server cannot be reached or does not let us in.
    """
    parts = _parts(url)
    parts.setdefault("connect_timeout", _CONNECT_TIMEOUT_S)
    parts.setdefault("application_name", "learning-pipeline")
    try:
        return psycopg.connect(**parts, autocommit=autocommit)
    except psycopg.Error as error:
        raise TransientError(f"cannot connect to PostgreSQL at {where(url)}: {one_line(error, url)}") from None
