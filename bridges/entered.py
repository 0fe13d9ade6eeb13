"""Records that come for the first time are matched on entry, so that rules already see whom they belong to."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from bridges.moves import announce
from bridges.parsed import Item
from core.database import Database
from core.tables import entity, match_record
from core.words import FieldState, Json, Micros
from mappings.catalogue import Catalogue
from mappings.matching import Rule, index, linking


def match_entered(conn: Connection, db: Database, items: Iterable[Item], catalogue: Catalogue, now: Micros) -> None:
    """
    Join or propose what this batch says for the first time; items of a joined entity go on as its survivor.

    An entity without a ``match`` in its definition costs nothing here.
    """
    if not catalogue.rules:
        return
    records: dict[str, dict[int, dict[str, Json]]] = {}
    told = [item for item in items if item.resolved is not None and item.mapping is not None and not item.record.deleted]
    for item in told:
        assert item.mapping is not None
        assert item.resolved is not None
        rule = catalogue.rules.get(item.mapping.to)
        if rule is not None and (said := _said(item, rule)):
            records.setdefault(rule.etype, {}).setdefault(item.resolved.home_id, {}).update(said)
    moved = False
    for etype, found in sorted(records.items()):
        known = set(conn.execute(select(match_record.c.entity_id).where(match_record.c.entity_id.in_(sorted(found)))).scalars())
        new = {home: record for home, record in found.items() if home not in known}
        if new:
            made = linking.enter(conn, db, catalogue.rules[etype], new, now).edges
            for change in made.values():
                announce(db, conn, "merged", change)
            moved |= bool(made)
    if moved:
        _follow(conn, told)


def keep_prepared(
    conn: Connection, items: Iterable[Item], written: Iterable[tuple[int, str, int]], catalogue: Catalogue, now: Micros
) -> None:
    """Prepare again whose compared fields changed; the next run of `tieline ids match` compares them."""
    if not catalogue.rules:
        return
    rules = {
        item.resolved.home_id: catalogue.rules[item.mapping.to]
        for item in items
        if item.resolved is not None and item.mapping is not None and item.mapping.to in catalogue.rules
    }
    stale: dict[str, set[int]] = {}
    for home, name, _ in written:
        rule = rules.get(home)
        if rule is not None and name in rule.fields:
            stale.setdefault(rule.etype, set()).add(home)
    for etype, homes in sorted(stale.items()):
        index.prepare_again(conn, catalogue.rules[etype], sorted(homes), now, unless_same=True)


def _said(item: Item, rule: Rule) -> dict[str, Json]:
    return {
        name: field.value for name, field in item.fields.items() if name in rule.fields and field.state is FieldState.PRESENT
    }


def _follow(conn: Connection, items: list[Item]) -> None:
    """Let items whose entity was joined go on as the one who answers for it."""
    homes = sorted({item.resolved.home_id for item in items if item.resolved is not None})
    top = entity.alias("top")
    query = select(entity.c.id, top.c.id, top.c.gid).join(top, top.c.id == entity.c.survivor_id).where(entity.c.id.in_(homes))
    today = {row[0]: (row[1], row[2]) for row in conn.execute(query)}
    for item in items:
        assert item.resolved is not None
        entity_id, gid = today[item.resolved.home_id]
        item.resolved = item.resolved._replace(entity_id=entity_id, gid=gid)
