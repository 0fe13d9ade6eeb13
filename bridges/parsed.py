"""From deliveries to items: parsed, translated, resolved. One item is one record under one mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from bridges.moves import STREAM, Move, read_move
from bridges.registered import ConnectorRow, Registered
from core.database import Database
from core.errors import InputError, NotFoundError, SetupError, TielineError
from core.words import Delivery, FieldState, Micros, Origin, Record
from mappings.catalogue import Catalogue
from mappings.identity import Resolved, Want, resolve_or_mint
from mappings.identity import resolve as resolve_known
from mappings.translate import Mapping as Compiled
from mappings.translate import Reference, Translated, Translation


class ParseError(InputError):
    """A body that its connector's kind cannot read."""

    code = "parse"
    title, title_zh = "The body is not what this kind of system sends", "消息体与该类系统的格式不符"


class UnmappedError(SetupError):
    """A record of a stream that no live mapping reads."""

    code = "unmapped"
    title, title_zh = "No mapping reads this stream", "没有映射读取该数据流"


class UnknownOwnerError(SetupError):
    """A field that holds ids of a connector which is not registered."""

    code = "unknown-owner"
    title, title_zh = "The connector whose ids these are is not registered", "编号所属的连接器尚未注册"


@dataclass(slots=True)
class Item:
    """One record under one mapping on its way through a batch."""

    delivery: Mapping[Any, Any]
    connector: ConnectorRow
    n: int
    record: Record
    mapping: Compiled | None = None
    fields: dict[str, Translated] = field(default_factory=dict)
    translation: Translation | None = None
    resolved: Resolved | None = None
    error: TielineError | None = None
    troubles: list[dict[str, Any]] = field(default_factory=list)
    refers: set[int] = field(default_factory=set)  #: the entities that it names by their ids
    known_by: dict[str, tuple[int, bool]] = field(default_factory=dict)  #: connector that a field's id belongs to, if another
    strange: dict[str, SetupError | None] = field(default_factory=dict)  #: entity referred to -> why its id was not taken
    counted: bool = False
    move: Move | None = None  #: a merge or unmerge of our own; it has no mapping


@dataclass(slots=True)
class Reading:
    """A delivery with its items, or the error that made it unreadable."""

    delivery: Mapping[Any, Any]
    items: list[Item]
    error: TielineError | None = None


def read(
    rows: Iterable[Mapping[Any, Any]], connector: ConnectorRow, registered: Registered, catalogue: Catalogue
) -> list[Reading]:
    """Parse and translate deliveries of one connector. Pure: no network, no clock, no database."""
    registered.settings(connector)  # what is wrong with them is the connector's fault, not a delivery's: it is raised here
    readings = []
    for row in rows:
        if row["stream"] == STREAM:
            move, record = read_move(row)
            readings.append(Reading(row, [Item(row, connector, 0, record, move=move)]))
            continue
        try:
            records = records_of(row, connector, registered)
        except TielineError as error:
            readings.append(Reading(row, [], error))
            continue
        readings.append(Reading(row, list(_items(row, connector, records, catalogue, registered))))
    return readings


def records_of(row: Mapping[Any, Any], connector: ConnectorRow, registered: Registered) -> list[Record]:
    """Return the records in a delivery's bytes, or say why they cannot be read. Pure."""
    delivery = Delivery(
        receipt=row["receipt"],
        connector=connector.name,
        body=row["body"],
        headers=row["headers"],
        received_at=row["received_at"],
        origin=Origin(row["origin"]),
        stream=row["stream"],
    )
    settings = registered.settings(connector)
    try:
        records = registered.find_class(connector.kind).parse(delivery, settings)
        if any(one.at is not None and one.at.__class__ is not int for one in records):
            raise TypeError("a record's time is not a number of microseconds")  # noqa: TRY301 - a kind's bug, told as any other
    except TielineError:
        raise
    except Exception as unknown:
        raise ParseError(
            f"The body of {row['receipt']} cannot be read by kind {connector.kind}.",
            why=f"{type(unknown).__name__}: {unknown}",
            fix="Look at the body; if the system is right, report it, then replay the delivery.",
        ) from unknown
    return records


