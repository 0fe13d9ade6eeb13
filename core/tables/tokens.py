"""Tokens that connectors got from their far sides, one row each: shared by every process, renewed by one of them."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, Text, text

from core.database import JsonText
from core.tables.metadata import At, RowId, metadata

token = Table(
    "token",
    metadata,
    Column("connector_id", ForeignKey("connector.id"), primary_key=True),
    Column("seed", Text, nullable=False, comment="fingerprint of the credentials; with others the rest counts for nothing"),
    Column("sealed", Text, comment="Fernet token of what the far side gave"),
    Column("expires_at", At),
    Column("renewed_at", At),
    Column(
        "fence", RowId, nullable=False, server_default=text("0"), comment="counts the claims: who holds an older one is late"
    ),
    Column("lease_until", At, comment="somebody is renewing until then"),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", At),
    Column("cool_until", At, comment="nobody tries before; null while failing: until a person acts"),
    Column("is_wrong", Boolean, nullable=False, server_default=text("false")),
    Column("trouble", JsonText, comment="what, why, fix of the last failure"),
)
