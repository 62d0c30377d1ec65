"""The day a move happened, beside the moment it was written down; older moves have none."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.add_column("move", sa.Column("day", sa.Date))
