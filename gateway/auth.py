"""
API keys: who is calling, and what they may do.

A key is ``tl_<8>_<43>``: a readable prefix to find it by, and 43 base62 characters (256 bits) of
secret. Only the SHA-256 is stored; with that much randomness a slow hash would add nothing but
load. A key is shown once, when it is made. Every refusal says what is missing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from sqlalchemy import Connection, or_, select

from core.clock import SECOND, to_rfc3339
from core.database import Database
from core.errors import ConflictError, NotFoundError
from core.tables import api_key
from core.words import Micros
from gateway.refusals import ScopeMissingError, UnauthenticatedError, ValidationError

SCOPES: dict[str, tuple[str, str]] = {
    "read": ("see everything except secrets", "查看除密钥外的所有内容"),
    "definitions:write": ("publish and roll back definitions", "发布和回滚定义"),
    "connectors:write": ("register, change, check, hold and release connectors", "注册、修改、检查、暂停和恢复连接器"),
    "events:replay": ("replay events", "重放事件"),
    "actions:write": ("retry, skip and release actions", "重试、跳过和放行动作"),
    "snapshots:write": ("ask for snapshots", "创建快照"),
    "identity:write": ("link, merge and unmerge master IDs", "关联、合并和拆分主标识"),
    "admin": ("everything, and make and revoke keys", "所有权限，并可创建和吊销密钥"),
}
"""Every scope there is, with what it allows in both languages; ``admin`` includes all others."""

_ALPHABET = string.ascii_letters + string.digits
_FORM = re.compile(r"(tl_[A-Za-z0-9]{8})_[A-Za-z0-9]{43}")
_USED_EVERY: Micros = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds a good key."""

    prefix: str
    name: str
    scopes: frozenset[str]
    fingerprint: str = ""
    """The first characters of the stored hash: a session made from the key dies with it."""

    def may(self, scope: str) -> bool:
        """Say whether this caller may do what needs the scope."""
        return scope in self.scopes or "admin" in self.scopes

    def require(self, scope: str) -> None:
        """Refuse, naming the missing scope, unless the caller may."""
        if not self.may(scope):
            raise ScopeMissingError(scope, self.scopes, self.name)


def make(conn: Connection, name: str, scopes: Iterable[str], *, now: Micros, expires_at: Micros | None = None) -> str:
    """Make a key and return it; this is the only moment at which it can be seen."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        what = f"unknown scope {', '.join(map(repr, unknown))}" if unknown else "a key needs at least one scope"
        raise ValidationError("key", [{"path": "scopes", "what": f"{what}; known: {', '.join(SCOPES)}"}])
    prefix = "tl_" + _random(8)
    key = f"{prefix}_{_random(43)}"
    row = {"prefix": prefix, "sha256": _sha256(key), "name": name, "scopes": wanted, "created_at": now}
    conn.execute(api_key.insert().values(**row, expires_at=expires_at))
    return key


def revoke(conn: Connection, prefix: str, *, now: Micros) -> None:
    """End a key for ever; it stays listed."""
    done = conn.execute(
        api_key.update().where(api_key.c.prefix == prefix, api_key.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    if done.rowcount:
        return
    if conn.execute(select(api_key.c.prefix).where(api_key.c.prefix == prefix)).first():
        raise ConflictError(f"The key {prefix} is revoked already.", why="A key ends once.", fix="Nothing to do.")
    raise NotFoundError(
        f"There is no key {prefix!r}.", why="No key begins like this.", fix="See GET /api/v1/keys for every key."
    )


def listing(conn: Connection) -> list[dict[str, Any]]:
    """List every key without its secret, oldest first."""
    rows = conn.execute(select(api_key).order_by(api_key.c.created_at, api_key.c.prefix)).mappings()
    times = ("created_at", "expires_at", "revoked_at", "last_used_at")
    return [
        {
            "prefix": row["prefix"],
            "name": row["name"],
            "scopes": row["scopes"],
            **{time: to_rfc3339(row[time]) for time in times},
        }
        for row in rows
    ]


def any_key(conn: Connection) -> bool:
    """Say whether a usable key exists (the first start makes one)."""
    return conn.execute(select(api_key.c.prefix).where(api_key.c.revoked_at.is_(None)).limit(1)).first() is not None


def authenticate(db: Database, header: str | None) -> Caller:
    """Return who sent ``Authorization: Bearer tl_…``, or refuse."""
    if not header:
        raise _refusal("No key came with the request.")
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        raise _refusal(f"The scheme {scheme[:20]!r} is not used here.")
    return from_key(db, key.strip())


def from_key(db: Database, key: str) -> Caller:
    """Return the caller who holds this key; compared in constant time, noted as used at most once a minute."""
    form = _FORM.fullmatch(key)
    if form is None:
        raise _refusal("What was sent does not look like a key of Tieline (tl_…).")
    with db.read() as conn:
        row = conn.execute(select(api_key).where(api_key.c.prefix == form[1])).mappings().first()
        now = db.now(conn)
    if row is None or not compare_digest(row["sha256"], _sha256(key)):
        raise _refusal("No such key.")
    caller = _caller(dict(row), now)
    if row["last_used_at"] is None or now - row["last_used_at"] >= _USED_EVERY:
        _note_use(db, form[1], now)
    return caller


def from_session(db: Database, prefix: str, fingerprint: str) -> Caller:
    """Return the caller of a console session, whose key must still be good."""
    with db.read() as conn:
        row = conn.execute(select(api_key).where(api_key.c.prefix == prefix)).mappings().first()
        now = db.now(conn)
    if row is None or not compare_digest(row["sha256"][:16], fingerprint):
        raise _refusal("The session's key is gone.")
    return _caller(dict(row), now)


def _caller(row: dict[str, Any], now: Micros) -> Caller:
    if row["revoked_at"] is not None:
        raise _refusal(f"The key {row['prefix']} was revoked at {to_rfc3339(row['revoked_at'])}.")
    if row["expires_at"] is not None and row["expires_at"] <= now:
        raise _refusal(f"The key {row['prefix']} expired at {to_rfc3339(row['expires_at'])}.")
    return Caller(row["prefix"], row["name"], frozenset(row["scopes"]), row["sha256"][:16])


def _note_use(db: Database, prefix: str, now: Micros) -> None:
    seen = api_key.c.last_used_at
    with db.write() as conn:
        due = or_(seen.is_(None), seen <= now - _USED_EVERY)
        conn.execute(api_key.update().where(api_key.c.prefix == prefix, due).values(last_used_at=now))


def _refusal(why: str) -> UnauthenticatedError:
    return UnauthenticatedError(
        "This needs an API key.",
        why=why,
        fix="Send the header Authorization: Bearer tl_…; the first key was printed at the first start.",
    )


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
