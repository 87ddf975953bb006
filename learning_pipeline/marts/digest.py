"""What a marts file says, as one digest a table: equal for equal rows, in whatever order they lie."""

import hashlib
from pathlib import Path

import duckdb

from learning_pipeline.marts.registry import DESCRIBES_RUNS

# When an event was landed first is not a part of what it says.
_NOT_CONTENT = ("landed_at",)


def digests(marts_path: Path) -> dict[str, str]:
    """Return a digest of every table, but for what describes runs: `landed_at`, data quality, freshness."""
    found = {}
    with duckdb.connect(str(marts_path), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        tables = connection.execute("select table_name from duckdb_tables() order by 1").fetchall()
        for (table,) in tables:
            if table in DESCRIBES_RUNS or table.startswith("_"):
                continue
            columns = connection.execute(
                "select column_name from duckdb_columns() where table_name = ? order by 1", [table]
            ).fetchall()
            names = ", ".join(f'"{name}"' for (name,) in columns if name not in _NOT_CONTENT)
            row = connection.execute(
                f"""select count(*), coalesce(string_agg(digest, '' order by digest), '')
                from (select md5(cast(row({names}) as varchar)) as digest from "{table}")"""
            ).fetchone()
            found[table] = hashlib.blake2b(repr((names, row)).encode(), digest_size=16).hexdigest()
    return found
