"""Functions that live systems call."""

from learning_pipeline.publish.migrate import run_sql

revision = "0002_functions"
down_revision = "0001_tables"


def upgrade() -> None:
    run_sql("0002_functions.sql")


def downgrade() -> None:
    run_sql("0002_functions.rollback.sql")
