"""First schema: chats, feedback, votes, documents."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables of the first release, spelled out so that later changes do not rewrite history."""
    text, short = sa.Text(), sa.String(32)
    op.create_table(
        "conversations",
        sa.Column("id", short, primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("title", text, nullable=False),
        sa.Column("variant", sa.String(128), nullable=False),
        sa.Column("leaf", short),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
    )
    op.create_index("conversations_by_owner", "conversations", ["owner", "updated"])
    op.create_table(
        "messages",
        sa.Column("id", short, primary_key=True),
        sa.Column("conversation", short, sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
        sa.Column("parent", short, sa.ForeignKey("messages.id", ondelete="CASCADE")),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("content", text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("receipt", sa.JSON()),
        sa.Column("passages", sa.JSON()),
        sa.Column("notices", sa.JSON()),
        sa.Column("created", sa.Float(), nullable=False),
    )
    op.create_index("ix_messages_conversation", "messages", ["conversation"])
    _create_judgements(text, short)
    _create_documents(text, short)


def _create_judgements(text: sa.Text, short: sa.String) -> None:
    op.create_table(
        "feedback",
        sa.Column("id", short, primary_key=True),
        sa.Column("message", short, sa.ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("text", text, nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
    )
    op.create_index("ix_feedback_message", "feedback", ["message"])
    op.create_table(
        "votes",
        sa.Column("id", short, primary_key=True),
        sa.Column("question", text, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("variants", sa.JSON(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("receipts", sa.JSON(), nullable=False),
        sa.Column("choice", sa.String(128), nullable=False),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
    )


def _create_documents(text: sa.Text, short: sa.String) -> None:
    op.create_table(
        "documents",
        sa.Column("id", short, primary_key=True),
        sa.Column("collection", sa.String(64), nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("source", text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("media", sa.String(64), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("passages", sa.Integer(), nullable=False),
        sa.Column("added", sa.Float(), nullable=False),
        sa.UniqueConstraint("collection", "name"),
    )
    op.create_table(
        "collections",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("vectors", sa.String(64), nullable=False),
        sa.Column("identity", sa.JSON(), nullable=False),
    )
    op.create_table(
        "chunks",
        sa.Column("document_id", short, sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("text", text, nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
    )
