"""API keys: make, list, revoke."""

from __future__ import annotations

from pydantic import Field

from gateway import auth
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Moment, Time

subject = Subject("keys", "Who may call, and what they may do")


class Key(Answer):
    """A key without its secret."""

    prefix: str
    name: str
    scopes: list[str]
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None = Field(description="noted at most once a minute")


class Keys(Answer):
    """Every key, oldest first."""

    items: list[Key]


class NewKey(Body):
    """A key to be made."""

    name: str = Field(min_length=1, max_length=100)
    scopes: list[str] = Field(min_length=1, max_length=20)
    expires_at: Moment | None = None


class MadeKey(Answer):
    """The key itself: this is the only moment at which it can be seen."""

    key: str
    prefix: str


@subject.get("/keys", scope="admin")
def list_keys(call: Call) -> Keys:
    """List every key."""
    with call.parts.db.read() as conn:
        return Keys(items=[Key(**row) for row in auth.listing(conn)])


@subject.post("/keys", scope="admin", status=201)
def make_key(call: Call, body: NewKey) -> MadeKey:
    """Make a key; the answer is the only place where it is ever shown."""
    with call.parts.db.write() as conn:
        now = call.parts.db.now(conn)
        key = auth.make(conn, body.name, body.scopes, now=now, expires_at=body.expires_at)
    return MadeKey(key=key, prefix=key[:11])


@subject.delete("/keys/<prefix>", scope="admin", also=(409,))
def revoke_key(call: Call, prefix: str) -> Key:
    """Revoke a key for ever; it stays listed."""
    with call.parts.db.write() as conn:
        auth.revoke(conn, prefix, now=call.parts.db.now(conn))
        return next(Key(**row) for row in auth.listing(conn) if row["prefix"] == prefix)
