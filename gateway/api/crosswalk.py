"""Writing the crosswalk on purpose: up to a thousand external ids a call, each answered for itself."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field
from sqlalchemy import select

from core.database import Database
from core.errors import InputError, TielineError
from core.tables import crosswalk
from core.words import Micros
from gateway.api.identity import AllResolved, AskedId, Resolved, resolved
from gateway.operations import Call, Download, Subject
from gateway.shapes import Answer, Body, Claim, Moment, Query, moment
from mappings import catalogue, identity, interchange

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


class ImportTerms(Query):
    """How a file is read, and on what terms it is taken."""

    format: Literal["csv", "xlsx", "jsonl"] = "csv"
    encoding: Literal["utf-8", "gb18030"] = Field("utf-8", description="of CSV and JSON lines")
    dry_run: Claim = Field(False, description="check every line and say what would be written; write nothing")
    adopt: Claim = Field(False, description="take over master IDs that were given out by another register")
    skip_faulty: Claim = Field(False, description="write the good lines although others are faulty; else nothing is written")


class FaultyLine(Answer):
    """A line that cannot be used."""

    line: int
    why: str


class Imported(Answer):
    """What became of a file, or (a dry run, or one with faulty lines) what would."""

    written: bool = Field(description="false: nothing was written")
    dry_run: bool
    lines: int
    known: int = Field(description="so already")
    linked: int = Field(description="new ids of known master IDs")
    minted: int = Field(description="new ids that get new master IDs")
    adopted: int = Field(description="new ids with master IDs of another register")
    closed: int = Field(description="ids that a master ID had for a time")
    repeated: int = Field(description="lines that say what an earlier line says")
    fault_count: int
    faults: list[FaultyLine] = Field(description="the first hundred")


class ExportChoice(Query):
    """What is taken out, and as what."""

    format: Literal["csv", "xlsx", "jsonl"] = "csv"
    connector: str | None = None
    entity: str | None = None


@subject.post("/identity/import", scope="identity:write")
def import_ids(call: Call, query: ImportTerms, upload: Path) -> Imported:
    """
    Bring a crosswalk in: columns connector, entity, external_id, and as wanted master_id, valid_from, valid_to, first_seen.

    Every line is checked before any is written; a file with a faulty line writes nothing, unless those are to be skipped.
    The same file again changes nothing. At most 64 MiB; `tieline ids import` reads files of any size.
    """
    return bring_file(call.parts.db, upload, query)


def bring_file(
    db: Database,
    path: Path,
    terms: ImportTerms,
    *,
    on_fault: Callable[[interchange.Fault], None] = lambda _: None,
    reading: interchange.Told = lambda _: None,
    judging: interchange.Told = lambda _: None,
    writing: interchange.Told = lambda _: None,
) -> Imported:
    """Bring a file in, telling how far it is."""
    with db.read() as conn:
        prefixes = catalogue.load(conn).prefixes
    report = interchange.bring(
        db,
        interchange.open_lines(path, terms.format, encoding=terms.encoding, tell=reading),
        prefixes,
        interchange.Terms(terms.adopt, terms.skip_faulty, terms.dry_run),
        on_fault=on_fault,
        judging=judging,
        writing=writing,
    )
    counts = ("lines", "known", "linked", "minted", "adopted", "closed", "repeated", "fault_count")
    return Imported(
        written=report.written,
        dry_run=terms.dry_run,
        faults=[FaultyLine(line=one.number, why=one.why) for one in report.faults],
        **{name: getattr(report, name) for name in counts},
    )


@subject.get("/identity/export", also=(404,))
def export_ids(call: Call, query: ExportChoice) -> Download:
    """
    Take the crosswalk out, every row that is or was, a page at a time.

    In CSV and XLSX a cell that a spreadsheet would take for a formula has an apostrophe in front; import takes it away again.
    Merges are not in it: to move a whole register with its history, take a backup.
    """
    if query.connector is not None:
        call.parts.registered.row(query.connector)
    return Download(f"crosswalk.{query.format}", _pieces(call.parts.db, query))


def _pieces(db: Database, query: ExportChoice) -> Iterator[bytes]:
    """Write to a file on disk first, so that an answer that has begun does not fail half-way."""
    with tempfile.TemporaryFile() as out:
        with interchange.open_writer(out, query.format) as writer:
            for cells in interchange.take_out(db, connector_name=query.connector, etype=query.entity):
                writer.write(cells)
        out.seek(0)
        while piece := out.read(1 << 16):
            yield piece


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
    found, now = _written(call.parts.db, body.mode, entries)
    return AllResolved(items=[resolved(one, answer, moment(now)) for one, answer in zip(body.items, found, strict=True)])


def _written(
    db: Database, mode: identity.Mode, entries: list[identity.Entry]
) -> tuple[list[identity.Resolved | TielineError], Micros]:
    """Write entries; what may be known already is looked up first, so that nobody waits for a look-up."""
    if mode is identity.Mode.RESOLVE_OR_MINT:
        with db.read() as conn:
            prefixes, now = catalogue.load(conn).prefixes, db.now(conn)
        wants = [identity.Want(one.connector_id, one.etype, one.external_id, one.gid) for one in entries]
        answers = identity.known_or_minted(db, wants, prefixes)
        return [answers[want] for want in wants], now
    with db.write() as conn:
        now = db.now(conn)
        return identity.write(conn, db, mode, entries, catalogue.load(conn).prefixes, now), now


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
