"""Nightly batch job: raw agent and git logs in; DuckDB marts, a routing model and PostgreSQL out."""

__version__ = "0.1.0"
