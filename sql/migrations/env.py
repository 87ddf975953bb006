"""Runs the migrations on the connection that `learning_pipeline.publish.migrate` gives."""

from alembic import context

from learning_pipeline.publish.schema import INTERNAL, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"], version_table=VERSION_TABLE, version_table_schema=INTERNAL
)
with context.begin_transaction():
    context.run_migrations()
