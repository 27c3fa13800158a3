"""Alembic's entry: runs the revisions of one database on the connection that `upgrade.py` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="schema_version")
with context.begin_transaction():
    context.run_migrations()
