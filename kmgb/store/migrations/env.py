"""Alembic's entrance: migrations run on the connection that `kmgb.store.database.upgrade` hands over."""

from __future__ import annotations

from alembic import context

from kmgb.store import outbox, planning, schema

assert planning.planning_uitvoering.metadata is outbox.mail.metadata is schema.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
