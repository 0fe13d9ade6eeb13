"""Code tables: their coverage, the words they were asked for, rows from CSV; and what a mapping would write back."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from core import definitions as store
from core.errors import NotFoundError
from gateway import authoring
from gateway.api.definitions import DefinitionChange, WayOfField
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Claim, Query, Time, time
from mappings import catalogue, coverage
from mappings.reverse import put
from mappings.translate import Mapping
from mappings.translate.paths import MISSING

subject = Subject("tables", "Code tables and their coverage; values written back through a mapping")

Typed = Literal["text", "integer", "number", "boolean"]


class CodeTable(Answer):
    """A live code table and what it was asked."""

    name: str
    version: int
    rows: int
    known: int = Field(description="look-ups that found their word")
    unknown: int = Field(description="look-ups that did not")
    lacking: int = Field(description="different words that it lacks")
    coverage: float | None = Field(description="known of all look-ups; null when it was never asked")


class CodeTables(Answer):
    """Every live code table."""

    items: list[CodeTable]


class TableWord(Answer):
    """A foreign word that a code table was asked for."""

    word: str = Field(description="empty: further unknown words, no longer kept apart")
    connector: str
    known: bool
    n: int
    first_at: Time | None
    last_at: Time | None


class TableWords(Answer):
    """The words of one table, the unknown and the frequent ones first."""

    items: list[TableWord]


class WhichWords(Query):
    """Which words."""

    unknown: Claim = False


class RowsToImport(Body):
    """Rows as CSV: the first line is `word,to,relation`."""

    csv: str = Field(max_length=20_000_000)
    type: Typed | None = Field(None, description="of our words; left out: as those that the table has")
    replace: bool = Field(False, description="the table has these rows only")
    dry: bool = Field(False, description="only say what would change")


class ImportedRows(Answer):
    """What an import would change, or has changed."""

    name: str
    rows: int = Field(description="of the table afterwards")
    changes: list[DefinitionChange]
    dry: bool = Field(description="true: nothing was published")
    notices: list[str]


class WaysOfMapping(Answer):
    """Of every field of a live mapping whether it can be written back."""

    mapping: str
    version: int
    items: list[WayOfField]


class ToWriteBack(Body):
    """Our value of a field, and what the source holds there now."""

    field: str
    value: Any
    theirs: Any = Field(None, description="left out or null: it holds nothing")


class WrittenBack(Answer):
    """What the source should hold."""

    field: str
    path: str
    theirs: Any


@subject.get("/tables")
def list_tables(call: Call) -> CodeTables:
    """List the live code tables with their coverage."""
    with call.parts.db.read() as conn:
        live, asked = store.live(conn, "code_table"), coverage.coverage(conn)
    return CodeTables(items=[_table(one, asked.get(one.name, {})) for one in live])


@subject.get("/tables/<name>/words", also=(404,))
def list_words(call: Call, name: str, query: WhichWords) -> TableWords:
    """List the words that a code table was asked for; with `unknown=true` only those it lacks."""
    with call.parts.db.read() as conn:
        _live(store.live(conn, "code_table"), "code table", name)
        found = coverage.words(conn, name, only_unknown=query.unknown)
    return TableWords(
        items=[
            TableWord(
                word=one["word"],
                connector=one["connector"],
                known=one["known"],
                n=one["n"],
                first_at=time(one["first_at"]),
                last_at=time(one["last_at"]),
            )
            for one in found
        ]
    )


@subject.post("/tables/<name>/import", scope="definitions:write", also=(404, 409))
def import_table_rows(call: Call, name: str, body: RowsToImport) -> ImportedRows:
    """Import rows from CSV and publish the table: all of them, or nothing."""
    done = authoring.import_rows(
        call.parts.db, name, body.csv, author=call.caller.name, of_type=body.type, replace=body.replace, dry=body.dry
    )
    return ImportedRows.model_validate(done.as_dict())


@subject.get("/mappings/<name>/ways", also=(404,))
def list_ways(call: Call, name: str) -> WaysOfMapping:
    """Say of every field of a live mapping whether it can be written back, as it was found when it was published."""
    with call.parts.db.read() as conn:
        version = _live(store.live(conn, "mapping"), "mapping", name)
        found = authoring.ways(conn, version.version_id)
    fields = ("field", "way", "law", "why", "example", "accepted")
    items = [WayOfField.model_validate({one: row[one] for one in fields}) for row in found]
    return WaysOfMapping(mapping=name, version=version.n, items=items)


@subject.post("/mappings/<name>/reverse", scope="read", also=(404,))
def reverse_value(call: Call, name: str, body: ToWriteBack) -> WrittenBack:
    """Say what the source should hold so that a field reads as our value; nothing is written."""
    with call.parts.db.read() as conn:
        _live(store.live(conn, "mapping"), "mapping", name)
        mapping = catalogue.load(conn).mapping(name)
    if not isinstance(mapping, Mapping):
        raise mapping
    plan = mapping.plans.get(body.field)
    if plan is None:
        missing = store.unknown("field", f"field of the mapping {name}", body.field, mapping.plans)
        raise NotFoundError(missing.what, why="It maps other fields.", fix=missing.fix)
    theirs = put(plan, body.value, MISSING if body.theirs is None else body.theirs)
    return WrittenBack(field=body.field, path=plan.path.text, theirs=theirs)


def _table(one: store.Version, asked: dict[str, int]) -> CodeTable:
    known, unknown = asked.get("known", 0), asked.get("unknown", 0)
    rows: Any = one.spec["rows"]
    return CodeTable(
        name=one.name,
        version=one.n,
        rows=len(rows),
        known=known,
        unknown=unknown,
        lacking=asked.get("lacking", 0),
        coverage=known / (known + unknown) if known + unknown else None,
    )


def _live(versions: list[store.Version], what: str, name: str) -> store.Version:
    for one in versions:
        if one.name == name:
            return one
    missing = store.unknown("name", what, name, [one.name for one in versions])
    raise NotFoundError(missing.what, why="None of that name is live.", fix=missing.fix)
