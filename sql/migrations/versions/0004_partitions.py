"""Executions by month, partitions made ahead, how long rows are kept, one embedding index a version."""

from learning_pipeline.publish.migrate import run_sql

revision = "0004_partitions"
down_revision = "0003_evidence"


def upgrade() -> None:
    run_sql("0004_partitions.sql")


def downgrade() -> None:
    run_sql("0004_partitions.rollback.sql")
