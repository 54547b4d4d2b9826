"""What alembic runs for every step: on the connection, and in the transaction, that it is given."""

from __future__ import annotations

from alembic import context

from bridge.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
