"""Votes know which task, suite and item they are about, where that is known."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; earlier votes say nothing about them."""
    for name, kind in (("task", sa.String(64)), ("suite", sa.String(128)), ("item", sa.Text())):
        op.add_column("votes", sa.Column(name, kind, nullable=False, server_default=""))
