"""All evidence behind an outcome, and executions that stay open for too long."""

from learning_pipeline.publish.migrate import run_sql

revision = "0003_evidence"
down_revision = "0002_functions"


def upgrade() -> None:
    run_sql("0003_evidence.sql")


def downgrade() -> None:
    run_sql("0003_evidence.rollback.sql")
