"""The act of our own that a bridge's snapshot step is: ask, assemble, and hand the note to later steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.database import Database
from core.words import Json, Outcome
from snapshots.ask import ask
from snapshots.assemble import assemble
from snapshots.late import Late
from snapshots.note import Language, note
from snapshots.reads import OpenConnector


def snapshot_act(
    db: Database,
    open_connector: OpenConnector,
    public_url: str,
    language: Language,
    zone: str = "UTC",
    late: Late | None = None,
) -> Callable[[str, Mapping[str, Json]], Outcome]:
    """
    Return the act. Its result offers ``note`` (readable text), ``url`` and ``snapshot`` (the id).

    The same action asked again (a retry after a kill) gives the same snapshot: it is found by its action.
    """

    def act(action_id: str, arguments: Mapping[str, Json]) -> Outcome:
        with db.write() as conn:
            snapshot_id = ask(conn, db, arguments["recipe"], arguments["subject"], arguments["ticket"], action_id)
        frozen = assemble(db, snapshot_id, open_connector, late)
        url = f"{public_url}/snapshots/{snapshot_id}"
        return Outcome(
            external_id=snapshot_id,
            fields={
                "note": note(frozen, language, url, zone=zone),
                "url": url,
                "snapshot": snapshot_id,
                "sha256": frozen.sha256,
            },
        )

    return act
