"""Tables of the state database; a change here needs a migration in ``assistant/migrations``."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner", String(64), nullable=False, default="local"),
    Column("title", Text, nullable=False, default=""),
    Column("variant", String(128), nullable=False, default=""),
    Column("leaf", String(32)),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Index("conversations_by_owner", "owner", "updated"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("conversation", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("parent", ForeignKey("messages.id", ondelete="CASCADE")),
    Column("role", String(16), nullable=False),
    Column("content", Text, nullable=False),
    Column("status", String(16), nullable=False),  # streaming | done | stopped | failed | interrupted
    Column("receipt", JSON),
    Column("passages", JSON),
    Column("notices", JSON),
    Column("created", Float, nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("message", ForeignKey("messages.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),  # up | down | edit
    Column("text", Text, nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("tags", JSON, nullable=False),
    Column("author", String(64), nullable=False, default="local"),
    Column("created", Float, nullable=False),
)

votes = Table(
    "votes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("question", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("variants", JSON, nullable=False),
    Column("answers", JSON, nullable=False),
    Column("receipts", JSON, nullable=False),
    Column("choice", String(128), nullable=False),  # a variant's name | tie | both_bad
    Column("blind", Boolean, nullable=False),
    Column("author", String(64), nullable=False, default="local"),
    Column("created", Float, nullable=False),
    Column("task", String(64), nullable=False, default="", server_default=""),
    Column("suite", String(128), nullable=False, default="", server_default=""),
    Column("item", Text, nullable=False, default="", server_default=""),
)

decisions = Table(
    "decisions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("candidate", String(64), nullable=False),
    Column("reviewer", String(64), nullable=False),
    Column("action", String(16), nullable=False),  # accept | fix | reject | tag
    Column("text", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("dataset", String(64), nullable=False),
    Column("created", Float, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("author", String(64), nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("created", Float, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("collection", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("media", String(64), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("language", String(8), nullable=False),
    Column("status", String(16), nullable=False),  # ready | failed
    Column("reason", Text, nullable=False, default=""),
    Column("passages", Integer, nullable=False, default=0),
    Column("added", Float, nullable=False),
    UniqueConstraint("collection", "name"),
)

collections = Table(
    "collections",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("vectors", String(64), nullable=False),  # the vector index in use; another one is swapped in whole
    Column("identity", JSON, nullable=False),  # the embedder and the chunking that made it
)

chunks = Table(
    "chunks",
    metadata,
    Column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("start", Integer, nullable=False),
)
