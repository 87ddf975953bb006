"""The other tables: agents, routing, models, measures, alerts and the audit log."""

from learning_pipeline.publish.migrate import run_sql

revision = "0005_tables"
down_revision = "0004_partitions"


def upgrade() -> None:
    run_sql("0005_tables.sql")


def downgrade() -> None:
    run_sql("0005_tables.rollback.sql")
