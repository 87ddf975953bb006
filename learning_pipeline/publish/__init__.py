"""PostgreSQL: migrations, transactional load, roles and functions."""
