"""Clues, and their moves, which nobody can change afterwards."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SQLITE = "CREATE TRIGGER move_no_{0} BEFORE {0} ON move BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
_POSTGRES = (
    "CREATE FUNCTION move_is_final() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    "CREATE TRIGGER move_is_final BEFORE UPDATE OR DELETE ON move FOR EACH ROW EXECUTE FUNCTION move_is_final()",
)


def upgrade() -> None:
    """Make the tables and the triggers."""
    op.create_table(
        "clue",
        sa.Column("clue_id", sa.String(40), primary_key=True),
        sa.Column("business_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("due_on", sa.Date),
        sa.Column("listed_on", sa.Date, nullable=False),
        sa.Column("conclusion", sa.String(8)),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "move",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("clue_id", sa.String(40), nullable=False),
        sa.Column("key", sa.String(80), unique=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("before", sa.String(8)),
        sa.Column("after", sa.String(8)),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
    )
    op.create_index("move_by_clue", "move", ["clue_id", "number"])
    statements = [_SQLITE.format(verb) for verb in ("UPDATE", "DELETE")] if op.get_bind().dialect.name == "sqlite" else _POSTGRES
    for statement in statements:
        op.execute(statement)
