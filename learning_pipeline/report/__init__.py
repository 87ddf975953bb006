"""The dashboard: one self-contained page, `reports/index.html`, made from marts.duckdb and the router registry."""
