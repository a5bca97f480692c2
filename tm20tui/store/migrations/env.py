"""Alembic's entry: runs migrations on the connection that `store.upgrade` hands over."""

from alembic import context

from tm20tui.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
