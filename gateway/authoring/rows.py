"""Rows of a code table from a file: planned like any other change, published as a whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.database import Database
from core.definitions import live
from core.errors import DefinitionError, NotFoundError
from core.strict import Document
from core.words import Json
from gateway.authoring.applied import Applied, apply
from gateway.authoring.packs import Authored, Pack
from gateway.authoring.plans import Change, Plan, differences, plan
from mappings.rows import read_rows, type_of

BYTE_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import would change, or has changed: rows by word, and the version that is live now."""

    name: str
    rows: int
    changes: list[Change]
    plan: Plan
    applied: Applied | None = None
    notices: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        changes = [{"path": one.path, "before": one.before, "after": one.after} for one in self.changes]
        return {"name": self.name, "rows": self.rows, "changes": changes, "dry": self.applied is None, "notices": self.notices}


def import_rows(
    db: Database, name: str, text: str, *, author: str, of_type: str | None = None, replace: bool = False, dry: bool = False
) -> Imported:
    """
    Add the rows of a CSV text to a live code table, or put them in place of its own.

    Refused with every fault and its line when the file or the landscape afterwards has one; then nothing is written.
    """
    with db.read() as conn:
        found = {one.name: one for one in live(conn, "code_table")}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        why = "Rows are imported into a table that is live."
        raise NotFoundError(
            f"There is no code table {name!r}.", why=f"{why} Known: {known}.", fix="Publish it with a first row."
        )
    before: Any = found[name].spec["rows"]
    rows, faults = read_rows(text.removeprefix(BYTE_MARK), of_type or type_of(before))
    if faults:
        said = [f"line {one.line}: {one.what} {one.fix}" for one in faults]
        raise DefinitionError(
            f"The file cannot be imported into {name}; nothing was changed.",
            why=" ".join(said[:5]) + (f" And {len(said) - 5} more." if len(said) > 5 else ""),
            fix="Correct the lines and import it again.",
            problems=[{"line": one.line, "column": one.path, "what": one.what, "fix": one.fix} for one in faults],
        )
    after: dict[str, Json] = rows if replace else {**before, **rows}
    spec = {**found[name].spec, "rows": after}
    document = Document({"kind": "code_table", "name": name, **spec}, f"{name}.csv", 1, {})
    pack = Pack(found[name].pack or "", definitions=[Authored("code_table", name, document)])
    made = plan(db, pack)
    notices = [one for one in made.notices if not one.startswith("No longer in the files")]
    changes = list(differences(before, after))
    if dry or not changes:
        if not made.ok:
            apply(db, made, author)  # says what is wrong, and publishes nothing
        return Imported(name, len(after), changes, made, notices=notices)
    return Imported(name, len(after), changes, made, apply(db, made, author), notices)
