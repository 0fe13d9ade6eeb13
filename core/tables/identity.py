"""
Master identity: entities, the crosswalk, same/distinct edges, id shapes, the sequence.

The crosswalk never moves: ``home_id`` is the entity it was first given to; a merge is an edge, and
``entity.survivor_id`` (a pure function of the active edges) is the one hop to who answers today.
"""

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, Table, Text, text

from core.database import JsonText
from core.tables.metadata import At, RowId, metadata

entity = Table(
    "entity",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("gid", Text, nullable=False, unique=True, comment="the master ID: CUST-2026-008921"),
    Column("etype", Text, nullable=False),
    Column("minted_at", At, nullable=False),
    Column("survivor_id", ForeignKey("entity.id"), comment="itself unless merged"),
    Column("pinned", RowId, comment="a steward's wish to survive; the lower wins"),
    Index("ix_entity_survivor_id", "survivor_id"),
    Index("ix_entity_etype", "etype"),
)

crosswalk = Table(
    "crosswalk",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False),
    Column("etype", Text, nullable=False),
    Column("external_norm", Text, nullable=False, comment="normalised by the id shape; what is compared"),
    Column("external_raw", Text, nullable=False),
    Column("home_id", ForeignKey("entity.id"), nullable=False),
    Column("origin", Text, nullable=False, comment="mint | link | import | hint | act"),
    Column("first_seen", At, nullable=False),
    Column("last_seen", At, nullable=False),
    Column("valid_from", At, nullable=False),
    Column("valid_to", At, comment="set when the source re-used its id for another thing"),
    Column("applied_at", At, comment="the source's time of the newest state applied: older ones are stale"),
    Column("applied_version", Text),
    Index(
        "uq_crosswalk_open",
        "connector_id",
        "etype",
        "external_norm",
        unique=True,
        sqlite_where=text("valid_to IS NULL"),
        postgresql_where=text("valid_to IS NULL"),
    ),
    Index("ix_crosswalk_home_id", "home_id"),
    Index(
        "ix_crosswalk_closed",
        "connector_id",
        "etype",
        "external_norm",
        sqlite_where=text("valid_to IS NOT NULL"),
        postgresql_where=text("valid_to IS NOT NULL"),
    ),
)

identity_edge = Table(
    "identity_edge",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("a_id", ForeignKey("entity.id"), nullable=False),
    Column("b_id", ForeignKey("entity.id"), nullable=False),
    Column("kind", Text, nullable=False, comment="same | distinct"),
    Column("score", Float),
    Column("rule", Text),
    Column("evidence", JsonText),
    Column("made_by", Text, nullable=False),
    Column("made_at", At, nullable=False),
    Column("ended_by", Text),
    Column("ended_at", At),
    CheckConstraint("a_id < b_id", name="ordered"),
    CheckConstraint("kind IN ('same', 'distinct')", name="kind_known"),
    Index(
        "uq_identity_edge_active",
        "a_id",
        "b_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("ix_identity_edge_b_id", "b_id"),
)

id_shape = Table(
    "id_shape",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False),
    Column("etype", Text, nullable=False),
    Column("pattern", Text, nullable=False, comment="RE2, matched against the whole normalised id"),
    Column("normaliser", Text, nullable=False, comment="names from the closed list, joined by +"),
    Column("check_digit", Text),
    Column("made_by", Text, nullable=False),
    Column("made_at", At, nullable=False),
    Index("uq_id_shape_connector_etype", "connector_id", "etype", unique=True),
)

identity_event = Table(
    "identity_event",
    metadata,
    Column("id", RowId, primary_key=True, comment="the order in which it happened; what a reader goes on from"),
    Column("type", Text, nullable=False, comment="identity.merged | identity.unmerged"),
    Column("etype", Text, nullable=False),
    Column("edge_id", ForeignKey("identity_edge.id"), comment="NULL: a pin moved the survivor"),
    Column("moved", JsonText, nullable=False, comment="[{master_id, before, after}]"),
    Column("made_by", Text, nullable=False),
    Column("at", At, nullable=False),
    CheckConstraint("type IN ('identity.merged', 'identity.unmerged')", name="type_known"),
)

id_misfit = Table(
    "id_misfit",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False),
    Column("etype", Text, nullable=False),
    Column("external_id", Text, nullable=False, comment="as the source wrote it"),
    Column("seen_at", At, nullable=False),
    Index("uq_id_misfit_id", "connector_id", "etype", "external_id", unique=True),
)

id_placeholder = Table(
    "id_placeholder",
    metadata,
    Column("word", Text, primary_key=True, comment="folded: what stands for no id here, beside the built-in list"),
    Column("made_by", Text, nullable=False),
    Column("made_at", At, nullable=False),
)

id_sequence = Table(
    "id_sequence",
    metadata,
    Column("scope", Text, primary_key=True, comment="CUST-2026"),
    Column("next", RowId, nullable=False),
)
