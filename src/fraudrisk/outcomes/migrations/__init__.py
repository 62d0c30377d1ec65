"""Versions of the ledger's tables, brought in by Alembic."""
