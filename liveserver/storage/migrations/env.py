"""Alembic's entry: run the migrations on the connection that `Database.migrate` hands over."""

from alembic import context

from liveserver.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a column only by copying the table.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
