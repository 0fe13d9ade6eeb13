"""
The golden record: one value per field of a master ID, chosen on reading, with why it won and what lost.

Nothing is copied, so nothing has to be undone when a merge is ended: the claims stay where they were said.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from core.clock import to_rfc3339
from core.errors import ConflictError
from core.tables import entity, value, value_pin
from core.words import FieldState, Micros
from mappings.identity.crosswalk import members
from mappings.values import Current


@dataclass(frozen=True, slots=True)
class Why:
    """What decided between the winner and the next best claim: a word, and a sentence in both languages."""

    rule: str
    en: str
    zh: str


def why(known: Current, survivorship: str, source: str, other: str | None) -> Why:
    """
    Say what made a claim win. ``source`` and ``other`` name the winner's and the next best's source.

    The first thing in which the two differ is what decided; it is the same order by which the winner was chosen.
    """
    if not known.losers or other is None:
        if known.rank < 0:
            return Why("pin", f"Pinned to {source}; nobody else says anything.", f"由人工指定采用 {source}；没有其他来源。")
        return Why("only", f"Only {source} says it.", f"只有 {source} 提供。")
    second = known.losers[0]
    if known.state is not second.state:
        return Why("state", f"{source} gives a value; {other} does not.", f"{source} 提供了取值，{other} 没有。")
    if known.rank < 0:
        return Why("pin", f"A steward pinned {source}.", f"由数据管理员指定采用 {source}。")
    if known.rank != second.rank:
        return Why("sources", f"{source} stands before {other} in the order of sources.", f"来源顺序中 {source} 先于 {other}。")
    if known.merit != second.merit:
        if survivorship == "longest":
            en = f"It is the longest: {-known.merit} characters, {other} has {-second.merit}."
            return Why("longest", en, f"取值最长：{-known.merit} 个字符，{other} 为 {-second.merit} 个。")
        en = f"{source}'s record says most: {-known.merit} fields, {other}'s {-second.merit}."
        return Why("most_complete", en, f"{source} 的记录最完整：{-known.merit} 个字段，{other} 为 {-second.merit} 个。")
    newest, older = (to_rfc3339(one.observed_at if one.source_at is None else one.source_at) for one in (known, second))
    if newest != older:
        return Why(
            "newest", f"It is the newest: {newest}; {other} said so at {older}.", f"最新：{newest}；{other} 为 {older}。"
        )
    return Why(
        "equal", f"{other} says it at the same time; the order of arrival decides.", f"{other} 同时提供；以到达顺序为准。"
    )


def pin(
    conn: Connection, entity_id: int, field: str, connector_id: int, *, made_by: str, now: Micros, note: str | None = None
) -> None:
    """
    Let what this connector says of a field win for this master ID (given as its survivor), until it is unpinned.

    The pin belongs to the record that says it, so it goes with that record when the merge is ended.
    """
    told = value.c.entity_id.in_(members(conn, [entity_id])[entity_id])
    here = told & (value.c.field == field) & (value.c.connector_id == connector_id)
    newest = (
        select(value.c.entity_id)
        .where(here, value.c.state == FieldState.PRESENT)
        .order_by(value.c.observed_at.desc(), value.c.entity_id)
    )
    home = conn.execute(newest.limit(1)).scalar_one_or_none()
    if home is None:
        raise ConflictError(
            f"That source says nothing of {field!r} here.",
            why="Only what a source says can be pinned.",
            fix="Look at the golden record for who says what: tieline ids golden",
        )
    mine = (value_pin.c.entity_id == home) & (value_pin.c.field == field) & (value_pin.c.connector_id == connector_id)
    conn.execute(value_pin.delete().where(mine))
    row = {"entity_id": home, "field": field, "connector_id": connector_id, "why": note, "made_by": made_by, "made_at": now}
    conn.execute(value_pin.insert().values(row))


def unpin(conn: Connection, entity_id: int, field: str) -> int:
    """Withdraw every pin of this field of this master ID; return how many there were."""
    chosen = value_pin.c.entity_id.in_(select(entity.c.id).where(entity.c.survivor_id == entity_id))
    return conn.execute(value_pin.delete().where(chosen, value_pin.c.field == field)).rowcount
