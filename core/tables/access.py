"""Who may come in: API keys (prefix and SHA-256, never the key itself)."""

from sqlalchemy import Column, Table, Text

from core.database import JsonText
from core.tables.metadata import At, metadata

api_key = Table(
    "api_key",
    metadata,
    Column("prefix", Text, primary_key=True, comment="the readable part, tl_xxxxxxxx"),
    Column("sha256", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", JsonText, nullable=False),
    Column("created_at", At, nullable=False),
    Column("expires_at", At),
    Column("revoked_at", At),
    Column("last_used_at", At),
)
