"""Alembic's door: runs on the connection that :func:`fraudrisk.outcomes.schema.migrate` hands over, in its transaction."""

from alembic import context

from fraudrisk.outcomes.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, version_table="ledger_version")
context.run_migrations()
