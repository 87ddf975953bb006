"""Alerts, baselines and predictions with all that their marts know."""

from learning_pipeline.publish.migrate import run_sql

revision = "0006_watching"
down_revision = "0005_tables"


def upgrade() -> None:
    run_sql("0006_watching.sql")


def downgrade() -> None:
    run_sql("0006_watching.rollback.sql")
