"""Tables, and their indexes."""

from learning_pipeline.publish.migrate import run_sql

revision = "0001_tables"
down_revision = None


def upgrade() -> None:
    run_sql("0001_tables.sql")


def downgrade() -> None:
    run_sql("0001_tables.rollback.sql")
