"""Writing the crosswalk on purpose: up to a thousand external ids a call, each answered for itself."""

from __future__ import annotations

from pydantic import Field
from sqlalchemy import select

from core.errors import InputError
from core.tables import crosswalk
from gateway.api.identity import AllResolved, AskedId, Resolved, resolved
from gateway.operations import Call, Subject
from gateway.shapes import Body, Moment, moment
from mappings import catalogue, identity

subject = Subject("crosswalk", "Which system calls it what: writing, closing, bringing in and taking out")


class Entry(AskedId):
    """One external id to write."""

    master_id: str | None = Field(None, description="link, update: whose it is; resolve_or_mint: a hint that is checked")
    replaces: str | None = Field(None, max_length=500, description="update: the id whose place it takes")


class Entries(Body):
    """What is to be written, and what is meant to be there before."""

    mode: identity.Mode = Field(
        identity.Mode.RESOLVE_OR_MINT,
        strict=False,
        description="add: the thing is new; link: it has a master ID; update: the id takes the place of another one; "
        "resolve_or_mint: known or new, may be repeated",
    )
    items: list[Entry] = Field(min_length=1, max_length=1000)


class Closing(AskedId):
    """An external id that its source uses for another thing from now on, or since a time."""

    at: Moment | None = Field(None, description="since when; now, if left out")


@subject.post("/identity/ids", scope="identity:write", also=(404,))
def write_ids(call: Call, body: Entries) -> AllResolved:
    """
    Give external ids their master IDs.

    Each item has its own answer; one that is in the wrong state for the mode says so and leaves nothing behind.
    """
    entries = [
        identity.Entry(
            call.parts.registered.row(one.connector).id,
            one.entity,
            one.external_id,
            None if one.master_id is None else identity.entered(one.master_id),
            one.replaces,
        )
        for one in body.items
    ]
    db = call.parts.db
    with db.write() as conn:
        now = db.now(conn)
        found = identity.write(conn, db, body.mode, entries, catalogue.load(conn).prefixes, now)
    as_of = moment(now)
    return AllResolved(items=[resolved(one, answer, as_of) for one, answer in zip(body.items, found, strict=True)])


@subject.post("/identity/close", scope="identity:write", also=(404,))
def close_id(call: Call, body: Closing) -> Resolved:
    """
    Say that a source uses an external id for another thing from now on (a re-used asset tag).

    The next sight of it mints; the master ID that it had answers for ever, and the id can be looked up as of a time.
    """
    want = identity.Want(call.parts.registered.row(body.connector).id, body.entity, body.external_id)
    with call.parts.db.write() as conn:
        now = call.parts.db.now(conn)
        found = identity.resolve(conn, [want])[want]
        if not isinstance(found, identity.Resolved):
            raise found
        since = conn.execute(select(crosswalk.c.valid_from).where(crosswalk.c.id == found.crosswalk_id)).scalar_one()
        at = now if body.at is None else body.at
        if not since <= at <= now:
            raise InputError(
                f"The id {body.external_id!r} cannot be closed at {moment(at)}.",
                why=f"It is in use since {moment(since)}, and it is {moment(now)} now.",
                fix="Name a time between the two, or none.",
            )
        identity.close(conn, found.crosswalk_id, at)
    return resolved(body, found, moment(at))
