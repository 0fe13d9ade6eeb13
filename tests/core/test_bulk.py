"""Many rows at once: what is written is what SQLAlchemy itself reads back, on both engines."""

from __future__ import annotations

from sqlalchemy import select

from core.bulk import insert_many
from core.database import Database
from core.tables import api_key, match_key

ROW = {"sha256": "0" * 64, "name": "名称 'x' %s ? \" ;", "created_at": 1, "expires_at": None}


def test_rows_come_back_as_they_went_in(db: Database) -> None:
    """Quotes, marks, Chinese, null and JSON survive."""
    rows = [{"prefix": f"tl_{n}", "scopes": ["read", {"深": [n, None, 1.5]}], **ROW} for n in range(3)]
    with db.write() as conn:
        insert_many(conn, api_key, rows)
        insert_many(conn, api_key, [])
        found = [dict(row) for row in conn.execute(select(api_key).order_by(api_key.c.prefix)).mappings()]

    assert [{name: one[name] for name in rows[0]} for one in found] == rows


def test_a_json_null_is_a_null_of_the_column(db: Database) -> None:
    """None in a JSON column is SQL NULL, as JsonText writes it, so a column that forbids it refuses it."""
    import pytest
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError), db.write() as conn:
        insert_many(conn, api_key, [{"prefix": "tl_x", "scopes": None, **ROW}])


def test_replacing_overwrites_by_key(db: Database) -> None:
    """A row that is there is overwritten, another one added."""
    first = {"prefix": "tl_1", "scopes": ["read"], **ROW}
    with db.write() as conn:
        insert_many(conn, api_key, [first])
        insert_many(conn, api_key, [{**first, "name": "new"}, {**first, "prefix": "tl_2"}], replace=("prefix",))
        found = conn.execute(select(api_key.c.prefix, api_key.c.name).order_by(api_key.c.prefix)).all()

    assert [tuple(row) for row in found] == [("tl_1", "new"), ("tl_2", ROW["name"])]


def test_a_row_that_is_all_key_is_left_alone(db: Database) -> None:
    """Where the key is the whole row, the same row again is no error."""
    with db.write() as conn:
        for _ in range(2):
            insert_many(
                conn, match_key, [{"key": 1, "entity_id": 2}, {"key": -3, "entity_id": 4}], replace=("key", "entity_id")
            )
        assert sorted(conn.execute(select(match_key)).all()) == [(-3, 4), (1, 2)]