def _items(
    row: Mapping[Any, Any], connector: ConnectorRow, records: list[Record], catalogue: Catalogue, registered: Registered
) -> Iterable[Item]:
    counted = registered.find_class(connector.kind).kind.counted_ids if records else False
    n = 0
    for record in records:
        mappings = catalogue.mappings_for(connector.kind, connector.name, record.stream)
        broken = catalogue.broken_for(connector.kind, connector.name, record.stream)
        for error in broken:  # held until its definition is mended; the good mappings of the stream go on
            yield Item(row, connector, n, record, error=error)
            n += 1
        if not mappings and not broken:
            yield Item(row, connector, n, record, error=_unmapped(connector, record))
            n += 1
        for mapping in mappings:
            item = Item(row, connector, n, record, mapping, counted=counted)
            if not record.deleted:
                _translate(item, registered)
            yield item
            n += 1


def _unmapped(connector: ConnectorRow, record: Record) -> UnmappedError:
    return UnmappedError(
        f"No live mapping reads the stream {record.stream!r} of {connector.name}.",
        why=f"Kind {connector.kind} delivers it, and no published mapping says what it means.",
        fix=f"Publish a mapping from {{kind: {connector.kind}, stream: {record.stream}}}, then replay.",
    )


def _translate(item: Item, registered: Registered) -> None:
    assert item.mapping is not None
    item.translation = item.mapping.translate(item.record.data)
    item.troubles = [one.as_dict() for one in item.translation.problems]
    item.fields = item.translation.fields
    try:
        item.translation.check()
    except TielineError as error:
        item.error = error
        return
    for name, reference in item.mapping.refs.items():
        if reference.connector is not None and item.error is None:
            _find_owner(item, name, reference.connector, registered)


def _find_owner(item: Item, name: str, connector: str, registered: Registered) -> None:
    """Note whose id a field holds, when it is not the sender's own."""
    row = registered.find(connector)
    if row is None:
        item.error = UnknownOwnerError(
            f"The field {name} holds ids of the connector {connector!r}, which is not registered.",
            why="So nobody can say which thing is meant.",
            fix=f"Register it with `tieline connectors add --name {connector}`, then replay.",
        )
        return
    item.known_by[name] = (row.id, registered.find_class(row.kind).kind.counted_ids)


def resolve(conn: Connection, db: Database, items: list[Item], catalogue: Catalogue, now: Micros) -> None:
    """Give every item its entity and every reference its master ID, in one call for the whole batch."""
    minted: dict[Want, None] = {}
    known: dict[Want, None] = {}
    asked = [(item, _subject(item), _references(item)) for item in items if item.error is None and item.move is None]
    for _, subject, references in asked:
        minted[subject] = None
        for reference, want in references.values():
            (minted if reference.unknown == "mint" else known)[want] = None
    answers = resolve_or_mint(conn, db, minted, catalogue.prefixes, now) if minted else {}
    if known:
        answers |= resolve_known(conn, [want for want in known if want not in answers])
    for item, subject, references in asked:
        answer = answers[subject]
        if isinstance(answer, TielineError):
            item.error = answer
            continue
        item.resolved = answer
        if references:
            _refer(item, references, answers)


def _subject(item: Item) -> Want:
    """Return the id of the thing that the record tells of."""
    assert item.mapping is not None
    return Want(item.connector.id, item.mapping.to, item.record.external_id, item.record.hint, item.counted)


def _references(item: Item) -> dict[str, tuple[Reference, Want]]:
    """Return the ids that the record's fields hold, and whose ids they are."""
    assert item.mapping is not None
    found = {}
    for name, reference in item.mapping.refs.items():
        said = item.fields.get(name)
        if said is not None and said.state is FieldState.PRESENT:
            owner, counted = item.known_by.get(name, (item.connector.id, item.counted))
            found[name] = (reference, Want(owner, reference.etype, said.value, None, counted))
    return found


def _refer(
    item: Item, references: Mapping[str, tuple[Reference, Want]], answers: Mapping[Want, Resolved | TielineError]
) -> None:
    """Replace a reference's external id by the master ID; an id that cannot be one makes the field invalid, said so."""
    fields = dict(item.fields)
    for name, (reference, want) in references.items():
        said, etype, answer = fields[name], reference.etype, answers[want]
        item.strange[etype] = answer if isinstance(answer, SetupError) else item.strange.get(etype)
        if isinstance(answer, NotFoundError) and reference.unknown == "error":
            item.error = answer
            return
        if isinstance(answer, TielineError):
            fields[name] = said._replace(state=FieldState.INVALID, value=None)
            item.troubles.append(
                {"field": name, "path": said.path, "state": "invalid", "why": f"{answer.what} {answer.why}", "fix": answer.fix}
            )
        else:
            fields[name] = said._replace(value=answer.gid)
            item.refers.add(answer.entity_id)
    item.fields = fields
