"""Facts and marts from lake events, and the one module that owns the DuckDB file."""
