"""
Questions that only a person can answer: to whom does a key belong that came while two things were one?

While A and B are merged, an id that is linked to "the thing" is written at one of the two. After the unmerge it stays
there, and is asked about: a repair per id, closed by the answer (``assign``).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, not_, select

from core.database import Database
from core.errors import ConflictError, NotFoundError, SetupError
from core.repairs import close_repair, open_repair
from core.tables import connector, crosswalk, entity
from core.words import Micros
from mappings.identity.mint import take
from mappings.identity.words import Moved, Origin


class KeyOfWhomError(SetupError):
    """An external id was linked while two things were one; now that they are two, a person must say whose it is."""

    code = "key-of-whom"
    title, title_zh = "Whose id is it, now that they are two?", "拆分后该编号归属待确认"


def ask(conn: Connection, key: str, error: SetupError, *, connector_name: str | None, now: Micros) -> None:
    """Put one question to the stewards; the same question twice is one."""
    open_repair(conn, key, error, connector=connector_name, now=now)


def ask_whose(conn: Connection, member_ids: Sequence[int], moved: Sequence[Moved], since: Micros, now: Micros) -> int:
    """
    Ask about every key that was first linked to one of these entities since they were merged; return how many.

    Not asked: the key by which an entity came into being (it can be nobody else's).
    """
    rows = conn.execute(
        select(crosswalk.c.id, crosswalk.c.external_raw, crosswalk.c.etype, entity.c.gid, connector.c.name)
        .join(entity, entity.c.id == crosswalk.c.home_id)
        .join(connector, connector.c.id == crosswalk.c.connector_id)
        .where(
            crosswalk.c.home_id.in_(member_ids),
            crosswalk.c.valid_to.is_(None),
            crosswalk.c.first_seen >= since,
            crosswalk.c.origin != Origin.MINT,
            not_(and_(crosswalk.c.origin == Origin.IMPORT, entity.c.minted_at == crosswalk.c.first_seen)),
        )
        .order_by(crosswalk.c.id)
    ).all()
    sides = sorted({side for one in moved for side in (one.before, one.after)})
    for row in rows:
        ask(
            conn,
            f"{KeyOfWhomError.code}:{row.id}",
            _question(row.external_raw, row.etype, row.gid, row.name, sides),
            connector_name=row.name,
            now=now,
        )
    return len(rows)


def _question(raw: str, etype: str, gid: str, name: str, sides: list[str]) -> KeyOfWhomError:
    return KeyOfWhomError(
        f"Whose is the id {raw!r} ({etype} in {name})?",
        why=f"It was linked to {gid} while that was one with others; now they answer by themselves: {', '.join(sides)}.",
        fix=f"Say whose it is: tieline ids assign {name} {etype} '{raw}' MASTER_ID ({gid} keeps it as it is).",
        external_id=raw,
        master_id=gid,
        candidates=sides,
    )


def assign(conn: Connection, db: Database, crosswalk_id: int, entity_id: int, *, now: Micros) -> int:
    """
    Say whose key this is, for the whole time since it was first seen; return the row that holds now.

    A row of the crosswalk never moves: the old one is kept as valid for no time at all, and a new one begins where it began.
    """
    row = conn.execute(select(crosswalk).where(crosswalk.c.id == crosswalk_id)).mappings().one_or_none()
    if row is None or row["valid_to"] is not None:
        raise NotFoundError(
            f"There is no open crosswalk row {crosswalk_id}.", why="It was closed or assigned before.", fix="Look the id up."
        )
    etype = conn.execute(select(entity.c.etype).where(entity.c.id == entity_id)).scalar_one_or_none()
    if etype != row["etype"]:
        raise ConflictError(
            f"The id {row['external_raw']!r} is one of a {row['etype']}.",
            why=f"The master ID given is {'unknown' if etype is None else f'a {etype}'}.",
            fix="Assign it to a thing of its own type.",
        )
    close_repair(conn, f"{KeyOfWhomError.code}:{crosswalk_id}", now=now)
    if row["home_id"] == entity_id:
        return crosswalk_id
    here = crosswalk.c.id == crosswalk_id
    conn.execute(crosswalk.update().where(here).values(valid_to=row["valid_from"]))
    key = (row["connector_id"], row["etype"], row["external_norm"])
    made = take(conn, db, [(key, row["external_raw"], entity_id, Origin.LINK)], {}, now)
    if not made:
        raise ConflictError(
            f"The id {row['external_raw']!r} was taken by somebody else meanwhile.",
            why="It was closed and seen again in the same moment.",
            fix="Look it up again.",
        )
    (new,) = made
    conn.execute(
        crosswalk.update()
        .where(crosswalk.c.id == new)
        .values(valid_from=row["valid_from"], first_seen=row["first_seen"], last_seen=row["last_seen"])
    )
    return new
